"""The compiler's cases of skrub: tables as they are, with gaps in every form that skrub takes as one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import is_regressor
from sklearn.ensemble import (
    ExtraTreesRegressor,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
)
from sklearn.linear_model import HuberRegressor, LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from compile_case import NUMBERS, Case

GAPS = [None, "N/A", "", " \t", "?", "nan"]


def tables() -> dict[str, Case]:
    """`tabular_pipeline` of each kind of estimator, and what its parts can do besides; none without skrub."""
    try:
        import skrub
    except ImportError:
        return {}

    def case(make: Any, task: str, **more: Any) -> Case:
        return Case(make, task, 0 if task == "regression" else 2, times=True, **more)

    few = {"max_iter": 8, "random_state": 0}
    trees: list[Any] = [
        HistGradientBoostingClassifier(categorical_features="from_dtype", **few),
        HistGradientBoostingRegressor(categorical_features="from_dtype", **few),
        RandomForestClassifier(5, max_depth=6, random_state=0),
        ExtraTreesRegressor(5, max_depth=6, random_state=0),
        GradientBoostingRegressor(n_estimators=8, random_state=0),
    ]
    found = {}
    for one in [*trees, LogisticRegression(), Ridge(), LinearSVC(), HuberRegressor(max_iter=1_000)]:
        task = "regression" if is_regressor(one) else "classification"
        found[f"skrub {type(one).__name__}"] = case(lambda one=one: skrub.tabular_pipeline(one), task)
    by_seconds = skrub.DatetimeEncoder("microsecond", add_weekday=True, periodic_encoding="circular")
    found["skrub circles of seconds"] = case(
        lambda: make_pipeline(
            skrub.TableVectorizer(
                low_cardinality="drop", datetime=by_seconds, specific_transformers=[("passthrough", NUMBERS)]
            ),
            HistGradientBoostingClassifier(**few),
        ),
        "classification",
    )
    found["skrub scaler in doubles"] = Case(
        lambda: make_pipeline(skrub.SquashingScaler(), HistGradientBoostingRegressor(**few)),
        "regression",
        0,
        texts=False,
    )
    return found


def with_gaps(frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """A tenth of the texts and flags missing, the texts in every form."""
    frame = frame.copy()
    for column, gaps in (("plan", GAPS), ("flag", [None])):
        if column in frame:
            values, chosen = frame[column].astype(object), rng.random(len(frame)) < 0.1
            values[chosen] = np.array(gaps, dtype=object)[rng.integers(0, len(gaps), chosen.sum())]
            frame[column] = values
    return frame
