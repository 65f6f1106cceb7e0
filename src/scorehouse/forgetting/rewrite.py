"""A DuckDB file written anew: deleted rows stay in its free blocks until then, and in its write-ahead log."""

from __future__ import annotations

import mmap
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import duckdb

from scorehouse.dialect import DUCKDB
from scorehouse.errors import ConfigurationError

OLD, NEW = "scorehouse_old", "scorehouse_new"
SIZES = "select schema_name, table_name from duckdb_tables() where database_name = ? and not temporary"
SEARCHED_BYTES = 50 * 10**9  # of a file times values: about 20 seconds


def written_anew(file: Path, call: str) -> None:
    """Copy tables, views, macros, comments and indexes into a new file, and put it in the old one's place.

    Nobody else can open the file meanwhile. Raises ConfigurationError if the copy fails or is not whole; the
    old file is unchanged then.
    """
    file = file.resolve()
    new = file.with_name(f"{file.name}.forgetting")
    new.unlink(missing_ok=True)
    try:
        with duckdb.connect() as connection:
            connection.execute(f"attach {DUCKDB.literal(str(file))} as {OLD}")
            connection.execute(f"checkpoint {OLD}")
            tags = connection.execute("select tags from duckdb_databases() where database_name = ?", [OLD])
            version = tags.fetchall()[0][0].get("storage_version", "").removesuffix("+")
            options = f" (storage_version {DUCKDB.literal(version)})" if version else ""
            connection.execute(f"attach {DUCKDB.literal(str(new))} as {NEW}{options}")
            connection.execute(f"copy from database {OLD} to {NEW}")
            if (before := _sizes(connection, OLD)) != (after := _sizes(connection, NEW)):
                differ = sorted(set(before.items()) ^ set(after.items()))[:3]
                raise duckdb.Error(f"the copy has other tables or rows, such as {differ}")
            connection.execute(f"detach {NEW}")
            shutil.copymode(file, new)
            os.replace(new, file)  # while the old one is still locked
            connection.execute(f"detach {OLD}")
    except (duckdb.Error, OSError) as error:
        new.unlink(missing_ok=True)
        raise ConfigurationError(
            call,
            f"the rows are deleted, but {str(file)!r} could not be written anew "
            f"({str(error).splitlines()[0]}), and its free blocks still have them",
            expected="a file that no other process has open, and room for a second one beside it",
            action="make room, end what holds it, and call this again; or export and import the database",
        ) from error


def _sizes(connection: duckdb.DuckDBPyConnection, database: str) -> dict[str, int]:
    """The number of rows of each table of a database."""
    tables = [".".join(map(DUCKDB.quote, row)) for row in connection.execute(SIZES, [database]).fetchall()]
    return {
        table: connection.execute(f"select count(*) from {database}.{table}").fetchall()[0][0]
        for table in tables
    }


def bytes_found(file: Path, values: Sequence[str]) -> tuple[int, int]:
    """How many of the values stand in the bytes of a file, and how many were looked for."""
    size = file.stat().st_size
    if not values or not size:
        return 0, 0
    searched = values[: max(1, SEARCHED_BYTES // size)]
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return sum(data.find(value.encode()) >= 0 for value in searched), len(searched)
