"""Check that the key of the feature table is present and unique, from counts of any engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any

from scorehouse.errors import RowKeyError


class KeyCheck(Enum):
    """What is known of the key of a feature table before a plan reads it."""

    UNIQUE = "no NULL, and unique"
    NO_NULL = "no NULL; the plan proves at less cost that the key is unique"
    COUNTED = "only the number of rows; the plan checks the keys that it reads"


def check_counts(
    call: str, keys: Sequence[str], counts: tuple[int, int, int], twice: Callable[[], Sequence[Any]]
) -> int:
    """Refuse a key that is NULL or not unique; returns the number of rows.

    `counts` are the numbers of rows, of rows with a NULL in the key, and of different keys. `twice` returns a
    few keys that occur more than once, each followed by its count.
    """
    rows, nulls, different = counts
    if nulls:
        raise RowKeyError(
            call,
            f"{nulls} of {rows} feature rows have a NULL in the key {list(keys)}",
            expected="a key without NULL",
            action="filter these rows out in the feature model, or give them a key",
        )
    if different != rows:
        found = (f"{row[:-1] if len(keys) > 1 else row[0]!r} ({row[-1]} times)" for row in twice())
        raise RowKeyError(
            call,
            f"the key {list(keys)} is not unique: {rows} feature rows, {different} distinct keys, "
            f"such as {', '.join(found)}",
            expected="one feature row per key",
            action="deduplicate in the feature model, or name the columns that make a row unique",
        )
    return int(rows)
