"""One project per engine, told and read in the same words: features, versions, prediction tables, run log."""

from __future__ import annotations

import importlib.util
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

import contracts
from lake import attach
from project import DbtProject, Row
from scorehouse import register
from scorehouse.registration.groups import grouped
from spark.project import SparkProject, quick, stop_session

COLUMNS = pa.schema(
    [
        ("id", pa.int64()),
        ("a", pa.float64()),
        ("b", pa.float64()),
        ("plan", pa.string()),
        ("part", pa.int64()),
        ("day", pa.date32()),
        ("updated_at", pa.timestamp("us")),
    ]
)


def _encoded(model: Any = None) -> tuple[pd.DataFrame, Any]:
    """Training features, and a linear model that is not fitted."""
    rows = product(range(11), range(11), ["free", "paid"])
    X = pd.DataFrame(rows, columns=["a", "b", "plan"]).astype({"a": float, "b": float})
    encoded = make_column_transformer((OneHotEncoder(), ["plan"]), remainder="passthrough")
    return X, make_pipeline(encoded, model or LinearRegression())


def _amounts(X: pd.DataFrame, slope: float) -> pd.Series:
    return slope * X["a"] + X["b"] + 5 * (X["plan"] == "paid")


SUCCEEDED = ("success", "pass")


class Engine(ABC):
    """A dbt project with one ML model on one engine. Its feature table is read from a Parquet file."""

    columns = contracts.ON_DUCKDB  # and types of a prediction table
    is_slow = False  # to plan the tables of monitoring

    def __init__(self, project: DbtProject | SparkProject, read_parquet: str) -> None:
        self.project = project
        self.rows_file = project.folder / "rows.parquet"
        project.features(f"select * from {read_parquet.format(self.rows_file)}")

    def features(self, rows: Sequence[Row]) -> None:
        """What the next build has as its feature table: rows of `COLUMNS`."""
        arrays = [pa.array(c, f.type) for c, f in zip(zip(*rows, strict=True), COLUMNS, strict=True)]
        pq.write_table(pa.Table.from_arrays(arrays, schema=COLUMNS), self.rows_file)

    def register(self, slope: float, **facts: Any) -> None:
        """A version of the ML model `toy`: `slope * a + b`, and 5 more for the plan `paid`.

        It is trained on `a` and `b` from 0 to 10.
        """
        X, estimator = _encoded()
        y = _amounts(X, slope)
        register(
            estimator.fit(X, y),
            "toy",
            X,
            y,
            task="regression",
            project_dir=self.project.folder,
            **grouped(facts),
        )

    def register_pair(self) -> None:
        """The ML model `pair`: as two outputs, what `toy` predicts with the slopes 10 and 100."""
        X, estimator = _encoded()
        Y = pd.DataFrame({f"by_{slope}": _amounts(X, slope) for slope in (10, 100)})
        facts = {"task": "multioutput_regression", "project_dir": self.project.folder}
        register(estimator.fit(X, Y), "pair", X, Y, alias="champion", **grouped(facts))

    def register_leaver(self) -> None:
        """The ML model `leaver`: 1 where `toy` predicts more than 60 with the slope 10, else 0."""
        X, estimator = _encoded(LogisticRegression(max_iter=2000))
        y = (_amounts(X, 10) > 60).astype(int)
        facts = {"task": "classification", "project_dir": self.project.folder}
        register(estimator.fit(X, y), "leaver", X, y, alias="champion", threshold=0.5, **grouped(facts))

    def python_model(self, name: str, config: str = "", model: str = "toy", **arguments: Any) -> None:
        """A prediction table through `score()`, with these arguments and the key `id`."""
        self.project.write(
            f"python_models/{name}.py",
            "from scorehouse import score\n\n\n"
            "def model(dbt, session):\n"
            f"    dbt.config(materialized='predictions'{config and f', {config}'})\n"
            f"    features, model = dbt.ref('features'), dbt.ref('ml_{model}')\n"
            f"    return score(dbt, session, features=features, model=model{_keywords(arguments)})\n",
        )

    def sql_model(self, name: str, **arguments: Any) -> None:
        """A prediction table of `toy` through `scored()`, with these arguments and the key `id`."""
        call = f"{{{{ scorehouse.scored('toy'{_keywords(arguments)}) }}}}"
        self.project.write(f"models/{name}.sql", f"{call}\nselect * from {{{{ ref('features') }}}}\n")

    def build(self, *names: str) -> dict[str, str]:
        """Build these nodes without their tests; what each says that did not succeed."""
        return self._failures("--select", *names, "--exclude", "resource_type:test")

    def tests(self, *names: str) -> dict[str, str]:
        """Run the tests of these nodes alone; what each says that did not pass."""
        return self._failures("--select", *names, "--resource-type", "test")

    @abstractmethod
    def _failures(self, *arguments: str) -> dict[str, str]:
        """`dbt build` with these arguments; the message of each node that did not succeed."""

    @abstractmethod
    def table(self, name: str) -> pa.Table:
        """A prediction table as it stands."""

    @abstractmethod
    def tables(self) -> set[str]:
        """Names of all tables in the warehouse."""

    @abstractmethod
    def log(self) -> list[dict[str, Any]]:
        """Rows of the run log, oldest first."""


