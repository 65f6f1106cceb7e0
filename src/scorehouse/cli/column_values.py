"""Values of other databases, as dbt's adapters and their drivers give them, as columns of DuckDB."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa

# Types by what other databases call theirs; the first that fits.
TYPES = (
    (r"bool|bit$", "boolean"),
    (r"date(32)?$", "date"),
    (r"timestamp|datetime", "timestamp"),
    (r"u?(tiny|small|medium|big|huge|byte)?int(eger|\d+)?$|long$|short$", "bigint"),
    (r"(numeric|decimal|number)\(\d+, *0\)$", "bigint"),
    (r"float|double|real|numeric|decimal|bignumeric|number", "double"),
)
WRAPPED = re.compile(r"(?:nullable|lowcardinality)\((.*)\)")  # by ClickHouse
ARROW = {
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
    "bigint": pa.int64(),
    "double": pa.float64(),
    "varchar": pa.string(),
}


def type_of(name: str) -> str:
    """DuckDB's type for that of a column of another database."""
    name = name.lower()
    while found := WRAPPED.fullmatch(name):
        name = found[1]
    return next((own for pattern, own in TYPES if re.match(pattern, name)), "varchar")


def typed(columns: Mapping[str, Sequence[Any]], types: Mapping[str, str]) -> pa.Table:
    """Columns in these types."""

    def column(name: str) -> pa.Array:
        kind = types[name]
        values = [None if value is None else VALUES[kind](value) for value in columns[name]]
        return pa.array(values, ARROW[kind])

    return pa.table({name: column(name) for name in columns})


def inferred(values: Sequence[Any]) -> pa.Array:
    """A column of the type that its values have; of decimals, whole ones become integers, if all are."""
    numbers = [value for value in values if isinstance(value, Decimal)]
    if numbers:
        is_whole = all(value.is_finite() and value == value.to_integral_value() for value in numbers)
        made = int if is_whole and all(abs(value) < 2**63 for value in numbers) else float
        return pa.array([None if value is None else made(value) for value in values])
    if any(isinstance(value, dict | list) for value in values):
        return pa.array([None if value is None else _text(value) for value in values])
    return pa.array(values)


def widened(row: Sequence[Any], singles: Sequence[int]) -> list[Any]:
    """A row whose singles, sent in the fewest digits that tell them apart, are what SQL casts to a double."""
    values = list(row)
    for place in singles:
        if values[place] is not None:
            values[place] = float(np.float32(values[place]))
    return values


def _text(value: Any) -> str:
    return json.dumps(value) if isinstance(value, dict | list) else str(value)


def _moment(value: Any) -> datetime:
    """A time in UTC, without a zone, as in a run log on DuckDB."""
    if not isinstance(value, datetime):
        value = datetime.fromisoformat(str(value))
    return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value


def _day(value: Any) -> date:
    return value if type(value) is date else _moment(value).date()


VALUES: Mapping[str, Callable[[Any], Any]] = {
    "boolean": bool,
    "date": _day,
    "timestamp": _moment,
    "bigint": int,
    "double": float,
    "varchar": _text,
}
