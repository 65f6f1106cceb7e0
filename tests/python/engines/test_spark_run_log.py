"""What a run on Spark costs in jobs, partitions it refuses, and the run log that is made one file again."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from dbt.cli.main import dbtRunner

pytest.importorskip("pyspark", reason="needs the extra `spark`")
from sklearn.linear_model import LinearRegression

from spark.project import SCHEMA, SparkProject, features, ml_model, session_of

pytestmark = pytest.mark.foreign

LOG = f"{SCHEMA}.scorehouse_run_log"
BY_PART = "partition_by='part', incremental_strategy='insert_overwrite'"
# of a first run, and of a merge; three of them are those of dbt's hooks
JOBS = {"": (10, 16), BY_PART: (10, 18)}


def operation(project: SparkProject, name: str, *more: str, **arguments: Any) -> tuple[bool, str]:
    """Whether it succeeded, and what it said if not."""
    here, said = Path.cwd(), []
    runner = dbtRunner(callbacks=[lambda event: said.append(event.info.msg)])
    try:
        done = runner.invoke(
            ["--quiet", "run-operation", name, "--args", json.dumps(arguments), *more, *project._places()]
        )
    finally:
        os.chdir(here)
    return done.success, "" if done.success else "\n".join(said)


@pytest.fixture(scope="module")
def session(spark_project: SparkProject) -> Any:
    ml_model(spark_project, "sums", LinearRegression())
    features(spark_project, 2000)
    spark_project.build("--select", "ml_sums", "features", "--exclude", "resource_type:test")
    return session_of(spark_project)


def jobs_of(session: Any) -> int:
    return int(session.sparkContext._jsc.sc().dagScheduler().numTotalJobs())


@pytest.mark.parametrize("config", JOBS)
def test_a_run_takes_few_jobs(config: str, spark_project: SparkProject, session: Any) -> None:
    spark_project.python_model("counted", "sums", "passthrough=['part'], rescore='changed'", config)
    for number, most in enumerate(JOBS[config]):
        features(spark_project, 2000 + 250 * number)
        spark_project.build("--select", "features")
        before = jobs_of(session)
        done = spark_project.build("--select", "counted", *["--full-refresh"] * (number == 0))
        assert done["counted"][0] == "success", done
        (run,) = spark_project.runs("counted")[-1:]
        assert run["rows_in"] == (250 if number else 2000)
        assert jobs_of(session) - before <= most


def test_other_partitions_are_refused(spark_project: SparkProject, session: Any) -> None:
    """Before a row is scored: a new partition would take the place of rows that are not in it."""
    runs = (
        (BY_PART, 30, "success", 30),
        (BY_PART.replace("'part'", "'a'"), 31, "error", 30),
        ("", 31, "success", 31),  # the whole table is rewritten, without partitions
    )
    for config, rows, expected, kept in runs:
        features(spark_project, rows)
        keys = "passthrough=['part', 'a'], rescore='changed'"
        spark_project.python_model("parted", "sums", keys, config)
        status, message = spark_project.build("--select", "features", "parted")["parted"]
        assert status == expected, message
        if status == "error":
            assert "parted is partitioned by part, and partition_by is a" in message
            assert spark_project.runs("parted")[-1]["rows_scored"] == 0
        assert session.table(f"{SCHEMA}.parted").count() == kept


def test_the_run_log_is_made_one_file(spark_project: SparkProject, session: Any) -> None:
    """Also after a kill between its renames, and before it has dropped the old table."""

    others = session.newSession()  # whose files the session of dbt does not know by itself

    def add(table: str, run_id: str, status: str) -> None:
        others.sql(
            f"insert into {table} (run_id, parent_run_id, status, node, started_at) "
            f"values ('{run_id}', '{run_id}', '{status}', 'node_{run_id}', current_timestamp())"
        )

    def files() -> int:
        session.catalog.refreshTable(LOG)
        return len(session.table(LOG).inputFiles())

    def rows() -> list[Any]:
        session.catalog.refreshTable(LOG)
        return sorted(map(tuple, session.table(LOG).select("run_id", "status").collect()))

    assert operation(spark_project, "ensure_run_log") == (True, "")
    for number in range(3):
        for status in ("started", "success"):
            add(LOG, f"run_{number}", status)
    before, count = rows(), files()
    assert operation(spark_project, "compact_run_log") == (True, "")
    assert files() == count >= 6
    add(LOG, "open", "started")
    is_done, says = operation(spark_project, "compact_run_log", least_files=2)
    assert not is_done and "runs are open: node_open" in says
    text = ("--vars", "scorehouse_spark_lease_hours: '24'")
    is_done, says = operation(spark_project, "compact_run_log", *text, least_files=2)
    assert not is_done and "got the string '24'" in says
    add(LOG, "open", "success")
    before = rows()
    assert operation(spark_project, "compact_run_log", least_files=2) == (True, "")
    assert (files(), rows()) == (1, before)

    session.sql(f"alter table {LOG} rename to {LOG}__scorehouse_old")
    assert operation(spark_project, "ensure_run_log") == (True, "")
    assert rows() == before
    session.sql(f"create table {LOG}__scorehouse_old using parquet as select * from {LOG}")
    add(f"{LOG}__scorehouse_old", "late", "success")
    assert operation(spark_project, "compact_run_log") == (True, "")
    assert rows() == sorted([*before, ("late", "success")])
    assert not [name for name in spark_project.tables() if "run_log__scorehouse" in name]
