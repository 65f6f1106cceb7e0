"""The backend by which a loaded version scores: the same as in a run, computed for single rows.

The decision policy outside the warehouse: the expressions of a prediction table, evaluated on Arrow.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import duckdb
import pyarrow as pa

from scorehouse.errors import CompileError, ConfigurationError, listed
from scorehouse.kernel.scorer import REJECT_REASON, Kernel
from scorehouse.program.choose import Backend, ProgramFiles, choose_backend, in_batches
from scorehouse.program.proof import differs_here, kernel_rows, tolerance_of_backend
from scorehouse.program.sql.compiled import CompiledSql
from scorehouse.registry.artifact import PROOF_FILE
from scorehouse.scoring.decision import DecisionPolicy


def online_backend(kernel: Kernel, asked: str, files: ProgramFiles) -> Backend:
    """Choose as for a run of one row; with the estimator, it is opened.

    SQL is computed on Arrow columns if these equal the estimator too. Otherwise, a database scores if the
    load policy leaves nothing else or `asked` says so, and else the estimator, which is faster.
    """
    # a run refuses SQL for `strict`, since a database has no such checks; here, the kernel checks each row
    backend = choose_backend(kernel.with_strict(frozenset()), asked, 1, files)
    if backend.compiled is not None:
        backend = _without_database(backend, backend.compiled, kernel, asked, files)
    backend = replace(backend, kernel=backend.kernel.with_strict(kernel.strict))
    if backend.name == "estimator":
        backend.kernel.open()  # what is wrong with it is said here, and not with the first row
    return backend


def _without_database(
    backend: Backend, compiled: CompiledSql, kernel: Kernel, asked: str, files: ProgramFiles
) -> Backend:
    from scorehouse.program.sql.in_duckdb import ArrowKernel

    try:
        own = ArrowKernel(backend.kernel, compiled)
        problem = differs_here(
            files.read(kernel, PROOF_FILE),
            kernel,
            lambda rows: kernel_rows(own, rows),
            tolerance_of_backend("sql"),
        )
    except CompileError as error:
        problem = error.problem
    if not problem:
        return replace(backend, kernel=own, compiled=None)
    if not kernel.strict and (asked == "sql" or files.policy.estimator == "never"):
        return in_batches(backend)
    return Backend("estimator", f"sql: {problem}", kernel)


def decider(decision: Mapping[str, Any], columns: Sequence[str], call: str) -> Callable[[pa.Table], pa.Table]:
    """A function that adds `decision`, `band` and `decision_policy` to a finished table.

    `columns` are the columns that scoring returns; the policy's `score` must be one of them. DuckDB evaluates
    exactly the SQL of the prediction table, in memory, with one cursor per call, so threads may share the
    function.
    """
    policy = DecisionPolicy.checked(call, decision)
    if policy.top_n is not None:
        raise ConfigurationError(
            call,
            "decision has top_n, which chooses among all rows of a table",
            expected="a policy of threshold, abstain and bands",
            action="use top_n and per only for the prediction table",
        )
    if policy.score not in columns:
        raise ConfigurationError(
            call,
            f"decision uses the score {policy.score!r}, which this ML model does not output",
            expected=f"one of {listed(columns)}",
            action="name the column as `score` in the policy",
        )
    made = policy.expressions(f"{REJECT_REASON} is null", key=[])
    columns_sql = ", ".join(f"{sql} as {name}" for name, sql in made.items())
    connection = duckdb.connect(config={"threads": 1})  # of a few rows, which others would only wait for

    def decide(table: pa.Table) -> pa.Table:
        with connection.cursor() as cursor:
            decided = cursor.from_arrow(table).project(columns_sql).to_arrow_table()
        for name in made:
            table = table.append_column(name, decided.column(name))
        return table

    return decide
