"""Fitted models of every family that a certificate reads, with the programs that are stored of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.tree import (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    ExtraTreeClassifier,
    ExtraTreeRegressor,
)
from threadpoolctl import threadpool_limits

from native_rows import ROWS, features, target
from scorehouse.certificate import Certificate, certify
from scorehouse.errors import CompileError
from scorehouse.program.matrix.make import compile_matrix
from scorehouse.program.native.make import compile_trees
from scorehouse.program.sql.compile import compile_sql
from scorehouse.program.store import to_bytes
from scorehouse.registry.signature import Feature, Signature
from scorehouse.registry.version import Version

FLOAT32_MAX = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Stored:
    """A fitted estimator and its program, as they are registered."""

    estimator: Any
    program: bytes
    version: Version
    signature: Signature

    def certificate(self, program: bytes | None = None) -> Certificate:
        """What the certificate says of this program, or of another one."""
        return certify(self.estimator, program or self.program, self.version, self.signature)


def stored(estimator: Any, X: pd.DataFrame, *, products: bool = False) -> Stored:
    """The program of a fitted estimator, which is not proven."""
    has_shares = hasattr(estimator, "predict_proba")
    classes = tuple(np.asarray(getattr(estimator, "classes_", ())).tolist())
    version = Version(
        name="tried",
        version=1,
        classes=classes,
        class_columns=tuple(f"score_{place}" for place in range(len(classes))),
        task="classification" if classes else "regression",
        score_method="predict_proba" if has_shares else "none",
        n_features=X.shape[1],
    )
    signature = Signature(tuple(_feature(name, X[name]) for name in X), "frame")
    make: Callable[..., Any] = compile_matrix if products else compile_trees
    made = make(estimator, version, signature, "test")
    try:
        sql = compile_sql(estimator, version, signature, "duckdb")
    except CompileError:
        sql = None
    return Stored(estimator, to_bytes(made if products else made.backend, sql), version, signature)


def _feature(name: str, column: pd.Series) -> Feature:
    dtype = str(column.dtype)
    if dtype == "category":
        known = tuple(column.cat.categories)
        kind = "string" if isinstance(known[0], str) else "double"
        return Feature(name, kind, dtype, accepts_null=True, categories=known)
    kinds = {"f": "double", "i": "integer", "b": "boolean"}
    kind = kinds.get(column.dtype.kind, "string") if isinstance(column.dtype, np.dtype) else "string"
    return Feature(name, kind, dtype, accepts_null=True, accepts_non_finite=kind == "double")


def frame(seed: int = 0, *, missing: bool = True, doubles: bool = False) -> pd.DataFrame:
    """Where float32 and missing values go wrong; with `doubles`, values that float32 cannot hold as well."""
    rng = np.random.default_rng(seed)
    made = features(rng, missing=missing)
    made["near"] = np.nextafter(np.float32(16_777_216), np.float32(np.inf)) + rng.integers(0, 3, ROWS) * 0.5
    made["zero"] = rng.choice([0.0, -0.0, 1e-35, -1e-35, 9e-36, -2e-35, 1.4e-45, 0.3, -0.3], ROWS)
    if doubles:
        made["denormal"] = rng.integers(-3, 4, ROWS) * 5e-324
        made["largest"] = rng.choice([1e308, 1.7e308, -1e308, 1e300, 9e299, 0.0], ROWS)
    else:
        made["largest"] = rng.choice([FLOAT32_MAX, -FLOAT32_MAX, FLOAT32_MAX / 2, 0.0], ROWS)
    return made


def labels(X: pd.DataFrame, classes: int = 0) -> np.ndarray:
    """A number that hangs on every column, or its class."""
    rng = np.random.default_rng(1)
    largest = X["largest"] / X["largest"].abs().max()
    z = target(X, rng) + (X["zero"] > 0) * 2 + (X["near"] > 16_777_218) + largest.to_numpy()
    z += (X["denormal"] > 0) if "denormal" in X else 0
    return pd.qcut(z, classes, labels=False).to_numpy() if classes else z.to_numpy()


def sklearn_trees() -> dict[str, Stored]:
    """Trees, forests, boosting and isolation forests of scikit-learn."""
    holes, whole = frame(), frame(missing=False)
    y = labels(holes)
    makers: dict[str, tuple[Any, pd.DataFrame, Any]] = {
        "tree": (DecisionTreeClassifier(random_state=0), holes, labels(holes, 3)),
        "pruned tree": (DecisionTreeClassifier(ccp_alpha=0.01, random_state=0), holes, labels(holes, 2)),
        "deep tree": (DecisionTreeRegressor(random_state=0), holes, y),
        "single leaf": (DecisionTreeRegressor(), holes, np.ones(ROWS)),
        "poisson tree": (DecisionTreeRegressor(criterion="poisson", max_depth=4), holes, np.exp(y / 4)),
        "monotonic tree": (DecisionTreeRegressor(max_depth=4, monotonic_cst=[1] * 9), whole, y),
        "two outputs": (DecisionTreeRegressor(max_depth=5), holes, np.column_stack([y, -y])),
        "extra tree": (ExtraTreeClassifier(max_depth=6, random_state=0), holes, labels(holes, 2)),
        "extra tree of numbers": (ExtraTreeRegressor(max_depth=6, random_state=0), whole, y),
        "forest": (RandomForestClassifier(9, max_depth=6, random_state=0), holes, labels(holes, 4)),
        "forest of numbers": (RandomForestRegressor(7, max_leaf_nodes=20, random_state=0), holes, y),
        "one tree in a forest": (RandomForestRegressor(1, max_depth=4, random_state=0), whole, y),
        "forest of two outputs": (RandomForestRegressor(3, max_depth=4), whole, np.column_stack([y, -y])),
        "extra trees": (ExtraTreesClassifier(8, max_depth=6, random_state=0), whole, labels(whole, 2)),
        "extra trees of numbers": (ExtraTreesRegressor(8, max_depth=6, random_state=0), whole, y),
        "boosting": (GradientBoostingClassifier(n_estimators=12, random_state=0), whole, labels(whole, 2)),
        "boosting of classes": (GradientBoostingClassifier(n_estimators=6), whole, labels(whole, 3)),
        "exponential": (GradientBoostingClassifier(loss="exponential"), whole, labels(whole, 2)),
        "boosting from zero": (GradientBoostingRegressor(init="zero", n_estimators=9), whole, y),
        "boosting that stops": (GradientBoostingRegressor(n_iter_no_change=2, tol=0.1), whole, y),
        "quantile boosting": (GradientBoostingRegressor(loss="quantile", n_estimators=9), whole, y),
        "isolation": (IsolationForest(n_estimators=12, random_state=0), holes, None),
        "isolation of some": (
            IsolationForest(
                n_estimators=9, max_features=3, max_samples=40, contamination=0.1, random_state=0
            ),
            holes,
            None,
        ),
    }
    return {name: stored(model.fit(X, y), X) for name, (model, X, y) in makers.items()}


def histogram_boosting() -> dict[str, Stored]:
    """Histogram boosting, with and without categories."""
    X = frame(doubles=True)
    y, rng = labels(X), np.random.default_rng(2)
    categories = X.assign(
        city=pd.Categorical(rng.choice(["Basel", "Köln", "Łódź", "it's"], ROWS)),
        code=pd.Categorical(rng.integers(0, 90, ROWS)),
    )
    categories.loc[::9, "city"] = None
    hanging = y + 2.0 * (categories["city"] == "Köln") + categories["code"].astype(int) % 7
    makers: dict[str, tuple[Any, pd.DataFrame, Any]] = {
        "histogram": (HistGradientBoostingClassifier(max_iter=8), X, labels(X, 2)),
        "histogram of classes": (HistGradientBoostingClassifier(max_iter=4), X, labels(X, 4)),
        "histogram of numbers": (HistGradientBoostingRegressor(max_iter=9, max_bins=16), X, y),
        "histogram in powers": (HistGradientBoostingRegressor(loss="poisson", max_iter=7), X, np.exp(y / 4)),
        "histogram that stops": (
            HistGradientBoostingRegressor(early_stopping=True, n_iter_no_change=2),
            X,
            y,
        ),
        "histogram without holes": (HistGradientBoostingRegressor(max_iter=5), frame(missing=False), y),
        "its own categories": (
            HistGradientBoostingRegressor(max_iter=9, categorical_features="from_dtype"),
            categories,
            hanging,
        ),
        "categories by number": (
            HistGradientBoostingRegressor(max_iter=6, categorical_features=[5]),
            X.assign(visits=X["visits"].fillna(3.0)),
            y,
        ),
        "stumps": (HistGradientBoostingRegressor(max_iter=5, max_leaf_nodes=2), X, y),
        "leaves alone": (HistGradientBoostingRegressor(max_iter=3, min_samples_leaf=ROWS), X, y),
    }
    with threadpool_limits(1):
        return {name: stored(model.fit(X, y), X) for name, (model, X, y) in makers.items()}


def lightgbm_models() -> dict[str, Stored]:
    """Boosters of LightGBM."""
    import lightgbm as lgb

    X = frame(doubles=True)
    y, rng = labels(X), np.random.default_rng(3)
    quiet: dict[str, Any] = {"n_estimators": 9, "verbose": -1, "random_state": 0, "n_jobs": 1}
    plans = X.assign(plan=pd.Categorical(rng.choice(["pro", "basic", "it's", "old"], ROWS)))
    made = {
        name: stored(lgb.LGBMClassifier(**quiet | options).fit(X, labels(X, classes)), X)
        for classes in (2, 3)
        for name, options in {
            f"lightgbm of {classes}": {},
            f"lightgbm of {classes}, zero as missing": {"zero_as_missing": True},
            f"lightgbm of {classes}, without missing": {"use_missing": False},
            f"lightgbm of {classes}, a forest": {
                "boosting_type": "rf",
                "bagging_freq": 1,
                "bagging_fraction": 0.7,
            },
            f"lightgbm of {classes}, dart": {"boosting_type": "dart"},
            f"lightgbm of {classes}, deep": {"num_leaves": 120, "min_child_samples": 2},
        }.items()
    }
    for objective in ("regression", "huber", "poisson", "gamma", "tweedie", "quantile"):
        model = lgb.LGBMRegressor(objective=objective, **quiet).fit(X, np.exp(y / 4))
        made[f"lightgbm {objective}"] = stored(model, X)
    model = lgb.LGBMRegressor(**quiet, min_child_samples=2, max_cat_to_onehot=1)
    by_number = model.fit(X.fillna({"visits": 3.0}), y, categorical_feature=["visits"])
    made["lightgbm categories by number"] = stored(by_number, X)
    model = lgb.LGBMRegressor(**quiet, min_child_samples=2, max_cat_to_onehot=1)
    made["lightgbm categories"] = stored(model.fit(plans, y + plans["plan"].cat.codes % 3 * 3), plans)
    model = lgb.LGBMClassifier(**quiet | {"n_estimators": 300})
    stop = lgb.early_stopping(2, verbose=False)
    model.fit(X, labels(X, 2), eval_X=X[:200], eval_y=labels(X, 2)[:200][::-1], callbacks=[stop])
    made["lightgbm that stops"] = stored(model, X)
    made["lightgbm of leaves"] = stored(lgb.LGBMRegressor(**quiet, min_child_samples=ROWS).fit(X, y), X)
    ranker = lgb.LGBMRanker(**quiet).fit(X, labels(X, 4), group=np.repeat(20, ROWS // 20))
    return made | {"lightgbm ranking": stored(ranker, X)}


def xgboost_models() -> dict[str, Stored]:
    """Boosters of XGBoost."""
    import xgboost as xgb

    X = frame()
    y = labels(X)
    made = {
        f"xgboost of {classes}, {options}": stored(
            xgb.XGBClassifier(n_estimators=9, n_jobs=1, **options).fit(X, labels(X, classes)), X
        )
        for classes in (2, 3)
        for options in (
            {},
            {"max_depth": 2, "base_score": 0.3},
            {"tree_method": "exact", "gamma": 2.0},
            {"booster": "dart", "rate_drop": 0.4},
            {"num_parallel_tree": 3, "subsample": 0.5},
        )
    }
    for objective in ("reg:squarederror", "reg:absoluteerror", "count:poisson", "reg:gamma"):
        model = xgb.XGBRegressor(objective=objective, n_estimators=9, n_jobs=1)
        made[f"xgboost {objective}"] = stored(model.fit(X, np.exp(y / 4)), X)
    stops = xgb.XGBClassifier(n_estimators=300, early_stopping_rounds=3, n_jobs=1)
    two = labels(X, 2)
    stops.fit(X, two, eval_set=[(X[:200], two[:200][::-1])], verbose=False)
    made["xgboost that stops"] = stored(stops, X)
    made["xgboost forest"] = stored(xgb.XGBRFClassifier(n_estimators=9, n_jobs=1).fit(X, two), X)
    rng = np.random.default_rng(3)
    plans = X.assign(
        plan=pd.Categorical(rng.choice(["pro", "basic", "it's", "old"], ROWS)),
        code=pd.Categorical(rng.integers(0, 90, ROWS)),
    )
    plans.loc[::9, "plan"] = None
    for depth, one_hot in ((6, 1), (3, 100)):
        model = xgb.XGBRegressor(
            enable_categorical=True, n_estimators=9, max_depth=depth, max_cat_to_onehot=one_hot, n_jobs=1
        )
        model.fit(plans, y + plans["plan"].cat.codes % 3 * 3 + plans["code"].astype(int) % 7)
        made[f"xgboost categories, {one_hot} one by one"] = stored(model, plans)
    leaves = xgb.XGBRegressor(n_estimators=3, gamma=1e9, n_jobs=1)
    made["xgboost of leaves"] = stored(leaves.fit(X, y), X)
    ranker = xgb.XGBRanker(n_estimators=6, n_jobs=1)
    ranker.fit(X, labels(X, 4), qid=np.repeat(np.arange(ROWS // 20), 20))
    return made | {"xgboost ranking": stored(ranker, X)}
