"""Compiled SQL run by a DuckDB of this process: in one statement, or in stages that must equal it."""

from __future__ import annotations

from dataclasses import replace

import duckdb
import numpy as np
import pyarrow as pa

from scorehouse.kernel import arrays
from scorehouse.program.parity import TOLERANCE, TOLERANCE_SINGLE
from scorehouse.program.sql.compiled import CompiledSql
from scorehouse.program.sql.dialects import DUCKDB
from scorehouse.program.sql.scratch import scratch

ROW = "scorehouse_row"
PART_ROWS = 8_192
ROWS_OF_STAGES = 1_000


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
