"""Feature tables with snapshots: in a DuckLake, with its change feed, and in Iceberg.

Source: the functions of the extension, https://ducklake.select/docs/stable/duckdb/advanced_features/data_change_feed.

Iceberg is read in an attached catalog, or by `iceberg_scan` from a folder. A run reads as of the snapshot
that it logs, since each statement would read the newest. Which that is, no function of the extension says: it
is the newest one with the same files, so that neither a branch nor a snapshot that was rolled back is taken.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import duckdb

from scorehouse.engines.duckdb.keys import SPACE, stored_name
from scorehouse.engines.duckdb.sql import literal, quote
from scorehouse.engines.duckdb.staging import names_of

RESERVED = ("snapshot_id", "rowid", "filename", "file_row_number")  # columns that a lake adds to each table
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SCAN = re.compile(
    rf"\({SPACE}*select{SPACE}+\*{SPACE}+from{SPACE}+iceberg_scan{SPACE}*"
    rf"\({SPACE}*('(?:[^']|'')+'){SPACE}*\){SPACE}*\)",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True)
class SnapshotRead:
    """A snapshot that a run read, and when it was written, in microseconds since 1970, UTC.

    A lake that was restored counts on from an older snapshot, so ids repeat. The time at which a snapshot was
    written does not.
    """

    snapshot: int
    written_us: int

    def replaced(self, written_us: int) -> str:
        """Why the snapshot that has this id now, and that time, is another one; empty if it is not."""
        if written_us == self.written_us:
            return ""
        return (
            f"snapshot {self.snapshot} was written at {utc(written_us)}, and the one that a run read at "
            f"{utc(self.written_us)}: an older state of the lake was restored, or the lake was replaced"
        )


@dataclass(frozen=True)
class LakeTable:
    """A table of a DuckLake, the snapshot that a transaction reads, and when that was written, in UTC."""

    database: str
    schema: str
    name: str
    snapshot: int
    snapshot_at: datetime

    @classmethod
    def found(cls, cursor: duckdb.DuckDBPyConnection, table: str) -> LakeTable | None:
        """The table that the relation `table` reads as a whole; None if it is anything else."""
        relation = stored_name(table)
        if relation is None:
            return None
        lakes = _column(cursor, "select database_name from duckdb_databases() where type = 'ducklake'")
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
        lake = literal(names[0])
        snapshot, written_us = cursor.execute(
            f"select snapshot_id, epoch_us(snapshot_time) from ducklake_snapshots({lake}) "
            f"where snapshot_id = (select id from ducklake_current_snapshot({lake}))"
        ).fetchall()[0]
        database, schema, name = stored[0]
        return cls(database, schema, name, int(snapshot), utc(written_us))

    @property
    def relation(self) -> str:
        return ".".join(quote(name) for name in (self.database, self.schema, self.name))

    def at(self, snapshot: int) -> str:
        """SQL of the table as of a snapshot."""
        return f"{self.relation} at (version => {int(snapshot)})"

    def has_not(self, cursor: duckdb.DuckDBPyConnection, read: SnapshotRead) -> str:
        """Why the table cannot be read as of the snapshot that a run read; empty if it can."""
        found = _column(
            cursor,
            f"select epoch_us(snapshot_time) from {self._snapshots()} where snapshot_id = {read.snapshot}",
        )
        return read.replaced(found[0]) if found else f"the lake has no snapshot {read.snapshot} any more"

    def unusable_since(self, cursor: duckdb.DuckDBPyConnection, reads: Sequence[SnapshotRead]) -> str:
        """Why the feed cannot say what changed since the last of `reads`; empty if it can.

        The others are what later runs read, the newest first.
        """
        snapshot = reads[-1].snapshot
        if ahead := [read.snapshot for read in reads if read.snapshot > self.snapshot]:
            return f"the lake has no snapshot {ahead[0]} yet: an older state of it was restored"
        rows = cursor.execute(
            f"select snapshot_id, epoch_us(snapshot_time), changes from {self._snapshots()} "
            f"where snapshot_id between {snapshot} and {self.snapshot} order by snapshot_id"
        ).fetchall()
        if len(rows) != self.snapshot - snapshot + 1:
            known = {row[0] for row in rows}
            gone = next(each for each in range(snapshot, self.snapshot + 1) if each not in known)
            return f"snapshot {gone} was expired"
        for read in reads:
            if why := read.replaced(rows[read.snapshot - snapshot][1]):
                return why
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

    def feed(self, what: str, after: int) -> str:
        """SQL of the rows of `insertions` or `deletions` after a snapshot, and `snapshot_id`.

        An update is both.
        """
        names = ", ".join(literal(name) for name in (self.database, self.schema, self.name))
        return f"ducklake_table_{what}({names}, {after + 1}, {self.snapshot})"

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


def utc(microseconds: int) -> datetime:
    """A time as the run log has it: in UTC, without a zone."""
    return (EPOCH + timedelta(microseconds=microseconds)).replace(tzinfo=None)


def microseconds(moment: datetime) -> int:
    """A time of the run log in microseconds since 1970."""
    return (moment.replace(tzinfo=UTC) - EPOCH) // timedelta(microseconds=1)


def _column(cursor: duckdb.DuckDBPyConnection, query: str) -> list[Any]:
    return [row[0] for row in cursor.execute(query).fetchall()]


@dataclass(frozen=True)
class IcebergTable:
    """A table of Iceberg, its current snapshot, and when that was written, in UTC.

    `place` is a literal of SQL that the extension's functions take: a path, or the name of a table, which
    `name` has too.
    """

    place: str
    name: str
    snapshot: int
    snapshot_at: datetime

    @classmethod
    def found(cls, cursor: duckdb.DuckDBPyConnection, table: str) -> IcebergTable | None:
        """The table that the relation `table` reads as a whole; None if it is anything else, or empty."""
        if scan := SCAN.fullmatch(table):
            place, name = scan[1], ""
        elif (name := stored_name(table) or "") and _is_in_catalog(cursor, name):
            place = literal(name)
        else:
            return None
        now = _files(cursor, place)
        for snapshot, written_us in _snapshots(cursor, place):
            if _files(cursor, f"{place}, snapshot_from_id => {snapshot}") == now:
                return cls(place, name, snapshot, utc(written_us))
        return None

    def at(self, snapshot: int) -> str:
        """SQL of the table as of a snapshot."""
        if self.name:
            return f"{self.name} at (version => {int(snapshot)})"
        return f"iceberg_scan({self.place}, snapshot_from_id => {int(snapshot)})"

    def has_not(self, cursor: duckdb.DuckDBPyConnection, read: SnapshotRead) -> str:
        """Why the table cannot be read as of the snapshot that a run read; empty if it can."""
        written_us = dict(_snapshots(cursor, self.place)).get(read.snapshot)
        return (
            f"the Iceberg table has no snapshot {read.snapshot} any more"
            if written_us is None
            else read.replaced(written_us)
        )


def table_with_snapshots(cursor: duckdb.DuckDBPyConnection, table: str) -> LakeTable | IcebergTable | None:
    """The table of a DuckLake or of Iceberg that the relation `table` reads as a whole, if it is one."""
    return LakeTable.found(cursor, table) or IcebergTable.found(cursor, table)


def _is_in_catalog(cursor: duckdb.DuckDBPyConnection, name: str) -> bool:
    """Whether a table is in a catalog of Iceberg."""
    catalogs = cursor.execute(
        "select database_name, database_name = current_database() from duckdb_databases() "
        "where type = 'iceberg'"
    ).fetchall()
    names = names_of(name)
    return any(catalog == names[0] or (is_current and len(names) < 3) for catalog, is_current in catalogs)


def _snapshots(cursor: duckdb.DuckDBPyConnection, place: str) -> list[tuple[int, int]]:
    """The ids of all snapshots, the newest first, and when each was written, in microseconds since 1970."""
    return cursor.execute(
        f"select snapshot_id::bigint, epoch_us(timestamp_ms) from iceberg_snapshots({place}) "
        "order by sequence_number desc, timestamp_ms desc"
    ).fetchall()


def _files(cursor: duckdb.DuckDBPyConnection, place: str) -> tuple[int, int | None]:
    """What tells the files of two snapshots apart: their number, and a sum of hashes."""
    return cursor.execute(
        f"select count(*), sum(hash(files)) from iceberg_metadata({place}) as files"
    ).fetchall()[0]
