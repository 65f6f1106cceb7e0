"""What a registration costs: calls of the estimator, not one per column and value; and what it tells."""

from __future__ import annotations

import csv
import io
import threading
import time
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from project import EVERY_DATABASE
from scorehouse import Storage, register
from scorehouse.program import hard_rows
from scorehouse.program.sql import compile as compiled
from scorehouse.program.sql import in_duckdb, stages
from scorehouse.program.sql.builder import Builder
from scorehouse.program.sql.dialects import LIMITS, Limits
from scorehouse.program.sql.printer import Printer
from scorehouse.program.trees import of_sklearn
from scorehouse.registration import find_backends, steps
from scorehouse.registration.steps import Progress

REGISTER: Any = import_module("scorehouse.registration.register")  # whose name is that of its function too
COLUMNS = 60
CALLS = 40


def test_columns_are_probed_together(empty_project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    X = pd.DataFrame(random.normal(size=(200, COLUMNS)), columns=[f"f{i}" for i in range(COLUMNS)])
    y = (X.f0 > X.f1).to_numpy()
    estimator = HistGradientBoostingClassifier(max_iter=3).fit(X, y)
    calls = []
    own = HistGradientBoostingClassifier.predict_proba

    def counted(self: HistGradientBoostingClassifier, rows: pd.DataFrame) -> np.ndarray:
        calls.append(len(rows))
        return own(self, rows)

    monkeypatch.setattr(HistGradientBoostingClassifier, "predict_proba", counted)
    register(estimator, "wide", X, y, task="classification", storage=Storage(program=False))
    assert len(calls) <= CALLS


def test_first_steps_of_a_pipeline_are_probed_together(
    empty_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line refuses each missing value; the scaler, which takes them all, is asked about all at once."""
    random = np.random.default_rng(0)
    X = pd.DataFrame(random.normal(size=(200, COLUMNS)), columns=[f"f{i}" for i in range(COLUMNS)])
    estimator = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, X.f0 > X.f1)
    asked = []
    own = StandardScaler.transform

    def counted(self: StandardScaler, rows: pd.DataFrame) -> np.ndarray:
        asked.append(bool(np.isnan(np.asarray(rows)).any()))
        return own(self, rows)

    monkeypatch.setattr(StandardScaler, "transform", counted)
    register(estimator, "scaled", X, task="classification", storage=Storage(program=False))
    assert sum(asked) <= 2
    with (empty_project / "seeds/ml/scaled/ml_scaled__signature.csv").open(newline="") as stream:
        assert {row["accepts_null"] for row in csv.DictReader(stream)} == {"false"}


@pytest.mark.slow
def test_each_column_of_a_group_has_its_own_answer(empty_project: Path) -> None:
    """Columns that take a value stand between columns that refuse it."""
    random = np.random.default_rng(0)
    X = pd.DataFrame(random.normal(size=(80, 20)), columns=[f"f{i}" for i in range(20)])
    X["plan"] = random.choice(["free", "paid"], 80)
    X["shop"] = random.choice(["a", "b"], 80)
    filled = [f"f{i}" for i in range(0, 20, 3)]
    estimator = make_pipeline(
        make_column_transformer(
            (SimpleImputer(), filled),
            (OneHotEncoder(handle_unknown="ignore"), ["plan"]),
            (OneHotEncoder(), ["shop"]),
            remainder="passthrough",
        ),
        LogisticRegression(),
    ).fit(X, X.f0 > 0)
    register(estimator, "mixed", X, task="classification", storage=Storage(program=False))
    with (empty_project / "seeds/ml/mixed/ml_mixed__signature.csv").open(newline="") as stream:
        rows = {row["feature"]: row for row in csv.DictReader(stream)}
    assert [name for name in rows if rows[name]["accepts_null"] == "true"] == [*filled, "plan"]
    assert [name for name in rows if rows[name]["accepts_unseen"] == "false"] == ["shop"]
    assert {rows[name]["accepts_non_finite"] for name in rows} == {"false"}
    # an imputer keeps 1e300, which the scores of a line through it still survive
    assert {rows[name]["max_magnitude"] for name in rows if name.startswith("f")} == {""}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_each_step_and_a_script_the_slow_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "PATIENCE_SECONDS", 0.2)
    terminal, pipe = Terminal(), io.StringIO()
    for stream in (terminal, pipe):
        with Progress("register('churn')", stream) as told:
            told.step("examine")
            told.count("probe missing values", 1, 2)
            told.count("probe missing values", 2, 2)
            told.step("write")
            time.sleep(0.5)
    assert pipe.getvalue() == "register('churn'): write\n"
    lines = terminal.getvalue().split("\n")
    assert [line.split("\r")[-1].rstrip() for line in lines] == [
        "register('churn'): examine",
        "register('churn'): probe missing values 2/2",
        "register('churn'): write",
        "",
    ]


def test_dialects_that_compute_alike_are_compiled_once(
    empty_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    own = compiled.outputs_of
    monkeypatch.setattr(compiled, "outputs_of", lambda *given: calls.append(given) or own(*given))
    (empty_project / "dbt_project.yml").write_text(yaml.safe_dump({"name": "house", "vars": EVERY_DATABASE}))
    X = pd.DataFrame({"a": np.arange(40.0), "b": np.arange(40.0) % 7})
    version = register(LogisticRegression().fit(X, X.a > 9), "line", X, task="classification")
    expected = EVERY_DATABASE["scorehouse_compiled_sql"]["dialects"]
    assert set(version.program["sql"]["dialects"]) == set(expected)
    assert len(calls) == 3  # with float32 and infinity, with float32 alone, and with neither


def forest(trees: int = 8) -> tuple[RandomForestClassifier, pd.DataFrame]:
    random = np.random.default_rng(0)
    X = pd.DataFrame(random.normal(size=(300, 3)), columns=["a", "b", "c"])
    return RandomForestClassifier(trees, max_depth=5, random_state=0).fit(X, X.a + X.b * X.c > 0), X


def test_trees_that_a_dialect_refuses_are_not_compiled_for_it(
    empty_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither in one statement nor in several."""
    variable = "{scorehouse_compiled_sql: {dialects: [duckdb, snowflake, bigquery]}}"
    (empty_project / "dbt_project.yml").write_text(f"name: house\nvars: {variable}\n", encoding="utf-8")
    few = Limits(sql_bytes=900_000, nodes=20, columns=1_000)
    for dialect in ("snowflake", "bigquery"):
        monkeypatch.setitem(LIMITS, dialect, few)
    monkeypatch.setattr(stages, "LARGEST_IN_STAGES", few)
    finished = []
    own = Builder.finish
    monkeypatch.setattr(Builder, "finish", lambda *given: finished.append(1) or own(*given))
    estimator, X = forest()
    nodes = sum(tree.tree_.node_count for tree in estimator.estimators_)
    backends = register(estimator, "forest", X, task="classification").program
    assert backends["sql"]["dialects"] == ["duckdb"]
    for dialect in ("snowflake", "bigquery"):
        assert backends["refused"][f"sql for {dialect}"] == (
            f"the SQL of forest version 1 has {nodes:,} tree nodes; expected: at most 20 on {dialect}"
        )
    assert len(finished) == 2  # with infinity; and the columns of the stored trees


def test_trees_are_printed_once_for_each_spelling(
    empty_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For the digest, the proof, the pins and the macro: as plain SQL and as Jinja, in two dialects."""
    (empty_project / "dbt_project.yml").write_text(
        "name: house\nvars: {scorehouse_compiled_sql: {dialects: [duckdb, postgres]}}\n", encoding="utf-8"
    )
    printed = []
    own = Printer.double
    monkeypatch.setattr(Printer, "double", lambda self, value: printed.append(value) or own(self, value))
    estimator, X = forest(1)
    register(estimator, "forest", X, task="classification")
    root = of_sklearn.tree_of(estimator.estimators_[0].tree_).edge[0]
    assert printed.count(root) == 4


def test_the_database_is_at_work_while_importance_is_measured(
    empty_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, own, measure = threading.Event(), in_duckdb.duckdb_rows, REGISTER.importance_of

    def noted(*given: object) -> object:
        begun.set()
        return own(*given)

    def measured(*given: object) -> object:
        assert begun.wait(20)
        return measure(*given)

    monkeypatch.setattr(in_duckdb, "duckdb_rows", noted)
    monkeypatch.setattr(REGISTER, "importance_of", measured)
    estimator, X = forest()
    assert "sql" in register(estimator, "forest", X, task="classification").program


def test_a_registration_that_fails_stops_the_database(
    empty_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*given: object) -> object:
        raise RuntimeError("importance")

    monkeypatch.setattr(REGISTER, "importance_of", failing)
    estimator, X = forest()
    with pytest.raises(RuntimeError, match="importance"):
        register(estimator, "forest", X, task="classification")
    assert not [thread.name for thread in threading.enumerate() if "scorehouse_parity" in thread.name]


def test_rows_are_tried_beside_those_that_take_the_same_branches(
    empty_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All rows of training and all that were made, so ordered that a stretch lies in few branches."""
    tried, made = [], []
    own, own_hard = in_duckdb.duckdb_rows, hard_rows.hard_rows
    monkeypatch.setattr(
        in_duckdb, "duckdb_rows", lambda backend, rows, *on: tried.append(rows) or own(backend, rows, *on)
    )
    monkeypatch.setattr(hard_rows, "hard_rows", lambda *given: made.append(own_hard(*given)) or made[-1])
    estimator, X = forest()
    assert "sql" in register(estimator, "forest", X, task="classification").program
    rows = tried[0].to_pandas()
    expected = pd.concat([X, *(batch.to_pandas() for batch in made[:1])])
    order = {"by": ["a", "b", "c"], "ignore_index": True}
    pd.testing.assert_frame_equal(rows.sort_values(**order), expected.sort_values(**order))
    beyond_median = (rows[name] > rows[name][np.isfinite(rows[name])].median() for name in rows)
    assert sorted(beyond.diff().sum() for beyond in beyond_median) == [
        1,
        3,
        7,
    ]  # one stretch for each of eight places


def test_importance_is_measured_with_the_native_backend_once_that_is_proven(
    empty_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It gives the shares that the estimator gives, which is asked where no backend is proven."""
    kernels = []
    own = REGISTER.importance_of
    monkeypatch.setattr(REGISTER, "importance_of", lambda *given: kernels.append(given) or own(*given))
    estimator, X = forest()
    y = X.a + X.b * X.c > 0
    assert "native" in register(estimator, "forest", X, y, task="classification").program
    register(estimator, "plain", X, y, task="classification", storage=Storage(program=False))
    monkeypatch.setattr(find_backends, "compile_trees", lambda *given, **_: 1 / 0)
    refused = register(estimator, "refused", X, y, task="classification").program["refused"]["native"]
    assert "ZeroDivisionError" in refused
    held = [type(kernel.estimator).__name__ for kernel, *_ in kernels]
    assert held == ["StoredTrees", "RandomForestClassifier", "RandomForestClassifier"]
    assert own(*kernels[0]) == own(*kernels[1]) == own(*kernels[2])
