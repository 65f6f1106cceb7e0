"""The proof of a matrix form: it serves only after it equalled the estimator, row by row."""

from __future__ import annotations

import pyarrow as pa

from scorehouse.errors import CompileError
from scorehouse.forms.matrix.either import Products
from scorehouse.forms.parity import TOLERANCE, Parity, compare
from scorehouse.forms.proof import kernel_rows
from scorehouse.kernel.rows import check_batch
from scorehouse.kernel.scorer import Kernel

FEW = 64


def prove(form: Products, kernel: Kernel, rows: pa.Table, expected: pa.Table) -> Parity:
    """Compare the form with what the estimator in `kernel` made of the rows.

    Raises CompileError if a label, a rejected row or its reason differs, or a score by more than TOLERANCE.
    """
    few = check_batch(kernel.signature, rows.slice(0, FEW).combine_chunks().to_batches()[0], frozenset())
    form.numbers(few.columns)  # what cannot be computed fails here, and not once for each row
    parity = compare(expected, kernel_rows(kernel.holding(form), rows), tolerance=TOLERANCE)
    if parity.problem:
        raise CompileError(
            kernel.call,
            f"the matrix form does not equal the estimator: {parity.problem}",
            expected=f"the same labels and rejected rows, and scores within {TOLERANCE:g}",
            action="score this version with the estimator itself, and report its class and version",
        )
    return parity
