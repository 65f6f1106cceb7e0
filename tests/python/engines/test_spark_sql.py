"""Spark scores linear models by SQL: the rows that DuckDB makes of them, and no Python in the executors."""

from __future__ import annotations

import os
import re
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression

pytest.importorskip("pyspark", reason="needs the extra `spark`")
from compile_cases import CASES
from compile_kernel import kernel_of
from compile_kinds import LINEAR_KINDS, rest_marked
from scorehouse import SegmentedRegressor, register
from scorehouse.engines.shared_setting import spark_setting
from scorehouse.engines.spark.engine import METHOD_BYTES, METHOD_SETTING
from scorehouse.engines.spark.scan import session_rows
from scorehouse.kernel.training_batch import training_batch
from scorehouse.program.hard_rows import hard_rows
from scorehouse.program.proof import distances
from scorehouse.program.sql.compile import compile_sql
from scorehouse.program.sql.in_duckdb import duckdb_rows
from scorehouse.registration.groups import grouped
from spark.cluster import environment
from spark.project import SparkProject, features, quick, session_of

pytestmark = pytest.mark.foreign

TREES = re.compile("Tree|Forest|Boosting|trees|exponential|LightGBM|XGBoost")  # native code scores them
NAMES = rest_marked([name for name in CASES if not TREES.search(name)], LINEAR_KINDS, pytest.mark.soak)
# as users run it: compiled, in whole stages and in short methods, and with errors instead of NULL
USUAL = {"spark.sql.codegen.wholeStage": "true", "spark.sql.codegen.factoryMode": "FALLBACK"}
AS_USERS_RUN = [
    {**USUAL, "spark.sql.ansi.enabled": "true"},
    {**USUAL, METHOD_SETTING: METHOD_BYTES},
]


@pytest.fixture(scope="module")
def session(spark_project: SparkProject) -> Any:
    return session_of(spark_project)


def assert_equals_duckdb(name: str, session: Any, cases: Path) -> None:
    """Labels, statuses and reasons are equal on training rows and hard rows, and scores within 1e-12."""
    frame, kernel = kernel_of(name, cases)
    compiled = compile_sql(kernel.estimator, kernel.version, kernel.signature, "duckdb")
    training = training_batch(frame, "test")
    rows = pa.Table.from_batches([training, hard_rows(kernel.signature, compiled.probes, training)])
    expected, found = duckdb_rows(compiled, rows), session_rows(session, compiled, rows)
    assert found.num_rows == expected.num_rows == rows.num_rows
    for field in kernel.schema:
        here, there = (table[field.name].combine_chunks().cast(field.type) for table in (expected, found))
        if pa.types.is_floating(field.type):
            assert distances(field.name, here, there).max(initial=0.0) <= 1e-12, field.name
            assert here.is_null().equals(there.is_null()), field.name
        else:
            assert here.equals(there), field.name


@pytest.mark.parametrize("name", NAMES)
def test_equals_duckdb(name: str, session: Any, cases: Path) -> None:
    assert_equals_duckdb(name, session, cases)


@pytest.mark.parametrize("settings", AS_USERS_RUN, ids=["ansi", "short methods"])
@pytest.mark.parametrize("name", ["LogisticRegression  3", "PoissonRegressor", "TargetEncoder 3"])
def test_equals_duckdb_as_users_run_it(
    name: str, settings: dict[str, str], session: Any, cases: Path
) -> None:
    with ExitStack() as stack:
        for setting, value in settings.items():
            stack.enter_context(spark_setting(session, setting, value))
        assert_equals_duckdb(name, session, cases)


