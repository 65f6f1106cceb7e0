"""The warehouse as a loader and an analyst reach it, beside dbt; and the profile that dbt reaches it by."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import duckdb
import pyarrow as pa
from world import Row, Subject

RAW = "raw"
TABLE = "select 1 from information_schema.tables where table_schema = '{schema}' and table_name = '{name}'"


class Warehouse(Protocol):
    """What a life needs of an engine."""

    name: str
    quote: str  # around a name in SQL
    profile: dict[str, Any]  # the target of dbt's profile

    def execute(self, sql: str) -> None: ...

    def rows(self, sql: str) -> list[Row]: ...

    def has_table(self, schema: str, name: str) -> bool: ...

    def insert(self, table: str, columns: list[str], rows: list[tuple[Any, ...]]) -> None: ...

    def keep(self) -> None:
        """Keep all tables as they are now, where they are not in the folder of the life."""

    def restore(self) -> None:
        """Bring back what was kept."""

    def close(self) -> None: ...


class DuckDb(Warehouse):
    """A DuckDB file in the folder of the project."""

    name = "duckdb"
    quote = '"'

    def __init__(self, folder: Path, python: Path) -> None:
        self.settings: dict[str, str] = {}
        self.file = folder / "shop.duckdb"
        self.profile: dict[str, Any] = {
            "type": "duckdb",
            "path": self.file.name,
            "threads": 8,
            "settings": {"memory_limit": "1GB"},
        }

    @contextlib.contextmanager
    def connected(self, *, read_only: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
        with duckdb.connect(str(self.file), read_only=read_only, config=dict(self.settings)) as connection:
            yield connection

    def execute(self, sql: str) -> None:
        with self.connected() as connection:
            connection.execute(sql)

    def rows(self, sql: str) -> list[Row]:
        with self.connected(read_only=True) as connection:
            result = connection.execute(sql)
            names = [column[0] for column in result.description]
            return [dict(zip(names, row, strict=True)) for row in result.fetchall()]

    def has_table(self, schema: str, name: str) -> bool:
        return bool(self.rows(TABLE.format(schema=schema, name=name)))

    def insert(self, table: str, columns: list[str], rows: list[tuple[Any, ...]]) -> None:
        with self.connected() as connection:
            values = dict(zip(columns, (list(column) for column in zip(*rows, strict=True)), strict=True))
            connection.register("loaded", pa.table(values))
            connection.execute(f"insert into {table} ({', '.join(columns)}) select * from loaded")

    def close(self) -> None:
        """A file is closed after each statement."""


class Loader:
    """Writes what the world has into the source tables, only what differs, as a loader does."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse = warehouse
        self.loaded: dict[str, dict[Any, Any]] = {}

    def create(self, subject: Subject) -> None:
        columns = ", ".join(f"{quoted(name)} {kind}" for name, kind in subject.columns.items())
        self.warehouse.execute(f"create schema if not exists {RAW}")
        self.warehouse.execute(f"create table {RAW}.{subject.table} ({columns})")
        key = f"{quoted(subject.key)} {subject.columns[subject.key]}"
        label = f"{quoted(subject.label)} {subject.label_type}"
        self.warehouse.execute(f"create table {RAW}.{subject.labels} ({key}, {label}, known_at timestamp)")

    def load(self, subject: Subject, rows: dict[Any, Row], labels: dict[Any, Any], today: dt.date) -> None:
        """Bring both source tables to what the world has today."""
        columns = list(subject.columns)
        self._bring(
            subject.table,
            subject.key,
            columns,
            {k: tuple(row[c] for c in columns) for k, row in rows.items()},
        )
        before = self.loaded.get(subject.labels, {})
        known = {key: (key, label, _known_at(before, key, label, today)) for key, label in labels.items()}
        self._bring(subject.labels, subject.key, [subject.key, subject.label, "known_at"], known)

    def _bring(self, table: str, key: str, columns: list[str], wanted: dict[Any, tuple[Any, ...]]) -> None:
        have = self.loaded.setdefault(table, {})
        gone = [name for name in have if name not in wanted or have[name] != wanted[name]]
        new = [row for name, row in wanted.items() if name not in have or have[name] != row]
        if gone:
            keys = ", ".join(_literal(name) for name in gone)
            self.warehouse.execute(f"delete from {RAW}.{table} where {quoted(key)} in ({keys})")
        if new:
            self.warehouse.insert(f"{RAW}.{table}", [quoted(name) for name in columns], new)
        self.loaded[table] = dict(wanted)


def _known_at(before: dict[Any, Any], key: Any, label: Any, today: dt.date) -> dt.datetime:
    """When a label became known: it stays what it was while the label stays."""
    old = before.get(key)
    return old[2] if old and old[1] == label else dt.datetime.combine(today, dt.time(4))


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(value: Any) -> str:
    return str(value) if isinstance(value, int) else "'" + str(value).replace("'", "''") + "'"
