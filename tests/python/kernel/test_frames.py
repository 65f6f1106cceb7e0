"""Columns become the frame of the fit again, whatever its types; rows on which it fails are found."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.linear_model import LogisticRegression

from scorehouse.errors import EstimatorError, SignatureError
from scorehouse.kernel.frames import estimator_input
from scorehouse.kernel.rows import check_batch
from scorehouse.kernel.scorer import Kernel, Unopened
from scorehouse.kernel.training_batch import training_batch
from scorehouse.registry.signature import Feature, Signature
from scorehouse.registry.version import Version

INT64_LARGEST = 2**63 - 1
DAYS = [datetime(2024, 2, 29, 23, 59, 58, 123456), datetime(1969, 12, 31), None]
# type and dtype of a feature, what the table has, and the training column with the same values
COLUMNS: list[tuple[dict[str, Any], pa.Array, pd.Series[Any]]] = [
    ({"type": "double", "dtype": "float64"}, pa.array([0.1, -1e300, None]), pd.Series([0.1, -1e300, None])),
    (
        {"type": "double", "dtype": "float32"},
        pa.array([0.1, 1e39, None]),
        pd.Series([np.float32(0.1), np.inf, None], dtype="float32"),
    ),
    (
        {"type": "double", "dtype": "Float64"},
        pa.array([0.1, 2.5, None]),
        pd.Series([0.1, 2.5, None], dtype="Float64"),
    ),
    (
        {"type": "integer", "dtype": "int64"},
        pa.array([1, -7, INT64_LARGEST]),
        pd.Series([1, -7, INT64_LARGEST]),
    ),
    ({"type": "integer", "dtype": "int64"}, pa.array([1, -7, None]), pd.Series([1.0, -7.0, None])),
    (
        {"type": "integer", "dtype": "Int8"},
        pa.array([127, -128, None]),
        pd.Series([127, -128, None], dtype="Int8"),
    ),
    (
        {"type": "integer", "dtype": "UInt8"},
        pa.array([255, 0, None]),
        pd.Series([255, 0, None], dtype="UInt8"),
    ),
    (
        {"type": "integer", "dtype": "UInt8"},
        pa.array([255, -1, None]),
        pd.Series([255, -1, None], dtype="Int64"),
    ),
    ({"type": "boolean", "dtype": "bool"}, pa.array([True, False]), pd.Series([True, False])),
    ({"type": "boolean", "dtype": "bool"}, pa.array([True, False, None]), pd.Series([1.0, 0.0, None])),
    (
        {"type": "boolean", "dtype": "boolean"},
        pa.array([True, None, False]),
        pd.Series([True, None, False], dtype="boolean"),
    ),
    (
        {"type": "boolean", "dtype": "object", "null_as": "none"},
        pa.array([True, None, False]),
        pd.Series([True, None, False], dtype=object),
    ),
    (
        {"type": "string", "dtype": "object"},
        pa.array(["a", None, ""]),
        pd.Series(["a", np.nan, ""], dtype=object),
    ),
    (
        {"type": "string", "dtype": "object", "null_as": "none"},
        pa.array(["b", "a", None]),
        pd.Series(["b", "a", None], dtype=object),
    ),
    ({"type": "string", "dtype": "str"}, pa.array(["a", None]), pd.Series(["a", np.nan], dtype="str")),
    (
        {"type": "string", "dtype": "category", "categories": ("b", "a")},
        pa.array(["a", "zz", None, "b"]),
        pd.Series(pd.Categorical(["a", None, None, "b"], categories=["b", "a"])),
    ),
    (
        {"type": "integer", "dtype": "category", "categories": (7, 1)},
        pa.array([1, 2, None, 7]),
        pd.Series(pd.Categorical([1, None, None, 7], categories=[7, 1])),
    ),
    (
        {"type": "integer", "dtype": "object", "null_as": "none"},
        pa.array([1, None, 3]),
        pd.Series([1, None, 3], dtype=object),
    ),
    (
        {"type": "double", "dtype": "decimal"},
        pa.array([0.1, 2.5, None]),
        pd.Series([Decimal("0.1"), Decimal("2.5"), np.nan], dtype=object),
    ),
    (
        {"type": "timestamp", "dtype": "date"},
        pa.array([DAYS[1], None], pa.timestamp("us")),
        pd.Series([date(1969, 12, 31), np.nan], dtype=object),
    ),
    *(
        (
            {"type": "timestamp", "dtype": f"datetime64[{unit}]"},
            pa.array(DAYS, pa.timestamp("us")),
            pd.Series(DAYS, dtype="datetime64[us]").astype(f"datetime64[{unit}]"),
        )
        for unit in ("s", "us", "ns")
    ),
    (
        {"type": "timestamp", "dtype": "datetime64[us, Europe/Zurich]"},
        pa.array(DAYS, pa.timestamp("us", "UTC")),
        pd.Series(DAYS, dtype="datetime64[us]").dt.tz_localize("UTC").dt.tz_convert("Europe/Zurich"),
    ),
]


@pytest.mark.parametrize(("facts", "given", "trained"), COLUMNS, ids=lambda value: str(value)[:60])
def test_a_column_is_as_in_training(facts: dict[str, Any], given: pa.Array, trained: pd.Series[Any]) -> None:
    feature = Feature("f", accepts_null=True, accepts_non_finite=True, **facts)
    number = Feature("g", "double", "float64")
    for features in ((feature,), (feature, number)):
        signature = Signature(features, "frame")
        batch = pa.record_batch({"g": pa.array(np.arange(len(given)) + 0.5), "f": given})
        checked = check_batch(signature, batch, frozenset())
        assert checked.reasons is None
        found = estimator_input(signature, checked.accepted)
        expected = trained.to_frame("f").assign(g=np.arange(len(given)) + 0.5)[signature.names]
        pd.testing.assert_frame_equal(found, expected)
        # None and NaN differ for an estimator, and equal each other for pandas
        assert list(map(type, found.f)) == list(map(type, expected.f))


def test_bare_arrays_and_single_columns() -> None:
    numbers = Feature("a", "double", "float64"), Feature("b", "integer", "int64")
    columns = [pa.array([0.5, 1.5]), pa.array([1, 2])]
    for dtype in ("float64", "float32", "object"):
        found = estimator_input(Signature(numbers, "array", dtype), columns)
        assert (found.tolist(), found.dtype) == ([[0.5, 1], [1.5, 2]], dtype) and found.flags.f_contiguous
    assert estimator_input(Signature(numbers[:1], "column"), columns[:1]).tolist() == [0.5, 1.5]
    assert estimator_input(Signature((), "array"), []).shape == (0, 0)


class Touchy:
    """Fails on a batch with a number of `bad`; gives 1 / (x - 1), which is infinite at 1."""

    def __init__(self, *bad: float) -> None:
        self.bad, self.rows = bad, list[int]()

    def predict(self, X: Any) -> np.ndarray:
        self.rows.append(len(X))
        if np.isin(X["x"], self.bad).any():
            raise OverflowError("too much")
        return np.asarray(1 / (X["x"] - 1))


def kernel_of(estimator: Any) -> Kernel:
    version = Version(name="m", version=1, task="regression", score_method="none", label_method="predict")
    signature = Signature((Feature("x", "double", "float64"), Feature("y", "double", "float64")), "frame")
    return Kernel(estimator, version, signature, call="score()")


def scored(estimator: Touchy, values: list[float | None]) -> list[tuple[float | None, str | None]]:
    kernel = kernel_of(estimator)
    batch = pa.record_batch({"x": pa.array(values, pa.float64()), "y": pa.array([0.0] * len(values))})
    return [(row["prediction"], row["reject_reason"]) for row in kernel(batch).to_pylist()]


@pytest.mark.parametrize("rows", [0, 1, 2, 63, 64, 65, 200, 257])
def test_each_row_that_an_estimator_refuses_is_rejected_alone(rows: int) -> None:
    values = [None if number % 50 == 3 else float(number) for number in range(rows)]
    bad = [float(number) for number in (2, 7, 8, 63, 64, 199) if number < rows - 1]

    def expected(value: float | None) -> tuple[float | None, str | None]:
        if value is None:
            return None, "null:x"
        if value in bad:
            return None, "estimator_error:OverflowError"
        return (None, "not_finite:prediction") if value == 1 else (1 / (value - 1), None)

    for some in ([], bad):
        bad = some
        estimator = Touchy(*some)
        assert scored(estimator, values) == [expected(value) for value in values]
        assert all(count % 64 == 0 for count in estimator.rows)


def test_an_estimator_without_the_method_of_its_task_is_refused_when_it_is_opened() -> None:
    nothing: Any = LogisticRegression
    for made in (object(), Unopened(object)):
        with pytest.raises(EstimatorError, match="object has no method 'predict'"):
            kernel_of(made).open()
    asked: list[int] = []
    kernel = kernel_of(Unopened(lambda: asked.append(1) or nothing()))
    assert asked == [] and isinstance(kernel.estimator, nothing) and kernel.estimator is kernel.estimator
    assert asked == [1]


def test_names_that_differ_in_case_alone_are_no_features_of_a_training() -> None:
    for names in (["a", "A"], ["b", 5]):
        with pytest.raises(SignatureError, match="cannot be columns of one feature table"):
            training_batch(pd.DataFrame([[1.0, 2.0]], columns=names), "register()")
    exact = pd.DataFrame({"a": [Decimal("0.1"), None], "b": [None, None], "c": [2, 3]})
    found = training_batch(exact, "register()")
    assert found.schema.types == [pa.float64(), pa.string(), pa.int64()]
    assert found.to_pydict() == {"a": [0.1, None], "b": [None, None], "c": [2, 3]}


def test_too_many_rows_that_fail_end_the_run() -> None:
    fails = [float(number) for number in range(1000, 1101)]
    assert len([why for _, why in scored(Touchy(*fails), [5.0, *fails[:-1]]) if why]) == 100
    for values in ([5.0, *fails], fails[:2]):
        with pytest.raises(EstimatorError, match=rf"too many rows of a batch of {len(values)} \(Overflow"):
            scored(Touchy(*fails), values)  # type: ignore[arg-type]
    assert scored(Touchy(*fails), fails[:1]) == [(None, "estimator_error:OverflowError")]
