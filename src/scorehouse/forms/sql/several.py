"""Regressors with an estimator for each of several outputs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from scorehouse.forms.sql.builder import Builder, Scores, Value
from scorehouse.forms.sql.expression import Call


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


def _together(parts: list[Scores]) -> Scores:
    return Scores(
        tuple(part.values[0] for part in parts),
        bounded=all(part.bounded for part in parts),
        single=any(part.single for part in parts),
    )
