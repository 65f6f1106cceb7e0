"""LightGBM's objectives on top of its trees."""

from __future__ import annotations

from typing import Any

from scorehouse.forms.sql.builder import Builder, Scores, Value
from scorehouse.forms.sql.ensembles import grouped
from scorehouse.forms.sql.expression import Expr, multiply
from scorehouse.forms.sql.scale import numbers_only
from scorehouse.forms.sql.scores import exponential, mean, sigmoid, softmax
from scorehouse.forms.trees import of_lightgbm as lightgbm

LOG_LINK = ("poisson", "gamma", "tweedie")


def boosting(b: Builder, estimator: Any, values: list[Value], method: str) -> Scores:
    """The sum of the trees, through the objective's link."""
    numbers_only(b, estimator, values)
    booster = lightgbm.boosting(estimator, b.refuse)
    if booster.frame_categories:
        raise b.refuse(estimator, "it was fitted on columns of dtype category; encode them in the pipeline")
    objective, settings = booster.objective, booster.settings
    terms = grouped(b, booster.ensemble, values)
    average = booster.ensemble.average
    raw = [b.bind(mean(b, one, "boosted") if average else b.sum(one, "boosted"), "raw") for one in terms]
    if method == "predict":
        return Scores((_regression(b, estimator, objective, settings, raw[0]),))
    if method != "predict_proba" or estimator.objective_ not in ("binary", "multiclass"):
        raise b.refuse(estimator, f"with objective {objective!r} it has no form of {method}")
    if objective == "binary":
        slope = next((float(s.partition(":")[2]) for s in settings if s.startswith("sigmoid:")), 1.0)
        return Scores((sigmoid(b, multiply(raw[0], slope)),), bounded=True)
    return Scores(softmax(b, raw), bounded=True)


def _regression(b: Builder, estimator: Any, objective: str, settings: tuple[str, ...], raw: Expr) -> Expr:
    if objective in LOG_LINK:
        return exponential(b, raw)
    if "sqrt" in settings or objective.startswith("cross_entropy"):
        raise b.refuse(estimator, f"its objective {' '.join([objective, *settings])!r} has no form in SQL")
    return raw
