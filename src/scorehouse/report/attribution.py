"""Which features drive the scores, and which of them moved the mean from one window to another."""

from __future__ import annotations

from dataclasses import dataclass

from scorehouse.report import charts
from scorehouse.report.gather import ModelData
from scorehouse.report.monitors import Long, window_of
from scorehouse.report.warehouse import Row
from scorehouse.report.words import number, percent, row_window, window_text

NAMED = 3  # features that a sentence names
SHOWN = 12


@dataclass(frozen=True)
class Attribution:
    """What drives the scores of the newest window. `is_partial` if not all reasons of a row are stored.

    Each of `drivers` has a feature's mean contributions now, how they changed, and its weight over time.
    """

    window: str
    unit: str
    sentence: str
    explained: str
    is_partial: bool
    drivers: list[Row]


def attribution_of(data: ModelData) -> Attribution | None:
    """From the table with the newest window; None if there is none."""
    if not data.attribution or not (newest := data.attribution[0].newest):
        return None
    long = data.attribution[0]
    signed = {row["feature"]: row for row in newest if _is(row, "mean_contribution")}
    absolute = [row for row in newest if _is(row, "mean_absolute_contribution")]
    absolute.sort(key=lambda row: (-row["value"], row["feature"]))
    drivers = [
        {
            "feature": row["feature"],
            "absolute": row["value"],
            "signed": signed[row["feature"]]["value"],
            "change": signed[row["feature"]]["previous_shift"],
            "trend": _trend(long, row["feature"]),
        }
        for row in absolute[:SHOWN]
    ]
    return Attribution(
        row_window(newest[0]),
        newest[0]["unit"],
        shift_of(long, "previous"),
        percent(newest[0]["explained_share"]),
        any(row["status"] == "partial" for row in newest),
        drivers,
    )


def shift_of(long: Long, against: str) -> str:
    """One sentence on what moved the mean since the window before (`previous`) or the first (`reference`)."""
    newest, column = long.newest, f"{against}_shift"
    total = next((row for row in newest if row["part"] == "total"), None)
    if total is None or total[column] is None:
        return ""
    shift = total[column]
    earlier = [window for window in long.windows if window[0] < total["window_start"]]
    if against == "reference":
        earlier = [window for window in earlier if window[0] == total["reference_start"]]
    if not earlier:
        return ""
    moved = [row for row in newest if _is(row, "mean_contribution") and row[column]]
    moved.sort(key=lambda row: (-abs(row[column]), row["feature"]))
    shifts = {row["feature"]: row[column] for row in moved[:NAMED]}
    if len(moved) > NAMED or any(row["part"] == "rest" and row["value"] for row in newest):
        shifts["all others"] = shift - sum(shifts.values())
    parts = [f"{'+' if one > 0 else ''}{number(one, 2)} by {feature}" for feature, one in shifts.items()]
    return (
        f"From {window_text(*earlier[-1])} to {row_window(total)}, the mean {total['unit']} "
        f"{'rose' if shift > 0 else 'fell'} by {number(abs(shift), 2)}: {', '.join(parts)}"
    )


def _trend(long: Long, feature: str) -> str:
    names = long.names
    points = [
        charts.Point(names[window_of(row)], row["value"])
        for row in long.rows
        if row["feature"] == feature and row["segment"] == "all" and _is(row, "mean_absolute_contribution")
    ]
    return charts.sparkline(points, None, f"Mean absolute contribution of {feature} by window")


def _is(row: Row, metric: str) -> bool:
    return row["part"] == "feature" and row["metric"] == metric
