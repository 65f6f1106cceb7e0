"""The pipelines of `flight_delay`, and the function that `scorehouse retrain flight_delay` calls.

Both pipelines refuse a flight without `dep_delay` (it was cancelled) and an unknown carrier or departure
airport. Missing weather and plane data are imputed, and an unknown destination is accepted as unknown.
"""

from __future__ import annotations

import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, StandardScaler

KNOWN = ["carrier", "origin"]
SCHEDULE = ["day_of_week", "departure_hour", "clock_minutes", "distance"]
GAPPY = ["temp", "humid", "wind_speed", "precip", "pressure", "visib", "plane_age", "seats"]
FEATURES = [*KNOWN, "dest", *SCHEDULE, "dep_delay", *GAPPY]


def logistic() -> Pipeline:
    """Version 1. `dep_delay` has no imputer, so the regression refuses a missing value."""
    columns = ColumnTransformer(
        [
            ("known", OneHotEncoder(handle_unknown="error"), KNOWN),
            ("dest", OneHotEncoder(handle_unknown="ignore"), ["dest"]),
            ("complete", StandardScaler(), [*SCHEDULE, "dep_delay"]),
            ("gappy", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), GAPPY),
        ]
    )
    return Pipeline([("columns", columns), ("estimator", LogisticRegression(max_iter=1000))])


def boosting(seed: int = 7) -> Pipeline:
    """Version 2. The trees would accept a missing `dep_delay`: a validating identity step refuses it."""
    identity = FunctionTransformer(validate=True, feature_names_out="one-to-one")
    columns = ColumnTransformer(
        [
            ("known", OrdinalEncoder(handle_unknown="error"), KNOWN),
            ("dest", OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), ["dest"]),
            ("complete", identity, [*SCHEDULE, "dep_delay"]),
            ("gappy", SimpleImputer(strategy="median"), GAPPY),
        ]
    )
    trees = HistGradientBoostingClassifier(max_iter=150, early_stopping=False, random_state=seed)
    return Pipeline([("columns", columns), ("estimator", trees)])


def train(frame: pd.DataFrame, seed: int, label: str) -> Pipeline:
    """The pipeline of version 2, fitted on the rows of a training query: features, label and time."""
    return boosting(seed).fit(frame[FEATURES], frame[label])
