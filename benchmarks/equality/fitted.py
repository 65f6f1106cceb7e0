"""The estimators of the audit: fitted on flights, whose features are doubles that float32 cannot hold."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
from lightgbm import LGBMClassifier
from sklearn.cluster import KMeans
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from xgboost import XGBClassifier

REPOSITORY = Path(__file__).parents[2]
TRAINING_ROWS = 5_000
Found = dict[int, list[np.ndarray]]


@dataclass(frozen=True)
class Fitted:
    """An estimator of the audit: how it is made, whether it takes NaN, what kind of trees it has."""

    title: str
    make: Callable[[], Any]
    takes_missing: bool = False
    trees: str = ""
    task: str = "classification"


ESTIMATORS = {
    "logistic": Fitted(
        "Scaler and logistic regression", lambda: make_pipeline(StandardScaler(), LogisticRegression())
    ),
    "forest": Fitted(
        "Random forest, 100 trees of depth 10",
        lambda: RandomForestClassifier(100, max_depth=10, random_state=0, n_jobs=1),
        takes_missing=True,
        trees="sklearn",
    ),
    "gradient": Fitted(
        "Gradient boosting, 100 trees of depth 3",
        lambda: GradientBoostingClassifier(random_state=0),
        trees="sklearn",
    ),
    "hist": Fitted(
        "HistGradientBoosting, 100 trees of 31 leaves",
        lambda: HistGradientBoostingClassifier(max_iter=100, early_stopping=False, random_state=0),
        takes_missing=True,
        trees="hist",
    ),
    "lightgbm": Fitted(
        "LightGBM, 100 trees of 31 leaves",
        lambda: LGBMClassifier(n_jobs=1, random_state=0, verbose=-1),
        takes_missing=True,
        trees="lightgbm",
    ),
    "xgboost": Fitted(
        "XGBoost, 100 trees of depth 6",
        lambda: XGBClassifier(n_jobs=1, random_state=0),
        takes_missing=True,
        trees="xgboost",
    ),
    "kmeans": Fitted(
        "Scaler and k-means of 8 clusters",
        lambda: make_pipeline(StandardScaler(), KMeans(8, random_state=0, n_init=1)),
        task="clustering",
    ),
    "network": Fitted(
        "Scaler and network of 16 neurons",
        lambda: make_pipeline(StandardScaler(), MLPClassifier((16,), max_iter=60, random_state=0)),
    ),
}


def training(takes_missing: bool) -> tuple[pd.DataFrame, pd.Series]:
    """Flights with the weather and the plane, in metric units; without NULL if the estimator takes none."""
    data = REPOSITORY / "data"
    complete = "" if takes_missing else "where columns(*) is not null"
    frame = duckdb.sql(f"""
        select * from (
            select
                f.dep_delay / 60.0e0 as delay_h, f.distance * 1.609344e0 as distance_km,
                (f.sched_dep_time // 100 * 60 + f.sched_dep_time % 100) / 60.0e0 as departure_h,
                (w.temp - 32.0e0) / 1.8e0 as temp_c, w.wind_speed * 0.44704e0 as wind_ms,
                w.precip * 25.4e0 as precip_mm, w.visib * 1.609344e0 as visib_km,
                (2013 - p.year)::double as plane_age, (f.arr_delay > 15)::int as is_late
            from '{data}/flights.parquet' as f
            left join '{data}/weather.parquet' as w on f.origin = w.origin and f.time_hour = w.time_hour
            left join '{data}/planes.parquet' as p on f.tailnum = p.tailnum
            where f.arr_delay is not null
            order by hash(f.flight_date, f.sched_dep_time, f.flight, f.tailnum, f.origin)
        ) {complete} limit {TRAINING_ROWS}""").df()
    return frame.drop(columns="is_late"), frame["is_late"]


def thresholds(estimator: Any, kind: str) -> dict[int, np.ndarray]:
    """The values at which the trees split, by column, as the estimator itself has them."""
    found: Found = defaultdict(list)
    if kind:
        READERS[kind](estimator, found)
    edges = {column: np.unique(np.concatenate(parts)) for column, parts in sorted(found.items())}
    # a forest that tells missing values from all others splits at infinity
    return {column: some[np.isfinite(some)] for column, some in edges.items()}


def _of_sklearn(estimator: Any, found: Found) -> None:
    for tree in (one.tree_ for one in np.ravel(estimator.estimators_)):
        for column in np.unique(tree.feature[tree.feature >= 0]).tolist():
            found[column].append(tree.threshold[tree.feature == column])


def _of_hist(estimator: Any, found: Found) -> None:
    for nodes in (one.nodes for trees in estimator._predictors for one in trees):
        inner = nodes[nodes["is_leaf"] == 0]
        for column in np.unique(inner["feature_idx"]).tolist():
            found[column].append(inner["num_threshold"][inner["feature_idx"] == column])


def _of_lightgbm(estimator: Any, found: Found) -> None:
    nodes = [tree["tree_structure"] for tree in estimator.booster_.dump_model()["tree_info"]]
    while nodes:
        node = nodes.pop()
        if "split_feature" in node:
            found[node["split_feature"]].append(np.array([node["threshold"]], dtype=np.float64))
            nodes += [node["left_child"], node["right_child"]]


def _of_xgboost(estimator: Any, found: Found) -> None:
    document = json.loads(estimator.get_booster().save_raw("json"))
    for tree in document["learner"]["gradient_booster"]["model"]["trees"]:
        inner = np.array(tree["left_children"]) >= 0
        columns = np.array(tree["split_indices"])[inner]
        # the file writes float32 numbers in their shortest decimal form
        values = np.array(tree["split_conditions"], dtype=np.float32)[inner].astype(np.float64)
        for column in np.unique(columns).tolist():
            found[column].append(values[columns == column])


READERS: dict[str, Callable[[Any, Found], None]] = {
    "sklearn": _of_sklearn,
    "hist": _of_hist,
    "lightgbm": _of_lightgbm,
    "xgboost": _of_xgboost,
}
