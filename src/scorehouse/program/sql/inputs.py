"""The first steps: each feature as the kernel passes it to the estimator, or why the row is rejected.

A value that the kernel rejects becomes NULL here, or everything computed from it does. So no later step
meets NaN, an infinity that the estimator refuses, or a number that overflows. NaN that the estimator accepts
becomes NULL too.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from scorehouse.kernel.rows import LARGEST, LARGEST_INTEGER, TICKS, timestamp_unit
from scorehouse.program.sql.builder import Builder, Origin, Value
from scorehouse.program.sql.expression import (
    NULL,
    Arith,
    Call,
    Case,
    Cast,
    Column,
    Compare,
    Expr,
    Feature,
    In,
    IsNull,
    Literal,
    Sum,
    all_of,
    any_of,
    no,
    number,
    text,
)
from scorehouse.registry.signature import Feature as Signed

WHOLE_LIMIT = 2.0**63
TIME = "time"  # the kind of a value in microseconds, which only a step for times reads
MICROSECONDS = TICKS["us"]  # of a second
DAY = 86_400 * MICROSECONDS
LIMIT_NS = LARGEST_INTEGER // (TICKS["ns"] // MICROSECONDS)  # microseconds that nanoseconds can say
SUMMED_FROM = 3  # with fewer features, the sum costs as much as it saves


@dataclass(frozen=True)
class Check:
    """A condition that is never NULL, and the reason to reject a row if it is false."""

    holds: Expr
    reason: Expr


def inputs_of(b: Builder) -> tuple[list[Value], Expr | None]:
    """The values of all features, and the reason for rejecting a row (NULL: it is not rejected)."""
    plain = _plain_doubles(b)
    values, reasons, holds = [], [], []
    for position, feature in enumerate(b.signature.features):
        made = _plain_double if position in plain else _INPUTS[feature.type]
        value, found = made(b, position, feature)
        values.append(replace(as_category(value, feature), is_single=feature.is_single))
        if found:
            reasons.append(Case(tuple((no(check.holds), check.reason) for check in found)))
        if position not in plain:
            holds += [check.holds for check in found]
    if plain:
        holds.insert(
            0, _gate(b, [(values[position].expr, _limit(b, feature)) for position, feature in plain.items()])
        )
    if not holds:
        return values, None
    return values, Case(((all_of(holds), NULL),), Call("join", tuple(reasons)))


def _plain_doubles(b: Builder) -> dict[int, Signed]:
    """Features that are rejected only for NULL, NaN, infinity and size."""
    return {
        position: feature
        for position, feature in enumerate(b.signature.features)
        if feature.type == "double"
        and feature.categories is None
        and not feature.accepts_null
        and not feature.accepts_non_finite
    }


def _plain_double(b: Builder, position: int, feature: Signed) -> tuple[Value, list[Check]]:
    """The feature as it is: `_gate` protects everything that is computed from it."""
    raw = b.bind(Feature(position, "double"), f"raw {feature.name}")
    size = Call("abs", (raw,))
    fits = all_of([IsNull(raw, negated=True), Compare("<=", size, number(_limit(b, feature)))])
    return Value(raw, feature.name, origin=Origin(position)), [Check(fits, _why_not(feature, raw, size))]


def _gate(b: Builder, plain: list[tuple[Expr, float]]) -> Expr:
    """One condition for all plain doubles, so that no step has to check each of them again.

    If infinity is an ordinary number, they are finite if their sum is. Columnar databases skip the second
    branch of a CASE for a block in which the first condition is always true.
    """
    each = all_of(Compare("<=", Call("abs", (raw,)), number(limit)) for raw, limit in plain)
    if len(plain) >= SUMMED_FROM and all(limit == LARGEST for _, limit in plain):
        total = Call("abs", (b.sum([raw for raw, _ in plain], "all"),))
        each = Case(((Compare("<=", total, number(LARGEST)), Literal(True, "boolean")),), each)
    gate = b.bind(each, "all fit")
    b.close(gate, (raw.name for raw, _ in plain if isinstance(raw, Column)))
    return gate


def _limit(b: Builder, feature: Signed) -> float:
    """The largest magnitude of finite numbers in computations."""
    return min(LARGEST if feature.max_magnitude is None else feature.max_magnitude, b.largest)


def _why_not(feature: Signed, raw: Expr, size: Expr) -> Expr:
    infinite, nan = Compare("=", size, number(math.inf)), Call("is_nan", (raw,))
    whens = (
        (IsNull(raw), text(f"null:{feature.name}")),
        (any_of([infinite, nan]), text(f"not_finite:{feature.name}")),
    )
    return Case(whens, text(f"too_large:{feature.name}"))


def finite(expr: Expr) -> Expr:
    """Whether a double is finite; false for NaN, which databases sort above every number."""
    return Compare("<=", Call("abs", (expr,)), number(LARGEST))


def _double(b: Builder, position: int, feature: Signed) -> tuple[Value, list[Check]]:
    raw = b.bind(Feature(position, "double"), f"raw {feature.name}")
    size = Call("abs", (raw,))
    infinite, nan = Compare("=", size, number(math.inf)), Call("is_nan", (raw,))
    limit = _limit(b, feature)
    takes_all = feature.accepts_non_finite and limit == LARGEST
    usable = no(nan) if takes_all else Compare("<=", size, number(limit))
    if feature.accepts_non_finite and not takes_all:
        usable = any_of([usable, infinite])
    column = b.bind(Case(((usable, raw),)), feature.name)
    if feature.accepts_null:
        holds = any_of([IsNull(column, negated=True), IsNull(raw), nan])
        why = Case(((infinite, text(f"not_finite:{feature.name}")),), text(f"too_large:{feature.name}"))
        checks = [] if takes_all else [Check(holds, why)]
    else:
        checks = [Check(IsNull(column, negated=True), _why_not(feature, raw, size))]
    checks += _unseen(feature, column, _shown_double(column))
    return Value(column, feature.name, origin=Origin(position)), checks


def _integer(b: Builder, position: int, feature: Signed) -> tuple[Value, list[Check]]:
    raw = b.bind(Feature(position, "double"), f"raw {feature.name}")
    missing = any_of([IsNull(raw), Call("is_nan", (raw,))])
    fits = Compare("<", Call("abs", (raw,)), number(WHOLE_LIMIT))
    whole = Compare("=", Call("floor", (raw,)), raw)
    column = b.bind(Case(((all_of([fits, whole]), raw),)), feature.name)
    not_whole = Call("concat", (text(f"out_of_type:{feature.name}="), Cast(raw, "text")))
    checks = [_in_type(feature, column, missing, not_whole)]
    checks += _unseen(feature, column, Cast(Cast(column, "integer"), "text"))
    return Value(column, feature.name, origin=Origin(position)), checks


def _in_type(feature: Signed, column: Expr, missing: Expr, reason: Expr) -> Check:
    """That a column is known, or missing where it may be; `reason` rejects other values."""
    known = IsNull(column, negated=True)
    if feature.accepts_null:
        return Check(any_of([known, missing]), reason)
    return Check(known, Case(((missing, text(f"null:{feature.name}")),), reason))


def _boolean(b: Builder, position: int, feature: Signed) -> tuple[Value, list[Check]]:
    raw = b.bind(Feature(position, "boolean"), f"raw {feature.name}")
    column = b.bind(Case(((raw, number(1.0)), (no(raw), number(0.0)))), feature.name)
    return Value(column, feature.name, "boolean"), _not_null(feature, column)


def _string(b: Builder, position: int, feature: Signed) -> tuple[Value, list[Check]]:
    column = b.bind(Feature(position, "text"), feature.name)
    return Value(column, feature.name, "text"), [
        *_not_null(feature, column),
        *_unseen(feature, column, column),
    ]


def _timestamp(b: Builder, position: int, feature: Signed) -> tuple[Value, list[Check]]:
    missing = b.bind(IsNull(Feature(position, "given")), f"no {feature.name}")
    raw = b.bind(Feature(position, time_type(feature)), f"raw {feature.name}")
    column = raw
    if timestamp_unit(feature.dtype) == "ns":
        low, high = (Compare(op, raw, whole(limit)) for op, limit in ((">=", -LIMIT_NS), ("<=", LIMIT_NS)))
        column = b.bind(Case(((all_of([low, high]), raw),)), feature.name)
    check = _in_type(feature, column, missing, text(f"out_of_type:{feature.name}"))
    return Value(as_trained(column, feature), feature.name, TIME, Origin(position)), [check]


def time_type(feature: Signed) -> str:
    """The type of a timestamp in expressions."""
    return "instant" if feature.has_zone else "time"


def as_trained(micros: Expr, feature: Signed) -> Expr:
    """Microseconds cut off, towards the past, to the unit of training: to whole days for Python's dates."""
    unit = timestamp_unit(feature.dtype)
    ticks = DAY if feature.dtype == "date" else max(1, MICROSECONDS // TICKS[unit])
    return micros if ticks == 1 else Arith("-", micros, remainder(micros, ticks))


def remainder(value: Expr, by: int) -> Expr:
    """What is left of a whole number divided by another, from 0, also of a negative one."""
    return Call("mod", (Sum((Call("mod", (value, whole(by))), whole(by))), whole(by)))


def whole(value: int) -> Literal:
    """An integer literal."""
    return Literal(value, "integer")


def _not_null(feature: Signed, column: Expr) -> list[Check]:
    if feature.accepts_null:
        return []
    return [Check(IsNull(column, negated=True), text(f"null:{feature.name}"))]


def _unseen(feature: Signed, column: Expr, shown: Expr) -> list[Check]:
    if feature.categories is None or feature.accepts_unseen:
        return []
    known = any_of([In(column, category_literals(feature)), IsNull(column)])
    return [Check(known, Call("concat", (text(f"unseen_category:{feature.name}="), shown)))]


def as_category(value: Value, feature: Signed) -> Value:
    """A column with pandas' dtype category: values other than its categories are missing."""
    if feature.dtype != "category" or feature.categories is None:
        return value
    known = Case(((In(value.expr, category_literals(feature)), value.expr),))
    return Value(known, value.name, value.kind)


def category_literals(feature: Signed) -> tuple[Literal, ...]:
    """The categories of training."""
    return tuple(
        text(category) if isinstance(category, str) else number(category)
        for category in feature.categories or ()
    )


def _shown_double(column: Expr) -> Expr:
    """A double as the kernel writes it: a whole number without a decimal point."""
    size = Compare("<", Call("abs", (column,)), number(1e15))
    whole = all_of([size, Compare("=", Call("floor", (column,)), column)])
    return Case(((whole, Cast(Cast(column, "integer"), "text")),), Cast(column, "text"))


_INPUTS: dict[str, Callable[[Builder, int, Signed], tuple[Value, list[Check]]]] = {
    "double": _double,
    "integer": _integer,
    "boolean": _boolean,
    "string": _string,
    "timestamp": _timestamp,
}
