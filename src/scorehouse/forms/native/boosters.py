"""LightGBM and XGBoost: the links of their objectives, computed like their C++ code."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from scorehouse.forms.links import Link
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


def lightgbm_classifier(estimator: Any, refuse: Refuse) -> Read:
    """Binary by the sigmoid, multiclass by the softmax."""
    booster = lightgbm.boosting(estimator, refuse)
    slope = next((float(s.partition(":")[2]) for s in booster.settings if s.startswith("sigmoid:")), 1.0)

    links: dict[str, tuple[str, tuple[float, ...]]] = {
        "binary": ("lightgbm_binary", (slope,)),
        "multiclass": ("lightgbm_softmax", ()),
    }
    if booster.objective not in links or callable(estimator._objective):
        raise refuse(estimator, f"with objective {booster.objective!r} it has no native form")
    kind, numbers = links[booster.objective]
    outputs = {
        "predict_proba": Link(kind, numbers),
        "predict": Link(f"{kind}_labels", numbers, is_label=True),
    }
    if hasattr(estimator, "decision_function") and not booster.ensemble.average:  # since 4.7, never averaged
        outputs["decision_function"] = Link("decisions")
    return booster.ensemble, Recipe(
        estimator.n_features_in_, outputs, prepare=_LightgbmNumbers(booster.frame_categories)
    )


def lightgbm_regressor(estimator: Any, refuse: Refuse) -> Read:
    """A number, through the objective's link."""
    booster = lightgbm.boosting(estimator, refuse)
    objective, settings = booster.objective, booster.settings
    if callable(estimator._objective) or "sqrt" in settings:
        raise refuse(estimator, f"its objective {' '.join([objective, *settings])!r} has no native form")
    if objective in LIGHTGBM_LOG_LINK:
        outputs = {"predict": Link("lightgbm_power")}
    elif objective in LIGHTGBM_IDENTITY:
        outputs = {"predict": Link("first")}
    else:
        raise refuse(estimator, f"with objective {objective!r} it has no native form")
    return booster.ensemble, Recipe(
        estimator.n_features_in_, outputs, prepare=_LightgbmNumbers(booster.frame_categories)
    )


@dataclass(frozen=True)
class _LightgbmNumbers:
    """Columns of dtype category as codes in the training order; NaN for unknown categories."""

    categories: list[list[Any]]

    def __call__(self, X: Any) -> Any:
        if isinstance(X, np.ndarray):  # LightGBM turns bare integers into float32
            return X if X.dtype in (np.float32, np.float64) else X.astype(np.float32)
        if not isinstance(X, pd.DataFrame) or not self.categories:
            return X
        chosen = [name for name in X.columns if isinstance(X[name].dtype, pd.CategoricalDtype)]
        if len(chosen) != len(self.categories):
            return X
        codes = {}
        for name, known in zip(chosen, self.categories, strict=True):
            found = X[name].cat.set_categories(known).cat.codes.to_numpy()
            codes[name] = np.where(found < 0, np.nan, found)
        return X.assign(**codes)


def xgboost_classifier(estimator: Any, refuse: Refuse) -> Read:
    """Binary by the sigmoid, multiclass by the softmax, in float32."""
    booster = _xgboost(estimator, refuse)
    links = {"binary:logistic": "xgboost_binary", "multi:softprob": "xgboost_softmax"}
    if booster.objective not in links:
        raise refuse(estimator, f"with objective {booster.objective!r} it has no native form")
    kind = links[booster.objective]
    outputs = {"predict_proba": Link(kind), "predict": Link(f"{kind}_labels", is_label=True)}
    return booster.ensemble, Recipe(estimator.n_features_in_, outputs)


def xgboost_regressor(estimator: Any, refuse: Refuse) -> Read:
    """A number, through the objective's link, in float32."""
    booster = _xgboost(estimator, refuse)
    if booster.objective in LOG_LINK:
        outputs = {"predict": Link("xgboost_power")}
    elif booster.objective in XGBOOST_IDENTITY:
        outputs = {"predict": Link("single")}
    else:
        raise refuse(estimator, f"with objective {booster.objective!r} it has no native form")
    return booster.ensemble, Recipe(estimator.n_features_in_, outputs)


def _xgboost(estimator: Any, refuse: Refuse) -> xgboost.Boosted:
    if not np.isnan(estimator.missing):
        raise refuse(estimator, f"it takes {estimator.missing!r} as missing; only NaN has a native form")
    return xgboost.boosting(estimator, refuse)
