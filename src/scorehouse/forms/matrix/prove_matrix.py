"""The proof of a matrix form: it serves only after it equalled the estimator, row by row."""

from __future__ import annotations

import pyarrow as pa

from scorehouse.errors import CompileError
from scorehouse.forms.parity import TOLERANCE, Parity, compare
from scorehouse.forms.proof import kernel_rows
from scorehouse.forms.stored_form import StoredForm
from scorehouse.kernel.rows import check_batch
from scorehouse.kernel.scorer import Kernel

FEW = 64


def prove(
    form: StoredForm, kernel: Kernel, rows: pa.Table, expected: pa.Table, tolerance: float = TOLERANCE
) -> Parity:
    """Compare the form with what the estimator in `kernel` made of the rows.

    Raises CompileError if a label, a rejected row or its reason differs, or a score by more than `tolerance`.
    """
    few = check_batch(kernel.signature, rows.slice(0, FEW).combine_chunks().to_batches()[0], frozenset())
    form.numbers(few.columns)  # what cannot be computed fails here, and not once for each row
    parity = compare(expected, kernel_rows(kernel.holding(form), rows), tolerance=tolerance)
    if parity.problem:
        raise CompileError(
            kernel.call,
            f"the form does not equal the estimator: {parity.problem}",
            expected=f"the same labels and rejected rows, and scores within {tolerance:g}",
            action="score this version with the estimator itself, and report its class and version",
        )
    return parity
