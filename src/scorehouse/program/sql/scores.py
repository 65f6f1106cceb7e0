"""The arithmetic of scores: weighted sums, and the link functions between raw scores and outputs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from scorehouse.program.sql.builder import Builder, Value
from scorehouse.program.sql.expression import Arith, Call, Case, Compare, Expr, Literal, Sum, multiply, number
from scorehouse.program.sql.lookups import with_lookups


def linear(b: Builder, values: list[Value], coefficients: Any, intercept: float) -> Expr:
    """The weighted sum of the columns, and the intercept."""
    weighted = [
        (value.expr, float(weight))
        for value, weight in zip(values, np.asarray(coefficients).ravel(), strict=True)
        if weight != 0.0
    ]
    terms, rest = with_lookups(weighted)
    terms += [_weighted(expr, weight) for expr, weight in rest]
    if intercept != 0.0 or not terms:
        terms.append(number(intercept))
    return b.sum(terms, "sum")


def _weighted(expr: Expr, weight: float) -> Expr:
    """A column times its weight; a scaler's division, which is slower, becomes part of the weight."""
    if isinstance(expr, Arith) and expr.op == "/" and isinstance(expr.right, Literal):
        folded = weight / float(expr.right.value)
        if folded != 0.0 and math.isfinite(folded):
            return multiply(expr.left, folded)
    return multiply(expr, weight)


def sigmoid(b: Builder, raw: Expr) -> Expr:
    """1 / (1 + exp(-raw)), safe for any raw score."""
    return Call("sigmoid", (b.bind(raw, "raw"),))


def softmax(b: Builder, raw: Sequence[Expr]) -> tuple[Expr, ...]:
    """Shares of exp(raw), shifted by the largest value so that nothing overflows."""
    columns = [b.bind(expr, f"raw {k}") for k, expr in enumerate(raw)]
    greatest = b.bind(Call("greatest", tuple(columns)), "greatest")
    powers = [
        b.bind(Call("exp_down", (Arith("-", column, greatest),)), f"exp {k}")
        for k, column in enumerate(columns)
    ]
    total = b.bind(Sum(tuple(powers)), "total")
    return tuple(Arith("/", power, total) for power in powers)


def exponential(b: Builder, raw: Expr) -> Expr:
    """exp(raw); infinite beyond the range of a double."""
    return Call("exp", (b.bind(raw, "raw"),))


def shares(b: Builder, parts: Sequence[Expr]) -> tuple[Expr, ...]:
    """Shares of their sum; equal shares if all are zero."""
    columns = [b.bind(part, f"part {k}") for k, part in enumerate(parts)]
    total = b.bind(Sum(tuple(columns)), "total")
    none = Compare("=", total, number(0.0))
    equal = number(1.0 / len(columns))
    return tuple(Case(((none, equal),), Arith("/", column, total)) for column in columns)


def mean(b: Builder, terms: Sequence[Expr], hint: str) -> Expr:
    """The sum in order, divided by the number of terms."""
    total = b.sum(terms, hint)
    return Arith("/", total, number(len(terms))) if len(terms) > 1 else total
