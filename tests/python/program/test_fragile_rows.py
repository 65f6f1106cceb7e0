"""Rows whose label hangs on a step of a feature: the macro and the dbt test name exactly these."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression

from project import EVERY_DATABASE, DbtProject

pytestmark = pytest.mark.slow

TEST = """\
models:
  - name: features
    data_tests:
      - scorehouse.no_fragile_rows:
          arguments: {ml_model: late, key: id}
          config: {severity: warn}
      - scorehouse.no_fragile_rows:
          name: of_some
          arguments: {ml_model: late, key: id}
          config: {severity: warn, where: id < 300}
"""


def made(folder: Path) -> tuple[DbtProject, HistGradientBoostingClassifier, pd.DataFrame]:
    """Rows at the thresholds of an estimator and at their neighbours, beside usual, missing and zero ones."""
    random = np.random.default_rng(3)
    X = pd.DataFrame({"delay": random.exponential(20, 4000), "wind": random.normal(0, 9, 4000)})
    X["stops"] = random.integers(0, 5, 4000)
    y = (X["delay"] + X["wind"] + X["stops"] > 22).astype(int)
    estimator = HistGradientBoostingClassifier(max_iter=3, max_depth=3).fit(X, y)
    cuts = [
        (X.columns[node["feature_idx"]], node["num_threshold"])
        for predictors in estimator._predictors
        for node in predictors[0].nodes
        if not node["is_leaf"]
    ]
    rows = [X[:200]]
    for name, cut in cuts:
        for at in (cut, np.nextafter(cut, np.inf)):
            rows.append(X[:40].assign(**({name: at} if name != "stops" else {})))
    rows.append(X[:3].assign(delay=[np.nan, 0.0, np.inf], wind=[0.0, np.nan, -np.inf]))
    rows = pd.concat(rows, ignore_index=True)
    rows.insert(0, "id", np.arange(len(rows)) // 2)  # each is there twice
    project = DbtProject(folder, variables=EVERY_DATABASE)
    project.register(estimator, "late", X, y, task="classification")
    rows.to_parquet(project.folder / "rows.parquet")
    project.features("select * from 'rows.parquet'")
    return project, estimator, rows


@pytest.fixture(scope="module")
def house(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[DbtProject, HistGradientBoostingClassifier, pd.DataFrame]:
    project, estimator, rows = made(tmp_path_factory.mktemp("fragile") / "house")
    project.write(
        "models/fragile.sql",
        "{{ scorehouse.fragile_rows('late', ref('features'), key='id', features=['delay', 'wind']) }}",
    )
    steps = "{'delay': 0.5, 'stops': 1}"
    project.write(
        "models/fragile_by_step.sql",
        f"{{{{ scorehouse.fragile_rows('late', relation=ref('features'), key='id', steps={steps}) }}}}",
    )
    project.write("models/_features.yml", TEST)
    return project, estimator, rows


def moved(estimator: Any, rows: pd.DataFrame, feature: str, value: pd.Series, direction: str) -> list[Any]:
    """What the macro has to say of one feature and direction, by the estimator itself."""
    X = rows.drop(columns="id")
    before, after = estimator.predict(X), estimator.predict(X.assign(**{feature: value}))
    return [
        (int(rows["id"][i]), feature, direction, int(before[i]), int(after[i]))
        for i in np.flatnonzero(before != after)
    ]


def test_the_rows_are_those_of_the_estimator(house: Any) -> None:
    project, estimator, rows = house
    built = project.build()
    assert built.success, built.problem or built.messages
    wanted = []
    for feature in ("delay", "wind"):
        for direction, toward in (("up", np.inf), ("down", -np.inf)):
            wanted += moved(estimator, rows, feature, np.nextafter(rows[feature], toward), direction)
    assert len(wanted) > 100 and {row[2] for row in wanted} == {"up", "down"}
    assert sorted(project.query("select * from fragile")) == sorted(wanted)
    wanted = []
    for feature, step in (("delay", 0.5), ("stops", 1)):
        for direction, sign in (("up", 1), ("down", -1)):
            wanted += moved(estimator, rows, feature, rows[feature] + sign * step, direction)
    assert sorted(project.query("select * from fragile_by_step")) == sorted(wanted) and wanted
    (test,) = (name for name in built.statuses if "no_fragile_rows" in name)
    assert built.statuses[test] == "warn"
    (found,) = project.query("select count(*) from fragile")
    assert f"Got {found[0]} results" in built.messages[test]
    (some,) = project.query("select count(*) from fragile where id < 300")
    assert f"Got {some[0]} results" in built.messages["of_some"] and 0 < some[0] < found[0]


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        ("features=['stops']", "give an integer a step"),
        ("features=['nothing']", "version 1 has delay, wind, stops"),
        ("steps={'delay': 'a lot'}", "write what is one step of the feature"),
        ("ulps=0", "a finite number not below 1"),
        ("steps={'delay': 0}", "a finite number not below 1e-300"),
        ("steps={'stops': 0.5}", "a whole step of stops"),
        ("steps={'dealy': 0.5}", "one of the keys delay, wind, stops"),
        ("features=['delay'], steps={'wind': 0.5}", "one of the keys delay"),
        ("steps=none", "a mapping"),
        ("version=7", "version 7"),
    ],
)
def test_wrong_calls(call: str, problem: str, house: Any, tmp_path: Path) -> None:
    project = house[0].copy(tmp_path / "house")
    project.write(
        "models/fragile.sql",
        f"{{{{ scorehouse.fragile_rows('late', relation=ref('features'), key='id', {call}) }}}}",
    )
    built = project.build("--select", "+fragile", "--exclude", "test_type:data")
    assert problem in (built.problem or built.messages["fragile"])


def test_numbers_have_no_label(tmp_path: Path) -> None:
    project = DbtProject(tmp_path / "house")
    X = pd.DataFrame({"a": np.arange(50.0)})
    project.register(LinearRegression().fit(X, X["a"]), "sales", X, X["a"], task="regression")
    project.features("select 1 as id, 2.0::double as a")
    project.write("models/fragile.sql", "{{ scorehouse.fragile_rows('sales', ref('features'), key='id') }}")
    assert "it is a regression" in project.build("--select", "+fragile").messages["fragile"]


def test_every_flip_of_a_rounded_sum_is_fragile(tmp_path: Path) -> None:
    """At the boundary of a linear model, SQL and estimator may round a sum to other sides of it.

    Pairs of rows with no double between them and other labels, as benchmarks/equality has them.
    """
    random = np.random.default_rng(5)
    X = pd.DataFrame(random.normal(0, 3, (3000, 6)), columns=[f"x{i}" for i in range(6)])
    y = (X.sum(axis=1) + random.normal(0, 1, len(X)) > 0).astype(int)
    estimator = LogisticRegression().fit(X, y)
    low, high = (X[estimator.predict(X) == label].to_numpy()[:800] for label in (0, 1))
    for _ in range(1100):
        middle = low + (high - low) / 2
        is_high = estimator.predict(pd.DataFrame(middle, columns=X.columns)).astype(bool)[:, None]
        if ((middle == low) | (middle == high)).all():
            break
        low, high = np.where(is_high, low, middle), np.where(is_high, middle, high)
    rows = pd.DataFrame(np.vstack([low, high]), columns=X.columns)
    rows.insert(0, "id", np.arange(len(rows)))
    project = DbtProject(tmp_path / "house", variables=EVERY_DATABASE)
    project.register(estimator, "late", X, y, task="classification")
    rows.to_parquet(project.folder / "rows.parquet")
    project.features("select * from 'rows.parquet'")
    project.write(
        "models/scored.sql",
        "select * from {{ scorehouse.predict('late', ref('features'), keep=['id']) }} as s",
    )
    project.write(
        "models/fragile.sql", "{{ scorehouse.fragile_rows('late', ref('features'), key='id', ulps=16) }}"
    )
    project.build().check()
    labels = dict(project.query("select id, prediction from scored"))
    usual = estimator.predict(rows[X.columns])
    flips = {i for i, label in enumerate(usual) if labels[i] != label}
    fragile = {key for (key,) in project.query("select distinct id from fragile")}
    assert len(flips) > 20 and flips <= fragile
