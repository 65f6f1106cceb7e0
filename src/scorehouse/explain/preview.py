"""A preview: the first rows of a feature table, scored as a run would score them, and written nowhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa

from scorehouse.dialect import DUCKDB
from scorehouse.engines.columns import FEATURE_HASH, PART, find_columns
from scorehouse.engines.duckdb.source import DuckDBSource
from scorehouse.engines.duckdb.stream import output_schema, scored_batches
from scorehouse.engines.run import kernel_of
from scorehouse.errors import NEAR, ConfigurationError, did_you_mean
from scorehouse.explain.row import newest_runs
from scorehouse.explain.story import row_policy
from scorehouse.kernel.scorer import REJECT_REASON
from scorehouse.online.online_backend import decider
from scorehouse.program.choose import ProgramFiles, choose_backend
from scorehouse.registry.version import Version
from scorehouse.replay.logged_run import TABLE, logged_options
from scorehouse.scoring.options import ScoreOptions
from scorehouse.scoring.request import Request


@dataclass(frozen=True)
class Rows:
    """Where a preview reads: `query` is a select, and `options` say how its rows are scored."""

    query: str
    options: ScoreOptions


@dataclass(frozen=True)
class Preview:
    """Scored rows in the order of their key, with the columns that a prediction table would have."""

    version: Version
    backend: str
    rows: Sequence[Mapping[str, Any]]

    @property
    def rejected(self) -> int:
        return sum(row["row_status"] == "rejected" for row in self.rows)


def rows_of_table(connection: duckdb.DuckDBPyConnection, table: str, key: Sequence[str], call: str) -> Rows:
    """The rows of a table or view in the warehouse, scored with the default settings."""
    if not TABLE.fullmatch(table):
        raise ConfigurationError(
            call,
            f"--table is {table!r}",
            expected="the name of a table or view, with its schema if needed",
            action="make the query a dbt model, and name that",
        )
    query = f"select * from {table}"
    try:
        columns = connection.sql(query).columns
    except duckdb.Error as error:
        raise _unreadable(error, call, _near(connection, table)) from error
    found = find_columns("--key", list(key), columns, call)
    return Rows(query, ScoreOptions.checked(call, key=list(found.values())))


def rows_of_newest_run(
    connection: duckdb.DuckDBPyConnection, run_log: str, name: str, node: str | None, call: str
) -> Rows:
    """What the newest run of an ML model read, and its settings."""
    run = next(newest_runs(connection, run_log, name, node, call))
    return Rows(run["feature_query"], logged_options(run, call))


def preview(
    connection: duckdb.DuckDBPyConnection,
    rows: Rows,
    version: Version,
    request: Request,
    call: str,
    *,
    limit: int,
) -> Preview:
    """Score the first `limit` rows. Raises SignatureError if the table does not fit the version."""
    files = ProgramFiles(request.project_root, request.load_policy)
    kernel = kernel_of(version, files, rows.options.strict, call)
    source = DuckDBSource(connection, rows.query, rows.options, request, call)
    try:
        order = ", ".join(DUCKDB.quote(name) for name in rows.options.key)
        source.table = f"(select * from {source.table} order by {order} limit {limit})"
        source.check([kernel.signature], kernel.schema.names)
        source.check_keys(unique=False)
        backend = choose_backend(kernel, rows.options.backend, limit, files)
        schema = output_schema(source, kernel.schema)
        batches = [scored.written for scored in scored_batches(source, [backend], schema)]
    except duckdb.Error as error:
        raise _unreadable(error, call) from error
    finally:
        source.close()
    table = pa.Table.from_batches(batches, schema=schema)
    if policy := row_policy(rows.options):
        table = decider(policy, kernel.schema.names, call)(table)
    return Preview(version, backend.name, [_finished(row) for row in table.to_pylist()])


def _finished(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row with its status; the hashes are left out."""
    kept = {name: value for name, value in row.items() if name not in (FEATURE_HASH, PART, REJECT_REASON)}
    reason = row[REJECT_REASON]
    return {**kept, "row_status": "scored" if reason is None else "rejected", REJECT_REASON: reason}


def _near(connection: duckdb.DuckDBPyConnection, table: str) -> str:
    """The end of a sentence that suggests a table or view with a similar name; empty if it is there."""
    rows = connection.execute("select table_name from information_schema.tables").fetchall()
    known, name = {str(row[0]) for row in rows}, table.rpartition(".")[2].strip('"')
    return "" if name in known else did_you_mean(name, known, NEAR)


def _unreadable(error: duckdb.Error, call: str, near: str = "") -> ConfigurationError:
    return ConfigurationError(
        call,
        f"the features cannot be read ({str(error).splitlines()[0]}){near}",
        expected="a table or view that this database can read",
        action="correct --table, or build the table first; if it reads from another database, name the "
        "--target that attaches it",
    )
