"""What each task needs from an estimator, and the columns that it produces.

One class per task; `TASK_OUTPUTS` lists them. Every class turns X, in the form that the estimator needs,
into Arrow arrays with the names of the prediction table's columns.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from scorehouse.errors import EstimatorError
from scorehouse.kernel import arrays
from scorehouse.kernel import compute as pc
from scorehouse.kernel.lines import first_largest, is_shared
from scorehouse.registry.version import MULTILABEL, MULTIOUTPUT, Version

SCORE_METHODS = ("predict_proba", "decision_function")
PLACE = "place"  # of a label among the classes
NEAR = 1e-9  # of the middle between two labels, where rounding decides and the estimator itself is asked


class TaskOutputs(ABC):
    """The outputs of a version: their Arrow fields, and the function that computes them."""

    fields: Sequence[pa.Field]

    def __init__(self, version: Version) -> None:
        self.version = version

    @abstractmethod
    def predict(self, estimator: Any, features: Any) -> list[pa.Array]:
        """An array for each of the fields."""

    def with_places(self, rows: pa.Table) -> pa.Table:
        """A few rows, with the place of each label among the classes, which no edit of these changes."""
        return rows

    def with_labels(self, rows: pa.Table) -> pa.Table:
        """Rows of `with_places`, with the labels that the registry's threshold and classes decide now."""
        return rows


def require_method(estimator: Any, method: str, task: str, call: str) -> None:
    """Raise EstimatorError when the estimator lacks a method that its task needs."""
    if not hasattr(estimator, method):
        raise EstimatorError(
            call,
            f"{type(estimator).__name__} has no method {method!r}",
            expected=f"an estimator with {method!r}, which the task {task!r} needs",
            action="register the estimator under the task that it was fitted for",
        )


def _reached(scores: pa.ChunkedArray, threshold: float) -> list[int | None]:
    """1 for each score that reaches the threshold, 0 for others, None for none."""
    return [None if score is None else int(score >= threshold) for score in scores.to_pylist()]


def _places(labels: pa.Array, classes: pa.Array) -> pa.Array:
    """The place of each label among the classes; ValueError for a label that is none of them."""
    places = pc.index_in(labels, value_set=classes.cast(labels.type))
    if places.null_count > labels.null_count:
        unknown = labels.filter(pc.is_null(places)).drop_null()[0].as_py()
        raise ValueError(f"it gives the label {unknown!r}, which is none of {classes.to_pylist()}")
    return places


def _is_pipeline(estimator: Any) -> bool:
    # not loaded, or being loaded by another thread: then it is none
    pipeline = getattr(sys.modules.get("sklearn.pipeline"), "Pipeline", None)
    return pipeline is not None and isinstance(estimator, pipeline)


