"""SQL for a registration: compiled, compared with the estimator by a database, and what that proved."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pyarrow as pa

from scorehouse.errors import ScorehouseError
from scorehouse.forms.sql.compile import compile_sql
from scorehouse.forms.sql.compiled import CompiledSql
from scorehouse.forms.sql.prove_sql import Comparison
from scorehouse.kernel.scorer import Kernel
from scorehouse.registration.proven_form import why_refused


def compiled_for(
    kernel: Kernel, dialect: str, alike: dict[tuple[bool, bool], CompiledSql], most: int | None
) -> CompiledSql | str:
    """The SQL in one dialect, or the reason why there is none."""
    asked = (kernel.estimator, kernel.version, kernel.signature, dialect)
    try:
        return compile_sql(*asked, alike=alike, statement_bytes=most)
    except Exception as error:
        return why_refused(error, "the compiler")


def begun(gate: CompiledSql, kernel: Kernel, rows: pd.DataFrame | pa.RecordBatch) -> Comparison | str:
    """The running comparison, or the reason why there is none."""
    try:
        return Comparison(gate, kernel, rows)
    except ScorehouseError as error:
        return f"it could not be compared with the estimator: {error.problem}"
    except Exception as error:
        return f"the SQL failed ({type(error).__name__}: {error})"


def proof_facts(running: Comparison | str | None, rows_of: str) -> dict[str, Any] | str:
    """The proof of the SQL that was run, or the reason why it may not serve."""
    if not isinstance(running, Comparison):
        return running or "it was not compared with the estimator"
    try:
        parity = running.parity()
    except ScorehouseError as error:
        return f"it could not be compared with the estimator: {error.problem}"
    except Exception as error:  # the database has errors of its own
        return f"the SQL failed ({type(error).__name__}: {error})"
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
