"""From sums of trees or weighted columns to what a method gives: program/links.py as expressions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from scorehouse.program.sql.builder import Builder, Scores
from scorehouse.program.sql.expression import Arith, Call, Case, Cast, Compare, Expr, Sum, multiply, number


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
    made = (sigmoid(b, multiply(raw[0], slope)),) if len(raw) == 1 else softmax(b, raw)
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
