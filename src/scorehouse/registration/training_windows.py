"""When training rows were recorded: their windows, from a time or a cluster per row, and ages of dates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from scorehouse.errors import ConfigurationError, listed
from scorehouse.registration.reference_windows import Floats, Windows

UNITS = {"day": "D", "week": "W-SUN", "month": "M"}  # weeks begin on Monday, as date_trunc's do
FEWEST_WINDOWS, FEWEST_ROWS = 8, 20
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


def is_dated(kind: pa.DataType) -> bool:
    """Whether values of this type are dates or timestamps."""
    return bool(pa.types.is_date(kind) or pa.types.is_timestamp(kind))


def training_windows(X: Any, batch: pa.RecordBatch, time: Any, cluster: Any, call: str) -> Recorded:
    """Days, weeks and months of `time`, or the clusters; each the name of a column of X, or a value per row.

    `batch` are the rows of X. A unit counts if training has at least eight windows of it, with twenty rows
    each on average. A time with fewer is refused, unless features hold dates, whose ages it tells all the
    same.
    """
    rows = batch.num_rows
    if time is not None and cluster is not None:
        raise ConfigurationError(
            call,
            "time and cluster are both given",
            expected="one of them: windows of time already contain what their clusters do",
            action="leave cluster out",
        )
    if time is not None:
        dated = any(is_dated(field.type) for field in batch.schema)
        return _of_time(_values("time", time, X, rows, call), rows, call, dated)
    if cluster is None:
        return Recorded()
    codes = pd.factorize(_values("cluster", cluster, X, rows, call), use_na_sentinel=False)[0]
    if codes.max() + 1 < FEWEST_WINDOWS:
        raise _too_few("cluster", f"{codes.max() + 1} values", f"at least {FEWEST_WINDOWS} clusters", call)
    return Recorded((Windows("cluster", codes),))


def _of_time(values: pd.Series, rows: int, call: str, dated: bool) -> Recorded:
    try:
        moments = pd.to_datetime(values)
        has_zone = moments.dt.tz is not None
        moments = moments.dt.tz_convert("UTC").dt.tz_localize(None) if has_zone else moments
    except (ValueError, TypeError, AttributeError) as error:
        raise ConfigurationError(
            call,
            f"time cannot be read as dates ({error})",
            expected="a date or timestamp per training row",
            action="pass the time that each row is about, such as its snapshot date",
        ) from error
    if moments.isna().any():
        raise ConfigurationError(
            call,
            f"time is missing in {int(moments.isna().sum())} of {rows} rows",
            expected="a date or timestamp per training row",
            action="fill it, or leave time out",
        )
    found = []
    for unit, period in UNITS.items():
        codes, known = pd.factorize(moments.dt.to_period(period), sort=True)
        if len(known) >= FEWEST_WINDOWS and rows >= FEWEST_ROWS * len(known):
            found.append(Windows(unit, np.asarray(codes)))
    if not found and not dated:
        days = moments.dt.normalize().nunique()
        expected = f"at least {FEWEST_WINDOWS} days, weeks or months, with {FEWEST_ROWS} rows each on average"
        raise _too_few("time", f"{days} days in {rows} rows", expected, call)
    return Recorded(tuple(found), Times(moments, has_zone))


def _too_few(name: str, found: str, expected: str, call: str) -> ConfigurationError:
    action = f"leave {name} out: rows are then judged as independent"
    return ConfigurationError(call, f"{name} has {found}", expected=expected, action=action)


def _values(name: str, given: Any, X: Any, rows: int, call: str) -> pd.Series:
    """One value per row: a column of X, or what was given."""
    if isinstance(given, str):
        columns = list(getattr(X, "columns", getattr(X, "column_names", [])))
        if given not in columns:
            raise ConfigurationError(
                call,
                f"{name} is {given!r}, which is no column of X",
                expected=f"one of {listed(columns)}, or a value per row" if columns else "a value per row",
                action=f"correct {name}",
            )
        given = X[given]
    given = given.to_pandas() if hasattr(given, "to_pandas") else given
    if not hasattr(given, "__len__") or isinstance(given, (bytes, dict, set)) or len(given) != rows:
        found = f"{len(given)} values" if hasattr(given, "__len__") else f"a {type(given).__name__}"
        raise ConfigurationError(
            call,
            f"{name} is {found} for {rows} training rows",
            expected="the name of a column of X, or a value per row",
            action=f"correct {name}",
        )
    return pd.Series(np.asarray(given) if not isinstance(given, pd.Series) else given.reset_index(drop=True))


def _seconds(values: pd.Series) -> Floats:
    """Whole seconds since 1970; of a missing value, any."""
    micros = values.to_numpy(dtype="datetime64[us]").astype("int64")
    return np.floor_divide(micros, 1_000_000).astype(float)
