"""Importance of each feature: how much worse, or how different, the outputs are without its information.

The values of one feature are shuffled among the rows, which keeps its distribution and breaks its link
with everything else (Breiman 2001, "Random Forests", section 10). No estimator is fitted again.
Coefficients and impurities are not used: they ignore the scale of a feature, or favor features with many
values. Features with the same information share their importance, or hide it from each other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from sklearn.metrics import roc_auc_score

from scorehouse.kernel import arrays
from scorehouse.kernel.rows import texts_encoded
from scorehouse.kernel.scorer import REJECT_REASON, Kernel
from scorehouse.registry.seeds import Importance
from scorehouse.registry.version import MULTILABEL, MULTIOUTPUT, Version

SAMPLE_ROWS = 2_000
LEAST_ROWS = 100
REPEATS = 5
STACKED_ROWS = 10_000  # that are scored in one call
PREDICTIONS = 200_000  # costs about as much as the counts of the reference
SEED = 7
DIGITS = 6
SMALLEST = np.finfo(np.float64).eps  # as scikit-learn clips probabilities in log_loss


@dataclass(frozen=True)
class Loss:
    """What is measured: `compare` of the `truth` of rows and what a kernel gives for them in these columns.

    Both are arrays of shape (rows, columns).
    """

    name: str
    columns: Sequence[str]
    truth: np.ndarray
    compare: Callable[[np.ndarray, np.ndarray], float]

    def of(self, outputs: pa.RecordBatch, rows: np.ndarray) -> float:
        """The loss of outputs that belong to these positions among the rows."""
        return self.compare(self.truth[rows], _values(outputs, self.columns))


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
    batch = texts_encoded(batch)
    before = kernel(batch)
    scored = pc.is_null(before.column(REJECT_REASON))
    batch, before = batch.filter(scored), before.filter(scored)
    loss = _loss(kernel.version, before, None if labels is None else labels[scored.to_numpy(False)])
    rows = batch.num_rows
    shuffles = [rng.permutation(rows) for _ in range(REPEATS)]
    own = loss.of(before, np.arange(rows)) if rows else 0.0
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
    return Importance(f"permutation:{loss.name}", shares)


def _losses(after: pa.RecordBatch, rows: int, loss: Loss) -> list[float]:
    """The loss of each shuffle, over the rows that were scored."""
    kept = np.flatnonzero(pc.is_null(after.column(REJECT_REASON)).to_numpy(False))
    parts = [kept[(kept >= i * rows) & (kept < (i + 1) * rows)] for i in range(REPEATS)]
    return [loss.of(after.take(arrays.of_numpy(part)), part % rows) for part in parts if len(part)]


def _sample(
    batch: pa.RecordBatch, labels: Any, rng: np.random.Generator
) -> tuple[pa.RecordBatch, np.ndarray | None]:
    """Rows to measure on; if there are labels, only rows with a label; of several outputs, one for each."""
    values = None if labels is None else np.asarray(labels)
    known = np.arange(batch.num_rows)
    if values is not None and values.ndim <= 2:
        known = np.flatnonzero(~pd.isna(values).reshape(len(values), -1).any(axis=1))
    else:
        values = None
    if not len(known):
        known, values = np.arange(batch.num_rows), None
    size = PREDICTIONS // (REPEATS * max(batch.num_columns, 1))
    size = min(SAMPLE_ROWS, max(LEAST_ROWS, size), len(known))
    chosen = np.sort(rng.choice(known, size, replace=False))
    return batch.take(pa.array(chosen)), None if values is None else values[chosen]


def _shuffled(batch: pa.RecordBatch, positions: range, shuffles: list[np.ndarray]) -> pa.RecordBatch:
    """The batch once per position and shuffle, with the column at that position in the shuffle's order."""
    stretch = batch.num_rows * len(shuffles)
    rows = np.tile(np.arange(batch.num_rows), len(shuffles) * len(positions))
    columns = []
    for number, column in enumerate(batch.columns):
        indices = rows.copy()
        if number in positions:
            start = positions.index(number) * stretch
            indices[start : start + stretch] = np.concatenate(shuffles)
        columns.append(column.take(arrays.of_numpy(indices)))
    return pa.RecordBatch.from_arrays(columns, schema=batch.schema)


