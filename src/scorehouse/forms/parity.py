"""Compare the rows of a form with the estimator's rows: one measure for every form and format."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from scorehouse.kernel import arrays
from scorehouse.kernel.scorer import REJECT_REASON

TOLERANCE = 1e-9
TOLERANCE_NATIVE = 1e-12  # the same arithmetic, but for the last digits of an exponential
TOLERANCE_SINGLE = 1e-6  # a few steps of a float32, where the estimator computes in float32
ROW_STATUS = "row_status"


@dataclass(frozen=True)
class Parity:
    """The result of comparing a form with the estimator.

    `max_difference` is absolute up to 1 and relative above (for a distance, of its square);
    `label_flips` counts rows with different labels, `status_flips` rows that one side scores and the other
    rejects, `reason_differences` rejected rows with different reasons.
    """

    rows: int
    max_difference: float
    label_flips: int
    status_flips: int = 0
    reason_differences: int = 0
    tolerance: float = TOLERANCE

    @property
    def proven(self) -> bool:
        """Whether the form may serve."""
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

    def facts(self) -> dict[str, float]:
        """The facts for the registry."""
        return {
            "rows": self.rows,
            "max_difference": self.max_difference,
            "label_flips": self.label_flips,
            "status_flips": self.status_flips,
        }


def tolerance_of_form(name: str) -> float:
    """The allowed difference of scores between the estimator and a form that a run chose."""
    return TOLERANCE_NATIVE if name == "native" else TOLERANCE


def compare(expected: pa.Table, found: pa.Table, *, tolerance: float = TOLERANCE) -> Parity:
    """Compare the estimator's rows with a form's rows, in the same order.

    `expected` has the columns of a kernel; so has `found`, which may also have `row_status`.
    """
    reasons = expected[REJECT_REASON].combine_chunks()
    scored = arrays.to_numpy(reasons.is_null())
    scored_too = arrays.to_numpy(_scored(found))
    both = scored & scored_too
    other = pc.fill_null(pc.not_equal(reasons, found[REJECT_REASON].combine_chunks()), arrays.FALSE)
    flips, worst = 0, 0.0
    for field, a, b in _columns_of_both(expected, found, both):
        if _is_score(field, expected.schema):
            worst = max(worst, difference(field.name, a, b))
        else:
            same = pc.equal(a, b.cast(field.type))
            flips += len(a) - int(pc.sum(pc.fill_null(same, arrays.FALSE)).as_py() or 0)
    return Parity(
        rows=expected.num_rows,
        max_difference=worst,
        label_flips=flips,
        status_flips=int((scored != scored_too).sum()),
        reason_differences=int((arrays.to_numpy(other) & ~scored & ~scored_too).sum()),
        tolerance=tolerance,
    )


def _columns_of_both(
    expected: pa.Table, found: pa.Table, both: np.ndarray
) -> Iterator[tuple[pa.Field, pa.Array, pa.Array]]:
    """Labels and scores of the rows that both sides score."""
    mask = arrays.of_numpy(both)
    for field in expected.schema:
        if field.name != REJECT_REASON:
            a, b = (table[field.name].combine_chunks().filter(mask) for table in (expected, found))
            yield field, a, b


def different_rows(expected: pa.Table, found: pa.Table, tolerance: float) -> tuple[np.ndarray, float]:
    """Which rows differ, as booleans, and the largest difference of scores that both sides have.

    A row differs by its label, its status, its reject reason, or a score beyond `tolerance`. The tables are
    those of `compare`.
    """
    reasons, reasons_too = (table[REJECT_REASON].combine_chunks() for table in (expected, found))
    scored, scored_too = arrays.to_numpy(reasons.is_null()), arrays.to_numpy(_scored(found))
    both = scored & scored_too
    none = arrays.scalar("")
    same_reason = pc.equal(pc.fill_null(reasons, none), pc.fill_null(reasons_too, none))
    differ = (scored != scored_too) | ~arrays.to_numpy(same_reason)
    largest = 0.0
    for field, a, b in _columns_of_both(expected, found, both):
        if _is_score(field, expected.schema):
            off = distances(field.name, a, b)
            largest = max(largest, float(off.max(initial=0.0)))
            differ[both] |= off > tolerance
        else:
            same = pc.fill_null(pc.equal(a, b.cast(field.type)), arrays.FALSE)
            differ[both] |= ~arrays.to_numpy(same)
    return differ, largest


def _is_score(field: pa.Field, schema: pa.Schema) -> bool:
    """Whether a column is compared by distance: a number that is not the label of a class."""
    is_label = field.name == "prediction" and "score" in "".join(schema.names[1:])
    return bool(pa.types.is_floating(field.type)) and not is_label


def _scored(rows: pa.Table) -> pa.Array:
    if ROW_STATUS in rows.column_names:
        return pc.equal(rows[ROW_STATUS].combine_chunks(), arrays.scalar("scored"))
    return rows[REJECT_REASON].combine_chunks().is_null()


def difference(name: str, expected: pa.Array, found: pa.Array) -> float:
    """The largest of `distances`."""
    return float(distances(name, expected, found).max(initial=0.0))


def distances(name: str, expected: pa.Array, found: pa.Array) -> np.ndarray:
    """The differences of two columns, relative above 1; infinite where only one side is missing."""
    a = arrays.to_numpy(expected.cast(pa.float64()))
    b = arrays.to_numpy(found.cast(pa.float64()))
    if name == "distance":  # only the squares of scikit-learn's own distances are exact
        a, b = a * a, b * b
    with np.errstate(invalid="ignore", over="ignore"):
        off = np.abs(a - b) / np.maximum(1.0, np.abs(a))
    off[(a == b) | (np.isnan(a) & np.isnan(b))] = 0.0
    return np.where(np.isnan(off), np.inf, off)
