"""Performance over time, before and after labels arrive, and details of the newest labelled window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from scorehouse.metrics import shown
from scorehouse.report import charts
from scorehouse.report.gather import ModelData
from scorehouse.report.limits import at_registration, far_from, metric_of
from scorehouse.report.monitors import Long, Window, window_of
from scorehouse.report.warehouse import Row
from scorehouse.report.words import (
    metric_name,
    metric_value,
    number,
    percent,
    row_window,
    short_name,
    window_names,
    zoned,
)

DRAWN = 6
DECILES = [f"lift_decile_{place}" for place in range(1, 11)]
ESTIMATED = "estimated_"


@dataclass
class Performance:
    """Charts and tables of one performance table; `headline` is the row of the main metric."""

    table: str
    window: str = ""
    headline: Row | None = None
    newest: list[Row] = field(default_factory=list)
    metrics: list[str] = field(default_factory=list)
    tiles: list[dict[str, Any]] = field(default_factory=list)
    charts: list[dict[str, str]] = field(default_factory=list)
    maturity: str = ""
    waiting: int = 0
    segments: list[dict[str, Any]] = field(default_factory=list)
    segment_metrics: list[str] = field(default_factory=list)
    confusion: dict[str, Any] | None = None
    lift: str = ""
    calibration: str = ""
    has_estimates: bool = False

    @property
    def has_details(self) -> bool:
        """Whether the newest window has a calibration chart, a lift chart or a confusion matrix."""
        return bool(self.calibration or self.lift or self.confusion)


def performance_of(data: ModelData) -> Performance | None:
    """What the page shows about performance; None when no table has the performance of the ML model."""
    if not data.performance:
        return None
    tables = _by_output(data, data.performance)
    long, estimates = tables[0], next(iter(_by_output(data, data.estimates)), None)
    windows = sorted({*long.windows, *(estimates.windows if estimates else [])})
    names = dict(zip(windows, window_names(windows), strict=True))
    metrics = [name for name in shown(data.live.task) if any(row["metric"] == name for row in long.rows)]
    found = Performance(long.table.name, has_estimates=estimates is not None)
    newest = long.claimed() or long.claimed(("complete",))  # all labels are there before it has ended
    _add_newest(found, data, newest, metrics)
    for table in tables if data.live.outputs else []:
        if rows := [row for row in table.claimed() if row["segment"] == "all"]:
            column = str(table.rows[0].get("feature"))
            found.segments.append(_line(f"output {data.live.outputs.get(column, column)}", rows))
    for metric in metrics[:DRAWN]:
        if drawn := _over_time(data, long, estimates, metric, names):
            title = metric_of(data.live, {**long.rows[0], "metric": metric})
            found.charts.append({"title": title, "svg": drawn})
    if data.calibration:
        found.calibration = charts.calibration(data.calibration, "Share of positive labels by mean score")
    arrived = _by_window(long.rows, "labels_arrived")
    if any(row["value"] is not None for row in arrived.values()):
        points = [charts.Point(names[window], arrived[window]["value"]) for window in sorted(arrived)]
        label = "Share of predictions whose label has arrived, by window"
        found.maturity = charts.bars(points, label, wide=not found.has_details)
    found.waiting = len({window_of(row) for row in long.rows if row["status"] == "immature"})
    return found


def _by_output(data: ModelData, tables: Sequence[Long]) -> list[Long]:
    """The tables as they are; of several outputs, in their order, and one for each."""
    if not data.live.outputs:
        return list(tables)
    newest: dict[str, Long] = {}
    for long in tables:
        newest.setdefault(str(long.rows[0].get("feature")), long)
    return [newest[output] for output in data.live.outputs if output in newest] or list(tables)


def _line(name: str, rows: Sequence[Row]) -> dict[str, Any]:
    """The line of a segment or of an output, with its metrics."""
    return {"segment": name, "rows": rows[0]["n_current"], "values": {row["metric"]: row for row in rows}}


def _by_window(rows: Sequence[Row], metric: str) -> dict[Window, Row]:
    """The rows of a metric, for all segments together."""
    return {window_of(row): row for row in rows if row["metric"] == metric and row["segment"] == "all"}


def _add_newest(found: Performance, data: ModelData, rows: Sequence[Row], metrics: Sequence[str]) -> None:
    if not rows:
        return
    found.window = zoned(row_window(rows[0]), rows[0])
    whole = {row["metric"]: row for row in rows if row["segment"] == "all"}
    found.newest, found.metrics = list(whole.values()), list(metrics)
    found.headline = next((whole[name] for name in metrics if name in whole), None)
    for name in [name for name in metrics if name in whole]:
        registered = at_registration(data.live, whole[name])
        found.tiles.append(
            {
                "name": short_name(name),
                "value": metric_value(name, whole[name]["value"]),
                "state": "bad" if whole[name]["status"] == "below" else far_from(data.live, whole[name]),
                "note": f"{metric_value(name, registered)} at registration" if registered is not None else "",
            }
        )
    found.segment_metrics = list(metrics[:5])
    if segments := sorted({row["segment"] for row in rows} - {"all"}):
        found.segments = [
            _line(segment, [row for row in rows if row["segment"] == segment])
            for segment in ["all", *segments]
        ]
    found.confusion = _confusion({name: row["value"] for name, row in whole.items()})
    if DECILES[0] in whole:
        points = [
            charts.Point(str(i), whole[name]["value"]) for i, name in enumerate(DECILES, 1) if name in whole
        ]
        label, axis = "Lift by decile of the score, from the highest", "Decile, highest scores first"
        found.lift = charts.bars(points, label, level=1.0, share=False, axis=axis)


def _confusion(values: dict[str, float | None]) -> dict[str, Any] | None:
    names = ("tp", "fp", "fn", "tn")
    counts = {name: count for name in names if (count := values.get(name)) is not None}
    total = sum(counts.values())
    if len(counts) < len(names) or not total:
        return None
    return {
        name: {
            "count": f"{count:,.0f}",
            "share": percent(count / total),
            "weight": round(100 * count / total),
        }
        for name, count in counts.items()
    }


def _over_time(
    data: ModelData, long: Long, estimates: Long | None, metric: str, names: dict[Window, str]
) -> str:
    measured = _by_window(long.rows, metric)
    points = [
        charts.Point(names[window], row["value"], "alert" if row["status"] == "below" else "measured")
        for window, row in sorted(measured.items())
    ]
    if estimates:
        estimated = _by_window(estimates.rows, ESTIMATED + metric)
        points += [charts.Point(names[w], row["value"], "estimated") for w, row in sorted(estimated.items())]
    if sum(point.value is not None for point in points) < 2:
        return ""
    threshold = next((row["threshold"] for row in measured.values() if row["threshold"] is not None), None)
    registered = next((at_registration(data.live, row) for row in measured.values()), None)
    label = f"{metric_name(metric)} by window"
    if registered is not None:
        label += f", {number(registered)} at registration"
    return charts.over_time(
        points, label, registered=registered, threshold=threshold, windows=[names[w] for w in sorted(names)]
    )
