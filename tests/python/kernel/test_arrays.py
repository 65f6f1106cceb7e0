"""Arrays that are made without pandas are those that pyarrow makes."""

from __future__ import annotations

import subprocess
import sys
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from scorehouse.kernel import arrays

LISTS: list[tuple[list[Any], pa.DataType | None]] = [
    ([1, None, -3], None),
    ([1, None, -3], pa.int32()),
    ([2**63], pa.uint64()),
    ([1.5, None, float("inf")], None),
    ([1, 2.5], None),
    ([1, 2], pa.float64()),
    ([0.1, None], pa.float32()),
    ([True, None, False], None),
    (["a", "", None, "\u00fc\u6f22"], None),
    ([], pa.string()),
    ([], None),
    ([None, None], pa.string()),
    ([None], None),
    ([b"a"], None),
    ([date(2024, 2, 29), None], pa.date32()),
    ([1, None], pa.int16()),
    (["a"], pa.large_string()),
]
NUMBERS = [
    np.arange(5),
    np.arange(10.0)[::3],
    np.array([np.nan, -0.0, 1e300]),
    np.array([True, False] * 9),
    np.arange(3, dtype=np.float32),
    np.arange(0),
]


@pytest.mark.parametrize(("values", "kind"), LISTS)
def test_lists(values: list[Any], kind: pa.DataType | None) -> None:
    made = arrays.array(values, kind)
    made.validate(full=True)
    assert made.equals(pa.array(values, kind))
    for value in values:
        assert arrays.scalar(value, kind).equals(pa.scalar(value, kind))


@pytest.mark.parametrize("values", NUMBERS, ids=str)
def test_numbers(values: np.ndarray) -> None:
    made = arrays.array(values)
    made.validate(full=True)
    assert made.to_numpy(zero_copy_only=False).tobytes() == values.tobytes()
    missing = np.arange(len(values)) % 2 == 0
    assert arrays.of_numpy(values, missing).equals(pa.array(values, mask=missing))
    for start in range(3):
        assert arrays.to_numpy(made.slice(start)).tobytes() == values[start:].tobytes()


def test_missing_doubles_become_nan() -> None:
    assert np.array_equal(arrays.to_numpy(pa.array([1.0, None])), [1.0, np.nan], equal_nan=True)


def test_what_does_not_fit_is_refused_as_by_pyarrow() -> None:
    for values, kind in (([2**63], pa.int64()), (["a"], pa.float64())):
        with pytest.raises((pa.ArrowInvalid, OverflowError, TypeError)):
            arrays.array(values, kind)


def test_pandas_is_not_imported() -> None:
    program = """
import sys
import numpy as np
from scorehouse.kernel import arrays
arrays.to_numpy(arrays.array(np.arange(3.0)))
arrays.array(["a", None]), arrays.array([True]), arrays.scalar(2)
print("pandas" in sys.modules)
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stdout == "False\n"
