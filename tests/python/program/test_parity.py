"""Two tables of scored rows are compared row by row: what counts as different."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from scorehouse.program.proof import compare

ESTIMATOR = [
    {"prediction": "no", "score": 0.25, "reject_reason": None},
    {"prediction": "yes", "score": 0.75, "reject_reason": None},
    {"prediction": None, "score": None, "reject_reason": "null:amount"},
    {"prediction": "yes", "score": 2e6, "reject_reason": None},
]
SCHEMA = pa.schema([("prediction", pa.string()), ("score", pa.float64()), ("reject_reason", pa.string())])


def differing(rows: list[dict[str, Any]], schema: pa.Schema = SCHEMA) -> tuple[list[int], float]:
    """The numbers of the rows that differ from the estimator's, and the largest distance."""
    expected, found = pa.Table.from_pylist(ESTIMATOR, SCHEMA), pa.Table.from_pylist(rows, schema)
    parity = compare(expected, found, tolerance=1e-9)
    assert bool(parity.different.any()) == bool(parity.problem)
    return np.flatnonzero(parity.different).tolist(), parity.max_difference


def changed(row: int, **values: Any) -> list[dict[str, Any]]:
    return [{**each, **values} if number == row else each for number, each in enumerate(ESTIMATOR)]


def test_equal_rows_do_not_differ() -> None:
    assert differing(ESTIMATOR) == ([], 0.0)


@pytest.mark.parametrize(
    ("row", "values"),
    [
        (0, {"prediction": "yes"}),
        (0, {"prediction": None}),
        (1, {"score": 0.75 + 2e-9}),
        (3, {"score": 2e6 + 0.01}),
        (1, {"score": None}),
        (1, {"score": float("nan")}),
        (1, {"prediction": None, "score": None, "reject_reason": "null:amount"}),
        (2, {"prediction": "no", "score": 0.25, "reject_reason": None}),
        (2, {"reject_reason": "null:visits"}),
    ],
)
def test_a_row_differs_by_label_score_status_or_reason(row: int, values: dict[str, Any]) -> None:
    assert differing(changed(row, **values))[0] == [row]


def test_a_score_may_differ_within_the_tolerance_which_is_relative_above_one() -> None:
    found, largest = differing(changed(3, score=2e6 + 1e-4))
    assert found == [] and largest == pytest.approx(5e-11, rel=1e-3)


def test_a_score_that_one_side_lacks_is_infinitely_far() -> None:
    assert differing(changed(1, score=None))[1] == float("inf")
