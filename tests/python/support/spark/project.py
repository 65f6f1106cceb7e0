"""A dbt project on Spark, built in this process or in one of its own; its tables are read as Parquet."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import yaml
from dbt.cli.main import dbtRunner

from project import NAME, REPOSITORY, install_package
from scorehouse import register
from scorehouse.registration.groups import grouped

SCHEMA = "house"
# A JVM of minutes does not earn back what optimising its code costs; alone, it would have 48 MB for code.
SHORT_LIVED = "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=240m"
Row = tuple[Any, ...]


def settings(folder: Path, **more: str) -> dict[str, str]:
    """Session settings of the tests: small, and nothing outside `folder`."""
    return {
        "spark.ui.enabled": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.memory": "1g",
        "spark.executor.memory": "1g",
        "spark.driver.extraJavaOptions": f'-Dderby.system.home="{folder / "derby"}" {SHORT_LIVED}',
        "spark.executor.extraJavaOptions": SHORT_LIVED,
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": "2",
        **more,
    }


def quick(folder: Path, **more: str) -> dict[str, str]:
    """Settings for tables so small that compiling a query takes longer than running it."""
    return settings(
        folder,
        **{
            "spark.master": "local[2]",
            "spark.sql.codegen.wholeStage": "false",
            "spark.sql.codegen.factoryMode": "NO_CODEGEN",
            "spark.sql.adaptive.enabled": "false",  # plans anew after every stage
            **more,
        },
    )


def session_of(project: SparkProject) -> Any:
    """The session in which dbt builds a project in this process."""
    from dbt.adapters.scorehouse_spark import session

    profile = yaml.safe_load((project.folder / "profiles.yml").read_text())
    return session(profile[NAME]["outputs"]["spark"]["server_side_parameters"])


def stop_session() -> None:
    """End it, so that another test may begin one with other settings."""
    from pyspark.sql import SparkSession

    session = SparkSession.getActiveSession()
    if session is not None:
        session.stop()


class SparkProject:
    """A project on Spark that has this package installed."""

    def __init__(self, folder: Path, server_side_parameters: dict[str, str]) -> None:
        self.folder = folder
        for name in ("models", "python_models", "seeds"):
            (folder / name).mkdir(parents=True)
        install_package(folder)
        project = {
            "name": NAME,
            "config-version": 2,
            "profile": NAME,
            "model-paths": ["models", "python_models"],
            "flags": {"send_anonymous_usage_stats": False},
            "models": {"+file_format": "parquet"},
            "seeds": {"+file_format": "parquet"},
            "vars": {"scorehouse_compiled_sql": {"dialects": ["duckdb", "databricks"]}},
        }
        output = {
            "type": "scorehouse_spark",
            "schema": SCHEMA,
            "threads": 1,
            "server_side_parameters": server_side_parameters,
        }
        self.write("dbt_project.yml", yaml.safe_dump(project))
        profile = {"target": "spark", "outputs": {"spark": output}}
        # with the second, this repository is built in the same schema
        self.write("profiles.yml", yaml.safe_dump({NAME: profile, "scorehouse_examples": profile}))

    def write(self, path: str, text: str) -> None:
        (self.folder / path).write_text(text)

    def example(self, ml_model: str, prediction_model: str, features: Path) -> None:
        """An example of this repository: its seeds, artifacts and Python model, as they stand there."""
        for part in (f"seeds/ml/{ml_model}", f"artifacts/{ml_model}"):
            shutil.copytree(REPOSITORY / part, self.folder / part, dirs_exist_ok=True)
        python = f"python_models/{prediction_model}.py"
        shutil.copy(REPOSITORY / python, self.folder / python)
        self.features(f"select * from parquet.`{features}`", features.stem)

    def features(self, sql: str, name: str = "features") -> None:
        self.write(f"models/{name}.sql", f"{{{{ config(materialized='table') }}}}\n{sql}\n")

    def python_model(self, name: str, ml_model: str, arguments: str = "", config: str = "") -> None:
        self.write(
            f"python_models/{name}.py",
            "from scorehouse import score\n\n\n"
            "def model(dbt, session):\n"
            f"    dbt.config(materialized='predictions'{', ' + config if config else ''})\n"
            "    return score(dbt, session, features=dbt.ref('features'), "
            f"model=dbt.ref('ml_{ml_model}'), key='id'{', ' + arguments if arguments else ''})\n",
        )

    def build(self, *arguments: str) -> dict[str, tuple[str, str]]:
        """dbt build in this process, so that one session serves many; status and message by node."""
        here = Path.cwd()
        self._results.unlink(missing_ok=True)  # or a build that stops would show those of the one before
        try:
            dbtRunner().invoke(["--quiet", "build", *self._places(), *arguments])
        finally:
            os.chdir(here)
        return self.results()

    def build_apart(self, environment: dict[str, str]) -> dict[str, tuple[str, str]]:
        """dbt build in a process of its own."""
        command = [str(Path(sys.executable).with_name("dbt")), "--quiet", "build", *self._places()]
        self._results.unlink(missing_ok=True)
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
        assert self._results.exists(), done.stdout + done.stderr
        return self.results()

    @property
    def _results(self) -> Path:
        return self.folder / "target" / "run_results.json"

    def _places(self) -> list[str]:
        return ["--project-dir", str(self.folder), "--profiles-dir", str(self.folder)]

    def results(self) -> dict[str, tuple[str, str]]:
        document = json.loads(self._results.read_text())
        return {
            result["unique_id"].split(".")[2]: (result["status"], result["message"] or "")
            for result in document["results"]
        }

    def table(self, name: str) -> str:
        """A table as DuckDB reads its Parquet files."""
        folder = self.folder / "warehouse" / f"{SCHEMA}.db" / name
        return f"read_parquet('{folder}/**/*.parquet', hive_partitioning = true, union_by_name = true)"

    def query(self, sql: str) -> list[Row]:
        return duckdb.connect().sql(sql).fetchall()

    def tables(self) -> set[str]:
        """Names of what lies in the warehouse."""
        return {path.name for path in (self.folder / "warehouse" / f"{SCHEMA}.db").iterdir() if path.is_dir()}

    def log(self) -> list[dict[str, Any]]:
        """Rows of the run log, oldest first, as the view `scorehouse_runs` has them."""
        log = self.table("scorehouse_run_log")
        found = duckdb.connect().sql(
            f"select * from {log} where status <> 'started' or "
            f"parent_run_id not in (select parent_run_id from {log} where status <> 'started') "
            "order by started_at"
        )
        return [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]

    def runs(self, node: str) -> list[dict[str, Any]]:
        """Rows of the run log of one model."""
        return [run for run in self.log() if run["node"].rpartition(".")[2] == node]


def ml_model(project: SparkProject, name: str, estimator: Any, rows: int = 50) -> None:
    """An ML model of two columns, fitted and registered in the project."""
    X = pd.DataFrame({"a": range(rows), "b": [0.5] * rows}).astype(float)
    facts = {"task": "regression", "project_dir": project.folder, "alias": "champion"}
    register(estimator.fit(X, X["a"]), name, X, X["a"], **grouped(facts))


def features(project: SparkProject, rows: int, more: str = "") -> None:
    """A feature table of two columns, and one to partition by."""
    project.features(
        f"select id, cast(id % 1000 as double) as a, 0.5D as b, cast(id % 3 as int) as part{more} "
        f"from range(0, {rows}, 1, 4)"
    )


class Reference:
    """The examples as DuckDB scores them, and their features as Parquet."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        built = os.environ.get("SCOREHOUSE_BUILT")
        self.database = Path(built) if built else folder / "reference.duckdb"
        if not built:
            self._build()

    def _build(self) -> None:
        folder = self.folder
        command = [str(Path(sys.executable).with_name("dbt")), "--quiet", "build"]
        wanted = ["+late_risk_by_route_day", "+churn_watchlist", "flight_labels", "churn_labels"]
        command += ["--exclude-resource-type", "test", "--select", *wanted, "churn_predictions_sql"]
        command += ["--target-path", str(folder / "target"), "--log-path", str(folder / "logs")]
        environment = {**os.environ, "SCOREHOUSE_DATABASE": str(self.database)}
        done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr

    def parquet(self, table: str) -> Path:
        path = self.folder / f"{table}.parquet"
        with duckdb.connect(self.database, read_only=True) as connection:
            connection.sql(f"copy (select * from {table}) to '{path}' (format parquet)")
        return path


def differences(duckdb_table: str, spark_table: str, key: list[str], columns: list[str]) -> dict[str, Any]:
    """How two prediction tables differ: counts, rows on one side, other values, the largest distance."""
    on = " and ".join(f"d.{name} = s.{name}" for name in key)
    other = " + ".join(f"(d.{name} is distinct from s.{name})::int" for name in columns)
    sql = (
        f"select count(d.{key[0]}), count(s.{key[0]}), "
        f"count(*) filter (d.{key[0]} is null or s.{key[0]} is null), sum({other}), "
        "max(abs(d.score - s.score)), count(*) filter ((d.score is null) <> (s.score is null)) "
        f"from {duckdb_table} as d full join {spark_table} as s on {on}"
    )
    names = ("rows_duckdb", "rows_spark", "unmatched", "other_values", "distance", "null_on_one_side")
    return dict(zip(names, duckdb.connect().sql(sql).fetchall()[0], strict=True))
