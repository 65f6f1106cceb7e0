"""The project's own backends, as a run uses them: registered, proven, read back from their files."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from differences import Outcome

from scorehouse.errors import ScorehouseError
from scorehouse.program.choose import ProgramFiles, choose_backend
from scorehouse.program.proof import kernel_rows
from scorehouse.program.sql.in_duckdb import duckdb_rows
from scorehouse.registry.policy import LoadPolicy
from scorehouse.registry.version import Version

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "python" / "support"))
from project import registered_kernel

BACKENDS = ("sql", "native", "matrix")
# where registration tries no such backend, it has nothing to say
NONE = {
    "sql": "it has no equivalent in SQL",
    "native": "native code is for trees",
    "matrix": "trees are no matrix products",
}


def outcomes(
    estimator: Any, X: pd.DataFrame, y: Any, task: str, rows: np.ndarray
) -> dict[str, Outcome | str]:
    """The results of each backend, or why there is none; `X` and `y` are the training rows.

    NaN is NULL in the table of rows.
    """
    columns = zip(X, rows.T, strict=True)
    table = pa.table({name: pa.array(column, from_pandas=True) for name, column in columns})
    found: dict[str, Outcome | str] = {}
    with tempfile.TemporaryDirectory() as folder:
        facts = {"task": task, "feature_names": list(X)}
        target = None if task == "clustering" else y
        kernel = registered_kernel(Path(folder), estimator, X.to_numpy(), target, **facts)
        for backend in BACKENDS:
            try:
                chosen = choose_backend(kernel, backend, len(rows), ProgramFiles(Path(folder), LoadPolicy()))
            except ScorehouseError as error:
                found[backend] = _reason(kernel.version, backend, error)
                continue
            made = (
                duckdb_rows(chosen.compiled, table) if chosen.compiled else kernel_rows(chosen.kernel, table)
            )
            found[backend] = _outcome(made, task)
    return found


def _reason(version: Version, backend: str, error: ScorehouseError) -> str:
    """Why registration proved no such backend; else why what it proved does not serve."""
    if backend in version.program:
        return error.problem
    return str(version.program.get("refused", {}).get(backend) or NONE[backend])


def _outcome(made: pa.Table, task: str) -> Outcome:
    labels = made["prediction"].cast(pa.float64()).to_numpy()
    if task == "clustering":
        return Outcome(labels)
    return Outcome(labels, made["score"].cast(pa.float64()).to_numpy())