class Classification(TaskOutputs):
    """Label and score: for two classes the score of the positive (second) one, for more one per class."""

    def __init__(self, version: Version) -> None:
        super().__init__(version)
        self.labels = arrays.array(version.classes)
        self.binary = len(version.classes) == 2
        names = ["score"] if self.binary else version.score_columns
        scores = [] if version.score_method == "none" else [pa.field(name, pa.float64()) for name in names]
        self.fields = [pa.field("prediction", self.labels.type), *scores]

    def predict(self, estimator: Any, features: Any) -> list[pa.Array]:
        if self.version.score_method == "none":
            return [self._labels_of(estimator, features)]
        scores = np.asarray(getattr(estimator, self.version.score_method)(features), dtype=np.float64)
        lines = np.ascontiguousarray(scores.T) if scores.ndim == 2 else scores[None, :]
        columns = lines[-1:] if self.binary else lines
        if len(columns) != len(self.fields) - 1 or len(lines) > len(self.labels):
            raise ValueError(f"it gives {len(lines)} scores per row for the classes {self.version.classes}")
        if self.version.threshold is not None and self.binary:
            positive = columns[0]
            labels = self.labels.take(arrays.of_numpy((positive >= self.version.threshold).astype(np.int64)))
        else:
            labels = self._labels(estimator, features, lines)
        return [labels, *(arrays.of_numpy(column) for column in columns)]

    def _labels(self, estimator: Any, features: Any, lines: np.ndarray) -> pa.Array:
        """Labels of the best score if that was proven equal to `predict`, else from `predict`.

        `lines` has one line of scores per class, or for two classes only the decisions for the second one.
        """
        if self.version.label_method == "predict":
            return self._labels_of(estimator, features)
        if self.binary and len(lines) == 1:
            lines = np.vstack([np.zeros_like(lines), lines])
        place, best = first_largest(lines)
        if is_shared(lines, best):  # the estimator breaks ties
            return self._labels_of(estimator, features)
        return self.labels.take(arrays.of_numpy(place))

    def _labels_of(self, estimator: Any, features: Any) -> pa.Array:
        """The estimator's own labels, as the registry calls its classes."""
        found = np.asarray(estimator.predict(features)).reshape(-1)
        own = getattr(estimator, "classes_", self.version.classes)
        own = own.tolist() if isinstance(own, np.ndarray) else list(own)
        if list(map(repr, own)) == list(map(repr, self.version.classes)):  # True equals 1
            return arrays.array(found.tolist(), self.labels.type)
        return self.labels.take(_places(arrays.array(found.tolist()), arrays.array(own)))

    def with_places(self, rows: pa.Table) -> pa.Table:
        place = {label: number for number, label in enumerate(self.version.classes)}
        places = [place.get(label) for label in rows["prediction"].to_pylist()]
        return rows.set_column(0, PLACE, arrays.array(places, pa.int64()))

    def with_labels(self, rows: pa.Table) -> pa.Table:
        places = rows[PLACE].to_pylist()
        if self.version.threshold is not None and self.binary:
            places = _reached(rows["score"], self.version.threshold)
        labels = [None if place is None else self.version.classes[place] for place in places]
        return rows.set_column(0, "prediction", arrays.array(labels, self.labels.type))


class Regression(TaskOutputs):
    """A number, or a number for each output."""

    def __init__(self, version: Version) -> None:
        super().__init__(version)
        self.fields = [pa.field(name, pa.float64()) for name in version.outputs or ["prediction"]]

    def predict(self, estimator: Any, features: Any) -> list[pa.Array]:
        numbers = np.asarray(estimator.predict(features), dtype=np.float64)
        lines = np.ascontiguousarray(numbers.T) if self.version.outputs else numbers.reshape(1, -1)
        if lines.ndim != 2 or len(lines) != len(self.fields):
            raise ValueError(f"it gives the shape {numbers.shape} for {len(self.fields)} outputs")
        return [arrays.of_numpy(line) for line in lines]


class MultilabelClassification(TaskOutputs):
    """For each label 1 or 0, and the score of 1."""

    def __init__(self, version: Version) -> None:
        super().__init__(version)
        self.has_scores = version.score_method != "none"
        fields: list[pa.Field] = []
        for column, score in zip(version.outputs, version.score_columns, strict=True):
            fields.append(pa.field(column, pa.int64()))
            if self.has_scores:
                fields.append(pa.field(score, pa.float64()))
        self.fields = fields

    def predict(self, estimator: Any, features: Any) -> list[pa.Array]:
        if not self.has_scores:
            return [arrays.of_numpy(line) for line in self._labels_of(estimator, features)]
        scores = self._checked(scores_of_labels(getattr(estimator, self.version.score_method)(features)))
        labels = self._labels(estimator, features, scores)
        return [arrays.of_numpy(line) for pair in zip(labels, scores, strict=True) for line in pair]

    def _labels(self, estimator: Any, features: Any, scores: np.ndarray) -> np.ndarray:
        """By the threshold; else by the middle of the scores if that was proven equal to `predict`."""
        if self.version.threshold is not None:
            return (scores >= self.version.threshold).astype(np.int64)
        middle = MIDDLES[self.version.score_method]
        if self.version.label_method == "predict" or (np.abs(scores - middle) <= NEAR).any():
            return self._labels_of(estimator, features)
        return (scores > middle).astype(np.int64)

    def with_labels(self, rows: pa.Table) -> pa.Table:
        if self.version.threshold is None:
            return rows
        for column, score in zip(self.version.outputs, self.version.score_columns, strict=True):
            labels = arrays.array(_reached(rows[score], self.version.threshold), pa.int64())
            rows = rows.set_column(rows.column_names.index(column), column, labels)
        return rows

    def _labels_of(self, estimator: Any, features: Any) -> np.ndarray:
        return self._checked(labels_given(estimator.predict(features)).astype(np.int64))

    def _checked(self, lines: np.ndarray) -> np.ndarray:
        if lines.ndim != 2 or len(lines) != len(self.version.outputs):
            raise ValueError(f"it gives the shape {lines.T.shape} for {len(self.version.outputs)} labels")
        return lines


