"""Compiled SQL run by a DuckDB of this process: in one statement, or in stages that must equal it.

`scratch` is the DuckDB in memory that proofs and counts of a registration run in.

The SQL backend as a kernel: record batches that a DuckDB scores, or a few rows on Arrow columns.

A database spends longer on such a statement than on a row: 11 ms for a linear model of 16 features, which
Arrow computes in 1 ms.
"""

from __future__ import annotations

import inspect
import math
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import Any, Self

import duckdb
import numpy as np
import pyarrow as pa

from scorehouse.errors import CompileError, listed
from scorehouse.kernel import arrays
from scorehouse.kernel import compute as pc
from scorehouse.kernel.scorer import REJECT_REASON, Kernel
from scorehouse.program.in_arrow import ArrowProgram, unknown_parts, without_nan
from scorehouse.program.proof import TOLERANCE, TOLERANCE_SINGLE
from scorehouse.program.sql.builder import Program, program_of
from scorehouse.program.sql.compiled import CompiledSql
from scorehouse.program.sql.dialects import DUCKDB
from scorehouse.program.sql.expression import Case, Column, Expr, IsNull, Literal
from scorehouse.program.sql.functions import called

ROW = "scorehouse_row"
PART_ROWS = 8_192
ROWS_OF_STAGES = 1_000
AS_ARROW: Any = {"type": "arrow", "null_handling": "special"}  # a function of columns, which gets NULL too
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
    with _functions(compiled, connection):
        # into a table, since connection.sql() would read and bind the long statement twice
        connection.execute(f"create or replace temp table scored as {sql}")
    return connection.sql(f"from scored order by {ROW}").to_arrow_table()


@contextmanager
def _functions(compiled: CompiledSql, connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """While inside, the database has the functions that the SQL calls, by the texts of a warehouse."""
    for one in compiled.functions:
        types: list[Any] = ["DOUBLE"] * one.arguments
        trees = _of_arrays(called(one), one.arguments)
        connection.create_function(one.name, trees, types, "DOUBLE", **AS_ARROW)
    try:
        yield
    finally:
        for one in compiled.functions:
            connection.remove_function(one.name)


def _of_arrays(trees: Callable[[Any], Any], arguments: int) -> Any:
    """A function of a frame, as one of Arrow's columns, of which DuckDB asks for the signature."""
    import pandas as pd

    def of_columns(*columns: pa.ChunkedArray) -> pa.Array:
        given = [column.to_numpy() for column in columns]
        return pa.array(trees(pd.DataFrame(dict(enumerate(given)))).to_numpy())

    names = [f"x{place}" for place in range(arguments)]
    parameters = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_ONLY) for name in names]
    of_columns.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return of_columns


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


NAN = arrays.scalar(math.nan)


class BackendKernel(Kernel):
    """A kernel that scores by a backend itself, and opens no estimator."""

    def __init__(self, kernel: Kernel) -> None:
        super().__init__(
            kernel._scoring, kernel.version, kernel.signature, strict=kernel.strict, call=kernel.call
        )

    @property
    def estimator(self) -> Self:
        """What scores: this."""
        return self


class SqlKernel(BackendKernel):
    """Batches that a DuckDB of its own scores, one for each thread."""

    def __init__(self, kernel: Kernel, compiled: CompiledSql) -> None:
        super().__init__(kernel)
        self.compiled = compiled
        self.threads = threading.local()

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        if not hasattr(self.threads, "connection"):
            self.threads.connection = duckdb.connect(config={"threads": 1})
        rows = duckdb_rows(self.compiled, pa.Table.from_batches([batch]), self.threads.connection)
        found = rows.select(self.schema.names).cast(self.schema).combine_chunks().to_batches()
        return found[0] if found else pa.RecordBatch.from_pylist([], schema=self.schema)


class ArrowKernel(BackendKernel):
    """A kernel that checks its rows as for the estimator, and computes them by the expressions of the SQL.

    No estimator is opened. Raises CompileError for a backend that Arrow cannot compute.
    """

    def __init__(self, kernel: Kernel, compiled: CompiledSql) -> None:
        super().__init__(kernel)
        program, self.failures = _of_task(compiled.decided, kernel)
        self.program = ArrowProgram(program)

    def _run(self, columns: list[pa.Array]) -> list[pa.Array]:
        types = [pa.bool_()] * self.failures + [field.type for field in self.outputs.fields]
        made = self.program([without_nan(column) for column in columns], types)
        failed, values = made[: self.failures], made[self.failures :]
        if any(pc.any(column).as_py() for column in failed):
            raise ValueError("the estimator takes no such value")  # the kernel looks for the rows
        # NULL of a row that was not rejected: a number that is not finite
        return [pc.fill_null(value, NAN) if pa.types.is_floating(value.type) else value for value in values]


def _of_task(program: Program, kernel: Kernel) -> tuple[Program, int]:
    """The program of a backend, as `outputs_of` builds it, without its checks of rows, which the kernel does.

    Its first outputs, so many as the number says, are the conditions under which the estimator raises; then
    come the columns of the task.
    """
    outputs = dict(program.outputs)
    reason = outputs[REJECT_REASON]
    values = [(field.name, _accepted(outputs[field.name], reason, kernel)) for field in kernel.outputs.fields]
    levels = [dict(step.made) for step in program.steps]
    made = {name: expr for level in levels for name, expr in level.items()}
    why = made[reason.name] if isinstance(reason, Column) else reason
    whens = why.whens if isinstance(why, Case) else ()
    failing = [when for when, then in whens if isinstance(then, Literal)]  # the others are the kernel's own
    conditions = [(f"fails_{number}", condition) for number, condition in enumerate(failing)]
    task = program_of(levels, [*conditions, *values])
    if unknown := unknown_parts(task):
        raise _refused(kernel, f"it needs {listed(sorted(unknown))}")
    return task, len(failing)


def _accepted(output: Expr, reason: Expr, kernel: Kernel) -> Expr:
    """The value of an output for a row that is not rejected."""
    match output:
        case Case(whens=((IsNull(arg=arg, negated=False), value),), default=None) if arg == reason:
            return value
    raise _refused(kernel, "its outputs are not those of this release")


def _refused(kernel: Kernel, problem: str) -> CompileError:
    return CompileError(
        kernel.call,
        f"the backend 'sql' of {kernel.version.label} cannot be computed outside a database: {problem}",
        expected="expressions that Arrow computes too",
        action="leave out backend",
    )
