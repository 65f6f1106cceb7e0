"""Rows of the run log, written through a DuckDB connection.

A run begins with a row `started`, which is committed before anything is scored. Closing the run deletes that
row and writes how the run ended, in one transaction. In a lake that row stays beside the other, as on Spark:
there, a deletion conflicts with every run that ends at the same time.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import duckdb

from scorehouse.engines.duckdb.staging import is_duckdb, parts_of
from scorehouse.errors import ScorehouseError
from scorehouse.project.run_log_place import FAILED, STARTED, SUCCESS
from scorehouse.scoring.request import RunRecord

ROOM = 64 * 1024  # bytes: more than a row of the run log takes in the write-ahead log


def hold_room(session: duckdb.DuckDBPyConnection, run_log: str) -> IO[bytes] | None:
    """Bytes on the disk of the run log, to be freed for the row of a run that fills it; None without them.

    They are a file without a name, which the system removes when the process ends, however it ends.
    """
    found = session.execute(
        "select path from duckdb_databases() where type = 'duckdb' and database_name = "
        "coalesce(?, current_database())",
        [parts_of(run_log)[0]],
    ).fetchall()
    if not found or not found[0][0]:  # a lake or a server, or in memory
        return None
    try:
        room = tempfile.TemporaryFile(dir=Path(found[0][0]).parent)  # noqa: SIM115 (held by the run)
        room.write(os.urandom(ROOM))
        room.flush()
    except OSError:  # the disk is full already, or the folder belongs to somebody else
        return None
    return room


def log_start(session: duckdb.DuckDBPyConnection, record: RunRecord) -> None:
    """Write the row that a run begins with, and commit it on a connection of its own."""
    with session.cursor() as cursor:
        _insert(cursor, record.request.run_log, record.to_row(STARTED, is_ended=False))


def log_end(
    connection: duckdb.DuckDBPyConnection, records: Sequence[RunRecord], status: str = SUCCESS
) -> None:
    """Write how a run ended, in the transaction that the connection is in.

    Under dbt's own materializations, the status stays `started` until dbt has put the table in place; the
    `on-run-end` hook changes it.
    """
    if status == STARTED or is_duckdb(connection, records[0].request.run_log):
        _delete_started(connection, records[0])
    for record in records:
        _insert(connection, record.request.run_log, record.to_row(status))


def log_failure(session: duckdb.DuckDBPyConnection, record: RunRecord, error: Exception) -> None:
    """Write the row of a failed run on a connection of its own, since the run's transaction rolls back."""
    with session.cursor() as cursor:
        try:
            cursor.begin()
            if is_duckdb(cursor, record.request.run_log):
                _delete_started(cursor, record)
            _insert(cursor, record.request.run_log, record.to_row(FAILED, error=error))
            cursor.commit()
        except duckdb.Error as second:  # the row `started` stays, and the `on-run-end` hook tries again
            if isinstance(error, ScorehouseError):
                error.add_note(f"(the run log could not be written either: {second})")


def _delete_started(connection: duckdb.DuckDBPyConnection, record: RunRecord) -> None:
    request = record.request
    connection.execute(
        f"delete from {request.run_log} where parent_run_id = ? and status = ?", [request.run_id, STARTED]
    )


def _insert(connection: duckdb.DuckDBPyConnection, run_log: str, row: dict[str, Any]) -> None:
    marks = ", ".join("?" for _ in row)
    connection.execute(f"insert into {run_log} ({', '.join(row)}) values ({marks})", list(row.values()))
