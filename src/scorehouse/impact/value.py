"""What changes cost or earn, by a table of values that the user gives."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scorehouse.errors import ConfigurationError
from scorehouse.impact.changes import ALL, Change

HEADERS = (("before", "after", "value"), ("from", "to", "value"))
WRITTEN = "a CSV file with the columns before, after and value, or an outcome such as decision, and value"


@dataclass(frozen=True)
class Values:
    """The value of one key that goes from one outcome to another.

    `moves` are rows `(before, after, value)`; with one value per outcome, `levels`, the value of a move is
    their difference.
    """

    outcome: str
    moves: tuple[tuple[str, str, float], ...] = ()
    levels: tuple[tuple[str, float], ...] = ()

    def of(self, change: Change) -> float | None:
        """The value of all keys of a change; None if the table has none for it, or is of another outcome."""
        if change.outcome != self.outcome:
            return None
        if not change.is_move:
            return 0.0
        worth = {(was, now): value for was, now, value in self.moves}
        levels = dict(self.levels)
        if levels.keys() >= {change.before, change.after}:
            worth[change.before, change.after] = levels[change.after] - levels[change.before]
        one = worth.get((change.before, change.after))
        return None if one is None else one * change.keys

    def total(self, changes: Iterable[Change]) -> float:
        """The value of these changes together."""
        return math.fsum(self.of(change) or 0.0 for change in changes)

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Values:
        moves, levels = ([tuple(row) for row in value[name]] for name in ("moves", "levels"))
        return cls(value["outcome"], tuple(moves), tuple(levels))

    def gaps(self, changes: Sequence[Change]) -> list[str]:
        """The moves that happen and have no value."""
        return [
            f"{one.before} -> {one.after} ({one.keys:,} key{'' if one.keys == 1 else 's'})"
            for one in changes
            if one.outcome == self.outcome and one.segment == ALL and one.is_move and self.of(one) is None
        ]

    def check(self, changes: Sequence[Change], call: str) -> None:
        """Refuse a table that has no value for a move that happens."""
        if gaps := self.gaps(changes):
            raise ConfigurationError(
                call,
                f"the table of values has no value for {', '.join(gaps)} of {self.outcome}",
                expected="a value for every change that happens; 0 where it is worth nothing",
                action="add these rows to the table",
            )


def read_values(file: Path, outcomes: Sequence[str], call: str) -> Values:
    """The table of values in a CSV file; without the name of an outcome, it is of the last of `outcomes`.

    Raises ConfigurationError for other columns, a number that is none, or a row that is there twice.
    """
    if not file.is_file():
        raise _wrong(call, f"there is no file {str(file)!r}")
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines(keepends=True)
        reader = csv.DictReader(lines, skipinitialspace=True)
        names = tuple(name.strip().lower() for name in reader.fieldnames or ())
        rows = [[str(value or "").strip() for value in list(row.values())[: len(names)]] for row in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise _wrong(call, f"{file.name} is no CSV file in UTF-8 ({error})") from error
    by_level = len(names) == 2 and names[0] in outcomes and names[1] == "value"
    if names not in HEADERS and not by_level:
        raise _wrong(
            call, f"{file.name} has the columns {', '.join(names)}; the outcomes are {list(outcomes)}"
        )
    found: dict[tuple[str, ...], float] = {}
    for number, (*words, text) in enumerate(rows, 2):
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value) or not all(words):
            raise _wrong(call, f"line {number} of {file.name} is {','.join([*words, text])!r}")
        if tuple(words) in found:
            raise _wrong(call, f"line {number} of {file.name} repeats {' -> '.join(words)}")
        found[tuple(words)] = value
    if by_level:
        return Values(names[0], levels=tuple((level, value) for (level,), value in found.items()))
    return Values(outcomes[-1], moves=tuple((was, now, value) for (was, now), value in found.items()))


def _wrong(call: str, problem: str) -> ConfigurationError:
    return ConfigurationError(call, problem, expected=WRITTEN, action="correct --values, or the file")
