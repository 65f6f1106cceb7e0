"""Students: estimators that have a program, fitted on labels or on what a teacher says about each row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from scorehouse.dates import DaysSinceEpoch

CLASSIFICATION = "classification"
Size = Mapping[str, Any]
Scores = Callable[[Any, pd.DataFrame], np.ndarray]
KINDS: dict[str, tuple[Any, Any]] = {  # classification, regression
    "boosting": (HistGradientBoostingClassifier, HistGradientBoostingRegressor),
    "linear": (LogisticRegression, Ridge),
    "tree": (DecisionTreeClassifier, DecisionTreeRegressor),
}
MOST_TREES, STEP = 300, 25
FIXED: dict[str, Size] = {
    "boosting": {"learning_rate": 0.1, "early_stopping": False},  # its own holdout would have copies of rows
    "linear": {},
    "tree": {"min_samples_leaf": 10},
}
# The sizes that are tried, by task; a boosting of each also with fewer trees.
SIZES: dict[str, tuple[Sequence[Size], Sequence[Size]]] = {
    "boosting": ([{"max_leaf_nodes": leaves, "max_iter": MOST_TREES} for leaves in (6, 15, 31)],) * 2,
    "linear": (
        [{"C": c, "max_iter": 2000} for c in (0.01, 0.1, 1.0, 10.0)],
        [{"alpha": alpha} for alpha in (0.1, 1.0, 10.0, 100.0)],
    ),
    "tree": ([{"max_leaf_nodes": leaves} for leaves in (8, 32, 128, 512)],) * 2,
}
FEWEST = 1e-3  # weight of a class that a row is not copied for


def student(into: str, task: str, size: Size, seed: int) -> Pipeline:
    """An unfitted student; its pipeline handles missing values, strings, dates and unseen categories."""
    strings = make_column_selector(dtype_include=["object", "string", "category"])
    times = make_column_selector(dtype_include=["datetime", "datetimetz"])
    if into == "linear":
        filled = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
        columns = make_column_transformer(
            (OneHotEncoder(handle_unknown="ignore", max_categories=100), strings),
            (make_pipeline(DaysSinceEpoch(), filled), times),
            ("passthrough", make_column_selector(dtype_include=["bool"])),
            remainder=filled,
        )
    else:
        codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
        columns = make_column_transformer(
            (codes, strings), (DaysSinceEpoch(), times), remainder="passthrough"
        )
    kind = KINDS[into][task != CLASSIFICATION]
    return Pipeline([("columns", columns), ("model", kind(random_state=seed, **FIXED[into], **size))])


def fit_on(model: Pipeline, X: pd.DataFrame, targets: np.ndarray, classes: list[Any]) -> Pipeline:
    """Fit on a number per row, or on a probability per row and class, of shape (rows, classes).

    A row is there once for each of its classes, with the class's probability as its weight: the loss is then
    the cross entropy with these probabilities.
    """
    if targets.ndim == 1:
        return model.fit(X, targets)
    rows, places = np.nonzero(targets > FEWEST)
    labels = np.asarray(classes)[places]
    return model.fit(X.iloc[rows], labels, model__sample_weight=targets[rows, places])


def of_classes(found: np.ndarray, known: Sequence[Any], classes: list[Any]) -> np.ndarray:
    """Probabilities of the known classes as those of all classes."""
    full = np.zeros((len(found), len(classes)))
    full[:, [classes.index(each) for each in known]] = found
    return full


def stages(
    model: Pipeline, size: Size, X: pd.DataFrame, scores: Scores, classes: list[Any]
) -> Iterator[tuple[Size, np.ndarray]]:
    """The scores of rows by a fitted student, and by what it was with fewer trees, with the size of each."""
    if not hasattr(model[-1], "staged_predict"):
        yield size, scores(model, X)
        return
    staged = getattr(model[-1], "staged_predict_proba", model[-1].staged_predict)
    for trees, found in enumerate(staged(model[0].transform(X)), 1):
        if trees % STEP == 0:
            found = of_classes(found, model[-1].classes_, classes) if classes else found
            yield {**size, "max_iter": trees}, found
