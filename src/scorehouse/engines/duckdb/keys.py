"""The key of the feature table, counted in one pass over only its columns."""

from __future__ import annotations

import re

import duckdb
import pyarrow as pa

from scorehouse.engines.duckdb.sql import column_list, quote
from scorehouse.engines.source import check_counts

# For integers that lie close together, a bit set proves uniqueness at a tenth of the cost of hashing.
BITS_PER_ROW = 64
LARGEST_RANGE = 2**29  # 64 MiB of bits
SPACE = r"(?:\s|--[^\n]*\n|/\*.*?\*/)"
NAME = r'(?:"[^"]+"|\w+)'
WHOLE_TABLE = re.compile(
    rf"\({SPACE}*select{SPACE}+\*{SPACE}+from{SPACE}+({NAME}(?:\.{NAME}){{0,2}}){SPACE}*\)",
    re.IGNORECASE | re.DOTALL,
)


def stored_name(table: str) -> str | None:
    """The name of the table or view that a relation in SQL reads as a whole; None if it is a query."""
    found = WHOLE_TABLE.fullmatch(table)
    return found[1] if found else None


def check_keys(
    cursor: duckdb.DuckDBPyConnection,
    table: str,
    keys: list[str],
    call: str,
    *,
    unique: bool,
    span: tuple[int, int] | None = None,
) -> int:
    """Count the rows, and refuse a key that is NULL or, if it has to be `unique`, is there twice.

    `span` is the range of a key of integers that lie close together, where it is known.
    """
    quoted = column_list(keys)
    missing = " or ".join(f"{quote(key)} is null" for key in keys)
    span = span or (_span(cursor, table, keys) if unique else None)
    if not unique:
        different = "count(*)"
    elif span:
        different = f"coalesce(bit_count(bitstring_agg({quoted}, {span[0]}, {span[1]})), 0)"
    else:
        different = f"count(distinct {quoted if len(keys) == 1 else f'({quoted})'})"
    counts = cursor.execute(
        f"select count(*), count(*) filter ({missing}), {different} from {table}"
    ).fetchall()[0]
    twice = (
        f"select {quoted}, count(*) from {table} group by {quoted} having count(*) > 1 order by all limit 3"
    )
    return check_counts(call, keys, counts, lambda: cursor.execute(twice).fetchall())


def _span(cursor: duckdb.DuckDBPyConnection, table: str, keys: list[str]) -> tuple[int, int] | None:
    """Minimum and maximum of a key of integers that lie close together, else None."""
    # they are known without reading only for a stored table
    if len(keys) != 1 or stored_name(table) is None:
        return None
    key = quote(keys[0])
    reader = cursor.sql(f"select {key} from {table} limit 0").to_arrow_reader(1)
    reader.read_all()
    if not pa.types.is_integer(reader.schema.field(0).type):
        return None
    low, high, rows = cursor.execute(f"select min({key}), max({key}), count(*) from {table}").fetchall()[0]
    if low is None or high - low >= min(BITS_PER_ROW * rows, LARGEST_RANGE):
        return None
    return low, high
