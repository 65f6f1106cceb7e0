"""What a registration costs: calls of the estimator, not one per column and value; and what it tells."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from scorehouse import register
from scorehouse.forms.sql import compiled
from scorehouse.registration.steps import Progress

COLUMNS = 60
CALLS = 40


def test_columns_are_probed_together(empty_house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
    register(estimator, "wide", X, y, task="classification", forms=False)
    assert len(calls) <= CALLS


def test_each_column_of_a_group_has_its_own_answer(empty_house: Path) -> None:
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
    register(estimator, "mixed", X, task="classification", forms=False)
    with (empty_house / "seeds/ml/mixed/ml_mixed__signature.csv").open(newline="") as stream:
        rows = {row["feature"]: row for row in csv.DictReader(stream)}
    assert [name for name in rows if rows[name]["accepts_null"] == "true"] == [*filled, "plan"]
    assert [name for name in rows if rows[name]["accepts_unseen"] == "false"] == ["shop"]
    assert {rows[name]["accepts_non_finite"] for name in rows} == {"false"}
    # an imputer keeps 1e300, which the scores of a line through it still survive
    assert {rows[name]["max_magnitude"] for name in rows if name.startswith("f")} == {""}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_for_terminals() -> None:
    terminal, pipe = Terminal(), io.StringIO()
    for stream in (terminal, pipe):
        with Progress("register('churn')", stream) as told:
            told.step("examine")
            told.count("probe missing values", 1, 2)
            told.count("probe missing values", 2, 2)
            told.step("write")
    assert pipe.getvalue() == ""
    lines = terminal.getvalue().split("\n")
    assert [line.split("\r")[-1].rstrip() for line in lines] == [
        "register('churn'): examine",
        "register('churn'): probe missing values 2/2",
        "register('churn'): write",
        "",
    ]


def test_dialects_that_compute_alike_are_compiled_once(
    empty_house: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    own = compiled.outputs_of
    monkeypatch.setattr(compiled, "outputs_of", lambda *given: calls.append(given) or own(*given))
    X = pd.DataFrame({"a": np.arange(40.0), "b": np.arange(40.0) % 7})
    version = register(LogisticRegression().fit(X, X.a > 9), "line", X, task="classification")
    assert len(version.forms["sql"]["dialects"]) == 6
    assert len(calls) == 3  # with float32 and infinity, with float32 alone, and with neither
