"""Prediction histories: the as-of date in the feature table, and the window of a backfill."""

from __future__ import annotations

from collections.abc import Sequence

from scorehouse.engines.columns import find_columns
from scorehouse.engines.event_time import event_time_table
from scorehouse.errors import ConfigurationError
from scorehouse.options import AS_OF, ScoreOptions
from scorehouse.request import Request
from scorehouse.rescore import literal, quote


def as_of_table(
    table: str, names: Sequence[str], options: ScoreOptions, request: Request, call: str
) -> tuple[str, list[str]]:
    """The feature table with its as-of date, cut to the window of a backfill or batch, and its columns."""
    if request.event_time:
        return event_time_table(table, names, options, request, call), list(names)
    if request.slice_from and (options.as_of is None or options.as_of_value is not None):
        raise ConfigurationError(
            call,
            "a backfill was asked for, and as_of names no column",
            expected="a feature table with a column of as-of dates, named by as_of",
            action="select prediction histories alone (--select), or leave out scorehouse_backfill",
        )
    if options.as_of_value is not None:
        if AS_OF in {name.lower() for name in names}:
            raise ConfigurationError(
                call,
                f"as_of is {options.as_of!r}, and the feature table has a column {AS_OF!r}",
                expected="a date for a feature table without that column, or the column's name",
                action=f"pass as_of={AS_OF!r}",
            )
        kind = "date" if len(options.as_of_value) <= 10 else "timestamp"
        return (
            f"(select *, {kind} {literal(options.as_of_value)} as {AS_OF} from {table})",
            [*names, AS_OF],
        )
    if request.slice_from and options.as_of is not None:
        found = quote(find_columns("as_of", [options.as_of], names, call)[options.as_of])
        window = f"{found} >= {literal(request.slice_from)} and {found} < {literal(request.slice_to)}"
        return f"(select * from {table} where {window})", list(names)
    return table, list(names)
