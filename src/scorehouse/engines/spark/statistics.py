"""What a run on Spark wrote: its rows, reasons, scores and keys, counted in its staging table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from typing import Any

from scorehouse.engines.base import Scan
from scorehouse.engines.source import check_counts
from scorehouse.engines.spark.source import (
    ONE_TASK,
    SparkSource,
    column_list,
    key_counts,
    literal,
    quote,
    repeated,
)
from scorehouse.engines.statistics import Fingerprint, score_column
from scorehouse.kernel.scorer import REJECT_REASON
from scorehouse.scoring.request import RunRecord

# parts of a hash: their lowest bit, and SQL that leaves out the bits of the next
PARTS = ((0, " & 4194303"), (22, " & 4194303"), (44, ""))
# of a run: rows, rows with a NULL in the key, different keys
Counts = dict[str, tuple[int, int, int]]


def read_statistics(session: Any, table: str, scan: Scan[SparkSource]) -> Counts:
    """Count what each version wrote: rows, reasons, the range of the score, the input fingerprint, and keys.

    As on DuckDB, the fingerprint consists of a count, a sum and an exclusive or over a hash of the key and
    the feature hash; both were read from the feature table and written with the prediction.
    """
    from pyspark.sql.functions import expr

    frame, records = session.table(table), scan.records
    suffixes = scan.suffixes or [""]
    key = list(scan.source.columns.key)
    doubles = {field.name for field in frame.schema if field.dataType.simpleString() == "double"}
    counted = [sql for suffix in suffixes for sql in _statistics(key, suffix, score_column(doubles))]
    width = len(counted) // len(suffixes)
    queries = [counted, key_counts(key)]
    if sum(record.rows_in for record in records) <= ONE_TASK:
        frame, queries = frame.coalesce(1), [[*counted, *key_counts(key)]]
    # the id of a run that is alone would only lengthen what is moved by key
    by = literal(records[0].row_run_id) if len(records) == 1 else "scoring_run_id"
    rows: dict[str, list[Any]] = defaultdict(list)
    for query in queries:
        for run_id, *found in frame.groupBy(expr(by)).agg(*map(expr, query)).collect():
            rows[run_id] += found
    for number, record in enumerate(records):
        first = width * number if scan.suffixes else 0
        run_id = records[0].row_run_id if scan.suffixes else record.row_run_id
        found = rows.get(run_id, [0, 0, 0, 0, 0, 0, None, None, None] * len(suffixes))[first : first + width]
        _note(record, found)
        if record.rows_rejected:
            reason = quote(REJECT_REASON + (scan.suffixes[number] if scan.suffixes else ""))
            rejected = frame.where(f"scoring_run_id = {literal(run_id)} and {reason} is not null")
            by_reason = rejected.groupBy(expr(f"substring_index({reason}, '=', 1)").alias("reason")).count()
            record.reject_reasons.update({row["reason"]: int(row["count"]) for row in by_reason.collect()})
    return {run_id: (counts[0], counts[-2], counts[-1]) for run_id, counts in rows.items()}


def _statistics(key: list[str], suffix: str, name: str | None) -> list[str]:
    row_hash = f"xxhash64({column_list([*key, 'feature_hash'])})"
    score = quote(name + suffix) if name else "cast(null as double)"
    return [
        "count(*)",
        f"count_if({quote(REJECT_REASON + suffix)} is null)",
        # in three parts of 22 bits, of which 2 ** 41 rows have sums of 64 bits
        *(f"sum(shiftright({row_hash}, {bits}){mask})" for bits, mask in PARTS),
        f"coalesce(bit_xor({row_hash}), 0)",
        f"min({score})",
        f"max({score})",
        f"avg({score})",
    ]


def _note(record: RunRecord, found: Sequence[Any]) -> None:
    rows, scored, *sums, xor, low, high, mean = found
    total = sum(part << bits for part, (bits, _) in zip(sums, PARTS, strict=True))
    record.rows_scored, record.rows_rejected = int(scored), int(rows - scored)
    record.fingerprint = Fingerprint(record.input_types, rows, total, int(xor)).text()
    record.score_min, record.score_max, record.score_mean = low, high, mean


def check_written_keys(session: Any, table: str, scan: Scan[SparkSource], counts: Counts) -> None:
    """Refuse a key that is NULL or not unique among the rows that a version wrote.

    What was written is counted, and not the feature table, which may be a view that differs on each read.
    """
    frame, key = session.table(table), list(scan.source.columns.key)
    for run_id, found in counts.items():
        own = frame.where(f"scoring_run_id = {literal(run_id)}")
        check_counts(scan.source.call, key, found, partial(repeated, own, key))
