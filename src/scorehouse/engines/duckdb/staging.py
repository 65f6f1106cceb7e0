"""The staging table: written by one statement; values that are the same in all rows are stored once.

A table that every run rebuilds has its audit columns as generated columns. They read like any other
column, and cost neither time nor space. A table with merges has rows of several runs and stores the audit
columns row by row.
"""

from __future__ import annotations

import re

import duckdb

from scorehouse.engines.duckdb.sql import column_list, quote
from scorehouse.engines.output import BATCHES, Output

PART = re.compile(r'"((?:[^"]|"")*)"|(\w+)')


def write_staging(
    session: duckdb.DuckDBPyConnection,
    output: Output,
    rows: str = BATCHES,
    *,
    alike: str = "",
    create: bool = True,
) -> None:
    """Create the staging table of a run from `rows`, a relation of scored rows.

    `alike` is a relation with the columns of `rows` that is bound faster. Without `create`, the rows are
    added to the table of a run in slices.
    """
    staging = output.records[0].request.staging
    if _is_rebuilt(output) and is_duckdb(session, staging):
        types = described(session, output.select(alike or rows))
        derived = output.derived()
        made = {name: f" generated always as ({sql}) virtual" for name, sql in derived.items()}
        columns = ", ".join(f"{quote(name)} {kind}{made.get(name, '')}" for name, kind in types.items())
        if create:
            session.execute(f"create or replace table {staging} ({columns})").fetchall()
        names = column_list(name for name in types if name not in derived)
        session.execute(f"insert into {staging} ({names}) {output.select(rows, without=derived)}").fetchall()
    else:
        session.execute(f"create or replace table {staging} as {output.select(rows)}").fetchall()


def described(session: duckdb.DuckDBPyConnection, select: str) -> dict[str, str]:
    """Names and types of the columns of a select, in order."""
    return {row[0]: str(row[1]) for row in session.execute(f"describe {select}").fetchall()}


def _is_rebuilt(output: Output) -> bool:
    """Whether every run replaces the table, so that all of its rows refer to one run."""
    records, options = output.records, output.options
    rebuilt = records[0].write_mode == "replace" and options.rescore.rule == "all"
    return rebuilt and (len(records) == 1 or options.is_wide) and options.as_of is None


def is_duckdb(session: duckdb.DuckDBPyConnection, relation: str) -> bool:
    """Whether the relation's database is a DuckDB file or in memory, not a lake or another server.

    The others have neither generated columns nor ENUM.
    """
    database, _, _ = parts_of(relation)
    found = session.execute(
        "select type from duckdb_databases() where database_name = coalesce(?, current_database())",
        [database],
    ).fetchall()
    return [row[0] for row in found] == ["duckdb"]


def hold_all_columns(session: duckdb.DuckDBPyConnection, relation: str) -> None:
    """Turn generated columns of a prediction table into real ones, before rows of other runs are merged."""
    database, schema, name = parts_of(relation)
    found = session.execute(
        "select count(*) from duckdb_tables() where database_name = coalesce(?, current_database()) "
        "and schema_name = ? and table_name = ? and contains(sql, 'GENERATED ALWAYS AS')",
        [database, schema, name],
    ).fetchall()
    if found[0][0]:
        session.execute(f"create or replace table {relation} as select * from {relation}").fetchall()


def parts_of(relation: str) -> tuple[str | None, str, str]:
    """Database (if named), schema and identifier of a relation as dbt writes it."""
    *database, schema, name = names_of(relation)
    return database[0] if database else None, schema, name


def names_of(relation: str) -> list[str]:
    """The names of a relation in SQL, one to three."""
    return [quoted.replace('""', '"') if quoted else bare for quoted, bare in PART.findall(relation)]
