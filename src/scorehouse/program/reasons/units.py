"""The unit of contributions, in one explicit dict by the name of the link, and the explained outputs."""

from __future__ import annotations

from collections.abc import Mapping

from scorehouse.program.links import Link
from scorehouse.registry.version import MULTILABEL, MULTIOUTPUT, Version

LOG_ODDS, LOGIT, ONE_VS_REST = "log-odds", "logit of the class", "log-odds of the class"
DECISION, PROBABILITY, LOGARITHM = "decision value", "probability", "logarithm of the prediction"
PREDICTION, LENGTH = "the prediction's own unit", "sum of path lengths (longer: more ordinary)"
# the unit of one sum, and of one sum for each class
UNITS: Mapping[str, tuple[str, str]] = {
    "sums": (PROBABILITY, PROBABILITY),
    "first": (PREDICTION, PREDICTION),
    "single": (PREDICTION, PREDICTION),
    "singles": (PREDICTION, PREDICTION),
    "decisions": (DECISION, DECISION),
    "shares": (LOG_ODDS, LOGIT),
    "hist_shares": (LOG_ODDS, LOGIT),
    "sigmoids": (LOG_ODDS, ONE_VS_REST),
    "softmax": (LOGIT, LOGIT),
    "clipped": (DECISION, DECISION),
    "power": (LOGARITHM, LOGARITHM),
    "isolation": (LENGTH, LENGTH),
    "isolation_decisions": (LENGTH, LENGTH),
    "lightgbm_power": (LOGARITHM, LOGARITHM),
    "lightgbm_binary": (LOG_ODDS, LOGIT),
    "lightgbm_softmax": (LOGIT, LOGIT),
    "xgboost_power": (LOGARITHM, LOGARITHM),
    "xgboost_binary": (LOG_ODDS, LOGIT),
    "xgboost_softmax": (LOGIT, LOGIT),
}


def unit_of(version: Version, link: Link, outputs: int) -> str:
    """The unit of sums in front of a link; `outputs` is their number."""
    if version.task == MULTIOUTPUT:
        return PREDICTION
    one, several = UNITS[link.kind]
    scaled = link.kind in ("shares", "lightgbm_binary") and link.numbers not in ((), (1.0,))
    return DECISION if scaled else one if outputs == 1 or link.each else several


def scoring_link(version: Version, links: Mapping[str, Link]) -> tuple[str, Link] | None:
    """The method whose result the score is, and its link; None if the score is no function of sums."""
    method = version.score_method if version.score_method in links else "predict"
    link = links.get(method)
    return None if link is None or link.is_label or link.kind not in UNITS else (method, link)


def explained_outputs(version: Version, outputs: int) -> tuple[int, ...]:
    """The sums that are explained: of two classes the positive one's, of more classes all.

    Of several outputs all are explained, and of several labels the sum of each one's positive class.
    """
    if version.task == MULTIOUTPUT:
        return tuple(range(outputs))
    if version.task == MULTILABEL:
        width = outputs // len(version.outputs)
        return tuple(range(width - 1, outputs, width))
    if version.task == "classification" and len(version.classes) > 2:
        return tuple(range(outputs))
    return (outputs - 1,)