MIDDLES = {"predict_proba": 0.5, "decision_function": 0.0}  # a score above it is that of the label 1


def scores_of_labels(found: Any) -> np.ndarray:
    """The scores of 1, of shape (labels, rows).

    Estimators with several labels per row give an array of shape (rows, labels), or for each label one of
    shape (rows, 2).
    """
    if isinstance(found, list) or np.ndim(found) == 3:
        return np.stack([np.asarray(one, dtype=np.float64)[:, 1] for one in found])
    return np.ascontiguousarray(np.asarray(found, dtype=np.float64).T)


def labels_given(found: Any) -> np.ndarray:
    """What `predict` of an estimator with several labels gives, of shape (labels, rows)."""
    return np.ascontiguousarray(np.asarray(found.toarray() if hasattr(found, "toarray") else found).T)


class Clustering(TaskOutputs):
    """The segment, and the distance to its centre if the estimator has centres."""

    def __init__(self, version: Version) -> None:
        super().__init__(version)
        distance = [pa.field("distance", pa.float64())] if version.score_method == "transform" else []
        self.fields = [pa.field("prediction", pa.int64()), *distance]

    def predict(self, estimator: Any, features: Any) -> list[pa.Array]:
        if _is_pipeline(estimator) and len(estimator) > 1:  # prepared once for both answers
            features, estimator = estimator[:-1].transform(features), estimator[-1]
        # not the nearest of `transform`: rounding breaks ties differently there than in `predict`
        segments = np.asarray(estimator.predict(features), dtype=np.int64)
        if self.version.score_method != "transform":
            return [arrays.of_numpy(segments)]
        distances = np.asarray(estimator.transform(features), dtype=np.float64)
        if distances.ndim == 2:  # a program gives the distance from the nearest centre alone
            distances = distances[np.arange(len(segments)), segments]
        return [arrays.of_numpy(segments), arrays.of_numpy(distances)]


class Ranking(TaskOutputs):
    """The relevance score; the rank within a group is added later, where whole groups are available."""

    fields = (pa.field("score", pa.float64()),)

    def predict(self, estimator: Any, features: Any) -> list[pa.Array]:
        scores = np.asarray(getattr(estimator, self.version.score_method)(features), dtype=np.float64)
        return [arrays.of_numpy(scores[:, 1] if scores.ndim == 2 else scores)]


class Anomaly(TaskOutputs):
    """1 for an inlier and -1 for an outlier, and the decision function (negative: outlier)."""

    fields = (pa.field("prediction", pa.int64()), pa.field("score", pa.float64()))

    def predict(self, estimator: Any, features: Any) -> list[pa.Array]:
        scores = np.asarray(estimator.decision_function(features), dtype=np.float64).reshape(-1)
        if self.version.label_method == "sign":
            labels = np.where(scores < 0, -1, 1)
        else:
            labels = np.asarray(estimator.predict(features))
        return [arrays.of_numpy(labels.astype(np.int64)), arrays.of_numpy(scores)]


TASK_OUTPUTS: dict[str, type[TaskOutputs]] = {
    "classification": Classification,
    MULTILABEL: MultilabelClassification,
    "regression": Regression,
    MULTIOUTPUT: Regression,
    "clustering": Clustering,
    "ranking": Ranking,
    "anomaly": Anomaly,
}


def outputs_of(version: Version) -> TaskOutputs:
    """The outputs of a registered version."""
    return TASK_OUTPUTS[version.task](version)
