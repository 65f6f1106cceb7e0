"""A case of compile_cases.py for each kind of expression that the compiler writes.

These stand for all where all would take too long: in `./run test`, and on Spark in CI.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

LINEAR_KINDS = {
    *("LinearRegression", "PoissonRegressor", "TweedieRegressor0", "SGDClassifier modified_huber 3"),
    *("LogisticRegression  3", "GaussianNB  3", "CalibratedClassifierCV isotonic 2", "KMeans"),
    *("scaler 2 RobustScaler", "scaler 6 KBinsDiscretizer", "scaler 8 PolynomialFeatures"),
    *("parts of dates", "days by a function", "FunctionTransformer log sqrt abs", "categories of a frame"),
    *("OneHotEncoder {'min_frequency': 40, 'handle_unknown': 'infrequent_if_exist'}", "TargetEncoder number"),
    *("OrdinalEncoder unknown nan", "two outputs, RegressorChain", "quantiles"),
    *("SplineTransformer", "Normalizer", "StackingClassifier 3", "VotingRegressor of targets"),
    *("VotingClassifier 2", "FixedThresholdClassifier", "skrub LogisticRegression"),
}
TREE_KINDS = {
    *(
        "ExtraTreeRegressor",
        "RandomForestClassifier 2",
        "HistGradientBoostingClassifier 2",
        "days before trees",
    ),
    *("skrub HistGradientBoostingClassifier", "skrub RandomForestClassifier"),
    *("GradientBoostingClassifier 2", "LightGBM 2", "XGBoost 2", "AdaBoostClassifier 3", "CatBoost plans"),
}


def rest_marked(names: Iterable[str], kept: set[str], mark: pytest.MarkDecorator) -> list[Any]:
    """All names as parameters, each with the mark unless it is kept. `kept` may hold names of other lists."""
    return [name if name in kept else pytest.param(name, marks=mark) for name in names]