class OnDuckDB(Engine):
    project: DbtProject
    log_rows = "from scorehouse_run_log order by started_at"

    def __init__(self, folder: Path) -> None:
        super().__init__(DbtProject(folder), "'{}'")

    def connect(self) -> duckdb.DuckDBPyConnection:
        return duckdb.connect(self.project.database, read_only=True)

    def _failures(self, *arguments: str) -> dict[str, str]:
        build = self.project.build(*arguments)
        assert not build.problem, build.problem
        statuses = build.statuses.items()
        return {name: build.messages[name] for name, status in statuses if status not in SUCCEEDED}

    def table(self, name: str) -> pa.Table:
        with self.connect() as connection:
            return connection.sql(f"from {name}").to_arrow_table()

    def tables(self) -> set[str]:
        with self.connect() as connection:
            return {name for (name,) in connection.sql("select table_name from duckdb_tables()").fetchall()}

    def log(self) -> list[dict[str, Any]]:
        with self.connect() as connection:
            return connection.sql(self.log_rows).to_arrow_table().to_pylist()


class OnDuckLake(OnDuckDB):
    """The same with a lake as the target database."""

    # the row that a run began with stays in a lake
    log_rows = "from scorehouse_run_log where status <> 'started' order by started_at"
    columns = contracts.ON_A_LAKE

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.settings = attach(self.project, beside=False)

    def connect(self) -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect(config=dict(self.settings))
        connection.execute(f"attach 'ducklake:{self.project.folder}/lake.ducklake' as lake; use lake")
        return connection


class OnSpark(Engine):
    project: SparkProject
    columns = contracts.ON_SPARK
    is_slow = True

    def __init__(self, folder: Path) -> None:
        few = {"spark.sql.shuffle.partitions": "1", "spark.default.parallelism": "1"}  # for a dozen rows
        super().__init__(SparkProject(folder, quick(folder, **few)), "parquet.`{}`")

    def _failures(self, *arguments: str) -> dict[str, str]:
        results = self.project.build(*arguments)
        return {name: message for name, (status, message) in results.items() if status not in SUCCEEDED}

    def table(self, name: str) -> pa.Table:
        with duckdb.connect() as connection:
            return connection.sql(f"from {self.project.table(name)}").to_arrow_table()

    def tables(self) -> set[str]:
        return self.project.tables()

    def log(self) -> list[dict[str, Any]]:
        return self.project.log()


@contextmanager
def opened(name: str, folder: Path) -> Iterator[Engine]:
    """An empty project on the engine of that name; the test is skipped where the engine is not installed."""
    if name == "duckdb":
        yield OnDuckDB(folder / "project")
        return
    if name == "ducklake":
        if importlib.util.find_spec("duckdb_extension_ducklake") is None:
            pytest.skip("run `./run test duckdb15`, which installs DuckLake")
        yield OnDuckLake(folder / "project")
        return
    if importlib.util.find_spec("pyspark") is None:
        pytest.skip("needs the extra `spark`, as `./run test spark` has it")
    from spark.cluster import environment

    os.environ.update(environment())
    yield OnSpark(folder / "project")
    stop_session()


def values(table: pa.Table, *columns: str) -> list[Row]:
    """The columns of a table row by row, in the order of the first of them; numbers to nine decimals."""
    rows: Sequence[Row] = list(zip(*(table[column].to_pylist() for column in columns), strict=True))
    return sorted(tuple(round(v, 9) if isinstance(v, float) else v for v in row) for row in rows)


def _keywords(arguments: dict[str, Any]) -> str:
    return "".join(f", {name}={value!r}" for name, value in {"key": "id", **arguments}.items())
