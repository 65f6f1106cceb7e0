"""From the scores of the last step to the columns of the kernel: labels, scores, status and reason."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scorehouse.forms.parity import ROW_STATUS
from scorehouse.forms.sql.builder import Builder, Scores, Value
from scorehouse.forms.sql.expression import (
    Call,
    Case,
    Compare,
    Expr,
    IsNull,
    Literal,
    any_of,
    no,
    number,
    text,
)
from scorehouse.forms.sql.inputs import finite
from scorehouse.forms.sql.several import second_wins
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
    made = [(name, b.bind(expr, name)) for name, expr in made]
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
    labels = version.outputs if version.task == MULTILABEL else ("prediction",)
    numbers = [item for item in made if item[0] not in labels or version.task == "regression"]
    failed = {name: _unusable(expr, scores.bounded) for name, expr in numbers or made}
    reasons = [Case(((bad, text(f"not_finite:{name}")),)) for name, bad in failed.items()]
    whens.append((any_of(failed.values()), Call("join", tuple(reasons))))
    return Case(tuple(whens))


def _unusable(expr: Expr, bounded: bool) -> Expr:
    return IsNull(expr) if bounded else any_of([IsNull(expr), no(finite(expr))])


def _label(value: Any) -> Literal:
    if isinstance(value, bool):
        return Literal(value, "boolean")
    if isinstance(value, int):
        return Literal(value, "integer")
    return number(value) if isinstance(value, float) else text(str(value))


def _classification(
    b: Builder, estimator: Any, version: Version, values: list[Value]
) -> tuple[Outputs, Scores]:
    if version.score_method == "none":
        raise b.refuse(estimator, NO_SCORES)
    scores = b.predict(estimator, values, version.score_method)
    labels = [_label(label) for label in version.classes]
    binary = len(labels) == 2
    names = ["score"] if binary else version.score_columns
    columns = [b.bind(expr, name) for expr, name in zip(scores.values, names, strict=True)]
    if version.threshold is not None and binary:
        label: Expr = _choice(Compare(">=", columns[0], number(version.threshold)), labels)
    elif version.label_method == "predict" and not scores.decisions:
        raise b.refuse(estimator, NO_LABELS)
    elif binary:
        label = _choice(second_wins(b, scores, columns[0], version.score_method), labels)
    else:
        label = _first_best(
            b, [b.bind(d, "decision") for d in scores.decisions] or columns, labels, "greatest"
        )
    return [("prediction", label), *zip(names, columns, strict=True)], scores


def _choice(second: Expr, labels: list[Literal]) -> Expr:
    return Case(((second, labels[1]),), labels[0])


def _first_best(b: Builder, columns: list[Expr], labels: list[Literal], best: str) -> Expr:
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
    for column, name, own in zip(version.outputs, version.score_columns, scores.labels, strict=True):
        score = b.bind(own.values[0], name)
        if version.threshold is not None:
            second: Expr = Compare(">=", score, number(version.threshold))
        elif version.label_method == "predict" and not own.decisions:
            raise b.refuse(estimator, NO_LABELS)
        else:
            second = second_wins(b, own, score, version.score_method)
        outputs += [(column, _choice(second, [_label(label) for label in version.classes])), (name, score)]
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
    raise b.refuse(estimator, "anomaly detectors have no form in SQL")


_TASKS: dict[str, Callable[[Builder, Any, Version, list[Value]], tuple[Outputs, Scores]]] = {
    "classification": _classification,
    "regression": _regression,
    MULTILABEL: _multilabel,
    MULTIOUTPUT: _multioutput_regression,
    "clustering": _clustering,
    "ranking": _ranking,
    "anomaly": _anomaly,
}
