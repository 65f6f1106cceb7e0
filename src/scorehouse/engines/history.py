"""Prediction histories: the as-of date in the feature table, and the window of a backfill."""

from __future__ import annotations

from collections.abc import Sequence

from scorehouse.dialect import DUCKDB, Spelling
from scorehouse.engines.columns import find_columns
from scorehouse.engines.duckdb.event_time import event_time_table
from scorehouse.errors import ConfigurationError
from scorehouse.scoring.options import AS_OF, ScoreOptions
from scorehouse.scoring.request import Request


def as_of_table(
    table: str, names: Sequence[str], options: ScoreOptions, request: Request, call: str
) -> tuple[str, list[str]]:
    """The feature table with its as-of date, cut to the window of a backfill or batch, and its columns."""
    if request.event_time:
        return event_time_table(table, names, options, request, call), list(names)
    date, window = as_of_sql(names, options, request, call, DUCKDB)
    if date:
        return f"(select *, {date} as {AS_OF} from {table})", [*names, AS_OF]
    return (f"(select * from {table} where {window})" if window else table), list(names)


def as_of_sql(
    names: Sequence[str], options: ScoreOptions, request: Request, call: str, spelling: Spelling
) -> tuple[str, str]:
    """SQL of the as-of date that a feature table lacks, and of the window of a backfill.

    `names` are the columns of the feature table. Either is empty where there is none.
    """
    value = options.as_of_value
    if request.slice_from and (options.as_of is None or value is not None):
        raise ConfigurationError(
            call,
            "a backfill was asked for, and as_of names no column",
            expected="a feature table with a column of as-of dates, named by as_of",
            action="select prediction histories alone (--select), or leave out scorehouse_backfill",
        )
    if value is not None:
        if AS_OF in {name.lower() for name in names}:
            raise ConfigurationError(
                call,
                f"as_of is {options.as_of!r}, and the feature table has a column {AS_OF!r}",
                expected="a date for a feature table without that column, or the column's name",
                action=f"pass as_of={AS_OF!r}",
            )
        kind = "date" if len(value) <= 10 else spelling.time
        return f"{kind} {spelling.literal(value)}", ""
    if request.slice_from and options.as_of is not None:
        found = spelling.quote(find_columns("as_of", [options.as_of], names, call)[options.as_of])
        first, after = spelling.literal(request.slice_from), spelling.literal(request.slice_to)
        return "", f"{found} >= {first} and {found} < {after}"
    return "", ""
