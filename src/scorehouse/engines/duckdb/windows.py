"""The rows of the feature table that a run reads: the as-of dates of a history, or one batch's window."""

from __future__ import annotations

from collections.abc import Sequence

from scorehouse.dialect import DUCKDB
from scorehouse.engines.columns import find_columns
from scorehouse.engines.source import Source, within
from scorehouse.scoring.arguments import refuse
from scorehouse.scoring.options import AS_OF


def as_of_table(source: Source, table: str, names: Sequence[str]) -> str:
    """The feature table with its as-of date, limited to a backfill's or batch's window."""
    if source.request.event_time:
        return f"(select * from {table} where {_window_of_batch(source, names)})"
    date, window = source.as_of_sql(names, DUCKDB)
    if date:
        return f"(select *, {date} as {AS_OF} from {table})"
    return f"(select * from {table} where {window})" if window else table


def _window_of_batch(source: Source, names: Sequence[str]) -> str:
    """SQL of the window of one batch.

    Raises ConfigurationError for options that make no sense batch by batch.
    """
    options, request, call = source.options, source.request, source.call
    event_time = request.event_time
    column = find_columns("event_time", [event_time], names, call)[event_time]
    rescore = options.rescore
    rules = [
        (
            options.as_of is not None,
            f"cannot be combined with as_of={options.as_of!r}",
            "only one of them: the variable scorehouse_backfill builds a history in slices",
        ),
        (
            rescore.rule == "all",
            "cannot be combined with rescore='all', which would rebuild the table from one batch",
            "rescore='given' (a batch replaces its window), or 'new' or 'changed'",
        ),
        (
            rescore.rule == "feed",
            "cannot be combined with rescore='feed', since a batch is a part of the feature table",
            "rescore='given', 'new' or 'changed'",
        ),
        (
            rescore.vanished != "keep",
            f"cannot be combined with vanished={rescore.vanished!r}: all rows outside a batch would count as "
            "vanished",
            "vanished='keep'; under rescore='given' rows that left the window of a batch are deleted",
        ),
        (
            options.group is not None or options.ranks_by_score,
            "cannot be combined with a rank or top_n, whose group may span several batches",
            "neither group nor top_n",
        ),
        (
            rescore.rule == "given" and event_time not in (*options.key, *options.passthrough),
            f"has no window to replace: event_time={event_time!r} is not a column of the prediction table",
            f"passthrough={event_time!r}, so that a batch can replace its window",
        ),
    ]
    action = "correct the call, or leave incremental_strategy out"
    refuse(
        call,
        (
            (is_wrong, f"incremental_strategy='microbatch' {problem}", expected, action)
            for is_wrong, problem, expected in rules
        ),
    )
    return within(column, request, DUCKDB)
