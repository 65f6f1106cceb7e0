"""The SQL backend as a kernel: record batches that a DuckDB scores, or a few rows on Arrow columns.

A database spends longer on such a statement than on a row: 11 ms for a linear model of 16 features, which
Arrow computes in 1 ms.
"""

from __future__ import annotations

import math
import threading
from typing import Self

import duckdb
import pyarrow as pa

from scorehouse.errors import CompileError
from scorehouse.kernel import arrays
from scorehouse.kernel import compute as pc
from scorehouse.kernel.scorer import REJECT_REASON, Kernel
from scorehouse.program.in_arrow import computed, unknown_parts, without_nan
from scorehouse.program.sql.builder import Program, program_of
from scorehouse.program.sql.compiled import CompiledSql
from scorehouse.program.sql.expression import Case, Column, Expr, IsNull, Literal
from scorehouse.program.sql.in_duckdb import duckdb_rows

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
        self.program, self.failures = _of_task(compiled.decided, kernel)

    def _run(self, columns: list[pa.Array]) -> list[pa.Array]:
        types = [pa.bool_()] * self.failures + [field.type for field in self.outputs.fields]
        made = computed(self.program, [without_nan(column) for column in columns], types)
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
        raise _refused(kernel, f"it needs {sorted(unknown)}")
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
