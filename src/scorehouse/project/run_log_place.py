"""Where a target's tables and its run log are, and how its runs can have ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scorehouse.dialect import DUCKDB

if TYPE_CHECKING:
    import duckdb

TABLE = "scorehouse_run_log"
# the status of a run in its row: started and not closed, succeeded, failed, or skipped by dbt before it began
STARTED, SUCCESS, FAILED, SKIPPED = "started", "success", "failed", "skipped"
NOT_FINISHED = "not finished"  # how readers are told about a run that is still running or was killed
DATABASE, SCHEMA = "scorehouse_run_log_database", "scorehouse_run_log_schema"  # variables


@dataclass(frozen=True)
class Place:
    """The warehouse that a command reads: a DuckDB file or a lake.

    If a target names it, also the target's schemas and attached databases.

    `alias` is the name under which the target attaches `file`, or None if it is the target's `path`.
    `schema` is the target's schema. `log_database` and `log_schema` are those of its run log; None means the
    database of `file`, and any schema. `attached` are the other files by their alias. The path of a lake
    begins with `ducklake:`. `options` are those of the target's connection, `target` is its name.
    """

    file: Path
    alias: str | None = None
    schema: str | None = None
    log_database: str | None = None
    log_schema: str | None = None
    attached: Mapping[str, Path] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    target: str = ""


@dataclass(frozen=True)
class RunLogPlace:
    """The database and the schema of the run log; None is the current database."""

    database: str | None
    schema: str

    @property
    def quoted(self) -> str:
        """The table, as SQL for DuckDB."""
        names = [name for name in (self.database, self.schema) if name]
        return ".".join([*map(DUCKDB.quote, names), TABLE])


def rows_of(found: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """The rows of a query, each by the names of its columns."""
    names = [column[0] for column in found.description or ()]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def run_log_place(variable: Callable[[str], Any], database: str | None, schema: str) -> RunLogPlace:
    """The place of the run log of a target with this database and schema.

    `variable` returns the value of a variable, or None. The macro `run_log_relation` has the same rule.
    """
    named = variable(DATABASE), variable(SCHEMA)
    return RunLogPlace(str(named[0]) if named[0] else database, str(named[1]) if named[1] else schema)


def run_log_of(connection: duckdb.DuckDBPyConnection, place: Place) -> str:
    """The quoted name of the run log of a target; empty before its first run."""
    known = run_log_schemas(connection, place.log_database)
    schema = next((each for each in known if each.lower() == (place.log_schema or "").lower()), None)
    return RunLogPlace(place.log_database, schema).quoted if schema else ""


def runs_of_log(log: str) -> str:
    """A subquery with one row per run: a lake keeps the row `started` beside the one that closed it."""
    closing = f"select 1 from {log} where parent_run_id = begun.parent_run_id and status <> 'started'"
    return f"(select * from {log} as begun where status <> 'started' or not exists ({closing}))"


def run_log_schemas(connection: duckdb.DuckDBPyConnection, database: str | None) -> list[str]:
    """The schemas of a database (None: the current one) that have a run log."""
    rows = connection.execute(
        "select table_schema from information_schema.tables "
        "where table_name = $1 and lower(table_catalog) = lower(coalesce($2, current_database())) order by 1",
        [TABLE, database],
    )
    return [schema for (schema,) in rows.fetchall()]
