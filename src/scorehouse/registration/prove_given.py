"""A check of registration: the kernel must score training rows like the estimator on the frame as given.

The frame keeps the dtypes of the caller. A difference comes from a conversion between a feature table and
the estimator, such as a missing boolean that arrives as a number.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from scorehouse.errors import EstimatorError
from scorehouse.kernel import compute as pc
from scorehouse.kernel.frames import estimator_input
from scorehouse.kernel.rows import check_batch
from scorehouse.kernel.scorer import REJECT_REASON, Kernel
from scorehouse.registration.examine import training_rows_asked
from scorehouse.registration.training import Training

TOLERANCE = 1e-9
TOLERANCE_SINGLE = 1e-6  # for sums of float32, whose order may depend on the shape of a block
DOUBLES = ("float64", "int64", "bool", "object", "category", "str", "string")
ROWS_NAMED = 5
ROWS_TRIED = 200  # rows on which to look for the columns that cause a difference


def prove_as_given(
    kernel: Kernel, training: Training, scored: pa.RecordBatch, tolerance: float | None
) -> None:
    """Compare `scored`, the kernel's results for the training rows, with the estimator on the frame.

    Raises EstimatorError, naming rows and columns, if a label or a rejected row differs, or a score by
    more than `tolerance` (relative for scores beyond 1).
    """
    limit = tolerance if tolerance is not None else _tolerance(training)
    expected = _asked(kernel, training.given)
    wrong = differing_rows(kernel.outputs.fields, expected, scored, limit)
    if not len(wrong):
        return
    row = int(wrong[0])
    suspects = _suspects(kernel, training, wrong[:ROWS_TRIED], expected, limit)
    others = " and others" if len(wrong) > ROWS_NAMED else ""
    raise EstimatorError(
        kernel.call,
        f"{len(wrong):,} of {scored.num_rows:,} training rows would not be scored as the estimator scores "
        f"them on the frame that was given: rows {wrong[:ROWS_NAMED].tolist()}{others}; row {row}: "
        f"{_shown(kernel, scored, row)} instead of {_values(kernel, expected, row)}{suspects}",
        expected="equal labels, no rejected row that the estimator scores, and scores that differ by at most "
        f"{limit:g}",
        action="convert these columns to plain numbers, booleans or strings before fitting, fit again, and "
        "register that estimator with the same frame",
    )


def _tolerance(training: Training) -> float:
    """Single precision if the frame holds numbers that scikit-learn may compute with in float32."""
    dtypes = training.frame.dtypes
    return TOLERANCE if all(str(dtype) in DOUBLES for dtype in dtypes) else TOLERANCE_SINGLE


def _asked(kernel: Kernel, given: Any) -> list[pa.Array]:
    with training_rows_asked(kernel.estimator, kernel.call):
        return kernel.outputs.predict(kernel.estimator, given)


def differing_rows(
    fields: Sequence[pa.Field], expected: Sequence[pa.Array], scored: pa.RecordBatch, limit: float
) -> np.ndarray:
    """Positions of the rows in which `scored` differs from `expected`, the values of `fields`.

    Exactly the rows without a finite expected result must be rejected.
    """
    rejected = ~np.asarray(scored.column(REJECT_REASON).is_null().to_numpy(zero_copy_only=False))
    unusable = np.zeros(len(rejected), dtype=bool)
    different = np.zeros(len(rejected), dtype=bool)
    for number, (field, one) in enumerate(zip(fields, expected, strict=False)):
        other = scored.column(number)
        if pa.types.is_floating(field.type):
            a, b = (column.to_numpy(zero_copy_only=False) for column in (one, other))
            unusable |= ~np.isfinite(a)
            with np.errstate(all="ignore"):
                different |= ~(np.abs(a - b) <= limit * np.maximum(1.0, np.abs(a)))
        else:
            same = pc.fill_null(pc.equal(one, other), False)
            different |= ~np.asarray(same.to_numpy(zero_copy_only=False))
    return np.flatnonzero(np.where(unusable, ~rejected, rejected | different))


def _suspects(
    kernel: Kernel,
    training: Training,
    rows: np.ndarray,
    expected: Sequence[pa.Array],
    limit: float,
) -> str:
    """Columns that reach the estimator in another form, and how; those that change its answers come first."""
    signature = kernel.signature
    columns = check_batch(signature, training.batch.take(pa.array(rows)), frozenset()).columns
    arrives = pd.DataFrame(estimator_input(signature, columns))
    arrives.columns = pd.Index(signature.names)
    given = training.frame.iloc[rows]
    found = {
        name: f"{name!r} ({change})"
        for name in signature.names
        if (change := _change(given[name], arrives[name]))
    }
    guilty = [name for name in found if _alone(kernel, training, rows, arrives[name], expected, limit)]
    shown = [found[name] for name in guilty or found]
    return f"; columns that reach the estimator in another form: {', '.join(shown)}" if shown else ""


def _change(given: pd.Series, arrives: pd.Series) -> str:
    """How a value changed between the frame and the estimator; empty if none did."""
    for one, other in zip(given.tolist(), arrives.tolist(), strict=True):
        if type(one) is not type(other) and not (one == other and not pd.isna(one)):
            return f"{given.dtype}: {one!r} became {other!r}"
    return "" if given.dtype == arrives.dtype else f"{given.dtype} became {arrives.dtype}"


def _alone(
    kernel: Kernel,
    training: Training,
    rows: np.ndarray,
    arrives: pd.Series,
    expected: Sequence[pa.Array],
    limit: float,
) -> bool:
    """Whether the estimator's answers change when only this column is replaced in the frame."""
    if training.container != "frame" or not isinstance(training.given, pd.DataFrame):
        return False
    swapped = training.given.iloc[rows].copy()
    swapped[arrives.name] = arrives.to_numpy() if arrives.dtype != object else list(arrives)
    try:
        found = _asked(kernel, swapped)
    except EstimatorError:
        return True
    reasons = pa.nulls(len(rows), pa.string())
    scored = pa.RecordBatch.from_arrays([*found, reasons], schema=kernel.schema)
    wanted = [one.take(pa.array(rows)) for one in expected]
    return bool(len(differing_rows(kernel.outputs.fields, wanted, scored, limit)))


def _shown(kernel: Kernel, scored: pa.RecordBatch, row: int) -> str:
    """The kernel's result for a row: its outputs, or why it is rejected."""
    reason = scored.column(REJECT_REASON)[row].as_py()
    return f"rejected ({reason})" if reason else _values(kernel, scored.columns, row)


def _values(kernel: Kernel, columns: Sequence[pa.Array], row: int) -> str:
    pairs = zip(kernel.outputs.fields, columns, strict=False)
    return ", ".join(f"{field.name} {column[row].as_py()!r}" for field, column in pairs)
