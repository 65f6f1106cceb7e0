"""The run log on Spark, a table of files that is only appended to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from scorehouse.engines.spark.source import literal, quote
from scorehouse.kernel import arrays
from scorehouse.project.run_log_place import STARTED, SUCCESS
from scorehouse.scoring.request import Request


def insert_runs(session: Any, run_log: str, rows: Sequence[dict[str, Any]]) -> None:
    """Write `rows` of one run. Every value is passed as text and cast to its column's type.

    They are passed as Arrow: a classic session would start a Python worker for tuples.
    A table of files is only appended to: the row that a run began with stays, and the view `scorehouse_runs`
    leaves it out once the run has another row.
    """
    texts = {
        name: arrays.array([None if row[name] is None else str(row[name]) for row in rows], pa.string())
        for name in rows[0]
    }
    values = (
        f"cast({quote(field.name) if field.name in rows[0] else 'null'} as {field.dataType.simpleString()}) "
        f"as {quote(field.name)}"
        for field in session.table(run_log).schema
    )
    frame = session.createDataFrame(pa.table(texts)).selectExpr(*values)
    frame.write.insertInto(run_log)


def log_success(session: Any, run_log: str, rows: Sequence[dict[str, Any]]) -> None:
    """Write the rows of a run whose table is in its place; once more those that an error has kept out."""
    try:
        insert_runs(session, run_log, rows)
    except Exception:  # which may have come after they were written
        session.catalog.refreshTable(run_log)
        ids = ", ".join(literal(str(row["run_id"])) for row in rows)
        kept = session.table(run_log).where(f"run_id in ({ids}) and status = {literal(SUCCESS)}")
        known = {row["run_id"] for row in kept.select("run_id").collect()}
        if missing := [row for row in rows if str(row["run_id"]) not in known]:
            insert_runs(session, run_log, missing)


def runs_alive(session: Any, request: Request) -> set[str]:
    """The runs of a prediction table that may still be at work: begun within the lease, and not ended.

    A run that was killed leaves no row that says so, and counts until the lease is over.
    """
    session.catalog.refreshTable(request.run_log)  # other sessions write it too
    begun = datetime.now(UTC).replace(tzinfo=None) - timedelta(hours=request.lease_hours)
    rows = session.table(request.run_log).where(
        f"prediction_table = {literal(request.relation)} "
        f"and started_at > cast({literal(begun.isoformat(sep=' '))} as timestamp)"
    )
    found = rows.select("parent_run_id", "status").distinct().collect()
    ended = {row["parent_run_id"] for row in found if row["status"] != STARTED}
    return {row["parent_run_id"] for row in found} - ended
