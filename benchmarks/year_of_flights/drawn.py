"""The picture of the year: log loss by month, and how much less of it a strategy has than the frozen one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date

from measured import Value, Way
from walk import FROZEN, LOOP, MONTHLY, TITLES

from scorehouse.drawing.plot import Plot, Scale, tick_texts, ticks
from scorehouse.drawing.svg import Style, element, line, path, picture, text, title

WIDTH = 860
ABOVE, BELOW = Plot(70, 74, 760, 210), Plot(70, 350, 760, 190)
TITLE = "A year of flights: log loss by month of a frozen ML model, the loop, and a training every month"
SAVED = "Log loss saved against the frozen version, on the same flights: higher is better"
COLOURS = {FROZEN: "var(--frozen)", LOOP: "var(--loop)", MONTHLY: "var(--monthly)"}
STYLE = """
:root { --page: #ffffff; --ink: #18222d; --muted: #566472; --line: #dde3e8;
  --frozen: #7d8fa3; --loop: #1c6d8c; --monthly: #b25a00; }
@media (prefers-color-scheme: dark) {
  :root { --page: #19212a; --ink: #e6ebf0; --muted: #a0adba; --line: #2d3843;
    --frozen: #8fa2b5; --loop: #6fbfdc; --monthly: #f0a35c; }
}
"""
FONT: Style = {"font_family": "Helvetica, Arial, sans-serif", "font_size": 12, "fill": "var(--ink)"}
SMALL: Style = {**FONT, "fill": "var(--muted)"}
BOLD: Style = {**FONT, "font_size": 13, "font_weight": "bold"}
SHIFT = 9  # pixels between strategies in one month


def drawn(ways: Mapping[str, Way]) -> str:
    """An SVG of two panels, in colours for light and dark pages."""
    months = [step.month for step in ways[FROZEN].steps]
    parts = [text(16, 24, "Log loss of each month: lower is better", BOLD), *_legend()]
    parts += _panel(ABOVE, {name: way.quality["log_loss"] for name, way in ways.items()}, months)
    parts.append(text(16, BELOW.top - 18, SAVED, BOLD))
    gains = {name: _gain(way) for name, way in ways.items() if name != FROZEN}
    parts += _panel(BELOW, gains, months, zero=True)
    for name, way in ways.items():
        parts += _trainings(way, COLOURS[name], months)
    note = "Bars: 95 % intervals. Triangles: trainings at the end of a month, hollow if the gate refused."
    parts.append(text(16, BELOW.bottom + 46, note, SMALL))
    return picture(WIDTH, int(BELOW.bottom + 62), TITLE, parts, page="var(--page)", style=STYLE)


def _gain(way: Way) -> dict[date, Value]:
    """The difference, so that up is better."""
    return {
        month: Value(-lost.value, -lost.high, -lost.low)
        for month, lost in way.lost.items()
        if month is not None
    }


def _legend() -> Iterable[str]:
    for place, (name, said) in enumerate(TITLES.items()):
        left = 70 + place * 130
        yield line(left, 46, left + 22, 46, COLOURS[name], "", {"stroke_width": 3})
        yield text(left + 28, 50, said, FONT)


def _panel(
    plot: Plot, series: Mapping[str, Mapping[date, Value]], months: list[date], *, zero: bool = False
) -> Iterable[str]:
    """Axes, and for each series a line with its intervals."""
    values = [each for found in series.values() for each in found.values()]
    lowest, highest = min(each.low for each in values), max(each.high for each in values)
    marks = ticks(min(lowest, 0) if zero else lowest, max(highest, 0) if zero else highest)
    y, bands = plot.y(marks[0], marks[-1]), plot.bands(len(months))
    for mark, label in zip(marks, tick_texts(marks), strict=True):
        yield plot.across(y(mark), "var(--muted)" if zero and mark == 0 else "var(--line)")
        yield plot.beside(y(mark), label, SMALL)
    for place, month in enumerate(months):
        yield plot.below(bands.middle(place), f"{month:%b}", SMALL)
    for name, found in series.items():
        shift = (list(TITLES).index(name) - 1) * SHIFT
        points = [(bands.middle(months.index(month)) + shift, each) for month, each in found.items()]
        yield path([(x, y(each.value)) for x, each in points], COLOURS[name], 2)
        for x, each in points:
            yield from _mark(x, each, y, name)


def _mark(x: float, each: Value, y: Scale, name: str) -> Iterable[str]:
    told = f"{TITLES[name]}: {each.value:.4f} ({each.low:.4f} to {each.high:.4f})"
    yield line(x, y(each.low), x, y(each.high), COLOURS[name], "", {"opacity": 0.55})
    yield element("circle", title(told), cx=x, cy=y(each.value), r=3, fill=COLOURS[name])


def _trainings(way: Way, colour: str, months: list[date]) -> Iterable[str]:
    """A triangle below the axis of the first panel, at the end of each month with a training."""
    bands = ABOVE.bands(len(months))
    for step in way.trainings:
        x, top = bands.middle(months.index(step.month)) + bands.step / 2, ABOVE.bottom + 6
        x += SHIFT / 2 if colour == COLOURS[MONTHLY] else -SHIFT / 2
        fill = colour if step.month in way.promoted else "none"
        told = title(f"{step.month:%B}: version {step.trained}, {step.rows:,} rows")
        points = f"{x - 5:.1f},{top + 9} {x + 5:.1f},{top + 9} {x:.1f},{top}"
        yield element("polygon", told, points=points, fill=fill, stroke=colour)
