"""The engines on which lives are lived: how each is installed, reached, and what it refuses."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
from clock import clock_variables
from spark_server import Spark
from warehouse import TABLE, DuckDb, Warehouse
from world import Row

SUPPORT = Path(__file__).parents[1] / "python" / "support"


@dataclass(frozen=True)
class Engine:
    """An engine: its warehouse (of a folder of a life and the Python that is installed), and what it refuses.

    `refuses` has what its project cannot use, with a page of docs/how-to and its words that say so:
    `several` (versions in one scan, as challengers need), `backfills`, `slices` (of a full build), `clone`,
    `comments` (on columns of views), `forgetting`, `estimators` (that no SQL is made of), and the commands
    `replay`, `retrain`, `distil` and `export predictions`.
    """

    name: str
    warehouse: Callable[[Path, Path], Warehouse]
    lock: str = "requirements.lock"
    on_top: str | None = None  # a lock file whose releases replace those
    extras: tuple[str, ...] = ()
    refuses: dict[str, tuple[str, str]] = field(default_factory=dict)
    variables: Callable[[], dict[str, str]] = dict
    is_short: bool = False  # without monitors and alerts, which Spark plans for minutes, and with two nights
    needs: str = ""  # a Python package, or a variable in capitals, without which it cannot be reached
    run: str = ""  # the command that has it

    def missing(self) -> str:
        """Why this engine cannot be reached from here, or nothing."""
        there = self.needs in os.environ if self.needs.isupper() else importlib.util.find_spec(self.needs)
        return "" if there else f"run `{self.run}`, which has what lives on {self.name} need"


class OlderDuckDb(DuckDb):
    """A DuckDB file that dbt's second engine can read, whose library is of an older release than ours."""

    name = "dbt2"

    def __init__(self, folder: Path, python: Path) -> None:
        super().__init__(folder, python)
        self.settings = {"storage_compatibility_version": "v1.4.0"}


