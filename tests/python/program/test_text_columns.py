"""Columns that one text feature makes are summed for each text, and rows look the sums up."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from project import MakeKernel, batch_of
from scorehouse.kernel.rows import check_batch
from scorehouse.kernel.scorer import Kernel
from scorehouse.program.matrix.layers import BLOCK, StoredMatrix
from scorehouse.program.matrix.make import compile_matrix
from scorehouse.program.reasons.make import linear_reasons

ROWS = BLOCK + 64
DRAW = np.random.default_rng(0)
CITIES = np.array(["Aarhus", "Bilbao", "Cork", None], dtype=object)
X = pd.DataFrame(
    {
        "city": CITIES[DRAW.integers(0, 4, ROWS)],
        "amount": DRAW.normal(size=ROWS),
        "plan": np.array(["a", "b", "c", "d", "e"], dtype=object)[DRAW.integers(0, 5, ROWS)],
    }
)
Y = (X.amount + (X.city == "Cork") - (X.plan == "b") + DRAW.normal(size=ROWS) > 0).astype(int)
TWO = np.where(X.amount > 1, 2, Y)
ENCODED = make_column_transformer(
    (OneHotEncoder(handle_unknown="ignore"), ["city", "plan"]), remainder="passthrough", sparse_threshold=0
)


def _made(kernel: Kernel) -> StoredMatrix:
    return compile_matrix(kernel.estimator, kernel.version, kernel.signature, kernel.call)


def _columns(kernel: Kernel, frame: pd.DataFrame) -> list[pa.Array]:
    return check_batch(kernel.signature, batch_of(frame), frozenset()).columns


@pytest.mark.parametrize("labels", [Y, TWO], ids=["one sum", "a sum for each class"])
@pytest.mark.parametrize("last", [[], [StandardScaler()], [StandardScaler(), PCA(4)]], ids=str)
def test_sums_of_texts_are_those_of_their_columns(make_kernel: MakeKernel, last: Any, labels: Any) -> None:
    estimator = make_pipeline(ENCODED, *last, LogisticRegression()).fit(X, labels)
    kernel = make_kernel(estimator, X, labels, task="classification")
    backend = _made(kernel)
    for number in range(2):  # texts that were not seen come between those that are known
        frame = X.assign(city=np.where(X.index % 7 == number, f"new {number}", X.city))
        columns = _columns(kernel, frame)
        plain, texts = backend.columns_apart(columns, len(backend.layers[-1].arrays[0]))
        assert len(plain) < len(backend.columns.outputs) and texts
        expected = backend.sums(backend.numbers(columns), ROWS, None)
        np.testing.assert_allclose(backend.read_columns(columns), expected, rtol=1e-12, atol=1e-12)


def test_a_text_that_is_refused_is_refused_in_its_own_rows_alone(make_kernel: MakeKernel) -> None:
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan)
    steps = make_column_transformer((encoder, ["plan"]), ("passthrough", ["amount"]))
    frame = X.drop(columns="city")
    estimator = make_pipeline(steps, StandardScaler(), LogisticRegression()).fit(frame, Y)
    kernel = make_kernel(estimator, frame, Y, task="classification")
    backend = _made(kernel)
    expected = backend.read_columns(_columns(kernel, frame))
    with pytest.raises(ValueError, match="not finite"):
        backend.read_columns(_columns(kernel, frame.assign(plan="new")))
    assert np.array_equal(backend.read_columns(_columns(kernel, frame)), expected)


@pytest.mark.parametrize("labels", [Y, TWO], ids=["one total", "a total for each class"])
def test_reasons_of_texts_are_those_of_their_columns(make_kernel: MakeKernel, labels: Any) -> None:
    estimator = make_pipeline(ENCODED, StandardScaler(), LogisticRegression()).fit(X, labels)
    kernel = make_kernel(estimator, X, labels, task="classification")
    backend, columns = _made(kernel), _columns(kernel, X)
    reasons = linear_reasons(backend, columns, kernel.version, kernel.signature, kernel.call)
    numbers = reasons.numbers(columns)
    np.testing.assert_allclose(reasons.means, [column.mean() for column in numbers], rtol=1e-12)
    found, expected = reasons.contributions(columns), reasons.contributions_of(numbers, ROWS)
    np.testing.assert_allclose(found.parts, expected.parts, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(found.totals, expected.totals, rtol=1e-12, atol=1e-12)
