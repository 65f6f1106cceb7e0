"""The public estimators: one regressor, or one classifier, per segment.

A segment is a value of one column of X, such as a shop or a product group.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets

from scorehouse.segmented.base import Segmented, length


class SegmentedRegressor(RegressorMixin, Segmented):  # type: ignore[misc]
    """One regressor per segment, behind one estimator.

    Parameters
    ----------
    estimator: the regressor (or pipeline) that is cloned and fitted for each segment.
    by: column of X whose values are the segments: a name, or a position. The clones do not get this column.
    fallback: what scores a row whose segment is missing, is unknown, or had too few rows: `global`, a clone
        that is fitted on all rows; or `reject`, nothing: `predict` gives NaN, and scorehouse rejects the row.
    min_rows: how many rows a segment needs for an estimator of its own.
    n_jobs: how many segments are fitted at the same time, as in joblib.

    Attributes
    ----------
    segments_: the segments with an estimator of their own, sorted; `estimators_`: their estimators, in order.
    fallback_: the fitted fallback, or None. training_segments_, training_rows_: every segment of the training
    rows, and its number of rows. position_: the position of the column `by`.
    """

    def predict(self, X: Any) -> np.ndarray:
        """A number per row, of shape (rows,); NaN for a row without an estimator."""
        return self._answers(X, "predict", np.full(length(self, X), np.nan))


def _all_have(method: str) -> Callable[[Any], bool]:
    """Whether every estimator has `method`; before the fit, whether the one to clone has it."""

    def check(self: Any) -> bool:
        if not hasattr(self, "estimators_"):
            return hasattr(self.estimator, method)
        fitted = [*self.estimators_, *([self.fallback_] if self.fallback_ is not None else [])]
        if method == "decision_function" and any(len(one.classes_) < len(self.classes_) for one in fitted):
            return False
        return all(hasattr(one, method) for one in fitted)

    return check


class SegmentedClassifier(ClassifierMixin, Segmented):  # type: ignore[misc]
    """One classifier per segment, behind one estimator.

    Parameters and attributes are those of `SegmentedRegressor`. A segment whose rows all have the same class
    gets no estimator of its own. A class that a segment has not seen has the probability 0 there; then there
    is no `decision_function`. `classes_` are the classes of all rows.
    """

    def predict(self, X: Any) -> np.ndarray:
        """A label per row, of shape (rows,); None for a row without an estimator."""
        made = self._answers(X, "predict", np.full(length(self, X), None, dtype=object))
        return made if any(label is None for label in made) else made.astype(self.classes_.dtype)

    @available_if(_all_have("predict_proba"))  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any) -> np.ndarray:
        """A probability per row and class, of shape (rows, classes); NaN for a row without an estimator."""
        shape = (length(self, X), len(self.classes_))
        return self._answers(X, "predict_proba", np.full(shape, np.nan))

    @available_if(_all_have("decision_function"))  # type: ignore[untyped-decorator]
    def decision_function(self, X: Any) -> np.ndarray:
        """Of shape (rows,) for two classes, else (rows, classes); NaN for a row without an estimator."""
        rows = length(self, X)
        shape = (rows,) if len(self.classes_) == 2 else (rows, len(self.classes_))
        return self._answers(X, "decision_function", np.full(shape, np.nan))

    def _checked_labels(self, y: np.ndarray) -> np.ndarray:
        check_classification_targets(y)
        self.classes_ = np.unique(y)
        return y

    def _can_learn(self, labels: np.ndarray) -> bool:
        return bool((labels != labels[0]).any())

    def _put(self, made: np.ndarray, rows: np.ndarray, answers: np.ndarray, estimator: Any) -> None:
        if made.ndim == 1 or answers.shape[1] == made.shape[1]:
            made[rows] = answers
            return
        made[rows] = 0.0
        made[np.ix_(rows, np.searchsorted(self.classes_, estimator.classes_))] = answers
