"""The rows of the feature table that a run reads: the as-of dates of a history, or one batch's window."""

from __future__ import annotations

from collections.abc import Sequence

from scorehouse.dialect import DUCKDB
from scorehouse.engines.columns import find_columns
from scorehouse.engines.duckdb.sql import literal, quote
from scorehouse.engines.history import as_of_sql
from scorehouse.errors import ConfigurationError
from scorehouse.scoring.options import AS_OF, ScoreOptions
from scorehouse.scoring.request import Request


def as_of_table(
    table: str, names: Sequence[str], options: ScoreOptions, request: Request, call: str
) -> tuple[str, list[str]]:
    """The feature table with its as-of date, limited to a backfill's or batch's window, and its columns."""
    if request.event_time:
        return event_time_table(table, names, options, request, call), list(names)
    date, window = as_of_sql(names, options, request, call, DUCKDB)
    if date:
        return f"(select *, {date} as {AS_OF} from {table})", [*names, AS_OF]
    return (f"(select * from {table} where {window})" if window else table), list(names)


def event_time_table(
    table: str, names: Sequence[str], options: ScoreOptions, request: Request, call: str
) -> str:
    """The feature table, limited to the window of one batch.

    Raises ConfigurationError for options that make no sense batch by batch.
    """
    event_time = request.event_time
    column = find_columns("event_time", [event_time], names, call)[event_time]
    rescore = options.rescore
    whole = options.decision is not None and options.decision.top_n is not None
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
            options.group is not None or whole,
            "cannot be combined with a rank or top_n, whose group may span several batches",
            "neither group nor top_n",
        ),
        (
            rescore.rule == "given" and event_time not in (*options.key, *options.passthrough),
            f"has no window to replace: event_time={event_time!r} is not a column of the prediction table",
            f"passthrough={event_time!r}, so that a batch can replace its window",
        ),
    ]
    for is_wrong, problem, expected in rules:
        if is_wrong:
            raise ConfigurationError(
                call,
                f"incremental_strategy='microbatch' {problem}",
                expected=expected,
                action="correct the call, or leave incremental_strategy out",
            )
    window = (
        f"{quote(column)} >= {literal(request.slice_from)} and {quote(column)} < {literal(request.slice_to)}"
    )
    return f"(select * from {table} where {window})"
