"""The first rows of a run, scored by every form and by its estimator."""

from __future__ import annotations

from collections.abc import Sequence

from scorehouse.engines.duckdb.source import DuckDBSource
from scorehouse.engines.duckdb.sql import quote
from scorehouse.engines.first_rows import FIRST_ROWS, checked_native, equal_or_estimator
from scorehouse.forms.choose import Form
from scorehouse.kernel.scorer import Kernel

FIRST = "scorehouse_first"
ROW = "scorehouse_row"


def checked_forms(source: DuckDBSource, forms: list[Form], kernels: Sequence[Kernel]) -> list[Form]:
    """The forms that score; a form that differs from its estimator is replaced by the estimator."""
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


def _checked(source: DuckDBSource, form: Form, kernel: Kernel) -> Form:
    features = ", ".join(quote(name) for name in kernel.signature.names)
    rows = source.cursor.sql(f"select {features} from {FIRST} order by {ROW}").to_arrow_table()
    if not rows.num_rows:
        return form
    batch = rows.combine_chunks().to_batches()[0]
    if form.compiled is None:
        return checked_native(form, kernel, batch)
    sql = form.compiled.render(FIRST, keep=[ROW])
    found = source.cursor.sql(f"select * from ({sql}) order by {ROW}").to_arrow_table()
    return equal_or_estimator(form, kernel, batch, found)
