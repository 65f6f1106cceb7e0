"""Rows of the run log, written through a DuckDB connection."""

from __future__ import annotations

import duckdb

from scorehouse.errors import ScorehouseError
from scorehouse.runlog import RunRecord


def insert_run(
    connection: duckdb.DuckDBPyConnection, record: RunRecord, error: Exception | None = None
) -> None:
    """Write the run's row; it commits with whatever transaction the connection is in."""
    row = record.to_row(error)
    marks = ", ".join("?" for _ in row)
    connection.execute(
        f"insert into {record.request.run_log} ({', '.join(row)}) values ({marks})", list(row.values())
    )


def log_failure(session: duckdb.DuckDBPyConnection, record: RunRecord, error: Exception) -> None:
    """Write the row of a failed run on a connection of its own, since the run's own rolls back."""
    cursor = session.cursor()
    try:
        insert_run(cursor, record, error)
    except duckdb.Error as second:
        if isinstance(error, ScorehouseError):
            error.add_note(f"(the run log could not be written either: {second})")
    finally:
        cursor.close()
