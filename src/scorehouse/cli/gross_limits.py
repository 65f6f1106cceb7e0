"""The limits of `feature_plausible`: beyond which most rows of a day are at fault, by what training had."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from scorehouse.metrics import FEWEST, GROSS, METRICS, UNIT
from scorehouse.registry.signature import Feature
from scorehouse.report.faults import trained_moments
from scorehouse.report.warehouse import Row

CHANCE = 1e-6  # that a day has one value only
# A value that more rows have may be the only one of a day: 0 of all sales when shops are closed.
COMMON = 0.25
COUNTED = ("numeric", "category", "other")


def gross_limits(
    features: Sequence[Feature], reference: Sequence[Row], has_days: bool
) -> dict[str, dict[str, Any]]:
    """By feature, the limits beyond which most rows are at fault; empty where training does not tell."""
    rows: dict[str, list[Row]] = {each.name: [] for each in features}
    for row in reference:
        if row["part"] == "feature":
            rows.get(row["name"], []).append(row)
    numbers = [each.name for each in features if each.type in ("double", "integer")]
    moments = trained_moments([row for name in numbers for row in rows[name]], numbers)
    found = {}
    for each in features:
        effects, usual = _windows(rows[each.name])
        limits: dict[str, Any] = {}
        mean, deviation = moments.get(each.name, (0.0, 0.0))
        if mean and deviation:
            limits |= {"mean": float(f"{mean:.4g}"), "deviation": float(f"{deviation:.4g}")}
            if usual.get("spread_shift", math.inf) >= math.log(UNIT):  # a day of one kind of weather
                limits["allow_smaller"] = True
        # a counter goes on beyond its range, as the newest windows of training did beyond that of all others
        is_still = "mean_shift" in usual and usual.get("out_of_range_share", 0.0) <= _limit(
            "out_of_range_share"
        )
        if is_still and each.minimum is not None:
            limits |= {"min_value": each.minimum, "max_value": each.maximum}
        found[each.name] = limits | _missing(each, usual) | _varies(rows[each.name], effects, has_days)
    return found


def _windows(rows: Sequence[Row]) -> tuple[dict[str, float], dict[str, float]]:
    """By metric, of windows of training the largest design effect, and the value that is usual of a day."""
    effects: dict[str, float] = {}
    usual: dict[str, float] = {}
    for row in rows:
        if row["kind"] == "window":
            unit, metric = row["category"].split()
            effects[metric] = max(row["lower"], effects.get(metric, 1.0))
            if unit == "day":  # a week hides what one of its days is without
                usual[metric] = row["upper"]
    return effects, usual


def _missing(feature: Feature, usual: dict[str, float]) -> dict[str, float]:
    """Where a feature was never missing, or on no day of training more than drift allows."""
    most = usual.get("missing_share", math.inf if feature.null_share else 0.0)
    return {"max_missing": GROSS} if most <= _limit("missing_share") else {}


def _limit(metric: str) -> float:
    """From which share on drift raises an alert."""
    drift = METRICS[metric].drift
    return drift.threshold if drift and drift.threshold else 0.0


def _varies(rows: Sequence[Row], effects: dict[str, float], has_days: bool) -> dict[str, int]:
    """In how many rows one value alone is no chance, where windows of training or other days tell."""
    counts = [row["row_count"] for row in rows if row["kind"] in COUNTED]
    share = max(counts, default=0.0) / max(sum(counts), 1.0)
    if not 0 < share <= COMMON or not (has_days or "psi" in effects):
        return {}
    fewest = max(FEWEST, math.ceil(effects.get("psi", 1.0) * math.log(CHANCE) / math.log(share)))
    of_days = [row["row_count"] for row in rows if row["kind"] == "window" and row["category"][:4] == "day "]
    return {} if has_days and fewest > max(of_days, default=fewest) else {"varies_in": fewest}
