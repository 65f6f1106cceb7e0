"""Memory of a scoring run: what DuckDB may hold of a table that streams by, and what was held."""

from __future__ import annotations

import re
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager

import duckdb

from scorehouse.engines.duckdb.sql import literal
from scorehouse.engines.shared_setting import SharedSetting
from scorehouse.log import logger
from scorehouse.scoring.runlog import RunRecord

WATCH_SECONDS = 0.1
AUTO = "auto"
CURRENT = "current_setting('memory_limit')"
THREAD_MB, COLUMN_MB = 128, 4  # what a thread needs to stream, and for the rows that it writes, per column
NEIGHBOUR_MB = 1024  # the limit holds for models that dbt builds at the same time, too
Limit = tuple[int, str]  # in bytes, and as DuckDB spells it

_shared_limits: dict[str, SharedSetting[Limit]] = {}  # by the database's file
_shared_lock = threading.Lock()


def limit_of(
    session: duckdb.DuckDBPyConnection, asked: str | None, columns: int, dbt_threads: int
) -> str | None:
    """The limit that was asked for, or for `auto` one that does for `columns` columns of output."""
    if asked != AUTO:
        return asked
    threads = session.execute("select current_setting('threads')").fetchall()[0][0]
    own = (THREAD_MB + COLUMN_MB * columns) * int(threads)
    return f"{own + NEIGHBOUR_MB * (dbt_threads - 1)}MB"


def _lowered(before: Limit, wanted: Collection[Limit]) -> Limit:
    """Room for the largest of the runs inside: each limit has room for its neighbours in it."""
    return min(before, max(wanted))


@contextmanager
def limited_memory(session: duckdb.DuckDBPyConnection, limit: str | None) -> Iterator[None]:
    """Lower DuckDB's memory limit to `limit`, where it is higher, while this run and its neighbours last.

    Pages of a table that is read once would otherwise fill the buffer pool up to its limit. Where more
    than that is in use already, the limit stays. The limit is the whole database's, so that models which
    dbt builds at the same time share it.
    """
    cursor = session.cursor()  # of its own, since a failed run's transaction takes no statement any more
    try:
        if limit is None or not (file := _file_of(cursor)):
            yield
            return
        with _shared(file).held(
            _bytes_of(cursor, literal(limit)),
            lambda: _bytes_of(cursor, CURRENT),
            lambda value: _set(cursor, value),
        ):
            yield
    finally:
        cursor.close()


def _shared(file: str) -> SharedSetting[Limit]:
    with _shared_lock:
        return _shared_limits.setdefault(file, SharedSetting(_lowered))


def _set(cursor: duckdb.DuckDBPyConnection, limit: Limit) -> None:
    try:
        if _bytes_of(cursor, CURRENT)[1] == limit[1]:  # to set it again would round it
            return
        cursor.execute(f"set memory_limit = {literal(_unrounded(limit[1]))}").fetchall()
    except (duckdb.OutOfMemoryException, duckdb.ConnectionException) as error:  # or it was closed meanwhile
        logger.debug(f"DuckDB's memory limit is unchanged: {error}")


def _unrounded(limit: str) -> str:
    """A limit that DuckDB shows as `limit`: it rounds down to a tenth, and again when that is set."""
    return re.sub(r"(?<=\.\d)(?= )", "5", limit)


def _bytes_of(cursor: duckdb.DuckDBPyConnection, value: str) -> Limit:
    """A limit, as an SQL expression, in bytes and as DuckDB spells it."""
    found = cursor.execute(f"select parse_formatted_bytes({value}), {value}").fetchall()[0]
    return int(found[0]), str(found[1])


def _file_of(cursor: duckdb.DuckDBPyConnection) -> str | None:
    """The database's file, which names it in this process; None where data lie in memory."""
    paths = cursor.execute(
        "select path from duckdb_databases() where not internal order by database_oid"
    ).fetchall()
    return None if any(path is None for (path,) in paths) else str(paths[0][0])


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
