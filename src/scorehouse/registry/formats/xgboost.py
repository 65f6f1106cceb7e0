"""XGBoost's own JSON file: the trees, without pickle."""

from __future__ import annotations

import math
from typing import Any

from scorehouse.registry.formats.base import Format, cannot_store, does_not_load, import_extra
from scorehouse.registry.signature import Signature
from scorehouse.registry.version import MULTILABEL, Version

WRAPPERS = {"classification": "XGBClassifier", MULTILABEL: "XGBClassifier", "ranking": "XGBRanker"}


def dump(estimator: Any, signature: Signature, version: Version, call: str) -> bytes:
    xgboost = import_extra("xgboost", "boosters", call)
    if not isinstance(estimator, xgboost.XGBModel):
        raise cannot_store(estimator, "xgboost", "it is not an XGBoost estimator", call)
    missing = estimator.get_params().get("missing")
    if missing is not None and not math.isnan(missing):
        raise cannot_store(estimator, "xgboost", f"missing={missing!r} is not kept in the file", call)
    return bytes(estimator.get_booster().save_raw("json"))


def load(data: bytes, version: Version, trusted: tuple[str, ...], call: str) -> Any:
    """The scikit-learn wrapper of the version's task around the loaded booster."""
    xgboost = import_extra("xgboost", "boosters", call)
    name = WRAPPERS.get(version.task, "XGBRegressor")
    if version.task == "ranking" and version.classes:
        name = "XGBClassifier"
    estimator = getattr(xgboost, name)(enable_categorical=True)
    try:
        estimator.load_model(bytearray(data))
    except Exception as error:
        raise does_not_load(version, error, "an XGBoost JSON file", call) from error
    return estimator


FORMAT = Format(name="xgboost", suffix=".json", library="xgboost", dump=dump, load=load, extra="boosters")
