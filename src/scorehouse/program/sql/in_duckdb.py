"""Compiled SQL run by a DuckDB of this process: in one statement, or in stages that must equal it.

`scratch` is the DuckDB in memory that proofs and counts of a registration run in.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import replace

import duckdb
import numpy as np
import pyarrow as pa

from scorehouse.kernel import arrays
from scorehouse.program.parity import TOLERANCE, TOLERANCE_SINGLE
from scorehouse.program.sql.compiled import CompiledSql
from scorehouse.program.sql.dialects import DUCKDB

ROW = "scorehouse_row"
PART_ROWS = 8_192
ROWS_OF_STAGES = 1_000
_shared: ContextVar[tuple[ExitStack, list[duckdb.DuckDBPyConnection]] | None] = ContextVar(
    "scratch", default=None
)


@contextmanager
def one_scratch() -> Iterator[None]:
    """Let all connections of `scratch` in this block share a database, which is opened when one is asked for.

    To open one takes longer than most of what runs in it. It ends with the block: its threads would make a
    later fork of the process hang.
    """
    with ExitStack() as stack:
        token = _shared.set((stack, []))
        try:
            yield
        finally:
            _shared.reset(token)


def scratch() -> duckdb.DuckDBPyConnection:
    """A connection of its own, to close after use: what it registers and makes is seen by no other."""
    shared = _shared.get()
    if shared is None:
        return _opened()
    stack, opened = shared
    if not opened:
        opened.append(stack.enter_context(_opened()))
    return opened[0].cursor()


def _opened() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    # One looks for common subexpressions, which takes half of the time for a forest; the other orders joins,
    # of which there are none. Neither changes a value.
    connection.execute("set disabled_optimizers = 'common_subexpressions,join_order'")
    return connection


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
