"""The estimator is not asked twice for all rows where the kernel gave it the very frame of the caller."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.linear_model import LinearRegression

from project import MakeKernel
from scorehouse.errors import EstimatorError
from scorehouse.kernel.scorer import Kernel
from scorehouse.registration import prove_given
from scorehouse.registration.training import Training, training_of

SLOW = pytest.mark.slow  # the class of each is tried in a process of its own
ROWS = 200
NUMBERS = np.linspace(-1.0, 1.0, ROWS)
WORDS = [f"word {i % 7}" for i in range(ROWS)]


class Lengths(LinearRegression):
    """Takes any columns: numbers as they are, and of others the length of their text."""

    def fit(self, X: pd.DataFrame, y: Any) -> Lengths:
        super().fit(_numbers(X), y)
        self.feature_names_in_ = np.array(X.columns, dtype=object)
        self.asked: list[int] = []
        return self

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        self.asked.append(len(X))
        return np.asarray(_numbers(X) @ self.coef_ + self.intercept_)


def _numbers(X: pd.DataFrame) -> np.ndarray:
    return np.column_stack([_number(X[name]) for name in X])


def _number(column: pd.Series) -> np.ndarray:
    if pd.api.types.is_numeric_dtype(column):
        return np.nan_to_num(column.to_numpy(dtype=np.float64, na_value=0.0))
    return np.array([len(str(value)) for value in column.astype(object)], dtype=np.float64)


def _asked(make_kernel: MakeKernel, column: Any, index: Any = None) -> tuple[Kernel, Training]:
    X = pd.DataFrame({"x": NUMBERS, "other": column}, index=index)
    estimator = Lengths().fit(X, NUMBERS)
    kernel = make_kernel(estimator, X, NUMBERS, task="regression")
    return kernel, training_of(X, kernel.estimator, None, "test")


@pytest.mark.parametrize(
    ("column", "index", "all_rows"),
    [
        pytest.param(NUMBERS, None, False, id="doubles"),
        pytest.param(np.arange(ROWS), None, False, marks=SLOW, id="integers"),
        pytest.param(NUMBERS > 0, None, False, marks=SLOW, id="booleans"),
        pytest.param(pd.Series(WORDS), None, False, marks=SLOW, id="text"),
        pytest.param(pd.Series(WORDS, dtype=object), None, False, marks=SLOW, id="objects"),
        pytest.param(pd.Series([None, *WORDS[1:]], dtype=object), None, True, marks=SLOW, id="objects, None"),
        pytest.param(pd.Series(WORDS, dtype="category"), None, True, id="category"),
        pytest.param(pd.Series(np.arange(ROWS), dtype="Int64"), None, True, marks=SLOW, id="Int64"),
        pytest.param(NUMBERS, range(1, ROWS + 1), True, marks=SLOW, id="index from one"),
        pytest.param(NUMBERS, [f"row {i}" for i in range(ROWS)], True, marks=SLOW, id="index of text"),
    ],
)
def test_only_frames_that_arrive_as_given(
    make_kernel: MakeKernel, monkeypatch: pytest.MonkeyPatch, column: Any, index: Any, all_rows: bool
) -> None:
    kernel, training = _asked(make_kernel, column, index)
    monkeypatch.setattr(prove_given, "ROWS_ASKED", 50)
    watched = prove_given.Watched(kernel)
    scored = watched(training.batch)
    kernel.estimator.asked.clear()
    prove_given.prove_as_given(kernel, training, scored, None, watched.gave)
    assert kernel.estimator.asked == [ROWS if all_rows else 50]


def test_one_value_that_arrives_otherwise_is_found(
    make_kernel: MakeKernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row that is none of the few, too."""
    kernel, training = _asked(make_kernel, NUMBERS)
    monkeypatch.setattr(prove_given, "ROWS_ASKED", 50)
    values = training.batch.column("other").to_numpy().copy()
    values[3] += 1.0
    wrong = training.batch.set_column(1, "other", pa.array(values))
    with pytest.raises(EstimatorError, match=r"1 of 200 training rows .* rows \[3\]"):
        watched = prove_given.Watched(kernel)
        prove_given.prove_as_given(kernel, replace(training, batch=wrong), watched(wrong), None, watched.gave)
