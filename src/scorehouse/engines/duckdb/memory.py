"""Memory of a scoring run: how much DuckDB may use for a streamed table, and how much was used."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from scorehouse.engines.duckdb.sql import literal
from scorehouse.engines.shared_setting import SharedSetting
from scorehouse.project.log import logger
from scorehouse.scoring.request import RunRecord

WATCH_SECONDS = 0.1
AUTO = "auto"
CURRENT = "current_setting('memory_limit')"
THREAD_MB, COLUMN_MB = 128, 4  # what a thread needs to stream, and per column for the rows that it writes
NEIGHBOUR_MB = 1024  # the limit applies to models that dbt builds at the same time, too
Limit = tuple[int, str]  # in bytes, and as DuckDB writes it

# By the database's file. Room for the largest of the active runs: each includes room for the runs beside it.
_limits: SharedSetting[Limit] = SharedSetting(lambda before, wanted: min(before, max(wanted)))


def limit_of(
    session: duckdb.DuckDBPyConnection, asked: str | None, columns: int, dbt_threads: int
) -> str | None:
    """The requested limit, or for `auto` a limit that is enough for `columns` columns of output."""
    if asked != AUTO:
        return asked
    threads = session.execute("select current_setting('threads')").fetchall()[0][0]
    own = (THREAD_MB + COLUMN_MB * columns) * int(threads)
    return f"{own + NEIGHBOUR_MB * (dbt_threads - 1)}MB"


@contextmanager
def limited_memory(session: duckdb.DuckDBPyConnection, limit: str | None) -> Iterator[None]:
    """Lower DuckDB's memory limit to `limit`, if it is higher, while this run and overlapping runs last.

    Otherwise, pages of a table that is read only once would fill the buffer pool up to its limit. If more
    memory is already in use, the limit is not changed. The limit applies to the whole database, so models
    that dbt builds at the same time share it.
    """
    with session.cursor() as cursor:  # a failed run's transaction accepts no more statements
        if limit is None or not (file := _file_of(cursor)):
            yield
            return
        with _limits.held(
            _bytes_of(cursor, literal(limit)),
            lambda: _bytes_of(cursor, CURRENT),
            lambda value: _set(cursor, value),
            key=file,
        ):
            yield


def _set(cursor: duckdb.DuckDBPyConnection, limit: Limit) -> None:
    try:
        if _bytes_of(cursor, CURRENT)[1] == limit[1]:  # setting it again would round it
            return
        cursor.execute(f"set memory_limit = {literal(_unrounded(limit[1]))}").fetchall()
    except (duckdb.OutOfMemoryException, duckdb.ConnectionException) as error:  # or it was closed meanwhile
        logger.debug(f"DuckDB's memory limit is unchanged: {error}")


def _unrounded(limit: str) -> str:
    """A limit that DuckDB shows as `limit`: DuckDB rounds down to a tenth, and again when that is set."""
    return re.sub(r"(?<=\.\d)(?= )", "5", limit)


def _bytes_of(cursor: duckdb.DuckDBPyConnection, value: str) -> Limit:
    """A limit, given as an SQL expression, in bytes and as DuckDB writes it."""
    found = cursor.execute(f"select parse_formatted_bytes({value}), {value}").fetchall()[0]
    return int(found[0]), str(found[1])


def _file_of(cursor: duckdb.DuckDBPyConnection) -> str | None:
    """The database's file, which identifies it in this process; None for a database in memory."""
    paths = cursor.execute(
        "select path from duckdb_databases() where not internal order by database_oid"
    ).fetchall()
    return None if any(path is None for (path,) in paths) else str(paths[0][0])


@contextmanager
def watched_memory(records: list[RunRecord]) -> Iterator[None]:
    """Record the peak memory of this process during the run."""
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
