"""The boosters' own files, without pickle: text of LightGBM, JSON of XGBoost, the binary cbm of CatBoost."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from scorehouse.registry.formats.base import Format, cannot_store, import_extra
from scorehouse.registry.signature import Signature
from scorehouse.registry.version import Version

EXTRA = "boosters"


class BoosterRegressor:
    """Predicts with a booster of LightGBM; also for ranking."""

    def __init__(self, booster: Any) -> None:
        self.booster = booster

    def predict(self, X: Any) -> np.ndarray:
        return np.asarray(self.booster.predict(X))


class BoosterClassifier:
    """Class probabilities, shape (rows, classes), and labels, as LightGBM's own wrapper gives them."""

    def __init__(self, booster: Any, classes: Any) -> None:
        self.booster = booster
        self.classes_ = np.asarray(classes)

    def predict_proba(self, X: Any) -> np.ndarray:
        scores = np.asarray(self.booster.predict(X))
        return scores if scores.ndim == 2 else np.vstack((1.0 - scores, scores)).transpose()

    def predict(self, X: Any) -> np.ndarray:
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


def dump_lightgbm(estimator: Any, signature: Signature, version: Version, call: str) -> bytes:
    _check_kind(estimator, "lightgbm", "LGBMModel", "a LightGBM estimator", call)
    if callable(estimator.objective):
        raise cannot_store(estimator, "lightgbm", "its objective is a Python function", call)
    return str(estimator.booster_.model_to_string()).encode()


def load_lightgbm(data: bytes, version: Version, trusted: tuple[str, ...], call: str) -> Any:
    """An object that predicts with the booster; the class labels are in the registry, not in the file."""
    lightgbm = import_extra("lightgbm", EXTRA, call)
    booster = lightgbm.Booster(model_str=data.decode())
    return BoosterClassifier(booster, version.classes) if version.classes else BoosterRegressor(booster)


def dump_xgboost(estimator: Any, signature: Signature, version: Version, call: str) -> bytes:
    _check_kind(estimator, "xgboost", "XGBModel", "an XGBoost estimator", call)
    missing = estimator.get_params().get("missing")
    if missing is not None and not math.isnan(missing):
        raise cannot_store(estimator, "xgboost", f"missing={missing!r} is not kept in the file", call)
    return bytes(estimator.get_booster().save_raw("json"))


def load_xgboost(data: bytes, version: Version, trusted: tuple[str, ...], call: str) -> Any:
    """The scikit-learn wrapper of the version's task around the loaded booster."""
    xgboost = import_extra("xgboost", EXTRA, call)
    estimator = getattr(xgboost, f"XGB{_kind(version)}")(enable_categorical=True)
    estimator.load_model(bytearray(data))
    return estimator


def dump_catboost(estimator: Any, signature: Signature, version: Version, call: str) -> bytes:
    _check_kind(estimator, "catboost", "CatBoost", "a CatBoost estimator", call)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.cbm"
        estimator.save_model(str(file), format="cbm")
        return file.read_bytes()


def load_catboost(data: bytes, version: Version, trusted: tuple[str, ...], call: str) -> Any:
    """The scikit-learn wrapper that fits the version around the loaded trees."""
    catboost = import_extra("catboost", EXTRA, call)
    return getattr(catboost, f"CatBoost{_kind(version)}")().load_model(blob=data)


def _kind(version: Version) -> str:
    """How the names of the wrappers end for the version's task."""
    if version.classes:
        return "Classifier"
    return "Ranker" if version.task == "ranking" else "Regressor"


def _check_kind(estimator: Any, library: str, base: str, kind: str, call: str) -> None:
    if not isinstance(estimator, getattr(import_extra(library, EXTRA, call), base)):
        raise cannot_store(estimator, library, f"it is not {kind}", call)


FORMATS = (
    Format("lightgbm", ".txt", "lightgbm", dump_lightgbm, load_lightgbm, "a LightGBM text file"),
    Format("xgboost", ".json", "xgboost", dump_xgboost, load_xgboost, "an XGBoost JSON file"),
    Format("catboost", ".cbm", "catboost", dump_catboost, load_catboost, "a CatBoost cbm file"),
)
