"""LightGBM and XGBoost: the links of their objectives, computed like their C++ code."""

from __future__ import annotations

from typing import Any

import numpy as np

from scorehouse.program.links import Link
from scorehouse.program.native.recipe import Read, Recipe, Refuse
from scorehouse.program.trees import of_lightgbm as lightgbm
from scorehouse.program.trees import of_xgboost as xgboost
from scorehouse.program.trees.of_xgboost import LOG_LINK

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
XGBOOST_IDENTITY = (
    "reg:squarederror",
    "reg:absoluteerror",
    "reg:pseudohubererror",
    "reg:quantileerror",
    "rank:pairwise",
    "rank:ndcg",
    "rank:map",
)


def lightgbm_classifier(estimator: Any, refuse: Refuse) -> Read:
    """Binary by the sigmoid, multiclass by the softmax."""
    booster = lightgbm.boosting(estimator, refuse)
    slope = next((float(s.partition(":")[2]) for s in booster.settings if s.startswith("sigmoid:")), 1.0)

    links: dict[str, tuple[str, tuple[float, ...]]] = {
        "binary": ("lightgbm_binary", (slope,)),
        "multiclass": ("lightgbm_softmax", ()),
    }
    if booster.objective not in links or callable(estimator._objective):
        raise refuse(estimator, f"with objective {booster.objective!r} it has no equivalent in native code")
    kind, numbers = links[booster.objective]
    outputs = {
        "predict_proba": Link(kind, numbers),
        "predict": Link(f"{kind}_labels", numbers, is_label=True),
    }
    if hasattr(estimator, "decision_function") and not booster.ensemble.average:  # since 4.7, never averaged
        outputs["decision_function"] = Link("decisions")
    return booster.ensemble, Recipe(outputs, categories=booster.frame_categories)


def lightgbm_regressor(estimator: Any, refuse: Refuse) -> Read:
    """A number, through the objective's link."""
    booster = lightgbm.boosting(estimator, refuse)
    objective, settings = booster.objective, booster.settings
    if callable(estimator._objective) or "sqrt" in settings:
        raise refuse(
            estimator, f"its objective {' '.join([objective, *settings])!r} has no equivalent in native code"
        )
    if objective in LIGHTGBM_LOG_LINK:
        outputs = {"predict": Link("lightgbm_power")}
    elif objective in LIGHTGBM_IDENTITY:
        outputs = {"predict": Link("first")}
    else:
        raise refuse(estimator, f"with objective {objective!r} it has no equivalent in native code")
    return booster.ensemble, Recipe(outputs, categories=booster.frame_categories)


def xgboost_classifier(estimator: Any, refuse: Refuse) -> Read:
    """Binary by the sigmoid, multiclass by the softmax, in float32."""
    booster = _xgboost(estimator, refuse)
    links = {"binary:logistic": "xgboost_binary", "multi:softprob": "xgboost_softmax"}
    if booster.objective not in links:
        raise refuse(estimator, f"with objective {booster.objective!r} it has no equivalent in native code")
    kind = links[booster.objective]
    outputs = {"predict_proba": Link(kind), "predict": Link(f"{kind}_labels", is_label=True)}
    return booster.ensemble, Recipe(outputs)


def xgboost_regressor(estimator: Any, refuse: Refuse) -> Read:
    """A number, through the objective's link, in float32."""
    booster = _xgboost(estimator, refuse)
    if booster.objective in LOG_LINK:
        outputs = {"predict": Link("xgboost_power")}
    elif booster.objective in XGBOOST_IDENTITY:
        outputs = {"predict": Link("single")}
    else:
        raise refuse(estimator, f"with objective {booster.objective!r} it has no equivalent in native code")
    return booster.ensemble, Recipe(outputs)


def _xgboost(estimator: Any, refuse: Refuse) -> xgboost.Boosted:
    if not np.isnan(estimator.missing):
        raise refuse(
            estimator, f"it takes {estimator.missing!r} as missing; only NaN has an equivalent in native code"
        )
    return xgboost.boosting(estimator, refuse)
