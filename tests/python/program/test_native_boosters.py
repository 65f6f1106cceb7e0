"""Native backends of LightGBM and XGBoost: the libraries' own answers, to the last bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from native_backend import NativeBackend
from native_rows import ROWS, assert_equal, features, target
from project import MakeKernel
from proved import native_proof, trees_of
from scorehouse.errors import CompileError
from scorehouse.program.native.recipes import recipe_of
from scorehouse.program.native.stored import of_arrays, to_arrays
from scorehouse.program.trees.city_hash import city_hash

cat = pytest.importorskip("catboost", reason="the extra `boosters` is not installed")
lgb = pytest.importorskip("lightgbm", reason="the extra `boosters` is not installed")
xgb = pytest.importorskip("xgboost", reason="the extra `boosters` is not installed")
pytestmark = pytest.mark.heavy
LIGHT = {"n_estimators": 20, "verbose": -1, "random_state": 0}


def data(seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(seed)
    frame = features(rng, missing=True)
    frame["gain"] = rng.choice([0.0, 1e-36, -1e-36, 2.5, -1.0], ROWS)  # what LightGBM reads as 0
    return frame, target(frame, rng) + frame["gain"].to_numpy()


def hard(frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Steps beside the values of training, infinities, and what no float32 holds."""
    values = frame.to_numpy()[rng.integers(0, ROWS, 3_000)]
    single = np.nextafter(values.astype(np.float32), rng.choice([-np.inf, np.inf], values.shape).astype("f4"))
    double = np.nextafter(values, rng.choice([-np.inf, np.inf], values.shape))
    extremes = rng.choice([np.inf, -np.inf, 1e300, np.nan, 0.0, -0.0, 1e-35, -1e-35, -0.5, 3.7], values.shape)
    which = rng.integers(0, 8, values.shape)
    tried = np.select([which == 0, which == 1, which == 2], [single, double, extremes], values)
    return pd.DataFrame(tried, columns=frame.columns)


@pytest.mark.parametrize("classes", [2, 3, 9])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"zero_as_missing": True},
        {"use_missing": False},
        {"num_leaves": 120, "min_child_samples": 2},
        {"boosting_type": "rf", "bagging_freq": 1, "bagging_fraction": 0.7},
        {"boosting_type": "dart"},
    ],
)
def test_lightgbm_classifiers(options: dict[str, Any], classes: int) -> None:
    frame, z = data()
    y = np.array(list("abcdefghi"))[pd.qcut(z, classes, labels=False)]
    estimator = lgb.LGBMClassifier(**LIGHT, **options).fit(frame, y)
    without = "decision_function" if options.get("boosting_type") == "rf" else ""  # it gives sums, not means
    tried = hard(frame, np.random.default_rng(1))
    assert_equal(NativeBackend(estimator), estimator, tried, without=without)


@pytest.mark.parametrize("objective", ["regression", "huber", "poisson", "gamma", "tweedie", "quantile"])
def test_lightgbm_regressors(objective: str) -> None:
    frame, z = data()
    estimator = lgb.LGBMRegressor(objective=objective, **LIGHT).fit(frame, np.exp(z / 4))
    assert_equal(NativeBackend(estimator), estimator, hard(frame, np.random.default_rng(1)))


def test_lightgbm_categories() -> None:
    frame, z = data()
    rng = np.random.default_rng(1)
    estimator = lgb.LGBMRegressor(min_child_samples=2, max_cat_to_onehot=1, **LIGHT)
    estimator.fit(frame, z + frame["visits"].to_numpy() % 3, categorical_feature=["visits"])
    backend = NativeBackend(estimator)
    assert len(backend.model.packed.arrays["splits"])
    assert_equal(backend, estimator, hard(frame, rng))
    frame["plan"] = pd.Categorical(rng.choice(["pro", "basic", "it's", "old"], ROWS))
    estimator = lgb.LGBMClassifier(min_child_samples=2, max_cat_to_onehot=1, **LIGHT)
    estimator.fit(frame, (z + frame["plan"].cat.codes * 2 % 3 > 4).astype(int))
    backend = NativeBackend(estimator)
    assert len(backend.model.packed.arrays["splits"])
    assert_equal(backend, estimator, frame)
    unseen = frame.assign(plan=pd.Categorical(np.where(frame["plan"] == "pro", "new", frame["plan"])))
    assert_equal(backend, estimator, unseen)