def _loss(version: Version, before: pa.RecordBatch, labels: np.ndarray | None) -> Loss:
    """How far outputs are from the labels; without labels that fit, from what they were `before`.

    Cluster labels have no distance: they change or not.
    """
    columns = _score_columns(version)
    if labels is not None and len(labels) and (found := _of_labels(version, columns, labels)):
        return found
    if not columns:
        return Loss("label_change", ["prediction"], _values(before, ["prediction"]), _others)
    own = _values(before, columns)
    return Loss("score_change", columns, own, partial(_moved, _scales(own) if version.outputs else 1.0))


def _of_labels(version: Version, columns: Sequence[str], labels: np.ndarray) -> Loss | None:
    """The loss of the task; None if these labels are not of it."""
    kind = (version.task, labels.ndim)
    truth = labels.reshape(len(labels), -1)
    if kind == (MULTILABEL, 2):
        return _of_classes(version, list(version.outputs), truth.astype(np.int64), truth)
    if kind == (MULTIOUTPUT, 2):  # in units of deviation: an output in thousands would hide one in tenths
        truth = truth.astype(np.float64)
        return Loss("scaled_squared_error", columns, truth, partial(_squared, _scales(truth)))
    if kind == ("regression", 1):
        return Loss("squared_error", columns, truth.astype(np.float64), partial(_squared, 1.0))
    if kind == ("ranking", 1) and len(grades := np.unique(labels.astype(np.float64))) > 1:
        if len(grades) == 2:
            return Loss("roc_auc", columns, truth == grades[1], _area)
        return Loss("rank_correlation", columns, truth.astype(np.float64), _correlation)
    if kind == ("classification", 1):
        classes = {label: place for place, label in enumerate(version.classes)}
        places = np.array([[classes.get(label, -1)] for label in labels.tolist()])
        if (places >= 0).all():
            return _of_classes(version, ["prediction"], places, truth)
    return None


def _of_classes(version: Version, predicted: list[str], places: np.ndarray, truth: np.ndarray) -> Loss:
    """Log loss of probabilities; ROC AUC of the scores of two classes; else the share of wrong labels.

    `places` are those of the labels among the classes, `truth` the labels in the columns `predicted`.
    """
    columns = _score_columns(version)
    if version.score_method == "predict_proba":
        return Loss("log_loss", columns, places, _log_loss)
    if columns == ["score"] and len(np.unique(places)) == 2:
        return Loss("roc_auc", columns, places == 1, _area)
    return Loss("error_rate", predicted, truth, _others)


def _squared(scales: Any, truth: np.ndarray, found: np.ndarray) -> float:
    return float(np.mean(((found - truth) / scales) ** 2))


def _moved(scales: Any, truth: np.ndarray, found: np.ndarray) -> float:
    return float(np.mean(np.abs(found - truth) / scales))


def _others(truth: np.ndarray, found: np.ndarray) -> float:
    """The share of other labels."""
    return float(np.mean(found != truth))


def _log_loss(places: np.ndarray, found: np.ndarray) -> float:
    """Of scores per class; or of the second of two classes, also for each of several labels."""
    if found.shape == places.shape:
        chosen = np.where(places == 1, found, 1 - found)
    else:
        chosen = np.take_along_axis(found, places, axis=1)
    return -float(np.mean(np.log(np.clip(chosen, SMALLEST, 1.0))))


def _area(positive: np.ndarray, found: np.ndarray) -> float:
    if positive.all() or not positive.any():
        return -0.5
    return -float(roc_auc_score(positive.ravel(), found.ravel()))


def _correlation(truth: np.ndarray, found: np.ndarray) -> float:
    """Of ranks, where equal values have the average of theirs; none if all are equal."""
    ranked = pd.DataFrame({"truth": truth.ravel(), "found": found.ravel()}).corr("spearman")
    return -float(np.nan_to_num(ranked.to_numpy(dtype=np.float64)[0, 1]))


def _scales(values: np.ndarray) -> list[float]:
    """The standard deviation of each column, and 1 for a constant one."""
    return [float(column.std()) or 1.0 for column in values.T]


def _score_columns(version: Version) -> list[str]:
    """The numeric outputs of a version for its task; none for clusters or labels without scores."""
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


def _values(batch: pa.RecordBatch, names: Sequence[str]) -> np.ndarray:
    return np.column_stack([batch.column(name).to_numpy(zero_copy_only=False) for name in names])
