"""Compiled SQL on ClickHouse's engine, held against the kernel."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from parity_rows import ROW, parity_of, parity_rows
from scorehouse.kernel.scorer import Kernel
from scorehouse.program.proof import Parity
from scorehouse.program.sql.compile import compile_sql

chdb = pytest.importorskip("chdb", reason="run `./run test clickhouse`")
# As docs/how-to/without_python.md says: without it, three isotonic calibrations need over 20 GB.
SETTING = "settings short_circuit_function_evaluation = 'disable'"


def clickhouse_parity(folder: Path, frame: pd.DataFrame, kernel: Kernel) -> Parity:
    """Score the training frame and the hard rows with the kernel and on ClickHouse, and compare."""
    compiled = compile_sql(kernel.estimator, kernel.version, kernel.signature, "clickhouse")
    rows = parity_rows(compiled, frame)
    pq.write_table(rows, folder / "rows.parquet")
    select = compiled.render(f"file('{folder / 'rows.parquet'}', Parquet)", [ROW])
    found = chdb.query(f"select * from ({select}) as scored order by {ROW} {SETTING}", "ArrowTable")
    values = list(zip(*(column.to_pylist() for column in found.columns), strict=True))
    return parity_of(kernel, compiled, rows, values)
