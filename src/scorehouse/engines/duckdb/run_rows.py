"""Rows of the run log, written through a DuckDB connection.

A run begins with a row `started`, which is committed before anything is scored. Whoever closes the run takes
that row away and writes how it ended, in one transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import duckdb

from scorehouse.errors import ScorehouseError
from scorehouse.scoring.runlog import FAILED, STARTED, SUCCESS, RunRecord


def log_start(session: duckdb.DuckDBPyConnection, record: RunRecord) -> None:
    """Write the row that a run begins with, on a connection of its own, which commits it."""
    with session.cursor() as cursor:
        _insert(cursor, record.request.run_log, record.to_row(STARTED, is_ended=False))


def log_end(
    connection: duckdb.DuckDBPyConnection, records: Sequence[RunRecord], status: str = SUCCESS
) -> None:
    """Write how a run ended; it commits with whatever transaction the connection is in.

    Under dbt's own materializations the status stays `started` until dbt has put the table in its place, and
    the hook at the end of the dbt run changes it.
    """
    _delete_started(connection, records[0])
    for record in records:
        _insert(connection, record.request.run_log, record.to_row(status))


def log_failure(session: duckdb.DuckDBPyConnection, record: RunRecord, error: Exception) -> None:
    """Write the row of a failed run on a connection of its own, since the run's own rolls back."""
    cursor = session.cursor()
    try:
        cursor.begin()
        _delete_started(cursor, record)
        _insert(cursor, record.request.run_log, record.to_row(FAILED, error=error))
        cursor.commit()
    except duckdb.Error as second:  # the row `started` stands, and the hook at the end tries again
        if isinstance(error, ScorehouseError):
            error.add_note(f"(the run log could not be written either: {second})")
    finally:
        cursor.close()


def _delete_started(connection: duckdb.DuckDBPyConnection, record: RunRecord) -> None:
    request = record.request
    connection.execute(
        f"delete from {request.run_log} where parent_run_id = ? and status = ?", [request.run_id, STARTED]
    )


def _insert(connection: duckdb.DuckDBPyConnection, run_log: str, row: dict[str, Any]) -> None:
    marks = ", ".join("?" for _ in row)
    connection.execute(f"insert into {run_log} ({', '.join(row)}) values ({marks})", list(row.values()))
