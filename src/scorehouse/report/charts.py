"""The charts of the report as inline SVG: the page itself needs no script.

Every mark has a tooltip. Colours are variables of the style sheet, so one drawing works in light and dark
mode.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from scorehouse.drawing.plot import Bands, Plot, Scale, counted_back, fitting, tick_texts, ticks
from scorehouse.drawing.svg import PLAIN, Style, element, path, text, title
from scorehouse.report.words import number, percent

INK, MUTED, GRID = "var(--ink)", "var(--muted)", "var(--line)"
REFERENCE, CURRENT, SOFT = "var(--reference)", "var(--current)", "var(--soft)"
ALERT, WARN = "var(--bad)", "var(--warn)"
BY_KIND = {"measured": CURRENT, "estimated": MUTED, "alert": ALERT, "drift": WARN}

# Plots of one kind have the same size and frame, whatever their labels, so they line up.
WIDE, NARROW = Plot(40, 8, 250, 130), Plot(40, 8, 212, 150)
RIGHT, BOTTOM = 16, 24  # margins; the plots begin at the left and top ones
MINI_WIDTH, MINI_HEIGHT, MINI_MARGIN = 120, 36, 2
QUARTERS = [0.0, 0.25, 0.5, 0.75, 1.0]
DASHES: Style = {"stroke_dasharray": "3 3"}
LEVEL: Style = {"stroke_dasharray": "2 3", "opacity": 0.8}
RIM: Style = {"stroke": "transparent", "stroke_width": 8}


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


@dataclass(frozen=True)
class Mark(Point):
    """A point that has a value; `place` counts all points, including those without a value."""

    value: float
    place: int = 0

    @property
    def measured(self) -> bool:
        return self.kind != "estimated"

    @property
    def tooltip(self) -> str:
        return f"{self.window}: {number(self.value)}" + ("" if self.measured else " (estimated)")


def histogram(bins: Sequence[Bin], label: str, *, small: bool = False) -> str:
    """Wide pale bars for training, narrow dark ones for the window."""
    highest = max([share for item in bins for share in (item.reference, item.current or 0.0)] + [1e-9])
    if small:
        width = min(MINI_WIDTH / max(len(bins), 1), 30) * len(bins)
        plot, marks = _mini(width), [0.0, highest]
    else:
        plot, marks = WIDE, ticks(0, highest)
    y, bands = plot.y(0, marks[-1]), plot.bands(len(bins))
    drawn = [_bin(plot, y, bands, place, item) for place, item in enumerate(bins)]
    if small:
        return framed(plot, label, drawn, mini=True)
    names = [item.short or item.name for item in bins]
    return framed(plot, label, [*_shares(plot, y, marks), *drawn, *names_below(plot, names, fitting)])


def _bin(plot: Plot, y: Scale, bands: Bands, place: int, item: Bin) -> str:
    """Both bars. The whole band shows the tooltip, since the bars may be only one pixel high."""
    tooltip = f"{item.name}: {percent(item.current)} now, {percent(item.reference)} in training"
    area = {"x": bands.middle(place) - bands.step / 2, "y": plot.top}
    return element(
        "g",
        title(tooltip),
        element("rect", **area, width=bands.step, height=plot.height, fill="none", pointer_events="all"),
        _bar(y, bands, place, item.reference, SOFT, 0.92),
        _bar(y, bands, place, item.current or 0.0, CURRENT, 0.39),
    )


def _bar(
    y: Scale, bands: Bands, place: int, value: float, colour: str, share: float, tooltip: str = ""
) -> str:
    """A bar from the zero of its axis that fills a share of its band; empty if it has no height."""
    top, width = y(value), share * bands.step
    if y.start - top < 0.05:
        return ""
    area = {"x": bands.middle(place) - width / 2, "y": top, "width": width, "height": y.start - top}
    return element("rect", title(tooltip), **area, rx=1, fill=colour)


def sparkline(points: Sequence[Point], threshold: float | None, label: str) -> str:
    """A line over the windows, with a large last point, a dashed threshold, and drift in amber.

    Empty for fewer than two windows.
    """
    if len(points) < 2:
        return ""
    plot, marks = _mini(100 + 2 * MINI_MARGIN), _marks(points)
    highest = max([mark.value for mark in marks] + [1.15 * (threshold or 0.0), 1e-9])
    y = plot.y(0, highest)
    x = Scale(0, len(points) - 1, plot.left + 4, plot.right - 4)
    parts = [] if threshold is None else [_level(plot, y, threshold)]
    parts.append(path(((x(mark.place), y(mark.value)) for mark in marks), CURRENT, 1.5))
    parts += _circles(marks, lambda mark: x(mark.place), y, small=1.3, large=3.6)
    return framed(plot, label, parts, mini=True)


def over_time(
    points: Sequence[Point],
    label: str,
    *,
    registered: float | None = None,
    threshold: float | None = None,
    windows: Sequence[str] = (),
) -> str:
    """Measured values as a line, estimates as a dashed line, the value at registration as a level line.

    At least one of the points has a value.
    """
    plot, marks = WIDE, _marks(points)
    names = list(windows) or list(dict.fromkeys(point.window for point in points))
    levels = [level for level in (registered, threshold) if level is not None]
    scale = ticks(*_domain([mark.value for mark in marks] + levels))
    y, bands = plot.y(scale[0], scale[-1]), plot.bands(len(names))
    places = {name: bands.middle(place) for place, name in enumerate(names)}
    parts = [
        *grid(plot, y, scale, tick_texts(scale)),
        *names_below(plot, names),
    ]
    if registered is not None:
        parts.append(_level(plot, y, registered, f"{number(registered)} at registration", REFERENCE))
    if threshold is not None:
        parts.append(_level(plot, y, threshold, f"threshold {number(threshold)}", ALERT))
    for measured, colour, style in ((False, MUTED, DASHES), (True, CURRENT, PLAIN)):
        joined = [(places[mark.window], y(mark.value)) for mark in marks if mark.measured == measured]
        parts.append(path(joined, colour, 2, style))
    parts += _circles(marks, lambda mark: places[mark.window], y, small=2.6, large=4.2)
    return framed(plot, label, parts)


def bars(
    points: Sequence[Point],
    label: str,
    *,
    level: float | None = None,
    share: bool = True,
    wide: bool = False,
    axis: str = "",
) -> str:
    """One bar per window or decile; `level` is a line across all of them."""
    plot, marks = WIDE if wide else NARROW, _marks(points)
    names, values = [mark.window for mark in marks], [mark.value for mark in marks]
    scale = QUARTERS if share else ticks(0, max([*values, level or 0.0]))
    y, bands = plot.y(0, scale[-1]), plot.bands(len(names))
    parts = _shares(plot, y, scale) if share else grid(plot, y, scale, tick_texts(scale))
    for place, mark in enumerate(marks):
        parts.append(_bar(y, bands, place, mark.value, BY_KIND[mark.kind], 0.55, mark.tooltip))
    if level is not None:
        parts.append(_level(plot, y, level))
    return framed(plot, label, [*parts, *names_below(plot, names)], axis=axis)


def calibration(rows: Sequence[dict[str, Any]], label: str) -> str:
    """Share of positive labels by mean score; calibrated scores lie on the diagonal."""
    plot = NARROW
    x, y = plot.x(0, 1), plot.y(0, 1)
    places = [(x(row["mean_score"]), y(row["positive_rate"])) for row in rows]
    tooltips = [
        f"score {number(row['mean_score'], 3)}: {percent(row['positive_rate'])} positive "
        f"of {row['n_labelled']:,}"
        for row in rows
    ]
    parts = [
        *_shares(plot, y, QUARTERS),
        *(plot.below(x(share), f"{share:.0%}") for share in QUARTERS),
        path([(x(0), y(0)), (x(1), y(1))], MUTED, 2, DASHES),
        path(places, CURRENT, 1.5),
        *(_circle(*place, 3.4, CURRENT, tooltip) for place, tooltip in zip(places, tooltips, strict=True)),
    ]
    return framed(plot, label, parts, axis="Mean score")


def _marks(points: Sequence[Point]) -> list[Mark]:
    return [
        Mark(point.window, point.value, point.kind, place)
        for place, point in enumerate(points)
        if point.value is not None
    ]


def _circles(
    marks: Sequence[Mark], x: Callable[[Mark], float], y: Scale, *, small: float, large: float
) -> list[str]:
    """One point per value, with its tooltip; the newest measured point is large."""
    newest = max((mark.place for mark in marks if mark.measured), default=-1)
    return [
        _circle(
            x(mark), y(mark.value), large if mark.place == newest else small, BY_KIND[mark.kind], mark.tooltip
        )
        for mark in marks
    ]


def _circle(x: float, y: float, radius: float, colour: str, tooltip: str) -> str:
    """A point, with an invisible rim that makes it easier to point at."""
    return element("circle", title(tooltip), cx=x, cy=y, r=radius, fill=colour, **RIM)


def _level(plot: Plot, y: Scale, value: float, tooltip: str = "", colour: str = INK) -> str:
    return plot.across(y(value), colour, tooltip, LEVEL)


def grid(plot: Plot, y: Scale, marks: Sequence[float], texts: Sequence[str]) -> list[str]:
    lines = [plot.across(y(mark), GRID) for mark in marks]
    return lines + [plot.beside(y(mark), said) for mark, said in zip(marks, texts, strict=True)]


def _shares(plot: Plot, y: Scale, marks: Sequence[float]) -> list[str]:
    return grid(plot, y, marks, [f"{said}%" for said in tick_texts([100 * mark for mark in marks])])


def names_below(
    plot: Plot, names: Sequence[str], chosen: Callable[[Sequence[str], float], list[int]] = counted_back
) -> list[str]:
    """The names below the bands, as far as they fit."""
    bands = plot.bands(len(names))
    return [plot.below(bands.middle(place), names[place]) for place in chosen(names, plot.width)]


def _mini(width: float) -> Plot:
    return Plot(MINI_MARGIN, MINI_MARGIN, width, MINI_HEIGHT)


def framed(plot: Plot, label: str, parts: Sequence[str], *, mini: bool = False, axis: str = "") -> str:
    """One chart as an inline SVG, with a name for screen readers; `axis` is the title of the lower axis."""
    right, bottom = (MINI_MARGIN, MINI_MARGIN) if mini else (RIGHT, BOTTOM)
    if axis:
        parts = [*parts, text(plot.left + plot.width / 2, plot.bottom + 35, axis, anchor="middle")]
        bottom += 16
    width, height = round(plot.right + right), round(plot.bottom + bottom)
    size: Style = {"width": width, "height": height, "viewBox": f"0 0 {width} {height}"}
    named: Style = {"class_": "chart mini" if mini else "chart", "role": "img", "aria_label": label}
    return element("svg", *parts, **named, **size)


def _domain(values: Sequence[float]) -> tuple[float, float]:
    """The domain of an axis, with space above and below: small changes must not look like leaps."""
    low, high = min(values), max(values)
    room = max((high - low) * 0.25, abs(high) * 0.02, 1e-9)
    return low - room if low < 0 or low - room > 0 else 0, high + room
