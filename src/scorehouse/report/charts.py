"""The charts of the report, as Vega-Lite specifications.

Every mark has a `label`, which the browser shows as a tooltip.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from scorehouse.report.drawing import ALERT, CURRENT, INK, MUTED, REFERENCE, SOFT, WARN, Spec, svg
from scorehouse.report.labels import counted_back, fitting
from scorehouse.report.words import number, percent

# Plots of one kind have the same size and frame, whatever their labels, so they line up.
WIDE, NARROW = {"width": 250, "height": 130}, {"width": 212, "height": 150}
FRAME = {
    "autosize": {"type": "none"},
    "padding": {"left": 40, "top": 8, "right": 16, "bottom": 24},
}
MINI_WIDTH, MINI_HEIGHT = 120, 36


@dataclass(frozen=True)
class Bin:
    """One bin: its share of the training rows and of the window's rows. `short` is its label on the axis."""

    name: str
    reference: float
    current: float | None
    short: str = ""


@dataclass(frozen=True)
class Point:
    """A value in a window; `kind` is `measured`, `estimated`, `alert` or `drift`."""

    window: str
    value: float | None
    kind: str = "measured"


def histogram(bins: Sequence[Bin], label: str, *, small: bool = False) -> str:
    """Wide pale bars for training, narrow dark ones for the window."""
    rows = [
        {
            "bin": place,
            "name": item.name,
            "reference": item.reference,
            "current": item.current,
            "label": f"{item.name}: {percent(item.current)} now, {percent(item.reference)} in training",
        }
        for place, item in enumerate(bins)
    ]
    sizes = {"width": {"step": min(MINI_WIDTH / max(len(rows), 1), 30)}, "height": MINI_HEIGHT}
    axis = None if small else _bins_axis(bins)
    shares = None if small else {"format": "%", "title": None, "tickCount": 3}
    x: Spec = {"field": "bin", "type": "ordinal", "axis": axis, "scale": {"padding": 0.08}}
    described = {"description": {"field": "label"}}
    spec = {
        **(sizes if small else WIDE | FRAME),
        "data": {"values": rows},
        "layer": [
            {
                "mark": {"type": "bar", "color": SOFT, "cornerRadiusEnd": 1},
                "encoding": {
                    "x": x,
                    "y": {"field": "reference", "type": "quantitative", "axis": shares, "stack": None},
                    **described,
                },
            },
            {
                "mark": {"type": "bar", "color": CURRENT, "width": {"band": 0.42}, "cornerRadiusEnd": 1},
                "encoding": {
                    "x": x,
                    "y": {"field": "current", "type": "quantitative", "stack": None},
                    **described,
                },
            },
        ],
    }
    return svg(spec, label, css="chart mini" if small else "chart")


def _bins_axis(bins: Sequence[Bin]) -> Spec:
    names = [item.short or item.name for item in bins]
    quoted = [name.replace("\\", "\\\\").replace("'", "\\'") for name in names]
    return {
        "title": None,
        "values": fitting(names, WIDE["width"]),
        "labelOverlap": False,
        "labelExpr": "[" + ", ".join(f"'{name}'" for name in quoted) + "][datum.value]",
    }


def _window_axis(names: Sequence[str], width: float) -> Spec:
    """Labels that do not overlap, chosen back from the newest window, which always has a label."""
    return {"title": None, "values": counted_back(names, width), "labelOverlap": False}


def sparkline(points: Sequence[Point], threshold: float | None, label: str) -> str:
    """A line over the windows, with a large last point, a dashed threshold, and drift in amber."""
    rows = _point_rows(points)
    highest = max([row["value"] or 0.0 for row in rows] + [1.15 * (threshold or 0.0), 1e-9])
    y = {
        "field": "value",
        "type": "quantitative",
        "axis": None,
        "scale": {"domain": [0, highest], "nice": False},
    }
    x = {"field": "place", "type": "quantitative", "axis": None, "scale": {"nice": False, "padding": 5}}
    layers: list[Spec] = [
        {
            "mark": {"type": "line", "color": CURRENT, "strokeWidth": 1.5, "aria": False},
            "encoding": {"x": x, "y": y},
        },
        _points({"x": x, "y": y}, rows, small=5, large=40),
    ]
    if threshold is not None:
        layers.insert(0, _rule(threshold, y))
    spec = {"width": 100, "height": MINI_HEIGHT, "data": {"values": rows}, "layer": layers}
    return svg(spec, label, css="chart mini")


def _points(encoding: Spec, rows: Sequence[Spec], *, small: int, large: int) -> Spec:
    """One point per value, with its tooltip; the newest measured point is large."""
    newest = max((row["place"] for row in rows if row["line"] == "measured"), default=-1)
    test = f"datum.place == {newest} && datum.line == 'measured'"
    size = {"condition": {"test": test, "value": large}, "value": small}
    return {
        "mark": {"type": "point", "filled": True, "opacity": 1},
        "encoding": {**encoding, "color": _by_kind(), "size": size, "description": {"field": "label"}},
    }


