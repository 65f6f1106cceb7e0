"""Which features drive the scores, and which of them moved the mean from one window to another."""

from __future__ import annotations

from dataclasses import dataclass, field

from scorehouse.report import charts
from scorehouse.report.gather import Long, ModelData
from scorehouse.report.warehouse import Row
from scorehouse.report.words import number, percent, window_names, window_text

NAMED = 3  # features that a sentence names
SHOWN = 12


@dataclass(frozen=True)
class Driver:
    """One feature: its mean contributions now, how they changed, and its weight over time."""

    feature: str
    absolute: float
    signed: float
    change: float | None
    trend: str


@dataclass(frozen=True)
class Attribution:
    """What drives the scores of the newest window. `is_partial` if not all reasons of a row are stored."""

    table: str
    window: str
    unit: str
    sentence: str
    explained: str
    is_partial: bool
    drivers: list[Driver] = field(default_factory=list)


def attribution_of(data: ModelData) -> Attribution | None:
    """From the table with the newest window; None if there is none."""
    if not data.attribution:
        return None
    long = data.attribution[0]
    window = long.newest()
    newest = [row for row in long.at(window) if row["segment"] == "all"]
    if window is None or not newest:
        return None
    signed = {row["feature"]: row for row in newest if _is(row, "mean_contribution")}
    absolute = [row for row in newest if _is(row, "mean_absolute_contribution")]
    absolute.sort(key=lambda row: (-row["value"], row["feature"]))
    drivers = [
        Driver(
            row["feature"],
            row["value"],
            signed[row["feature"]]["value"],
            signed[row["feature"]]["previous_shift"],
            _trend(long, row["feature"]),
        )
        for row in absolute[:SHOWN]
    ]
    return Attribution(
        long.table.name,
        window_text(*window),
        newest[0]["unit"],
        shift_of(long, "previous"),
        percent(newest[0]["explained_share"]),
        any(row["status"] == "partial" for row in newest),
        drivers,
    )


def shift_of(long: Long, against: str) -> str:
    """One sentence on what moved the mean since the window before (`previous`) or the first (`reference`)."""
    window = long.newest()
    newest = [row for row in long.at(window) if row["segment"] == "all"]
    total = next((row for row in newest if row["part"] == "total"), None)
    shift = total[f"{against}_shift"] if total else None
    if window is None or total is None or shift is None:
        return ""
    since = _before(long, total, against)
    if since is None:
        return ""
    moved = [row for row in newest if _is(row, "mean_contribution") and row[f"{against}_shift"]]
    moved.sort(key=lambda row: (-abs(row[f"{against}_shift"]), row["feature"]))
    named = moved[:NAMED]
    rest = shift - sum(row[f"{against}_shift"] for row in named)
    parts = [f"{_signed(row[f'{against}_shift'])} by {row['feature']}" for row in named]
    more = len(moved) > NAMED or any(row["part"] == "rest" and row["value"] for row in newest)
    parts += [f"{_signed(rest)} by all others"] if more else []
    verb = "rose" if shift > 0 else "fell"
    return (
        f"From {since} to {window_text(*window)}, the mean {total['unit']} {verb} by "
        f"{number(abs(shift), 2)}: {', '.join(parts)}"
    )


def _before(long: Long, total: Row, against: str) -> str | None:
    """The window that is compared with, in words."""
    earlier = [window for window in long.windows if window[0] < total["window_start"]]
    if against == "reference":
        earlier = [window for window in earlier if window[0] == total["reference_start"]]
    return window_text(*earlier[-1]) if earlier else None


def _trend(long: Long, feature: str) -> str:
    names = window_names([start for start, _ in long.windows], [end for _, end in long.windows])
    held = {
        (row["window_start"], row["window_end"]): row["value"]
        for row in long.rows
        if row["feature"] == feature and row["segment"] == "all" and _is(row, "mean_absolute_contribution")
    }
    points = [
        charts.Point(name, held[window])
        for name, window in zip(names, long.windows, strict=True)
        if window in held
    ]
    if len(points) < 2:
        return ""
    return charts.sparkline(points, None, f"Mean absolute contribution of {feature} by window")


def _is(row: Row, metric: str) -> bool:
    return row["part"] == "feature" and row["metric"] == metric


def _signed(value: float) -> str:
    return f"+{number(value, 2)}" if value > 0 else number(value, 2)
