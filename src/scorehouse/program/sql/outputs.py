"""From the scores of the last step to the columns of the kernel: labels, scores, status and reason."""

from __future__ import annotations

from collections.abc import Collection, Sequence
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
Outputs = list[tuple[str, Expr]]
# What is called where that is not the score method.
_METHODS = {"regression": "predict", MULTIOUTPUT: "predict", "clustering": "transform"}


def outputs_of(
    b: Builder, estimator: Any, version: Version, values: list[Value], reason: Expr | None
) -> tuple[Outputs, Scores]:
    """The columns of the task, then `row_status` and `reject_reason`; NULL values where rejected."""
    if version.task == "anomaly":
        raise b.refuse(estimator, "anomaly detectors have no equivalent in SQL")
    method = _METHODS.get(version.task, version.score_method)
    if method == "none":
        raise b.refuse(estimator, "it has neither probabilities nor a decision function")
    scores = b.predict(estimator, values, method)
    made = _columns_of(b, estimator, version, scores)
    labels = _labels_of(version)  # stay in the last select, so that what decides them is there alone
    made = [(name, expr if name in labels else b.bind(expr, name)) for name, expr in made]
    rejected = b.bind(_reason(b, version, made, scores, reason), REJECT_REASON, gated=False)
    accepted = IsNull(rejected)
    outputs = [(name, Case(((accepted, expr),))) for name, expr in made]
    status = Case(((accepted, text("scored")),), text("rejected"))
    return [*outputs, (ROW_STATUS, status), (REJECT_REASON, rejected)], scores


def _columns_of(b: Builder, estimator: Any, version: Version, scores: Scores) -> Outputs:
    """The columns of the task."""
    if version.task == "classification":
        return _classification(b, estimator, version, scores)
    if version.task == MULTILABEL:
        return _multilabel(b, estimator, version, scores)
    if version.task == MULTIOUTPUT:
        return list(zip(version.outputs, scores.values, strict=True))
    if version.task == "clustering":
        return _clustering(b, version, scores)
    if version.task == "ranking":
        return [("score", scores.values[-1])]
    if len(scores.values) != 1:
        raise b.refuse(estimator, "it has several outputs per row")
    return [("prediction", scores.values[0])]


def _reason(b: Builder, version: Version, made: Outputs, scores: Scores, reason: Expr | None) -> Expr:
    """Why a row is rejected: its features, a failing step, or a result that is not a finite number."""
    whens: list[tuple[Expr, Expr]] = []
    if reason is not None:
        column = b.bind(reason, "reason", gated=False)
        whens.append((IsNull(column, negated=True), column))
    whens += [(condition, text("estimator_error:ValueError")) for condition in b.failures]
    not_numbers = ("prediction",) if version.task == "clustering" else _labels_of(version)
    failed: dict[str, Expr] = {}
    for name, expr in [item for item in made if item[0] not in not_numbers] or made:
        failed[name] = IsNull(expr) if scores.bounded else any_of([IsNull(expr), no(finite(expr))])
    reasons = [Case(((bad, text(f"not_finite:{name}")),)) for name, bad in failed.items()]
    whens.append((any_of(failed.values()), Call("join", tuple(reasons))))
    return Case(tuple(whens))


def _labels_of(version: Version) -> Collection[str]:
    """The columns of labels that the decision layer decides."""
    if version.task == MULTILABEL:
        return version.outputs
    return ("prediction",) if version.task == "classification" else ()


def _classification(b: Builder, estimator: Any, version: Version, scores: Scores) -> Outputs:
    labels = class_parameters(version)
    if len(labels) == 2:
        score = b.bind(scores.values[0], "score")
        return [("prediction", _of_two(b, estimator, version, scores, score)), ("score", score)]
    names = version.score_columns
    columns = [b.bind(expr, name) for expr, name in zip(scores.values, names, strict=True)]
    _check_labels(b, estimator, version, scores)
    compared = [b.bind(d, "decision") for d in scores.decisions] or columns
    return [("prediction", _first_best(b, compared, labels, "greatest")), *zip(names, columns, strict=True)]


def _multilabel(b: Builder, estimator: Any, version: Version, scores: Scores) -> Outputs:
    outputs: Outputs = []
    for column, name, label in zip(version.outputs, version.score_columns, scores.labels, strict=True):
        score = b.bind(label.values[0], name)
        outputs += [(column, _of_two(b, estimator, version, label, score)), (name, score)]
    return outputs


def _of_two(b: Builder, estimator: Any, version: Version, scores: Scores, score: Expr) -> Expr:
    """One of two labels: by the threshold, or without one as the estimator decides."""
    own = None
    if version.threshold is None:
        _check_labels(b, estimator, version, scores)
        own = second_wins(b, scores, score, version.score_method)
    return of_two(score, own, class_parameters(version))


def _check_labels(b: Builder, estimator: Any, version: Version, scores: Scores) -> None:
    if version.label_method == "predict" and not scores.decisions:
        raise b.refuse(estimator, "its predict() does not follow from its scores")


def _clustering(b: Builder, version: Version, scores: Scores) -> Outputs:
    labels = [Literal(k, "integer") for k in range(len(scores.decisions))]
    nearest = _first_best(b, list(scores.decisions), labels, "least") if len(labels) > 1 else labels[0]
    distance = [("distance", scores.values[0])] if version.score_method == "transform" else []
    return [("prediction", nearest), *distance]


def _first_best(b: Builder, columns: list[Expr], labels: Sequence[Expr], best: str) -> Expr:
    """The label of the largest (or smallest) column; in a tie, the first."""
    found = b.bind(Call(best, tuple(columns)), best)
    whens = tuple((Compare("=", column, found), label) for column, label in zip(columns, labels, strict=True))
    return Case(whens)
