"""Quality on the rows that were held out, under the names that `performance` uses."""

from __future__ import annotations

from typing import Any

import numpy as np


def measured(estimator: Any, task: str, X: Any, y: Any) -> dict[str, float]:
    """Metrics of an estimator's outputs; empty if the task, or the labels of the holdout, allow none."""
    truth = np.asarray(y)
    if task == "regression":
        error = np.asarray(estimator.predict(X), dtype=float).reshape(-1) - truth.astype(float)
        return {"rmse": float(np.sqrt(np.mean(error**2))), "mae": float(np.mean(np.abs(error)))}
    if task != "classification":
        return {}
    found = {"accuracy": float(np.mean(np.asarray(estimator.predict(X)).reshape(-1) == truth))}
    classes = list(estimator.classes_)
    if not hasattr(estimator, "predict_proba") or not set(truth.tolist()) <= set(classes):
        return found
    return {**found, **_of_scores(np.asarray(estimator.predict_proba(X)), truth, classes)}


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
