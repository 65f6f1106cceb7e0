"""Rows that a command asks for by their key, of a target that is no DuckDB file: copied into memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from scorehouse.dialect import DUCKDB
from scorehouse.errors import ConfigurationError
from scorehouse.explain.row import newest_runs
from scorehouse.replay.logged_run import logged_options
from scorehouse.scoring.options import AS_OF

if TYPE_CHECKING:
    import duckdb

    from scorehouse.cli.by_dbt import ByDbt

Key = Mapping[str, str]
AT_ONCE = 500  # keys in one statement
COPIES = "memory.main."  # of features, by the id of the run that read them
QUERIES = f"{COPIES}scorehouse_queries"


def fetch(
    connection: duckdb.DuckDBPyConnection,
    run_log: str,
    by_dbt: ByDbt,
    name: str,
    table: str | None,
    keys: Callable[[Sequence[str]], Sequence[Key]] | None,
    call: str,
) -> None:
    """Copy predictions of an ML model, and the features behind them, into the tables in memory.

    `keys` gives those of a prediction table by the columns of its key; None: all rows. The run log in memory
    then names the copied features.
    """
    # texts of another database, which DuckDB may not be able to read
    connection.execute(f"create table {QUERIES} as select run_id, feature_query from {run_log}")
    connection.execute(
        f"update {run_log} set feature_query = 'select * from {COPIES}\"' || replace(run_id, '\"', '\"\"') "
        "|| '\"' where feature_query is not null"
    )
    asked: dict[str, tuple[str, Sequence[Key] | None]] = {}
    for run in newest_runs(connection, run_log, name, table, call):
        try:
            wanted = keys(logged_options(run, call).row_key) if keys else None
        except ConfigurationError:  # a table of other keys, such as a history
            continue
        node = str(run["node"])
        relation, names = by_dbt.table_of(node)
        found = matching(by_dbt, f"select * from {relation}", wanted)
        connection.register("scorehouse_found", found)
        copy = ".".join(map(DUCKDB.quote, filter(None, names)))
        connection.execute(f"insert into {copy} by name select * from scorehouse_found")
        runs = found.column("scoring_run_id").unique().to_pylist() if keys else [run["run_id"]]
        asked |= {str(run_id): (node, wanted) for run_id in runs}
    for run_id, (node, wanted) in asked.items():
        if wanted is not None:
            wanted = [{name: value for name, value in key.items() if name != AS_OF} for key in wanted]
        ran = f"select feature_query from {QUERIES} where run_id = ?"
        logged = connection.execute(ran, [run_id]).fetchall()
        query = by_dbt.features_of(node, str(logged[0][0]) if logged else "")
        connection.register("scorehouse_found", matching(by_dbt, query, wanted))
        copy = f"{COPIES}{DUCKDB.quote(run_id)}"
        connection.execute(f"create table {copy} as select * from scorehouse_found")
    connection.unregister("scorehouse_found")


def matching(by_dbt: ByDbt, query: str, keys: Sequence[Key] | None) -> pa.Table:
    """The rows of a query that have one of these keys, as texts; None: all rows."""
    dialect = by_dbt.dialect

    def same(column: str, value: str) -> str:
        # what dbt makes without quotes is in capitals there
        is_upper = dialect.name == "snowflake" and column.islower()
        quoted = dialect.quote(column.upper() if is_upper else column)
        return f"cast({quoted} as {dialect.types['text']}) = {dialect.literal(value)}"

    if keys is None:
        return _table(*by_dbt.rows(query))
    found = []
    for start in range(0, len(keys), AT_ONCE):
        some = keys[start : start + AT_ONCE]
        where = " or ".join(" and ".join(same(*pair) for pair in key.items()) for key in some)
        found.append(_table(*by_dbt.rows(f"select * from ({query}\n) as scorehouse_asked where {where}")))
    return pa.concat_tables(found, promote_options="permissive")


def _table(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> pa.Table:
    return pa.table({name: _column([row[at] for row in rows]) for at, name in enumerate(names)})


def _column(values: Sequence[Any]) -> pa.Array:
    """dbt reads every number as a decimal: whole ones become integers, if all are, and others doubles."""
    numbers = [value for value in values if isinstance(value, Decimal)]
    if not numbers:
        return pa.array(values)
    is_whole = all(value.is_finite() and value == value.to_integral_value() for value in numbers)
    made = int if is_whole else float
    return pa.array([None if value is None else made(value) for value in values])
