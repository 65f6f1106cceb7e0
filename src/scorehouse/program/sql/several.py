"""Estimators of several outputs or labels with an estimator for each."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from scorehouse.program.several import OTHER_CLASSES, has_two_classes
from scorehouse.program.sql.builder import Builder, Scores, Value
from scorehouse.program.sql.expression import Call, Case, Compare, Expr, number


def multi_output(b: Builder, estimator: Any, values: list[Value], method: str) -> Scores:
    """One number per output, each from an estimator of its own."""
    values = [b.bound(value) for value in values]
    return _together([b.predict(one, values, method) for one in estimator.estimators_])


def quantiles(b: Builder, estimator: Any, values: list[Value], method: str) -> Scores:
    """The quantiles of each row in increasing order, by comparing neighbours until all are sorted."""
    scores = multi_output(b, estimator, values, method)
    made = [b.bind(value, "quantile") for value in scores.values]
    for last in range(len(made) - 1, 0, -1):
        for place in range(last):
            pair = (made[place], made[place + 1])
            made[place], made[place + 1] = (b.bind(Call(f, pair), "quantile") for f in ("least", "greatest"))
    return replace(scores, values=tuple(made))


def regressor_chain(b: Builder, estimator: Any, values: list[Value], method: str) -> Scores:
    """One number per output; each estimator also reads the outputs of those before it."""
    values = [b.bound(value) for value in values]
    made: dict[int, Scores] = {}
    for output, one in zip(estimator.order_, estimator.estimators_, strict=True):
        scores = b.predict(one, values, method)
        column = b.bind(scores.values[0], "chained")
        made[int(output)] = replace(scores, values=(column,))
        values = [*values, Value(column, f"output {output}")]
    return _together([made[output] for output in range(len(made))])


def multi_label(b: Builder, estimator: Any, values: list[Value], method: str) -> Scores:
    """The score of each label, from a classifier of its own."""
    if not has_two_classes(estimator):
        raise b.refuse(estimator, OTHER_CLASSES)
    values = [b.bound(value) for value in values]
    return of_labels([b.predict(one, values, method) for one in estimator.estimators_])


def classifier_chain(b: Builder, estimator: Any, values: list[Value], method: str) -> Scores:
    """The score of each label; each classifier also reads what those before it say."""
    read = getattr(estimator, "chain_method_", "predict")
    if read not in ("predict", "predict_proba", "decision_function"):
        raise b.refuse(estimator, f"its classifiers read {read} of those before them")
    values = [b.bound(value) for value in values]
    made: dict[int, Scores] = {}
    for label, one in zip(estimator.order_, estimator.estimators_, strict=True):
        made[int(label)] = b.predict(one, values, method)
        column = b.bind(_read_on(b, one, values, made[int(label)], (method, read)), "chained")
        values = [*values, Value(column, f"label {label}")]
    return of_labels([made[label] for label in range(len(made))])


def _read_on(b: Builder, one: Any, values: list[Value], scores: Scores, methods: tuple[str, str]) -> Expr:
    """What the next classifiers of a chain read: the label as a number, or a score."""
    method, read = methods
    if read == "predict":
        second = second_wins(b, scores, b.bind(scores.values[0], "score"), method)
        return Case(((second, number(1.0)),), number(0.0))
    return scores.values[0] if read == method else b.predict(one, values, read).values[0]


def of_labels(labels: list[Scores]) -> Scores:
    """The scores of several labels together."""
    return replace(_together(labels), labels=tuple(labels))


def second_wins(b: Builder, scores: Scores, score: Expr, method: str) -> Expr:
    """Whether the second class is predicted; ties are broken as by the estimator."""
    operator = ">=" if scores.zero_is_second else ">"
    if scores.decisions:
        return Compare(operator, b.bind(scores.decisions[0], "decision"), number(0.0))
    return Compare(operator, score, number(0.5 if method == "predict_proba" else 0.0))


def _together(parts: list[Scores]) -> Scores:
    return Scores(
        tuple(part.values[0] for part in parts),
        bounded=all(part.bounded for part in parts),
        single=any(part.single for part in parts),
    )
