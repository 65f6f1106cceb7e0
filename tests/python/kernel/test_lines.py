"""The best of several lines of numbers, compared with NumPy's own search along the columns."""

from __future__ import annotations

import numpy as np
import pytest

from scorehouse.kernel.lines import first_largest, first_smallest, is_shared

DRAW = np.random.default_rng(0)


@pytest.mark.parametrize("lines", [1, 2, 9, 255, 256, 257, 600])
def test_the_first_best_line_of_each_column(lines: int) -> None:
    values = DRAW.integers(0, 40, (lines, 500)).astype(np.float64)  # with many ties
    for found, wanted, best in (
        (first_largest(values), values.argmax(axis=0), values.max(axis=0)),
        (first_smallest(values), values.argmin(axis=0), values.min(axis=0)),
    ):
        np.testing.assert_array_equal(found[0], wanted)
        np.testing.assert_array_equal(found[1], best)


def test_whether_the_best_value_is_in_several_lines() -> None:
    best = np.array([3.0, 5.0])
    assert not is_shared(np.array([[3.0, 1.0], [2.0, 5.0], [2.0, 1.0]]), best)
    assert is_shared(np.array([[3.0, 5.0], [2.0, 1.0], [2.0, 5.0]]), best)
    assert not is_shared(np.array([[3.0, 5.0]]), best)
