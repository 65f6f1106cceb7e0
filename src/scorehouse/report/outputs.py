"""Rows about one of several outputs: the column `feature` names the output's column."""

from __future__ import annotations

from scorehouse.registry.class_columns import PREFIX
from scorehouse.registry.version import Version
from scorehouse.report.warehouse import Row
from scorehouse.report.words import metric_name


def at_registration(live: Version, row: Row) -> float | None:
    """The metric's value at registration: of the column `prediction_week_1`, for example, `mae_week_1`."""
    output = row.get("feature") or ""
    ending = f"_{output.removeprefix(PREFIX)}" if output in live.outputs else ""
    return live.metrics.get(row["metric"] + ending)


def metric_of(live: Version, row: Row) -> str:
    """The metric in words, with its output."""
    output = live.outputs.get(row.get("feature") or "")
    return metric_name(row["metric"]) + (f" of {output}" if output else "")
