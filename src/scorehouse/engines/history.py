"""Prediction histories: the as-of date in the feature table, and the window of a backfill."""

from __future__ import annotations

from collections.abc import Sequence

from scorehouse.dialect import Spelling
from scorehouse.engines.columns import find_columns
from scorehouse.errors import ConfigurationError
from scorehouse.scoring.options import AS_OF, ScoreOptions
from scorehouse.scoring.request import Request


def as_of_sql(
    names: Sequence[str], options: ScoreOptions, request: Request, call: str, spelling: Spelling
) -> tuple[str, str]:
    """SQL of the as-of date that a feature table lacks, and of the window of a backfill.

    `names` are the columns of the feature table. Either result is empty if there is nothing to add.
    """
    value = options.as_of_value
    if request.slice_from and (options.as_of is None or value is not None):
        raise ConfigurationError(
            call,
            "a backfill was requested, but as_of does not name a column",
            expected="a feature table with a column of as-of dates, named by as_of",
            action="select only prediction histories (--select), or leave out scorehouse_backfill",
        )
    if value is not None:
        if AS_OF in {name.lower() for name in names}:
            raise ConfigurationError(
                call,
                f"as_of is {options.as_of!r}, but the feature table has a column {AS_OF!r}",
                expected="the column's name, or a date if the feature table has no such column",
                action=f"pass as_of={AS_OF!r}",
            )
        kind = "date" if len(value) <= 10 else spelling.time
        return f"{kind} {spelling.literal(value)}", ""
    if request.slice_from and options.as_of is not None:
        found = spelling.quote(find_columns("as_of", [options.as_of], names, call)[options.as_of])
        first, after = spelling.literal(request.slice_from), spelling.literal(request.slice_to)
        return "", f"{found} >= {first} and {found} < {after}"
    return "", ""
