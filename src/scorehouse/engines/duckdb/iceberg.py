"""A feature table in Iceberg: in an attached catalog, or read by `iceberg_scan` from its folder.

A run reads as of the snapshot that it logs, since each statement would read the newest. Which that is, no
function of the extension says: it is the newest one with the same files, so that neither a branch nor a
snapshot that was rolled back is taken for it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

import duckdb

from scorehouse.engines.duckdb.keys import SPACE, stored_name
from scorehouse.engines.duckdb.lake import LakeTable, SnapshotRead, utc
from scorehouse.engines.duckdb.sql import literal
from scorehouse.engines.duckdb.staging import names_of

SCAN = re.compile(
    rf"\({SPACE}*select{SPACE}+\*{SPACE}+from{SPACE}+iceberg_scan{SPACE}*"
    rf"\({SPACE}*('(?:[^']|'')+'){SPACE}*\){SPACE}*\)",
    re.IGNORECASE | re.DOTALL,
)


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
