"""Importance of features: as scikit-learn permutes them, for every task, at a known cost."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from sklearn.cluster import KMeans
from sklearn.ensemble import IsolationForest, RandomForestClassifier
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.svm import LinearSVC

from scorehouse import Reference, ScorehouseError, register
from scorehouse.cli.main import main
from scorehouse.registration import importance
from scorehouse.registration.groups import grouped
from scorehouse.registration.renew import measure_importance
from scorehouse.registry.seed_columns import SIGNATURE
from scorehouse.registry.seeds import read_rows, write_rows

RNG = np.random.default_rng(3)
ROWS = 1500
X = pd.DataFrame(
    {"strong": RNG.normal(size=ROWS), "weak": RNG.normal(size=ROWS), "useless": RNG.normal(size=ROWS)}
)
SIGNAL = 2 * X["strong"] + 0.6 * X["weak"] + RNG.normal(size=ROWS)
Y = (SIGNAL > 0).astype(int)
THREE = np.select([SIGNAL < -1, SIGNAL < 1], ["low", "middle"], "high")
CENTRES = np.array([[-1, -0.3, 0], [1, 0.3, 0]])
COLUMNS = tuple(SIGNATURE)
SEED_FILE = Path("seeds/ml/model/ml_model__signature.csv")


def registered(estimator: Any, y: Any, **facts: Any) -> list[dict[str, str]]:
    """Rows of the signature seed after registration."""
    register(estimator, "model", X, y, **grouped(facts))
    with SEED_FILE.open(newline="") as stream:
        return list(csv.DictReader(stream))


def shares(rows: list[dict[str, str]]) -> dict[str, float]:
    return {row["feature"]: float(row["importance"]) for row in rows}


def of_sklearn(estimator: Any, y: Any, scoring: str) -> dict[str, float]:
    found = permutation_importance(estimator, X, y, scoring=scoring, n_repeats=10, random_state=0)
    means = np.maximum(found.importances_mean, 0)
    return dict(zip(X.columns, means / means.sum(), strict=True))


@pytest.mark.parametrize(
    ("estimator", "y", "task", "kind", "scoring"),
    [
        (LogisticRegression(), Y, "classification", "log_loss", "neg_log_loss"),
        (LogisticRegression(), THREE, "classification", "log_loss", "neg_log_loss"),
        (LinearSVC(), Y, "classification", "roc_auc", "roc_auc"),
        (LinearSVC(), THREE, "classification", "error_rate", "accuracy"),
        (LinearRegression(), SIGNAL, "regression", "squared_error", "r2"),
        (LogisticRegression(), Y, "ranking", "roc_auc", "roc_auc"),
    ],
)
def test_shares_are_those_of_scikit_learn(
    empty_project: Path, estimator: Any, y: Any, task: str, kind: str, scoring: str
) -> None:
    estimator.fit(X, y)
    rows = registered(estimator, y, task=task)
    assert {row["importance_kind"] for row in rows} == {f"permutation:{kind}"}
    found, expected = shares(rows), of_sklearn(estimator, y, scoring)
    assert sum(found.values()) == pytest.approx(1, abs=1e-5)
    assert found == pytest.approx(expected, abs=0.02)
    assert found["strong"] > found["weak"] > found["useless"]


def test_grades_of_relevance_are_compared_by_rank(empty_project: Path) -> None:
    grades = np.digitize(SIGNAL, [-1, 0, 1])
    rows = registered(LinearRegression().fit(X, grades), grades, task="ranking")
    assert rows[0]["importance_kind"] == "permutation:rank_correlation"
    assert shares(rows)["strong"] > 0.8 > 0.2 > shares(rows)["weak"] > shares(rows)["useless"]


@pytest.mark.parametrize(
    ("estimator", "task", "kind"),
    [
        (LogisticRegression().fit(X, Y), "classification", "score_change"),
        (LinearRegression().fit(X, SIGNAL), "regression", "score_change"),
        (KMeans(2, init=CENTRES, n_init=1, max_iter=1).fit(X), "clustering", "label_change"),
        (IsolationForest(n_estimators=20, random_state=0).fit(X), "anomaly", "score_change"),
    ],
)
def test_without_labels_the_change_of_outputs_is_measured(
    empty_project: Path, estimator: Any, task: str, kind: str
) -> None:
    rows = registered(estimator, None, task=task)
    assert {row["importance_kind"] for row in rows} == {f"permutation:{kind}"}
    found = shares(rows)
    assert sum(found.values()) == pytest.approx(1, abs=1e-5)
    if task != "anomaly":  # a forest that isolates looks at every feature alike
        assert found["strong"] > found["weak"] > found["useless"]


@pytest.mark.slow
def test_the_same_rows_give_the_same_shares(empty_project: Path) -> None:
    estimator = RandomForestClassifier(10, random_state=0).fit(X, Y)
    first = shares(registered(estimator, Y, task="classification"))
    assert measure_importance("model", X, Y, version=1).shares == first


def test_validation_rows_are_preferred(empty_project: Path) -> None:
    overfitted = RandomForestClassifier(20, random_state=0).fit(X[:300], Y[:300])
    given = (X[300:], Y[300:])
    register(
        overfitted, "model", X[:300], Y[:300], task="classification", reference=Reference(validation=given)
    )
    on_validation = measure_importance("model", *given, version=1).shares
    assert shares(read_rows(SEED_FILE, COLUMNS)) == on_validation
    assert measure_importance("model", X[:300], Y[:300], version=1).shares != on_validation
    with pytest.raises(ScorehouseError, match="y has 3 labels for 1200 rows"):
        register(
            overfitted,
            "other",
            X[:300],
            task="classification",
            reference=Reference(validation=(X[300:], Y[:3])),
        )


def test_the_cost_has_a_limit(empty_project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    predicted = 0
    estimator = LogisticRegression().fit(X, Y)
    inner = importance.Kernel.__call__

    def counted(self: Any, batch: Any) -> Any:
        nonlocal predicted
        predicted += batch.num_rows
        return inner(self, batch)

    monkeypatch.setattr(importance, "PREDICTIONS", 6_000)
    register(estimator, "model", X, Y, task="classification")
    monkeypatch.setattr(importance.Kernel, "__call__", counted)
    measure_importance("model", X, Y, version=1)
    assert predicted == 6_000 + 400  # 400 rows, 5 shuffles of 3 features, and once as they are


def test_labels_that_are_missing_are_left_out(empty_project: Path) -> None:
    holes = SIGNAL.where(SIGNAL > -1)
    rows = registered(LinearRegression().fit(X, SIGNAL), holes, task="regression")
    assert rows[0]["importance_kind"] == "permutation:squared_error"
    assert shares(rows)["strong"] > 0.5


def test_a_seed_without_importance_is_filled(empty_project: Path) -> None:
    estimator = LogisticRegression().fit(X, Y)
    complete = registered(estimator, Y, task="classification")
    old = COLUMNS[:-2]
    empty = [{name: row[name] for name in old} for row in complete]
    write_rows(SEED_FILE, COLUMNS, empty)
    checked = CliRunner().invoke(main, ["check"])
    assert checked.exit_code == 0, checked.output
    X.assign(left=Y).to_parquet("labelled.parquet")
    told = ["importance", "model", "--features", "labelled.parquet", "--version", "1"]
    ended = CliRunner().invoke(main, [*told, "--label", "left"])
    assert ended.exit_code == 0, ended.output
    assert "permutation:log_loss" in ended.output and ended.output.splitlines()[1].startswith("strong")
    assert read_rows(SEED_FILE, COLUMNS) == complete
    wrong = CliRunner().invoke(main, [*told, "--label", "gone"])
    assert wrong.exit_code == 1 and "has no column 'gone'" in wrong.output


def test_a_loss_that_is_infinite_is_no_share_that_is_no_number(empty_project: Path) -> None:
    estimator = LinearRegression().fit(X, SIGNAL)
    estimator.coef_ = np.array([1e200, 1e-300, 1.0])
    rows = registered(estimator, estimator.predict(X), task="regression")
    assert shares(rows) == {"strong": 1.0, "weak": 0.0, "useless": 0.0}
