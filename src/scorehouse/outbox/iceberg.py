"""Exports into an Iceberg table, through pyiceberg: one commit, for which nothing else may have come between.

What was exported before is read back from the table, as of the snapshot that the commit builds on. If another
writer was faster, the table is compared again: so no row is lost, and none is there twice.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from scorehouse.dialect import DUCKDB
from scorehouse.errors import ConfigurationError, ScorehouseError
from scorehouse.outbox.changes import (
    CHANGED,
    CHANGES,
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
    import pyarrow as pa

SCHEME = "iceberg://"
BEFORE, ROWS = "scorehouse_exported", "scorehouse_iceberg"
TRIES = 10
NO_RETRY = {"commit.retry.num-retries": "0"}  # pyiceberg would append to what it has not compared
STORED = {  # types that Iceberg lacks, and what its tables have instead
    "TINYINT": "INTEGER",
    "UTINYINT": "INTEGER",
    "SMALLINT": "INTEGER",
    "USMALLINT": "INTEGER",
    "UINTEGER": "BIGINT",
    "UBIGINT": "DECIMAL(20, 0)",
    "HUGEINT": "DECIMAL(38, 0)",
    "UUID": "VARCHAR",
}


def export_to_iceberg(
    connection: duckdb.DuckDBPyConnection, exported: Exported, catalog: str, table: str, call: str
) -> dict[str, Any]:
    """Bring the table in line with the predictions, and return what was done.

    `catalog` is a name of pyiceberg's configuration. Raises ConfigurationError if it cannot be reached, if a
    column has a type that Iceberg lacks, if the table has other columns, or if others commit again and again.
    """
    load_catalog = import_extra("pyiceberg.catalog", "iceberg", call).load_catalog
    from pyiceberg.exceptions import CommitFailedException, ValidationException

    connection.execute("set timezone = 'UTC'")  # the only zone that Iceberg has
    try:
        schema = _rows(connection, exported, f"{exported.table} limit 0").schema
        target = load_catalog(catalog).create_table_if_not_exists(table, schema)
        for _ in range(TRIES):
            try:
                return {**_export(connection, exported, target.refresh(), call), "table": table}
            except (CommitFailedException, ValidationException) as error:
                failed = error
        raise failed
    except ScorehouseError:
        raise
    except Exception as error:  # those of pyiceberg have no class of their own in common
        raise ConfigurationError(
            call,
            f"Iceberg refused ({type(error).__name__}: {' '.join(str(error).split())[:300]})",
            expected=f"a catalog {catalog!r} in pyiceberg's configuration, with the namespace of {table!r}",
            action="correct --to and --table, and call it again, which writes what is missing",
        ) from error


def _export(
    connection: duckdb.DuckDBPyConnection, exported: Exported, target: Any, call: str
) -> dict[str, Any]:
    """One try, on the snapshot that the table has now."""
    check_columns(exported, target.schema().column_names, ".".join(target.name()), call)
    connection.register(ROWS, target.scan().to_arrow_batch_reader())
    connection.execute(
        f"create or replace temp table {BEFORE} as select {typed_columns(exported)} from {ROWS}"
    )
    connection.unregister(ROWS)
    counts = compare(connection, exported, BEFORE)
    facts = facts_of(connection, exported, counts)
    if not has_changes(counts):
        return facts
    said = {name: facts[name] for name in ("node", "run_ids", "rows")}
    summary = {f"scorehouse.{name}": json.dumps(value) for name, value in said.items()}
    target.metadata.properties.update(NO_RETRY)  # of this object, not of the table
    if counts[CHANGED] or counts[VANISHED]:
        target.overwrite(_rows(connection, exported, exported.table), snapshot_properties=summary)
    else:
        target.append(_rows(connection, exported, CHANGES), snapshot_properties=summary)
    return facts


def _rows(connection: duckdb.DuckDBPyConnection, exported: Exported, relation: str) -> pa.Table:
    """Rows of a relation with the columns of the predictions, in types that Iceberg has."""
    columns = ", ".join(
        f"cast({DUCKDB.quote(name)} as {STORED.get(kind, kind)}) as {DUCKDB.quote(name)}"
        for name, kind in exported.columns.items()
    )
    return connection.sql(f"select {columns} from {relation}").to_arrow_table()
