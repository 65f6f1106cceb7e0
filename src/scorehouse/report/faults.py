"""Drift that is a fault of the data: values that are wrong rather than changed."""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Sequence

from scorehouse.metrics import METRICS, OUTSIDE_FAULT, SAME, STEP_OVER, UNIT, WINDOWS
from scorehouse.report.distributions import is_number
from scorehouse.report.gather import ModelData
from scorehouse.report.monitors import SUDDEN, UNJUDGED, Long, fact_of
from scorehouse.report.warehouse import Row, Warehouse
from scorehouse.report.words import limit

Moments = tuple[float, float]  # mean and standard deviation
NEWEST = """
select feature, kind, category, row_count, mean, deviation from {table}
where ml_model = ? and version = ? and part = 'feature' and segment = 'all'
    and kind in ('all', 'category', 'unseen')
qualify window_start = max(window_start) over ()
"""


def faults_of(long: Long, reference: Iterable[Row]) -> list[Row]:
    """What is wrong in the newest window, by the rule of the macro `_data_faults`."""
    moved = {row["feature"]: row["value"] for row in long.newest if row["metric"] == "tvd"}
    shifts: dict[tuple[str | None, ...], list[float]] = {}
    for row in long.rows:
        if row["metric"] in SUDDEN and row["value"] is not None and row["status"] not in UNJUDGED:
            shifts.setdefault(fact_of(row), []).append(row["value"])
    is_cut = len(long.windows) >= WINDOWS
    growing = {row["name"] for row in reference if left_range(row)}
    return [
        row
        for row in long.newest
        if row["part"] == "feature"
        and row["status"] == "drift"
        and not (row["metric"] == "out_of_range_share" and row["feature"] in growing)
        and _is_fault(row, moved.get(row["feature"]))
        and (row["metric"] not in SUDDEN or _is_sudden(shifts[fact_of(row)], SUDDEN[row["metric"]], is_cut))
    ]


def left_range(row: Row) -> bool:
    """Whether windows of training left the range of all others, as those of a counter do."""
    known = METRICS["out_of_range_share"].drift
    is_window = row["kind"] == "window" and row["part"] == "feature"
    if not is_window or not row["category"].endswith(" out_of_range_share") or known is None:
        return False
    return (row["upper"] or 0.0) > (known.threshold or 0.0)


def _is_sudden(values: Sequence[float], least: float, is_cut: bool) -> bool:
    """Whether the newest value beyond a limit has got there in a step, as the macro `_data_faults` says it.

    Where a history `is_cut`, what was before its first window is not known.
    """
    found = False
    for place, value in enumerate(values):
        if value >= least:
            before = max(values[max(place - STEP_OVER, 0) : place], default=None)
            goes_on = before is not None and before >= least
            is_step = not is_cut if before is None else value - before >= least / 2
            found = is_step or (found and goes_on)
    return found


def _is_fault(row: Row, moved_share: float | None) -> bool:
    if row["metric"] == "out_of_range_share":
        return moved_share is None or bool(row["value"] > OUTSIDE_FAULT * moved_share)
    known = METRICS[row["metric"]].drift
    return known is not None and known.fault is not None and row["value"] >= known.fault


def units_of(data: ModelData, warehouse: Warehouse) -> dict[str, str]:
    """Features whose newest profile is that of training in another unit: how many times as large, about.

    Mean and spread are larger, or smaller, alike.
    """
    numbers = {row["feature"] for row in data.signature if row["type"] in ("double", "integer")}
    trained, found = trained_moments(data.reference, numbers), {}
    for table in data.profiles:
        rows = warehouse.rows(NEWEST.format(table=table.quoted), [data.name, data.live.version])
        for feature, now in _moments(rows, numbers).items():
            if feature in trained and (factor := _factor(trained[feature], now)):
                found[feature] = limit(float(f"{factor:.1g}"))
    return found


def trained_moments(reference: Iterable[Row], features: Container[str]) -> dict[str, Moments]:
    """What the rows of a reference know of each feature."""
    return _moments(map(_as_profiled, reference), features)


def _as_profiled(row: Row) -> Row:
    """A row of a reference as a profile has it."""
    known = (row["lower"], row["upper"]) if row["kind"] == "moments" else (None, None)
    return {**row, "feature": row["name"], "mean": known[0], "deviation": known[1]}


def _moments(rows: Iterable[Row], features: Container[str]) -> dict[str, Moments]:
    """What is known of each feature; of one with few values, from how often each is there."""
    found: dict[str, Moments] = {}
    counts: dict[str, dict[float, int]] = {}
    for row in rows:
        name = row["feature"]
        if name in features and row["deviation"] is not None:
            found[name] = (row["mean"], row["deviation"])
        elif name in features and row["kind"] in ("category", "unseen") and is_number(row["category"] or ""):
            counts.setdefault(name, {})[float(row["category"])] = row["row_count"]
    for name, values in counts.items():
        if n := sum(values.values()):
            mean = sum(value * count for value, count in values.items()) / n
            square = sum((value - mean) ** 2 * count for value, count in values.items()) / n
            found.setdefault(name, (mean, math.sqrt(square)))
    return found


def _factor(before: Moments, now: Moments) -> float | None:
    if 0 in (*before, *now) or before[0] * now[0] < 0:
        return None
    by_mean, by_spread = (then / first for first, then in zip(before, now, strict=True))
    is_large = max(by_spread, 1 / by_spread) >= UNIT and max(by_mean, 1 / by_mean) >= UNIT
    return by_mean if is_large and 1 / SAME <= by_mean / by_spread <= SAME else None
