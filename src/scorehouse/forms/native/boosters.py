"""LightGBM and XGBoost: the links of their objectives, computed like their C++ code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from scorehouse.forms.native.native_form import Recipe
from scorehouse.forms.trees import Ensemble
from scorehouse.forms.trees import of_lightgbm as lightgbm
from scorehouse.forms.trees import of_xgboost as xgboost
from scorehouse.forms.trees.of_xgboost import IDENTITY, LOG_LINK

Refuse = Callable[[Any, str], Exception]
Read = tuple[Ensemble, Recipe]
LIGHTGBM_LOG_LINK = ("poisson", "gamma", "tweedie")
# objectives whose scores are returned unchanged
LIGHTGBM_IDENTITY = (
    "regression",
    "regression_l1",
    "huber",
    "fair",
    "quantile",
    "mape",
    "lambdarank",
    "rank_xendcg",
)
XGBOOST_IDENTITY = (*IDENTITY, "rank:pairwise", "rank:ndcg", "rank:map")


def exponential(values: np.ndarray) -> np.ndarray:
    """exp from the C library, in the dtype of `values`, which has one dimension."""
    from scorehouse.forms.native.kernel import exponentials

    powers = np.array(values, order="C")
    exponentials(powers)
    return powers


def lightgbm_classifier(estimator: Any, refuse: Refuse) -> Read:
    """Binary by the sigmoid, multiclass by the softmax."""
    booster = lightgbm.boosting(estimator, refuse)
    slope = next((float(s.partition(":")[2]) for s in booster.settings if s.startswith("sigmoid:")), 1.0)

    def binary(sums: np.ndarray) -> np.ndarray:
        shares = 1.0 / (1.0 + exponential(-slope * sums[:, 0]))
        return np.vstack((1.0 - shares, shares)).transpose()

    links = {"binary": binary, "multiclass": _softmax}
    if booster.objective not in links or callable(estimator._objective):
        raise refuse(estimator, f"with objective {booster.objective!r} it has no native form")
    link = links[booster.objective]
    outputs = {
        "predict_proba": link,
        "predict": lambda sums: estimator._le.inverse_transform(np.argmax(link(sums), axis=1)),
    }
    if hasattr(estimator, "decision_function") and not booster.ensemble.average:  # since 4.7, never averaged
        outputs["decision_function"] = lambda sums: sums[:, 0] if sums.shape[1] == 1 else sums
    return booster.ensemble, Recipe(
        estimator.n_features_in_, outputs, prepare=_lightgbm_numbers(booster.frame_categories)
    )


def lightgbm_regressor(estimator: Any, refuse: Refuse) -> Read:
    """A number, through the objective's link."""
    booster = lightgbm.boosting(estimator, refuse)
    objective, settings = booster.objective, booster.settings
    if callable(estimator._objective) or "sqrt" in settings:
        raise refuse(estimator, f"its objective {' '.join([objective, *settings])!r} has no native form")
    if objective in LIGHTGBM_LOG_LINK:
        outputs = {"predict": lambda sums: exponential(sums[:, 0])}
    elif objective in LIGHTGBM_IDENTITY:
        outputs = {"predict": lambda sums: sums[:, 0]}
    else:
        raise refuse(estimator, f"with objective {objective!r} it has no native form")
    return booster.ensemble, Recipe(
        estimator.n_features_in_, outputs, prepare=_lightgbm_numbers(booster.frame_categories)
    )


def _softmax(sums: np.ndarray) -> np.ndarray:
    greatest = sums.max(axis=1)
    powers = [exponential(sums[:, k] - greatest) for k in range(sums.shape[1])]
    total = np.zeros(len(sums))
    for power in powers:
        total += power
    return np.column_stack([power / total for power in powers])


def _lightgbm_numbers(categories: list[list[Any]]) -> Callable[[Any], Any]:
    """Columns of dtype category as codes in the training order; NaN for unknown categories."""

    def prepare(X: Any) -> Any:
        if isinstance(X, np.ndarray):  # LightGBM turns bare integers into float32
            return X if X.dtype in (np.float32, np.float64) else X.astype(np.float32)
        if not isinstance(X, pd.DataFrame) or not categories:
            return X
        chosen = [name for name in X.columns if isinstance(X[name].dtype, pd.CategoricalDtype)]
        if len(chosen) != len(categories):
            return X
        codes = {}
        for name, known in zip(chosen, categories, strict=True):
            found = X[name].cat.set_categories(known).cat.codes.to_numpy()
            codes[name] = np.where(found < 0, np.nan, found)
        return X.assign(**codes)

    return prepare


def xgboost_classifier(estimator: Any, refuse: Refuse) -> Read:
    """Binary by the sigmoid, multiclass by the softmax, in float32."""
    booster = _xgboost(estimator, refuse)
    links = {"binary:logistic": _xgboost_binary, "multi:softprob": _xgboost_softmax}
    if booster.objective not in links:
        raise refuse(estimator, f"with objective {booster.objective!r} it has no native form")
    link = links[booster.objective]
    outputs = {"predict_proba": link, "predict": lambda sums: _labels(link(sums))}
    return booster.ensemble, Recipe(estimator.n_features_in_, outputs)


def xgboost_regressor(estimator: Any, refuse: Refuse) -> Read:
    """A number, through the objective's link, in float32."""
    booster = _xgboost(estimator, refuse)
    if booster.objective in LOG_LINK:
        outputs = {"predict": lambda sums: exponential(sums[:, 0].astype(np.float32))}
    elif booster.objective in XGBOOST_IDENTITY:
        outputs = {"predict": lambda sums: sums[:, 0].astype(np.float32)}
    else:
        raise refuse(estimator, f"with objective {booster.objective!r} it has no native form")
    return booster.ensemble, Recipe(estimator.n_features_in_, outputs)


def _xgboost(estimator: Any, refuse: Refuse) -> xgboost.Boosted:
    if not np.isnan(estimator.missing):
        raise refuse(estimator, f"it takes {estimator.missing!r} as missing; only NaN has a native form")
    return xgboost.boosting(estimator, refuse)


def _xgboost_binary(sums: np.ndarray) -> np.ndarray:
    """XGBoost's own sigmoid: 1 / (exp(min(-raw, 88.7)) + 1)."""
    one = np.float32(1.0)
    negative = np.minimum(-sums[:, 0].astype(np.float32), np.float32(88.7))
    shares = one / (exponential(negative) + one)
    return np.vstack((one - shares, shares)).transpose()


def _xgboost_softmax(sums: np.ndarray) -> np.ndarray:
    """XGBoost's own softmax: powers in float32, their sum in double, rounded before it divides."""
    raw = sums.astype(np.float32)
    greatest = raw.max(axis=1)
    powers = [exponential(raw[:, k] - greatest) for k in range(raw.shape[1])]
    total = np.zeros(len(raw))
    for power in powers:
        total += power
    return np.column_stack([power / total.astype(np.float32) for power in powers])


def _labels(shares: np.ndarray) -> np.ndarray:
    return (shares[:, 1] > 0.5).astype(np.int64) if shares.shape[1] == 2 else np.argmax(shares, axis=1)
