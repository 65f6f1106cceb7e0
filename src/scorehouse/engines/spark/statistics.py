"""What a run on Spark wrote: its rows, reasons, scores and keys, counted in its staging table."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from scorehouse.engines.base import Scan
from scorehouse.engines.source import check_counts
from scorehouse.engines.spark.source import SparkSource, column_list, key_counts, literal, quote, repeated
from scorehouse.engines.statistics import Fingerprint, score_column
from scorehouse.kernel.scorer import REJECT_REASON
from scorehouse.scoring.request import RunRecord


def read_statistics(session: Any, table: str, scan: Scan[SparkSource]) -> None:
    """Count what each version wrote: rows, reasons, the range of the score, the input fingerprint.

    As on DuckDB, the fingerprint consists of a count, a sum and an exclusive or over a hash of the key and
    the feature hash; both were read from the feature table and written with the prediction.
    """
    from pyspark.sql.functions import expr

    frame, records = session.table(table), scan.records
    suffixes = scan.suffixes or [""]
    key = list(scan.source.columns.key)
    doubles = {field.name for field in frame.schema if field.dataType.simpleString() == "double"}
    counted = [expr(sql) for suffix in suffixes for sql in _statistics(key, suffix, score_column(doubles))]
    rows = {row[0]: row[1:] for row in frame.groupBy("scoring_run_id").agg(*counted).collect()}
    width = len(counted) // len(suffixes)
    for number, record in enumerate(records):
        first = width * number if scan.suffixes else 0
        run_id = records[0].row_run_id if scan.suffixes else record.row_run_id
        found = rows.get(run_id, (0, 0, "0", 0, None, None, None) * len(suffixes))[first : first + width]
        _note(record, found)
        if record.rows_rejected:
            reason = quote(REJECT_REASON + (scan.suffixes[number] if scan.suffixes else ""))
            rejected = frame.where(f"scoring_run_id = {literal(run_id)} and {reason} is not null")
            by_reason = rejected.groupBy(expr(f"substring_index({reason}, '=', 1)").alias("reason")).count()
            record.reject_reasons.update({row["reason"]: int(row["count"]) for row in by_reason.collect()})


def _statistics(key: list[str], suffix: str, name: str | None) -> list[str]:
    row_hash = f"xxhash64({column_list([*key, 'feature_hash'])})"
    score = quote(name + suffix) if name else "cast(null as double)"
    return [
        "count(*)",
        f"count_if({quote(REJECT_REASON + suffix)} is null)",
        f"cast(coalesce(sum(cast({row_hash} as decimal(38, 0))), 0) as string)",
        f"coalesce(bit_xor({row_hash}), 0)",
        f"min({score})",
        f"max({score})",
        f"avg({score})",
    ]


def _note(record: RunRecord, found: Sequence[Any]) -> None:
    rows, scored, total, xor, low, high, mean = found
    record.rows_scored, record.rows_rejected = int(scored), int(rows - scored)
    record.fingerprint = Fingerprint(record.input_types, rows, int(total), int(xor)).text()
    record.score_min, record.score_max, record.score_mean = low, high, mean


def check_written_keys(session: Any, table: str, scan: Scan[SparkSource]) -> None:
    """Refuse a key that is NULL or not unique among the rows that a version wrote.

    What was written is counted, and not the feature table, which may be a view that differs on each read.
    """
    frame, key = session.table(table), list(scan.source.columns.key)
    rows, nulls, different = key_counts(frame, key, ["scoring_run_id"])
    if not nulls and different == rows:
        return
    for record in scan.records:  # of one of them, to say which keys
        own = frame.where(f"scoring_run_id = {literal(record.row_run_id)}")
        check_counts(scan.source.call, key, key_counts(own, key), partial(repeated, own, key))
