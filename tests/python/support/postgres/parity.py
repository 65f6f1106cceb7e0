"""Compiled SQL on a PostgreSQL server, held against the kernel."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from postgres.server import load
from scorehouse.forms.hard_rows import hard_rows
from scorehouse.forms.parity import Parity, compare
from scorehouse.forms.proof import kernel_rows
from scorehouse.forms.sql.compile import LARGEST_WHERE_OVERFLOW_RAISES, compile_sql
from scorehouse.forms.sql.prove_sql import tolerance_of
from scorehouse.kernel.scorer import Kernel
from scorehouse.kernel.training_batch import training_batch


def computable(rows: pa.Table) -> pa.Table:
    """Rows without the finite numbers that are rejected on PostgreSQL alone, since products overflow."""
    keep = np.ones(rows.num_rows, dtype=bool)
    for column in rows.columns:
        if pa.types.is_floating(column.type):
            values = np.abs(column.to_numpy())
            keep &= ~((values > LARGEST_WHERE_OVERFLOW_RAISES) & np.isfinite(values))
    return rows.filter(pa.array(keep))


def postgres_parity(connection: Any, frame: pd.DataFrame, kernel: Kernel) -> Parity:
    """Score the training frame and the hard rows with the kernel and on the server, and compare."""
    compiled = compile_sql(kernel.estimator, kernel.version, kernel.signature, "postgres")
    training = training_batch(frame, "test")
    tried = pa.Table.from_batches([training, hard_rows(compiled.signature, compiled.probes, training)])
    rows = computable(tried).combine_chunks()
    expected = kernel_rows(kernel, rows)
    load(connection, "parity_rows", rows.append_column("row", pa.array(range(rows.num_rows))))
    with connection.cursor() as cursor:
        cursor.execute("set jit = off")
        cursor.execute(f"select * from ({compiled.render('parity_rows', ['row'])}) as scored order by row")
        found = cursor.fetchall()
    names = ["row", *compiled.columns]
    types = [pa.int64(), *expected.schema.types[:-1], pa.string(), pa.string()]
    columns = [pa.array(list(c), t) for c, t in zip(zip(*found, strict=True), types, strict=True)]
    return compare(expected, pa.table(columns, names=names), tolerance=tolerance_of(compiled))
