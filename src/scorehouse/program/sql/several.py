"""Estimators with an estimator for each of several outputs, labels or segments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from scorehouse.program.several import OTHER_CLASSES, has_two_classes
from scorehouse.program.sql.builder import Builder, Scores, Value
from scorehouse.program.sql.expression import (
    Call,
    Case,
    Compare,
    Expr,
    IsNull,
    all_of,
    any_of,
    no,
    number,
    text,
)

# A statement holds the estimators of all segments, and compares the segment of a row with each of them.
SEGMENTS_LIMIT = 100


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
    made = _chain(b, estimator, values, method, "output", lambda one, read, scores: scores.values[0])
    return _together(made)


def multi_label(b: Builder, estimator: Any, values: list[Value], method: str) -> Scores:
    """The score of each label, from a classifier of its own."""
    if not has_two_classes(estimator):
        raise b.refuse(estimator, OTHER_CLASSES)
    values = [b.bound(value) for value in values]
    return of_labels([b.predict(one, values, method) for one in estimator.estimators_])


def classifier_chain(b: Builder, estimator: Any, values: list[Value], method: str) -> Scores:
    """The score of each label; each classifier also reads what those before it say: labels, or scores."""
    says = getattr(estimator, "chain_method_", "predict")
    if says not in ("predict", "predict_proba", "decision_function"):
        raise b.refuse(estimator, f"its classifiers read {says} of those before them")

    def said(one: Any, read: list[Value], scores: Scores) -> Expr:
        if says == "predict":
            second = second_wins(b, scores, b.bind(scores.values[0], "score"), method)
            return Case(((second, number(1.0)),), number(0.0))
        return (scores if says == method else b.predict(one, read, says)).values[0]

    return of_labels(_chain(b, estimator, values, method, "label", said))


def _chain(
    b: Builder,
    estimator: Any,
    values: list[Value],
    method: str,
    what: str,
    said: Callable[[Any, list[Value], Scores], Expr],
) -> list[Scores]:
    """The scores of a chain of outputs or labels (`what`); later ones read what `said` gives of each."""
    values = [b.bound(value) for value in values]
    made: dict[int, Scores] = {}
    for place, one in zip(estimator.order_, estimator.estimators_, strict=True):
        made[int(place)] = b.predict(one, values, method)
        column = b.bind(said(one, values, made[int(place)]), "chained")
        values = [*values, Value(column, f"{what} {place}")]
    return [made[place] for place in range(len(made))]


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


def segmented(b: Builder, estimator: Any, values: list[Value], method: str) -> Scores:
    """The scores of each row's own estimator, else of the fallback; NULL where there is none."""
    known, ones, fallback = estimator.segments_.tolist(), list(estimator.estimators_), estimator.fallback_
    if len(known) > SEGMENTS_LIMIT:
        raise b.refuse(estimator, f"it has {len(known)} segments, more than {SEGMENTS_LIMIT}")
    values = [b.bound(value) for value in values]
    segment = values.pop(estimator.position_).expr
    classes = getattr(estimator, "classes_", None)
    own = [Compare("=", segment, text(k) if isinstance(k, str) else number(float(k))) for k in known]
    others = any_of([IsNull(segment), *([no(any_of(own))] if own else [])])
    found: list[Scores] = []
    for mine, name, one in zip([*own, others], [*known, None], [*ones, fallback], strict=True):
        if one is None:
            continue
        with b.inside("all rows" if name is None else f"segment {name!r}"):
            if classes is not None and list(one.classes_) != list(classes):
                raise b.refuse(one, "it knows fewer classes than the others")
            before = len(b.failures)
            found.append(b.predict(one, values, method))
        b.failures[before:] = [all_of([mine, failure]) for failure in b.failures[before:]]
    if len({(len(one.values), len(one.decisions), one.zero_is_second) for one in found}) != 1:
        raise b.refuse(estimator, "its estimators do not decide alike")

    def of_row(parts: Sequence[Expr]) -> Expr:
        default = None if fallback is None else parts[-1]
        return Case(tuple(zip(own, parts, strict=False)), default) if own else parts[-1]

    return Scores(
        tuple(map(of_row, zip(*(one.values for one in found), strict=True))),
        tuple(map(of_row, zip(*(one.decisions for one in found), strict=True))),
        found[0].zero_is_second,
        bounded=all(one.bounded for one in found),
        single=any(one.single for one in found),
    )
