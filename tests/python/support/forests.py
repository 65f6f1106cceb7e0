"""Forests that are too large for one statement, and what they make of the customers of `churn`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from churn import training
from project import Row

FEATURES = "id, amount, visits, plan"
OUTPUTS = "id, prediction, score, row_status, reject_reason"


def forest(trees: int, leaves: int) -> tuple[Any, pd.DataFrame]:
    """A forest of trees with so many leaves each, and its features: so noisy that each leaf is found."""
    X = training(20 * leaves)
    noise = np.random.default_rng(1).normal(scale=40, size=len(X))
    columns = make_column_transformer((OneHotEncoder(), ["plan"]), remainder="passthrough")
    estimator = RandomForestClassifier(trees, max_leaf_nodes=leaves, random_state=0)
    return make_pipeline(columns, estimator).fit(X, X.amount + noise > 50), X


def assert_scored_by(estimator: Any, features: list[Row], predictions: list[Row]) -> None:
    """FEATURES and OUTPUTS, ordered by id: the labels of the estimator, and its scores within 1e-12."""
    frame = pd.DataFrame(features, columns=FEATURES.split(", "))
    frame["amount"] = frame.amount.astype(float)
    found = pd.DataFrame(predictions, columns=OUTPUTS.split(", "))
    known = frame.plan != "ZZ"
    assert 0 < known.sum() < len(frame)
    scores = estimator.predict_proba(frame.loc[known, ["amount", "visits", "plan"]])[:, 1]
    assert list(found.id) == list(frame.id)
    assert list(found.row_status) == ["scored" if one else "rejected" for one in known]
    assert set(found.reject_reason[~known]) == {"unseen_category:plan=ZZ"}
    assert found.reject_reason[known].isna().all() and found.score[~known].isna().all()
    assert list(found.prediction[known]) == list(scores > 0.5)
    assert abs(found.score[known].astype(float) - scores).max() < 1e-12