def test_executors_need_no_python(tmp_path: Path) -> None:
    """Any Python worker would fail; the estimator, which needs one, does."""
    project = SparkProject(tmp_path, quick(tmp_path))
    registered(project, LinearRegression())
    features(project, 4000)
    project.python_model("by_sql", "toy", "rescore='changed'")
    project.python_model("by_worker", "toy", "backend='estimator'")
    found = project.build_apart({**environment(), "PYSPARK_PYTHON": str(tmp_path / "no_python")})
    assert (found["by_sql"][0], found["by_worker"][0]) == ("success", "error"), found
    (run,) = project.runs("by_sql")
    assert (run["backend"], run["rows_in"], run["rows_scored"]) == ("sql", 4000, 4000)
    assert run["backend_reason"].startswith("fastest backend, proven on ")
    assert not [name for name in project.tables() if "__scorehouse" in name]  # of the run that failed


def test_a_local_session_starts_workers_with_the_python_of_dbt(tmp_path: Path) -> None:
    """Without an environment that is active, the first python3 of the path is another one."""
    project = SparkProject(tmp_path / "house", quick(tmp_path / "house"))
    registered(project, LinearRegression())
    features(project, 100)
    project.python_model("by_worker", "toy", "backend='estimator'")
    (tmp_path / "python3").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "python3").chmod(0o755)
    variables = {**environment(), "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    found = project.build_apart({k: v for k, v in variables.items() if not k.startswith("PYSPARK_")})
    assert found["by_worker"][0] == "success", found


def test_one_that_needs_workers_takes_the_others_along(spark_project: SparkProject) -> None:
    """Trees score in Python workers; a linear model in the same scan scores there too."""
    registered(spark_project, LinearRegression())
    registered(spark_project, HistGradientBoostingRegressor(max_iter=5), alias="challenger")
    features(spark_project, 1000)
    spark_project.python_model("both", "toy", "alias=['champion', 'challenger']")
    spark_project.python_model("refused", "toy", "alias=['champion', 'challenger'], backend='matrix'")
    results = spark_project.build("--select", "+both", "+refused", "--exclude", "resource_type:test")
    assert results["both"][0] == "success", results
    assert {run["alias_asked"]: run["backend"] for run in spark_project.runs("both")} == {
        "champion": "matrix",
        "challenger": "native",
    }
    status, message = results["refused"]
    assert status == "error" and "backend is 'matrix', which cannot score toy version 2" in message
    counted = (
        "select model_alias, count(*), sum(prediction - a)::integer from {} join {} using (id) group by 1"
    )
    rows = spark_project.query(counted.format(spark_project.table("both"), spark_project.table("features")))
    assert sorted(rows)[1] == ("champion", 1000, 0)
    assert sorted(rows)[0][:2] == ("challenger", 1000)


def registered(project: SparkProject, estimator: Any, alias: str = "champion") -> None:
    """A version of `toy`, which predicts its feature `a`."""
    X = pd.DataFrame({"a": range(1000), "b": [0.5] * 1000}).astype(float)
    facts = {"task": "regression", "project_dir": project.folder, "alias": alias}
    register(estimator.fit(X, X["a"]), "toy", X, X["a"], **grouped(facts))


def test_an_estimator_per_segment_scores_in_the_workers(spark_project: SparkProject) -> None:
    X = pd.DataFrame({"a": range(60), "b": [0.5] * 60, "part": [0, 1] * 30}).astype({"a": float})
    y = X["a"] * (X["part"] + 1)
    estimator = SegmentedRegressor(LinearRegression(), "part", fallback="reject").fit(X, y)
    facts: dict[str, Any] = {"task": "regression", "alias": "champion"}
    register(estimator, "per_part", X, y, project_dir=spark_project.folder, **grouped(facts))
    features(spark_project, 300)
    spark_project.python_model("by_part", "per_part")
    results = spark_project.build("--select", "+by_part")
    assert results["by_part"][0] == "success", results
    assert spark_project.runs("by_part")[-1]["backend"] == "matrix"
    rows = spark_project.query(
        "select id % 3, count(*), count(reject_reason), max(reject_reason), "
        "max(abs(prediction - id * (id % 3 + 1))) < 1e-9 "
        f"from {spark_project.table('by_part')} group by 1 order by 1"
    )
    assert rows == [
        (0, 100, 0, None, True),
        (1, 100, 0, None, True),
        (2, 100, 100, "unseen_category:part=2", None),
    ]
