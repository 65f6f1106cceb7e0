"""The form that scores: chosen, checked on the first rows, logged, and equal to the estimator."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from project import DbtProject, MakeKernel
from scorehouse.engines.duckdb.first_batch import checked_forms
from scorehouse.engines.duckdb.source import DuckDBSource
from scorehouse.forms.choose import NATIVE_FROM_ROWS, Form, choose_form
from scorehouse.forms.sql import compile_sql
from scorehouse.kernel.scorer import Kernel
from scorehouse.registry.policy import LoadPolicy
from scorehouse.scoring.options import ScoreOptions
from scorehouse.scoring.request import Request

ROWS = 6_000  # more than the first rows that are checked
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
    project = DbtProject(tmp_path_factory.mktemp("forms") / "house")
    random = np.random.default_rng(0)
    X = pd.DataFrame(random.normal(size=(800, 2)), columns=["a", "b"])
    y = (X.a + random.normal(size=800) > 0).map({True: "yes", False: "no"})
    project.register(_linear(X, y), "linear", X, y, task="classification")
    project.register(_linear(X, y, 0.01), "linear", X, y, task="classification", alias="challenger")
    project.register(DecisionTreeClassifier(max_depth=3).fit(X, y), "tree", X, y, task="classification")
    network = MLPClassifier((3,), max_iter=20, random_state=0)
    project.register(network.fit(X, y), "network", X, y, task="classification")
    project.features(FEATURES)
    for name in ("auto", "estimator", "sql"):
        project.python_model(name, "linear", key="id", passthrough="shop", engine=name)
    project.python_model("both_auto", "linear", key="id", alias=["champion", "challenger"])
    project.python_model(
        "both_estimator", "linear", key="id", alias=["champion", "challenger"], engine="estimator"
    )
    project.python_model("tree_auto", "tree", key="id")
    project.python_model("tree_sql", "tree", key="id", engine="sql")
    project.write("models/many.sql", FEATURES.replace(str(ROWS), str(NATIVE_FROM_ROWS)))
    project.python_model("tree_many", "tree", features="many", key="id")
    project.python_model("tree_many_estimator", "tree", features="many", key="id", engine="estimator")
    project.python_model("network_auto", "network", key="id")
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


@pytest.mark.parametrize("name", ["auto", "sql", "as_table", "by_sql"])
def test_the_sql_of_a_linear_model_serves_and_equals_the_estimator(name: str, built: DbtProject) -> None:
    (run,) = built.runs(name)
    assert run["form"] == "sql" and "largest difference" in run["form_reason"]
    (other,) = built.runs("estimator")
    assert (other["form"], other["form_reason"]) == ("estimator", "asked for")
    same = ("rows_in", "rows_scored", "rows_rejected", "reject_reasons", "input_fingerprint")
    assert {key: run[key] for key in same} == {key: other[key] for key in same}
    assert json.loads(run["reject_reasons"]) == {"null:a": 118, "not_finite:b": 76, "null:a;not_finite:b": 2}
    for key in ("score_min", "score_mean", "score_max"):
        assert run[key] == pytest.approx(other[key], rel=1e-9)
    assert run["peak_memory_mib"] > 10
    if name != "as_table":  # dbt's own table holds the status as a text
        _same(built, name, "estimator")


def test_several_versions_score_by_sql_in_one_scan(built: DbtProject) -> None:
    assert {run["form"] for run in built.runs("both_auto")} == {"sql"}
    assert [run["rows_in"] for run in built.runs("both_auto")] == [ROWS, ROWS]
    _same(built, "both_auto", "both_estimator", "id, model_alias")


def test_a_tree_is_left_to_native_code_or_the_estimator(built: DbtProject) -> None:
    (run,) = built.runs("tree_auto")
    assert run["form"] == "estimator" and "6,000 rows are too few for native code" in run["form_reason"]
    assert built.runs("tree_sql")[0]["form"] == "sql"
    _same(built, "tree_sql", "tree_auto")


def test_native_code_serves_from_ten_thousand_rows_on(built: DbtProject) -> None:
    assert NATIVE_FROM_ROWS == 10_000
    (run,) = built.runs("tree_many")
    assert run["form"] == "native" and run["rows_in"] == NATIVE_FROM_ROWS
    _same(built, "tree_many", "tree_many_estimator")


@pytest.mark.parametrize(
    ("name", "reason"), [("network_auto", "MLPClassifier"), ("strict_auto", "out_of_range")]
)
def test_where_no_form_serves_the_log_says_why(name: str, reason: str, built: DbtProject) -> None:
    (run,) = built.runs(name)
    assert run["form"] == "estimator" and reason in run["form_reason"]


def test_a_form_that_cannot_serve_is_refused_by_name(built: DbtProject) -> None:
    built.python_model("refused", "network", key="id", engine="sql")
    try:
        message = built.dbt("run", "--select", "refused").messages["refused"]
    finally:
        (built.folder / "python_models" / "refused.py").unlink()
    assert "engine is 'sql', which cannot score network version 1" in message
    assert "scorehouse prove network" in message


def test_a_text_that_was_not_proven_does_not_serve(built: DbtProject) -> None:
    """As after an upgrade, when the compiler writes another text than the registry has the digest of."""
    seed = built.folder / "seeds" / "ml" / "linear" / "ml_linear.csv"
    before = seed.read_text()
    digest = built.query("select forms::json ->> '$.sql.sha256' from ml_linear where version = 1")[0][0]
    seed.write_text(before.replace(digest, "0" * 64))
    try:
        built.dbt("build", "--select", "ml_linear auto").check()
        assert built.runs("auto")[-1]["form"] == "estimator"
        assert "differs from the SQL that was proven" in built.runs("auto")[-1]["form_reason"]
    finally:
        seed.write_text(before)
        built.dbt("build", "--select", "ml_linear auto").check()
    assert built.runs("auto")[-1]["form"] == "sql"


def test_a_form_that_differs_on_the_first_rows_does_not_serve(make_kernel: MakeKernel) -> None:
    random = np.random.default_rng(1)
    X = pd.DataFrame(random.normal(size=(300, 2)), columns=["a", "b"])
    y = X.a > 0
    kernel = make_kernel(_linear(X, y), X, y, task="classification")
    other = compile_sql(_linear(X, X.b > 0), kernel.version, kernel.signature, "duckdb")
    right = compile_sql(kernel.estimator, kernel.version, kernel.signature, "duckdb")
    forms = [Form("sql", "proven", kernel, compiled) for compiled in (other, right)]
    first, second = (_after_first_rows(form, kernel) for form in forms)
    assert first.name == "estimator" and first.compiled is None
    assert "sql differed on the first 4096 rows" in first.reason and "label_flips" in first.reason
    assert second is forms[1]


def _after_first_rows(form: Form, kernel: Kernel) -> Form:
    """The form that serves on after the first rows of FEATURES."""
    with duckdb.connect() as connection:
        connection.execute(f"create table features as {FEATURES}")
        options = ScoreOptions.checked("test", key="id")
        places = {"relation": "", "run_log": "", "project_root": Path(), "load_policy": LoadPolicy()}
        request = Request(run_id="", invocation_id="", node="", **places)
        source = DuckDBSource(connection, "select * from features", options, request, "test")
        source.check([kernel.signature], kernel.schema.names)
        return checked_forms(source, [form], [kernel])[0]


class _Off:
    """Like an estimator, but for a small distance from its probabilities."""

    def __init__(self, estimator: Any, distance: float) -> None:
        self.estimator, self.distance, self.classes_ = estimator, distance, estimator.classes_

    def predict(self, X: Any) -> Any:
        return self.estimator.predict(X)

    def predict_proba(self, X: Any) -> Any:
        return self.estimator.predict_proba(X) + self.distance


@pytest.mark.parametrize(("distance", "serves"), [(1e-13, "native"), (1e-11, "estimator")])
def test_native_code_is_held_to_its_own_tolerance(
    distance: float, serves: str, make_kernel: MakeKernel
) -> None:
    X = pd.DataFrame(np.random.default_rng(3).normal(size=(300, 2)), columns=["a", "b"])
    kernel = make_kernel(
        DecisionTreeClassifier(max_depth=3).fit(X, X.a > 0), X, X.a > 0, task="classification"
    )
    form = Form("native", "proven", kernel.holding(_Off(kernel.estimator, distance)))
    assert _after_first_rows(form, kernel).name == serves


def test_sql_is_left_where_the_matrix_product_is_faster(make_kernel: MakeKernel) -> None:
    X = pd.DataFrame(np.random.default_rng(2).normal(size=(400, 4)), columns=list("abcd"))
    kernel = make_kernel(KMeans(8, n_init=1, random_state=0).fit(X), X, task="clustering")
    form = choose_form(kernel, "auto", ROWS)
    assert form.name == "estimator" and "a matrix product is faster" in form.reason
    assert choose_form(kernel, "sql", ROWS).name == "sql"


def test_trees_are_not_compiled_to_sql_only_to_leave_it(
    make_kernel: MakeKernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(0)
    X = pd.DataFrame(random.normal(size=(300, 2)), columns=["a", "b"])
    y = pd.Series(np.where(X.a > 0, "yes", "no"))
    kernel = make_kernel(DecisionTreeClassifier(max_depth=3).fit(X, y), X, y, task="classification")

    def compile_nothing(*_: Any) -> None:
        raise AssertionError("compiled")

    monkeypatch.setattr("scorehouse.forms.choose.compile_sql", compile_nothing)
    form = choose_form(kernel, "auto", 1_000_000)
    assert form.name == "native"
    with pytest.raises(AssertionError):
        choose_form(kernel, "sql", 1_000_000)
