"""Registration says which labels hang on the last place of a feature."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from sklearn.base import BaseEstimator
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from project import registered_kernel
from scorehouse.cli.main import main
from scorehouse.registration.fragile import ROWS
from scorehouse.registry.version import FRAGILE

COUNT = 2 * ROWS


def frame(dtype: str) -> pd.DataFrame:
    """More values than bins, so that histogram boosting puts its thresholds on values of the data."""
    rng = np.random.default_rng(0)
    return pd.DataFrame({name: np.round(rng.normal(size=COUNT), 3).astype(dtype) for name in ("a", "b")})


def labels(X: pd.DataFrame) -> pd.Series:
    return (X.a + X.b * X.b > 0.5).map({True: "yes", False: "no"})


def counted(estimator: BaseEstimator, X: pd.DataFrame, feature: str, step: float | None = None) -> int:
    """The labels that the estimator itself changes, of the rows that registration tries."""
    tried = X.iloc[np.linspace(0, len(X) - 1, ROWS).astype(int)]
    usual, values = estimator.predict(tried), tried[feature].to_numpy()
    changed = np.zeros(ROWS, dtype=bool)
    for sign in (1, -1):
        moved = np.nextafter(values, values.dtype.type(sign * np.inf))
        if step:
            moved = np.round(values.astype(float) + sign * step, 3).astype(values.dtype)
        changed |= estimator.predict(tried.assign(**{feature: moved})) != usual
    return int(changed.sum())


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_labels_that_change_are_counted(dtype: str, tmp_path: Path) -> None:
    X = frame(dtype)
    y = labels(X)
    estimator = HistGradientBoostingClassifier(max_iter=20, random_state=0).fit(X, y)
    version = registered_kernel(tmp_path, estimator, X, y, task="classification").version
    expected = {name: counted(estimator, X, name) for name in X}
    assert sum(expected.values()) > 0, "this frame has fragile rows"
    found = version.program[FRAGILE]
    assert found["rows"] == ROWS
    assert found["labels"] == {name: count for name, count in expected.items() if count}
    assert found["steps"] == {
        name: {"step": 0.001, "labels": counted(estimator, X, name, 0.001)} for name in expected
    }
    shown = CliRunner().invoke(main, ["show", version.name, "--project-dir", str(tmp_path)])
    assert "the label changes with the last place of a feature" in shown.output
    assert "by 0.001 of 'a'" in shown.output


def test_a_neighbour_that_the_estimator_refuses_stops_nothing(tmp_path: Path) -> None:
    """The double below 0 has no square root."""
    X = pd.DataFrame({"a": np.random.default_rng(0).poisson(1, 3000).astype(float)})
    y = (X.a > 1).astype(int)
    root = make_pipeline(FunctionTransformer(np.sqrt), StandardScaler(), LogisticRegression())
    kernel = registered_kernel(tmp_path, root.fit(X, y), X, y, task="classification")
    assert kernel.version.program[FRAGILE]["labels"] == {}


def test_a_step_is_that_of_the_values(tmp_path: Path) -> None:
    """Minutes, cents, and a measured number that has no step."""
    rng = np.random.default_rng(1)
    X = pd.DataFrame({"minutes": rng.poisson(30, ROWS).astype(float), "price": rng.normal(size=ROWS)})
    X["price"] = X["price"].round(2)
    X["measured"] = rng.normal(size=ROWS)
    y = (X.minutes + X.price > 30).astype(int)
    estimator = LogisticRegression(max_iter=500).fit(X, y)
    found = registered_kernel(tmp_path, estimator, X, y, task="classification").version.program[FRAGILE]
    assert found["labels"] == {} and list(found["steps"]) == ["minutes", "price"]
    assert found["steps"]["minutes"]["step"] == 1 and found["steps"]["price"]["step"] == 0.01
    assert found["steps"]["minutes"]["labels"] == counted(estimator, X, "minutes", 1) > 0


def test_what_has_none_says_so_and_numbers_are_no_labels(tmp_path: Path) -> None:
    X = frame("float64").iloc[:500]
    kernel = registered_kernel(
        tmp_path, LogisticRegression().fit(X, labels(X)), X, labels(X), task="classification"
    )
    assert kernel.version.program[FRAGILE]["rows"] == 500 and not kernel.version.program[FRAGILE]["labels"]
    shown = CliRunner().invoke(main, ["show", kernel.version.name, "--project-dir", str(tmp_path)])
    assert "last place" not in shown.output
    (tmp_path / "number").mkdir()
    number = HistGradientBoostingRegressor(max_iter=2).fit(X, X.a)
    kernel = registered_kernel(tmp_path / "number", number, X, X.a, task="regression")
    assert FRAGILE not in kernel.version.program
