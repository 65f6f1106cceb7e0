"""Compiled SQL on ClickHouse's engine, held against the kernel."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scorehouse.forms.hard_rows import hard_rows
from scorehouse.forms.parity import Parity, compare
from scorehouse.forms.proof import kernel_rows
from scorehouse.forms.sql.compile import compile_sql
from scorehouse.forms.sql.prove_sql import tolerance_of
from scorehouse.kernel.scorer import Kernel
from scorehouse.kernel.training_batch import training_batch

chdb = pytest.importorskip("chdb", reason="run `./run test clickhouse`")
# As docs/how-to/warehouses.md says: without it, three isotonic calibrations need over 20 GB.
SETTING = "settings short_circuit_function_evaluation = 'disable'"


def clickhouse_parity(folder: Path, frame: pd.DataFrame, kernel: Kernel) -> Parity:
    """Score the training frame and the hard rows with the kernel and on ClickHouse, and compare."""
    compiled = compile_sql(kernel.estimator, kernel.version, kernel.signature, "clickhouse")
    training = training_batch(frame, "test")
    hard = hard_rows(compiled.signature, compiled.probes, training)
    rows = pa.Table.from_batches([training, hard]).combine_chunks()
    expected = kernel_rows(kernel, rows)
    pq.write_table(rows.append_column("row", pa.array(range(rows.num_rows))), folder / "rows.parquet")
    select = compiled.render(f"file('{folder / 'rows.parquet'}', Parquet)", ["row"])
    found = chdb.query(f"select * from ({select}) as scored order by row {SETTING}", "ArrowTable")
    types = [pa.int64(), *expected.schema.types[:-1], pa.string(), pa.string()]
    columns = [column.cast(kind) for column, kind in zip(found.columns, types, strict=True)]
    table = pa.table(columns, names=["row", *compiled.columns])
    return compare(expected, table, tolerance=tolerance_of(compiled))
