"""Each family of estimators and transformers, compiled and proven equal to the kernel on DuckDB.

The rows tried are training rows and the probes of the gate: one step around every split, missing
values, NaN, infinities, extremes and unseen categories.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.compose import ColumnTransformer
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import (
    BayesianRidge,
    ElasticNet,
    GammaRegressor,
    HuberRegressor,
    Lasso,
    LinearRegression,
    LogisticRegression,
    Perceptron,
    PoissonRegressor,
    Ridge,
    RidgeClassifier,
    SGDClassifier,
    SGDRegressor,
    TweedieRegressor,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline, make_pipeline, make_union
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    RobustScaler,
    StandardScaler,
    TargetEncoder,
)
from sklearn.svm import LinearSVC, LinearSVR
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from project import MakeKernel
from scorehouse.compile import compile_sql, prove
from scorehouse.scorer import Kernel

ROWS = 700
NUMBERS = ["amount", "epoch", "ratio", "visits"]
LABELS = {2: np.array(["no", "yes"]), 3: np.array(["high", "low", "mid"])}


@dataclass(frozen=True)
class Case:
    """An estimator to fit: `classes` 0 for any number as the target, -1 for positive ones."""

    make: Callable[[], Any]
    task: str = "classification"
    classes: int = 2
    nulls: bool = True
    texts: bool = True
    named: bool = False
    threshold: float | None = None


def columns(scaler: Any = None, **one_hot: Any) -> ColumnTransformer:
    """Numbers imputed, flagged and scaled; one text encoded; a flag as it is."""
    numbers = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), scaler or StandardScaler())
    encoder = OneHotEncoder(**{"handle_unknown": "ignore", "sparse_output": False, **one_hot})
    return ColumnTransformer(
        [("numbers", numbers, NUMBERS), ("plan", encoder, ["plan"]), ("flag", "passthrough", ["flag"])]
    )


def encoded(encoder: Any) -> ColumnTransformer:
    """Three columns through one encoder, two imputed, one as it is."""
    return ColumnTransformer(
        [
            ("encoded", encoder, ["plan", "flag", "visits"]),
            ("imputed", SimpleImputer(strategy="mean"), ["amount", "ratio"]),
        ],
        remainder="passthrough",
    )


CASES: dict[str, Case] = {}


def _regressions() -> None:
    linear: list[Any] = [LinearRegression(), Ridge(), Lasso(0.01), ElasticNet(0.01), HuberRegressor()]
    linear += [BayesianRidge(), SGDRegressor(random_state=0), LinearSVR(random_state=0)]
    for one in linear:
        CASES[type(one).__name__] = Case(lambda one=one: make_pipeline(columns(), one), "regression", 0)
    positive: list[Any] = [PoissonRegressor(), GammaRegressor()]
    positive += [TweedieRegressor(power=1.5), TweedieRegressor(power=0)]
    for one in positive:
        name = type(one).__name__ + str(getattr(one, "power", ""))
        CASES[name] = Case(lambda one=one: make_pipeline(columns(), one), "regression", -1)
    scalers: list[Any] = [MinMaxScaler(), MinMaxScaler(clip=True), RobustScaler(), MaxAbsScaler()]
    scalers += [StandardScaler(with_mean=False), StandardScaler(with_std=False)]
    scalers += [KBinsDiscretizer(5, encode="ordinal", quantile_method="averaged_inverted_cdf")]
    scalers += [KBinsDiscretizer(4, encode="onehot-dense", quantile_method="averaged_inverted_cdf")]
    scalers += [make_pipeline(StandardScaler(), PolynomialFeatures(2), StandardScaler())]
    scalers += [
        make_pipeline(StandardScaler(), PolynomialFeatures(3, interaction_only=True, include_bias=False))
    ]
    for i, one in enumerate(scalers):
        name = f"scaler {i} {type(one[1] if isinstance(one, Pipeline) else one).__name__}"
        CASES[name] = Case(lambda one=one: make_pipeline(columns(one), Ridge()), "regression", 0)
    CASES["union"] = Case(
        lambda: make_pipeline(SimpleImputer(), make_union(StandardScaler(), MinMaxScaler()), Ridge()),
        "regression",
        0,
        texts=False,
    )


def _classifiers(classes: int) -> None:
    linear: list[Any] = [LogisticRegression(), LinearSVC(random_state=0), RidgeClassifier(), Perceptron()]
    linear += [SGDClassifier(loss="log_loss", random_state=0), SGDClassifier(random_state=0)]
    linear += [SGDClassifier(loss="modified_huber", random_state=0), LinearDiscriminantAnalysis()]
    linear += [OneVsRestClassifier(LogisticRegression()), GaussianNB()]
    linear += [CalibratedClassifierCV(LinearSVC(random_state=0), cv=2)]
    forest = RandomForestClassifier(5, max_depth=3, random_state=0)
    linear += [CalibratedClassifierCV(forest, method="isotonic", cv=2)]
    for one in linear:
        name = f"{type(one).__name__} {getattr(one, 'loss', getattr(one, 'method', ''))} {classes}"
        CASES[name] = Case(lambda one=one: make_pipeline(columns(), one), classes=classes, named=True)
    trees: list[Any] = [
        DecisionTreeClassifier(max_depth=6, random_state=0),
        RandomForestClassifier(10, max_depth=6, random_state=0),
        ExtraTreesClassifier(10, max_depth=6, random_state=0),
        HistGradientBoostingClassifier(max_iter=12, random_state=0),
    ]
    for one in trees:
        CASES[f"{type(one).__name__} {classes}"] = Case(lambda one=one: one, classes=classes, texts=False)
    CASES[f"GradientBoostingClassifier {classes}"] = Case(
        lambda: GradientBoostingClassifier(n_estimators=15, random_state=0),
        classes=classes,
        nulls=False,
        texts=False,
    )


def _tree_regressions() -> None:
    trees: list[Any] = [
        DecisionTreeRegressor(max_depth=6, random_state=0),
        RandomForestRegressor(10, max_depth=6, random_state=0),
        ExtraTreesRegressor(10, max_depth=6, random_state=0),
        HistGradientBoostingRegressor(max_iter=12),
        HistGradientBoostingRegressor(loss="poisson", max_iter=12),
    ]
    for one in trees:
        name = f"{type(one).__name__} {getattr(one, 'loss', '')}"
        CASES[name] = Case(lambda one=one: one, "regression", -1, texts=False)
    CASES["GradientBoostingRegressor huber"] = Case(
        lambda: GradientBoostingRegressor(loss="huber", n_estimators=15, random_state=0),
        "regression",
        0,
        nulls=False,
        texts=False,
    )


def _encoders() -> None:
    options: list[dict[str, Any]] = [
        {"drop": "first"},
        {"drop": "if_binary"},
        {"min_frequency": 40},
        {"min_frequency": 40, "handle_unknown": "infrequent_if_exist"},
        {"handle_unknown": "error"},
        {"max_categories": 3, "drop": "first", "handle_unknown": "infrequent_if_exist"},
    ]
    for one in options:
        CASES[f"OneHotEncoder {one}"] = Case(
            lambda one=one: make_pipeline(columns(**one), LogisticRegression())
        )
    boosting = GradientBoostingClassifier(n_estimators=8, random_state=0)
    hist = HistGradientBoostingClassifier(max_iter=8)
    unknown = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    unknown_nan = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan)
    CASES["OrdinalEncoder error"] = Case(lambda: make_pipeline(encoded(OrdinalEncoder()), boosting))
    CASES["OrdinalEncoder unknown"] = Case(lambda: make_pipeline(encoded(unknown), boosting))
    CASES["OrdinalEncoder unknown nan"] = Case(lambda: make_pipeline(encoded(unknown_nan), hist))
    for classes in (2, 3):
        CASES[f"TargetEncoder {classes}"] = Case(
            lambda: make_pipeline(encoded(TargetEncoder(random_state=0)), hist), classes=classes
        )
    CASES["TargetEncoder number"] = Case(
        lambda: make_pipeline(encoded(TargetEncoder(random_state=0)), Ridge()), "regression", 0
    )


def _others() -> None:
    CASES["threshold"] = Case(lambda: make_pipeline(columns(), LogisticRegression()), threshold=0.3)
    CASES["exponential loss"] = Case(
        lambda: make_pipeline(columns(), GradientBoostingClassifier(loss="exponential", n_estimators=10))
    )
    CASES["trees behind a scaler"] = Case(
        lambda: make_pipeline(columns(MinMaxScaler()), GradientBoostingClassifier(n_estimators=10))
    )
    CASES["KMeans"] = Case(
        lambda: make_pipeline(columns(), KMeans(4, n_init=2, random_state=0)), "clustering"
    )
    CASES["MiniBatchKMeans"] = Case(
        lambda: make_pipeline(StandardScaler(), MiniBatchKMeans(4, n_init=2, random_state=0)),
        "clustering",
        nulls=False,
        texts=False,
    )
    CASES["ranking"] = Case(lambda: make_pipeline(columns(), LogisticRegression()), "ranking")
    logarithm = ColumnTransformer([("log", FunctionTransformer(np.log1p), ["amount"])])
    CASES["FunctionTransformer log1p"] = Case(
        lambda: make_pipeline(logarithm, SimpleImputer(), LogisticRegression())
    )
    CASES["categories of a frame"] = Case(
        lambda: HistGradientBoostingClassifier(
            max_iter=12, categorical_features="from_dtype", random_state=0
        ),
        classes=3,
        texts=False,
    )
    CASES["categories by name"] = Case(
        lambda: HistGradientBoostingClassifier(max_iter=12, categorical_features=["visits"], random_state=0),
        texts=False,
    )


def _libraries() -> None:
    try:
        import lightgbm as lgb
        import xgboost as xgb
    except ImportError:
        return
    light = {"n_estimators": 10, "verbose": -1, "random_state": 0}
    for classes in (2, 3):
        CASES[f"LightGBM {classes}"] = Case(lambda: lgb.LGBMClassifier(**light), classes=classes, texts=False)
        CASES[f"XGBoost {classes}"] = Case(
            lambda: xgb.XGBClassifier(n_estimators=10, max_depth=4), classes=classes, texts=False
        )
    CASES["LightGBM zero"] = Case(lambda: lgb.LGBMClassifier(zero_as_missing=True, **light), texts=False)
    CASES["LightGBM complete"] = Case(lambda: lgb.LGBMClassifier(**light), texts=False, nulls=False)
    CASES["LightGBM forest"] = Case(
        lambda: lgb.LGBMRegressor(boosting_type="rf", bagging_freq=1, bagging_fraction=0.7, **light),
        "regression",
        0,
        texts=False,
    )
    CASES["LightGBM Poisson"] = Case(
        lambda: lgb.LGBMRegressor(objective="poisson", **light), "regression", -1, texts=False
    )
    CASES["XGBoost number"] = Case(lambda: xgb.XGBRegressor(n_estimators=10), "regression", 0, texts=False)
    CASES["XGBoost Poisson"] = Case(
        lambda: xgb.XGBRegressor(n_estimators=10, objective="count:poisson"), "regression", -1, texts=False
    )


_regressions()
_classifiers(2)
_classifiers(3)
_tree_regressions()
_encoders()
_others()
_libraries()


def features(case: Case, rng: np.random.Generator) -> pd.DataFrame:
    """Money with two decimals, epoch seconds, a ratio and a count: where float32 and NULL go wrong."""
    frame = pd.DataFrame(
        {
            "amount": np.round(rng.lognormal(3, 1, ROWS), 2),
            "epoch": 1.7e9 + np.floor(rng.random(ROWS) * 3e7),
            "ratio": rng.normal(size=ROWS),
            "visits": rng.integers(0, 12, ROWS),
        }
    )
    if case.nulls:
        frame.loc[rng.random(ROWS) < 0.1, "amount"] = np.nan
        frame.loc[rng.random(ROWS) < 0.1, "ratio"] = np.nan
    if case.texts:
        frame["plan"] = rng.choice(
            ["basic", "pro", "it's", "Zürich", "ra{{re"], ROWS, p=[0.4, 0.3, 0.15, 0.12, 0.03]
        )
        frame["flag"] = rng.random(ROWS) < 0.4
    return frame


def target(frame: pd.DataFrame, case: Case, rng: np.random.Generator) -> np.ndarray:
    """Labels that hang on every column."""
    z = np.log1p(frame["amount"].fillna(20)) - 3 + (frame["epoch"] - 1.715e9) / 1e7 * 0.7
    z = z + frame["ratio"].fillna(0.3) * frame["visits"] / 8 + rng.normal(size=ROWS) * 0.5
    if "plan" in frame:
        z = z + (frame["plan"] == "pro") * 0.8
    if case.classes <= 0:
        return np.exp(z / 2) if case.classes < 0 else z.to_numpy()
    numbers = pd.qcut(z, case.classes, labels=False).to_numpy()
    return LABELS[case.classes][numbers] if case.named else numbers


def kernel_of(name: str, make_kernel: MakeKernel) -> tuple[pd.DataFrame, Kernel]:
    """Fit and register the estimator of a case."""
    case = CASES[name]
    rng = np.random.default_rng(0)
    frame = features(case, rng)
    y = target(frame, case, rng)
    if name == "categories of a frame":
        frame["visits"] = ("v" + frame["visits"].astype(str)).astype("category")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        estimator = case.make().fit(frame, y)
        kernel = make_kernel(estimator, frame, y, task=case.task, threshold=case.threshold)
    return frame, kernel


@pytest.mark.parametrize("name", CASES)
def test_equals_the_kernel(name: str, make_kernel: MakeKernel) -> None:
    frame, kernel = kernel_of(name, make_kernel)
    compiled = compile_sql(kernel.estimator, kernel.version, kernel.signature, "duckdb")
    parity = prove(compiled, kernel.estimator, kernel, frame)
    assert parity.proven, parity
    assert parity.reason_differences == 0, parity
    assert parity.rows > ROWS
    # the registry's digest was taken before the estimator was saved and loaded
    assert kernel.version.forms["sql"]["sha256"] == compiled.sha256
