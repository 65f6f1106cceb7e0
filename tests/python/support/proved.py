"""A form compared with its estimator as registration compares it: on training rows and on hard ones."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from scorehouse.forms.native.edge_rows import edges_of_features, prove_numbers
from scorehouse.forms.native.native_form import NativeForm
from scorehouse.forms.native.recipes import recipe_of
from scorehouse.forms.parity import TOLERANCE_NATIVE, Parity, compare
from scorehouse.forms.prove import Trial, prove, trial_of
from scorehouse.forms.sql.compiled import CompiledSql
from scorehouse.forms.sql.in_duckdb import duckdb_rows, tolerance_of
from scorehouse.kernel.scorer import Kernel


def compared(compiled: CompiledSql, kernel: Kernel, frame: Any) -> tuple[Parity, Trial, pa.Table]:
    """SQL on DuckDB: the comparison, the rows that were tried, and what the database made of them."""
    trial = trial_of(kernel, frame, compiled.probes)
    found = duckdb_rows(compiled, trial.tried.rows)
    return compare(trial.expected, found, tolerance=tolerance_of(compiled)), trial, found


def sql_parity(compiled: CompiledSql, kernel: Kernel, frame: Any) -> Parity:
    """The comparison alone."""
    return compared(compiled, kernel, frame)[0]


def native_proof(form: NativeForm, kernel: Kernel, frame: Any) -> tuple[int, float, Trial]:
    """Native code with its estimator: how many rows are equal, the largest difference, and the rows."""
    ensemble, _ = recipe_of(form.last, lambda _, problem: ValueError(problem))
    trial = trial_of(kernel, frame, edges_of_features(form, ensemble, kernel.signature))
    parity = prove(form, trial, TOLERANCE_NATIVE)
    more, worst = prove_numbers(form, ensemble, trial)
    return parity.rows + more, max(parity.max_difference, worst), trial
