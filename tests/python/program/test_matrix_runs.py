"""Runs by the matrix backend: equal to the estimator, beside other backends, and without scikit-learn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from closed_estimators import build_without_libraries
from project import DbtProject

pytestmark = pytest.mark.slow

ROWS = 3_000
NAMES = list("abcdef")
WIDE = [f"w{number}" for number in range(60)]
FEATURES = f"""
select i as id,
    case when i % 50 = 0 then null else sin(i) * 3 end as a,
    case when i % 77 = 0 then 'infinity'::double when i % 79 = 0 then 'nan'::double else cos(i * i) end as b,
    sin(i * 3) as c, cos(i) * 2 as d, sin(i * 7) as e, i % 13 / 4.0e0 as f,
    {", ".join(f"sin(i * {number + 8}) as {name}" for number, name in enumerate(WIDE))}
from range({ROWS}) as t(i)
"""
RUN = {"scoring_run_id", "scored_at"}
ESTIMATORS: dict[str, tuple[Any, str]] = {
    "clusters": (make_pipeline(StandardScaler(), KMeans(12, n_init=1, random_state=0)), "clustering"),
    "network": (make_pipeline(StandardScaler(), MLPClassifier((8, 8), max_iter=60, random_state=0)), "two"),
    "components": (make_pipeline(StandardScaler(), PCA(3), LogisticRegression()), "two"),
    "classes": (LogisticRegression(max_iter=500), "many"),
}


@pytest.fixture(scope="module")
def matrix_project(tmp_path_factory: pytest.TempPathFactory) -> DbtProject:
    """An ML model of each kind, scored by `auto` and by the estimator."""
    project = DbtProject(tmp_path_factory.mktemp("matrix") / "house")
    draw = np.random.default_rng(0)
    X = pd.DataFrame(draw.normal(size=(800, len(NAMES))), columns=NAMES)
    many = pd.Series(np.clip(np.round(2 * X.a + draw.normal(size=800)), -4, 4)).astype(int).astype(str)
    targets = {"clustering": None, "two": many > "0", "many": many}
    for name, (estimator, kind) in ESTIMATORS.items():
        y = targets[kind]
        task = "clustering" if y is None else "classification"
        project.register(estimator.fit(X, y), name, X, y, task=task)
        project.python_model(f"{name}_auto", name, key="id")
        project.python_model(f"{name}_estimator", name, key="id", backend="estimator")
    linear = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, targets["two"])
    project.register(linear, "network", X, targets["two"], task="classification", alias="challenger")
    bayes = GaussianNB().fit(X, targets["two"])  # whose SQL is fast, and which is no product
    project.register(bayes, "bayes", X, targets["two"], task="classification")
    wide = pd.DataFrame(draw.normal(size=(800, len(WIDE))), columns=WIDE)
    y = targets["two"]
    project.register(LogisticRegression().fit(wide, y), "wide", wide, y, task="classification")
    project.python_model("wide_auto", "wide", key="id")
    project.python_model("side_by_side", "network", key="id", alias=["champion", "challenger"])
    project.python_model("strict", "network", key="id", strict="out_of_range", backend="matrix")
    project.features(FEATURES)
    project.build().check()
    return project


def test_few_rows_of_a_wide_linear_model_wait_for_no_long_statement(matrix_project: DbtProject) -> None:
    (run,) = matrix_project.runs("wide_auto")
    assert run["backend"] == "matrix" and "fastest backend, proven on" in run["backend_reason"]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_run_by_the_matrix_backend_equals_the_estimator(name: str, matrix_project: DbtProject) -> None:
    (run,), (other,) = (matrix_project.runs(f"{name}_{engine}") for engine in ("auto", "estimator"))
    assert run["backend"] == "matrix" and "fastest backend, proven on" in run["backend_reason"]
    assert other["backend"] == "estimator"
    same = ("rows_in", "rows_scored", "rows_rejected", "reject_reasons", "input_fingerprint")
    assert [run[key] for key in same] == [other[key] for key in same] and run["rows_rejected"] > 100
    columns = matrix_project.columns(f"{name}_auto")
    numbers = [name for name, kind in columns.items() if kind == "DOUBLE"]
    assert numbers
    exact = " or ".join(f"l.{c} is distinct from r.{c}" for c in columns if c not in {*numbers, *RUN})
    worst = ", ".join(f"max(abs(l.{c} - r.{c}))" for c in numbers)
    missing = " or ".join(f"(l.{c} is null) != (r.{c} is null)" for c in numbers)
    ((rows, differ, *distances),) = matrix_project.query(
        f"select count(*), count(*) filter ({exact} or {missing}), {worst} "
        f"from {name}_auto as l join {name}_estimator as r using (id)"
    )
    assert (rows, differ) == (ROWS, 0) and max(distances) <= 1e-9


def test_one_scan_has_a_version_by_matrix_products_and_one_by_sql(matrix_project: DbtProject) -> None:
    assert [run["backend"] for run in matrix_project.runs("side_by_side")] == ["matrix", "sql"]
    ((differ,),) = matrix_project.query(
        "select count(*) from side_by_side as l join network_auto as r using (id)"
        " where l.model_alias = 'champion'"
        " and (l.prediction is distinct from r.prediction or l.score is distinct from r.score)"
    )
    assert differ == 0


def test_the_matrix_backend_has_the_checks_of_strict(matrix_project: DbtProject) -> None:
    (run,), (other,) = matrix_project.runs("strict"), matrix_project.runs("network_auto")
    assert run["backend"] == "matrix" and "asked for" in run["backend_reason"]
    assert run["rows_rejected"] > other["rows_rejected"] and "out_of_range:a" in run["reject_reasons"]


def test_a_backend_that_was_not_proven_is_refused_by_name(matrix_project: DbtProject) -> None:
    matrix_project.python_model("refused", "bayes", key="id", backend="matrix")
    try:
        message = matrix_project.dbt("run", "--select", "refused").messages["refused"]
    finally:
        (matrix_project.folder / "python_models" / "refused.py").unlink()
    assert "backend is 'matrix', which cannot score bayes version 1" in message
    assert "matrix: not proven at registration" in message and "scorehouse compile bayes" in message


def test_a_machine_without_scikit_learn_scores(matrix_project: DbtProject, tmp_path: Path) -> None:
    """And a pickle that would end the process stays closed."""
    project = matrix_project.copy(tmp_path / "house")
    project.settings({"scorehouse_load_policy": {"estimator": "never"}})
    for name in ESTIMATORS:
        joblib.dump(_Ending(), project.folder / "artifacts" / name / "1" / "model.joblib")
    build_without_libraries(project, tmp_path / "blocked", "--exclude", "*_estimator")
    for name in ESTIMATORS:
        assert [run["backend"] for run in project.runs(f"{name}_auto")] == ["matrix"] * 2
        kept = ", ".join(column for column in project.columns(f"{name}_auto") if column not in RUN)
        rows = f"select {kept} from {name}_auto order by id"
        assert project.query(rows) == matrix_project.query(rows)


class _Ending:
    def __reduce__(self) -> tuple[Any, ...]:
        return exit, (3,)
