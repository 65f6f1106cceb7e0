"""A shop with ML models of several outputs, of several labels and with an estimator per shop, to retrain."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import yaml
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.multioutput import MultiOutputClassifier

from project import DbtProject
from scorehouse import SegmentedClassifier, SegmentedRegressor

ROWS, CHANGE = 1600, "2025-02-10"  # the day from which the world is another one
FEATURES = ["amount", "visits"]
BY_SHOP = ["Größe", "shop", "amount"]
WEEKS, TROUBLES = {"Week 1": "units_1", "week_2": "units 2"}, ["late", "damaged"]
TRAIN = """
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.multioutput import MultiOutputClassifier

from scorehouse import SegmentedClassifier, SegmentedRegressor


def weeks(frame, label, features):
    return LinearRegression().fit(frame[features], frame[label])


def one_week_alone(frame, label, features):
    return LinearRegression().fit(frame[features], frame[label[0]])


def second_week_wrong(frame, label, features):
    model = weeks(frame, label, features)
    model.intercept_[1] += 45
    return model


def troubles(frame, label, features):
    return MultiOutputClassifier(LogisticRegression()).fit(frame[features], frame[label])


def sales(frame, label, features):
    return SegmentedRegressor(LinearRegression(), by="shop", min_rows=20).fit(frame[features], frame[label])


def without_fallback(frame, label, features):
    own = SegmentedRegressor(LinearRegression(), by="shop", min_rows=20, fallback="reject")
    return own.fit(frame[features], frame[label])


def south_wrong(frame, label, features):
    model = sales(frame, label, features)
    model.estimators_[model.segments_.tolist().index("south")].intercept_ += 60
    return model


def returned(frame, label, features):
    own = SegmentedClassifier(LogisticRegression(), by="branch", min_rows=20)
    return own.fit(frame[features], frame[label])
