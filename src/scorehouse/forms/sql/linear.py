"""Linear models, with and without a link."""

from __future__ import annotations

from typing import Any

import numpy as np

from scorehouse.forms.sql.builder import Builder, Scores, Value
from scorehouse.forms.sql.expression import Arith, Case, Compare, Expr, number
from scorehouse.forms.sql.lookups import is_coded
from scorehouse.forms.sql.scale import numbers_only
from scorehouse.forms.sql.scores import exponential, shares, sigmoid, softmax
from scorehouse.forms.sql.scores import linear as weighted


def regression(b: Builder, estimator: Any, values: list[Value], method: str) -> Scores:
    """The weighted sum."""
    numbers_only(b, estimator, values)
    coefficients = np.asarray(estimator.coef_, dtype=np.float64)
    if coefficients.ndim > 1 and coefficients.shape[0] != 1:
        raise b.refuse(estimator, "it has several outputs per row")
    intercept = float(np.asarray(estimator.intercept_, dtype=np.float64).ravel()[0])
    return Scores((weighted(b, values, coefficients, intercept),))


def generalized(b: Builder, estimator: Any, values: list[Value], method: str) -> Scores:
    """The weighted sum through the inverse of the link."""
    (raw,) = regression(b, estimator, values, method).values
    link = type(estimator._base_loss.link).__name__
    if link == "IdentityLink":
        return Scores((raw,))
    if link != "LogLink":
        raise b.refuse(estimator, f"its link is {link}")
    return Scores((exponential(b, raw),))


def decisions(b: Builder, estimator: Any, values: list[Value]) -> list[Expr]:
    """The decision function: one column for two classes, else one per class."""
    numbers_only(b, estimator, values)
    coefficients = np.atleast_2d(np.asarray(estimator.coef_, dtype=np.float64))
    intercepts = np.broadcast_to(np.asarray(estimator.intercept_, dtype=np.float64), len(coefficients))
    if len(coefficients) > 1:
        values = [value if is_coded(value.expr) else b.bound(value) for value in values]
    return [
        b.bind(weighted(b, values, row, float(intercept)), "raw" if len(coefficients) == 1 else f"raw {k}")
        for k, (row, intercept) in enumerate(zip(coefficients, intercepts, strict=True))
    ]


def classifier(b: Builder, estimator: Any, values: list[Value], method: str) -> Scores:
    """A classifier that has a decision function and no probabilities."""
    if method != "decision_function":
        raise b.refuse(estimator, f"it has no form of {method}")
    return Scores(tuple(decisions(b, estimator, values)))


def logistic(b: Builder, estimator: Any, values: list[Value], method: str) -> Scores:
    """Sigmoid for two classes, softmax for more; shares of sigmoids for one-vs-rest fits."""
    raw = decisions(b, estimator, values)
    if method == "decision_function":
        return Scores(tuple(raw))
    one_vs_rest = getattr(estimator, "multi_class", None) == "ovr" or estimator.solver == "liblinear"
    if len(raw) == 1:
        return Scores((sigmoid(b, raw[0]),), tuple(raw), bounded=True)
    made = shares(b, [sigmoid(b, one) for one in raw]) if one_vs_rest else softmax(b, raw)
    return Scores(made, tuple(raw), bounded=True)


def discriminant(b: Builder, estimator: Any, values: list[Value], method: str) -> Scores:
    """Linear discriminant analysis: the links of logistic regression."""
    raw = decisions(b, estimator, values)
    if method == "decision_function":
        return Scores(tuple(raw))
    made = (sigmoid(b, raw[0]),) if len(raw) == 1 else softmax(b, raw)
    return Scores(made, tuple(raw), bounded=True)


def stochastic(b: Builder, estimator: Any, values: list[Value], method: str) -> Scores:
    """SGD: sigmoids for log loss, clipped decisions for modified Huber."""
    raw = decisions(b, estimator, values)
    if method == "decision_function":
        return Scores(tuple(raw))
    if estimator.loss == "log_loss":
        parts = [sigmoid(b, one) for one in raw]
    elif estimator.loss == "modified_huber":
        parts = [_clipped(one) for one in raw]
    else:
        raise b.refuse(estimator, f"with loss {estimator.loss!r} it has no form of {method}")
    made = (parts[0],) if len(parts) == 1 else shares(b, parts)
    return Scores(made, tuple(raw), bounded=True)


def _clipped(raw: Expr) -> Expr:
    """(raw + 1) / 2, between 0 and 1."""
    whens = (
        (Compare("<", raw, number(-1.0)), number(0.0)),
        (Compare(">", raw, number(1.0)), number(1.0)),
    )
    return Case(whens, Arith("/", Arith("-", raw, number(-1.0)), number(2.0)))
