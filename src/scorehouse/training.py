"""For training scripts: a feature table as a frame for scikit-learn, and timestamps as numbers."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from scorehouse.errors import ConfigurationError
from scorehouse.kernel.rows import as_double

DAY = np.timedelta64(1, "D")


def read_training(relation: Any) -> pd.DataFrame:
    """Return the rows of a DuckDB relation or Arrow table as a frame to fit on.

    DECIMAL and HUGEINT (such as a `sum` of integers) become float64, and so do integers with NULL. DATE
    and TIMESTAMP become datetime64, BOOLEAN with NULL becomes a column of True, False and None, and ENUM a
    category. The kernel passes the same table to the estimator in the same form. Raises ConfigurationError
    for anything that is not a table.
    """
    table = _as_table(relation)
    columns = [_for_training(column.combine_chunks()) for column in table.columns]
    return pa.Table.from_arrays(columns, names=table.column_names).to_pandas()


def days_since_epoch(times: Any) -> np.ndarray:
    """Convert timestamps to days since 1970-01-01 UTC, in the shape of `times`; a missing one is NaN.

    Use it as `FunctionTransformer(scorehouse.days_since_epoch)` in a pipeline: estimators take numbers.
    """
    instants = instants_of(times)
    return np.where(np.isnat(instants), np.nan, (instants - np.datetime64(0, "us")) / DAY)


def instants_of(times: Any) -> np.ndarray:
    """Dates and timestamps as datetime64[us] of UTC, of shape (rows, columns)."""
    frame = pd.DataFrame(times)
    columns = [_instants(frame.iloc[:, position]) for position in range(frame.shape[1])]
    return np.column_stack(columns) if columns else np.empty(frame.shape, "datetime64[us]")


def _instants(column: pd.Series) -> np.ndarray:
    if column.dtype == object and all(type(value) is date for value in column.dropna()):
        # which pandas 2 reads as nanoseconds, and so refuses beyond 2262
        return np.array([None if pd.isna(value) else value for value in column], dtype="datetime64[us]")
    return pd.to_datetime(column, utc=True).dt.tz_localize(None).to_numpy().astype("datetime64[us]")


def _as_table(relation: Any) -> pa.Table:
    if hasattr(relation, "__arrow_c_stream__"):
        return pa.table(relation)
    raise ConfigurationError(
        "read_training()",
        f"it was given a {type(relation).__name__}",
        expected="a DuckDB relation or an Arrow table",
        action="pass connection.sql('from features')",
    )


def _for_training(column: pa.Array) -> pa.Array:
    if pa.types.is_decimal(column.type):
        return as_double(column)
    return column.cast(pa.timestamp("us")) if pa.types.is_date(column.type) else column
