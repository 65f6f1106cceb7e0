"""Batches by event time: the window of the feature table that one pass of a microbatch model scores."""

from __future__ import annotations

from collections.abc import Sequence

from scorehouse.engines.columns import find_columns
from scorehouse.errors import ConfigurationError
from scorehouse.scoring.options import ScoreOptions
from scorehouse.scoring.request import Request
from scorehouse.scoring.rescore import literal, quote


def event_time_table(
    table: str, names: Sequence[str], options: ScoreOptions, request: Request, call: str
) -> str:
    """The feature table cut to the window of one batch.

    Raises ConfigurationError for what makes no sense batch by batch.
    """
    column = find_columns("event_time", [request.event_time], names, call)[request.event_time]
    for is_wrong, problem, expected in _rules(options, request.event_time):
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


def _rules(options: ScoreOptions, event_time: str) -> list[tuple[bool, str, str]]:
    """What a batch cannot be scored with, in which words, and what is expected instead."""
    rescore = options.rescore
    whole = options.decision is not None and options.decision.top_n is not None
    return [
        (
            options.as_of is not None,
            f"and as_of {options.as_of!r}",
            "one of them: a history is built in slices by the variable scorehouse_backfill",
        ),
        (
            rescore.rule == "all",
            "and rescore='all', which rebuilds the table from one batch",
            "rescore='given' (a batch replaces its window), or 'new' or 'changed'",
        ),
        (
            rescore.vanished != "keep",
            f"and vanished={rescore.vanished!r}, where all rows outside a batch would count as vanished",
            "vanished='keep'; under rescore='given' rows that left the window of a batch are deleted",
        ),
        (
            options.group is not None or whole,
            "and a rank or top_n, whose group may reach over several batches",
            "neither group nor top_n",
        ),
        (
            rescore.rule == "given" and event_time not in (*options.key, *options.passthrough),
            f"and event_time={event_time!r}, which is no column of the prediction table",
            f"passthrough={event_time!r}, so that a batch can replace its window",
        ),
    ]
