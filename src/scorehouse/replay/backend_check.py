"""A check of the backend that scored a run: on rows of today, it must still equal the estimator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from scorehouse.engines.columns import KEPT
from scorehouse.engines.run import kernel_of
from scorehouse.errors import LoadRefusedError
from scorehouse.program.choose import ProgramFiles, choose_backend, in_batches
from scorehouse.program.parity import compare, tolerance_of_backend
from scorehouse.program.proof import kernel_rows
from scorehouse.registry.policy import VARIABLE
from scorehouse.registry.version import Version
from scorehouse.replay.logged_run import (
    logged_features,
    logged_options,
    logged_policy,
    logged_version,
    same_libraries,
)
from scorehouse.scoring.request import Request

MOST_EXAMPLES = 3


@dataclass(frozen=True)
class BackendChecked:
    """What a check of a backend found.

    `backend` scored the run, for `backend_reason`. `rows_different` of `rows_compared` rows have another
    label, status or reject reason than the estimator gives, or a score beyond the tolerance of the backend.
    `largest_difference` of scores is absolute up to 1 and relative above; None if no row was compared.
    `same_libraries` says whether the libraries here have the versions of the run.
    """

    run_id: str
    model_version: int
    backend: str
    backend_reason: str
    rows_compared: int
    rows_different: int
    largest_difference: float | None
    same_libraries: bool
    examples: tuple[str, ...] = ()

    @property
    def shows_nothing(self) -> bool:
        """Whether no row was compared with the estimator, though another backend scored the run."""
        return self.backend != "estimator" and not self.rows_compared

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "shows_nothing": self.shows_nothing}


def check_backend(
    connection: duckdb.DuckDBPyConnection,
    run: Mapping[str, Any],
    versions: list[Version],
    request: Request,
    call: str,
    *,
    rows: int | None,
) -> BackendChecked:
    """Score a sample of today's features with the backend of `run` and with the estimator, and compare.

    `run` is a row of the run log, `versions` are those of its ML model, `request` gives the project's folder
    and load policy, `rows` the size of the sample; with None, all rows are in memory at once. Writes nothing.
    Raises LoadRefusedError if the policy forbids to open the estimator.
    """
    version = logged_version(run, versions, call)
    name = run.get("backend") or "estimator"
    about = (str(run["run_id"]), version.version, name, run.get("backend_reason") or "")
    if name == "estimator":
        return BackendChecked(*about, 0, 0, None, same_libraries(run))
    _require_estimator(version, request, call)
    options = logged_options(run, call)
    policy = logged_policy(run, versions, request.project_root, request.load_policy, call)
    files = ProgramFiles(request.project_root, policy)
    kernel = kernel_of(version, files, options.strict, call)
    source = logged_features(
        connection, run, options, request, call, sample=rows, seed=str(run["parent_run_id"])
    )
    source.check([kernel.signature], kernel.schema.names)
    source.check_keys(unique=False)
    backend = in_batches(choose_backend(kernel, name, run["rows_in"], files))
    read = source.cursor.sql(source.select()).to_arrow_table()
    source.close()
    features = read.select(kernel.signature.names)
    expected, found = kernel_rows(kernel, features), kernel_rows(backend.kernel, features)
    parity = compare(expected, found, tolerance=tolerance_of_backend(name))
    return BackendChecked(
        *about,
        rows_compared=read.num_rows,
        rows_different=int(parity.different.sum()),
        largest_difference=parity.max_difference if read.num_rows else None,
        same_libraries=same_libraries(run),
        examples=_keys(read.select([KEPT + key for key in options.row_key]), parity.different),
    )


def _require_estimator(version: Version, request: Request, call: str) -> None:
    if request.load_policy.estimator == "never":
        raise LoadRefusedError(
            call,
            f"the estimator of {version.label}, which its backend is compared with, may not be opened",
            expected="a project or target in which estimators may be opened",
            action="compare only there, for instance in CI; or allow it in one dbt run with `--vars`: "
            f"`estimator: allowed` in {VARIABLE}, with the project's other settings of it",
        )


def _keys(keys: pa.Table, differ: np.ndarray) -> tuple[str, ...]:
    """The keys of the first rows that differ."""
    columns = keys.filter(pa.array(differ)).slice(0, MOST_EXAMPLES).to_pydict().values()
    return tuple(str(key) for key in zip(*columns, strict=True))
