"""CatBoost's own binary file (cbm): the trees and the class labels, without pickle."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from scorehouse.registry.formats.base import Format, cannot_store, does_not_load, import_extra
from scorehouse.registry.signature import Signature
from scorehouse.registry.version import Version


def dump(estimator: Any, signature: Signature, version: Version, call: str) -> bytes:
    catboost = import_extra("catboost", "boosters", call)
    if not isinstance(estimator, catboost.CatBoost):
        raise cannot_store(estimator, "catboost", "it is not a CatBoost estimator", call)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.cbm"
        estimator.save_model(str(file), format="cbm")
        return file.read_bytes()


def load(data: bytes, version: Version, trusted: tuple[str, ...], call: str) -> Any:
    """The scikit-learn wrapper that fits the version around the loaded trees."""
    catboost = import_extra("catboost", "boosters", call)
    if version.classes:
        estimator = catboost.CatBoostClassifier()
    else:
        estimator = catboost.CatBoostRanker() if version.task == "ranking" else catboost.CatBoostRegressor()
    try:
        return estimator.load_model(blob=data)
    except Exception as error:
        raise does_not_load(version, error, "a CatBoost cbm file", call) from error


FORMAT = Format(name="catboost", suffix=".cbm", library="catboost", dump=dump, load=load, extra="boosters")
