"""Performance over time, before and after labels arrive, and details of the newest labelled window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Performance:
    """Charts and tables of one performance table; `headline` is the row of the main metric.

    `arrived` says how many labels the oldest of the windows has that are `waiting` for theirs.
    """

    table: str
    window: str
    headline: Row | None
    newest: list[Row]
    metrics: list[str]
    tiles: list[dict[str, str]]
    charts: list[dict[str, str]]
    maturity: str
    waiting: int
    arrived: str
    segments: list[dict[str, Any]]
    confusion: dict[str, Any] | None
    lift: str
    calibration: str
    has_estimates: bool

    @property
    def segment_metrics(self) -> list[str]:
        """The first five, and of the others those that are below their limit in a segment."""
        values = [pair for line in self.segments_below for pair in line["values"].items()]
        below = {name for name, row in values if row["status"] == "below"}
        return [name for place, name in enumerate(self.metrics) if place < 5 or name in below]

    @property
    def segments_below(self) -> list[dict[str, Any]]:
        """The lines with a metric below its limit; all rows together have tiles."""
        lines = [line for line in self.segments if line["segment"] != "all"]
        return [line for line in lines if any(row["status"] == "below" for row in line["values"].values())]

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
    newest = long.claimed() or long.claimed(("complete",))  # all labels are there before it has ended
    whole = {row["metric"]: row for row in newest if row["segment"] == "all"}
    known = [whole[name] for name in metrics if name in whole]
    confusion, lift = _confusion({name: row["value"] for name, row in whole.items()}), _lift(whole)
    details = bool(data.calibration or confusion or lift)
    waiting = [row for row in long.rows if row["status"] == "immature"]
    oldest = min(waiting, key=lambda row: (row["window_start"], row["segment"] != "all"), default=None)
    first = sorted(metrics[:DRAWN], key=lambda name: whole.get(name, {}).get("status") != "below")
    drawn = [(metric, _over_time(data, long, estimates, metric, names)) for metric in first]
    return Performance(
        table=long.table.name,
        window=zoned(row_window(newest[0]), newest[0]) if newest else "",
        headline=known[0] if known else None,
        newest=list(whole.values()),
        metrics=metrics if newest else [],
        tiles=[_tile(data, row) for row in known],
        charts=[
            {"title": metric_of(data.live, {**long.rows[0], "metric": metric}), "svg": svg}
            for metric, svg in drawn
            if svg
        ],
        maturity=_maturity(long, names, wide=not details),
        waiting=len({window_of(row) for row in waiting}),
        arrived=f"{percent(oldest['labels_arrived'])} of {names[window_of(oldest)]}" if oldest else "",
        segments=_segments(newest) + _outputs(data, tables),
        confusion=confusion,
        lift=lift,
        calibration=charts.calibration(data.calibration, "Share of positive labels by mean score")
        if data.calibration
        else "",
        has_estimates=estimates is not None,
    )


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


def _tile(data: ModelData, row: Row) -> dict[str, str]:
    """A metric of the newest window, and what it was at registration."""
    metric, registered = row["metric"], at_registration(data.live, row)
    return {
        "name": short_name(metric),
        "value": metric_value(metric, row["value"]),
        "state": "bad" if row["status"] == "below" else far_from(data.live, row),
        "note": f"{metric_value(metric, registered)} at registration" if registered is not None else "",
    }


def _segments(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """All rows and each segment, if there are segments."""
    segments = sorted({row["segment"] for row in rows} - {"all"})
    return [
        _line(segment, [row for row in rows if row["segment"] == segment])
        for segment in (["all", *segments] if segments else [])
    ]


def _outputs(data: ModelData, tables: Sequence[Long]) -> list[dict[str, Any]]:
    """Each of several outputs."""
    lines = []
    for table in tables if data.live.outputs else []:
        if rows := [row for row in table.claimed() if row["segment"] == "all"]:
            column = str(table.rows[0].get("feature"))
            lines.append(_line(f"output {data.live.outputs.get(column, column)}", rows))
    return lines


def _maturity(long: Long, names: dict[Window, str], *, wide: bool) -> str:
    """The shares of predictions whose label has arrived."""
    arrived = sorted(_by_window(long.rows, "labels_arrived").items())
    if all(row["value"] is None for _, row in arrived):
        return ""
    points = [charts.Point(names[window], row["value"]) for window, row in arrived]
    return charts.bars(points, "Share of predictions whose label has arrived, by window", wide=wide)


def _lift(whole: dict[str, Row]) -> str:
    if DECILES[0] not in whole:
        return ""
    points = [
        charts.Point(str(i), whole[name]["value"]) for i, name in enumerate(DECILES, 1) if name in whole
    ]
    label, axis = "Lift by decile of the score, from the highest", "Decile, highest scores first"
    return charts.bars(points, label, level=1.0, share=False, axis=axis)


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
