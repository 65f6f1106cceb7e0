"""Gaussian naive Bayes and k-means: squared distances from centres."""

from __future__ import annotations

from typing import Any

import numpy as np

from scorehouse.program.sql.builder import Builder, Scores, Value
from scorehouse.program.sql.expression import (
    Arith,
    Call,
    Case,
    Compare,
    Expr,
    add,
    multiply,
    number,
    subtract,
)
from scorehouse.program.sql.links import softmax
from scorehouse.program.sql.scale import known_numbers


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
