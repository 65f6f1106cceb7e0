"""What a parity test of a database scores: the rows, and the table of what the database found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from scorehouse.kernel.scorer import Kernel
from scorehouse.kernel.training_batch import training_batch
from scorehouse.program.hard_rows import hard_rows
from scorehouse.program.proof import Parity, compare, kernel_rows
from scorehouse.program.sql.compiled import CompiledSql
from scorehouse.program.sql.dialects import LARGEST_WHERE_OVERFLOW_RAISES
from scorehouse.program.sql.in_duckdb import tolerance_of

ROW = "row"


def parity_rows(compiled: CompiledSql, frame: pd.DataFrame) -> pa.Table:
    """The training rows and those that are made to break a backend, numbered."""
    training = training_batch(frame, "test")
    hard = hard_rows(compiled.signature, compiled.probes, training)
    rows = computable(pa.Table.from_batches([training, hard]), compiled).combine_chunks()
    return rows.append_column(ROW, pa.array(range(rows.num_rows)))


def computable(rows: pa.Table, compiled: CompiledSql) -> pa.Table:
    """Rows without the finite numbers that are rejected where products overflow, if they do there."""
    keep = np.ones(rows.num_rows, dtype=bool)
    for column in [] if compiled.dialect.ieee else rows.columns:
        if pa.types.is_floating(column.type):
            values = np.abs(column.to_numpy())
            keep &= ~((values > LARGEST_WHERE_OVERFLOW_RAISES) & np.isfinite(values))
    return rows.filter(pa.array(keep))


def parity_of(
    kernel: Kernel, compiled: CompiledSql, rows: pa.Table, found: Sequence[Sequence[Any]]
) -> Parity:
    """`found` are the rows that `compiled` made of `rows`, ordered by their number."""
    expected = kernel_rows(kernel, rows.drop_columns([ROW]))
    names = [ROW, *compiled.columns]
    types = [pa.int64(), *expected.schema.types[:-1], pa.string(), pa.string()]
    columns = [pa.array(list(c), t) for c, t in zip(zip(*found, strict=True), types, strict=True)]
    return compare(expected, pa.table(columns, names=names), tolerance=tolerance_of(compiled))
