"""dbt models that check the last scoring run of a prediction table: a replay, and a check of its backend."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import duckdb
import pyarrow as pa

from scorehouse.engines.duckdb.source import registry_of
from scorehouse.errors import ConfigurationError
from scorehouse.replay.backend_check import check_backend
from scorehouse.replay.logged_run import run_row
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