"""
MODELS = {  # of each ML model: columns of the label, features, function, and what its gate has
    "weeks": (WEEKS, FEATURES, {"metric": "mae", "margin": {"Week_1": 1.0, "week_2": 2.0}}),
    "troubles": (TROUBLES, FEATURES, {"metric": "log_loss", "margin": 0.05}),
    "sales": ("units_1", BY_SHOP, {"metric": "mae", "margin": 1.0, "segments": ["shop"]}),
    "returned": ("late", ["Größe", "branch", "amount"], {"metric": "log_loss", "margin": 0.05}),
}


def world() -> pd.DataFrame:
    """Deliveries of 120 days, of which the change turns what makes them large and late."""
    draw = np.random.default_rng(0)
    day = np.sort(draw.integers(0, 120, ROWS))
    amount, visits = draw.uniform(0, 100, ROWS), draw.integers(0, 9, ROWS).astype(float)
    place = draw.integers(0, 3, ROWS)
    place[draw.integers(0, ROWS, 12)] = 3  # a shop with few rows
    place[(day >= 60) & (draw.uniform(size=ROWS) < 0.2)] = 4  # a shop that opens after the change
    side = np.where(day < 40, 1.0, -1.0)
    frame = pd.DataFrame(
        {
            "id": np.arange(ROWS),
            "day": pd.Timestamp("2025-01-01") + pd.to_timedelta(day, unit="D"),
            "amount": amount,
            "visits": visits,
            "Größe": draw.normal(5, 2, ROWS),
            "shop": np.array(["it's north", "south", "east", "few", "new"], dtype=object)[place],
            "branch": place * 10,
        }
    )
    frame["units_1"] = side * amount * (place + 1) / 4 + draw.normal(0, 3, ROWS)
    frame["units 2"] = 3 * visits + side * amount / 2 + draw.normal(0, 3, ROWS)
    chance = 1 / (1 + np.exp(-side * (amount - 50) / 8))
    frame["late"] = (draw.uniform(size=ROWS) < chance).astype(int)
    frame["damaged"] = (draw.uniform(size=ROWS) < 1 / (1 + np.exp(visits - 4))).astype(int)
    return frame


def champions(early: pd.DataFrame) -> dict[str, Any]:
    X, own, numbered = early[FEATURES], early[BY_SHOP], early[["Größe", "branch", "amount"]]
    return {
        "weeks": LinearRegression().fit(X, early[list(WEEKS.values())]),
        "troubles": MultiOutputClassifier(LogisticRegression()).fit(X, early[TROUBLES]),
        "sales": SegmentedRegressor(LinearRegression(), by="shop", min_rows=20).fit(own, early["units_1"]),
        "returned": SegmentedClassifier(LogisticRegression(), by="branch", min_rows=20).fit(
            numbered, early["late"]
        ),
    }


def make_house(folder: Path, *names: str) -> DbtProject:
    """Those that are named, or all four; their champions learned from the days before the change.

    dbt has built the features alone: a retraining builds what else it needs.
    """
    project = DbtProject(folder)
    frame = world()
    with contextlib.closing(duckdb.connect(str(project.database))) as connection:
        connection.register("frame", frame)
        connection.execute("create table raw_rows as select * from frame")
        # the newest labels are not all there yet
        connection.execute("update raw_rows set \"units 2\" = null where day >= date '2025-04-28'")
    (folder / "learning").mkdir()
    project.write("learning/house.py", TRAIN)
    project.features("select * from raw_rows", name="deliveries")
    project.features(f"select * from raw_rows where day >= date '{CHANGE}'", name="training_set")
    early = frame[frame.day < CHANGE]
    fitted = champions(early)
    for name in names or MODELS:
        label, features, _ = MODELS[name]
        several = not isinstance(label, str)
        columns = list(label.values()) if isinstance(label, dict) else label
        task = {
            "weeks": "multioutput_regression",
            "troubles": "multilabel_classification",
            "sales": "regression",
        }
        facts = {"task": task.get(name, "classification"), "program": False}
        project.register(
            fitted[name],
            name,
            early[features],
            early[columns],
            outputs=list(label) if several else None,
            **facts,
        )
        project.sql_model(
            f"{name}_scores", name, features="deliveries", key="id", alias=["champion", "challenger"],
            passthrough=["shop"],
        )  # fmt: skip
    gates(project)
    configure(project)
    # the target is named as the command names it, so that dbt need not parse again
    project.dbt("seed", "--target", "dev").check()
    project.dbt("run", "--target", "dev", "--select", "deliveries").check()
    return project


def gates(project: DbtProject, **changed: dict[str, Any]) -> None:
    """Write the gates; `changed` has other arguments, by ML model."""
    models = []
    for name, (label, _, arguments) in MODELS.items():
        if not (project.folder / f"models/{name}_scores.sql").exists():
            continue
        outputs = {"Week_1": "units_1", "week_2": "units 2"} if name == "weeks" else label
        given = {
            "labels": "ref('deliveries')",
            "key": "id",
            "label": outputs,
            **arguments,
            **changed.get(name, {}),
        }
        test = {"scorehouse.challenger_not_worse": {"name": f"{name}_not_worse", "arguments": given}}
        models.append({"name": f"{name}_scores", "data_tests": [test]})
    project.write("models/_tests.yml", yaml.safe_dump({"version": 2, "models": models}, allow_unicode=True))


def configure(project: DbtProject, **changed: dict[str, Any]) -> None:
    """Write the settings; `changed` has other ones, by ML model."""
    found = {}
    for name, (label, features, _) in MODELS.items():
        own = {
            "training": "training_set",
            "function": f"learning.house:{name}",
            "label": label,
            "time": "day",
        }
        own |= {"features": features, "shadow": f"{name}_scores", "gate": f"{name}_not_worse"}
        found[name] = {**own, **changed.get(name, {})}
    project.settings({"scorehouse_retrain": found})
