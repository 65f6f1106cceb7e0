"""The first rows of a run are scored twice: a form serves on only if it equals the estimator there."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa

from scorehouse.engines.duckdb.source import FeatureSource
from scorehouse.forms.choose import Form
from scorehouse.forms.sql.outputs import ROW_STATUS
from scorehouse.forms.sql.prove_sql import compare
from scorehouse.kernel.scorer import REJECT_REASON, Kernel
from scorehouse.log import logger
from scorehouse.scoring.rescore import quote

FIRST = "scorehouse_first"
FIRST_ROWS = 4_096
ROW = "scorehouse_row"


def checked_forms(source: FeatureSource, forms: list[Form], kernels: list[Kernel]) -> list[Form]:
    """The forms that may serve: where one differs from its estimator, the estimator does."""
    if all(form.name == "estimator" for form in forms):
        return forms
    names = list(dict.fromkeys(name for kernel in kernels for name in kernel.signature.names))
    listed = ", ".join(quote(name) for name in names)
    source.cursor.execute(
        f"create or replace temp table {FIRST} as select row_number() over () as {ROW}, {listed} "
        f"from (select {listed} from ({source.select()}) limit {FIRST_ROWS})"
    ).fetchall()
    try:
        return [
            form if form.name == "estimator" else _checked(source, form, kernel)
            for form, kernel in zip(forms, kernels, strict=True)
        ]
    finally:
        source.cursor.execute(f"drop table {FIRST}").fetchall()


def _checked(source: FeatureSource, form: Form, kernel: Kernel) -> Form:
    features = ", ".join(quote(name) for name in kernel.signature.names)
    rows = source.cursor.sql(f"select {features} from {FIRST} order by {ROW}").to_arrow_table()
    if not rows.num_rows:
        return form
    batch = rows.combine_chunks().to_batches()[0]
    if form.compiled is None:
        return checked_native(form, kernel, batch)
    sql = form.compiled.render(FIRST, keep=[ROW])
    found = source.cursor.sql(f"select * from ({sql}) order by {ROW}").to_arrow_table()
    return _equal_or_estimator(form, kernel, batch, found)


def checked_native(form: Form, kernel: Kernel, batch: pa.RecordBatch) -> Form:
    """A form whose kernel scores batches, or the estimator, if they differ on this one."""
    found = pa.Table.from_batches([form.kernel(batch)])
    status = pa.array(["scored" if scored else "rejected" for scored in found[REJECT_REASON].is_null()])
    return _equal_or_estimator(form, kernel, batch, found.append_column(ROW_STATUS, status))


def _equal_or_estimator(form: Form, kernel: Kernel, batch: pa.RecordBatch, found: pa.Table) -> Form:
    parity = compare(pa.Table.from_batches([kernel(batch)]), found)
    if form.name == "native":
        from scorehouse.forms.native.prove_native import TOLERANCE  # needed for native code alone

        parity = replace(parity, tolerance=TOLERANCE)
    if parity.proven and not parity.reason_differences:
        return form
    reason = f"{form.name} differed on the first {parity.rows} rows: {parity.facts()}"
    logger.warning(f"{kernel.call}: {reason}; the estimator itself scores")
    return Form("estimator", reason, kernel)
