"""Memory of a scoring run: what DuckDB may hold of a table that streams by, and what was held."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from scorehouse.engines.progress import logger
from scorehouse.rescore import literal
from scorehouse.runlog import RunRecord

WATCH_SECONDS = 0.1
AUTO = "auto"
THREAD_MB, COLUMN_MB = 128, 4  # what a thread needs to stream, and for the rows that it writes, a column
NEIGHBOUR_MB = 1024  # the limit holds for models that dbt builds at the same time, too


def limit_of(
    session: duckdb.DuckDBPyConnection, asked: str | None, columns: int, dbt_threads: int
) -> str | None:
    """The limit that was asked for, or for `auto` one that does for `columns` columns of output."""
    if asked != AUTO:
        return asked
    threads = session.execute("select current_setting('threads')").fetchall()[0][0]
    own = (THREAD_MB + COLUMN_MB * columns) * int(threads)
    return f"{own + NEIGHBOUR_MB * (dbt_threads - 1)}MB"


@contextmanager
def limited_memory(session: duckdb.DuckDBPyConnection, limit: str | None) -> Iterator[None]:
    """Lower DuckDB's memory limit to `limit`, where it is higher, and put it back at the end.

    Pages of a table that is read once would otherwise fill the buffer pool up to its limit. Where more
    than that is in use already, the limit stays.
    """
    cursor = session.cursor()  # of its own, since a failed run's transaction takes no statement any more
    before = limit and _limit_before(cursor, limit)
    try:
        if before:
            before = before if _lower(cursor, str(limit)) else None
        yield
    finally:
        if before:
            cursor.execute(f"set memory_limit = {literal(before)}").fetchall()
        cursor.close()


def _lower(cursor: duckdb.DuckDBPyConnection, limit: str) -> bool:
    try:
        cursor.execute(f"set memory_limit = {literal(limit)}").fetchall()
    except duckdb.OutOfMemoryException as error:
        logger.debug(f"DuckDB's memory limit stays: {error}")
        return False
    return True


def _limit_before(session: duckdb.DuckDBPyConnection, limit: str) -> str | None:
    """The limit that is set, where it is above `limit` and the data lie in a file."""
    row = session.execute(
        "select current_setting('memory_limit'), (select count(*) from duckdb_databases() "
        "where not internal and path is null), "
        f"parse_formatted_bytes(current_setting('memory_limit')) > parse_formatted_bytes({literal(limit)})"
    ).fetchall()[0]
    return str(row[0]) if row[2] and not row[1] else None


@contextmanager
def watched_memory(records: list[RunRecord]) -> Iterator[None]:
    """Note the most memory that this process holds while the run goes on."""
    done = threading.Event()

    def watch() -> None:
        while True:
            for record in records:
                record.note_memory()
            if done.wait(WATCH_SECONDS):
                return

    watcher = threading.Thread(target=watch, name="scorehouse-memory", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
