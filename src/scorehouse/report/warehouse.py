"""The tables of a DuckDB warehouse that the report reads, recognized by their columns, not their names."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from scorehouse.dialect import DUCKDB, Reading
from scorehouse.errors import ConfigurationError
from scorehouse.project.run_log_place import TABLE, Place, rows_of, run_log_schemas

Row = dict[str, Any]

LONG = {"ml_model", "version", "segment", "metric", "window_start", "value", "threshold", "status"}
# How a kind of table is recognized: the columns that it must have, and the columns that it must not have.
KINDS: dict[str, tuple[set[str], set[str]]] = {
    "registry": ({"name", "version", "aliases", "task", "sha256", "training_rows"}, set()),
    "signature": ({"version", "position", "feature", "type", "accepts_null"}, set()),
    "reference": ({"version", "part", "name", "kind", "bin", "row_count"}, set()),
    "profiles": ({"ml_model", "version", "part", "feature", "kind", "n_null", "n_unseen"}, set()),
    "drift": (LONG | {"part", "feature", "p_value", "floor_value", "place"}, {"reference_correlation"}),
    "performance": (LONG | {"labels_arrived", "n_current"}, {"p_value"}),
    "estimates": (LONG | {"n_current"}, {"labels_arrived", "p_value", "part"}),
    "calibration": ({"ml_model", "version", "mean_score", "positive_rate", "n_labelled"}, set()),
    "retraining": ({"ml_model", "version", "retrain", "reasons"}, set()),
    "comparison": ({"ml_model", "model_alias", "live_version", "rank_correlation"}, set()),
    "costs": ({"model_name", "period_start", "rows_scored", "seconds_per_million_rows"}, set()),
    "joint": (LONG | {"part", "feature", "correlation", "reference_correlation"}, set()),
    "worst_segments": (LONG | {"rest_value", "difference_low", "share_of_rows", "n_current"}, set()),
    "attribution": (LONG | {"part", "reference_shift", "previous_shift", "explained_share"}, set()),
    "sequential": (LONG | {"feature", "side", "e_value", "alert_since"}, set()),
    "contest": ({"ml_model", "model_alias", "live_version", "difference_low"}, set()),
}


def is_read(columns: Collection[str]) -> bool:
    """Whether the report reads rows of a table with these columns, and not only their names."""
    own = set(columns)
    return any(present <= own and not absent & own for present, absent in KINDS.values())


@dataclass(frozen=True)
class Table:
    """A table or view; `columns` are its names, and `database` is None for the current one."""

    database: str | None
    schema: str
    name: str
    columns: frozenset[str]

    @property
    def quoted(self) -> str:
        names = [name for name in (self.database, self.schema, self.name) if name is not None]
        return ".".join(DUCKDB.quote(name) for name in names)


class Warehouse:
    """A read-only connection and its tables by kind; `original`: the database that they were copied from."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        place: Place,
        schema: str | None,
        call: str,
        original: Reading | None = None,
    ) -> None:
        self.connection = connection
        self.target = place.target
        self.file = place.file
        self.call = call
        self.original = original
        known = _tables(connection, place.log_database)
        self.tables = [table for table in known if _in_schema(table, schema)]
        if schema is None and self._registered_twice():  # several targets write this file
            self.tables = [table for table in self.tables if _in_schema(table, place.schema)]
        self._check_registries(schema)
        self.run_log = self._run_log(known, schema, place)

    def of_kind(self, kind: str) -> list[Table]:
        """Tables of a kind, by name."""
        present, absent = KINDS[kind]
        return [table for table in self.tables if present <= table.columns and not absent & table.columns]

    def beside(self, registry: Table, suffix: str) -> Table | None:
        """The seed `ml_<name><suffix>` that was registered with a registry."""
        wanted = (registry.schema, registry.name + suffix)
        return next((table for table in self.tables if (table.schema, table.name) == wanted), None)

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        return rows_of(self.connection.execute(sql, list(parameters)))

    def _run_log(self, known: list[Table], schema: str | None, place: Place) -> Table | None:
        """The run log of the target; for a bare file, the one next to the registries, or the only one."""
        schemas = run_log_schemas(self.connection, place.log_database)
        likely = [schema, place.log_schema, *(table.schema for table in self.of_kind("registry"))]
        chosen = next((name for name in likely if name in schemas), schemas[0] if len(schemas) == 1 else None)
        logs = [table for table in known if (table.schema, table.name) == (chosen, TABLE)]
        return logs[-1] if logs else None

    def _registered_twice(self) -> list[Table]:
        """Registries of one name in several schemas."""
        registries = self.of_kind("registry")
        names = [table.name for table in registries]
        return [table for table in registries if names.count(table.name) > 1]

    def _check_registries(self, schema: str | None) -> None:
        if twice := self._registered_twice():
            names = ", ".join(sorted({table.name for table in twice}))
            schemas = ", ".join(sorted({table.schema for table in twice}))
            raise ConfigurationError(
                self.call,
                f"{self.file.name!r} holds {names} in several schemas: {schemas}",
                expected="the tables of one dbt target",
                action="name its schema with --schema",
            )
        if not self.of_kind("registry"):
            where = f" in the schema {schema!r}" if schema else ""
            raise ConfigurationError(
                self.call,
                f"{self.file.name!r} has no ML model registry{where}",
                expected="the seeds ml_<name>, which `dbt build` loads",
                action="build the project first, or correct the path or the schema",
            )


def _tables(connection: duckdb.DuckDBPyConnection, log_database: str | None) -> list[Table]:
    """The tables of the target's database, then the tables of the run log's database."""
    rows = connection.execute(
        "select nullif(table_catalog, current_database()) as database, table_schema, table_name, "
        "list(column_name) from information_schema.columns "
        "where lower(table_catalog) in (lower(current_database()), lower($1)) group by all "
        "order by database nulls first, table_schema, table_name",
        [log_database],
    ).fetchall()
    return [Table(database, schema, name, frozenset(columns)) for database, schema, name, columns in rows]


def _in_schema(table: Table, schema: str | None) -> bool:
    """dbt puts models of a custom schema in `<schema>_<custom>`."""
    return schema is None or table.schema == schema or table.schema.startswith(f"{schema}_")
