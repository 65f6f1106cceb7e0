"""What a run on Spark costs in jobs."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("pyspark", reason="needs the extra `spark`")
from sklearn.linear_model import LinearRegression

from spark.project import SparkProject, features, ml_model, session_of

pytestmark = pytest.mark.foreign

BY_PART = "partition_by='part', incremental_strategy='insert_overwrite'"
# of a first run, and of a merge; three of them are those of dbt's hooks
JOBS = {"": (11, 18), BY_PART: (11, 23)}


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
