"""Estimators that misbehave in a Python worker; they are found by name there, so this is a module."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin


class Sum(RegressorMixin, BaseEstimator):
    """Adds up each row; what the others are built on."""

    def fit(self, X: Any, y: Any = None) -> Sum:
        self.n_features_in_ = X.shape[1]
        return self

    def predict(self, X: Any) -> np.ndarray:
        return np.asarray(X, dtype=float).sum(axis=1)


class Slow(Sum):
    """Takes half a second a batch, or until there is a file, and says in another that it has begun."""

    def __init__(self, sign: str = "", until: str = "") -> None:
        self.sign = sign
        self.until = until

    def predict(self, X: Any) -> np.ndarray:
        if self.sign and len(X) > 1000:
            Path(self.sign).touch()
            end = time.monotonic() + (300 if self.until else 0.5)
            while time.monotonic() < end and not (self.until and Path(self.until).exists()):
                time.sleep(0.05)
        return super().predict(X)


class Greedy(Sum):
    """Ends as the system ends a process that takes too much memory, once it has many rows to predict."""

    def predict(self, X: Any) -> np.ndarray:
        if len(X) > 1000:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().predict(X)


class Hungry(Sum):
    """Asks for more memory than `spark.executor.pyspark.memory` lets a worker have."""

    def predict(self, X: Any) -> np.ndarray:
        if np.asarray(X)[:, 0].max() > 500:
            np.empty(2**31)  # 16 GiB, of which not a byte is written
        return super().predict(X)
