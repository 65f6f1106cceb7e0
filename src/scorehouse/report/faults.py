"""Drift that is a fault of the data: values that are wrong rather than changed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from scorehouse.metrics import METRICS, OUTSIDE_FAULT
from scorehouse.report.gather import ModelData
from scorehouse.report.monitors import Long
from scorehouse.report.warehouse import Row, Warehouse
from scorehouse.report.words import limit

UNIT, SAME = 8.0, 2.0  # how many times mean and spread are others, and how far the two numbers differ at most
NEWEST = """
select feature, mean, deviation from {table}
where ml_model = ? and version = ? and part = 'feature' and segment = 'all' and kind = 'all'
    and n_null < row_count
qualify row_number() over (partition by feature order by window_start desc) = 1
"""


def faults_of(long: Long) -> list[Row]:
    """What is wrong in the newest window, by the rule of the macro `_data_faults`."""
    moved = {row["feature"]: row["value"] for row in long.newest if row["metric"] == "tvd"}
    return [
        row
        for row in long.newest
        if row["part"] == "feature" and row["status"] == "drift" and _is_fault(row, moved.get(row["feature"]))
    ]


def _is_fault(row: Row, moved_share: float | None) -> bool:
    if row["metric"] == "out_of_range_share":
        return moved_share is None or bool(row["value"] > OUTSIDE_FAULT * moved_share)
    known = METRICS[row["metric"]].drift
    return known is not None and known.fault is not None and row["value"] >= known.fault


def units_of(data: ModelData, warehouse: Warehouse) -> dict[str, str]:
    """Features whose newest profile is that of training in another unit: how many times as large, about.

    Mean and spread are larger, or smaller, alike.
    """
    trained, found = dict(_trained(data)), {}
    for table in data.profiles:
        for row in warehouse.rows(NEWEST.format(table=table.quoted), [data.name, data.live.version]):
            before, now = trained.get(row["feature"]), (row["mean"], row["deviation"])
            if before and None not in now and (factor := _factor(before, now)):
                found[row["feature"]] = limit(float(f"{factor:.1g}"))
    return found


def _trained(data: ModelData) -> Iterator[tuple[str, tuple[float, float]]]:
    """Mean and standard deviation of numbers in training; of few values, from how often each is there."""
    numbers = {row["feature"] for row in data.signature if row["type"] in ("double", "integer")}
    counts: dict[str, dict[float, int]] = {}
    for row in data.reference:
        if row["part"] != "feature" or row["name"] not in numbers:
            continue
        if row["kind"] == "moments":
            yield row["name"], (row["lower"], row["upper"])
        elif row["kind"] == "category":
            counts.setdefault(row["name"], {})[float(row["category"])] = row["row_count"]
    for name, values in counts.items():
        yield name, _moments(values)


def _moments(counts: Mapping[float, int]) -> tuple[float, float]:
    n = sum(counts.values())
    mean = sum(value * count for value, count in counts.items()) / n
    return mean, math.sqrt(sum((value - mean) ** 2 * count for value, count in counts.items()) / n)


def _factor(before: tuple[float, float], now: tuple[float, float]) -> float | None:
    if 0 in (*before, *now) or before[0] * now[0] < 0:
        return None
    by_mean, by_spread = (then / first for first, then in zip(before, now, strict=True))
    is_large = max(by_spread, 1 / by_spread) >= UNIT and max(by_mean, 1 / by_mean) >= UNIT
    return by_mean if is_large and 1 / SAME <= by_mean / by_spread <= SAME else None
