"""Predictions and features of a target that is no DuckDB file, all or by key, copied into memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from scorehouse.cli.column_values import inferred
from scorehouse.dialect import DUCKDB
from scorehouse.errors import ConfigurationError
from scorehouse.explain.row import newest_runs
from scorehouse.project.forgotten import is_there
from scorehouse.replay.logged_run import logged_options
from scorehouse.scoring.options import AS_OF

if TYPE_CHECKING:
    import duckdb

    from scorehouse.cli.by_dbt import ByDbt

Key = Mapping[str, str]
AT_ONCE = 500  # keys in one statement
KEY = "scorehouse_key_"
COPIES = "memory.main."  # of features, by the id of the run that read them


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
    # In the dialect of another database, which DuckDB may not be able to parse. A run may have two rows.
    queries = f"select run_id::varchar, max(feature_query) from {run_log} group by 1"
    logged = dict(connection.execute(queries).fetchall())
    copy = f"'select * from {COPIES}\"' || replace(run_id, '\"', '\"\"') || '\"'"
    connection.execute(f"update {run_log} set feature_query = {copy}")
    asked: dict[str, tuple[str, Sequence[Key] | None]] = {}
    for run in newest_runs(connection, run_log, name, table, call):
        try:
            wanted = keys(logged_options(run, call).row_key) if keys else None
        except ConfigurationError:  # a table of other keys, such as a history
            continue
        node = str(run["node"])
        if not table and node not in by_dbt.nodes:  # a model that the project had
            continue
        relation, names = by_dbt.table_of(node)
        copy = ".".join(map(DUCKDB.quote, filter(None, names)))
        if not is_there(connection, copy):
            continue
        found = matching(by_dbt, f"select * from {relation}", wanted)
        if not found.num_rows:
            continue
        connection.register("scorehouse_found", found)
        connection.execute(f"create or replace table {copy} as select * from scorehouse_found")
        runs = found.column("scoring_run_id").unique().to_pylist() if keys else [run["run_id"]]
        asked |= {run_id: (node, wanted) for run_id in map(str, runs) if run_id in logged}
    for run_id, (node, wanted) in asked.items():
        if wanted is not None:
            wanted = [{name: value for name, value in key.items() if name != AS_OF} for key in wanted]
        query = by_dbt.features_of(node, logged[run_id] or "")
        connection.register("scorehouse_found", matching(by_dbt, query, wanted))
        copy = f"{COPIES}{DUCKDB.quote(run_id)}"
        connection.execute(f"create table {copy} as select * from scorehouse_found")
    connection.unregister("scorehouse_found")


def matching(by_dbt: ByDbt, query: str, keys: Sequence[Key] | None) -> pa.Table:
    """The rows of a query that have one of these keys; None: all rows.

    Keys are compared as strings, as the database casts them. A column that DuckDB would cast to another
    string, such as a decimal, becomes that string.
    """
    dialect = by_dbt.dialect

    def cast(column: str) -> str:
        # what dbt makes without quotes is in capitals there
        is_upper = dialect.name == "snowflake" and column.islower()
        quoted = dialect.quote(column.upper() if is_upper else column)
        return f"cast({quoted} as {dialect.types['text']})"

    if keys is None:
        return _table(*by_dbt.rows(query))
    found, casts = [], {column: cast(column) for column in keys[0]}
    selected = ", ".join(f"{sql} as {KEY}{place}" for place, sql in enumerate(casts.values()))
    for start in range(0, len(keys), AT_ONCE):
        where = " or ".join(
            " and ".join(f"{casts[column]} = {dialect.literal(value)}" for column, value in key.items())
            for key in keys[start : start + AT_ONCE]
        )
        read = f"select scorehouse_asked.*, {selected} from ({query}\n) as scorehouse_asked where {where}"
        found.append(_table(*by_dbt.rows(read)))
    rows = pa.concat_tables(found, promote_options="permissive")
    for place, column in enumerate(casts):
        name = next(name for name in rows.column_names if name.lower() == column.lower())
        string = rows.column(f"{KEY}{place}")
        if [str(value) for value in rows.column(name).to_pylist()] != string.to_pylist():
            rows = rows.set_column(rows.column_names.index(name), name, string)
    return rows.drop_columns([f"{KEY}{place}" for place in range(len(casts))])


def _table(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> pa.Table:
    return pa.table({name: inferred([row[at] for row in rows]) for at, name in enumerate(names)})
