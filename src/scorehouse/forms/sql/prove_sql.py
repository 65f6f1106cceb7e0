"""The proof of compiled SQL: it serves only after it equalled the kernel, row by row.

It is tried on the training frame and on rows made to break it: values at and one step around every split,
missing values, NaN, infinities, extremes, and unseen categories.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import duckdb
import numpy as np
import pyarrow as pa

from scorehouse.forms.hard_rows import training_rows, tried_rows
from scorehouse.forms.parity import TOLERANCE, TOLERANCE_SINGLE, Parity, compare
from scorehouse.forms.proof import kernel_rows
from scorehouse.forms.sql.compiled import CompiledSql
from scorehouse.forms.sql.dialects import DUCKDB
from scorehouse.forms.sql.scratch import scratch
from scorehouse.kernel import arrays
from scorehouse.kernel.scorer import Kernel

if TYPE_CHECKING:
    import pandas as pd

ROW = "scorehouse_row"
PART_ROWS = 8_192
ROWS_OF_STAGES = 1_000


class Comparison:
    """A proof whose SQL the database starts to run immediately, in parallel with the caller.

    The rows are the training frame and the probes. SQL for another database than DuckDB is proven by its
    DuckDB form, which is printed from the same tree. Raises ValueError for another dialect.
    """

    def __init__(self, compiled: CompiledSql, kernel: Kernel, frame: pd.DataFrame | pa.RecordBatch) -> None:
        if compiled.dialect.name != "duckdb":
            raise ValueError(f"prove() runs on DuckDB, but this SQL is for {compiled.dialect.name}")
        self.compiled = compiled
        self.kernel = kernel
        self.tried = tried_rows(compiled.signature, compiled.probes, training_rows(frame))
        self.connection = scratch()
        self.pool = ThreadPoolExecutor(1, thread_name_prefix="scorehouse_parity")
        self.found = self.pool.submit(duckdb_rows, compiled, self.tried.rows, self.connection)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Stop the database, whether it is running or not."""
        if not self.found.done():
            self.connection.interrupt()
        self.pool.shutdown()
        self.connection.close()

    @cached_property
    def expected(self) -> pa.Table:
        """What the kernel makes of the rows."""
        return kernel_rows(self.kernel, self.tried.rows)

    def parity(self) -> Parity:
        """Score the rows with the kernel, wait for the database, and compare."""
        return compare(self.expected, self.found.result(), tolerance=tolerance_of(self.compiled))


def prove(
    compiled: CompiledSql, estimator: Any, kernel: Kernel, frame: pd.DataFrame | pa.RecordBatch
) -> Parity:
    """Score the training frame and the probes with the kernel and with the SQL, and compare.

    `estimator` is the one in `kernel`.
    """
    with Comparison(compiled, kernel, frame) as comparison:
        return comparison.parity()


def duckdb_rows(
    compiled: CompiledSql, rows: pa.Table, connection: duckdb.DuckDBPyConnection | None = None
) -> pa.Table:
    """The SQL's results for the rows, in order; without a connection, one of `scratch` is used."""
    if connection is None:
        with scratch() as own:
            return duckdb_rows(compiled, rows, own)
    numbered = rows.append_column(ROW, arrays.of_numpy(np.arange(rows.num_rows)))
    # in pieces, since each thread takes one piece
    parts = pa.Table.from_batches(numbered.combine_chunks().to_batches(PART_ROWS))
    connection.register("input_relation", parts)
    sql = compiled.render("input_relation", keep=[ROW])
    # into a table, since connection.sql() would read and bind the long statement twice
    connection.execute(f"create or replace temp table scored as {sql}")
    return connection.sql(f"from scored order by {ROW}").to_arrow_table()


def fault_of_stages(compiled: CompiledSql, rows: pa.Table) -> str:
    """Why the stages may not serve in place of one statement, tried on some rows; empty if they may."""
    some = rows.take(np.unique(np.linspace(0, rows.num_rows - 1, ROWS_OF_STAGES, dtype=np.int64)))
    try:
        differ = differ_in_stages(compiled, some)
    except duckdb.Error as error:
        return f"its stages failed ({error})"
    return f"its {len(compiled.stages)} stages differ from one statement" if differ else ""


def differ_in_stages(compiled: CompiledSql, rows: pa.Table) -> bool:
    """Whether the stages, spelled for DuckDB, give other values for these rows than one statement."""
    spelled = replace(compiled, dialect=DUCKDB)
    with scratch() as connection:
        one = duckdb_rows(spelled, rows, connection)
        return not one.equals(duckdb_rows_in_stages(spelled, rows, connection))


def duckdb_rows_in_stages(
    compiled: CompiledSql, rows: pa.Table, connection: duckdb.DuckDBPyConnection
) -> pa.Table:
    """The results of the stages for the rows, in order."""
    connection.register("features", rows.append_column(ROW, arrays.of_numpy(np.arange(rows.num_rows))))
    tables = ["features", *(f"stage_{number}" for number in range(1, len(compiled.stages) + 1))]
    for table, statement in zip(tables[1:], compiled.statements(tables[:-1], keep=[ROW]), strict=True):
        connection.execute(f"create or replace temp table {table} as {statement}")
    return connection.sql(f"from {tables[-1]} order by {ROW}").to_arrow_table()


def tolerance_of(compiled: CompiledSql) -> float:
    """The allowed difference of scores; it is larger if the estimator computes in float32."""
    return TOLERANCE_SINGLE if compiled.single else TOLERANCE
