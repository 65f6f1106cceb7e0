"""Timestamps of the feature table on Spark, by which the rule `updated_at` compares runs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from scorehouse.engines.columns import find_columns
from scorehouse.engines.spark.source import SparkSource, literal, quote
from scorehouse.errors import ConfigurationError
from scorehouse.scoring.runlog import RunRecord

EPOCH = "timestamp '1970-01-01 00:00:00'"


def updated_at(source: SparkSource) -> str | None:
    """The column of the feature table that `updated_at` names; None: another rule."""
    name = source.options.rescore.updated_at
    if name is None:
        return None
    column = find_columns("updated_at", [name], source.table.columns, source.call)[name]
    kind = source.table.schema[column].dataType.simpleString()
    if kind not in ("date", "timestamp", "timestamp_ntz"):
        raise ConfigurationError(
            source.call,
            f"updated_at is {name!r}, which holds {kind}",
            expected="a column of timestamps or dates",
            action="cast it in the feature model, or use the rule 'changed'",
        )
    return column


def note_watermark(source: SparkSource, records: Sequence[RunRecord]) -> None:
    """The newest timestamp of the feature table, with which later runs compare."""
    column = updated_at(source)
    if column is None:
        return
    newest = f"max(cast({quote(column)} as timestamp))"
    # as a text: a value would be turned into the time zone of this process
    text = source.table.selectExpr(f"date_format({newest}, 'yyyy-MM-dd HH:mm:ss.SSSSSS')").collect()[0][0]
    for record in records:
        record.watermark = datetime.fromisoformat(text) if text else None


def lookback_us(source: SparkSource) -> int:
    """The look-back in microseconds."""
    lookback = source.options.rescore.lookback
    if isinstance(lookback, int | float):
        return round(lookback * 1_000_000)
    later = f"{EPOCH} + cast({literal(lookback)} as interval)"
    try:
        text = f"select unix_micros({later}) - unix_micros({EPOCH})"
        found = source.session.sql(text).collect()[0][0]
    except Exception:  # in ANSI mode an interval that is none is an error, else NULL
        found = None
    if found is None:
        raise ConfigurationError(
            source.call,
            f"rescore has lookback {lookback!r}",
            expected="seconds, or an interval such as '2 days'",
            action="correct the argument rescore",
        )
    return int(found)
