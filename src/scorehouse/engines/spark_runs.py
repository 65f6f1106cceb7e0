"""The run log on Spark, and what is counted in a staging table."""

from __future__ import annotations

from collections import Counter
from typing import Any

from scorehouse.engines.spark_source import names, quote
from scorehouse.runlog import RunRecord

MASK = 2**64 - 1


def insert_run(session: Any, record: RunRecord, error: Exception | None = None) -> None:
    """Write the run's row. Every value is handed over as text and cast to its column's type."""
    row = record.to_row(error)
    texts = {name: None if value is None else str(value) for name, value in row.items()}
    schema = ", ".join(f"{quote(name)} string" for name in texts)
    columns = session.table(record.request.run_log).schema
    values = (
        f"cast({quote(field.name) if field.name in row else 'null'} as {field.dataType.simpleString()}) "
        f"as {quote(field.name)}"
        for field in columns
    )
    frame = session.createDataFrame([tuple(texts.values())], schema).selectExpr(*values)
    frame.write.insertInto(record.request.run_log)


def read_statistics(session: Any, table: str, key: list[str], record: RunRecord) -> None:
    """Count what was written: rows, reasons, the score's range, the fingerprint of the input.

    The fingerprint is made as on DuckDB, of a count, a sum and an exclusive or, over a hash of the key
    and the feature hash; both were read from the feature table and written with the prediction.
    """
    frame = session.table(table)
    row_hash = f"xxhash64({names([*key, 'feature_hash'])})"
    scores = [
        field.name
        for name in ("score", "distance", "prediction")
        for field in frame.schema
        if field.name == name and field.dataType.simpleString() == "double"
    ]
    score = quote(scores[0]) if scores else "cast(null as double)"
    rows, scored, total, xor, low, high, mean = frame.selectExpr(
        "count(*)",
        "count_if(row_status = 'scored')",
        f"cast(coalesce(sum(cast({row_hash} as decimal(38, 0))), 0) as string)",
        f"coalesce(bit_xor({row_hash}), 0)",
        f"min({score})",
        f"max({score})",
        f"avg({score})",
    ).collect()[0]
    record.rows_scored, record.rows_rejected = int(scored), int(rows - scored)
    record.fingerprint = f"{rows}:{int(total) & MASK:016x}:{int(xor) & MASK:016x}"
    record.score_min, record.score_max, record.score_mean = low, high, mean
    record.reject_reasons = Counter(dict(_reasons(frame))) if record.rows_rejected else Counter()


def _reasons(frame: Any) -> list[tuple[str, int]]:
    reason = "substring_index(reject_reason, '=', 1)"
    rejected = frame.where("reject_reason is not null").selectExpr(f"{reason} as reason")
    return [(row["reason"], int(row["count"])) for row in rejected.groupBy("reason").count().collect()]
