"""The nearest change of each family of estimators, against every allowed combination there is."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
)
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, PolynomialFeatures, StandardScaler

from scorehouse import load, register
from scorehouse.answer.answer import Answerer
from scorehouse.answer.settings import Answers, Change
from scorehouse.explain.row import LoggedRow
from scorehouse.explain.story import Explainer
from scorehouse.program.choose import ProgramFiles
from scorehouse.registry.policy import load_policy
from scorehouse.segmented import SegmentedClassifier

RNG = np.random.default_rng(4)
X = pd.DataFrame(
    {
        "a": RNG.normal(0, 2, 400).round(1),
        "b": RNG.integers(0, 9, 400),
        "c": RNG.gamma(2, 2, 400).round(1),
        "d": RNG.choice(["u", "v", "w"], 400),
    }
)
SUM = X.a - X.b / 3 + np.sqrt(X.c) + (X.d == "u") + RNG.normal(size=400) / 3
TWO, THREE = np.where(SUM > 1, "yes", "no"), np.digitize(SUM, [0, 2])
CHANGEABLE: dict[str, Any] = {"a": {"step": 0.5}, "b": "up", "d": {"weight": 0.3}}
BANDS = {"score": "prediction", "bands": {"low": -99, "middle": 0.0, "high": 2.0}}


def encoded(encoder: Any, *steps: Any) -> Any:
    return make_pipeline(make_column_transformer((encoder, ["d"]), remainder="passthrough"), *steps)


def classified(encoder: Any, *steps: Any) -> tuple[str, Any, Any, None]:
    return "classification", encoded(encoder, *steps), TWO, None


FAMILIES: dict[str, tuple[str, Any, Any, dict[str, Any] | None]] = {
    "histogram": classified(OrdinalEncoder(), HistGradientBoostingClassifier(max_iter=15)),
    "forest": classified(OneHotEncoder(), RandomForestClassifier(15, max_depth=5)),
    "products": classified(
        OneHotEncoder(), PolynomialFeatures(2), StandardScaler(), LogisticRegression(C=0.1)
    ),
    "network": classified(OneHotEncoder(), StandardScaler(), MLPClassifier((5,), max_iter=2000)),
    "classes": (
        "classification",
        encoded(OneHotEncoder(), HistGradientBoostingClassifier(max_iter=8)),
        THREE,
        None,
    ),
    "linear_classes": (
        "classification",
        encoded(OneHotEncoder(), StandardScaler(), LogisticRegression()),
        THREE,
        None,
    ),
    "boosted": (
        "regression",
        encoded(OneHotEncoder(), GradientBoostingRegressor(n_estimators=20)),
        SUM,
        BANDS,
    ),
    "linear": ("regression", encoded(OneHotEncoder(), StandardScaler(), LinearRegression()), SUM, BANDS),
    "segments": (
        "classification",
        SegmentedClassifier(GradientBoostingClassifier(n_estimators=9), by="d", min_rows=20),
        TWO,
        None,
    ),
    "anomaly": ("anomaly", encoded(OneHotEncoder(), IsolationForest(n_estimators=20)), None, None),
}


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_the_nearest_change_is_that_of_brute_force(family: str, tmp_path: Path) -> None:
    task, estimator, label, policy = FAMILIES[family]
    (tmp_path / "dbt_project.yml").write_text("name: house\n")
    estimator.fit(X, label)
    version = register(estimator, "it", X, label, task=task, project_dir=tmp_path)
    run = {
        "run_id": "1",
        "node": "model.house.p",
        "started_at": "2026-01-01",
        "model_name": "it",
        "model_version": version.version,
        "model_digest": version.sha256,
        "configuration": json.dumps({"key": ["id"], "decision": policy} if policy else {"key": ["id"]}),
    }
    explainer = Explainer(run, [version], ProgramFiles(tmp_path, load_policy(tmp_path)), "x")
    features = {feature.name: feature for feature in explainer.kernel.signature.features}
    allowed = {name: Change.checked("x", features[name], said) for name, said in CHANGEABLE.items()}
    answerer = Answerer(explainer, Answers(changeable=allowed))
    model = load("it/1", tmp_path, decision=policy)
    what = "band" if policy else "prediction"
    low, high = np.ceil(X.a.min() / 0.5), np.floor(X.a.max() / 0.5)
    flips = 0
    for place in range(0, 400, 16):
        own = X.iloc[place].to_dict()
        values = [
            [own["a"], *np.arange(low, high + 1) * 0.5],
            [own["b"], *range(own["b"] + 1, X.b.max() + 1)],
            ["u", "v", "w"],
        ]
        rows = pd.DataFrame([{**own, "a": a, "b": b, "d": d} for a, b, d in product(*values)])
        now = model.predict(own)[what]
        flipped = model.predict(rows)[what] != now
        far = (rows.a - own["a"]).abs() / (X.a.max() - X.a.min())
        far += (rows.b - own["b"]) / (X.b.max() - X.b.min()) + 0.3 * (rows.d != own["d"])
        batch = pa.RecordBatch.from_pandas(X.iloc[[place]], preserve_index=False)
        found = answerer.answer(LoggedRow(run, {}, batch)).alternative
        assert found is not None and found.none_below is None
        assert found.flips == flipped.any(), (family, place)
        if found.flips:
            flips += 1
            assert found.distance == pytest.approx(far[flipped].min(), abs=1e-9), (family, place)
            changed = {change.feature: change.becomes for change in found.changes}
            assert model.predict({**own, **changed})[what] == found.decision != now
    assert flips > 3
