"""Calibration of intervals and sets at registration, from rows that the fit has not seen.

The rows are those that `interval_calibration` and `set_calibration` make from labels in the warehouse.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from scorehouse.errors import ConfigurationError, listed
from scorehouse.kernel.scorer import REJECT_REASON, Kernel
from scorehouse.registry.seeds import calibration_digest
from scorehouse.registry.version import Version, text_of

Row = dict[str, str]
METHODS = {"split": "regression", "lac": "classification", "aps": "classification"}
LEVELS = (0.8, 0.85, 0.9, 0.925, 0.95, 0.96, 0.97, 0.98, 0.99)
ROUNDING = 1e-9  # products such as 20 * 0.55 are a little above the whole number


def calibration_rows(
    kernel: Kernel, batch: pa.RecordBatch, labels: Any, method: str | None, levels: Sequence[float], call: str
) -> list[Row]:
    """A row per level: the distance from prediction to label that holds this share of the labels.

    `batch` and `labels` are rows that the fit has not seen. Raises ConfigurationError if the method does not
    fit the task, if a classifier has no probabilities, if a label is no class of the ML model, or if there
    are too few labels for a level.
    """
    version = kernel.version
    method = _method_of(version, method, call)
    scored = kernel(batch)
    truth = _truth(labels, batch.num_rows, call)
    known = pc.is_null(scored.column(REJECT_REASON)).to_numpy(False) & ~_missing(truth)
    scored, truth = scored.filter(pa.array(known)), truth[known]
    if method == "split":
        distances = np.abs(_column(scored, "prediction") - truth.astype(np.float64))
        never: list[Any] = []
    else:
        places = _places(version, truth, call)
        distances = _distances(_scores(version, scored), places, method)
        never = [label for place, label in enumerate(version.classes) if place not in set(places.tolist())]
    _check_count(len(distances), levels, call)
    ordered, sets = np.sort(distances), method != "split"
    quantiles = [repr(float(ordered[_rank(len(ordered), level) - 1])) for level in levels]
    unlabelled = json.dumps([text_of(label) for label in never], ensure_ascii=False)
    return [
        {
            "ml_model": version.name,
            "version": str(version.version),
            "method": method,
            "basis": "all",
            "interval_group": "",
            "interval_level": repr(float(level)),
            "n_labelled": str(len(ordered)),
            "labels_needed": str(_needed(level)),
            "half_width": "" if sets else quantile,
            "score_quantile": quantile if sets else "",
            "status": "calibrated",
            "n_unknown": "0" if sets else "",
            "classes_without_label": unlabelled if sets else "",
        }
        for level, quantile in zip(levels, quantiles, strict=True)
    ]


def calibration_facts(rows: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """What the registry says about a calibration: its method, its rows, and the digest of the seed's rows."""
    return {
        "method": rows[0]["method"],
        "labels": int(rows[0]["n_labelled"]),
        "rows_sha256": calibration_digest(rows),
    }


def _truth(labels: Any, rows: int, call: str) -> np.ndarray:
    truth = np.asarray(labels, dtype=object)
    if truth.size != rows:
        raise ConfigurationError(
            call,
            f"the labels of calibration have the shape {truth.shape} for {rows} rows",
            expected="one label per row",
            action="pass one column of labels",
        )
    return truth.reshape(rows)


def _method_of(version: Version, method: str | None, call: str) -> str:
    found = method or {"regression": "split", "classification": "lac"}.get(version.task, "")
    if METHODS.get(found) != version.task:
        usable = [name for name, task in METHODS.items() if task == version.task]
        raise ConfigurationError(
            call,
            f"method is {method!r}, and the task is {version.task!r}",
            expected=f"one of {listed(usable)}"
            if usable
            else f"a task with intervals: {listed(sorted(set(METHODS.values())))}",
            action="correct method" if usable else "leave calibration out",
        )
    if version.task == "classification" and version.score_method != "predict_proba":
        raise ConfigurationError(
            call,
            f"calibration is given, and the estimator has no probabilities (its score is "
            f"{version.score_method!r})",
            expected="a classifier with predict_proba, since sets are made from probabilities",
            action="fit a CalibratedClassifierCV around it, or leave calibration out",
        )
    return found


def _places(version: Version, truth: np.ndarray, call: str) -> np.ndarray:
    """The place of each label among the classes."""
    of = {label: place for place, label in enumerate(version.classes)}
    given = [label.item() if isinstance(label, np.generic) else label for label in truth.tolist()]
    unknown = sorted({repr(label) for label in given if label not in of})
    if unknown:
        classes = ", ".join(map(repr, version.classes))
        raise ConfigurationError(
            call,
            f"calibration has labels that are no class of the ML model: {', '.join(unknown[:5])}",
            expected=f"the labels {classes}, or None where the label is not known",
            action="correct the labels, or leave these rows out",
        )
    return np.array([of[label] for label in given], dtype=np.int64)


def _scores(version: Version, scored: pa.RecordBatch) -> np.ndarray:
    """Scores of shape (rows, classes)."""
    if len(version.classes) == 2:
        score = _column(scored, "score")
        return np.column_stack([1.0 - score, score])
    return np.column_stack([_column(scored, name) for name in version.score_columns])


def _distances(scores: np.ndarray, places: np.ndarray, method: str) -> np.ndarray:
    """1 minus the label's score (LAC), or the sum of the scores of all likelier classes (APS)."""
    own = scores[np.arange(len(places)), places]
    if method == "lac":
        return np.asarray(1.0 - own)
    total = np.zeros(len(places))
    for column in scores.T:  # in the order of the classes, as the SQL adds them
        total += np.where(column > own, column, 0.0)
    return total


def _check_count(count: int, levels: Sequence[float], call: str) -> None:
    for level in levels:
        if _rank(count, level) > count:
            raise ConfigurationError(
                call,
                f"calibration has {count} rows with a label and a prediction, and the level {level} takes "
                f"{_needed(level)}",
                expected=f"at least {max(map(_needed, levels))} rows for the levels {listed(levels)}",
                action="pass more rows that the fit has not seen, or lower levels, such as levels=[0.9]",
            )


def _rank(count: int, level: float) -> int:
    return math.ceil((count + 1) * level - ROUNDING)


def _needed(level: float) -> int:
    return math.ceil(level / (1.0 - level) - ROUNDING)


def _column(scored: pa.RecordBatch, name: str) -> np.ndarray:
    return np.asarray(scored.column(name).to_numpy(zero_copy_only=False), dtype=np.float64)


def _missing(values: np.ndarray) -> np.ndarray:
    """Whether each label is None, NaN, a pandas NA or infinite: it says nothing about an error."""
    found = pd.isna(values)
    numbers = [isinstance(value, float) and math.isinf(value) for value in values.tolist()]
    return np.asarray(found | np.array(numbers, dtype=bool))
