"""A check of the backend that scored a run: on rows of today, it must still equal the estimator.

dbt models that check the last scoring run of a prediction table: a replay, and a check of its backend.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from scorehouse.engines.columns import KEPT
from scorehouse.engines.duckdb.source import registry_of
from scorehouse.engines.run import kernel_of
from scorehouse.errors import ConfigurationError, LoadRefusedError
from scorehouse.program.choose import ProgramFiles, choose_backend, in_batches
from scorehouse.program.proof import compare, kernel_rows, tolerance_of_backend
from scorehouse.registry.policy import VARIABLE
from scorehouse.registry.version import Version
from scorehouse.replay.logged_run import (
    logged_features,
    logged_options,
    logged_policy,
    logged_version,
    run_row,
    same_libraries,
)
from scorehouse.replay.replay import replay
from scorehouse.scoring.request import Request


def replay_sample(dbt: Any, session: Any, *, predictions: Any, model: Any, rows: int = 1000) -> Any:
    """Replay a sample of the last run of a prediction table, from a dbt Python model.

    Parameters
    ----------
    dbt, session: the two arguments of the dbt model function.
    predictions: `dbt.ref(...)` of the prediction table.
    model: `dbt.ref("ml_<name>")`, the registry of the ML model that made it.
    rows: number of rows to score again, chosen by the hash of their keys.

    Returns a relation of one row with the columns of Replayed, for the generic test `replay_agrees`.
    """
    request = Request.for_plain_model(dbt)
    call = f"replay_sample() in {request.node}"
    run = _last_run(session, predictions, request, call)
    versions = registry_of(session, model, request, call).versions(call)
    return _relation(session, [replay(session, run, versions, request, sample=rows).to_dict()])


def backend_sample(dbt: Any, session: Any, *, predictions: Any, model: Any, rows: int = 1000) -> Any:
    """Compare a backend with the estimator on rows of today, from a dbt Python model.

    The backend is the one by which the last run of the prediction table scored. It scores a sample of the
    rows that are in the feature table now, so does the estimator, and the results are compared. The estimator
    is opened for this: the load policy must allow it.

    Parameters
    ----------
    dbt, session: the two arguments of the dbt model function.
    predictions: `dbt.ref(...)` of the prediction table.
    model: `dbt.ref("ml_<name>")`, the registry of the ML model that made it.
    rows: number of rows to compare, chosen by the hash of their keys and the run: other rows after each run.

    Returns a relation with the columns of BackendChecked, one row per version of the run, for the generic
    test `backend_agrees`. If the estimator itself scored, there is nothing to compare, and the row says so.
    """
    request = Request.for_plain_model(dbt)
    call = f"backend_sample() in {request.node}"
    last = _last_run(session, predictions, request, call)
    versions = registry_of(session, model, request, call).versions(call)
    scan = session.execute(
        f"select run_id from {request.run_log} where parent_run_id = ? and status = 'success' "
        "order by is_live desc, model_version",
        [last["parent_run_id"]],
    ).fetchall()
    runs = [run_row(session, request.run_log, str(run_id)) for (run_id,) in scan]
    return _relation(
        session, [check_backend(session, run, versions, request, call, rows=rows).to_dict() for run in runs]
    )


def _last_run(
    session: duckdb.DuckDBPyConnection, predictions: Any, request: Request, call: str
) -> dict[str, Any]:
    """The row of the run log of the run that wrote last into a prediction table."""
    table = predictions.sql_query()
    last = session.sql(f"select scoring_run_id from ({table}) order by scored_at desc limit 1").fetchall()
    if not last:
        raise ConfigurationError(
            call, "the prediction table is empty", expected="a scored table", action="build it first"
        )
    return run_row(session, request.run_log, str(last[0][0]))


def _relation(session: duckdb.DuckDBPyConnection, rows: Iterable[Mapping[str, Any]]) -> Any:
    """A relation of these rows, which have the same names; only a number can be missing in all of them."""
    table = pa.Table.from_pylist([{**row, "examples": ", ".join(row["examples"])} for row in rows])
    fields = (
        field.with_type(pa.float64()) if pa.types.is_null(field.type) else field for field in table.schema
    )
    return session.from_arrow(table.cast(pa.schema(fields)))


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
