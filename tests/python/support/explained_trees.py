"""Small ensembles of every library, as the loops for reasons take them, and their splits row by row."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import (
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
)
from sklearn.tree import DecisionTreeClassifier

from native_backend import NativeBackend
from native_rows import features, target
from scorehouse.program.native.reasons import Attribution
from scorehouse.program.reasons.trees import over_all_outputs
from scorehouse.program.trees.tree import LEAF, ZERO, Ensemble, Tree


def attribution(estimator: Any) -> tuple[Attribution, Ensemble, NativeBackend]:
    """The loops over the trees of an estimator: each column is a feature, and all outputs are explained."""
    backend = NativeBackend(estimator)
    outputs, owners = np.arange(len(backend.model.base)), np.arange(backend.model.n_features)
    loops = Attribution(over_all_outputs(backend.model), owners, outputs, len(owners))
    return loops, backend.model.ensemble, backend


def shapley_values(worth: Callable[[frozenset[int]], np.ndarray], columns: int) -> np.ndarray:
    """Shapley values by definition, of shape (values, columns): what a column adds to each coalition."""
    sizes = range(columns + 1)
    of = {frozenset(some): worth(frozenset(some)) for n in sizes for some in combinations(range(columns), n)}
    made = np.zeros((len(of[frozenset()]), columns))
    for known, value in of.items():
        for column in set(range(columns)) - known:
            orders = math.factorial(len(known)) * math.factorial(columns - 1 - len(known))
            made[:, column] += orders / math.factorial(columns) * (of[known | {column}] - value)
    return made


def goes_left(tree: Tree, node: int, row: np.ndarray) -> bool:
    value = row[tree.feature[node]]
    if node in tree.categories:
        split = tree.categories[node]
        named = not math.isnan(value) and int(value) in split.codes
        return named == split.named_left
    zero = tree.zero_is_missing is not None and tree.zero_is_missing[node] and abs(value) <= ZERO
    if math.isnan(value) or zero:
        return bool(tree.missing_left[node])
    return bool(value <= tree.edge[node])


def value_of(tree: Tree, row: np.ndarray) -> np.ndarray:
    """The values of the leaf that a row of doubles reaches, of shape (values,)."""
    node = 0
    while tree.left[node] != LEAF:
        node = int(tree.left[node] if goes_left(tree, node, row) else tree.right[node])
    return np.asarray(tree.value[node])


def lightgbm_classifier(**settings: Any) -> Any:
    lightgbm = pytest.importorskip("lightgbm")
    return lightgbm.LGBMClassifier(verbose=-1, n_jobs=1, min_child_samples=5, **settings)


def xgboost_classifier(**settings: Any) -> Any:
    xgboost = pytest.importorskip("xgboost")
    return xgboost.XGBClassifier(n_jobs=1, **settings)


SMALL: dict[str, tuple[Callable[[], Any], bool]] = {  # and whether rows have missing values
    "tree": (lambda: DecisionTreeClassifier(max_depth=5, random_state=0), True),
    "stump": (lambda: DecisionTreeClassifier(max_depth=1), False),
    "forest": (lambda: RandomForestClassifier(3, max_depth=6, random_state=0), True),
    "extra trees": (lambda: ExtraTreesRegressor(3, max_depth=7, random_state=0), False),
    "boosting": (lambda: GradientBoostingClassifier(n_estimators=3, max_depth=4), False),
    "hist": (lambda: HistGradientBoostingClassifier(max_iter=3, categorical_features=["visits"]), True),
    "isolation forest": (lambda: IsolationForest(n_estimators=3, max_samples=60, random_state=0), False),
    "lightgbm": (lambda: lightgbm_classifier(n_estimators=3), True),
    "lightgbm, zero as missing": (lambda: lightgbm_classifier(n_estimators=3, zero_as_missing=True), True),
    "xgboost": (lambda: xgboost_classifier(n_estimators=3, max_depth=5), True),
}


def small_fit(name: str, rng: np.random.Generator) -> tuple[Any, pd.DataFrame]:
    """One of SMALL, fitted, and the rows of its fit."""
    make, missing = SMALL[name]
    frame = features(rng, missing=missing)
    z = target(frame, rng)
    labels = (
        np.digitize(z, np.quantile(z, [0.4, 0.7])) if "forest" in name else (z > np.median(z)).astype(int)
    )
    return make().fit(frame, z if "Regressor" in type(make()).__name__ else labels), frame
