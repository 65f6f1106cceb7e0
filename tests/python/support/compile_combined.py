"""Cases of the compiler's tests: splines, selectors, and estimators that hold or change others."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    BaggingRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.feature_selection import (
    RFE,
    RFECV,
    GenericUnivariateSelect,
    SelectFdr,
    SelectFpr,
    SelectFromModel,
    SelectFwe,
    SelectKBest,
    SelectPercentile,
    SequentialFeatureSelector,
    VarianceThreshold,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import (
    ARDRegression,
    Lars,
    LarsCV,
    LassoLars,
    LassoLarsCV,
    LassoLarsIC,
    LogisticRegression,
    OrthogonalMatchingPursuit,
    OrthogonalMatchingPursuitCV,
    Ridge,
    TheilSenRegressor,
)
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import (
    MinMaxScaler,
    Normalizer,
    PowerTransformer,
    RobustScaler,
    SplineTransformer,
    StandardScaler,
)
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from compile_case import NUMBERS, Case, columns


def combined() -> dict[str, Case]:
    """All of them, by name; what is small stands beside others in one case."""
    return {**_steps(), **_of_several(), **_of_labels(), **_of_trees()}


def _steps() -> dict[str, Case]:
    ways = [
        SplineTransformer(4),
        SplineTransformer(5, degree=2, knots="quantile", extrapolation="linear", include_bias=False),
        SplineTransformer(3, degree=1),
    ]
    of_filled = make_pipeline(SimpleImputer(), make_union(*ways))
    beyond = SplineTransformer(4, extrapolation="error", handle_missing="zeros")
    chosen: list[Any] = [SelectKBest(k=5), SelectPercentile(percentile=60), SelectFdr(), SelectFpr()]
    chosen += [SelectFwe(), GenericUnivariateSelect(mode="k_best", param=4), VarianceThreshold(0.01)]
    chosen += [RFE(LogisticRegression(), n_features_to_select=4), RFECV(LogisticRegression(), cv=2, step=3)]
    chosen += [SelectFromModel(LogisticRegression())]
    chosen += [SequentialFeatureSelector(GaussianNB(), n_features_to_select=2, cv=2)]
    lengths = make_union(*(Normalizer(norm) for norm in ("l1", "l2", "max")))
    return {
        "SplineTransformer": Case(
            lambda: make_pipeline(ColumnTransformer([("splines", of_filled, NUMBERS)]), Ridge()),
            "regression",
            0,
        ),
        "SplineTransformer that refuses what is beyond": Case(
            lambda: make_pipeline(ColumnTransformer([("splines", beyond, NUMBERS)]), LogisticRegression())
        ),
        "selectors": Case(lambda: make_pipeline(columns(), make_union(*chosen), LogisticRegression())),
        "PowerTransformer": Case(
            lambda: make_pipeline(columns(PowerTransformer()), LogisticRegression()),
        ),
        "PowerTransformer box-cox": Case(
            lambda: make_pipeline(
                ColumnTransformer(
                    [("powers", PowerTransformer("box-cox", standardize=False), ["amount", "epoch"])]
                ),
                SimpleImputer(),
                StandardScaler(),
                LogisticRegression(),
            )
        ),
        "Normalizer": Case(lambda: make_pipeline(columns(), lengths, Ridge()), "regression", 0),
    }


def _of_several() -> dict[str, Case]:
    """Regressors that hold others."""
    sums = [("linear", Ridge()), ("tree", DecisionTreeRegressor(max_depth=3, random_state=0))]
    angles: list[Any] = [ARDRegression(), Lars(), LarsCV(cv=2), LassoLars(0.01), LassoLarsCV(cv=2)]
    angles += [LassoLarsIC(), OrthogonalMatchingPursuit(), OrthogonalMatchingPursuitCV(cv=2)]
    angles += [TheilSenRegressor(max_subpopulation=100, random_state=0)]
    ways: list[dict[str, Any]] = [
        {"func": np.log1p, "inverse_func": np.expm1},
        {"func": np.log, "inverse_func": np.exp},
        {"func": np.sqrt, "inverse_func": np.square},
        *({"transformer": one} for one in (StandardScaler(), RobustScaler(), MinMaxScaler())),
    ]
    targets = [TransformedTargetRegressor(Ridge(), **way) for way in ways]
    whole: list[tuple[str, Any, int]] = [
        ("VotingRegressor", VotingRegressor(sums, weights=[0.3, 2.0]), 0),
        ("VotingRegressor of many", VotingRegressor([(str(i), one) for i, one in enumerate(angles)]), 0),
        ("VotingRegressor of targets", VotingRegressor([(str(i), one) for i, one in enumerate(targets)]), -1),
        ("StackingRegressor", StackingRegressor(sums, Ridge(), cv=2, passthrough=True), 0),
    ]
    return {
        name: Case(lambda one=one: make_pipeline(columns(), one), "regression", classes)
        for name, one, classes in whole
    }


def _of_labels() -> dict[str, Case]:
    """Classifiers that hold others."""
    tree = DecisionTreeClassifier(max_depth=3, random_state=0)
    judges = [("linear", LogisticRegression()), ("tree", tree), ("bayes", GaussianNB())]
    stacked = StackingClassifier([*judges, ("margin", LinearSVC(random_state=0))], cv=2)
    whole: dict[str, tuple[Any, int]] = {
        "VotingClassifier 2": (VotingClassifier(judges, voting="soft", weights=[1, 2, 0.5]), 2),
        "VotingClassifier 3": (VotingClassifier(judges, voting="soft"), 3),
        "StackingClassifier 2": (stacked, 2),
        "StackingClassifier 3": (stacked, 3),
        "FixedThresholdClassifier": (FixedThresholdClassifier(LinearSVC(random_state=0), threshold=-0.2), 2),
        "TunedThresholdClassifierCV": (TunedThresholdClassifierCV(LogisticRegression(), cv=2), 2),
    }
    return {
        name: Case(lambda one=one: make_pipeline(columns(), one), classes=classes, named=True)
        for name, (one, classes) in whole.items()
    }


def _of_trees() -> dict[str, Case]:
    tree = DecisionTreeClassifier(max_depth=2, random_state=0)
    few: dict[str, Any] = {"n_estimators": 6, "random_state": 0}
    some = BaggingRegressor(DecisionTreeRegressor(max_depth=4), max_features=0.6, **few)
    made = {"BaggingRegressor": Case(lambda: some, "regression", 0, texts=False)}
    for one, classes in (
        (BaggingClassifier(tree, **few), 3),
        (AdaBoostClassifier(tree, **few), 2),
        (AdaBoostClassifier(tree, **few), 3),
    ):
        made[f"{type(one).__name__} {classes}"] = Case(
            lambda one=one: make_pipeline(SimpleImputer(), one), classes=classes, named=True, texts=False
        )
    return made
