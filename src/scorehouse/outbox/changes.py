"""What of a prediction table is new, changed or gone, compared with what was exported before.

Rows are compared by value, column by column, and not by a hash: two different rows never count as equal.
The columns that every run writes anew are not compared, so a rescored row with the same result is unchanged.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scorehouse.dialect import DUCKDB
from scorehouse.errors import ConfigurationError, did_you_mean, listed
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
            expected=f"a prediction table, one of {listed(names)}"
            if names
            else "a prediction table that was scored",
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
    columns = {str(row[0]): "VARCHAR" if str(row[1]).startswith("ENUM") else str(row[1]) for row in rows}
    return Exported(str(found), str(table), tuple(json.loads(key)), columns)


def typed_columns(exported: Exported) -> str:
    """The columns of a select, each in its type; an enum as text."""
    q = DUCKDB.quote
    return ", ".join(f"cast({q(name)} as {kind}) as {q(name)}" for name, kind in exported.columns.items())


def typed_rows(exported: Exported) -> str:
    """The select of the prediction table."""
    return f"select {typed_columns(exported)} from {exported.table}"


def compare(
    connection: duckdb.DuckDBPyConnection, exported: Exported, before: str | None, *, everything: bool = False
) -> dict[str, int]:
    """Make the temporary table CHANGES: all columns, and in CHANGE what happened to the row.

    `before` is a relation with the rows that were exported, or None at the first export; with `everything`,
    only its key is looked at, and every row that is there now counts as new or changed. A vanished row has
    its key alone. Returns the number of rows by change, and of those that are `unchanged`.
    """
    q, now = DUCKDB.quote, typed_rows(exported)
    if before is None:
        query = f"select '{NEW}' as {CHANGE}, * from ({now})"
    else:
        differs = [f"was.{q(name)} is distinct from now.{q(name)}" for name in exported.compared]
        differing = "true" if everything else " or ".join(differs) or "false"
        keys = {name: f"coalesce(now.{q(name)}, was.{q(name)}) as {q(name)}" for name in exported.key}
        values = ", ".join(keys.get(name, f"now.{q(name)}") for name in exported.columns)
        first = q(exported.key[0])
        query = (
            f"select case when was.{first} is null then '{NEW}' when now.{first} is null then '{VANISHED}' "
            f"else '{CHANGED}' end as {CHANGE}, {values} from {before} as was "
            f"full join ({now}) as now on {DUCKDB.same('was', 'now', exported.key)} "
            f"where was.{first} is null or now.{first} is null or {differing}"
        )
    key = DUCKDB.column_list(exported.key)
    connection.execute(f"create or replace temp table {CHANGES} as {query} order by {key}")
    found = dict(connection.execute(f"select {CHANGE}, count(*) from {CHANGES} group by 1").fetchall())
    total = connection.execute(f"select count(*) from {exported.table}").fetchall()[0][0]
    counts = {name: int(found.get(name, 0)) for name in (NEW, CHANGED, VANISHED)}
    return {**counts, "unchanged": int(total) - counts[NEW] - counts[CHANGED]}


def check_columns(exported: Exported, found: list[str], table: str, call: str) -> None:
    """Refuse a table of another system whose columns are not those of the predictions."""
    wanted = list(exported.columns)
    if found != wanted:
        missing = [name for name in wanted if name not in found]
        more = [name for name in found if name not in wanted]
        raise ConfigurationError(
            call,
            f"the table {table} lacks the columns {listed(missing)}, and has {listed(more)} besides"
            if missing or more
            else f"the table {table} has the columns in another order",
            expected=f"the columns {listed(wanted)}",
            action="alter the table, or name a new one with --table",
        )


def has_changes(counts: Mapping[str, int]) -> bool:
    """Whether there is anything to export."""
    return any(counts[name] for name in (NEW, CHANGED, VANISHED))


def facts_of(
    connection: duckdb.DuckDBPyConnection, exported: Exported, counts: Mapping[str, int]
) -> dict[str, Any]:
    """What a manifest says about an export; `run_ids` are the runs that made the new and the changed rows."""
    run_ids = []
    if "scoring_run_id" in exported.columns:
        run_ids = connection.execute(
            f"select distinct cast(scoring_run_id as varchar) from {CHANGES} "
            f"where {CHANGE} <> '{VANISHED}' order by 1"
        ).fetchall()
    return {
        "node": exported.node,
        "prediction_table": exported.table,
        "key": list(exported.key),
        "columns": dict(exported.columns),
        "rows": dict(counts),
        "run_ids": [str(run_id) for (run_id,) in run_ids],
    }
