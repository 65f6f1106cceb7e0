"""LightGBM's own text file: the trees, without pickle.

The file does not contain class labels: they are in the registry.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from scorehouse.registry.formats.base import Format, cannot_store, does_not_load, import_extra
from scorehouse.registry.signature import Signature
from scorehouse.registry.version import Version


class BoosterRegressor:
    """Predicts with a booster; also for ranking."""

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


def dump(estimator: Any, signature: Signature, version: Version, call: str) -> bytes:
    lightgbm = import_extra("lightgbm", "boosters", call)
    if not isinstance(estimator, lightgbm.LGBMModel):
        raise cannot_store(estimator, "lightgbm", "it is not a LightGBM estimator", call)
    if callable(estimator.objective):
        raise cannot_store(estimator, "lightgbm", "its objective is a Python function", call)
    return str(estimator.booster_.model_to_string()).encode()


def load(data: bytes, version: Version, trusted: tuple[str, ...], call: str) -> Any:
    lightgbm = import_extra("lightgbm", "boosters", call)
    try:
        booster = lightgbm.Booster(model_str=data.decode(), params={"verbosity": -1})
    except Exception as error:
        raise does_not_load(version, error, "a LightGBM text file", call) from error
    return BoosterClassifier(booster, version.classes) if version.classes else BoosterRegressor(booster)


FORMAT = Format(name="lightgbm", suffix=".txt", library="lightgbm", dump=dump, load=load, extra="boosters")
