"""Weighted sums of encoded categories: one lookup per string column instead of one `case` per category.

A one-hot encoder makes a column for each category, and a linear model sums them with weights: the sum
depends only on the string. A database with dictionary-encoded strings looks up each distinct string once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scorehouse.program.sql.expression import (
    Arith,
    Case,
    Column,
    Compare,
    Expr,
    In,
    IsNull,
    Literal,
    Lookup,
    number,
)

MISSING = None


@dataclass(frozen=True)
class _Coded:
    """A `case` over one string column: a number for each string, for NULL and for all others."""

    column: Column
    answers: dict[str | None, float]
    default: float

    def of(self, key: str | None) -> float:
        return self.answers.get(key, self.default)


def with_lookups(weighted: Sequence[tuple[Expr, float]]) -> tuple[list[Expr], list[tuple[Expr, float]]]:
    """Lookups for the encoded strings among columns with their weights, and the remaining columns."""
    coded: dict[Column, list[tuple[_Coded, float]]] = {}
    rest, constant = [], 0.0
    for expr, weight in weighted:
        inner, scale, offset = _unscaled(expr)
        found = _coded(inner)
        if found is None:
            rest.append((expr, weight))
            continue
        coded.setdefault(found.column, []).append((found, weight * scale))
        constant += weight * offset
    made = [_lookup(column, parts) for column, parts in coded.items()]
    return ([*made, number(constant)] if constant else made), rest


def is_coded(expr: Expr) -> bool:
    """Whether a column is an encoded string, which need not be stored before it is summed."""
    return _coded(_unscaled(expr)[0]) is not None


def _unscaled(expr: Expr) -> tuple[Expr, float, float]:
    """`expr` as `inner * scale + offset`."""
    scale, offset = 1.0, 0.0
    while isinstance(expr, Arith) and (by := _number(expr.right)) is not None:
        if expr.op == "-":
            offset -= by * scale
        elif expr.op == "/" and by != 0.0:
            scale /= by
        elif expr.op == "*":
            scale *= by
        else:
            break
        expr = expr.left
    return expr, scale, offset


def _coded(expr: Expr) -> _Coded | None:
    """The `case` of a string encoder, else None."""
    if not isinstance(expr, Case) or (default := _number(expr.default)) is None:
        return None
    columns: set[Column] = set()
    answers: dict[str | None, float] = {}
    for condition, value in expr.whens:
        match condition:
            case Compare("=", Column() as column, Literal(key, "text")):
                keys: list[str | None] = [str(key)]
            case In(Column() as column, literals, False) if all(one.type == "text" for one in literals):
                keys = [str(one.value) for one in literals]
            case IsNull(Column() as column, False):
                keys = [MISSING]
            case _:
                return None
        answer = _number(value)
        if answer is None:
            return None
        columns.add(column)
        for each in keys:
            answers.setdefault(each, answer)  # the first true condition
    if len(columns) != 1 or not any(key is not MISSING for key in answers):
        return None
    return _Coded(columns.pop(), answers, default)


def _number(expr: Expr | None) -> float | None:
    return float(expr.value) if isinstance(expr, Literal) and expr.type == "double" else None


def _lookup(column: Column, parts: list[tuple[_Coded, float]]) -> Expr:
    """The weighted sum of all encoded columns of one string column."""

    def total(key: str | None, *, known: bool = True) -> float:
        return sum(weight * (coded.of(key) if known else coded.default) for coded, weight in parts)

    keys = sorted({key for coded, _ in parts for key in coded.answers if key is not None})
    default, missing = total(MISSING, known=False), total(MISSING)
    lookup: Expr = Lookup(column, tuple(keys), tuple(total(key) for key in keys), default)
    if missing == default:
        return lookup
    return Case(((IsNull(column), number(missing)),), lookup)
