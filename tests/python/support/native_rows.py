"""Rows on which float32 and missing values go wrong in trees, and a comparison to the last bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from native_backend import METHODS

ROWS = 600


def features(rng: np.random.Generator, *, missing: bool) -> pd.DataFrame:
    """Money, epoch seconds, tiny and huge numbers, a count: where float32 and missing values go wrong."""
    frame = pd.DataFrame(
        {
            "amount": np.round(rng.lognormal(3, 1, ROWS), 2),
            "epoch": 1.7e9 + np.floor(rng.random(ROWS) * 3e7),
            "tiny": rng.normal(size=ROWS) * 1e-38,
            "huge": rng.normal(size=ROWS) * 1e37,
            "sign": np.where(rng.random(ROWS) < 0.3, -0.0, rng.normal(size=ROWS)),
            "visits": rng.integers(0, 12, ROWS).astype(float),
        }
    )
    return frame.mask(rng.random(frame.shape) < 0.1) if missing else frame


def target(frame: pd.DataFrame, rng: np.random.Generator) -> np.ndarray:
    """A number that hangs on every column."""
    filled = frame.fillna(frame.mean())
    z = np.log1p(filled["amount"]) + (filled["epoch"] - 1.715e9) / 1e7 + filled["huge"] / 1e37
    return (z + filled["sign"] * filled["visits"] / 8 + rng.normal(size=ROWS) / 2).to_numpy()


def assert_equal(backend: Any, estimator: Any, X: Any, *, without: str = "") -> None:
    """Every method but `without` gives the same array, whatever holds the numbers."""
    assert np.array_equal(getattr(backend, "classes_", []), getattr(estimator, "classes_", []))
    for method in sorted({*METHODS} - {without}):
        assert hasattr(backend, method) == hasattr(estimator, method), method
        if hasattr(estimator, method):
            expected, found = (getattr(one, method)(X) for one in (estimator, backend))
            assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
            np.testing.assert_array_equal(found, expected)
