"""Score the first rows of a run twice: a form continues only if it equals the estimator on them."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa

from scorehouse.forms.choose import Form
from scorehouse.forms.parity import compare
from scorehouse.kernel.scorer import Kernel
from scorehouse.log import logger

FIRST_ROWS = 4_096


def checked_native(form: Form, kernel: Kernel, batch: pa.RecordBatch) -> Form:
    """The form, whose kernel scores batches, or the estimator if the two differ on this batch."""
    return equal_or_estimator(form, kernel, batch, pa.Table.from_batches([form.kernel(batch)]))


def equal_or_estimator(form: Form, kernel: Kernel, batch: pa.RecordBatch, found: pa.Table) -> Form:
    """The form, if its result `found` for the batch equals the estimator's; else the estimator."""
    parity = compare(pa.Table.from_batches([kernel(batch)]), found)
    if form.name == "native":
        from scorehouse.forms.native.prove_native import TOLERANCE  # needed only for native code

        parity = replace(parity, tolerance=TOLERANCE)
    if parity.proven and not parity.reason_differences:
        return form
    reason = f"{form.name} differed on the first {parity.rows} rows: {parity.facts()}"
    logger.warning(f"{kernel.call}: {reason}; the estimator itself scores")
    return Form("estimator", reason, kernel)
