"""The estimators and transformers that the compiler has to match, each in a pipeline of its own."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.compose import ColumnTransformer
from sklearn.cross_decomposition import PLSRegression
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
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.linear_model import (
    BayesianRidge,
    ElasticNet,
    ElasticNetCV,
    GammaRegressor,
    HuberRegressor,
    Lasso,
    LassoCV,
    LinearRegression,
    LogisticRegression,
    LogisticRegressionCV,
    MultiTaskElasticNet,
    MultiTaskElasticNetCV,
    MultiTaskLasso,
    MultiTaskLassoCV,
    Perceptron,
    PoissonRegressor,
    QuantileRegressor,
    Ridge,
    RidgeClassifier,
    RidgeClassifierCV,
    RidgeCV,
    SGDClassifier,
    SGDRegressor,
    TweedieRegressor,
)
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier, MultiOutputRegressor, RegressorChain
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline, make_pipeline, make_union
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    OrdinalEncoder,
    PolynomialFeatures,
    RobustScaler,
    StandardScaler,
    TargetEncoder,
)
from sklearn.svm import LinearSVC, LinearSVR
from sklearn.tree import (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    ExtraTreeClassifier,
    ExtraTreeRegressor,
)

from compile_case import NUMBERS, TIMES, Case, columns, encoded
from compile_combined import combined
from compile_tables import tables
from scorehouse import (
    CalendarParts,
    DaysSinceEpoch,
    MultiQuantileRegressor,
    SegmentedClassifier,
    SegmentedRegressor,
    days_since_epoch,
)

CASES: dict[str, Case] = {**combined(), **tables()}


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
    for dtype in ("float32", "Float32"):
        CASES[f"trees behind an imputer, {dtype}"] = Case(
            lambda: make_pipeline(SimpleImputer(), HistGradientBoostingClassifier(max_iter=12)),
            texts=False,
            dtype=dtype,
        )
    CASES["numbers with a mask, Float32"] = Case(
        lambda: make_pipeline(StandardScaler(), LogisticRegression()),
        nulls=False,
        texts=False,
        dtype="Float32",
    )
    CASES["categories by name"] = Case(
        lambda: HistGradientBoostingClassifier(max_iter=12, categorical_features=["visits"], random_state=0),
        texts=False,
    )


def _libraries() -> None:
    try:
        import catboost as cat
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
    for one in (xgb.XGBRFClassifier, xgb.XGBRFRegressor):
        kind = {"task": "regression", "classes": 0} if one is xgb.XGBRFRegressor else {}
        CASES[one.__name__] = Case(lambda one=one: one(n_estimators=10, max_depth=4), texts=False, **kind)
    for one in (lgb.LGBMRanker, xgb.XGBRanker):
        few = {"n_estimators": 10, **({"verbose": -1} if one is lgb.LGBMRanker else {})}
        CASES[one.__name__] = Case(lambda one=one, few=few: one(**few), "ranking", 3, texts=False)
    many = {**light, "min_child_samples": 2, "max_cat_to_onehot": 1}
    for name in ("LightGBM numbers as categories", "LightGBM, categories of a frame"):
        CASES[name] = Case(lambda: lgb.LGBMClassifier(**many), texts=False)
    CASES["XGBoost, categories of a frame"] = Case(
        lambda: xgb.XGBClassifier(enable_categorical=True, n_estimators=10, max_cat_to_onehot=1), texts=False
    )
    CASES["XGBoost Poisson"] = Case(
        lambda: xgb.XGBRegressor(n_estimators=10, objective="count:poisson"), "regression", -1, texts=False
    )

    quiet = {"iterations": 10, "verbose": 0, "allow_writing_files": False, "thread_count": 1}
    for classes in (2, 3):
        CASES[f"CatBoost {classes}"] = Case(
            lambda: cat.CatBoostClassifier(**quiet), classes=classes, texts=False
        )
    CASES["CatBoost number"] = Case(lambda: cat.CatBoostRegressor(**quiet), "regression", 0, texts=False)
    CASES["CatBoostRanker"] = Case(
        lambda: cat.CatBoostRanker(loss_function="QueryRMSE", **quiet), "ranking", 3, texts=False
    )
    plans = {"one_hot_max_size": 10, "cat_features": ["plan"], **quiet}
    CASES["CatBoost plans"] = Case(lambda: cat.CatBoostClassifier(**plans), nulls=False)


def _searched() -> None:
    """Estimators that choose by themselves, and the rest of what the compiler knows."""
    for one in (RidgeCV(), LassoCV(cv=2, random_state=0), ElasticNetCV(cv=2, random_state=0)):
        CASES[type(one).__name__] = Case(lambda one=one: make_pipeline(columns(), one), "regression", 0)
    searches: list[Any] = [LogisticRegressionCV(Cs=2, cv=2), RidgeClassifierCV()]
    searches += [GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=2)]
    searches += [RandomizedSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, n_iter=1, cv=2, random_state=0)]
    for one in searches:
        CASES[type(one).__name__] = Case(lambda one=one: make_pipeline(columns(), one), classes=3, named=True)
    CASES["ExtraTreeClassifier"] = Case(
        lambda: ExtraTreeClassifier(max_depth=6, random_state=0), classes=3, texts=False, nulls=False
    )
    CASES["ExtraTreeRegressor"] = Case(
        lambda: ExtraTreeRegressor(max_depth=6, random_state=0), "regression", 0, texts=False, nulls=False
    )
    flags = make_union(make_pipeline(SimpleImputer(), Binarizer(threshold=5.0)), MissingIndicator())
    CASES["MissingIndicator, Binarizer"] = Case(
        lambda: make_pipeline(flags, LogisticRegression()), texts=False
    )
    functions = ColumnTransformer(
        [
            (name, FunctionTransformer(function), [column])
            for name, function, column in (
                ("log", np.log, "epoch"),
                ("sqrt", np.sqrt, "amount"),
                ("abs", np.abs, "ratio"),
                ("same", None, "visits"),
            )
        ]
    )
    CASES["FunctionTransformer log sqrt abs"] = Case(
        lambda: make_pipeline(functions, SimpleImputer(), StandardScaler(), Ridge()), "regression", 0
    )


def _several_outputs() -> None:
    trees = DecisionTreeRegressor(max_depth=4, random_state=0)
    linear: list[Any] = [Ridge(), MultiTaskLasso(), MultiTaskElasticNet(), PLSRegression(3)]
    linear += [MultiTaskLassoCV(cv=2, alphas=[0.01, 0.1]), MultiTaskElasticNetCV(cv=2, alphas=[0.01, 0.1])]
    for one in [*linear, RegressorChain(Ridge(), order=[1, 0]), MultiOutputRegressor(trees)]:
        CASES[f"two outputs, {type(one).__name__}"] = Case(
            lambda one=one: make_pipeline(columns(), one), "multioutput_regression", 0
        )
    quantile = QuantileRegressor(alpha=0.0)
    CASES["QuantileRegressor"] = Case(lambda: make_pipeline(columns(), quantile), "regression", 0)
    CASES["quantiles"] = Case(
        lambda: MultiQuantileRegressor(
            HistGradientBoostingRegressor(loss="quantile", max_iter=8), (0.1, 0.5, 0.6)
        ),
        "multioutput_regression",
        0,
        texts=False,
        is_shared=True,
    )


def _several_labels() -> None:
    forest = RandomForestClassifier(4, max_depth=4, random_state=0)
    chain = ClassifierChain(LogisticRegression(), order=[1, 0])
    for one in (chain, MultiOutputClassifier(LogisticRegression()), forest):
        CASES[f"two labels, {type(one).__name__}"] = Case(
            lambda one=one: make_pipeline(columns(), one), "multilabel_classification"
        )


def _times() -> None:
    """Timestamps with and without a zone, dates, and whole seconds; NULL among the first alone."""
    parts = CalendarParts(("year", "month", "day", "weekday", "hour"))
    steps: list[Any] = [("days", DaysSinceEpoch(), TIMES), ("parts", parts, ["since", "seen", "born"])]
    days = ColumnTransformer(steps, remainder="passthrough")
    by_function = make_pipeline(FunctionTransformer(days_since_epoch), SimpleImputer(), StandardScaler())
    linear = ColumnTransformer([("days", by_function, TIMES)])
    CASES["days before trees"] = Case(
        lambda: make_pipeline(days, HistGradientBoostingClassifier(max_iter=8)), texts=False, times=True
    )
    CASES["parts of dates"] = Case(
        lambda: make_pipeline(
            ColumnTransformer([steps[1]]), SimpleImputer(), StandardScaler(), LogisticRegression()
        ),
        times=True,
    )
    CASES["days by a function"] = Case(lambda: make_pipeline(linear, LogisticRegression()), times=True)


def _segments() -> None:
    """By a text with a fallback, and by a number without; some rows have no estimator of their own."""
    numbers = make_pipeline(SimpleImputer(keep_empty_features=True), StandardScaler())
    linear = make_pipeline(ColumnTransformer([("numbers", numbers, NUMBERS)]), LogisticRegression())
    tree = DecisionTreeRegressor(max_depth=4, random_state=0)
    for classes in (2, 3):
        CASES[f"segments of a text {classes}"] = Case(
            lambda: SegmentedClassifier(linear, "plan", min_rows=40), classes=classes, named=True
        )
    CASES["segments of a number"] = Case(
        lambda: SegmentedRegressor(tree, "visits", fallback="reject", min_rows=50),
        "regression",
        0,
        texts=False,
    )


_regressions()
_segments()
_times()
_searched()
_classifiers(2)
_classifiers(3)
_tree_regressions()
_encoders()
_others()
_several_outputs()
_several_labels()
_libraries()
