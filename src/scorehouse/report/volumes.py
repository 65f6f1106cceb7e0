"""What `volume_in_range` found, in words: how many rows, of which day, what was expected, and what to do.

dbt itself only counts the rows that a test returns.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from scorehouse.report.warehouse import Row
from scorehouse.report.words import limit

TEST = "volume_in_range"
BRING = "look at the load of {table}: bring the rows that are missing, and build again"
TWICE = "look at the load of {table}: take out what was loaded twice, and build again"
LOADED = "look at the load of the table that the test names, and build again"  # where no row is known


class Words(NamedTuple):
    """The fact and what to do, as formats of the table and of a row."""

    fact: str
    action: str


WORDS = {
    "too_few": Words("{rows}{of_day}; at least {threshold} are expected", BRING),
    "fewer_than_usual": Words("{rows}{of_day}; {usual} are usual, and at least {threshold} expected", BRING),
    "too_many": Words("{rows}{of_day}; at most {threshold} are expected", TWICE),
    "more_than_usual": Words("{rows}{of_day}; {usual} are usual, and at most {threshold} expected", TWICE),
    "no_new_rows": Words("no rows after {day}, {days} ago; at most {threshold} are expected", BRING),
    "missing_day": Words("no rows of {day}, a {weekday}, between days that have rows", BRING),
    "no_rows": Words("no rows at all; at least {threshold} are expected", BRING),
    "day_in_future": Words(
        "rows of {day}, which is {days} ahead, and none of the days before",
        "correct the date where the rows come from, such as a wrong year, and build again",
    ),
}

LACKING = ("no_new_rows", "no_rows")  # what is worse than any day


def in_words(rows: Sequence[Row], table: str) -> Words:
    """What the failing row of the newest day says, and what to do about it; empty where none is known."""
    known = [row for row in rows if row.get("problem") in WORDS]
    if not known:
        return Words("", "")
    row = max(known, key=lambda one: (one["problem"] in LACKING, one["window_start"] or datetime.min))
    start, words = row["window_start"], WORDS[row["problem"]]
    day = f"{start:%Y-%m-%d}" if start else ""
    said = {name: limit(row[name]) for name in ("value", "threshold")} | {"usual": limit(row["usual_rows"])}
    said |= {noun: f"{said['value']} {noun[:-1] if row['value'] == 1 else noun}" for noun in ("rows", "days")}
    said |= {"table": table, "day": day, "of_day": day and f" of {day}", "weekday": day and f"{start:%A}"}
    return Words(words.fact.format_map(said), words.action.format_map(said))
