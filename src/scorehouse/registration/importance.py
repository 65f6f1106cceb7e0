"""Importance of each feature: how much worse, or how different, the outputs are without its information.

The values of one feature are shuffled among the rows, which keeps its distribution and breaks its link
with everything else (Breiman 2001, "Random Forests", section 10). No estimator is fitted again.
Coefficients and impurities are not used: they ignore the scale of a feature, or favor features with many
values. Features with the same information share their importance, or hide it from each other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from sklearn.metrics import roc_auc_score

from scorehouse.kernel import arrays
from scorehouse.kernel.scorer import REJECT_REASON, Kernel
from scorehouse.registry.signature_rows import Importance
from scorehouse.registry.version import MULTILABEL, MULTIOUTPUT

SAMPLE_ROWS = 2_000
LEAST_ROWS = 100
REPEATS = 5
STACKED_ROWS = 10_000  # that are scored in one call
PREDICTIONS = 200_000  # costs about as much as the counts of the reference
SEED = 7
DIGITS = 6
SMALLEST = np.finfo(np.float64).eps  # as scikit-learn clips probabilities in log_loss

Loss = Callable[[pa.RecordBatch, np.ndarray], float]


@np.errstate(over="ignore", invalid="ignore")  # a loss may be infinite
def importance_of(
    kernel: Kernel,
    batch: pa.RecordBatch,
    labels: Any = None,
    told: Callable[[int, int], None] = lambda done, of: None,
) -> Importance:
    """Measure the importance of all features on a sample of the rows of `batch`.

    `labels` are the labels of the rows, if there are any. The sample and the shuffling have a fixed seed, and
    the number of predictions is limited, so the same rows give the same shares at a known cost. `told` is
    called with the number of measured features and of all features. A kernel with a backend that was proven
    equal gives the estimator's shares, up to the tolerance of that proof; ranks could differ only between
    scores that are that close.
    """
    rng = np.random.default_rng(SEED)
    batch, labels = _sample(batch, labels, rng)
    before = kernel(batch)
    scored = pc.is_null(before.column(REJECT_REASON))
    batch, before = batch.filter(scored), before.filter(scored)
    name, loss = _loss(kernel, before, None if labels is None else labels[scored.to_numpy(False)])
    rows = batch.num_rows
    shuffles = [rng.permutation(rows) for _ in range(REPEATS)]
    own = loss(before, np.arange(rows)) if rows else 0.0
    changes: dict[str, float] = {}
    together = max(1, STACKED_ROWS // max(1, REPEATS * rows))
    names = batch.schema.names
    for start in range(0, len(names), together):
        positions = range(start, min(start + together, len(names)))
        after = kernel(_shuffled(batch, positions, shuffles))
        for place, position in enumerate(positions):
            part = after.slice(place * REPEATS * rows, REPEATS * rows)
            losses = _losses(part, rows, loss)
            changes[names[position]] = max(0.0, float(np.mean(losses)) - own) if losses else 0.0
        told(len(changes), len(names))
    if not math.isfinite(sum(changes.values())):  # an infinite loss is all that counts
        changes = {feature: float(math.isinf(change)) for feature, change in changes.items()}
    total = sum(changes.values())
    shares = {feature: round(change / total, DIGITS) if total else 0.0 for feature, change in changes.items()}
    return Importance(f"permutation:{name}", shares)


def _losses(after: pa.RecordBatch, rows: int, loss: Loss) -> list[float]:
    """The loss of each shuffle, over the rows that were scored."""
    kept = np.flatnonzero(pc.is_null(after.column(REJECT_REASON)).to_numpy(False))
    parts = [kept[(kept >= i * rows) & (kept < (i + 1) * rows)] for i in range(REPEATS)]
    return [loss(after.take(arrays.of_numpy(part)), part % rows) for part in parts if len(part)]


def _sample(
    batch: pa.RecordBatch, labels: Any, rng: np.random.Generator
) -> tuple[pa.RecordBatch, np.ndarray | None]:
    """Rows to measure on; if there are labels, only rows with a label."""
    values = None if labels is None else np.asarray(labels)
    if values is not None and values.ndim > 2:
        values = None
    known = np.arange(batch.num_rows) if values is None else np.flatnonzero(_is_known(values))
    if not len(known):
        known, values = np.arange(batch.num_rows), None
    size = PREDICTIONS // (REPEATS * max(batch.num_columns, 1))
    size = min(SAMPLE_ROWS, max(LEAST_ROWS, size), len(known))
    chosen = np.sort(rng.choice(known, size, replace=False))
    return batch.take(pa.array(chosen)), None if values is None else values[chosen]


def _is_known(values: np.ndarray) -> np.ndarray:
    """Which rows have a label; of several outputs, one for each."""
    if values.ndim == 2:
        return np.all([_is_known(column) for column in values.T], axis=0)
    return np.array([value is not None and value == value for value in values.tolist()], dtype=bool)


def _shuffled(batch: pa.RecordBatch, positions: range, shuffles: list[np.ndarray]) -> pa.RecordBatch:
    """The batch once per position and shuffle, with the column at that position in the shuffle's order."""
    stretch = batch.num_rows * len(shuffles)
    rows = np.tile(np.arange(batch.num_rows), len(shuffles) * len(positions))
    order = np.concatenate(shuffles)
    plain = pa.array(rows)
    columns = []
    for number, column in enumerate(batch.columns):
        indices: pa.Array = plain
        if number in positions:
            mine = rows.copy()
            place = positions.index(number)
            mine[place * stretch : (place + 1) * stretch] = order
            indices = arrays.of_numpy(mine)
        columns.append(column.take(indices))
    return pa.RecordBatch.from_arrays(columns, schema=batch.schema)


