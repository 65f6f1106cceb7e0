"""What a refit would gain, as `scorehouse retrain --measure` found it, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from scorehouse.report.monitors import Long
from scorehouse.report.warehouse import Row
from scorehouse.report.words import lower_first, metric_name, number

HELPS = "helps"  # a verdict, as the macro `retraining_signals` reads it, too
Measured = Mapping[str, Any]


def newest_of(refits: Sequence[Measured], judged: Sequence[Long]) -> Measured | None:
    """The newest measurement; None if it is older than the windows that ask for a retraining."""
    starts = [long.windows[-1][0] for long in judged if long.windows]
    if not refits or (starts and str(refits[-1]["measured_on"])[:10] < f"{max(starts):%Y-%m-%d}"):
        return None
    return refits[-1]


def no_help(row: Row, refit: Measured | None) -> str:
    """`does not help` or `is not certain to help`; empty if it helps, or nothing is known.

    `row` is that of a table of signals, which may have been built before a refit was measured.
    """
    verdict = row.get("refit") or (refit or {}).get("verdict") or HELPS
    return "" if verdict == HELPS else str(verdict)


def refit_in_words(refit: Measured | None, command: str) -> str:
    """What a refit would gain, as the end of a sentence; `command` measures it."""
    if refit is None:
        return f"whether a refit helps is not measured: {command}"
    if refit["gain"] is None:
        return f"whether a refit helps cannot be known: {refit['not_measured']} ({refit['measured_on']})"
    sign = -1 if refit["gain"] < 0 else 1
    low, high = sorted(sign * refit[name] for name in ("gain_low", "gain_high"))
    metric = lower_first(metric_name(refit["metric"]))
    return (
        f"measured on {refit['measured_on']}, a refit has {metric} {'worse' if sign < 0 else 'better'} by "
        f"{number(sign * refit['gain'], 2)} ({number(low, 2)} to {number(high, 2)}) on "
        f"{refit['newer_rows']:,} newer rows"
    )
