"""The tables of a DuckDB warehouse that monitoring reads, found by their columns, whatever their names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scorehouse.errors import ConfigurationError

if TYPE_CHECKING:
    import duckdb

    from scorehouse.commands.target import Place

Row = dict[str, Any]

LONG = {"ml_model", "version", "segment", "metric", "window_start", "value", "threshold", "status"}
# What a table is told by: the columns that it has, and those that it has not.
KINDS: dict[str, tuple[set[str], set[str]]] = {
    "registry": ({"name", "version", "aliases", "task", "sha256", "training_rows"}, set()),
    "signature": ({"version", "position", "feature", "type", "accepts_null"}, set()),
    "reference": ({"version", "part", "name", "kind", "bin", "row_count"}, set()),
    "profiles": ({"ml_model", "version", "part", "feature", "kind", "n_null", "n_unseen"}, set()),
    "drift": (LONG | {"part", "feature", "p_value", "floor_value", "place"}, set()),
    "performance": (LONG | {"labels_arrived", "n_current"}, {"p_value"}),
    "estimates": (LONG | {"n_current"}, {"labels_arrived", "p_value"}),
    "calibration": ({"ml_model", "version", "mean_score", "positive_rate", "n_labelled"}, set()),
    "retraining": ({"ml_model", "version", "retrain", "reasons"}, set()),
    "comparison": ({"ml_model", "model_alias", "live_version", "rank_correlation"}, set()),
    "contest": ({"ml_model", "model_alias", "live_version", "difference_low"}, set()),
    "run_log": ({"scoring_run_id", "status", "model_name", "rows_in", "rows_scored"}, set()),
}


@dataclass(frozen=True)
class Table:
    """A table or view; `columns` are its names."""

    schema: str
    name: str
    columns: frozenset[str]

    @property
    def quoted(self) -> str:
        return f"{_quoted(self.schema)}.{_quoted(self.name)}"


class Warehouse:
    """A connection for reading, and the tables in it by kind."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, place: Place, schema: str | None, call: str
    ) -> None:
        self.connection = connection
        self.file = place.file
        self.call = call
        self.tables = [table for table in _tables(connection) if _in_schema(table, schema)]
        if schema is None and self._registered_twice():  # several targets write this file
            self.tables = [table for table in self.tables if _in_schema(table, place.schema)]
        self._check_registries(schema)

    def of_kind(self, kind: str) -> list[Table]:
        """Tables of a kind, by name."""
        present, absent = KINDS[kind]
        return [table for table in self.tables if present <= table.columns and not absent & table.columns]

    def beside(self, registry: Table, suffix: str) -> Table | None:
        """The seed `ml_<name><suffix>` that was registered with a registry."""
        for table in self.tables:
            if table.schema == registry.schema and table.name == registry.name + suffix:
                return table
        return None

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        found = self.connection.execute(sql, list(parameters))
        names = [column[0] for column in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    def rows_of(self, table: Table, ml_model: str, order: str) -> list[Row]:
        """All rows of an ML model in a monitoring table."""
        return self.rows(f"select * from {table.quoted} where ml_model = ? order by {order}", [ml_model])

    def _registered_twice(self) -> list[str]:
        names = [table.name for table in self.of_kind("registry")]
        return sorted({name for name in names if names.count(name) > 1})

    def _check_registries(self, schema: str | None) -> None:
        names = [table.name for table in self.of_kind("registry")]
        twice = self._registered_twice()
        if twice:
            schemas = sorted({table.schema for table in self.of_kind("registry") if table.name in twice})
            raise ConfigurationError(
                self.call,
                f"{self.file.name!r} holds {', '.join(twice)} in several schemas: {', '.join(schemas)}",
                expected="the tables of one dbt target",
                action="name its schema with --schema",
            )
        if not names:
            where = f" in the schema {schema!r}" if schema else ""
            raise ConfigurationError(
                self.call,
                f"{self.file.name!r} has no registry of an ML model{where}",
                expected="the seeds ml_<name>, which `dbt build` loads",
                action="build the project first, or correct the path or the schema",
            )


def _tables(connection: duckdb.DuckDBPyConnection) -> list[Table]:
    rows = connection.execute(
        "select table_schema, table_name, list(column_name) from information_schema.columns "
        "where table_catalog = current_database() group by all order by 1, 2"
    ).fetchall()
    return [Table(schema, name, frozenset(columns)) for schema, name, columns in rows]


def _in_schema(table: Table, schema: str | None) -> bool:
    """dbt puts models of a custom schema in `<schema>_<custom>`."""
    return schema is None or table.schema == schema or table.schema.startswith(f"{schema}_")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
