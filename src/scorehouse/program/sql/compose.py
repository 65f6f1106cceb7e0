"""Estimators that contain others: pipelines, unions, searches, calibrated and one-vs-rest classifiers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from scorehouse.program.sql.builder import Builder, Scores, Value, name_of
from scorehouse.program.sql.expression import Arith, Case, Compare, Expr, add, multiply, number, subtract
from scorehouse.program.sql.links import mean, shares, sigmoid
from scorehouse.program.sql.several import of_labels


def pipeline(b: Builder, estimator: Any, values: list[Value]) -> list[Value]:
    """One step after another."""
    return _through(b, estimator.steps, values)


def _through(b: Builder, steps: Sequence[tuple[str, Any]], values: list[Value]) -> list[Value]:
    for name, step in steps:
        with b.inside(name):
            values = b.transform(step, values)
    return values


def column_transformer(b: Builder, estimator: Any, values: list[Value]) -> list[Value]:
    """Each transformer on its columns, in the order of the output."""
    made: list[Value] = []
    indices = estimator._transformer_to_input_indices
    for name, transformer, _ in estimator.transformers_:
        chosen = [values[int(i)] for i in np.asarray(indices.get(name, []), dtype=int)]
        if not chosen or (isinstance(transformer, str) and transformer == "drop"):
            continue
        weight = (estimator.transformer_weights or {}).get(name)
        if weight not in (None, 1.0):
            raise b.refuse(estimator, f"the transformer {name!r} has a weight")
        with b.inside(name):
            made += b.transform(transformer, chosen)
    return made


def feature_union(b: Builder, estimator: Any, values: list[Value]) -> list[Value]:
    """All transformers on all columns, side by side."""
    made: list[Value] = []
    if estimator.transformer_weights:
        raise b.refuse(estimator, "its transformers have weights")
    for name, transformer in estimator.transformer_list:
        if isinstance(transformer, str) and transformer == "drop":
            continue
        with b.inside(name):
            made += b.transform(transformer, values)
    return made


def scoring_pipeline(b: Builder, estimator: Any, values: list[Value], method: str) -> Scores:
    """All steps but the last transform; the last one scores."""
    *steps, (name, last) = estimator.steps
    in_singles = b.in_singles
    values = _through(b, steps, values)
    with b.inside(name):
        scores = b.predict(last, values, method)
    b.in_singles = in_singles
    return scores


def search(b: Builder, estimator: Any, values: list[Value], method: str) -> Scores:
    """The best estimator that the search found."""
    with b.inside("best_estimator_"):
        return b.predict(estimator.best_estimator_, values, method)


def _response(b: Builder, estimator: Any, values: list[Value]) -> tuple[Scores, str]:
    """Its decisions, or its probabilities if it has none; and which of them these are."""
    method = "decision_function" if hasattr(estimator, "decision_function") else "predict_proba"
    return b.predict(estimator, values, method), method


def calibrated(b: Builder, estimator: Any, values: list[Value], method: str) -> Scores:
    """The mean of calibrated scores over the folds."""
    n_classes = len(estimator.classes_)
    values = [b.bound(value) for value in values]
    folds = []
    for fold in estimator.calibrated_classifiers_:
        if fold.method not in ("sigmoid", "isotonic"):
            raise b.refuse(estimator, f"its method {fold.method!r} has no equivalent in SQL")
        if not np.array_equal(fold.estimator.classes_, estimator.classes_):
            raise b.refuse(estimator, "a fold has not seen all classes")
        scores, _ = _response(b, fold.estimator, values)
        parts = [
            _calibrated(b, calibrator, b.bind(score, "uncalibrated"))
            for calibrator, score in zip(fold.calibrators, scores.values, strict=True)
        ]
        folds.append(tuple(parts) if n_classes == 2 else shares(b, parts))
    made = tuple(mean(b, parts, "calibrated") for parts in map(list, zip(*folds, strict=True)))
    return Scores(made, bounded=True)


def _calibrated(b: Builder, calibrator: Any, score: Expr) -> Expr:
    if name_of(calibrator) == "sklearn._SigmoidCalibration":
        return sigmoid(b, add([multiply(score, -float(calibrator.a_)), number(-float(calibrator.b_))]))
    return _isotonic(b, calibrator, score)


def _isotonic(b: Builder, calibrator: Any, score: Expr) -> Expr:
    """Linear between thresholds, constant outside them; the interval is found by bisection."""
    if calibrator.out_of_bounds != "clip":
        raise b.refuse(calibrator, f"out_of_bounds is {calibrator.out_of_bounds!r}")
    x = [float(v) for v in calibrator.X_thresholds_]
    y = [float(v) for v in calibrator.y_thresholds_]

    def piece(low: int, high: int) -> Expr:
        if high - low > 1:
            middle = (low + high) // 2
            return Case(((Compare("<=", score, number(x[middle])), piece(low, middle)),), piece(middle, high))
        if y[low] == y[high]:
            return number(y[low])
        slope = (y[high] - y[low]) / (x[high] - x[low])
        return add([multiply(subtract(score, x[low]), slope), number(y[low])])

    if len(x) == 1:
        return number(y[0])
    outside = (
        (Compare("<=", score, number(x[0])), number(y[0])),
        (Compare(">=", score, number(x[-1])), number(y[-1])),
    )
    return Case(outside, piece(0, len(x) - 1))


def one_vs_rest(b: Builder, estimator: Any, values: list[Value], method: str) -> Scores:
    """One score per class, each from an estimator of its own."""
    values = [b.bound(value) for value in values]
    judged = [_response(b, one, values) for one in estimator.estimators_]
    raw = [b.bind(scores.values[0], "raw") for scores, _ in judged]
    if getattr(estimator, "multilabel_", False):
        middle = number(0.5 if judged[0][1] == "predict_proba" else 0.0)
        scored = [b.predict(one, values, method) for one in estimator.estimators_]
        return of_labels(
            [
                replace(own, decisions=(Arith("-", one, middle),), zero_is_second=False)
                for own, one in zip(scored, raw, strict=True)
            ]
        )
    if len(raw) == 1 and judged[0][1] == "predict_proba":
        raw = [Arith("-", raw[0], number(0.5))]
    if method == "decision_function":
        return Scores(tuple(raw))
    parts = [b.predict(one, values, method).values[0] for one in estimator.estimators_]
    made = (parts[0],) if len(parts) == 1 else shares(b, parts)
    return Scores(made, tuple(raw), bounded=True)
