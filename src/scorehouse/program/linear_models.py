"""Linear models of scikit-learn as data: weights, intercepts, and the function after their sums.

Every backend of a linear model begins here, so that the attributes and links of a class are read in one
place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

Refuse = Callable[[Any, str], Exception]


@dataclass(frozen=True)
class LinearModel:
    """`weights` of shape (sums, columns) and `intercepts` of shape (sums,).

    There is one sum, or one for each class or output.

    `after` is the function of the sums: `sums` (none), `power`, `softmax`, and `sigmoids` or `clipped`, each
    one's share of them where there is more than one sum.
    """

    weights: np.ndarray
    intercepts: np.ndarray
    after: str


def linear_model(estimator: Any, name: str, method: str, refuse: Refuse) -> LinearModel:
    """What `estimator.method` computes; `name` is its key in AFTER.

    Raises the error from `refuse(estimator, problem)` if it computes something else.
    """
    weights = np.atleast_2d(np.asarray(estimator.coef_))
    intercepts = np.broadcast_to(np.asarray(estimator.intercept_).ravel(), len(weights))
    if name == "sklearn.PLSRegression":  # its columns are centred first
        intercepts = intercepts - weights @ estimator._x_mean
    after = "sums" if method == "decision_function" else AFTER[name](estimator, method, refuse)
    if after == "softmax" and len(weights) == 1:
        after = "sigmoids"
    return LinearModel(weights, intercepts, after)


def _identity(estimator: Any, method: str, refuse: Refuse) -> str:
    return "sums"


def _generalized(estimator: Any, method: str, refuse: Refuse) -> str:
    link = type(estimator._base_loss.link).__name__
    if link not in ("IdentityLink", "LogLink"):
        raise refuse(estimator, f"its link is {link}")
    return "power" if link == "LogLink" else "sums"


def _decisions(estimator: Any, method: str, refuse: Refuse) -> str:
    raise refuse(estimator, f"its {method} has no equivalent")


def _logistic(estimator: Any, method: str, refuse: Refuse) -> str:
    one_vs_rest = getattr(estimator, "multi_class", None) == "ovr" or estimator.solver == "liblinear"
    return "sigmoids" if one_vs_rest else "softmax"


def _discriminant(estimator: Any, method: str, refuse: Refuse) -> str:
    return "softmax"


def _stochastic(estimator: Any, method: str, refuse: Refuse) -> str:
    found = {"log_loss": "sigmoids", "modified_huber": "clipped"}.get(estimator.loss)
    if found is None:
        raise refuse(estimator, f"with loss {estimator.loss!r}, its {method} has no equivalent")
    return found


REGRESSORS: Mapping[str, Callable[[Any, str, Refuse], str]] = {
    "sklearn.LinearRegression": _identity,
    "sklearn.Ridge": _identity,
    "sklearn.RidgeCV": _identity,
    "sklearn.Lasso": _identity,
    "sklearn.LassoCV": _identity,
    "sklearn.ElasticNet": _identity,
    "sklearn.ElasticNetCV": _identity,
    "sklearn.MultiTaskLasso": _identity,
    "sklearn.MultiTaskLassoCV": _identity,
    "sklearn.MultiTaskElasticNet": _identity,
    "sklearn.MultiTaskElasticNetCV": _identity,
    "sklearn.PLSRegression": _identity,
    "sklearn.BayesianRidge": _identity,
    "sklearn.ARDRegression": _identity,
    "sklearn.Lars": _identity,
    "sklearn.LarsCV": _identity,
    "sklearn.LassoLars": _identity,
    "sklearn.LassoLarsCV": _identity,
    "sklearn.LassoLarsIC": _identity,
    "sklearn.OrthogonalMatchingPursuit": _identity,
    "sklearn.OrthogonalMatchingPursuitCV": _identity,
    "sklearn.TheilSenRegressor": _identity,
    "sklearn.HuberRegressor": _identity,
    "sklearn.QuantileRegressor": _identity,
    "sklearn.SGDRegressor": _identity,
    "sklearn.LinearSVR": _identity,
    "sklearn.PoissonRegressor": _generalized,
    "sklearn.GammaRegressor": _generalized,
    "sklearn.TweedieRegressor": _generalized,
}
CLASSIFIERS: Mapping[str, Callable[[Any, str, Refuse], str]] = {
    "sklearn.LogisticRegression": _logistic,
    "sklearn.LogisticRegressionCV": _logistic,
    "sklearn.LinearSVC": _decisions,
    "sklearn.RidgeClassifier": _decisions,
    "sklearn.RidgeClassifierCV": _decisions,
    "sklearn.Perceptron": _decisions,
    "sklearn.SGDClassifier": _stochastic,
    "sklearn.LinearDiscriminantAnalysis": _discriminant,
}
AFTER: Mapping[str, Callable[[Any, str, Refuse], str]] = {**REGRESSORS, **CLASSIFIERS}
