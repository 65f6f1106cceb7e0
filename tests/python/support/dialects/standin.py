"""Run dbt for a database that is not there: `python standin.py TYPE PROJECT ARGUMENTS...`.

The macros, and so every dispatch, are those of the real adapter, whose folder stands beside the project
under `adapters/`. What they ask while dbt compiles (which columns, which versions) is put into DuckDB's
words by sqlglot and asked of the project's DuckDB file. Prints, as JSON, by node: its status, its message
and the SQL that was compiled.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar

import sqlglot
from dbt.adapters.base import AdapterPlugin, Column, available
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.adapters.duckdb.credentials import DuckDBCredentials
from dbt.adapters.duckdb.impl import DuckDBAdapter
from dbt.adapters.duckdb.relation import DuckDBRelation
from dbt.cli.main import dbtRunner

# The one thing that adapters say in Python and not in macros, of what our macros use: names of types.
LABELS = {
    "bigquery": {"TEXT": "STRING", "FLOAT": "FLOAT64", "INTEGER": "INT64"},
    "databricks": {"LONG": "BIGINT", "TEXT": "STRING"},
    "spark": {"LONG": "BIGINT", "TEXT": "STRING"},
}
DEPENDS_ON = {"databricks": ["spark"], "redshift": ["postgres"]}
READ_AS = {"sqlserver": "tsql"}  # where sqlglot has another name
FLAGS = [f"dbt_sqlserver_use_{name}" for name in ("default_schema_concat", "dbt_transactions")]
BACKTICKS = ("bigquery", "databricks", "spark")


def install(kind: str, adapters: Path) -> None:
    """Make `dbt.adapters.<kind>` importable: DuckDB's adapter under another name, with other macros."""
    for needed in DEPENDS_ON.get(kind, []):
        if (adapters / needed).is_dir():
            install(needed, adapters)
    module = ModuleType(f"dbt.adapters.{kind}")
    module.Plugin = AdapterPlugin(  # type: ignore[attr-defined]
        adapter=adapter_of(kind),
        credentials=credentials_of(kind),
        include_path=str(adapters / kind),
        dependencies=DEPENDS_ON.get(kind, []),
    )
    module.__path__ = []
    release = ModuleType(f"{module.__name__}.__version__")
    release.version = version("dbt-duckdb")  # type: ignore[attr-defined]
    sys.modules |= {module.__name__: module, release.__name__: release}


def credentials_of(kind: str) -> Any:
    @dataclass
    class Credentials(DuckDBCredentials):
        @property
        def type(self) -> str:
            return kind

        def _connection_keys(self) -> tuple[str, ...]:
            return (*super()._connection_keys(), "catalog")

        @property
        def catalog(self) -> str:
            """What Databricks calls the database."""
            return str(self.database)

    return Credentials


def adapter_of(kind: str) -> Any:
    mark = "`" if kind in BACKTICKS else '"'

    class Manager(DuckDBConnectionManager):
        TYPE = kind

        def execute(self, sql: str, *arguments: Any, **options: Any) -> Any:
            (asked,) = sqlglot.transpile(sql, read=READ_AS.get(kind, kind), write="duckdb")
            return super().execute(asked, *arguments, **options)

        def rows_of(self, sql: str) -> Any:
            """Rows of DuckDB's own catalog."""
            _, table = super().execute(sql, fetch=True)
            return table.rows

    class Labelled(Column):
        TYPE_LABELS: ClassVar[dict[str, str]] = {**Column.TYPE_LABELS, **LABELS.get(kind, {})}

    @dataclass(frozen=True, eq=False, repr=False)
    class Relation(DuckDBRelation):
        quote_character: str = mark

    class Adapter(DuckDBAdapter):
        ConnectionManager = Manager
        Column = Labelled

        @classmethod
        def quote(cls, identifier: str) -> str:
            return f"{mark}{identifier}{mark}"

        @property
        def _behavior_flags(self) -> list[Any]:
            """Asked by the macros of SQL Server, which takes none of them by default."""
            return [{"name": name, "default": False, "description": name} for name in FLAGS]

        @available
        def has_dbr_capability(self, name: str) -> bool:
            """Asked by the macros of Databricks: of a release that is not old."""
            return True

        @available
        def build_catalog_relation(self, model: Any) -> Any:
            """Asked by them too: the catalog of a model."""
            return SimpleNamespace(catalog_name=self.config.credentials.database)

        def list_schemas(self, database: str) -> list[str]:
            return ["main"]

        def list_relations_without_caching(self, schema_relation: Any) -> list[Any]:
            rows = self.connections.rows_of(
                "select table_name, table_type from information_schema.tables "
                f"where table_schema = '{schema_relation.schema}'"
            )
            place = {"database": schema_relation.database, "schema": schema_relation.schema}
            return [
                self.Relation.create(**place, identifier=row[0], type="view" if row[1] == "VIEW" else "table")
                for row in rows
            ]

        def get_columns_in_relation(self, relation: Any) -> list[Any]:
            rows = self.connections.rows_of(
                "select column_name, data_type from information_schema.columns "
                f"where table_schema = '{relation.schema}' and table_name = '{relation.identifier}' "
                "order by ordinal_position"
            )
            return [Labelled(row[0], row[1].lower()) for row in rows]

    Adapter.Relation = Relation
    Adapter.__name__ = f"{kind.title()}Adapter"  # dbt looks for the release by this name
    return Adapter


def main() -> None:
    kind, project, *arguments = sys.argv[1:]
    folder = Path(project)
    install(kind, folder / "adapters")
    places = ["--project-dir", project, "--profiles-dir", project, "--target", kind]
    ended = dbtRunner().invoke(["--quiet", *arguments, *places])
    found = {
        result.node.name: {
            "status": str(result.status),
            "message": str(result.message),
            "sql": getattr(result.node, "compiled_code", None),
        }
        for result in getattr(ended.result, "results", None) or []
    }
    print(json.dumps({"problem": str(ended.exception or ""), "nodes": found}))


if __name__ == "__main__":
    main()
