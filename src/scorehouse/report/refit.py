"""What a refit would gain, as `scorehouse retrain --measure` found it, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from scorehouse.report.words import lower_first, metric_name, number


def gains_nothing(refit: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a refit was measured, and is not better for certain."""
    return any(row["gain"] is not None and row["gain_low"] <= 0 for row in refit)


def refit_in_words(refit: Sequence[Mapping[str, Any]], command: str) -> str:
    """What a refit would gain, as the end of a sentence; `command` measures it."""
    if not refit:
        return f"whether a refit helps is not measured: {command}"
    row = refit[-1]
    if row["gain"] is None:
        return f"whether a refit helps cannot be known: {row['not_measured']} ({row['measured_on']})"
    gain, low, high = (number(row[name], 2) for name in ("gain", "gain_low", "gain_high"))
    return (
        f"a refit measured {lower_first(metric_name(row['metric']))} better by {gain} ({low} to {high}) on "
        f"{row['newer_rows']:,} newer rows ({row['measured_on']})"
    )
