"""Prediction tables of a DuckDB file that was renamed: the run log names them by the file's former name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scorehouse.dialect import DUCKDB
from scorehouse.project.forgotten import NAMES, is_there

if TYPE_CHECKING:
    import duckdb

STALE = "dbt's manifest names it in a database of the file's former name: run `dbt parse`, and this again"


def plain(name: str) -> str:
    """A name in SQL as names are compared: without quotes, in small letters."""
    return name.replace('"', "").lower()


def names_today(connection: duckdb.DuckDBPyConnection, log: str, home: str) -> dict[str, str]:
    """The prediction tables of the run log, plain: what each is called today, by its name there.

    One in a database that is not attached is the table of that name in the run log's database `home`, if that
    has rows of the runs into it, or if the same node wrote it anew since. Tables of another file do neither.
    """
    attached = connection.execute("select lower(database_name) from duckdb_databases()").fetchall()
    logged = connection.execute(
        f"select prediction_table, list(distinct node) filter (node is not null) from {log} "
        "where prediction_table is not null group by 1"
    ).fetchall()
    nodes = {plain(str(name)): set(of_table or ()) for name, of_table in logged}
    found: dict[str, str] = {}
    for name, of_table in logged:
        parts = [quoted.replace('""', '"') or bare for quoted, bare in NAMES.findall(str(name))]
        found[plain(name)] = plain(name)
        if len(parts) == 3 and (parts[0].lower(),) not in attached:
            own = ".".join(map(DUCKDB.quote, [home, *parts[1:]]))
            is_own = not nodes.get(plain(own), set()).isdisjoint(of_table or ())
            if (is_own and is_there(connection, own)) or _has_rows_of_runs(connection, log, str(name), own):
                found[plain(name)] = plain(own)
    return found


def _has_rows_of_runs(connection: duckdb.DuckDBPyConnection, log: str, name: str, own: str) -> bool:
    """Whether a table has rows of runs that wrote into `name`; of a wide one, their parents stand there."""
    if not is_there(connection, own):
        return False
    columns = connection.execute(f"describe from {own}").fetchall()
    if "scoring_run_id" not in [row[0] for row in columns]:
        return False
    runs = f"from {log} where prediction_table = $1"
    query = (
        f"select 1 from {own} where scoring_run_id::varchar in "
        f"(select run_id::varchar {runs} union all select parent_run_id::varchar {runs}) limit 1"
    )
    return bool(connection.execute(query, [name]).fetchall())
