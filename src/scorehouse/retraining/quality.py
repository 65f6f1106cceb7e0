"""Quality on the rows that were held out, under the names that `performance` uses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from scorehouse.kernel.tasks import labels_given, scores_of_labels
from scorehouse.registry.version import MULTILABEL, MULTIOUTPUT


@dataclass(frozen=True)
class Quality:
    """`metrics` of the rows that are scored; those of one of several outputs end in the output's name.

    `unscored` counts the rows that the estimator does not score: it has no estimator of their segment.
    """

    metrics: dict[str, float]
    unscored: int = 0


def quality_of(estimator: Any, task: str, X: Any, y: Any, outputs: Sequence[str] = ()) -> Quality:
    """Metrics of an estimator's outputs; none if the task, or the labels of the holdout, allow none.

    X: frame of shape (rows, features). y: labels of shape (rows,), or (rows, outputs) for several outputs,
    whose names are `outputs`.
    """
    truth = np.asarray(y)
    if task == "ranking" or not hasattr(estimator, "predict"):
        return Quality({})
    if task == MULTIOUTPUT:
        predicted = np.asarray(estimator.predict(X), dtype=float)
        return Quality(_by_output(outputs, map(_of_numbers, predicted.T, truth.astype(float).T)))
    if task == MULTILABEL:
        return Quality(_by_output(outputs, _of_labels(estimator, X, truth.astype(int).T)))
    if task == "regression":
        predicted = np.asarray(estimator.predict(X), dtype=float).reshape(-1)
        known = np.isfinite(predicted)
        found = _of_numbers(predicted[known], truth[known].astype(float)) if known.any() else {}
    elif task == "classification":
        predicted = np.asarray(estimator.predict(X)).reshape(-1)
        known = np.array([label is not None for label in predicted.tolist()])
        found = _of_classes(estimator, X, truth, predicted, known) if known.any() else {}
    else:
        return Quality({})
    return Quality(found, int((~known).sum()))


def _by_output(outputs: Sequence[str], found: Any) -> dict[str, float]:
    return {
        f"{name}_{output}": value
        for output, metrics in zip(outputs, found, strict=True)
        for name, value in metrics.items()
    }


def _of_numbers(predicted: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    error = predicted - truth
    return {"rmse": float(np.sqrt(np.mean(error**2))), "mae": float(np.mean(np.abs(error)))}


def _of_labels(estimator: Any, X: Any, truth: np.ndarray) -> list[dict[str, float]]:
    """Metrics of each label, from `truth` of shape (labels, rows)."""
    predicted = labels_given(estimator.predict(X))
    found = [{"accuracy": float(np.mean(one == own))} for one, own in zip(predicted, truth, strict=True)]
    if not hasattr(estimator, "predict_proba"):
        return found
    scores = scores_of_labels(estimator.predict_proba(X))
    both = (
        _of_scores(np.column_stack([1 - one, one]), own, [0, 1])
        for one, own in zip(scores, truth, strict=True)
    )
    return [{**accuracy, **of_scores} for accuracy, of_scores in zip(found, both, strict=True)]


def _of_classes(
    estimator: Any, X: Any, truth: np.ndarray, predicted: np.ndarray, known: np.ndarray
) -> dict[str, float]:
    """Metrics of the rows that are `known`; of scores only where the estimator knows all of their classes."""
    truth = truth[known]
    found = {"accuracy": float(np.mean(predicted[known] == truth))}
    classes = list(estimator.classes_)
    if not hasattr(estimator, "predict_proba") or not set(truth.tolist()) <= set(classes):
        return found
    return {**found, **_of_scores(np.asarray(estimator.predict_proba(X))[known], truth, classes)}


def _of_scores(scores: np.ndarray, truth: np.ndarray, classes: list[Any]) -> dict[str, float]:
    from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

    loss = {"log_loss": float(log_loss(truth, scores, labels=classes))}
    if len(classes) != 2 or len(set(truth.tolist())) != 2:
        return loss
    positive = (truth == classes[1]).astype(int)
    return {
        **loss,
        "roc_auc": float(roc_auc_score(positive, scores[:, 1])),
        "brier": float(brier_score_loss(positive, scores[:, 1])),
    }
