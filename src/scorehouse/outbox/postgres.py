"""Exports into a PostgreSQL table: rows, and a line in `scorehouse_exports`, in one transaction.

What was exported before is read back from the table itself, so a row that somebody changed there is written
again. A lock lets one export after the other.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scorehouse.dialect import DUCKDB
from scorehouse.errors import ConfigurationError
from scorehouse.outbox.changes import (
    CHANGE,
    CHANGED,
    CHANGES,
    NEW,
    VANISHED,
    Exported,
    check_columns,
    compare,
    facts_of,
    has_changes,
    typed_columns,
)
from scorehouse.registry.formats.base import import_extra

if TYPE_CHECKING:
    import duckdb

SCHEMES = ("postgresql://", "postgres://")
LOG, BEFORE = "scorehouse_exports", "scorehouse_exported"
NAME = re.compile(r"[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)?")
NUMBER = re.compile(r"DECIMAL\(\d+,\d+\)")
TYPES = {
    "BOOLEAN": "boolean",
    "TINYINT": "smallint",
    "SMALLINT": "smallint",
    "INTEGER": "integer",
    "BIGINT": "bigint",
    "HUGEINT": "numeric(39, 0)",
    "UTINYINT": "smallint",
    "USMALLINT": "integer",
    "UINTEGER": "bigint",
    "UBIGINT": "numeric(20, 0)",
    "FLOAT": "real",
    "DOUBLE": "double precision",
    "VARCHAR": "text",
    "UUID": "uuid",
    "DATE": "date",
    "TIME": "time",
    "TIMESTAMP": "timestamp",
    "TIMESTAMP WITH TIME ZONE": "timestamptz",
}


def export_to_postgres(
    connection: duckdb.DuckDBPyConnection, exported: Exported, url: str, table: str, call: str
) -> dict[str, Any]:
    """Bring the table in line with the predictions, and return what was done.

    Raises ConfigurationError if the server cannot be reached, if a column has a type that it lacks, or if the
    table has other columns.
    """
    if not NAME.fullmatch(table):
        raise ConfigurationError(
            call,
            f"the table {table!r} cannot be used",
            expected="a name of lower-case letters, digits and underscores, with or without a schema",
            action="name it with --table",
        )
    types = {name: _type(name, kind, call) for name, kind in exported.columns.items()}
    psycopg2 = import_extra("psycopg2", "postgres", call)
    try:
        with closing(psycopg2.connect(url)) as server, server, server.cursor() as cursor:  # the 2nd commits
            return _Target(connection, cursor, exported, table, call).export(types)
    except psycopg2.Error as error:
        raise ConfigurationError(
            call,
            f"PostgreSQL refused ({' '.join(str(error).split())[:300]}); nothing was exported",
            expected="a server that can be reached, and rights to create and write the table",
            action="correct --to and --table, and call it again",
        ) from error


def _type(name: str, kind: str, call: str) -> str:
    found = TYPES.get(kind) or (kind.replace("DECIMAL", "numeric") if NUMBER.fullmatch(kind) else None)
    if found is None:
        raise ConfigurationError(
            call,
            f"the column {name!r} has the type {kind}",
            expected=f"one of {', '.join(TYPES)}",
            action="export to Parquet, or pass the column through in another type",
        )
    return found


@dataclass(frozen=True)
class _Target:
    """The table that is brought in line with `exported`, in the open transaction of `cursor`."""

    connection: duckdb.DuckDBPyConnection
    cursor: Any
    exported: Exported
    table: str
    call: str

    def export(self, types: Mapping[str, str]) -> dict[str, Any]:
        """Make the table if there is none, and write what differs."""
        self.cursor.execute(
            "set local extra_float_digits = 3; set local datestyle = 'ISO'; set local timezone = 'UTC'"
        )
        self.cursor.execute("select pg_advisory_xact_lock(hashtext(%s))", [self.table])
        columns = ", ".join(f"{DUCKDB.quote(name)} {kind}" for name, kind in types.items())
        key = DUCKDB.column_list(self.exported.key)
        self.cursor.execute(f"create table if not exists {self.table} ({columns}, primary key ({key}))")
        self.cursor.execute(f"select * from {self.table} limit 0")
        found = [column.name for column in self.cursor.description]
        check_columns(self.exported, found, self.table, self.call)
        with tempfile.TemporaryDirectory(prefix="scorehouse-export-") as folder:
            file = Path(folder) / "rows.csv"
            self._read_back(file)
            counts = compare(self.connection, self.exported, BEFORE)
            facts = facts_of(self.connection, self.exported, counts)
            if has_changes(counts):
                self._apply(file)
                self._note(counts, facts["run_ids"])
        return {**facts, "table": self.table}

    def _read_back(self, file: Path) -> None:
        """What the table has now, as a temporary table with the types of the predictions."""
        rows = f"select {DUCKDB.column_list(self.exported.columns)} from {self.table}"
        with file.open("w", encoding="utf-8", newline="") as opened:
            self.cursor.copy_expert(f"copy ({rows}) to stdout (format csv, force_quote *)", opened)
        texts = ", ".join(f"{DUCKDB.literal(name)}: 'VARCHAR'" for name in self.exported.columns)
        self.connection.execute(
            f"create or replace temp table {BEFORE} as select {typed_columns(self.exported)} from read_csv("
            f"{DUCKDB.literal(str(file))}, header = false, columns = {{{texts}}}, quote = '\"', "
            "escape = '\"', delim = ',', nullstr = '', allow_quoted_nulls = false, auto_detect = false)"
        )

    def _apply(self, file: Path) -> None:
        """Delete the rows that changed or vanished, and write those that are new or changed."""
        key, gone = DUCKDB.column_list(self.exported.key), "scorehouse_gone"
        self.cursor.execute(
            f"create temp table {gone} on commit drop as select {key} from {self.table} limit 0"
        )
        self._copy(f"{CHANGE} <> '{NEW}'", gone, key, file)
        same = DUCKDB.same(self.table, gone, self.exported.key)
        self.cursor.execute(f"delete from {self.table} using {gone} where {same}")
        self._copy(
            f"{CHANGE} in ('{NEW}', '{CHANGED}')", self.table, DUCKDB.column_list(self.exported.columns), file
        )

    def _copy(self, condition: str, table: str, columns: str, file: Path) -> None:
        """Copy columns of the changes that meet a condition into a table of the server."""
        self.connection.execute(
            f"copy (select {columns} from {CHANGES} where {condition}) to {DUCKDB.literal(str(file))} "
            "(format csv, header false, nullstr '', quote '\"')"
        )
        with file.open(encoding="utf-8", newline="") as opened:
            self.cursor.copy_expert(f"copy {table} ({columns}) from stdin (format csv)", opened)

    def _note(self, counts: Mapping[str, int], run_ids: list[str]) -> None:
        """A line about this export beside the table."""
        schema = self.table.rpartition(".")[0]
        log = f"{schema}.{LOG}" if schema else LOG
        self.cursor.execute(
            f"create table if not exists {log} (exported_at timestamptz default now(), target text, "
            "node text, rows_new bigint, rows_changed bigint, rows_vanished bigint, run_ids text[])"
        )
        numbers = [counts[name] for name in (NEW, CHANGED, VANISHED)]
        self.cursor.execute(
            f"insert into {log} (target, node, rows_new, rows_changed, rows_vanished, run_ids) "
            "values (%s, %s, %s, %s, %s, %s)",
            [self.table, self.exported.node, *numbers, run_ids],
        )
