"""Timestamps as numbers, by a step of a pipeline that every form can store as data."""

from __future__ import annotations

from datetime import date
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin

from scorehouse.errors import EstimatorError
from scorehouse.training import days_since_epoch


class DaysSinceEpoch(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Convert dates and timestamps to days since 1970-01-01 UTC: one column of float64 for each.

    A date counts as its midnight, and a timestamp without a time zone as UTC. What is finer than a
    microsecond is cut off, towards the past. A missing value becomes NaN. Every form of a version holds this
    step as data: SQL, trees, matrix products and reasons.
    """

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn names and number of the columns of X, of shape (rows, columns).

        Raises EstimatorError for a column that holds anything but dates and timestamps.
        """
        frame = pd.DataFrame(X)
        for name in frame.columns:
            _check_times(frame[name], name)
        self.n_features_in_ = frame.shape[1]
        if hasattr(X, "columns"):
            self.feature_names_in_ = np.asarray(frame.columns, dtype=object)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Days, of shape (rows, columns). Raises EstimatorError for another number of columns than in fit."""
        days = days_since_epoch(X)
        if days.shape[1] != getattr(self, "n_features_in_", days.shape[1]):
            raise EstimatorError(
                "DaysSinceEpoch.transform()",
                f"X has {days.shape[1]} columns",
                expected=f"the {self.n_features_in_} columns that it was fitted on",
                action="pass the columns that were given to fit()",
            )
        return days

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "n_features_in_")


def _check_times(column: pd.Series, name: Any) -> None:
    """Refuse numbers and strings, which pandas would read as nanoseconds and as dates of some format."""
    kind = column.dtype
    found = str(kind)
    if pd.api.types.is_object_dtype(kind):
        held = {type(value) for value in column if not pd.isna(value)}
        if all(issubclass(one, (date, np.datetime64)) for one in held):
            return
        found = " and ".join(sorted(one.__name__ for one in held))
    elif pd.api.types.is_datetime64_any_dtype(kind):
        return
    raise EstimatorError(
        "DaysSinceEpoch.fit()",
        f"the column {name!r} holds {found}",
        expected="dates or timestamps",
        action="choose the columns of dates and timestamps, such as by "
        'make_column_selector(dtype_include=["datetime", "datetimetz"]), or cast the column in its query',
    )
