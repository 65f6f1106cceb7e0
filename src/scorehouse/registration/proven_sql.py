"""SQL for a registration: run by a database, and compared with the estimator."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from scorehouse.errors import ScorehouseError
from scorehouse.program.parity import Parity, compare
from scorehouse.program.prove import Trial
from scorehouse.program.sql import in_duckdb
from scorehouse.program.sql.compiled import CompiledSql


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


def unequal(parity: Parity) -> str:
    """How SQL differs from the estimator."""
    return (
        f"it is not equal to the estimator on {parity.rows:,} rows: {parity.label_flips:,} other labels, "
        f"{parity.status_flips:,} other statuses, largest difference {parity.max_difference:.3g}"
    )


def why_not_compared(error: Exception) -> str:
    """Why SQL could not be compared with the estimator; the database has errors of its own."""
    if isinstance(error, ScorehouseError):
        return f"it could not be compared with the estimator: {error.problem}"
    return f"the SQL failed ({type(error).__name__}: {error})"
