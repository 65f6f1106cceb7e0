"""The backend that scores: chosen, proven on this machine, logged, and equal to the estimator."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from project import DbtProject, MakeKernel
from scorehouse.program.choose import MATRIX_BELOW_ROWS, ProgramFiles, choose_backend
from scorehouse.registry.policy import LoadPolicy

ROWS = 6_000
FEATURES = f"""
select i as id, i % 3 as shop,
    case when i % 50 = 0 then null else sin(i) * 3 end as a,
    case when i % 77 = 0 then 'infinity'::double else cos(i * i) end as b
from range({ROWS}) as t(i)
"""
RUN = {"scoring_run_id", "scored_at"}


def _linear(X: pd.DataFrame, y: pd.Series, c: float = 1.0) -> Any:
    return make_pipeline(StandardScaler(), LogisticRegression(C=c)).fit(X, y)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> DbtProject:
    project = DbtProject(tmp_path_factory.mktemp("program") / "house")
    random = np.random.default_rng(0)
    X = pd.DataFrame(random.normal(size=(800, 2)), columns=["a", "b"])
    y = (X.a + random.normal(size=800) > 0).map({True: "yes", False: "no"})
    project.register(_linear(X, y), "linear", X, y, task="classification")
    project.register(_linear(X, y, 0.01), "linear", X, y, task="classification", alias="challenger")
    project.register(DecisionTreeClassifier(max_depth=3).fit(X, y), "tree", X, y, task="classification")
    neighbours = KNeighborsClassifier(3).fit(X, y)
    project.register(neighbours, "neighbours", X, y, task="classification")
    project.features(FEATURES)
    for name in ("auto", "estimator", "sql"):
        project.python_model(name, "linear", key="id", passthrough="shop", backend=name)
    project.python_model("both_auto", "linear", key="id", alias=["champion", "challenger"])
    project.python_model(
        "both_estimator", "linear", key="id", alias=["champion", "challenger"], backend="estimator"
    )
    project.python_model("tree_auto", "tree", key="id")
    project.python_model("tree_sql", "tree", key="id", backend="sql")
    project.python_model("tree_estimator", "tree", key="id", backend="estimator")
    project.register(DecisionTreeClassifier(max_depth=2).fit(X, y), "mixed", X, y, task="classification")
    project.register(_linear(X, y), "mixed", X, y, task="classification", alias="challenger")
    project.python_model("mixed_auto", "mixed", key="id", alias=["champion", "challenger"])
    project.python_model(
        "mixed_estimator", "mixed", key="id", alias=["champion", "challenger"], backend="estimator"
    )
    project.python_model("neighbours_auto", "neighbours", key="id")
    project.python_model("strict_auto", "linear", key="id", strict="out_of_range")
    project.python_model("as_table", "linear", key="id", passthrough="shop", config="materialized='table'")
    project.sql_model("by_sql", "linear", key="id", passthrough="shop")
    project.build().check()
    return project


def _same(project: DbtProject, left: str, right: str, key: str = "id") -> None:
    """Equal but for the run, the scores to 1e-9."""
    columns = [c for c in project.columns(left) if c not in RUN]
    ((rows, other, worst),) = project.query(
        "select count(*), count(*) filter ("
        + " or ".join(f"l.{c} is distinct from r.{c}" for c in columns if c != "score")
        + f"), max(abs(l.score - r.score)) from {left} as l join {right} as r using ({key})"
    )
    counts = project.query(f"select count(*) from {left} union all select count(*) from {right}")
    assert (rows, other, counts) == (counts[0][0], 0, [counts[0], counts[0]]) and rows >= ROWS
    assert worst <= 1e-9


@pytest.mark.slow
@pytest.mark.parametrize("name", ["auto", "sql", "as_table", "by_sql"])
def test_the_sql_of_a_linear_model_serves_and_equals_the_estimator(name: str, built: DbtProject) -> None:
    (run,) = built.runs(name)
    assert run["backend"] == "sql" and "largest difference" in run["backend_reason"]
    (other,) = built.runs("estimator")
    assert (other["backend"], other["backend_reason"]) == ("estimator", "asked for")
    same = ("rows_in", "rows_scored", "rows_rejected", "reject_reasons", "input_fingerprint")
    assert {key: run[key] for key in same} == {key: other[key] for key in same}
    assert json.loads(run["reject_reasons"]) == {"null:a": 118, "not_finite:b": 76, "null:a;not_finite:b": 2}
    for key in ("score_min", "score_mean", "score_max"):
        assert run[key] == pytest.approx(other[key], rel=1e-9)
    assert run["peak_memory_mib"] > 10
    if name != "as_table":  # dbt's own table holds the status as a text
        _same(built, name, "estimator")


def test_several_versions_score_by_sql_in_one_scan(built: DbtProject) -> None:
    assert {run["backend"] for run in built.runs("both_auto")} == {"sql"}
    assert [run["rows_in"] for run in built.runs("both_auto")] == [ROWS, ROWS]
    _same(built, "both_auto", "both_estimator", "id, model_alias")


def test_a_tree_is_left_to_native_code(built: DbtProject) -> None:
    (run,) = built.runs("tree_auto")
    assert run["backend"] == "native" and "fastest backend" in run["backend_reason"]
    assert built.runs("tree_sql")[0]["backend"] == "sql"
    _same(built, "tree_sql", "tree_auto")
    _same(built, "tree_auto", "tree_estimator")


def test_one_scan_has_a_version_in_native_code_and_one_in_sql(built: DbtProject) -> None:
    assert [run["backend"] for run in built.runs("mixed_auto")] == ["native", "sql"]
    _same(built, "mixed_auto", "mixed_estimator", "id, model_alias")


def test_strict_checks_leave_a_linear_model_to_matrix_products(built: DbtProject) -> None:
    (run,) = built.runs("strict_auto")
    assert run["backend"] == "matrix" and "fastest backend" in run["backend_reason"]


def test_where_no_backend_serves_the_log_says_why(built: DbtProject) -> None:
    (run,) = built.runs("neighbours_auto")
    assert run["backend"] == "estimator" and "matrix: KNeighborsClassifier" in run["backend_reason"]


def test_a_backend_that_cannot_serve_is_refused_by_name(built: DbtProject) -> None:
    built.python_model("refused", "neighbours", key="id", backend="sql")
    try:
        message = built.dbt("run", "--select", "refused").messages["refused"]
    finally:
        (built.folder / "python_models" / "refused.py").unlink()
    assert "backend is 'sql', which cannot score neighbours version 1" in message
    assert "scorehouse compile neighbours" in message


def test_sql_is_left_where_a_matrix_product_is_faster(make_kernel: MakeKernel, tmp_path: Path) -> None:
    X = pd.DataFrame(np.random.default_rng(2).normal(size=(400, 4)), columns=list("abcd"))
    kernel = make_kernel(KMeans(8, n_init=1, random_state=0).fit(X), X, task="clustering")
    files = ProgramFiles(tmp_path, LoadPolicy())
    assert choose_backend(kernel, "auto", ROWS, files).name == "matrix"
    assert choose_backend(kernel, "sql", ROWS, files).name == "sql"
    alone = choose_backend(kernel, "auto", ROWS, files, served=("sql", "native"))
    assert alone.name == "estimator" and "a matrix product is faster" in alone.reason
    assert "matrix: not on this engine" in alone.reason


@pytest.mark.slow
def test_few_rows_wait_for_no_long_statement(make_kernel: MakeKernel, tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    wide = pd.DataFrame(random.normal(size=(400, 60)), columns=[f"w{number}" for number in range(60)])
    y = wide.w0 > 0
    kernel = make_kernel(LogisticRegression().fit(wide, y), wide, y, task="classification")
    files = ProgramFiles(tmp_path, LoadPolicy())
    assert choose_backend(kernel, "auto", MATRIX_BELOW_ROWS - 1, files).name == "matrix"
    assert choose_backend(kernel, "auto", MATRIX_BELOW_ROWS, files).name == "sql"
    assert choose_backend(kernel, "sql", 10, files).name == "sql"
    assert choose_backend(kernel, "auto", 10, files, served=("sql", "native")).name == "sql"