@pytest.mark.parametrize("one_hot", [1, 100])
def test_xgboost_categories(one_hot: int) -> None:
    """Lists of categories, or one by one; missing ones go their own way at each split."""
    frame, z = data()
    rng = np.random.default_rng(1)
    names = np.array([f"plan {i}" for i in range(70)])
    frame["plan"] = pd.Categorical(rng.choice(names, ROWS), categories=rng.permutation(names))
    frame["code"] = pd.Categorical(rng.integers(0, 40, ROWS))
    frame.loc[::7, "plan"] = None
    z = z + (frame["plan"].cat.codes * 2 % 3 + 2 * frame["code"].isin([3, 9, 11, 30])).to_numpy()
    estimator = xgb.XGBRegressor(
        enable_categorical=True, n_estimators=25, max_cat_to_onehot=one_hot, max_depth=4
    ).fit(frame, z)
    backend = NativeBackend(estimator)
    splits = [split for tree in backend.model.ensemble.trees for split in tree.categories.values()]
    assert {split.named_left for split in splits} == {False, True}  # missing ones to the left, to the right
    tried = frame.sample(3_000, replace=True, random_state=0).reset_index(drop=True)
    tried["plan"] = pd.Categorical.from_codes(rng.integers(-1, 70, len(tried)), dtype=frame["plan"].dtype)
    tried.loc[::5, "code"] = None
    assert_equal(backend, estimator, tried)


@pytest.mark.parametrize("classes", [2, 5])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"max_depth": 2},
        {"max_depth": 11},
        {"tree_method": "exact"},
        {"booster": "dart", "rate_drop": 0.3},
        {"booster": "dart", "rate_drop": 0.5, "normalize_type": "forest", "num_parallel_tree": 2},
    ],
)
def test_xgboost_classifiers(options: dict[str, Any], classes: int) -> None:
    frame, z = data()
    y = pd.qcut(z, classes, labels=False)
    estimator = xgb.XGBClassifier(n_estimators=25, **options).fit(frame, y)
    assert_equal(NativeBackend(estimator), estimator, hard(frame, np.random.default_rng(1)))


@pytest.mark.parametrize("objective", ["reg:squarederror", "reg:absoluteerror", "count:poisson", "reg:gamma"])
def test_xgboost_regressors(objective: str) -> None:
    frame, z = data()
    estimator = xgb.XGBRegressor(objective=objective, n_estimators=25, learning_rate=0.1)
    estimator.fit(frame, np.exp(z / 4))
    assert_equal(NativeBackend(estimator), estimator, hard(frame, np.random.default_rng(1)))


@pytest.mark.parametrize("base_score", [0.148, 0.4957, 0.5028])
def test_xgboost_base_scores_whose_logarithm_the_c_library_rounds_otherwise(base_score: float) -> None:
    frame, z = data()
    estimator = xgb.XGBClassifier(n_estimators=5, base_score=base_score).fit(frame, z > np.median(z))
    assert_equal(NativeBackend(estimator), estimator, hard(frame, np.random.default_rng(1)))


@pytest.mark.parametrize("objective", ["reg:squarederror", "count:poisson", "binary:logistic"])
def test_xgboost_dart_from_a_base_score(objective: str) -> None:
    """Each of its trees is added up from the base score, which rounds its leaves."""
    frame, z = data()
    options = {"objective": objective, "booster": "dart", "rate_drop": 0.4, "n_estimators": 25}
    if objective == "binary:logistic":
        estimator = xgb.XGBClassifier(**options).fit(frame, z > np.quantile(z, 0.9))
    else:
        estimator = xgb.XGBRegressor(**options)
        estimator.fit(frame, np.exp(z / 4) if objective == "count:poisson" else z + 100)
    assert_equal(NativeBackend(estimator), estimator, hard(frame, np.random.default_rng(1)))


