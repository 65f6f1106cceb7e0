"""What the gate compared: the rows of the test `challenger_not_worse`, and what they say in words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from scorehouse.report.contests import has_parts, part_of, place_of
from scorehouse.retraining.prepared import House

# The end of the test's SQL, and of the SQL that gives every row that it compared, also those that passed.
FAILING, ALL = "select * from validation_errors", "select * from judged"
JUDGED = "judged as ("
SHOWN = 5
Row = Mapping[str, Any]


def comparison_of(house: House, sql: str) -> tuple[dict[str, Any], ...]:
    """Every row that the gate judged, in the order of outputs and segments; none for another kind of test."""
    head, found, _ = sql.rpartition(FAILING)
    if not found or JUDGED not in head or "challenger_value" not in head:
        return ()
    return tuple(sorted(_rows(house, head + ALL), key=place_of))


def comparison_in_words(rows: Sequence[Row]) -> list[str]:
    """A line for each output and segment; none for a comparison of one number."""
    if not any(has_parts(row) for row in rows):
        return []
    return [_line(row) for row in rows]


def failed(house: House, sql: str, compared: Sequence[Row]) -> str:
    """What the test found, as the end of a sentence: what is wrong with each part, or the first row."""
    wrong = [row for row in compared if row.get("problem")]
    if wrong and any(map(has_parts, compared)):
        more = f", and {len(wrong) - SHOWN:,} more" if len(wrong) > SHOWN else ""
        return ": " + ", ".join(f"{part_of(row)} {row['problem']}" for row in wrong[:SHOWN]) + more
    row = next(iter(wrong or _rows(house, sql)), {})
    return ": " + ", ".join(f"{name} {_short(value)}" for name, value in row.items() if value is not None)


def _rows(house: House, sql: str) -> list[dict[str, Any]]:
    import duckdb

    try:
        with house.connect() as connection:
            found = connection.execute(sql)
            names = [column[0] for column in found.description or ()]
            return [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    except duckdb.Error:
        return []


def _line(row: Row) -> str:
    name = part_of(row)
    if row.get("difference") is None:
        return f"{name}: {_verdict(row)}"
    numbers = f"{row['metric']} {_short(row['challenger_value'])}, champion {_short(row['live_value'])}"
    between = f"{_short(row['difference_low'])} to {_short(row['difference_high'])}"
    lead = f"lead {_short(row['difference'])} ({between})"
    return f"{name}: {numbers}, {lead}, {row['n_rows']:,} rows{_verdict(row, ': ')}"


def _verdict(row: Row, before: str = "") -> str:
    if row.get("problem"):
        return f"{before}{row['problem']}"
    return f"{before}not judged, too few rows" if row.get("is_judged") is False else ""


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) and math.isfinite(value) else str(value)
