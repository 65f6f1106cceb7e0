"""A project whose versions decide about flights and customers, for `impact.py` and `answer.py`."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
from distil import CUSTOMERS, FLIGHTS
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "python" / "support"))
from project import DbtProject

SETS = {"flights": FLIGHTS, "customers": CUSTOMERS}
ESTIMATORS = {
    "linear": [
        make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression(C=strength))
        for strength in (1.0, 0.001)
    ],
    "boosted": [HistGradientBoostingClassifier(max_leaf_nodes=n, random_state=0) for n in (31, 15)],
}
DECISION = {"threshold": 0.5, "bands": {"low": 0, "high": 0.7}}


@dataclass(frozen=True)
class Decided:
    """An ML model of the project: what it learns from, and the table of what it decides."""

    data: str
    estimator: str

    @property
    def name(self) -> str:
        return f"{self.data}_{self.estimator}"

    @property
    def table(self) -> str:
        return f"{self.name}_scores"


ALL = [Decided(data, estimator) for data in SETS for estimator in ESTIMATORS]


def make_project(folder: Path, rows: int, trained_on: int, versions: int) -> DbtProject:
    """Two ML models on each set, whose first version has scored at most `rows` rows of it.

    Each has so many `versions`, which have learned from `trained_on` rows; the first one is the champion.
    """
    project = DbtProject(folder)
    training: dict[str, pd.DataFrame] = {}
    for data, query in SETS.items():
        text = query.format(rows=rows)
        project.features(f"select row_number() over () as id, * exclude (day, label) from ({text})", data)
        training[data] = duckdb.sql(f"select * exclude (day) from ({query.format(rows=trained_on)})").df()
    for one in ALL:
        X, y = training[one.data].drop(columns="label"), training[one.data]["label"]
        for estimator in ESTIMATORS[one.estimator][:versions]:
            facts: dict[str, Any] = {"task": "classification", "threshold": 0.5}
            alias = "champion" if estimator is ESTIMATORS[one.estimator][0] else None
            project.register(estimator.fit(X, y), one.name, X, y, alias=alias, **facts)
        project.python_model(one.table, one.name, features=one.data, key="id", decision=DECISION)
    project.build().check()
    return project