def test_what_xgboost_pruned_is_left_out() -> None:
    """Its arrays keep pruned nodes, which no walk reaches; a file of trees holds none."""
    frame, z = data()
    estimator = xgb.XGBRegressor(tree_method="exact", gamma=5.0, max_depth=6, n_estimators=5).fit(frame, z)
    backend = NativeBackend(estimator)
    dumped = estimator.get_booster().trees_to_dataframe()
    assert sum(len(tree.left) for tree in backend.model.ensemble.trees) == len(dumped)
    (backend.model,) = of_arrays(*to_arrays([backend.model]), frame.shape[1])
    assert_equal(backend, estimator, hard(frame, np.random.default_rng(1)))


QUIET = {"verbose": 0, "allow_writing_files": False, "thread_count": 1, "random_seed": 0, "iterations": 25}


def assert_near(found: Any, expected: Any, tried: Any) -> None:
    """As `assert_equal`, but CatBoost adds up its trees in another order."""
    for method in ("predict", "predict_proba"):
        if hasattr(expected, method):
            a, b = (np.asarray(getattr(one, method)(tried)) for one in (expected, found))
            a = a.ravel() if b.ndim == 1 else a
            if a.dtype.kind == "f":
                np.testing.assert_allclose(b, a, rtol=1e-12, atol=1e-12)
            else:
                np.testing.assert_array_equal(b, a)


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("options", [{}, {"depth": 1}, {"nan_mode": "Max"}, {"bootstrap_type": "No"}])
def test_catboost_classifiers(options: dict[str, Any], classes: int) -> None:
    frame, z = data()
    y = np.array(list("abcd"))[pd.qcut(z, classes, labels=False)]
    estimator = cat.CatBoostClassifier(**QUIET, **options).fit(frame, y)
    assert_near(NativeBackend(estimator), estimator, hard(frame, np.random.default_rng(1)))


@pytest.mark.parametrize("loss", ["RMSE", "Quantile:alpha=0.8", "Poisson", "Tweedie:variance_power=1.5"])
def test_catboost_regressors(loss: str) -> None:
    frame, z = data()
    estimator = cat.CatBoostRegressor(loss_function=loss, **QUIET).fit(frame, np.exp(z / 4))
    assert_near(NativeBackend(estimator), estimator, hard(frame, np.random.default_rng(1)))


def test_catboost_categories_one_by_one(make_kernel: MakeKernel) -> None:
    """Texts of every length that its hash treats in a way of its own; unseen ones are none of them."""
    frame, z = data()
    plans = np.array(["", "x", "pro", "Zürich", "it's a plan", "x" * 16, "y" * 17, "z" * 32, "x" * 64])
    frame["plan"] = np.random.default_rng(1).choice(plans, ROWS)
    z = z + 3 * np.isin(frame["plan"], plans[::2]) + 5 * (frame["plan"] == plans[-1])
    estimator = cat.CatBoostRegressor(one_hot_max_size=20, cat_features=["plan"], **QUIET).fit(frame, z)
    kernel = make_kernel(estimator, frame, z, task="regression")
    assert {"native", "sql", "reasons"} <= set(kernel.version.program), kernel.version.program
    ensemble, recipe = recipe_of(estimator, lambda part, problem: AssertionError(problem))
    assert {city_hash(plan) % 2**32 for plan in plans} == {*recipe.hashes[frame.columns.get_loc("plan")]}
    assert sum(len(tree.categories) for tree in ensemble.trees) > 20


