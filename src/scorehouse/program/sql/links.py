"""From sums of trees or weighted columns to what a method gives: program/links.py as expressions.

The decision layer of compiled SQL: from scores to labels, by the threshold and classes of the registry.

A compiled program has Parameters where the label of a row is decided, in its outputs alone. `decided` puts
the values of a version's row in their place. In printed SQL, the macro `_decision` does so: an edit of the
registry changes neither the printed SQL nor its digest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from scorehouse.program.sql.builder import Builder, Program, Scores, program_of
from scorehouse.program.sql.expression import (
    Arith,
    Call,
    Case,
    Cast,
    Compare,
    Expr,
    IsNull,
    Literal,
    Logic,
    Parameter,
    Sum,
    columns_of,
    multiply,
    number,
    text,
)
from scorehouse.registry.version import Version


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


def _sums(b: Builder, raw: Sequence[Expr]) -> Scores:
    return Scores(tuple(raw))


def _shares(b: Builder, raw: Sequence[Expr], slope: float = 1.0) -> Scores:
    sloped = [multiply(one, slope) for one in raw]
    made = (sigmoid(b, sloped[0]),) if len(raw) == 1 else softmax(b, sloped)
    return Scores(made, tuple(raw), bounded=True)


def _of_their_sum(b: Builder, raw: Sequence[Expr], parts: list[Expr]) -> Scores:
    """For two classes the part itself; for more, each one's share of all parts."""
    return Scores((parts[0],) if len(parts) == 1 else shares(b, parts), tuple(raw), bounded=True)


def _between(raw: Expr) -> Expr:
    """(raw + 1) / 2, between 0 and 1."""
    whens = (
        (Compare("<", raw, number(-1.0)), number(0.0)),
        (Compare(">", raw, number(1.0)), number(1.0)),
    )
    return Case(whens, Arith("/", Arith("-", raw, number(-1.0)), number(2.0)))


def _power(b: Builder, raw: Sequence[Expr]) -> Scores:
    return Scores((Call("exp", (b.bind(raw[0], "raw"),)),))


def _xgboost_power(b: Builder, raw: Sequence[Expr]) -> Scores:
    column = b.bind(Cast(raw[0], "double"), "raw double")
    return Scores((Cast(Cast(Call("exp", (column,)), "real"), "double"),), single=True)


def _xgboost_binary(b: Builder, raw: Sequence[Expr]) -> Scores:
    """XGBoost's own: exp(min(-raw, 88.7)) in float32."""
    negative = b.bind(Arith("-", number(0.0), Cast(raw[0], "double")), "negative")
    ceiling = float(np.float32(88.7))
    clipped = b.bind(Case(((Compare(">", negative, number(ceiling)), number(ceiling)),), negative), "clipped")
    power = b.bind(_down_to_real(Call("exp", (clipped,)), clipped), "power")
    share = Arith("/", real(1.0), Sum((power, real(1.0))))
    return Scores((Cast(share, "double"),), bounded=True, single=True)


def _xgboost_softmax(b: Builder, raw: Sequence[Expr]) -> Scores:
    greatest = b.bind(Call("greatest", tuple(raw)), "greatest")
    powers = []
    for one in raw:
        shifted = b.bind(Cast(Arith("-", one, greatest), "double"), "shifted")
        powers.append(b.bind(_down_to_real(Call("exp_down", (shifted,)), shifted), "power"))
    total = b.bind(Cast(Sum(tuple(Cast(power, "double") for power in powers)), "real"), "total")
    made = tuple(Cast(Arith("/", power, total), "double") for power in powers)
    return Scores(made, bounded=True, single=True)


def _down_to_real(power: Expr, exponent: Expr) -> Expr:
    """exp() rounded to float32; 0 below the range of float32, since a cast may raise there."""
    return Case(((Compare("<", exponent, number(-103.9)), real(0.0)),), Cast(power, "real"))


def real(value: float) -> Expr:
    """A number in float32."""
    return Cast(number(value), "real")


KINDS: Mapping[str, Callable[..., Scores]] = {
    "sums": _sums,
    "first": _sums,
    "decisions": _sums,
    "shares": _shares,
    "hist_shares": _shares,
    "softmax": _shares,
    "sigmoids": lambda b, raw: _of_their_sum(b, raw, [sigmoid(b, one) for one in raw]),
    "clipped": lambda b, raw: _of_their_sum(b, raw, [_between(one) for one in raw]),
    "power": _power,
    "lightgbm_power": _power,
    "lightgbm_binary": lambda b, raw, slope: Scores((sigmoid(b, multiply(raw[0], slope)),), bounded=True),
    "lightgbm_softmax": lambda b, raw: Scores(softmax(b, raw), bounded=True),
    "single": lambda b, raw: Scores((Cast(raw[0], "double"),), single=True),
    "xgboost_power": _xgboost_power,
    "xgboost_binary": _xgboost_binary,
    "xgboost_softmax": _xgboost_softmax,
}


THRESHOLD = Parameter("threshold")


def class_parameters(version: Version) -> list[Parameter]:
    """A parameter for each class, in the order of the registry."""
    return [Parameter(f"class_{place}") for place in range(len(version.classes))]


def of_two(score: Expr, own: Expr | None, labels: Sequence[Expr]) -> Expr:
    """The second label where the score reaches the threshold, else the first.

    `own` is the estimator's own condition, which decides if there is no threshold; None: there always is one.
    """
    by_score = (Compare(">=", score, THRESHOLD), labels[1])
    if own is None:
        return Case((by_score,), labels[0])
    return Case(((Logic("and", (IsNull(THRESHOLD), own)), labels[1]), by_score), labels[0])


def literal_of(value: Any) -> Literal:
    """A class as a literal of its own type."""
    if isinstance(value, bool):
        return Literal(value, "boolean")
    if isinstance(value, int):
        return Literal(value, "integer")
    return number(value) if isinstance(value, float) else text(str(value))


def decided(program: Program, version: Version) -> Program:
    """The program with the threshold and classes of the version, without steps that only others read.

    Raises ValueError for a version without a threshold if only a threshold decides.
    """
    values = {f"class_{place}": literal_of(label) for place, label in enumerate(version.classes)}
    if version.threshold is not None:
        values[THRESHOLD.name] = number(version.threshold)
    outputs = tuple((name, _decided(expr, values)) for name, expr in program.outputs)
    if _read(outputs) == _read(program.outputs):  # to look for steps that nobody reads takes long in a forest
        return replace(program, outputs=outputs)
    return program_of([dict(step.made) for step in program.steps], outputs)


def _read(outputs: Sequence[tuple[str, Expr]]) -> set[str]:
    return set[str]().union(*(columns_of(expr) for _, expr in outputs))


def _decided(expr: Expr, values: Mapping[str, Literal]) -> Expr:
    if isinstance(expr, Parameter):
        return values[expr.name]
    if isinstance(expr, Compare):
        return replace(expr, right=_decided(expr.right, values))
    if not isinstance(expr, Case):
        return expr
    whens = []
    for when, then in expr.whens:
        match when:
            case Logic(op="and", args=(IsNull(arg=Parameter()), own)):
                if THRESHOLD.name in values:
                    continue
                when = own
            case Compare(right=Parameter()) if THRESHOLD.name not in values:
                continue
        whens.append((_decided(when, values), _decided(then, values)))
    if not whens:
        raise ValueError("its labels follow from a threshold alone, and the registry has none")
    return Case(tuple(whens), None if expr.default is None else _decided(expr.default, values))
