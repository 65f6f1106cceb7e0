"""The expression tree of a fitted estimator, independent of any dialect.

Nodes are immutable and compare by value, so an expression that occurs twice is computed once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields
from typing import Any, TypeAlias

TIMES = ("time", "instant")  # types of features that hold dates and timestamps


@dataclass(frozen=True, slots=True)
class Feature:
    """A column of the input relation, by its position in the signature, as `type`.

    Most types are casts: double, text, boolean. `time` (of a date or a timestamp without a zone) and
    `instant` (of one with a zone) are whole microseconds since 1970-01-01 UTC, rounded down; NULL for an
    infinite one. `given` is the column as it is.
    """

    position: int
    type: str


@dataclass(frozen=True, slots=True)
class Column:
    """A column that an earlier step computes."""

    name: str


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant; `type` is double, integer, text, boolean or null."""

    value: float | int | str | bool
    type: str


@dataclass(frozen=True, slots=True)
class Parameter:
    """A constant that the version's row in the registry gives, such as `threshold` (`decision.py`)."""

    name: str


@dataclass(frozen=True, slots=True)
class Arith:
    """`left op right` on doubles; `op` is -, * or /."""

    op: str
    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True)
class Sum:
    """Terms added from left to right, in the order in which the estimator adds them."""

    terms: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """A function by its neutral name; printers translate the name into their dialect."""

    name: str
    args: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Udf:
    """A Python function of the warehouse, by its own name, of doubles."""

    name: str
    args: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class TreeFunction:
    """A Python function: its name in the warehouse, the text of its body, and how many doubles it takes."""

    name: str
    text: str
    arguments: int


@dataclass(frozen=True, slots=True)
class Compare:
    """`left op right`; `op` is one of = <> < <= > >=."""

    op: str
    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True)
class Logic:
    """Conditions joined by `op`: and, or."""

    op: str
    args: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class IsNull:
    """Whether `arg` is NULL (or is not)."""

    arg: Expr
    negated: bool = False


@dataclass(frozen=True, slots=True)
class In:
    """Whether `arg` is one of the literals (or is not); NULL for NULL."""

    arg: Expr
    values: tuple[Literal, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Case:
    """The value of the first true condition, else `default` (None: NULL)."""

    whens: tuple[tuple[Expr, Expr], ...]
    default: Expr | None = None


@dataclass(frozen=True, slots=True)
class Lookup:
    """The number for the key that equals a string, else `default`; also `default` for NULL."""

    arg: Expr
    keys: tuple[str, ...]
    values: tuple[float, ...]
    default: float


@dataclass(frozen=True, slots=True)
class Cast:
    """`arg` as text, integer (64 bits) or double."""

    arg: Expr
    type: str


Expr: TypeAlias = (
    Feature
    | Column
    | Literal
    | Parameter
    | Arith
    | Sum
    | Call
    | Udf
    | Compare
    | Logic
    | IsNull
    | In
    | Case
    | Lookup
    | Cast
)


NULL = Literal("", "null")


def children(expr: Expr) -> tuple[Expr, ...]:
    """The expressions directly inside `expr`."""
    return _CHILDREN[type(expr)](expr)


def _inside_case(expr: Case) -> tuple[Expr, ...]:
    found = [part for when in expr.whens for part in when]
    return tuple(found) if expr.default is None else (*found, expr.default)


# Large forests have millions of nodes to visit; reading fields by name would take too long.
_CHILDREN: dict[type, Callable[[Any], tuple[Expr, ...]]] = {
    Feature: lambda expr: (),
    Column: lambda expr: (),
    Literal: lambda expr: (),
    Parameter: lambda expr: (),
    Arith: lambda expr: (expr.left, expr.right),
    Sum: lambda expr: expr.terms,
    Call: lambda expr: expr.args,
    Udf: lambda expr: expr.args,
    Compare: lambda expr: (expr.left, expr.right),
    Logic: lambda expr: expr.args,
    IsNull: lambda expr: (expr.arg,),
    In: lambda expr: (expr.arg, *expr.values),
    Case: _inside_case,
    Lookup: lambda expr: (expr.arg,),
    Cast: lambda expr: (expr.arg,),
}


def walk(expr: Expr) -> Iterator[Expr]:
    """`expr` and all expressions inside it, without recursion."""
    waiting = [expr]
    while waiting:
        found = waiting.pop()
        yield found
        waiting.extend(children(found))


def columns_of(expr: Expr) -> set[str]:
    """Names of the columns of earlier steps that `expr` reads."""
    return {part.name for part in walk(expr) if isinstance(part, Column)}


def rewritten(expr: Expr, change: Callable[[Expr], Expr | None]) -> Expr:
    """The expression with what `change` makes of a part in its place; None: it looks inside the part."""
    changed = change(expr)
    if changed is not None:
        return changed
    kind: Any = type(expr)
    return kind(*(_rewritten_part(getattr(expr, field.name), change) for field in fields(expr)))


def _rewritten_part(part: object, change: Callable[[Expr], Expr | None]) -> object:
    if isinstance(part, tuple):
        return tuple(_rewritten_part(item, change) for item in part)
    return rewritten(part, change) if isinstance(part, Expr) else part


def number(value: float) -> Literal:
    """A double literal."""
    return Literal(float(value), "double")


def text(value: str) -> Literal:
    """A text literal."""
    return Literal(value, "text")


def add(terms: Iterable[Expr]) -> Expr:
    """The sum of the terms, in order, without zeros."""
    kept = tuple(term for term in terms if term != number(0.0))
    if not kept:
        return number(0.0)
    return kept[0] if len(kept) == 1 else Sum(kept)


def subtract(left: Expr, right: float) -> Expr:
    """`left - right`, simplified if that changes nothing."""
    return left if right == 0.0 else Arith("-", left, number(right))


def multiply(left: Expr, right: float) -> Expr:
    """`left * right`, folded where that changes nothing."""
    if right == 0.0:
        return number(0.0)
    return left if right == 1.0 else Arith("*", left, number(right))


def divide(left: Expr, right: float) -> Expr:
    """`left / right`, folded where that changes nothing."""
    return left if right == 1.0 else Arith("/", left, number(right))


def all_of(conditions: Iterable[Expr]) -> Expr:
    """All conditions joined by `and`."""
    args = tuple(conditions)
    return args[0] if len(args) == 1 else Logic("and", args)


def any_of(conditions: Iterable[Expr]) -> Expr:
    """All conditions joined by `or`."""
    args = tuple(conditions)
    return args[0] if len(args) == 1 else Logic("or", args)


def no(condition: Expr) -> Expr:
    """The opposite of a condition."""
    return Call("not", (condition,))