def test_early_stopping_and_forests() -> None:
    frame, z = data()
    y = (z > 4).astype(int)
    light = lgb.LGBMClassifier(**{**LIGHT, "n_estimators": 300})
    light.fit(frame, y, eval_X=frame[:200], eval_y=y[:200], callbacks=[lgb.early_stopping(3, verbose=False)])
    boosted = xgb.XGBClassifier(n_estimators=300, early_stopping_rounds=3)
    boosted.fit(frame, y, eval_set=[(frame[:200], y[:200][::-1])], verbose=False)
    forest = xgb.XGBRFClassifier(n_estimators=20).fit(frame, y)
    for estimator in (light, boosted, forest):
        assert_equal(NativeBackend(estimator), estimator, hard(frame, np.random.default_rng(1)))
    assert len(NativeBackend(boosted).model.ensemble.trees) < 300


def test_ranking() -> None:
    frame, z = data()
    y, group = pd.qcut(z, 4, labels=False), np.repeat(20, ROWS // 20)
    light = lgb.LGBMRanker(**LIGHT).fit(frame, y, group=group)
    boosted = xgb.XGBRanker(n_estimators=10).fit(frame, y, qid=np.repeat(np.arange(ROWS // 20), 20))
    for estimator in (light, boosted):
        assert_equal(NativeBackend(estimator), estimator, hard(frame, np.random.default_rng(1)))


@pytest.mark.parametrize("library", ["lightgbm", "xgboost"])
def test_the_gate(library: str, make_kernel: MakeKernel) -> None:
    frame, z = data()
    y = (z > 4).astype(int)
    booster = lgb.LGBMClassifier(**LIGHT) if library == "lightgbm" else xgb.XGBClassifier(n_estimators=20)
    estimator = make_pipeline(StandardScaler(), booster).fit(frame, y)
    kernel = make_kernel(estimator, frame, y, task="classification")
    rows, worst, _ = native_proof(trees_of(kernel), kernel, frame)
    assert worst == 0.0 and rows > 20_000


def test_refusals() -> None:
    frame, z = data()
    y = (z > 4).astype(int)
    filled = frame.fillna(0.0)
    cases = {
        "linear models": lgb.LGBMRegressor(linear_tree=True, **LIGHT).fit(filled, z),
        "cross_entropy": lgb.LGBMRegressor(objective="cross_entropy", **LIGHT).fit(frame, y),
        "multiclassova": lgb.LGBMClassifier(objective="multiclassova", **LIGHT).fit(frame, y + (z > 6)),
        "sqrt": lgb.LGBMRegressor(reg_sqrt=True, **LIGHT).fit(frame, z),
        "gblinear": xgb.XGBRegressor(booster="gblinear", n_estimators=3).fit(filled, z),
        "binary:hinge": xgb.XGBClassifier(objective="binary:hinge", n_estimators=3).fit(frame, y),
        "as missing": xgb.XGBClassifier(missing=0.0, n_estimators=3).fit(filled, y),
        "its categories are codes": xgb.XGBClassifier(
            n_estimators=3, feature_types=["q"] * (frame.shape[1] - 1) + ["c"], enable_categorical=True
        ).fit(filled.abs().round().to_numpy(), y),
        "not ASCII": xgb.XGBClassifier(n_estimators=3, enable_categorical=True).fit(
            frame.assign(plan=pd.Categorical(["Zürich", "Bern"] * (ROWS // 2))), y
        ),
        "not symmetric": cat.CatBoostRegressor(grow_policy="Depthwise", **QUIET).fit(frame, z),
        "statistics of categories": cat.CatBoostRegressor(cat_features=["plan"], **QUIET).fit(
            frame.assign(plan=[f"plan {i % 40}" for i in range(ROWS)]), z + np.arange(ROWS) % 40
        ),
        "OneVsAll": cat.CatBoostClassifier(loss_function="MultiClassOneVsAll", **QUIET).fit(frame, y),
    }
    for reason, estimator in cases.items():
        with pytest.raises(CompileError, match=reason):
            NativeBackend(estimator)
