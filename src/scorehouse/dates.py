"""Dates and timestamps as numbers, by steps of a pipeline that every backend can store as data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin

from scorehouse.errors import EstimatorError, did_you_mean, listed
from scorehouse.training import days_since_epoch, instants_of

# By part, its number from datetime64[us] of UTC; NumPy cuts off towards the past.
PARTS: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {
    "year": lambda times: _units(times, "Y") + 1970,
    "month": lambda times: _units(times, "M") % 12 + 1,
    "day": lambda times: (
        _units(times, "D") - times.astype("datetime64[M]").astype("datetime64[D]").view(int) + 1
    ),
    "weekday": lambda times: (_units(times, "D") + 3) % 7,
    "hour": lambda times: _units(times, "h") % 24,
}


class _Times(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """What steps that read times have in common: they learn names and number of their columns alone."""

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn names and number of the columns of X, of shape (rows, columns).

        Raises EstimatorError for a column that holds anything but dates and timestamps.
        """
        frame = pd.DataFrame(X)
        for name in frame.columns:
            self._check_times(frame[name], name)
        self.n_features_in_ = frame.shape[1]
        if hasattr(X, "columns"):
            self.feature_names_in_ = np.asarray(frame.columns, dtype=object)
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "n_features_in_")

    def _check_width(self, width: int) -> None:
        if width != getattr(self, "n_features_in_", width):
            raise EstimatorError(
                f"{type(self).__name__}.transform()",
                f"X has {width} columns",
                expected=f"the {self.n_features_in_} columns that it was fitted on",
                action="pass the columns that were given to fit()",
            )

    def _check_times(self, column: pd.Series, name: Any) -> None:
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
            f"{type(self).__name__}.fit()",
            f"the column {name!r} holds {found}",
            expected="dates or timestamps",
            action="choose the columns of dates and timestamps, such as by "
            'make_column_selector(dtype_include=["datetime", "datetimetz"]), or cast the column in its query',
        )


class DaysSinceEpoch(OneToOneFeatureMixin, _Times):  # type: ignore[misc]
    """Convert dates and timestamps to days since 1970-01-01 UTC: one column of float64 for each.

    A date counts as its midnight, and a timestamp without a time zone as UTC. What is finer than a
    microsecond is cut off, towards the past. A missing value becomes NaN. Every backend of a version holds
    this step as data: SQL, trees, matrix products and reasons.
    """

    def transform(self, X: Any) -> np.ndarray:
        """Days, of shape (rows, columns). Raises EstimatorError for another number of columns than in fit."""
        days = days_since_epoch(X)
        self._check_width(days.shape[1])
        return days


class CalendarParts(_Times):
    """Parts of dates and timestamps in UTC as float64: for each column, one for each of `parts`.

    `parts` are among `year`, `month` (from 1), `day` (of the month, from 1), `weekday` (0 is Monday) and
    `hour`. A date counts as its midnight, and a timestamp without a time zone as UTC: for local time, convert
    it in the feature model. A missing value becomes NaN. Every backend of a version holds this step as data.
    """

    def __init__(self, parts: Sequence[str] = ("month", "weekday", "hour")) -> None:
        self.parts = parts

    def fit(self, X: Any, y: Any = None) -> Self:
        """As other steps of this kind. Raises EstimatorError for a part that is not known, too."""
        given = [self.parts] if isinstance(self.parts, str) else list(self.parts)
        if unknown := [part for part in given if part not in PARTS]:
            raise EstimatorError(
                "CalendarParts.fit()",
                f"parts has {unknown[0]!r}",
                expected=f"a list among {listed(PARTS)}",
                action=f"correct it{did_you_mean(unknown[0], PARTS)}",
            )
        return super().fit(X, y)

    def transform(self, X: Any) -> np.ndarray:
        """Numbers, of shape (rows, columns x parts), all parts of the first column first."""
        times = instants_of(X)
        self._check_width(times.shape[1])
        made = np.stack([PARTS[part](times) for part in self.parts], axis=2).astype(np.float64)
        made[np.isnat(times)] = np.nan
        return made.reshape(len(times), -1)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """`<column>_<part>`; columns without a name are called x0, x1 and so on."""
        plain = [f"x{number}" for number in range(self.n_features_in_)]
        names = input_features if input_features is not None else getattr(self, "feature_names_in_", plain)
        return np.asarray([f"{name}_{part}" for name in names for part in self.parts], dtype=object)


def _units(times: np.ndarray, unit: str) -> np.ndarray:
    """Whole units since 1970."""
    return times.astype(f"datetime64[{unit}]").astype(np.int64)
