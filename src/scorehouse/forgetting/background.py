"""Background rows of registered versions that have the features of a person: they stand in Git."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from scorehouse.dialect import DUCKDB
from scorehouse.forgetting.people import People
from scorehouse.forgetting.tables import Table, condition
from scorehouse.program.reasons.stored_reasons import of_array

BACKGROUND = "background"
ROWS = "scorehouse_background"


def search(
    connection: duckdb.DuckDBPyConnection, project: Path, tables: Sequence[Table], people: People
) -> Iterator[tuple[Path, int, str]]:
    """The files with background rows, how many of these have a person's features, and how that was searched.

    The features are those of the person's rows in `tables`, which have to be there still.
    """
    for file in sorted(project.glob("artifacts/*/*/program.npz")):
        for rows in _backgrounds(file):
            connection.register(ROWS, pa.table(rows))
            alike = [table for table in tables if set(rows.schema.names) <= set(table.types)]
            try:
                hits = sum(_alike(connection, table, rows.schema.names, people) for table in alike)
                how = "by the features of the person's rows" if alike else "not: no table has the features"
            except duckdb.Error as error:  # such as a text where the version reads numbers
                hits, how = 0, f"not: {str(error).splitlines()[0]}"
            connection.unregister(ROWS)
            yield file, hits, how


def _backgrounds(file: Path) -> Iterator[pa.RecordBatch]:
    with np.load(file, allow_pickle=False) as arrays:
        for name in arrays.files:
            if name.endswith(BACKGROUND):
                yield of_array(arrays[name])


def _alike(connection: duckdb.DuckDBPyConnection, table: Table, names: Sequence[str], people: People) -> int:
    """How many background rows equal a row of a person in all features."""
    same = " and ".join(f"own.{q} is not distinct from background.{q}" for q in map(DUCKDB.quote, names))
    own = f"(select * from {table.sql} where {condition(people, table.types)})"
    query = f"select count(*) from {ROWS} as background semi join {own} as own on {same}"
    return int(connection.execute(query).fetchall()[0][0])
