"""A small shop whose ML model is retrained: the world has changed since its champion learned."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import yaml
from sklearn.linear_model import LogisticRegression

from project import DbtProject
from scorehouse.registry.seeds import ModelSeeds
from scorehouse.registry.version import Version

SCOREHOUSE = Path(sys.executable).with_name("scorehouse")
ROWS = 1200
FEATURES = ["amount", "visits"]
TRAIN = """
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def train(frame, seed, label):
    print("training on", len(frame), "rows")
    X = frame[["amount", "visits"]]
    return make_pipeline(StandardScaler(), LogisticRegression(random_state=seed)).fit(X, frame[label])
"""
SETTINGS: dict[str, Any] = {
    "training": "loyal_training_set",
    "function": "learning.loyal:train",
    "label": "came_back",
    "time": "day",
    "seed": 7,
    "shadow": ["loyal_scores"],
    "gate": "loyal_not_worse",
}
TESTS = """
version: 2
models:
  - name: loyal_scores
    data_tests:
      - scorehouse.challenger_not_worse:
          name: loyal_not_worse
          arguments: {labels: "ref('loyal_labels')", key: id, label: came_back, margin: 0.01, min_rows: 100}
"""
SIGNALS = """
select 'loyal' as ml_model, 1 as version, {retrain} as retrain, {reasons} as reasons, 1 as n_drifted,
    'amount' as drifted_features, 'roc_auc' as metric, 0.9e0 as reference_value, 0.7e0 as current_value,
    0.2e0 as decay, 100 as age_days, 0e0 as rejected_share
"""


def world() -> pd.DataFrame:
    """Visitors of 120 days; from day 40 on, what makes them come back is the other way round."""
    random = np.random.default_rng(0)
    day = np.sort(random.integers(0, 120, ROWS))
    amount, visits = random.uniform(0, 100, ROWS), random.integers(0, 9, ROWS).astype(float)
    side = np.where(day < 40, 1.0, -1.0)
    chance = 1 / (1 + np.exp(-(side * (amount - 50) / 8 + (visits - 4) / 2)))
    return pd.DataFrame(
        {
            "id": np.arange(ROWS),
            "day": pd.Timestamp("2025-01-01") + pd.to_timedelta(day, unit="D"),
            "amount": amount,
            "visits": visits,
            "came_back": (random.uniform(size=ROWS) < chance).astype(int),
        }
    )


def make_shop(folder: Path) -> DbtProject:
    """The shop, built: its champion learned from days that are over."""
    project = DbtProject(folder)
    frame = world()
    with contextlib.closing(duckdb.connect(str(project.database))) as connection:
        connection.register("frame", frame)
        connection.execute("create table raw_visits as select * from frame")
    (folder / "learning").mkdir()
    project.write("learning/loyal.py", TRAIN)
    project.write("models/_tests.yml", TESTS)
    project.features("select id, day, amount, visits from raw_visits", name="visitors")
    project.features("select id, came_back from raw_visits where came_back is not null", name="loyal_labels")
    project.features(
        "select id, day, amount, visits, came_back from raw_visits where day >= date '2025-02-10'",
        name="loyal_training_set",
    )
    signals(project, asks=True)
    early = frame[frame.day < "2025-02-10"]
    champion = LogisticRegression().fit(early[FEATURES], early.came_back)
    facts = {"task": "classification", "owner": "the shop", "threshold": 0.5, "program": False}
    project.register(champion, "loyal", early[FEATURES], early.came_back, alias="champion", **facts)
    project.python_model(
        "loyal_scores",
        "loyal",
        features="visitors",
        key="id",
        alias=["champion", "challenger"],
        layout="wide",
    )
    configure(project)
    # the target is named as the command names it, so that dbt need not parse again
    project.build("--target", "dev", "--exclude", "loyal_scores", "loyal_not_worse").check()
    return project


def configure(project: DbtProject, **changed: Any) -> None:
    """Write the settings; None removes one."""
    settings = {key: value for key, value in {**SETTINGS, **changed}.items() if value is not None}
    project.settings({"scorehouse_retrain": {"loyal": settings}})


def signals(project: DbtProject, *, asks: bool) -> None:
    reasons = "'drift of amount'" if asks else "cast(null as varchar)"
    project.features(SIGNALS.format(retrain=asks, reasons=reasons), name="loyal_retraining")


def retrain(
    project: DbtProject, *words: str, name: str = "loyal", **variables: str
) -> subprocess.CompletedProcess[str]:
    """`scorehouse retrain` as a scheduler calls it."""
    return scorehouse(project, "retrain", name, "--target", "dev", *words, **variables)


def scorehouse(project: DbtProject, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """A command in the shop's folder, with these environment variables."""
    return subprocess.run(
        [SCOREHOUSE, *words],
        cwd=project.folder,
        env={**os.environ, "NO_COLOR": "1", "DBT_PROFILES_DIR": str(project.folder), **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )


def said(ended: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """The JSON that a command printed."""
    document: dict[str, Any] = json.loads(ended.stdout)
    return document


def versions(project: DbtProject) -> list[Version]:
    return ModelSeeds(project.folder, "loyal").versions()


def variables(project: DbtProject) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((project.folder / "dbt_project.yml").read_text())["vars"]
    return document