class DuckLake(DuckDb):
    """A lake as the target database, on the release of DuckDB that has the extension."""

    name = "ducklake"

    def __init__(self, folder: Path, python: Path) -> None:
        super().__init__(folder, python)
        place = folder.parent / "extensions"
        self.lake = folder.parent / "lake.ducklake"
        self.settings = {"extension_directory": str(place)}
        _install_extension(place, "ducklake")
        self.profile = {
            "type": "duckdb",
            "path": ":memory:",
            "database": "lake",
            "threads": 1,  # docs/how-to/lakes.md says why
            "attach": [{"path": f"ducklake:{self.lake}", "alias": "lake"}],
            "config_options": self.settings,
        }

    @contextlib.contextmanager
    def connected(self, *, read_only: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
        with duckdb.connect(config=dict(self.settings)) as connection:
            connection.execute(f"attach 'ducklake:{self.lake}' as lake; use lake")
            yield connection


class Postgres(Warehouse):
    """A PostgreSQL server of this life, whose clock is that of the life."""

    name = "postgres"
    quote = '"'

    def __init__(self, folder: Path, python: Path) -> None:
        sys.path.insert(0, str(SUPPORT))
        from postgres.server import running_server  # type: ignore[import-not-found]

        self._stack = contextlib.ExitStack()
        with _variables(clock_variables(folder.parent)):
            self.server = self._stack.enter_context(running_server())
        self.profile: dict[str, Any] = {
            "type": "postgres",
            "host": "127.0.0.1",
            "port": self.server.port,
            "user": "postgres",
            "password": "",
            "dbname": "postgres",
            "schema": "main",
            "threads": 8,
        }

    def execute(self, sql: str) -> None:
        with (
            contextlib.closing(self.server.connect()) as connection,
            connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(sql)

    def rows(self, sql: str) -> list[Row]:
        with contextlib.closing(self.server.connect()) as connection, connection.cursor() as cursor:
            cursor.execute(sql)
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def has_table(self, schema: str, name: str) -> bool:
        return bool(self.rows(TABLE.format(schema=schema, name=name)))

    def insert(self, table: str, columns: list[str], rows: list[tuple[Any, ...]]) -> None:
        from psycopg2.extras import execute_values

        with (
            contextlib.closing(self.server.connect()) as connection,
            connection,
            connection.cursor() as cursor,
        ):
            execute_values(
                cursor, f"insert into {table} ({', '.join(columns)}) values %s", rows, page_size=1000
            )

    def keep(self) -> None:
        self._copy_database("postgres", "kept")

    def restore(self) -> None:
        self._copy_database("kept", "postgres")

    def _copy_database(self, name: str, copy: str) -> None:
        """Replace a database by a copy of another; what is connected with one of them is ended."""
        with contextlib.closing(self.server.connect("template1")) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(f"drop database if exists {copy} with (force)")
                cursor.execute(
                    f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}'"
                )
                cursor.execute(f"create database {copy} template {name}")

    def close(self) -> None:
        self._stack.close()


def dbt2_program() -> dict[str, str]:
    """The variables by which `dbt` is the second engine, which `./run` has installed."""
    program = Path(os.environ["SCOREHOUSE_DBT2"])
    return {"SCOREHOUSE_LIFE_DBT": str(program.parent), "LD_LIBRARY_PATH": os.environ["LD_LIBRARY_PATH"]}


WITHOUT_PYTHON = "without_python.md"
FORGETTING = {"forgetting": ("forget.md", "Other databases and lakes are refused")}
# what compiled SQL cannot do, wherever it scores without Python
IN_SQL_ALONE = {
    **FORGETTING,
    "slices": (WITHOUT_PYTHON, "`max_seconds`, `slice_rows`"),
    "estimators": (WITHOUT_PYTHON, "versions without compiled SQL"),
}
IN_DUCKDB_ALONE = ("replay", "retrain", "distil", "export predictions")  # commands
IN_FILES = {**FORGETTING, "slices": ("backfill.md", "DuckDB files, one version")}
ENGINES = {
    engine.name: engine
    for engine in (
        Engine("duckdb", DuckDb),
        Engine(
            "ducklake",
            DuckLake,
            on_top="requirements-duckdb15.lock",
            refuses={**IN_FILES, "comments": ("lakes.md", "comments on columns of views")},
            needs="duckdb_extension_ducklake",
            run="./run test duckdb15 tests/python/life -m soak -k ducklake",
        ),
        Engine(
            "postgres",
            Postgres,
            extras=("postgres",),
            refuses=IN_SQL_ALONE | dict.fromkeys(IN_DUCKDB_ALONE, (WITHOUT_PYTHON, "read DuckDB files only")),
            needs="psycopg2",
            run="./run test soak -k postgres",
        ),
        Engine(
            "dbt2",
            OlderDuckDb,
            refuses={**IN_SQL_ALONE, "clone": (WITHOUT_PYTHON, "`dbt clone`")},
            variables=dbt2_program,
            needs="SCOREHOUSE_DBT2",
            run="./run test dbt2 tests/python/life -m soak -k dbt2",
        ),
        Engine(
            "spark",
            Spark,
            lock="requirements-spark.lock",
            extras=("spark",),
            refuses=IN_FILES | dict.fromkeys(IN_DUCKDB_ALONE, ("spark.md", "read DuckDB alone")),
            is_short=True,
            needs="pyspark",
            run="./run test spark tests/python/life -m soak -k spark",
        ),
    )
}


def _install_extension(folder: Path, name: str) -> None:
    """Copy an extension from its Python package, as `duckdb.install_extension` would fetch it."""
    spec = importlib.util.find_spec(f"duckdb_extension_{name}")
    if spec is None or spec.origin is None:
        raise RuntimeError(
            f"the package duckdb-extension-{name} is missing; call ./run life --engine ducklake"
        )
    (file,) = Path(spec.origin).parent.rglob(f"{name}.duckdb_extension")
    (platform,) = duckdb.sql("pragma platform").fetchall()[0]
    place = folder / f"v{duckdb.__version__}" / platform
    place.mkdir(parents=True, exist_ok=True)
    shutil.copy(file, place)


@contextlib.contextmanager
def _variables(values: dict[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