def _loss(kernel: Kernel, before: pa.RecordBatch, labels: np.ndarray | None) -> tuple[str, Loss]:
    """Name and function of the loss; the function maps (outputs, the positions of their rows) to a number."""
    version, task = kernel.version, kernel.version.task
    if labels is not None and len(labels):
        if labels.ndim == 2:
            if task == MULTILABEL:
                return _multilabel(kernel, labels.astype(np.int64))
            if task != MULTIOUTPUT:
                return _change(kernel, before)
            return "scaled_squared_error", _scaled_error(list(version.outputs), labels.astype(np.float64))
        if task == "regression":
            return "squared_error", _squared_error(labels.astype(np.float64))
        if task == "ranking" and len(np.unique(labels)) > 1:
            return _ranking(labels.astype(np.float64))
        if task == "classification":
            classes = {label: place for place, label in enumerate(version.classes)}
            truth = np.array([classes.get(label, -1) for label in labels.tolist()])
            if (truth >= 0).all():
                return _classification(kernel, truth)
    return _change(kernel, before)


def _squared_error(truth: np.ndarray) -> Loss:
    def loss(outputs: pa.RecordBatch, rows: np.ndarray) -> float:
        return float(np.mean((_column(outputs, "prediction") - truth[rows]) ** 2))

    return loss


def _scaled_error(columns: list[str], truth: np.ndarray) -> Loss:
    """The mean over outputs of the squared error, in units of the variance of the output's labels.

    An output in thousands would otherwise hide one in tenths.
    """
    scales = _scales(truth.T)

    def loss(outputs: pa.RecordBatch, rows: np.ndarray) -> float:
        errors = [
            np.mean((_column(outputs, name) - labels[rows]) ** 2) / scale**2
            for name, labels, scale in zip(columns, truth.T, scales, strict=True)
        ]
        return float(np.mean(errors))

    return loss


def _scales(columns: Iterable[np.ndarray]) -> list[float]:
    """The standard deviation of each column, and 1 for a constant one."""
    return [float(column.std()) or 1.0 for column in columns]


