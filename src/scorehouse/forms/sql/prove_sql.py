"""The gate: compiled SQL serves only after it equalled the kernel, row for row.

The rows tried are the training frame and rows made to break it: values at and one step around every
split, missing values, NaN, infinities, extremes, and categories never seen.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Self

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from scorehouse.forms.hard_rows import kernel_rows, training_rows, tried_rows
from scorehouse.forms.sql.compiled import CompiledSql
from scorehouse.forms.sql.outputs import REJECT_REASON, ROW_STATUS
from scorehouse.kernel.scorer import Kernel

TOLERANCE = 1e-9
TOLERANCE_SINGLE = 1e-6  # a few steps of a float32, where the estimator computes in float32
ROW = "scorehouse_row"
PART_ROWS = 8_192


@dataclass(frozen=True)
class Parity:
    """How compiled SQL compared with the kernel.

    `max_difference` is absolute up to 1 and relative above (of a distance: of its square);
    `label_flips` counts rows with another label, `status_flips` rows that one side scores and the other
    rejects, `reason_differences` rejected rows with another reason.
    """

    rows: int
    max_difference: float
    label_flips: int
    status_flips: int = 0
    reason_differences: int = 0
    tolerance: float = TOLERANCE

    @property
    def proven(self) -> bool:
        """Whether the compiled SQL may serve."""
        return self.max_difference <= self.tolerance and self.label_flips == 0 and self.status_flips == 0

    def facts(self) -> dict[str, float]:
        """For the registry."""
        return {
            "rows": self.rows,
            "max_difference": self.max_difference,
            "label_flips": self.label_flips,
            "status_flips": self.status_flips,
        }


class Comparison:
    """A proof whose SQL the database begins to run at once, beside what the caller does meanwhile.

    The rows are the training frame and the probes. A SQL that another engine than DuckDB runs is proven by
    its DuckDB form, which is printed from the same tree. Raises ValueError for another dialect.
    """

    def __init__(self, compiled: CompiledSql, kernel: Kernel, frame: pd.DataFrame | pa.RecordBatch) -> None:
        if compiled.dialect.name != "duckdb":
            raise ValueError(f"prove() runs on DuckDB, but this SQL is for {compiled.dialect.name}")
        self.compiled = compiled
        self.kernel = kernel
        self.rows = tried_rows(compiled.signature, compiled.probes, training_rows(frame))
        self.connection = duckdb.connect()
        self.pool = ThreadPoolExecutor(1, thread_name_prefix="scorehouse_parity")
        self.found = self.pool.submit(duckdb_rows, compiled, self.rows, self.connection)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Stop the database, whether or not it is at work."""
        if not self.found.done():
            self.connection.interrupt()
        self.pool.shutdown()
        self.connection.close()

    def parity(self) -> Parity:
        """Score the rows with the kernel, wait for the database, and compare."""
        expected = kernel_rows(self.kernel, self.rows)
        return compare(expected, self.found.result(), single=self.compiled.single)


def prove(
    compiled: CompiledSql, estimator: Any, kernel: Kernel, frame: pd.DataFrame | pa.RecordBatch
) -> Parity:
    """Score the training frame and the probes with the kernel and with the SQL, and compare.

    `estimator` is the one that `kernel` holds.
    """
    with Comparison(compiled, kernel, frame) as comparison:
        return comparison.parity()


def duckdb_rows(
    compiled: CompiledSql, rows: pa.Table, connection: duckdb.DuckDBPyConnection | None = None
) -> pa.Table:
    """What the SQL makes of the rows, in their order; without a connection, one of its own runs it."""
    if connection is None:
        with duckdb.connect() as own:
            return duckdb_rows(compiled, rows, own)
    numbered = rows.append_column(ROW, pa.array(np.arange(rows.num_rows)))
    # in parts, since a thread takes a part
    parts = pa.Table.from_batches(numbered.combine_chunks().to_batches(PART_ROWS))
    # One looks for equal parts of expressions, half of the time of a forest, the other for an order of joins,
    # of which there are none. Neither changes a value.
    connection.execute("set disabled_optimizers = 'common_subexpressions,join_order'")
    connection.register("input_relation", parts)
    sql = compiled.render("input_relation", keep=[ROW])
    # into a table, since connection.sql() would read and bind the long statement twice
    connection.execute(f"create temp table scored as {sql}")
    return connection.sql(f"from scored order by {ROW}").to_arrow_table()


def compare(expected: pa.Table, found: pa.Table, *, single: bool = False) -> Parity:
    """Compare kernel rows with SQL rows, in the same order."""
    reasons = expected[REJECT_REASON].combine_chunks()
    scored = np.asarray(reasons.is_null())
    scored_too = np.asarray(pc.equal(found[ROW_STATUS], "scored"))
    both = scored & scored_too
    other = pc.fill_null(pc.not_equal(reasons, found[REJECT_REASON].combine_chunks()), False)
    flips, worst = 0, 0.0
    for field in expected.schema:
        if field.name == REJECT_REASON:
            continue
        a, b = (table[field.name].combine_chunks().filter(pa.array(both)) for table in (expected, found))
        if pa.types.is_floating(field.type) and not (
            field.name == "prediction" and "score" in "".join(expected.schema.names[1:])
        ):
            worst = max(worst, difference(field.name, a, b))
        else:
            same = pc.equal(a, b.cast(field.type))
            flips += len(a) - int(pc.sum(pc.fill_null(same, False)).as_py() or 0)
    return Parity(
        rows=expected.num_rows,
        max_difference=worst,
        label_flips=flips,
        status_flips=int((scored != scored_too).sum()),
        reason_differences=int((np.asarray(other) & ~scored & ~scored_too).sum()),
        tolerance=TOLERANCE_SINGLE if single else TOLERANCE,
    )


def difference(name: str, expected: pa.Array, found: pa.Array) -> float:
    """The largest difference; infinite where one side is missing."""
    a = expected.to_numpy(zero_copy_only=False).astype(np.float64)
    b = found.cast(pa.float64()).to_numpy(zero_copy_only=False).astype(np.float64)
    if name == "distance":  # scikit-learn's own distances are exact in their squares only
        a, b = a * a, b * b
    with np.errstate(invalid="ignore", over="ignore"):
        off = np.abs(a - b) / np.maximum(1.0, np.abs(a))
    off[(a == b)] = 0.0
    return float(np.where(np.isnan(off), np.inf, off).max(initial=0.0))
