"""The first steps: each feature as the kernel hands it to the estimator, and why it would not.

A value that the kernel rejects becomes NULL here, so that no later step meets NaN, an infinity that
the estimator refuses, or a number that overflows; NaN that the estimator takes becomes NULL too.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from scorehouse.compile.builder import Builder, Origin, Value
from scorehouse.compile.tree import (
    Call,
    Case,
    Cast,
    Compare,
    Expr,
    Feature,
    In,
    IsNull,
    Literal,
    all_of,
    any_of,
    no,
    number,
    text,
)
from scorehouse.signature import Feature as Signed

LARGEST = 1.7976931348623157e308
WHOLE_LIMIT = 2.0**63
GUARDED_FROM = 3  # with fewer features the sum costs as much as what it saves


@dataclass(frozen=True)
class Check:
    """A condition that is never NULL, and the reason for which a row is rejected where it is false."""

    holds: Expr
    reason: Expr


def inputs_of(b: Builder) -> tuple[list[Value], Expr | None]:
    """The values of all features, and the reason for which a row is rejected (NULL: it is not)."""
    plain = _plain_doubles(b)
    all_finite = _all_finite(b, plain)
    values, guarded, others, reasons = [], [], [], []
    for position, feature in enumerate(b.signature.features):
        if all_finite is not None and position in plain:
            value, found = _double(b, position, feature, all_finite)
            guarded += [check.holds for check in found]
        else:
            value, found = _INPUTS[feature.type](b, position, feature)
            others += [check.holds for check in found]
        values.append(_as_category(value, feature))
        if found:
            reasons.append(Case(tuple((no(check.holds), check.reason) for check in found)))
    if not guarded and not others:
        return values, None
    whens: list[tuple[Expr, Expr]] = [(no(all_of([*guarded, *others])), Call("join", tuple(reasons)))]
    if all_finite is not None:
        whens.insert(0, (all_of([all_finite, *others]), Literal("", "null")))
    return values, Case(tuple(whens))


def _plain_doubles(b: Builder) -> set[int]:
    """Features that are rejected for nothing but NULL, NaN and infinity; no others may be guarded."""
    return {
        position
        for position, feature in enumerate(b.signature.features)
        if feature.type == "double"
        and b.largest == LARGEST
        and feature.max_magnitude is None
        and feature.categories is None
        and not feature.accepts_null
        and not feature.accepts_non_finite
    }


def _all_finite(b: Builder, plain: set[int]) -> Expr | None:
    """True where all plain doubles are finite: their sum is. Else, or where it overflows, each is looked at.

    Columnar databases take the first branch of a CASE for a whole block of rows where it always holds.
    """
    if len(plain) < GUARDED_FROM:
        return None
    terms = [
        b.bind(Feature(position, "double"), f"raw {b.signature.features[position].name}")
        for position in sorted(plain)
    ]
    return b.bind(Compare("<=", Call("abs", (b.sum(terms, "all"),)), number(LARGEST)), "all finite")


def finite(expr: Expr) -> Expr:
    """Whether a double is finite; false for NaN, which databases sort above all numbers."""
    return Compare("<=", Call("abs", (expr,)), number(LARGEST))


def _double(
    b: Builder, position: int, feature: Signed, all_finite: Expr | None = None
) -> tuple[Value, list[Check]]:
    raw = b.bind(Feature(position, "double"), f"raw {feature.name}")
    size = Call("abs", (raw,))
    infinite, nan = Compare("=", size, number(math.inf)), Call("is_nan", (raw,))
    limit = LARGEST if feature.max_magnitude is None else feature.max_magnitude
    limit = min(limit, b.largest)
    takes_all = feature.accepts_non_finite and limit == LARGEST
    usable = no(nan) if takes_all else Compare("<=", size, number(limit))
    if feature.accepts_non_finite and not takes_all:
        usable = any_of([usable, infinite])
    first = () if all_finite is None else ((all_finite, raw),)
    column = b.bind(Case((*first, *_tiny(b, raw, size), (usable, raw))), feature.name)
    too_large, not_finite = text(f"too_large:{feature.name}"), text(f"not_finite:{feature.name}")
    if feature.accepts_null:
        holds = any_of([IsNull(column, negated=True), IsNull(raw), nan])
        checks = [] if takes_all else [Check(holds, Case(((infinite, not_finite),), too_large))]
    else:
        whens = ((IsNull(raw), text(f"null:{feature.name}")), (any_of([infinite, nan]), not_finite))
        checks = [Check(IsNull(column, negated=True), Case(whens, too_large))]
    checks += _unseen(feature, column, _shown_double(column))
    return Value(column, feature.name, origin=Origin(position)), checks


def _tiny(b: Builder, raw: Expr, size: Expr) -> tuple[tuple[Expr, Expr], ...]:
    """Numbers so near to 0 that a product would raise an underflow keep their sign, not their size."""
    if b.largest == LARGEST:
        return ()
    smallest = 1.0 / b.largest
    zero = (Compare("=", raw, number(0.0)), number(0.0))
    signed = Case(((Compare(">", raw, number(0.0)), number(smallest)),), number(-smallest))
    return ((Compare("<", size, number(smallest)), Case((zero,), signed)),)


def _integer(b: Builder, position: int, feature: Signed) -> tuple[Value, list[Check]]:
    raw = b.bind(Feature(position, "double"), f"raw {feature.name}")
    missing = any_of([IsNull(raw), Call("is_nan", (raw,))])
    fits = Compare("<", Call("abs", (raw,)), number(WHOLE_LIMIT))
    whole = Compare("=", Call("floor", (raw,)), raw)
    column = b.bind(Case(((all_of([fits, whole]), raw),)), feature.name)
    known = IsNull(column, negated=True)
    not_whole = Call("concat", (text(f"out_of_type:{feature.name}="), Cast(raw, "text")))
    if feature.accepts_null:
        checks = [Check(any_of([known, missing]), not_whole)]
    else:
        checks = [Check(known, Case(((missing, text(f"null:{feature.name}")),), not_whole))]
    checks += _unseen(feature, column, Cast(Cast(column, "integer"), "text"))
    return Value(column, feature.name, origin=Origin(position)), checks


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
    raise b.refuse(f"feature {feature.name!r}", "a timestamp has no common form in the databases")


def _not_null(feature: Signed, column: Expr) -> list[Check]:
    if feature.accepts_null:
        return []
    return [Check(IsNull(column, negated=True), text(f"null:{feature.name}"))]


def _unseen(feature: Signed, column: Expr, shown: Expr) -> list[Check]:
    if feature.categories is None or feature.accepts_unseen:
        return []
    known = any_of([In(column, _literals(feature)), IsNull(column)])
    return [Check(known, Call("concat", (text(f"unseen_category:{feature.name}="), shown)))]


def _as_category(value: Value, feature: Signed) -> Value:
    """A column of pandas' dtype category knows its categories alone: others are missing values."""
    if feature.dtype != "category" or feature.categories is None:
        return value
    known = Case(((In(value.expr, _literals(feature)), value.expr),))
    return Value(known, value.name, value.kind)


def _literals(feature: Signed) -> tuple[Literal, ...]:
    return tuple(
        text(category) if isinstance(category, str) else number(category)
        for category in feature.categories or ()
    )


def _shown_double(column: Expr) -> Expr:
    """A double as the kernel shows it: a whole number without a point."""
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
