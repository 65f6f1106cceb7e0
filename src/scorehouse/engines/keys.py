"""The key of the feature table: present and unique, in one pass over its columns alone."""

from __future__ import annotations

import duckdb

from scorehouse.errors import RowKeyError
from scorehouse.rescore import quote


def check_keys(
    cursor: duckdb.DuckDBPyConnection, table: str, keys: list[str], call: str, *, unique: bool = True
) -> int:
    """Count the rows, and refuse a key that is NULL or, unless `unique` is false, not unique."""
    quoted = ", ".join(quote(key) for key in keys)
    distinct = quoted if len(keys) == 1 else f"({quoted})"
    missing = " or ".join(f"{quote(key)} is null" for key in keys)
    different = f"count(distinct {distinct})" if unique else "count(*)"
    rows, nulls, found = cursor.execute(
        f"select count(*), count(*) filter ({missing}), {different} from {table}"
    ).fetchall()[0]
    if nulls:
        raise RowKeyError(
            call,
            f"{nulls} of {rows} feature rows have a NULL in the key {keys}",
            expected="a key without NULL",
            action="leave these rows out in the feature model, or give them a key",
        )
    if found != rows:
        raise RowKeyError(
            call,
            f"the key {keys} is not unique: {rows} feature rows, {found} distinct keys, "
            f"such as {_duplicates(cursor, table, quoted)}",
            expected="one feature row a key",
            action="deduplicate in the feature model, or name the columns that make a row unique",
        )
    return int(rows)


def _duplicates(cursor: duckdb.DuckDBPyConnection, table: str, quoted: str) -> str:
    examples = cursor.execute(
        f"select {quoted}, count(*) from {table} group by {quoted} having count(*) > 1 order by all limit 3"
    ).fetchall()
    return ", ".join(f"{row[:-1] if len(row) > 2 else row[0]!r} ({row[-1]} times)" for row in examples)
