"""Linear models, with and without a link.

Gaussian naive Bayes and k-means: squared distances from centres.

Weighted sums of encoded categories: one lookup per string column instead of one `case` per category.

A one-hot encoder makes a column for each category, and a linear model sums them with weights: the sum
depends only on the string. A database with dictionary-encoded strings looks up each distinct string once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from scorehouse.program.linear_models import LinearModel, linear_model
from scorehouse.program.several import gives_labels
from scorehouse.program.sql.builder import Builder, Scores, Value, name_of
from scorehouse.program.sql.expression import (
    Arith,
    Call,
    Case,
    Column,
    Compare,
    Expr,
    In,
    IsNull,
    Literal,
    Lookup,
    add,
    multiply,
    number,
    subtract,
)
from scorehouse.program.sql.links import KINDS, softmax
from scorehouse.program.sql.scale import known_numbers
from scorehouse.program.sql.several import of_labels


def regression(b: Builder, estimator: Any, values: list[Value], method: str) -> Scores:
    """The weighted sum, through the inverse of the link; or one sum for each output."""
    model = _model(b, estimator, values, method)
    if len(model.weights) > 1:
        scores = KINDS[model.after](b, _sums(b, model, values))
    else:
        weights = np.asarray(model.weights, dtype=np.float64)
        scores = KINDS[model.after](b, [weighted_sum(b, values, weights, float(model.intercepts[0]))])
    return _in_its_type(b, estimator, scores)


def _in_its_type(b: Builder, estimator: Any, scores: Scores) -> Scores:
    """Whether the estimator, which was fitted on float32, adds in it."""
    coefficients = np.asarray(getattr(estimator, "coef_", 0.0))
    return replace(scores, single=b.in_singles and coefficients.dtype == np.float32)


def classification(b: Builder, estimator: Any, values: list[Value], method: str) -> Scores:
    """Sums as they are; sigmoids or clipped sums, and their shares for more than two classes; or softmax."""
    model = _model(b, estimator, values, method)
    raw = _sums(b, model, values)
    if gives_labels(estimator):
        return of_labels([Scores((one,)) for one in raw])
    return _in_its_type(b, estimator, KINDS[model.after](b, raw))


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


MISSING = None


@dataclass(frozen=True)
class _Coded:
    """A `case` over one string column: a number for each string, for NULL and for all others."""

    column: Column
    answers: dict[str | None, float]
    default: float

    def of(self, key: str | None) -> float:
        return self.answers.get(key, self.default)


def with_lookups(weighted: Sequence[tuple[Expr, float]]) -> tuple[list[Expr], list[tuple[Expr, float]]]:
    """Lookups for the encoded strings among columns with their weights, and the remaining columns."""
    coded: dict[Column, list[tuple[_Coded, float]]] = {}
    rest, constant = [], 0.0
    for expr, weight in weighted:
        inner, scale, offset = _unscaled(expr)
        found = _coded(inner)
        if found is None:
            rest.append((expr, weight))
            continue
        coded.setdefault(found.column, []).append((found, weight * scale))
        constant += weight * offset
    made = [_lookup(column, parts) for column, parts in coded.items()]
    return ([*made, number(constant)] if constant else made), rest


def is_coded(expr: Expr) -> bool:
    """Whether a column is an encoded string, which need not be stored before it is summed."""
    return _coded(_unscaled(expr)[0]) is not None


def _unscaled(expr: Expr) -> tuple[Expr, float, float]:
    """`expr` as `inner * scale + offset`."""
    scale, offset = 1.0, 0.0
    while isinstance(expr, Arith) and (by := _number(expr.right)) is not None:
        if expr.op == "-":
            offset -= by * scale
        elif expr.op == "/" and by != 0.0:
            scale /= by
        elif expr.op == "*":
            scale *= by
        else:
            break
        expr = expr.left
    return expr, scale, offset


def _coded(expr: Expr) -> _Coded | None:
    """The `case` of a string encoder, else None."""
    if not isinstance(expr, Case) or (default := _number(expr.default)) is None:
        return None
    columns: set[Column] = set()
    answers: dict[str | None, float] = {}
    for condition, value in expr.whens:
        match condition:
            case Compare("=", Column() as column, Literal(key, "text")):
                keys: list[str | None] = [str(key)]
            case In(Column() as column, literals, False) if all(one.type == "text" for one in literals):
                keys = [str(one.value) for one in literals]
            case IsNull(Column() as column, False):
                keys = [MISSING]
            case _:
                return None
        answer = _number(value)
        if answer is None:
            return None
        columns.add(column)
        for each in keys:
            answers.setdefault(each, answer)  # the first true condition
    if len(columns) != 1 or not any(key is not MISSING for key in answers):
        return None
    return _Coded(columns.pop(), answers, default)


def _number(expr: Expr | None) -> float | None:
    return float(expr.value) if isinstance(expr, Literal) and expr.type == "double" else None


def _lookup(column: Column, parts: list[tuple[_Coded, float]]) -> Expr:
    """The weighted sum of all encoded columns of one string column."""

    def total(key: str | None, *, known: bool = True) -> float:
        return sum(weight * (coded.of(key) if known else coded.default) for coded, weight in parts)

    keys = sorted({key for coded, _ in parts for key in coded.answers if key is not None})
    default, missing = total(MISSING, known=False), total(MISSING)
    lookup: Expr = Lookup(column, tuple(keys), tuple(total(key) for key in keys), default)
    if missing == default:
        return lookup
    return Case(((IsNull(column), number(missing)),), lookup)
