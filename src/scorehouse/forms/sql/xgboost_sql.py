"""XGBoost: everything is float32, the values, the thresholds and the sums."""

from __future__ import annotations

from typing import Any

import numpy as np

from scorehouse.forms.sql.builder import Builder, Scores, Value
from scorehouse.forms.sql.ensembles import grouped
from scorehouse.forms.sql.expression import Arith, Call, Case, Cast, Compare, Expr, Sum, number
from scorehouse.forms.sql.scale import numbers_only
from scorehouse.forms.trees import of_xgboost as xgboost
from scorehouse.forms.trees.of_xgboost import IDENTITY, LOG_LINK


def boosting(b: Builder, estimator: Any, values: list[Value], method: str) -> Scores:
    """The sum of the trees in float32, through the objective's link in float32."""
    numbers_only(b, estimator, values)
    if not b.has_real:
        raise b.refuse(estimator, "it adds in float32, a type that this database does not have")
    booster = xgboost.boosting(estimator, b.refuse)
    terms = grouped(b, booster.ensemble, values, _real)
    raw = [
        b.bind(_real_sum(b, [number(base), *one]), "raw")
        for base, one in zip(booster.ensemble.base, terms, strict=True)
    ]
    return _linked(b, estimator, booster.objective, raw, method)


def _real_sum(b: Builder, terms: list[Expr]) -> Expr:
    first, *rest = terms
    return b.sum([Cast(first, "real"), *rest], "boosted")


def _real(value: float) -> Expr:
    return Cast(number(value), "real")


def _linked(b: Builder, estimator: Any, objective: str, raw: list[Expr], method: str) -> Scores:
    doubles = [Cast(one, "double") for one in raw]
    if method == "predict" and objective in IDENTITY:
        return Scores((doubles[0],), single=True)
    if method == "predict" and objective in LOG_LINK:
        column = b.bind(doubles[0], "raw double")
        return Scores((Cast(Cast(Call("exp", (column,)), "real"), "double"),), single=True)
    if method == "predict_proba" and objective == "binary:logistic":
        return Scores((Cast(_sigmoid(b, doubles[0]), "double"),), bounded=True, single=True)
    if method == "predict_proba" and objective == "multi:softprob":
        return Scores(_softmax(b, raw), bounded=True, single=True)
    raise b.refuse(estimator, f"with objective {objective!r} it has no form of {method}")


def _sigmoid(b: Builder, raw: Expr) -> Expr:
    """XGBoost's own: exp(min(-raw, 88.7)) in float32."""
    negative = b.bind(Arith("-", number(0.0), raw), "negative")
    ceiling = float(np.float32(88.7))
    clipped = b.bind(Case(((Compare(">", negative, number(ceiling)), number(ceiling)),), negative), "clipped")
    power = b.bind(_down_to_real(Call("exp", (clipped,)), clipped), "power")
    return Arith("/", _real(1.0), Sum((power, _real(1.0))))


def _softmax(b: Builder, raw: list[Expr]) -> tuple[Expr, ...]:
    greatest = b.bind(Call("greatest", tuple(raw)), "greatest")
    powers = []
    for one in raw:
        shifted = b.bind(Cast(Arith("-", one, greatest), "double"), "shifted")
        powers.append(b.bind(_down_to_real(Call("exp_down", (shifted,)), shifted), "power"))
    total = b.bind(Cast(Sum(tuple(Cast(power, "double") for power in powers)), "real"), "total")
    return tuple(Cast(Arith("/", power, total), "double") for power in powers)


def _down_to_real(power: Expr, exponent: Expr) -> Expr:
    """exp() rounded to float32; 0 below the range of float32, since a cast may raise there."""
    return Case(((Compare("<", exponent, number(-103.9)), _real(0.0)),), Cast(power, "real"))
