"""The windows of the training rows, from a time or a cluster per row."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from scorehouse.errors import ConfigurationError
from scorehouse.registration.recorded import Recorded, Times
from scorehouse.registration.reference_windows import Windows

UNITS = {"day": "D", "week": "W-SUN", "month": "M"}  # weeks begin on Monday, as date_trunc's do
FEWEST_WINDOWS, FEWEST_ROWS = 8, 20


def training_windows(
    X: Any, rows: int, time: Any, cluster: Any, call: str, *, has_dates: bool = False
) -> Recorded:
    """Days, weeks and months of `time`, or the clusters; each the name of a column of X, or a value per row.

    A unit counts if training has at least eight windows of it, with twenty rows each on average. A time with
    fewer is refused, unless features `has_dates`, whose ages it tells all the same.
    """
    if time is not None and cluster is not None:
        raise ConfigurationError(
            call,
            "time and cluster are both given",
            expected="one of them: windows of time already contain what their clusters do",
            action="leave cluster out",
        )
    if time is not None:
        return _of_time(_values("time", time, X, rows, call), rows, call, has_dates)
    if cluster is None:
        return Recorded()
    codes = pd.factorize(_values("cluster", cluster, X, rows, call), use_na_sentinel=False)[0]
    if codes.max() + 1 < FEWEST_WINDOWS:
        raise _too_few("cluster", f"{codes.max() + 1} values", f"at least {FEWEST_WINDOWS} clusters", call)
    return Recorded((Windows("cluster", codes),))


def _of_time(values: pd.Series, rows: int, call: str, has_dates: bool) -> Recorded:
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
    if not found and not has_dates:
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
                expected=f"one of {columns}, or a value per row" if columns else "a value per row",
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
