"""Compare the rows of a backend with the estimator's rows: one measure for every backend and format."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from scorehouse.kernel import arrays
from scorehouse.kernel.scorer import REJECT_REASON

TOLERANCE = 1e-9
TOLERANCE_NATIVE = 1e-12  # the same arithmetic, but for the last digits of an exponential
TOLERANCE_SINGLE = 1e-6  # a few steps of a float32, where the estimator computes in float32
ROW_STATUS = "row_status"


@dataclass(frozen=True)
class Parity:
    """The result of comparing a backend with the estimator.

    `max_difference` is absolute up to 1 and relative above (for a distance, of its square);
    `label_flips` counts rows with different labels, `status_flips` rows that one side scores and the other
    rejects, `reason_differences` rejected rows with different reasons. `different` says which rows are among
    these, or have a score that differs by more than `tolerance`.
    """

    rows: int
    max_difference: float
    label_flips: int
    different: np.ndarray = field(repr=False, compare=False)
    status_flips: int = 0
    reason_differences: int = 0
    tolerance: float = TOLERANCE

    @property
    def proven(self) -> bool:
        """Whether the backend may serve."""
        return self.max_difference <= self.tolerance and self.label_flips == 0 and self.status_flips == 0

    @property
    def problem(self) -> str:
        """What differs, the reject reasons included; empty where nothing does."""
        for count, what in (
            (self.label_flips, "a different label"),
            (self.status_flips, "a different status"),
            (self.reason_differences, "a different reject reason"),
        ):
            if count:
                return f"{count:,} of {self.rows:,} rows have {what}"
        return "" if self.proven else f"a score is off by up to {self.max_difference:.3g}"


def tolerance_of_backend(name: str) -> float:
    """The allowed difference of scores between the estimator and a backend that a run chose."""
    return TOLERANCE_NATIVE if name == "native" else TOLERANCE


def compare(expected: pa.Table, found: pa.Table, *, tolerance: float = TOLERANCE) -> Parity:
    """Compare the estimator's rows with a backend's rows, in the same order.

    `expected` has the columns of a kernel; so has `found`, which may also have `row_status`.
    """
    scored, scored_too = _scored(expected), _scored(found)
    status, both, reasons = scored != scored_too, scored & scored_too, ~(scored | scored_too)
    labels, beyond, worst = np.zeros_like(both), np.zeros_like(both), 0.0
    for column in expected.schema:
        a, b = expected[column.name].combine_chunks(), found[column.name].combine_chunks()
        if column.name == REJECT_REASON:
            reasons = reasons & ~_same(a, b) if reasons.any() else reasons
        elif _is_score(column, expected.schema):
            off = np.where(both, distances(column.name, a, b), 0.0)
            worst = max(worst, float(off.max(initial=0.0)))
            beyond |= off > tolerance
        else:
            labels |= both & ~_same(a, b)
    return Parity(
        rows=expected.num_rows,
        max_difference=worst,
        label_flips=int(labels.sum()),
        different=labels | status | reasons | beyond,
        status_flips=int(status.sum()),
        reason_differences=int(reasons.sum()),
        tolerance=tolerance,
    )


def _same(expected: pa.Array, found: pa.Array) -> np.ndarray:
    """Where two columns have the same value; NULL and NaN are the same as nothing."""
    if _is_plain(expected.type) and _is_plain(found.type):
        missing = arrays.missing(expected) | arrays.missing(found)
        return ~missing & (arrays.held(expected) == arrays.held(found))
    pairs = zip(expected.to_pylist(), found.to_pylist(), strict=True)
    return np.array([a is not None and a == b for a, b in pairs], dtype=np.bool_)


def _is_plain(kind: pa.DataType) -> bool:
    return any(test(kind) for test in (pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean))


def _is_score(field: pa.Field, schema: pa.Schema) -> bool:
    """Whether a column is compared by distance: a number that is not the label of a class."""
    is_label = field.name == "prediction" and "score" in "".join(schema.names[1:])
    return bool(pa.types.is_floating(field.type)) and not is_label


def _scored(rows: pa.Table) -> np.ndarray:
    if ROW_STATUS in rows.column_names:
        return np.array([status == "scored" for status in rows[ROW_STATUS].to_pylist()], dtype=np.bool_)
    return arrays.missing(rows[REJECT_REASON].combine_chunks())


def distances(name: str, expected: pa.Array, found: pa.Array) -> np.ndarray:
    """The differences of two columns, relative above 1; infinite where only one side is missing."""
    a, b = _doubles(expected), _doubles(found)
    if name == "distance":  # only the squares of scikit-learn's own distances are exact
        a, b = a * a, b * b
    with np.errstate(invalid="ignore", over="ignore"):
        off = np.abs(a - b) / np.maximum(1.0, np.abs(a))
    off[(a == b) | (np.isnan(a) & np.isnan(b))] = 0.0
    return np.where(np.isnan(off), np.inf, off)


def _doubles(column: pa.Array) -> np.ndarray:
    plain = column if _is_plain(column.type) else column.cast(pa.float64())
    return arrays.to_numpy(plain).astype(np.float64, copy=False)
