"""When the training rows were recorded: their windows, and the age of each date in them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

from scorehouse.registration.reference_windows import Floats, Windows

SECONDS = 86_400.0


@dataclass(frozen=True)
class Times:
    """The time of each training row, in UTC if it has a zone."""

    values: pd.Series
    has_zone: bool

    def ends(self) -> tuple[float, float]:
        """The first and the last time, in days since 1970."""
        seconds = _seconds(self.values)
        return float(seconds.min()) / SECONDS, float(seconds.max()) / SECONDS

    def ages(self, column: pa.Array) -> Floats | None:
        """Days from each date to the time of its row, NaN for NULL; None unless the column holds dates.

        Also None if only one of the two has a time zone, since their difference depends on the session's.
        Fractions of a second are cut off, as the macro `_age_in_days` does.
        """
        if not is_dated(column.type):
            return None
        stamps = column.cast(pa.timestamp("us")) if pa.types.is_date(column.type) else column
        if (stamps.type.tz is not None) != self.has_zone:
            return None
        dates = pd.Series(
            stamps.cast(pa.timestamp("us", stamps.type.tz)).cast(pa.timestamp("us")).to_pandas()
        )
        days = (_seconds(self.values) - _seconds(dates)) / SECONDS
        return np.where(dates.isna(), np.nan, days)


@dataclass(frozen=True)
class Recorded:
    """What is known of the training rows: in which windows, or clusters, they were recorded, and when."""

    windows: tuple[Windows, ...] = ()
    times: Times | None = None

    def ages(self, column: pa.Array) -> Floats | None:
        """The ages of the dates of a column, if they can be told: see `Times.ages`."""
        return None if self.times is None else self.times.ages(column)


def is_dated(kind: pa.DataType) -> bool:
    """Whether values of this type are dates or timestamps."""
    return bool(pa.types.is_date(kind) or pa.types.is_timestamp(kind))


def has_dates(batch: pa.RecordBatch) -> bool:
    """Whether a column of the training rows holds dates or timestamps."""
    return any(is_dated(field.type) for field in batch.schema)


def _seconds(values: pd.Series) -> Floats:
    """Whole seconds since 1970; of a missing value, any."""
    micros = values.to_numpy(dtype="datetime64[us]").astype("int64")
    return np.floor_divide(micros, 1_000_000).astype(float)