def over_time(
    points: Sequence[Point],
    label: str,
    *,
    registered: float | None = None,
    threshold: float | None = None,
    windows: Sequence[str] = (),
) -> str:
    """Measured values as a line, estimates as a dashed line, the value at registration as a level line."""
    rows = _point_rows(points)
    names = list(windows) or [point.window for point in points]
    levels = [level for level in (registered, threshold) if level is not None]
    values = [row["value"] for row in rows if row["value"] is not None] + levels
    x: Spec = {
        "field": "window",
        "type": "ordinal",
        "sort": None,
        "scale": {"domain": names},
        "axis": _window_axis(names, WIDE["width"]),
    }
    y: Spec = {
        "field": "value",
        "type": "quantitative",
        "axis": {"title": None, "format": _axis_format(values)},
        "scale": {"zero": False, "nice": True, "domain": _domain(values)},
    }
    layers: list[Spec] = []
    if registered is not None:
        layers.append(_rule(registered, y, f"{number(registered)} at registration", REFERENCE))
    if threshold is not None:
        layers.append(_rule(threshold, y, f"threshold {number(threshold)}", ALERT))
    for kind, colour, dash in (("estimated", MUTED, [3, 3]), ("measured", CURRENT, [])):
        layers.append(
            {
                "transform": [{"filter": f"datum.line == '{kind}'"}],
                "mark": {
                    "type": "line",
                    "color": colour,
                    "strokeDash": dash,
                    "strokeWidth": 2,
                    "aria": False,
                },
                "encoding": {"x": x, "y": y},
            }
        )
    layers.append(_points({"x": x, "y": y}, rows, small=22, large=55))
    return svg({**WIDE, **FRAME, "data": {"values": rows}, "layer": layers}, label)


def bars(
    points: Sequence[Point], label: str, *, level: float | None = None, form: str = "%", wide: bool = False
) -> str:
    """One bar per window or decile; `level` is a line across all of them."""
    rows = _point_rows(points)
    size = WIDE if wide else NARROW
    axis = {"title": None, "format": form, "tickCount": 4}
    names = [row["window"] for row in rows]
    y: Spec = {"field": "value", "type": "quantitative", "axis": axis, "stack": None}
    if form == "%":
        y["scale"] = {"domain": [0, 1]}
    layers: list[Spec] = [
        {
            "mark": {"type": "bar", "cornerRadiusEnd": 2, "width": {"band": 0.6}},
            "encoding": {
                "x": {
                    "field": "window",
                    "type": "ordinal",
                    "sort": None,
                    "axis": _window_axis(names, size["width"]),
                },
                "y": y,
                "color": _by_kind(),
                "description": {"field": "label"},
            },
        }
    ]
    if level is not None:
        layers.append(_rule(level, y))
    return svg({**size, **FRAME, "data": {"values": rows}, "layer": layers}, label)


def calibration(rows: Sequence[dict[str, Any]], label: str) -> str:
    """Share of positive labels by mean score; calibrated scores lie on the diagonal."""
    points = [
        {
            "score": row["mean_score"],
            "rate": row["positive_rate"],
            "label": f"score {number(row['mean_score'], 3)}: {percent(row['positive_rate'])} positive "
            f"of {row['n_labelled']:,}",
        }
        for row in rows
    ]
    scale = {"domain": [0, 1]}
    axis = {"format": "%", "values": [0, 0.25, 0.5, 0.75, 1], "title": None}
    x = {"field": "score", "type": "quantitative", "scale": scale, "axis": axis}
    y = {"field": "rate", "type": "quantitative", "scale": scale, "axis": axis}
    spec = {
        **NARROW,
        **FRAME,
        "data": {"values": points},
        "layer": [
            {
                "data": {"values": [{"score": 0, "rate": 0}, {"score": 1, "rate": 1}]},
                "mark": {"type": "line", "color": MUTED, "strokeDash": [3, 3], "aria": False},
                "encoding": {"x": x, "y": y},
            },
            {
                "mark": {"type": "line", "color": CURRENT, "strokeWidth": 1.5, "aria": False},
                "encoding": {"x": x, "y": y},
            },
            {
                "mark": {"type": "point", "filled": True, "opacity": 1, "size": 36, "color": CURRENT},
                "encoding": {"x": x, "y": y, "description": {"field": "label"}},
            },
        ],
    }
    return svg(spec, label)


def _point_rows(points: Sequence[Point]) -> list[Spec]:
    return [
        {
            "place": place,
            "window": point.window,
            "value": point.value,
            "kind": point.kind,
            "line": "estimated" if point.kind == "estimated" else "measured",
            "label": f"{point.window}: {number(point.value)}"
            + (" (estimated)" if point.kind == "estimated" else ""),
        }
        for place, point in enumerate(points)
        if point.value is not None
    ]


def _by_kind() -> Spec:
    scale = {"domain": ["measured", "estimated", "alert", "drift"], "range": [CURRENT, MUTED, ALERT, WARN]}
    return {"field": "kind", "type": "nominal", "scale": scale, "legend": None}


def _rule(value: float, y: Spec, label: str = "", colour: str = INK) -> Spec:
    encoding = {"y": {"datum": value, "type": "quantitative", "scale": y.get("scale", {})}}
    if "axis" in y:
        encoding["y"]["axis"] = y["axis"]
    mark = {"type": "rule", "color": colour, "strokeDash": [2, 3], "strokeWidth": 1, "opacity": 0.8}
    described: Spec = {"description": label} if label else {"aria": False}
    mark |= described
    return {"data": {"values": [{}]}, "mark": mark, "encoding": encoding}


def _domain(values: Sequence[float]) -> Spec | list[float]:
    """The domain of an axis, with space above and below: small changes must not look like leaps."""
    if not values:
        return [0, 1]
    low, high = min(values), max(values)
    room = max((high - low) * 0.25, abs(high) * 0.02, 1e-9)
    bottom = low - room if low < 0 or low - room > 0 else 0
    return [bottom, high + room]


def _axis_format(values: Sequence[float]) -> str:
    spread = max(values) - min(values) if values else 1
    return ",.3~f" if spread < 0.05 else ",.2~f" if max(map(abs, values), default=0) < 100 else ",.0f"
