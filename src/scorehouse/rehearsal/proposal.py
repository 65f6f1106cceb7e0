"""Larger thresholds for lights that cry wolf, as a change of the monitor's call of `drift`."""

from __future__ import annotations

import ast
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from scorehouse.project.dbt_names import jinja
from scorehouse.rehearsal.outcome import Light
from scorehouse.rehearsal.planting import Trial

CALL = "scorehouse.drift("
ARGUMENT = "thresholds="
PAIRS = {"(": ")", "[": "]", "{": "}"}
Thresholds = dict[str, dict[str, float]]


def proposed(lights: Iterable[Light], allowed: float) -> Thresholds:
    """By feature and metric, the threshold that at most the allowed share of the past windows reaches.

    A value that reaches its threshold is an alarm, so it is one step of three digits above the largest that
    must not be one.
    """
    found: Thresholds = {}
    for light in lights:
        if light.metric and light.values and light.cries_wolf(allowed):
            value = sorted(light.values, reverse=True)[math.floor(allowed * light.windows)]
            found.setdefault(light.feature, {})[light.metric] = _above(value)
    return found


def _above(value: float) -> float:
    """The next larger number of three digits."""
    digits = 2 - math.floor(math.log10(abs(value))) if value else 3
    return round((math.floor(value * 10.0**digits) + 1) / 10.0**digits, max(digits, 0))


def hidden(trials: Sequence[Trial], thresholds: Thresholds) -> list[str]:
    """The planted faults, in words, that these thresholds would hide in windows that find them now."""
    counts: dict[str, int] = {}
    for trial in trials:
        limits = thresholds.get(trial.feature, {})
        if trial.alarms and all(value < limits.get(metric, -1.0) for metric, value in trial.alarms.items()):
            name = f"{trial.fault} of {trial.feature}"
            counts[name] = counts.get(name, 0) + 1
    return [f"{name}, in {count} windows that find it today" for name, count in counts.items()]


def with_thresholds(sql: str, thresholds: Thresholds) -> str | None:
    """The text of a monitor whose call has these thresholds as well; None if it is not read for certain."""
    start = sql.find(CALL)
    inside = start + len(CALL)
    end = _closing(sql, inside - 1) if start >= 0 and sql.count(CALL) == 1 else None
    if end is None:
        return None
    given = sql.find(ARGUMENT, inside, end)
    if given < 0:
        return _added(sql, end, thresholds)
    first = given + len(ARGUMENT)
    last = _closing(sql, first) if sql[first] == "{" else None
    if last is None:
        return None
    try:
        known = ast.literal_eval(sql[first : last + 1])
    except (SyntaxError, ValueError):  # with a variable or none, as Jinja has it
        return None
    return sql[:first] + _written(_merged(known, thresholds), _indent(sql, given)) + sql[last + 1 :]


def _added(sql: str, end: int, thresholds: Thresholds) -> str:
    """The call with one more argument before its closing bracket."""
    before = sql[:end].rstrip()
    comma = "" if before.endswith((",", "(")) else ","
    if "\n" in sql[len(before) : end]:  # one argument per line
        indent = _indent(sql, len(before) - 1)
        argument = f"\n{indent}{ARGUMENT}{_written(thresholds, indent)},"
    else:
        argument = f" {ARGUMENT}{jinja(thresholds)}"
    return before + comma + argument + sql[len(before) :]


def _merged(known: Mapping[str, Any], new: Thresholds) -> dict[str, Any]:
    merged = dict(known)
    for feature, limits in new.items():
        merged[feature] = {**merged.get(feature, {}), **limits}
    return merged


def _written(thresholds: Mapping[str, Any], indent: str) -> str:
    """A dict in Jinja, one key per line."""
    lines = [f"{indent}    {jinja(name)}: {jinja(value)},\n" for name, value in thresholds.items()]
    return "{\n" + "".join(lines) + indent + "}"


def _indent(sql: str, place: int) -> str:
    line = sql[sql.rfind("\n", 0, place) + 1 : place + 1]
    return line[: len(line) - len(line.lstrip())]


def _closing(sql: str, opening: int) -> int | None:
    """The place of the bracket that closes the one at `opening`, strings left out; None without one."""
    waiting, quote = [], ""
    for place in range(opening, len(sql)):
        character = sql[place]
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character in PAIRS:
            waiting.append(PAIRS[character])
        elif waiting and character == waiting[-1]:
            waiting.pop()
            if not waiting:
                return place
    return None
