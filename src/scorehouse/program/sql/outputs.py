"""From the scores of the last step to the columns of the kernel: labels, scores, status and reason."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from scorehouse.program.parity import ROW_STATUS
from scorehouse.program.sql.builder import Builder, Scores, Value
from scorehouse.program.sql.decision import class_parameters, of_two
from scorehouse.program.sql.expression import (
    Call,
    Case,
    Compare,
    Expr,
    IsNull,
    Literal,
    any_of,
    no,
    text,
)
from scorehouse.program.sql.inputs import finite
from scorehouse.program.sql.several import second_wins
from scorehouse.registry.version import MULTILABEL, MULTIOUTPUT, Version

REJECT_REASON = "reject_reason"
NO_SCORES = "it has neither probabilities nor a decision function"
NO_LABELS = "its predict() does not follow from its scores"
Outputs = list[tuple[str, Expr]]


def outputs_of(
    b: Builder, estimator: Any, version: Version, values: list[Value], reason: Expr | None
) -> tuple[Outputs, Scores]:
    """The columns of the task, then `row_status` and `reject_reason`; NULL values where rejected."""
    made, scores = _TASKS[version.task](b, estimator, version, values)
    labels = _labels_of(version)  # stay in the last select, so that what decides them is there alone
    made = [(name, expr if name in labels else b.bind(expr, name)) for name, expr in made]
    rejected = b.bind(_reason(b, version, made, scores, reason), REJECT_REASON, gated=False)
    accepted = IsNull(rejected)
    outputs = [(name, Case(((accepted, expr),))) for name, expr in made]
    status = Case(((accepted, text("scored")),), text("rejected"))
    return [*outputs, (ROW_STATUS, status), (REJECT_REASON, rejected)], scores


def _reason(b: Builder, version: Version, made: Outputs, scores: Scores, reason: Expr | None) -> Expr:
    """Why a row is rejected: its features, a failing step, or a result that is not a finite number."""
    whens: list[tuple[Expr, Expr]] = []
    if reason is not None:
        column = b.bind(reason, "reason", gated=False)
        whens.append((IsNull(column, negated=True), column))
    whens += [(condition, text(error)) for condition, error in b.failures]
    numbers = [item for item in made if item[0] not in (_labels_of(version) or _segment_of(version))]
    failed = {name: _unusable(expr, scores.bounded) for name, expr in numbers or made}
    reasons = [Case(((bad, text(f"not_finite:{name}")),)) for name, bad in failed.items()]
    whens.append((any_of(failed.values()), Call("join", tuple(reasons))))
    return Case(tuple(whens))


def _unusable(expr: Expr, bounded: bool) -> Expr:
    return IsNull(expr) if bounded else any_of([IsNull(expr), no(finite(expr))])


def _labels_of(version: Version) -> Collection[str]:
    """The columns of labels that the decision layer decides."""
    if version.task == MULTILABEL:
        return version.outputs
    return ("prediction",) if version.task == "classification" else ()


def _segment_of(version: Version) -> Collection[str]:
    return ("prediction",) if version.task == "clustering" else ()


def _classification(
    b: Builder, estimator: Any, version: Version, values: list[Value]
) -> tuple[Outputs, Scores]:
    if version.score_method == "none":
        raise b.refuse(estimator, NO_SCORES)
    scores = b.predict(estimator, values, version.score_method)
    labels = class_parameters(version)
    binary = len(labels) == 2
    names = ["score"] if binary else version.score_columns
    columns = [b.bind(expr, name) for expr, name in zip(scores.values, names, strict=True)]
    if version.threshold is not None and binary:
        label = of_two(columns[0], None, labels)
    elif version.label_method == "predict" and not scores.decisions:
        raise b.refuse(estimator, NO_LABELS)
    elif binary:
        label = of_two(columns[0], second_wins(b, scores, columns[0], version.score_method), labels)
    else:
        label = _first_best(
            b, [b.bind(d, "decision") for d in scores.decisions] or columns, labels, "greatest"
        )
    return [("prediction", label), *zip(names, columns, strict=True)], scores


def _first_best(b: Builder, columns: list[Expr], labels: Sequence[Expr], best: str) -> Expr:
    """The label of the largest (or smallest) column; in a tie, the first."""
    found = b.bind(Call(best, tuple(columns)), best)
    whens = tuple((Compare("=", column, found), label) for column, label in zip(columns, labels, strict=True))
    return Case(whens)


def _regression(b: Builder, estimator: Any, version: Version, values: list[Value]) -> tuple[Outputs, Scores]:
    scores = b.predict(estimator, values, "predict")
    if len(scores.values) != 1:
        raise b.refuse(estimator, "it has several outputs per row")
    return [("prediction", scores.values[0])], scores


def _multioutput_regression(
    b: Builder, estimator: Any, version: Version, values: list[Value]
) -> tuple[Outputs, Scores]:
    scores = b.predict(estimator, values, "predict")
    return list(zip(version.outputs, scores.values, strict=True)), scores


def _multilabel(b: Builder, estimator: Any, version: Version, values: list[Value]) -> tuple[Outputs, Scores]:
    if version.score_method == "none":
        raise b.refuse(estimator, NO_SCORES)
    scores = b.predict(estimator, values, version.score_method)
    outputs: Outputs = []
    for column, name, label in zip(version.outputs, version.score_columns, scores.labels, strict=True):
        score = b.bind(label.values[0], name)
        if version.threshold is not None:
            own = None
        elif version.label_method == "predict" and not label.decisions:
            raise b.refuse(estimator, NO_LABELS)
        else:
            own = second_wins(b, label, score, version.score_method)
        outputs += [(column, of_two(score, own, class_parameters(version))), (name, score)]
    return outputs, scores


def _clustering(b: Builder, estimator: Any, version: Version, values: list[Value]) -> tuple[Outputs, Scores]:
    scores = b.predict(estimator, values, "transform")
    labels = [Literal(k, "integer") for k in range(len(scores.decisions))]
    found = (
        [("prediction", _first_best(b, list(scores.decisions), labels, "least"))] if len(labels) > 1 else []
    )
    if not found:
        found = [("prediction", Literal(0, "integer"))]
    if version.score_method == "transform":
        found.append(("distance", scores.values[0]))
    return found, scores


def _ranking(b: Builder, estimator: Any, version: Version, values: list[Value]) -> tuple[Outputs, Scores]:
    scores = b.predict(estimator, values, version.score_method)
    return [("score", scores.values[-1])], scores


def _anomaly(b: Builder, estimator: Any, version: Version, values: list[Value]) -> tuple[Outputs, Scores]:
    raise b.refuse(estimator, "anomaly detectors have no equivalent in SQL")


_TASKS: dict[str, Callable[[Builder, Any, Version, list[Value]], tuple[Outputs, Scores]]] = {
    "classification": _classification,
    "regression": _regression,
    MULTILABEL: _multilabel,
    MULTIOUTPUT: _multioutput_regression,
    "clustering": _clustering,
    "ranking": _ranking,
    "anomaly": _anomaly,
}
