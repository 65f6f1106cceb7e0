"""What contributions are computed from: the features of columns, the explained sums, and their unit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from scorehouse.certificate.boosters import Links
from scorehouse.certificate.columns import Column
from scorehouse.certificate.forest import NotRead
from scorehouse.registry.version import MULTILABEL, MULTIOUTPUT, Version

PREDICTION = "the prediction's own unit"
UNIT_OF_ONE = {
    **dict.fromkeys(("first", "single", "singles"), PREDICTION),
    **dict.fromkeys(("shares", "hist_shares", "sigmoids"), "log-odds"),
    **dict.fromkeys(("lightgbm_binary", "xgboost_binary"), "log-odds"),
    **dict.fromkeys(("power", "lightgbm_power", "xgboost_power"), "logarithm of the prediction"),
    **dict.fromkeys(("isolation", "isolation_decisions"), "sum of path lengths (longer: more ordinary)"),
    **dict.fromkeys(("decisions", "clipped"), "decision value"),
    "sums": "probability",
}
UNIT_OF_CLASSES = {
    **UNIT_OF_ONE,
    **dict.fromkeys(("shares", "hist_shares", "softmax"), "logit of the class"),
    **dict.fromkeys(("lightgbm_softmax", "xgboost_softmax"), "logit of the class"),
    "sigmoids": "log-odds of the class",
}


def differences(
    head: Mapping[str, Any], version: Version, columns: Sequence[Column], links: Links, sums: int
) -> list[str]:
    """How owners, outputs and unit differ from those of these columns, links and sums."""
    if version.task == MULTILABEL:
        raise NotRead("contributions to several labels are not read")
    method = version.score_method if version.score_method in links else "predict"
    if method not in links:
        raise NotRead("the link of its score is not read")
    kind, numbers, _ = links[method]
    of_all = version.task == MULTIOUTPUT or len(version.classes) > 2
    explained = [*range(sums)] if of_all else [sums - 1]
    unit = (UNIT_OF_ONE if sums == 1 else UNIT_OF_CLASSES).get(kind)
    if kind in ("shares", "lightgbm_binary") and numbers not in ((), (1.0,)):
        unit = "decision value"  # log-odds are a multiple of it
    if version.task == MULTIOUTPUT:
        unit = PREDICTION
    wanted = {
        "owners": [feature_of(column) for column in columns],
        "explained": explained,
        "unit": unit,
    }
    return [
        f"{name}: it has {head.get(name)}, the estimator {value}"
        for name, value in wanted.items()
        if head.get(name) != value
    ]


def feature_of(column: Column) -> int:
    """The feature that a column is made of; a constant, which contributes nothing, counts as the first's."""
    while column[0] not in ("feature", "constant"):
        column = column[1]
    return int(column[1]) if column[0] == "feature" else 0
