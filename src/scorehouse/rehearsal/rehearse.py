"""A whole rehearsal: every past window judged, every fault planted, and larger thresholds proposed."""

from __future__ import annotations

import ast
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from scorehouse.dialect import DUCKDB
from scorehouse.project.dbt_text import jinja
from scorehouse.registry.version import Version
from scorehouse.rehearsal.faults import FAULTS
from scorehouse.rehearsal.monitors import monitors_of
from scorehouse.rehearsal.outcome import (
    ByFault,
    Found,
    HoldOut,
    Light,
    by_monitor,
    found_of,
    hold_out,
    lights_of,
    planted_of,
)
from scorehouse.rehearsal.planting import Past, Trial
from scorehouse.report import limits
from scorehouse.report.monitors import CLAIMED, NO_CLAIM
from scorehouse.report.warehouse import Row, Warehouse

Progress = Callable[[str], AbstractContextManager[None]]
PERFORMANCE = f"""
select * from {{table}}
where ml_model = {{name}} and segment = 'all' and status in {CLAIMED} and metric not in {NO_CLAIM}
    and value is not null
"""
CALL, ARGUMENT_BEGINS = "scorehouse.drift(", "thresholds="
ARGUMENT = re.compile(ARGUMENT_BEGINS + r"(\{(?:[^{}]|\{[^{}]*\})*\})")
END = re.compile(r",?(\s*)\)\s*\}\}\s*\Z")  # of the call, which ends the file
Thresholds = dict[str, dict[str, float]]


@dataclass(frozen=True)
class Proposal:
    """Larger thresholds for one monitor: its file, and the faults that they would hide, in words."""

    monitor: str
    file: str
    thresholds: Thresholds
    hides: list[str]

    def text(self, project: Path) -> str | None:
        """The new text of the file; None if its call of `drift` cannot be changed for certain."""
        return with_thresholds((project / self.file).read_text(encoding="utf-8"), self.thresholds)


@dataclass
class Rehearsal:
    """What was found: faults, the unseen first; monitors as a whole; features and lights; and proposals."""

    faults: list[Found] = field(default_factory=list)
    not_planted: list[str] = field(default_factory=list)
    monitors: list[Light] = field(default_factory=list)
    lights: list[Light] = field(default_factory=list)
    hold_outs: list[HoldOut] = field(default_factory=list)
    proposals: list[Proposal] = field(default_factory=list)

    def add(
        self,
        monitor: str,
        rows: Sequence[Row],
        alarms: Sequence[bool],
        days: int | None,
        trials: Mapping[str, ByFault],
    ) -> list[Light]:
        """The verdicts of one monitor on the past, each row with whether it is an alarm; all its lights."""
        found = [replace(one, planted=planted_of(one, trials)) for one in lights_of(monitor, rows, alarms)]
        self.monitors += found[:1]
        self.lights += found[1:]
        if found and days and (compared := hold_out(monitor, rows, alarms, days)):
            self.hold_outs.append(compared)
        return found[1:]


def rehearse(
    warehouse: Warehouse,
    nodes: Mapping[str, Any],
    live: Version,
    call: str,
    progress: Progress,
    *,
    allowed: float,
    days: int | None,
) -> Rehearsal:
    """Try the monitors of an ML model on the past that the warehouse holds.

    `nodes` are those of dbt's manifest; `allowed` is the share of windows in which a light may come on
    without a fault; the alarms of the last `days` are predicted from the windows before.
    """
    result, trials, changed = Rehearsal(), list[Trial](), dict[tuple[str, str], float]()
    for monitored in monitors_of(nodes, warehouse, live.name, call):
        with progress(f"judging every window of {monitored.profile.name}"):
            past = Past(warehouse, live.name, monitored)
        result.not_planted += [f"any fault of {feature}" for feature in past.fixed]
        result.not_planted += [f"any fault in {one.name}" for one in past.judged if one.compares_windows]
        for number, fault in enumerate(FAULTS, 1):
            with progress(f"planting fault {number} of {len(FAULTS)}, {fault.kind}"):
                shares = past.changed(fault)
                trials += past.trials(fault, list(shares)) if shares else []
            changed |= {(fault.kind, feature): share for feature, share in shares.items()}
        tried = by_monitor(trials)
        for monitor, judged in past.judged.items():
            rows = [row for row in judged if row["status"] != "info"]  # a metric without a threshold
            lights = result.add(monitor.name, rows, [row["status"] == "drift" for row in rows], days, tried)
            if thresholds := proposed(lights, allowed):
                hides = hidden([trial for trial in trials if trial.monitor == monitor.name], thresholds)
                result.proposals.append(Proposal(monitor.name, monitor.file, thresholds, hides))
    for table in warehouse.of_kind("performance"):
        rows = warehouse.rows(PERFORMANCE.format(table=table.quoted, name=DUCKDB.literal(live.name)))
        alarms = [row["status"] == "below" or limits.far_from(live, row) in limits.FAR for row in rows]
        result.add(table.name, rows, alarms, days, {})
    result.faults = found_of(by_monitor(trials), changed)
    planted = {(line.fault, line.feature) for line in result.faults}
    result.not_planted += [
        f"{fault} of {feature}" for fault, feature in changed if (fault, feature) not in planted
    ]
    return result


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


def recorded(light: Light) -> dict[str, Any]:
    """The row of a light; `unseen` are kinds of faults, of a feature that had any."""
    planted = light.planted
    return {
        "monitor": light.monitor,
        "feature": light.feature,
        "metric": light.metric,
        "window_from": f"{light.first:%Y-%m-%d}",
        "window_to": f"{light.last:%Y-%m-%d}",
        "window_days": light.days,
        "windows": light.windows,
        "windows_judged": light.judged,
        "alarms": light.alarms,
        "alarm_rate": light.alarms / light.windows,
        "alarm_rate_low": light.low,
        "alarm_rate_high": light.high,
        "faults_planted": planted.faults,
        "faults_found": planted.found,
        "days_to_find": planted.days,
        "unseen": json.dumps([kind for _, kind in planted.unseen])
        if light.feature and planted.faults
        else None,
    }
