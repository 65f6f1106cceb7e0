"""This repository built on Spark from its sources, and its tables held against DuckDB's."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from dbt.cli.main import dbtRunner

from compared_tables import ComparedTables
from project import REPOSITORY
from spark.project import Reference, SparkProject, session_of

# Every eighth customer, to spare time; and the lines of nobody, which retail_lines keeps.
CUSTOMERS = "coalesce(customer_id, 0) % 8 = 0"


def build_repository(project: SparkProject) -> dict[str, str]:
    """Sources and `dbt build` of this repository, in the session and schema of `project`; status by node."""
    data = REPOSITORY / "data"
    _dbt(project, "run-operation", "create_spark_sources", "--args", json.dumps({"folder": str(data)}))
    session_of(project).sql(
        "create or replace view online_retail.retail as "
        f"select * from parquet.`{data / 'retail.parquet'}` where {CUSTOMERS}"
    )
    results: list[Any] = list(_dbt(project, "build").results)
    return {result.node.name: str(result.status) for result in results}


def _dbt(project: SparkProject, *arguments: str) -> Any:
    """A dbt command that has to end well."""
    here = Path.cwd()
    written = [
        "--target-path",
        str(project.folder / "repository"),
        "--log-path",
        str(project.folder / "logs"),
    ]
    places = ["--project-dir", str(REPOSITORY), "--profiles-dir", str(project.folder)]
    try:
        ended = dbtRunner().invoke(["--quiet", *arguments, *places, *written])
    finally:
        os.chdir(here)
    results = getattr(ended.result, "results", None) or []
    bad = {r.node.name: r.message for r in results if r.status in ("error", "fail", "skipped")}
    assert ended.success, ended.exception or bad
    return ended.result


class ComparedWithSpark(ComparedTables):
    """A table on both engines: `here` on DuckDB, `there` on Spark."""

    def __init__(self, reference: Reference, project: SparkProject) -> None:
        super().__init__(reference.database)
        self.project = project

    def read(self, table: str) -> None:
        """Views `here` and `there` of the columns that the table has on DuckDB, for the same customers."""
        found = self.duckdb.sql(f"describe reference.main.{table}").fetchall()
        names = [row[0] for row in found]
        where = f"where {CUSTOMERS}" if "customer_id" in names else ""
        for view, source in (("here", f"reference.main.{table}"), ("there", self.project.table(table))):
            self.duckdb.execute(
                f"create or replace view {view} as select {', '.join(names)} from {source} {where}"
            )


def check_run(project: SparkProject, table: str, rows: int) -> None:
    """The run log has one run of the table, which wrote it whole."""
    (run,) = project.runs(table)
    assert run["rows_in"] == rows == run["rows_scored"] + run["rows_rejected"]
    assert (run["status"], run["engine"], run["write_mode"]) == ("success", "spark", "replace")
    assert run["input_fingerprint"].startswith(f"{rows}:")
    assert run["feature_hash_kind"].startswith("spark:xxhash64:")
