"""Linear models, with and without a link.

Gaussian naive Bayes and k-means: squared distances from centres.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from scorehouse.program.linear_models import LinearModel, linear_model
from scorehouse.program.several import gives_labels
from scorehouse.program.sql.builder import Builder, Scores, Value, name_of
from scorehouse.program.sql.expression import (
    Arith,
    Call,
    Case,
    Compare,
    Expr,
    Literal,
    add,
    multiply,
    number,
    subtract,
)
from scorehouse.program.sql.links import KINDS, softmax
from scorehouse.program.sql.lookups import is_coded, with_lookups
from scorehouse.program.sql.scale import known_numbers
from scorehouse.program.sql.several import of_labels


def regression(b: Builder, estimator: Any, values: list[Value], method: str) -> Scores:
    """The weighted sum, through the inverse of the link; or one sum for each output."""
    model = _model(b, estimator, values, method)
    if len(model.weights) > 1:
        return KINDS[model.after](b, _sums(b, model, values))
    weights = np.asarray(model.weights, dtype=np.float64)
    return KINDS[model.after](b, [weighted_sum(b, values, weights, float(model.intercepts[0]))])


def classification(b: Builder, estimator: Any, values: list[Value], method: str) -> Scores:
    """Sums as they are; sigmoids or clipped sums, and their shares for more than two classes; or softmax."""
    model = _model(b, estimator, values, method)
    raw = _sums(b, model, values)
    if gives_labels(estimator):
        return of_labels([Scores((one,)) for one in raw])
    return KINDS[model.after](b, raw)


def _model(b: Builder, estimator: Any, values: list[Value], method: str) -> LinearModel:
    known_numbers(b, estimator, values)
    return linear_model(estimator, name_of(estimator), method, b.refuse)


def _sums(b: Builder, model: LinearModel, values: list[Value]) -> list[Expr]:
    """One column for two classes, else one per class or output."""
    several = len(model.weights) > 1
    if several:
        values = [value if is_coded(value.expr) else b.bound(value) for value in values]
    weights = np.asarray(model.weights, dtype=np.float64)
    return [
        b.bind(weighted_sum(b, values, row, float(intercept)), f"raw {k}" if several else "raw")
        for k, (row, intercept) in enumerate(zip(weights, model.intercepts, strict=True))
    ]


def weighted_sum(b: Builder, values: list[Value], coefficients: Any, intercept: float) -> Expr:
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


def _square(value: Expr, center: float) -> Expr:
    difference = subtract(value, center)
    return Arith("*", difference, difference)


def gaussian_naive_bayes(b: Builder, estimator: Any, values: list[Value], method: str) -> Scores:
    """Softmax of the joint log likelihoods."""
    known_numbers(b, estimator, values)
    if method != "predict_proba":
        raise b.refuse(estimator, f"its {method} has no equivalent in SQL")
    columns = [b.bind(value.expr, value.name) for value in values]
    raw: list[Expr] = []
    for prior, means, variances in zip(estimator.class_prior_, estimator.theta_, estimator.var_, strict=True):
        constant = float(np.log(prior) - 0.5 * np.sum(np.log(2.0 * np.pi * variances)))
        terms = [
            Arith("/", _square(column, float(center)), number(float(variance)))
            for column, center, variance in zip(columns, means, variances, strict=True)
        ]
        half = Arith("*", b.sum(terms, "distance"), number(-0.5))
        raw.append(b.bind(add([number(constant), half]), "likelihood"))
    made = softmax(b, raw)
    decisions = (Arith("-", raw[1], raw[0]),) if len(raw) == 2 else tuple(raw)
    return Scores(made[1:] if len(raw) == 2 else made, decisions, bounded=True)


def k_means(b: Builder, estimator: Any, values: list[Value], method: str) -> Scores:
    """Distance to the nearest centre, which is found as in scikit-learn: by |c|^2 - 2 x.c."""
    known_numbers(b, estimator, values)
    columns = [b.bind(value.expr, value.name) for value in values]
    centers = np.asarray(estimator.cluster_centers_, dtype=np.float64)
    nearness = []
    for k, center in enumerate(centers):
        terms = [
            multiply(column, -2.0 * float(c)) for column, c in zip(columns, center, strict=True) if c != 0.0
        ]
        nearness.append(b.bind(b.sum([number(float(center @ center)), *terms], "nearness"), f"nearness {k}"))
    least = b.bind(Call("least", tuple(nearness)), "least") if len(nearness) > 1 else nearness[0]
    whens = []
    for near, center in zip(nearness, centers, strict=True):
        terms = [_square(column, float(c)) for column, c in zip(columns, center, strict=True)]
        whens.append((Compare("=", near, least), Call("sqrt", (b.sum(terms, "square"),))))
    return Scores((Case(tuple(whens)),), tuple(nearness))
