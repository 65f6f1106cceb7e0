"""What of a prediction table is new, changed or gone, compared with what was exported before.

Rows are compared by value, column by column, and not by a hash: two different rows never count as equal.
The columns that every run writes anew are not compared, so a rescored row with the same result is unchanged.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scorehouse.dialect import DUCKDB
from scorehouse.errors import ConfigurationError, did_you_mean
from scorehouse.replay.logged_run import TABLE

if TYPE_CHECKING:
    import duckdb

OF_THE_RUN = ("scoring_run_id", "scored_at")  # they differ in every run, and are exported with a change
CHANGE = "scorehouse_change"
NEW, CHANGED, VANISHED = "new", "changed", "vanished"
CHANGES = "scorehouse_changes"


@dataclass(frozen=True)
class Exported:
    """A prediction table: its node, its name in SQL, its key, and the type of each column."""

    node: str
    table: str
    key: tuple[str, ...]
    columns: Mapping[str, str]

    @property
    def compared(self) -> list[str]:
        """The columns in which rows are compared."""
        return [name for name in self.columns if name not in (*self.key, *OF_THE_RUN)]


def find_table(connection: duckdb.DuckDBPyConnection, log: str, node: str, call: str) -> Exported:
    """The prediction table of a node, as its last successful run logged it.

    `node` is the name of the dbt model, or its unique id. Raises ConfigurationError if no run has that node,
    or if its table is gone.
    """
    runs = connection.execute(
        f"select node, prediction_table, key_columns from {log} where status = 'success' "
        "order by started_at desc"
    ).fetchall()
    own = [run for run in runs if node in (run[0], str(run[0]).rpartition(".")[2])]
    if not own:
        names = sorted({str(run[0]).rpartition(".")[2] for run in runs})
        raise ConfigurationError(
            call,
            f"no successful run of {node!r} is in the run log{did_you_mean(node, names)}",
            expected=f"a prediction table, one of {names}" if names else "a prediction table that was scored",
            action="correct the name, or build the table first",
        )
    found, table, key = own[0]
    if not TABLE.fullmatch(str(table)):
        raise ConfigurationError(
            call,
            f"the run log has the prediction_table {table!r:.200}",
            expected="the name of one table, as a scoring run logs it",
            action="find out what else writes to the run log; nothing from this row was executed",
        )
    columns = _columns(connection, table, call)
    return Exported(str(found), str(table), tuple(json.loads(key)), columns)


def _columns(connection: duckdb.DuckDBPyConnection, table: str, call: str) -> dict[str, str]:
    import duckdb

    try:
        rows = connection.execute(f"describe select * from {table}").fetchall()
    except duckdb.Error as error:
        raise ConfigurationError(
            call,
            f"the prediction table {table} cannot be read ({str(error).splitlines()[0]})",
            expected="the table that the last run wrote",
            action="build it again",
        ) from error
    # an enum has its own type in each table
    return {str(row[0]): "VARCHAR" if str(row[1]).startswith("ENUM") else str(row[1]) for row in rows}


def typed_rows(exported: Exported) -> str:
    """The select of the prediction table, with an enum as text."""
    q = DUCKDB.quote
    columns = (f"cast({q(name)} as {kind}) as {q(name)}" for name, kind in exported.columns.items())
    return f"select {', '.join(columns)} from {exported.table}"


def compare(
    connection: duckdb.DuckDBPyConnection, exported: Exported, before: str | None, *, everything: bool = False
) -> dict[str, int]:
    """Make the temporary table CHANGES: all columns, and in CHANGE what happened to the row.

    `before` is a relation with the rows that were exported, or None at the first export; with `everything`,
    only its key is looked at, and every row that is there now counts as new or changed. A vanished row has
    its key alone. Returns the number of rows by change, and of those that are `unchanged`.
    """
    q, key = DUCKDB.quote, list(exported.key)
    names = ", ".join(map(q, exported.columns))
    if before is None:
        query = f"select '{NEW}' as {CHANGE}, {names} from ({typed_rows(exported)})"
    else:
        same_key = " and ".join(f"was.{q(name)} = now.{q(name)}" for name in key)
        differs = [f"was.{q(name)} is distinct from now.{q(name)}" for name in exported.compared]
        differing = "true" if everything else " or ".join(differs) or "false"
        keys = {name: f"coalesce(now.{q(name)}, was.{q(name)}) as {q(name)}" for name in key}
        values = ", ".join(keys.get(name, f"now.{q(name)}") for name in exported.columns)
        first = q(key[0])
        change = (
            f"case when was.{first} is null then '{NEW}' when now.{first} is null then '{VANISHED}' "
            f"else '{CHANGED}' end"
        )
        query = (
            f"select {change} as {CHANGE}, {values} from {before} as was "
            f"full join ({typed_rows(exported)}) as now on {same_key} "
            f"where was.{first} is null or now.{first} is null or {differing}"
        )
    connection.execute(f"create or replace temp table {CHANGES} as {query} order by {columns_of(key)}")
    return _counts(connection, exported)


def has_changes(counts: Mapping[str, int]) -> bool:
    """Whether there is anything to export."""
    return any(counts[name] for name in (NEW, CHANGED, VANISHED))


def _run_ids(connection: duckdb.DuckDBPyConnection, exported: Exported) -> list[str]:
    """The runs that made the new and the changed rows."""
    if "scoring_run_id" not in exported.columns:
        return []
    rows = connection.execute(
        f"select distinct cast(scoring_run_id as varchar) from {CHANGES} "
        f"where {CHANGE} <> '{VANISHED}' order by 1"
    ).fetchall()
    return [str(row[0]) for row in rows]


def _counts(connection: duckdb.DuckDBPyConnection, exported: Exported) -> dict[str, int]:
    found = dict(connection.execute(f"select {CHANGE}, count(*) from {CHANGES} group by 1").fetchall())
    total = connection.execute(f"select count(*) from {exported.table}").fetchall()[0][0]
    counts = {name: int(found.get(name, 0)) for name in (NEW, CHANGED, VANISHED)}
    return {**counts, "unchanged": int(total) - counts[NEW] - counts[CHANGED]}


def columns_of(names: Sequence[str]) -> str:
    """Columns as SQL."""
    return ", ".join(map(DUCKDB.quote, names))


def facts_of(
    connection: duckdb.DuckDBPyConnection, exported: Exported, counts: Mapping[str, int]
) -> dict[str, Any]:
    """What a manifest says about an export."""
    return {
        "node": exported.node,
        "prediction_table": exported.table,
        "key": list(exported.key),
        "columns": dict(exported.columns),
        "rows": dict(counts),
        "run_ids": _run_ids(connection, exported),
    }
