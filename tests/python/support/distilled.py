"""A shop with a slow ML model that knows more than the labels of a few rows say: a teacher."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
from sklearn.calibration import CalibratedClassifierCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR

from project import DbtProject

ROWS = 1200
FEATURES = ["amount", "visits", "age", "weight"]
CUT = pd.Timestamp("2025-04-01")
SETTINGS = {
    "training": "rows",
    "function": "nowhere:train",
    "label": "stays",
    "time": "day",
    "holdout": "2025-04-01",
}


def world() -> pd.DataFrame:
    """A smooth chance, which a kernel knows from few rows and trees do not; labels are drawn from it."""
    random = np.random.default_rng(3)
    X = random.normal(size=(ROWS, 4))
    value = 1.6 * np.sin(1.5 * X[:, 0]) + X[:, 1] * X[:, 2] + 0.5 * X[:, 3]
    day = np.sort(random.integers(0, 150, ROWS))
    return pd.DataFrame(X, columns=FEATURES).assign(
        id=np.arange(ROWS),
        day=pd.Timestamp("2025-01-01") + pd.to_timedelta(day, unit="D"),
        stays=(random.uniform(size=ROWS) < 1 / (1 + np.exp(-2 * value))).astype(int),
        spend=value + random.normal(scale=0.5, size=ROWS),
    )


def svm() -> Any:
    """A slow teacher with probabilities."""
    return CalibratedClassifierCV(make_pipeline(StandardScaler(), SVC(C=2.0)), ensemble=False)


def svr() -> Any:
    return make_pipeline(StandardScaler(), SVR(C=2.0))


def make_school(folder: Path) -> DbtProject:
    """The shop, built: `slow` classifies, `slow_spend` predicts a number, both with support vectors."""
    project = DbtProject(folder)
    frame = world()
    with contextlib.closing(duckdb.connect(str(project.database))) as connection:
        connection.register("frame", frame)
        connection.execute("create table raw as select * from frame")
    project.features("select id, day, amount, visits, age, weight from raw", name="visitors")
    project.features("select * from raw", name="rows")
    early = frame[frame.day < CUT]
    for name, task, estimator, label in (
        ("slow", "classification", svm(), "stays"),
        ("slow_spend", "regression", svr(), "spend"),
    ):
        fitted = estimator.fit(early[FEATURES], early[label])
        facts = {"task": task, "trained_to": "2025-03-31", "program": False}
        project.register(fitted, name, early[FEATURES], early[label], alias="champion", **facts)
    project.settings({"scorehouse_retrain": {"slow": SETTINGS, "slow_spend": {**SETTINGS, "label": "spend"}}})
    project.build("--target", "dev").check()
    return project
