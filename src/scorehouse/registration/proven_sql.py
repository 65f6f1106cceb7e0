"""SQL for a registration: compiled, compared with the estimator by a database, and what that proved."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from scorehouse.errors import ScorehouseError
from scorehouse.kernel.scorer import Kernel
from scorehouse.program.parity import Parity, compare
from scorehouse.program.prove import Trial
from scorehouse.program.sql import in_duckdb
from scorehouse.program.sql.compile import compile_sql
from scorehouse.program.sql.compiled import CompiledSql
from scorehouse.registration.proven_backend import why_refused


def compiled_for(
    kernel: Kernel, dialect: str, alike: dict[tuple[bool, bool], CompiledSql], most: int | None
) -> CompiledSql | str:
    """The SQL in one dialect, or the reason why there is none."""
    asked = (kernel.estimator, kernel.version, kernel.signature, dialect)
    try:
        return compile_sql(*asked, alike=alike, statement_bytes=most)
    except Exception as error:
        return why_refused(error, "the compiler")


class RunningSql:
    """SQL that a database computes for the rows of a trial, in parallel with the caller.

    SQL for another database than DuckDB is proven by that for DuckDB, which is printed from the same tree.
    """

    def __init__(self, compiled: CompiledSql, trial: Trial) -> None:
        self.compiled = compiled
        self.trial = trial
        self.connection = in_duckdb.scratch()
        self.pool = ThreadPoolExecutor(1, thread_name_prefix="scorehouse_parity")
        self.found = self.pool.submit(in_duckdb.duckdb_rows, compiled, trial.tried.rows, self.connection)

    def end(self) -> None:
        """Stop the database, whether it is running or not."""
        if not self.found.done():
            self.connection.interrupt()
        self.pool.shutdown()
        self.connection.close()

    def parity(self) -> Parity:
        """Score the rows with the estimator, wait for the database, and compare."""
        tolerance = in_duckdb.tolerance_of(self.compiled)
        return compare(self.trial.expected, self.found.result(), tolerance=tolerance)


def begun(gate: CompiledSql, trial: Callable[[], Trial]) -> RunningSql | str:
    """The running comparison, or the reason why there is none."""
    try:
        return RunningSql(gate, trial())
    except Exception as error:
        return _why(error)


def proof_facts(running: RunningSql | str | None, rows_of: str) -> dict[str, Any] | str:
    """The proof of the SQL that was run, or the reason why it may not serve."""
    if not isinstance(running, RunningSql):
        return running or "it was not compared with the estimator"
    try:
        parity = running.parity()
    except Exception as error:  # the database has errors of its own
        return _why(error)
    if not parity.proven:
        return (
            f"it is not equal to the estimator on {parity.rows:,} rows: {parity.label_flips:,} other labels, "
            f"{parity.status_flips:,} other statuses, largest difference {parity.max_difference:.3g}"
        )
    return {
        "sha256": running.compiled.sha256,
        "rows": parity.rows,
        "rows_of": rows_of,
        "largest_difference": parity.max_difference,
    }


def _why(error: Exception) -> str:
    if isinstance(error, ScorehouseError):
        return f"it could not be compared with the estimator: {error.problem}"
    return f"the SQL failed ({type(error).__name__}: {error})"
