"""The run log on Spark, and the counts in a staging table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from scorehouse.engines.base import Scan
from scorehouse.engines.spark.source import SparkSource, column_list, literal, quote
from scorehouse.engines.statistics import Fingerprint, score_column
from scorehouse.kernel import arrays
from scorehouse.kernel.scorer import REJECT_REASON
from scorehouse.project.run_log_place import SUCCESS
from scorehouse.scoring.request import RunRecord


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


def read_statistics(session: Any, table: str, scan: Scan[SparkSource]) -> None:
    """Count what each version wrote: rows, reasons, the range of the score, the input fingerprint.

    As on DuckDB, the fingerprint consists of a count, a sum and an exclusive or over a hash of the key and
    the feature hash; both were read from the feature table and written with the prediction.
    """
    frame = session.table(table)
    records = scan.records
    for suffix, record in zip(scan.suffixes or [""] * len(records), records, strict=True):
        run_id = records[0].row_run_id if scan.suffixes else record.row_run_id
        own = frame.where(f"scoring_run_id = {literal(run_id)}") if len(records) > 1 else frame
        _count(own, list(scan.source.columns.key), suffix, record)


def _count(frame: Any, key: list[str], suffix: str, record: RunRecord) -> None:
    from pyspark.sql.functions import expr

    row_hash = f"xxhash64({column_list([*key, 'feature_hash'])})"
    doubles = {field.name for field in frame.schema if field.dataType.simpleString() == "double"}
    name = score_column(doubles)
    score = quote(name + suffix) if name else "cast(null as double)"
    reason = quote(REJECT_REASON + suffix)
    rows, scored, total, xor, low, high, mean = frame.selectExpr(
        "count(*)",
        f"count_if({reason} is null)",
        f"cast(coalesce(sum(cast({row_hash} as decimal(38, 0))), 0) as string)",
        f"coalesce(bit_xor({row_hash}), 0)",
        f"min({score})",
        f"max({score})",
        f"avg({score})",
    ).collect()[0]
    record.rows_scored, record.rows_rejected = int(scored), int(rows - scored)
    record.fingerprint = Fingerprint(record.input_types, rows, int(total), int(xor)).text()
    record.score_min, record.score_max, record.score_mean = low, high, mean
    if record.rows_rejected:
        rejected = frame.where(f"{reason} is not null")
        by_reason = rejected.groupBy(expr(f"substring_index({reason}, '=', 1)").alias("reason")).count()
        record.reject_reasons.update({row["reason"]: int(row["count"]) for row in by_reason.collect()})
