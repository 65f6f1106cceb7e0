"""A feature table in a DuckLake: its snapshots, and its change feed.

Source: the functions of the extension, https://ducklake.select/docs/stable/duckdb/advanced_features/data_change_feed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import duckdb

from scorehouse.engines.duckdb.keys import stored_name
from scorehouse.engines.duckdb.sql import literal, quote
from scorehouse.engines.duckdb.staging import names_of

RESERVED = ("snapshot_id", "rowid", "filename", "file_row_number")  # columns that a lake adds to each table
CLOCK_SKEW_US = 5 * 60 * 1_000_000  # between the machine that wrote a snapshot and the machine of a run


@dataclass(frozen=True)
class LakeTable:
    """A table of a DuckLake, and the id of the snapshot that a transaction reads."""

    database: str
    schema: str
    name: str
    snapshot: int

    @classmethod
    def found(cls, cursor: duckdb.DuckDBPyConnection, table: str) -> LakeTable | None:
        """The table that the relation `table` reads as a whole; None if it is anything else."""
        relation = stored_name(table)
        if relation is None:
            return None
        lakes = _column(cursor, "select database_name from duckdb_databases() where type = 'ducklake'")
        if not lakes:
            return None
        names = names_of(relation)
        here, schema = cursor.execute("select current_database(), current_schema()").fetchall()[0]
        if len(names) == 2 and names[0] in lakes:
            names = [names[0], "main", names[1]]
        names = [*[here, schema][: 3 - len(names)], *names]
        if names[0] not in lakes:
            return None
        stored = cursor.execute(
            "select database_name, schema_name, table_name from duckdb_tables() where database_name = ? "
            "and lower(schema_name) = lower(?) and lower(table_name) = lower(?)",
            names,
        ).fetchall()
        if not stored:
            return None  # a view
        (snapshot,) = _column(cursor, f"select id from ducklake_current_snapshot({literal(names[0])})")
        database, schema, name = stored[0]
        return cls(database, schema, name, int(snapshot))

    @property
    def relation(self) -> str:
        return ".".join(quote(name) for name in (self.database, self.schema, self.name))

    def at(self, snapshot: int) -> str:
        """SQL of the table as of a snapshot."""
        return f"{self.relation} at (version => {int(snapshot)})"

    def has_snapshot(self, cursor: duckdb.DuckDBPyConnection, snapshot: int) -> bool:
        """Whether the lake still has a snapshot."""
        return bool(_column(cursor, f"select 1 from {self._snapshots()} where snapshot_id = {int(snapshot)}"))

    def unusable_since(self, cursor: duckdb.DuckDBPyConnection, snapshot: int, read_us: int) -> str:
        """Why the feed after a snapshot cannot say what changed; empty if it can.

        `read_us` is when a run had read that snapshot, in microseconds since 1970, UTC.
        """
        if snapshot > self.snapshot:
            return f"the lake has no snapshot {snapshot} yet: an older state of it was restored"
        rows = cursor.execute(
            f"select snapshot_id, epoch_us(snapshot_time), changes from {self._snapshots()} "
            f"where snapshot_id between {snapshot} and {self.snapshot} order by snapshot_id"
        ).fetchall()
        if len(rows) != self.snapshot - snapshot + 1:
            known = {row[0] for row in rows}
            gone = next(each for each in range(snapshot, self.snapshot + 1) if each not in known)
            return f"snapshot {gone} was expired"
        if rows[0][1] > read_us + CLOCK_SKEW_US:
            return f"snapshot {snapshot} was written after the run that read it: the lake was replaced"
        ids = _column(
            cursor,
            f"select table_id from ducklake_table_info({literal(self.database)}) "
            f"where lower(table_name) = lower({literal(self.name)})",
        )
        for number, _, changes in rows[1:]:
            if why := self._remade(changes, {str(each) for each in ids}):
                return f"the table was {why} in snapshot {number}"
        return ""

    def _remade(self, changes: dict[str, list[str]], ids: set[str]) -> str:
        """What a snapshot did to the table besides its rows."""
        made = {name.replace('"', "").lower() for name in changes.get("tables_created", [])}
        if f"{self.schema}.{self.name}".lower() in made:
            return "made anew"
        return "altered" if ids & {*changes.get("tables_altered", [])} else ""

    def _snapshots(self) -> str:
        return f"ducklake_snapshots({literal(self.database)})"

    def inserted(self, after: int) -> str:
        """SQL of the rows that were inserted after a snapshot, by an update too, and `snapshot_id`."""
        return f"ducklake_table_insertions({self._range(after)})"

    def deleted(self, after: int) -> str:
        """SQL of the rows that were deleted after a snapshot, by an update too, and `snapshot_id`."""
        return f"ducklake_table_deletions({self._range(after)})"

    def _range(self, after: int) -> str:
        names = ", ".join(literal(name) for name in (self.database, self.schema, self.name))
        return f"{names}, {after + 1}, {self.snapshot}"

    def stretch(self, cursor: duckdb.DuckDBPyConnection, rows: int, count: int, seed: str) -> str:
        """SQL of a condition that holds for about `count` neighbouring rows, of a table of `rows` rows.

        They are in one file, which is drawn by its size; so one group of rows is read. True if no file has
        rows: then they are in the catalog.
        """
        files: Sequence[Any] = cursor.execute(
            f"select data_file, data_file_size_bytes from ducklake_list_files({literal(self.database)}, "
            f"{literal(self.name)}, schema => {literal(self.schema)})"
        ).fetchall()
        total = sum(size for _, size in files)
        if not total:
            return "true"
        random = Random(seed)
        file, size = random.choices(files, weights=[size for _, size in files])[0]
        first = random.randrange(max(1, int(rows * size / total) - count))
        return (
            f"filename = {literal(file)} and file_row_number >= {first} and file_row_number < {first + count}"
        )


def _column(cursor: duckdb.DuckDBPyConnection, query: str) -> list[Any]:
    return [row[0] for row in cursor.execute(query).fetchall()]
