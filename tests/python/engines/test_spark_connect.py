"""The engine `spark` through Spark Connect, where the driver of Spark is not the process of dbt."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

pytest.importorskip("pyspark", reason="needs the extra `spark`")
from sklearn.ensemble import RandomForestRegressor

from scorehouse import register
from scorehouse.engines.spark.scan import CLOSURE_BYTES
from scorehouse.registration.groups import grouped
from spark.cluster import Cluster, environment
from spark.project import Reference, SparkProject, differences, settings

pytestmark = pytest.mark.foreign

SAME = ["prediction", "row_status", "reject_reason", "model_name", "model_version", "model_digest"]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    started = Cluster(tmp_path_factory.mktemp("cluster"))
    try:
        yield started.start()
    finally:
        started.stop()


def forest(project: SparkProject) -> None:
    """A prediction table whose artifact is too large for the closure."""
    X = pd.DataFrame({"a": range(4000)}).astype(float)
    estimator = RandomForestRegressor(random_state=0).fit(X, X["a"])
    facts = {"task": "regression", "project_dir": project.folder, "alias": "champion"}
    assert register(estimator, "forest", X, X["a"], **grouped(facts)).size_bytes > CLOSURE_BYTES
    project.features("select id, cast(id as double) as a from range(0, 2000, 1, 4)")
    project.python_model("by_file", "forest")


def test_the_examples_equal_duckdb(cluster: Cluster, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    project = SparkProject(folder, {"spark.remote": cluster.connect_server(settings(folder))})
    reference = Reference(tmp_path)
    project.example("flight_delay", "flight_predictions", reference.parquet("flight_scoring_features"))
    project.example("churn", "churn_predictions", reference.parquet("churn_scoring_features"))
    forest(project)
    results = project.build_apart(environment())
    assert {status for status, _ in results.values()} <= {"success", "pass"}, results
    for name, key in (
        ("flight_predictions", ["flight_id"]),
        ("churn_predictions", ["customer_id", "snapshot_date"]),
    ):
        by_duckdb = f"read_parquet('{reference.parquet(name)}')"
        found = differences(by_duckdb, project.table(name), key, SAME)
        assert found["rows_duckdb"] == found["rows_spark"]
        assert (found["unmatched"], found["other_values"], found["null_on_one_side"]) == (0, 0, 0)
        assert found["distance"] <= 1e-12
        assert [run["status"] for run in project.runs(name)] == ["success"]
    assert project.query(f"select count(*), count(prediction) from {project.table('by_file')}") == [
        (2000, 2000)
    ]
