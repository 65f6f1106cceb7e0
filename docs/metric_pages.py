"""What docs/generate_reference.py makes of the table of metrics: a macro, and a page of the reference."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from tables import table

from scorehouse.metrics import (
    FEWEST,
    GROSS,
    HIGHER,
    KINDS,
    LEARNED,
    METRICS,
    NEWEST_DAYS,
    OUTSIDE_FAULT,
    SAME,
    STEP_OVER,
    UNIT,
    WINDOWS,
    Column,
    Drift,
    Metric,
    Use,
    of_drift,
    used,
)
from scorehouse.registry.program_facts import UNDATED

WIDTH = 116
MACRO = """\
{#- What SQL needs to know of metrics; docs/generate_reference.py writes it from src/scorehouse/metrics.py.

    `columns`: by kind of performance table and by CTE, metrics and their columns. `lower_is_better`: a name
    that ends in `_` is the beginning of several. `watched`: by kind of table, on which side of its limit
    `sequential_monitor` raises an alert. `segments` and `contests`: what `worst_segments` and
    `compare_metric` can measure. `drift` and `exact`: the default thresholds; null: reported, but not
    judged. `undated`: what is said of a version without a known end of training. -#}
"""
P_VALUE = 0.01  # the false discovery rate of a window's verdicts
TITLES = {
    "classification": "Two classes",
    "classes": "Several classes, with the option `classes`",
    "sets": "Sets of classes, with the option `set`",
    "regression": "Regression",
    "intervals": "Intervals, with the options `lower` and `upper`",
    "ranking": "Ranking: means over all orders of items with the same score; 0 for a query without hits",
    "clustering": "Clustering",
}
ELSEWHERE = {
    Use.ESTIMATED: "estimated",
    Use.CONTEST: "contests",
    Use.WATCHED: "watched",
    Use.SEGMENTS: "segments",
    Use.UNLABELLED: "segments",
}


def macro() -> str:
    """The macro that returns what SQL needs to know of the metrics.

    A package cannot read a file from Jinja, so it is written down as a literal.
    """
    value = {
        "columns": columns(),
        "lower_is_better": lower_is_better(),
        "watched": watched(),
        "segments": segments(),
        "contests": contests(),
        "drift": drift(),
        "exact": thresholds("exact"),
        "undated": [*UNDATED],
    }
    return f"{MACRO}{{% macro _metrics() %}}\n    {{{{ return({_literal(value, 4)}) }}}}\n{{% endmacro %}}\n"


def _literal(value: Any, indent: int, before: int = 0) -> str:
    """A value as Jinja writes it: in one line where it fits, else as many items per line as fit."""
    text = re.sub(r"\b(None|True|False)\b", lambda found: found[0].lower(), repr(value))
    if indent + before + len(text) < WIDTH or not isinstance(value, dict | list):
        return text
    lines = [""]
    for item in value:
        key = f"{item!r}: " if isinstance(value, dict) else ""
        one = key + (_literal(value[item], indent + 4, len(key)) if key else repr(item))
        if not lines[-1] or "\n" in lines[-1] + one or indent + len(lines[-1] + one) > WIDTH - 6:
            lines.append(one + ",")
        else:
            lines[-1] += f" {one},"
    inside = "".join("\n" + " " * (indent + 4) + line for line in lines if line)
    opening, closing = ("{", "}") if isinstance(value, dict) else ("[", "]")
    return f"{opening}{inside.removesuffix(',')}\n{' ' * indent}{closing}"


def columns() -> dict[str, Any]:
    found: dict[str, Any] = {kind: {} for kinds in KINDS.values() for kind in kinds}
    for name, metric in METRICS.items():
        for kind, column in metric.columns.items():
            found[kind].setdefault(column.cte, {})[name] = _column(column)
    return found


def _column(column: Column) -> dict[str, str] | str:
    """What differs from a column with the metric's name and no interval; a word if only the interval does."""
    defaults = {field.name: field.default for field in fields(column)}
    own = {name: getattr(column, name) for name in ("interval", "n", "column", "by", "error")}
    found = {name: value for name, value in own.items() if value != defaults[name]}
    return column.interval if list(found) == ["interval"] else found


def lower_is_better() -> list[str]:
    lower = [m for m in METRICS.values() if m.better == "lower" and (m.columns or m.name == "rejected_share")]
    return [m.name for m in lower] + [f"estimated_{m.name}" for m in lower if Use.ESTIMATED in m.use]


def watched() -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {"performance": {}, "drift": {}, "profiles": {}, "runs": {}}
    for name, metric in used(Use.WATCHED).items():
        kind = "performance" if metric.columns else "drift" if metric.drift else "runs"
        found[kind][name] = "below" if metric.better == HIGHER else "above"
    return found


def segments() -> dict[str, list[str]]:
    traits = {Use.SEGMENTS: "labels", Use.SHARE: "share"}
    return {
        name: [trait for use, trait in traits.items() if use in metric.use] + _task(metric)
        for name, metric in (used(Use.SEGMENTS) | used(Use.UNLABELLED)).items()
    }


def contests() -> dict[str, list[str]]:
    return {name: [metric.better, *_task(metric)] for name, metric in used(Use.CONTEST).items()}


def _task(metric: Metric) -> list[str]:
    return ["regression"] if "regression" in metric.columns else []


def drift() -> dict[str, Any]:
    judged = {name: m.drift for name, m in METRICS.items() if m.drift and not m.drift.exact}
    return {
        "thresholds": {name: one.threshold for name, one in judged.items()} | {"p_value": P_VALUE},
        "min_effects": {name: one.min_effect for name, one in judged.items()},
        **{trait: of_drift(trait) for trait in ("shape", "moved", "learned", "few_rows")},
        "fault": {name: one.fault for name, one in judged.items() if one.fault is not None},
        "outside_fault": OUTSIDE_FAULT,
        "step_over": STEP_OVER,
        "windows": WINDOWS,
        "gross": {"unit": UNIT, "same": SAME, "share": GROSS, "fewest": FEWEST, "days": NEWEST_DAYS},
    }


def thresholds(trait: str) -> dict[str, float | None]:
    found = {name: METRICS[name].drift for name in of_drift(trait)}
    return {name: one.threshold if one else None for name, one in found.items()} | {"p_value": P_VALUE}


def page() -> str:
    """The page of the reference: the metrics of each kind of performance table, then those of drift."""
    lines = [
        "# Metrics",
        "",
        "Metrics as the column `metric` names them. If *better* is lower, a threshold is the highest value",
        "allowed, else the lowest; in parentheses, what a guess reaches, whatever the data. The 95 %",
        "interval is in `value_low` and `value_high`. *Also in*: `estimated_performance` (as",
        "`estimated_<metric>`), contests (`compare_metric` and its gate),",
        "segments (`worst_segments`), and *watched* by `sequential_monitor`, which needs means of values",
        "from 0 to 1.",
        "",
        "## Performance",
        "",
    ]
    for kinds in KINDS.values():
        for kind in kinds:
            rows = [_row(m, m.columns[kind]) for m in METRICS.values() if kind in m.columns]
            lines += [f"### {TITLES[kind]}", "", *_without_empty(rows)]
    rest = [m for m in METRICS.values() if not m.columns and not m.drift]
    lines += ["### Any task", "", *_without_empty([_row(m) for m in rest])]
    lines += [
        "## Drift",
        "",
        "The smallest effect is where a certain change is reported as `small_drift`. *More* is more than the",
        "expected share.",
        "",
    ]
    judged = [(m, m.drift) for m in METRICS.values() if m.drift]
    rows = [[_meaning(m.name, m), _threshold(m, d), _number(d.min_effect)] for m, d in judged]
    return "\n".join(lines + table(["metric", "threshold", "smallest effect"], rows))


COLUMNS = ("metric", "better", "95 % interval", "also in")
INTERVALS = {
    "wilson": "Wilson",
    "f1": "Wilson",
    "mean": "mean",
    "loss": "logarithm",
    "root": "logarithm",
    "log": "logarithm",
    "rest": "logarithm",
    "logit": "logit",
    "correlation": "logit",
    "bounded": "within 0 and 1",
    "ece": "without what chance adds",
}


def _without_empty(rows: Sequence[Sequence[str]]) -> list[str]:
    """A table without the columns that no row fills."""
    filled = [number for number, column in enumerate(zip(*rows, strict=True)) if any(column)]
    return table([COLUMNS[n] for n in filled], [[row[n] for n in filled] for row in rows])


def _row(metric: Metric, column: Column | None = None) -> list[str]:
    name = metric.name + (f"<{column.by.partition('_')[0]}>" if column and column.by else "")
    interval = INTERVALS.get(column.interval, "") if column else ""
    if metric.name in ("labels_arrived", "rejected_share"):
        interval = "Wilson"
    is_minor = column is not None and column.minor
    also = [] if is_minor else dict.fromkeys(word for use, word in ELSEWHERE.items() if use in metric.use)
    better = metric.better + (f" ({metric.guess:g})" if metric.guess is not None else "")
    return [_meaning(name, metric), better, interval, ", ".join(also)]


def _meaning(name: str, metric: Metric) -> str:
    """The name, and what it does not say by itself."""
    is_name = re.sub(r"\W", "_", metric.label.lower()) == metric.name
    parts = (f"`{name}`", "" if is_name else metric.label, metric.definition.removesuffix(f"; {LEARNED}"))
    return ": ".join(part for part in parts if part)


def _threshold(metric: Metric, drift: Drift) -> str:
    return _number(drift.threshold) + (" more" if metric.definition.endswith(LEARNED) else "")


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:g}"