def _ranking(truth: np.ndarray) -> tuple[str, Loss]:
    """ROC AUC for two grades of relevance, the correlation of ranks for more."""
    if len(np.unique(truth)) == 2:
        return "roc_auc", _area(truth == truth.max(), "score")

    def loss(outputs: pa.RecordBatch, rows: np.ndarray) -> float:
        return -_correlation(_ranks(truth[rows]), _ranks(_column(outputs, "score")))

    return "rank_correlation", loss


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 1; equal values get the average of their ranks."""
    return pd.Series(values).rank().to_numpy()


def _classification(kernel: Kernel, truth: np.ndarray) -> tuple[str, Loss]:
    """Log loss of probabilities; ROC AUC of the scores of two classes; else the share of wrong labels."""
    classes = kernel.version.classes
    if kernel.version.score_method == "predict_proba":
        return "log_loss", _log_loss(truth, _score_columns(kernel))
    if kernel.version.score_method != "none" and len(classes) == 2 and len(set(truth)) == 2:
        return "roc_auc", _area(truth == 1, "score")
    labels = pa.array([classes[place] for place in truth])

    def loss(outputs: pa.RecordBatch, rows: np.ndarray) -> float:
        return _unequal(outputs.column("prediction"), labels.take(pa.array(rows)))

    return "error_rate", loss


def _multilabel(kernel: Kernel, truth: np.ndarray) -> tuple[str, Loss]:
    """The mean over labels of the log loss of probabilities; else of the share of wrong labels."""
    version = kernel.version
    if version.score_method == "predict_proba":
        each = [_log_loss(own, [column]) for own, column in zip(truth.T, version.score_columns, strict=True)]
        return "log_loss", lambda outputs, rows: float(np.mean([loss(outputs, rows) for loss in each]))

    def wrong(outputs: pa.RecordBatch, rows: np.ndarray) -> float:
        found = np.column_stack([_column(outputs, name) for name in version.outputs])
        return float(np.mean(found != truth[rows]))

    return "error_rate", wrong


def _log_loss(truth: np.ndarray, columns: list[str]) -> Loss:
    def loss(outputs: pa.RecordBatch, rows: np.ndarray) -> float:
        scores = np.column_stack([_column(outputs, name) for name in columns])
        if len(columns) == 1:  # of the second class of two
            scores = np.column_stack([1 - scores[:, 0], scores[:, 0]])
        chosen = scores[np.arange(len(rows)), truth[rows]]
        return -float(np.mean(np.log(np.clip(chosen, SMALLEST, 1.0))))

    return loss


def _area(positive: np.ndarray, column: str) -> Loss:
    def loss(outputs: pa.RecordBatch, rows: np.ndarray) -> float:
        truth = positive[rows]
        if truth.all() or not truth.any():
            return -0.5
        return -float(roc_auc_score(truth, _column(outputs, column)))

    return loss


def _change(kernel: Kernel, before: pa.RecordBatch) -> tuple[str, Loss]:
    """Without labels: how far the outputs move. Cluster labels have no distance: they change or not."""
    columns = _score_columns(kernel)
    if not columns:
        labels = before.column("prediction")

        def changed(outputs: pa.RecordBatch, rows: np.ndarray) -> float:
            return _unequal(outputs.column("prediction"), labels.take(pa.array(rows)))

        return "label_change", changed

    was = [_column(before, name) for name in columns]
    scales = _scales(was) if kernel.version.outputs else [1.0] * len(was)

    def moved(outputs: pa.RecordBatch, rows: np.ndarray) -> float:
        gaps = [
            np.abs(_column(outputs, name) - own[rows]) / scale
            for name, own, scale in zip(columns, was, scales, strict=True)
        ]
        return float(np.mean(gaps))

    return "score_change", moved


def _score_columns(kernel: Kernel) -> list[str]:
    """The numeric outputs of a version for its task; none for clusters or labels without scores."""
    version = kernel.version
    if version.task == MULTILABEL and version.score_method != "none":
        return version.score_columns
    if version.outputs:
        return list(version.outputs)
    if version.task == "regression":
        return ["prediction"]
    if version.task == "clustering" or version.score_method == "none":
        return []
    if version.task == "classification" and len(version.classes) != 2:
        return version.score_columns
    return ["score"]


def _column(batch: pa.RecordBatch, name: str) -> np.ndarray:
    return batch.column(name).to_numpy(zero_copy_only=False)


def _unequal(found: pa.Array, expected: pa.Array) -> float:
    return 1.0 - float(arrays.to_numpy(pc.equal(found, expected.cast(found.type))).mean())


def _correlation(left: np.ndarray, right: np.ndarray) -> float:
    if not left.std() or not right.std():
        return 0.0
    return float(np.corrcoef(left, right)[0, 1])
