"""A backend compared with its estimator as registration compares it: on training rows and on hard ones."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from scorehouse.kernel.scorer import Kernel
from scorehouse.kernel.training_batch import training_batch
from scorehouse.program.native.make import CompiledTrees, compile_trees, prove_numbers
from scorehouse.program.proof import TOLERANCE_NATIVE, Parity, compare
from scorehouse.program.prove import Trial, prove, trial_of
from scorehouse.program.sql.compiled import CompiledSql
from scorehouse.program.sql.in_duckdb import duckdb_rows, tolerance_of


def compared(compiled: CompiledSql, kernel: Kernel, frame: Any) -> tuple[Parity, Trial, pa.Table]:
    """SQL on DuckDB: the comparison, the rows that were tried, and what the database made of them."""
    trial = trial_of(kernel, training_batch(frame, "test"), compiled.probes)
    found = duckdb_rows(compiled, trial.tried.rows)
    return compare(trial.expected, found, tolerance=tolerance_of(compiled)), trial, found


def sql_parity(compiled: CompiledSql, kernel: Kernel, frame: Any) -> Parity:
    """The comparison alone."""
    return compared(compiled, kernel, frame)[0]


def trees_of(kernel: Kernel) -> CompiledTrees:
    """The native code of the estimator in a kernel, not proven yet."""
    return compile_trees(kernel.estimator, kernel.version, kernel.signature, kernel.call)


def native_proof(made: CompiledTrees, kernel: Kernel, frame: Any) -> tuple[int, float, Trial]:
    """Native code with its estimator: how many rows are equal, the largest difference, and the rows."""
    trial = trial_of(kernel, training_batch(frame, "test"), made.edges)
    parity = prove(made.backend, trial, TOLERANCE_NATIVE)
    more, worst = prove_numbers(made.backend, made.last, trial) if made.last is not None else (0, 0.0)
    return parity.rows + more, max(parity.max_difference, worst), trial
