"""Estimators that combine or change what others say: votes, stacks, thresholds, and targets of a scale."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from scorehouse.program.sql.builder import Builder, Scores, Value, name_of
from scorehouse.program.sql.expression import Arith, Call, Expr, Sum, divide, multiply, number, subtract
from scorehouse.program.sql.links import mean


def vote(b: Builder, estimator: Any, values: list[Value], method: str) -> Scores:
    """The mean of what its estimators say, by their weights."""
    values = [b.bound(value) for value in values]
    said = [b.predict(one, values, method) for one in estimator.estimators_]
    weights = estimator._weights_not_none
    made = tuple(_mean(b, parts, weights) for parts in zip(*(one.values for one in said), strict=True))
    decisions: tuple[Expr, ...] = ()
    if hasattr(estimator, "classes_"):
        made = tuple(b.bind(one, "vote") for one in made)
        decisions = (Arith("-", made[0], number(0.5)),) if len(made) == 1 else made
    return Scores(made, decisions, bounded=all(one.bounded for one in said), single=_single(said))


def _mean(b: Builder, parts: Sequence[Expr], weights: Sequence[float] | None) -> Expr:
    if weights is None:
        return mean(b, parts, "vote")
    terms = [multiply(part, float(weight)) for part, weight in zip(parts, weights, strict=True)]
    return Arith("/", b.sum(terms, "vote"), number(float(sum(weights))))


def stack(b: Builder, estimator: Any, values: list[Value], method: str) -> Scores:
    """The last estimator, which reads what the others say, and with `passthrough` the columns themselves."""
    values = [b.bound(value) for value in values]
    said: list[Scores] = []
    for one, asked in zip(estimator.estimators_, estimator.stack_method_, strict=True):
        if asked == "predict" and hasattr(one, "classes_"):
            raise b.refuse(one, "its labels are read by the last estimator")
        said.append(b.predict(one, values, asked))
    read = [Value(b.bind(score, "stacked"), "stacked") for one in said for score in one.values]
    with b.inside("final_estimator_"):
        scores = b.predict(
            estimator.final_estimator_, [*read, *(values if estimator.passthrough else [])], method
        )
    return replace(scores, single=scores.single or _single(said))


def _single(parts: Sequence[Scores]) -> bool:
    return any(one.single for one in parts)


def threshold(b: Builder, estimator: Any, values: list[Value], method: str) -> Scores:
    """The scores of its estimator, and its own threshold for the label."""
    inner = getattr(estimator, "estimator_", estimator.estimator)
    wanted = estimator.response_method
    if wanted == "auto":
        wanted = "predict_proba" if hasattr(inner, "predict_proba") else "decision_function"
    own = getattr(estimator, "best_threshold_", None)
    own = estimator.threshold if own is None else own
    if own == "auto":
        own = 0.5 if wanted == "predict_proba" else 0.0
    if _positive(estimator) not in (None, estimator.classes_[1]):
        raise b.refuse(estimator, "its threshold is one of the first class")
    values = [b.bound(value) for value in values]
    scores = b.predict(inner, values, method)
    read = scores if wanted == method else b.predict(inner, values, wanted)
    decision = Arith("-", b.bind(read.values[0], "response"), number(float(own)))
    return replace(scores, decisions=(decision,), zero_is_second=True)


def _positive(estimator: Any) -> Any:
    if hasattr(estimator, "_curve_scorer"):
        return estimator._curve_scorer._get_pos_label()
    return estimator.pos_label


def transformed_target(b: Builder, estimator: Any, values: list[Value], method: str) -> Scores:
    """What its regressor says, on the scale of the target."""
    transformer = estimator.transformer_
    inverse = INVERSES.get(name_of(transformer))
    if inverse is None:
        raise b.refuse(transformer, "this transformer of the target has no inverse in SQL")
    scores = b.predict(estimator.regressor_, values, method)
    raw = [b.bind(value, "raw target") for value in scores.values]
    made = tuple(inverse(b, transformer, one, place) for place, one in enumerate(raw))
    return Scores(made, single=scores.single)


def _of_function(b: Builder, transformer: Any, x: Expr, place: int) -> Expr:
    inverse = transformer.inverse_func
    if inverse is None:
        return x
    if inverse not in FUNCTIONS or transformer.inv_kw_args:
        raise b.refuse(transformer, f"the inverse {getattr(inverse, '__name__', inverse)!r} is code")
    return FUNCTIONS[inverse](x)


def _of_standard(b: Builder, transformer: Any, x: Expr, place: int) -> Expr:
    made = multiply(x, float(transformer.scale_[place])) if transformer.with_std else x
    return Sum((made, number(float(transformer.mean_[place])))) if transformer.with_mean else made


def _of_robust(b: Builder, transformer: Any, x: Expr, place: int) -> Expr:
    made = multiply(x, float(transformer.scale_[place])) if transformer.with_scaling else x
    return Sum((made, number(float(transformer.center_[place])))) if transformer.with_centering else made


def _of_min_max(b: Builder, transformer: Any, x: Expr, place: int) -> Expr:
    return divide(subtract(x, float(transformer.min_[place])), float(transformer.scale_[place]))


FUNCTIONS: Mapping[Any, Callable[[Expr], Expr]] = {
    np.exp: lambda x: Call("exp", (x,)),
    np.expm1: lambda x: Arith("-", Call("exp", (x,)), number(1.0)),
    np.square: lambda x: Arith("*", x, x),
}
INVERSES: Mapping[str, Callable[[Builder, Any, Expr, int], Expr]] = {
    "sklearn.FunctionTransformer": _of_function,
    "sklearn.StandardScaler": _of_standard,
    "sklearn.RobustScaler": _of_robust,
    "sklearn.MinMaxScaler": _of_min_max,
}
