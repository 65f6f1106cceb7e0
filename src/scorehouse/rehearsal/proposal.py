"""Larger thresholds for lights that cry wolf, as a change of the monitor's call of `drift`."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from scorehouse.project.dbt_text import jinja
from scorehouse.rehearsal.outcome import Light
from scorehouse.rehearsal.planting import Trial

CALL, ARGUMENT_BEGINS = "scorehouse.drift(", "thresholds="
ARGUMENT = re.compile(ARGUMENT_BEGINS + r"(\{(?:[^{}]|\{[^{}]*\})*\})")
END = re.compile(r",?(\s*)\)\s*\}\}\s*\Z")  # of the call, which ends the file
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
    end = END.search(sql)
    if sql.count(CALL) != 1 or end is None:
        return None
    if given := ARGUMENT.search(sql):
        try:
            known = ast.literal_eval(given[1])
        except (SyntaxError, ValueError):  # it has a variable or none, as Jinja has it
            return None
        merged = known | {feature: known.get(feature, {}) | limits for feature, limits in thresholds.items()}
        return sql[: given.start(1)] + _written(merged) + sql[given.end(1) :]
    if ARGUMENT_BEGINS in sql:
        return None
    before, after = sql[: end.start()], sql[end.start(1) :]
    if "\n" in end[1]:  # one argument per line
        return f"{before},\n    {ARGUMENT_BEGINS}{_written(thresholds)},{after}"
    return f"{before}, {ARGUMENT_BEGINS}{jinja(thresholds)}{after}"


def _written(thresholds: Mapping[str, Any]) -> str:
    """A dict in Jinja, one key per line."""
    lines = (f"        {jinja(name)}: {jinja(value)},\n" for name, value in thresholds.items())
    return "{\n" + "".join(lines) + "    }"
