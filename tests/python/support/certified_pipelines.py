"""Registered models behind every step that a certificate reads: encoders, imputers, scalers, segments."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.feature_selection import SelectFromModel, SelectKBest
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.linear_model import (
    ElasticNet,
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    RidgeClassifier,
    SGDClassifier,
)
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline, make_pipeline, make_union
from sklearn.preprocessing import (
    Binarizer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    RobustScaler,
    StandardScaler,
    TargetEncoder,
)
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from certified_models import Stored
from project import registered_kernel
from scorehouse.kernel.scorer import Kernel
from scorehouse.registry.artifact import PROGRAM_FILE
from scorehouse.segmented import SegmentedClassifier

ROWS = 400
NUMBERS = ["amount", "ratio", "age"]


def shop() -> pd.DataFrame:
    """Doubles with holes, texts, flags and codes."""
    rng = np.random.default_rng(4)
    made = pd.DataFrame(
        {
            "amount": np.round(rng.lognormal(3, 1, ROWS), 2),
            "ratio": rng.normal(size=ROWS),
            "age": np.where(rng.random(ROWS) < 0.1, np.nan, rng.normal(40.0, 9.0, ROWS)),
            "city": rng.choice(["Basel", "Köln", "Łódź", "it's"], ROWS),
            "is_new": rng.random(ROWS) < 0.5,
            "level": rng.choice([1.0, 2.5, 7.0], ROWS),
        }
    )
    return made


def shop_labels(X: pd.DataFrame, classes: int = 0) -> np.ndarray:
    """A number that hangs on every column, or its class."""
    z = np.log(X.amount) + X.ratio + X.age.fillna(30.0) / 20 + (X.city == "Köln") + X.is_new * X.level
    return pd.qcut(z, classes, labels=False).to_numpy() if classes else z.to_numpy()


def pipelines() -> dict[str, tuple[Any, int]]:
    """Estimators to fit, and the number of classes of their labels; 0 for numbers."""
    scaled = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    open_hot = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["city", "is_new", "level"]),
        (scaled, NUMBERS),
    )
    closed = make_column_transformer(
        (OneHotEncoder(), ["city"]),
        (OneHotEncoder(drop="if_binary"), ["is_new"]),
        (OrdinalEncoder(), ["level"]),
        (SimpleImputer(fill_value=-1.0, strategy="constant"), NUMBERS),
    )
    numbered = make_column_transformer(
        (OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), ["city", "level"]),
        (OneHotEncoder(drop="first", handle_unknown="ignore"), ["is_new"]),
        remainder="passthrough",
    )
    both = make_column_transformer(
        (make_union(MinMaxScaler(clip=True), make_pipeline(SimpleImputer(), RobustScaler())), NUMBERS),
        (make_pipeline(SimpleImputer(strategy="most_frequent"), OrdinalEncoder()), ["city"]),
        ("drop", ["is_new"]),
        (MaxAbsScaler(), ["level"]),
    )
    rare = make_column_transformer(
        (
            OneHotEncoder(max_categories=3, handle_unknown="infrequent_if_exist", sparse_output=False),
            ["city", "level", "is_new"],
        ),
        (OrdinalEncoder(max_categories=2), ["level"]),
        (
            OrdinalEncoder(max_categories=3, handle_unknown="use_encoded_value", unknown_value=-1),
            ["city"],
        ),
        (SimpleImputer(), NUMBERS),
    )
    grouped = make_column_transformer(
        (OneHotEncoder(min_frequency=100, handle_unknown="ignore"), ["city"]), (SimpleImputer(), NUMBERS)
    )
    by_cdf: dict[str, Any] = {"quantile_method": "averaged_inverted_cdf"}
    binned = make_column_transformer(
        (TargetEncoder(random_state=0), ["city", "level"]),
        (make_pipeline(SimpleImputer(), KBinsDiscretizer(3, encode="onehot-dense", **by_cdf)), ["amount"]),
        (make_pipeline(SimpleImputer(), KBinsDiscretizer(4, encode="ordinal", **by_cdf)), ["ratio"]),
        (make_pipeline(SimpleImputer(), Binarizer(threshold=0.2)), ["ratio"]),
        (MissingIndicator(), ["age"]),
    )
    filled = make_column_transformer((SimpleImputer(), NUMBERS), (MinMaxScaler((-1.0, 2.0)), ["level"]))
    quick: dict[str, Any] = {"max_iter": 60, "random_state": 0}
    return {
        "open one-hot and a forest": (
            make_pipeline(open_hot, RandomForestClassifier(4, max_depth=4, random_state=0)),
            2,
        ),
        "closed encoders and a forest": (
            make_pipeline(closed, SelectKBest(k=6), RandomForestClassifier(3, max_depth=4, random_state=0)),
            3,
        ),
        "rare categories and a forest": (
            make_pipeline(rare, RandomForestClassifier(4, max_depth=4, random_state=0)),
            2,
        ),
        "rare categories and a sigmoid": (make_pipeline(grouped, LogisticRegression(max_iter=500)), 2),
        "numbered and boosting": (make_pipeline(numbered, HistGradientBoostingRegressor(max_iter=6)), 0),
        "a union and a forest": (
            make_pipeline(both, RandomForestRegressor(3, max_depth=4, random_state=0)),
            0,
        ),
        "bins and a forest": (
            make_pipeline(binned, RandomForestClassifier(3, max_depth=5, random_state=0)),
            2,
        ),
        "bins and numbers": (make_pipeline(binned, LinearRegression()), 0),
        "open one-hot and a sigmoid": (make_pipeline(open_hot, LogisticRegression()), 2),
        "closed encoders and a softmax": (make_pipeline(closed, LogisticRegression(max_iter=500)), 3),
        "one against the rest": (make_pipeline(closed, SGDClassifier(loss="log_loss", random_state=0)), 3),
        "clipped sums": (make_pipeline(open_hot, SGDClassifier(loss="modified_huber", random_state=0)), 2),
        "decisions": (make_pipeline(open_hot, LinearSVC(random_state=0)), 3),
        "ridge decisions": (make_pipeline(open_hot, RidgeClassifier()), 2),
        "numbers": (
            make_pipeline(filled, StandardScaler(), SelectFromModel(LinearRegression()), LinearRegression()),
            0,
        ),
        "few weights": (make_pipeline(filled, ElasticNet(alpha=0.1)), 0),
        "powers": (make_pipeline(open_hot, PoissonRegressor()), -1),
        "a network": (make_pipeline(open_hot, MLPClassifier((5, 3), activation="tanh", **quick)), 3),
        "a network of numbers": (make_pipeline(filled, MLPRegressor(hidden_layer_sizes=(4,), **quick)), 0),
        "segments of trees": (
            SegmentedClassifier(RandomForestClassifier(2, max_depth=3, random_state=0), "city"),
            2,
        ),
        "segments of weights": (
            SegmentedClassifier(
                make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression()), "city"
            ),
            2,
        ),
    }


def models_of_numbers() -> dict[str, tuple[Any, int]]:
    """Trees without steps before them, which read the numbers alone."""
    return {
        "a tree": (DecisionTreeClassifier(max_leaf_nodes=12, random_state=0), 3),
        "extra trees": (ExtraTreesRegressor(3, max_leaf_nodes=8, random_state=0), 0),
        "boosting": (GradientBoostingClassifier(n_estimators=5, max_depth=3, random_state=0), 2),
        "isolation": (IsolationForest(n_estimators=4, max_samples=32, random_state=0), -2),
        "histogram": (HistGradientBoostingClassifier(max_iter=3, max_leaf_nodes=8), 3),
        "its own categories": (
            HistGradientBoostingClassifier(max_iter=3, max_leaf_nodes=9, categorical_features=[3]),
            2,
        ),
    }


def boosters() -> dict[str, tuple[Any, int]]:
    """Boosters of LightGBM and XGBoost, which read the numbers alone."""
    import lightgbm as lgb
    import xgboost as xgb

    few: dict[str, Any] = {"n_estimators": 4, "num_leaves": 8, "verbose": -1, "n_jobs": 1, "random_state": 0}
    small: dict[str, Any] = {"n_estimators": 4, "max_depth": 3, "n_jobs": 1}
    return {
        "lightgbm": (lgb.LGBMClassifier(zero_as_missing=True, **few), 3),
        "lightgbm forest": (
            lgb.LGBMRegressor(boosting_type="rf", bagging_freq=1, bagging_fraction=0.7, **few),
            0,
        ),
        "xgboost": (xgb.XGBClassifier(**small), 2),
        "xgboost categories": (xgb.XGBRegressor(enable_categorical=True, max_cat_to_onehot=1, **small), 0),
        "xgboost dart": (xgb.XGBClassifier(booster="dart", rate_drop=0.5, **small), 2),
    }


@dataclass(frozen=True)
class Registered:
    """A registered estimator with its program, its kernel, and the rows that it was fitted on."""

    stored: Stored
    rows: pd.DataFrame
    kernel: Kernel
    folder: Path

    @property
    def backends(self) -> set[str]:
        """What its program holds."""
        return set(self.stored.version.program)


def registered(folder: Path, estimator: Any, classes: int) -> Registered:
    """Fit an estimator to the shop, and register it."""
    X = shop()
    if isinstance(estimator, SegmentedClassifier):
        X = X[[*NUMBERS, "city"]]
    elif not isinstance(estimator, Pipeline):
        X = X[[*NUMBERS, "level"]]
    if isinstance(estimator, GradientBoostingClassifier):
        X = X.fillna(30.0)
    if getattr(estimator, "max_cat_to_onehot", None):
        X["level"] = X["level"].astype(str).astype("category")
    y = shop_labels(shop(), max(classes, 0))
    y = np.exp(y / 4) if classes == -1 else y
    task = "classification" if classes > 0 else "anomaly" if classes == -2 else "regression"
    labels = () if task == "anomaly" else (y,)
    kernel = registered_kernel(folder, estimator.fit(X, y), X, *labels, task=task)
    program = (folder / kernel.version.artifact).with_name(PROGRAM_FILE).read_bytes()
    return Registered(Stored(kernel.estimator, program, kernel.version, kernel.signature), X, kernel, folder)
