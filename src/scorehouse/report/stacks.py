"""Stacked bars over the runs, with a line where another version begins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from scorehouse.drawing.plot import tick_texts, ticks
from scorehouse.drawing.svg import element, text, title
from scorehouse.report.charts import GRID, INK, WIDE, framed, names_below
from scorehouse.report.labels import APART, counted_back, width_of
from scorehouse.report.words import number


def stacked(
    names: Sequence[str],
    tips: Sequence[str],
    series: Mapping[str, Sequence[float]],
    colours: Sequence[str],
    label: str,
    marks: Sequence[tuple[int, str]] = (),
) -> str:
    """One bar per name, its parts on top of each other; `marks` are names of versions by position."""
    plot = WIDE
    totals = [sum(values) for values in zip(*series.values(), strict=True)]
    scale = ticks(0, max([*totals, 1e-9]))
    y, bands = plot.y(0, scale[-1]), plot.bands(len(names))
    parts = [plot.across(y(mark), GRID) for mark in scale]
    parts += [plot.beside(y(mark), said) for mark, said in zip(scale, tick_texts(scale), strict=True)]
    width = max(0.7 * bands.step, 1.0)
    for place, tip in enumerate(tips):
        base = 0.0
        for (name, values), colour in zip(series.items(), colours, strict=False):
            top, value = y(base + values[place]), values[place]
            if y(base) - top >= 0.05:
                area = {
                    "x": bands.middle(place) - width / 2,
                    "y": top,
                    "width": width,
                    "height": y(base) - top,
                }
                said = title(f"{tip}: {number(value)} {name}")
                parts.append(element("rect", said, **area, fill=colour))
            base += value
    said_until = 0.0
    for place, said in marks:
        x = bands.middle(place) - bands.step / 2
        parts.append(plot.down(x, INK))
        if x >= said_until:  # names of versions that follow at once would overlap
            parts.append(text(x, plot.top - 2, said, anchor="middle"))
            said_until = x + width_of(said) + APART
    return framed(plot, label, [*parts, *names_below(plot, names, counted_back(names, plot.width))])
