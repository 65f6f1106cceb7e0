"""The newest runs of a prediction table in pictures: rows, rejected rows by reason, seconds, and versions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise

from scorehouse.drawing.plot import APART, tick_texts, ticks, width_of
from scorehouse.drawing.svg import element, text, title
from scorehouse.report import charts
from scorehouse.report.gather import ModelData
from scorehouse.report.runs import reject_reasons
from scorehouse.report.warehouse import Row
from scorehouse.report.words import number, stamp

DRAWN = 30  # runs
REASONS = 4  # reasons with a colour of their own
COLOURS = ("var(--bad)", "var(--warn)", "var(--reference)", "var(--current)", "var(--soft)")
Figure = dict[str, object]


def timeline(data: ModelData, run: Row) -> list[Figure]:
    """Pictures of the runs into the table of `run`, oldest first; none for fewer than two runs."""
    table = run.get("prediction_table")
    same = [one for one in data.runs if one.get("prediction_table") == table and one["rows_in"]]
    runs = [one for one in same if one.get("is_live") is not False][:DRAWN][::-1]
    if len(runs) < 2:
        return []
    names = [f"{one['started_at']:%d %b}" for one in runs]
    tips = [f"{stamp(one['started_at'])}, version {one['model_version']}" for one in runs]
    marks = [
        (place, f"v{later['model_version']}")
        for place, (one, later) in enumerate(pairwise(runs), 1)
        if one["model_version"] != later["model_version"]
    ]

    def figure(title: str, series: Mapping[str, Sequence[float]], colours: Sequence[str]) -> Figure:
        drawn = _stacked(names, tips, series, colours, f"{title}, oldest first", marks)
        legend = [] if "seconds" in series else list(zip(series, colours, strict=False))
        return {"title": title, "svg": drawn, "legend": legend}

    rows = {name: [float(one[f"rows_{name}"] or 0) for one in runs] for name in ("scored", "rejected")}
    figures = [figure("Rows per run", rows, ("var(--current)", "var(--bad)"))]
    if reasons := _by_reason(runs):
        figures.append(figure("Rejected rows by reason", reasons, COLOURS))
    seconds = {"seconds": [float(one.get("seconds") or 0) for one in runs]}
    return [*figures, figure("Seconds per run", seconds, ("var(--current)",))]


def _stacked(
    names: Sequence[str],
    tips: Sequence[str],
    series: Mapping[str, Sequence[float]],
    colours: Sequence[str],
    label: str,
    marks: Sequence[tuple[int, str]],
) -> str:
    """One bar per name, its parts on top of each other; `marks` are names of versions by position."""
    plot = charts.WIDE
    totals = [sum(values) for values in zip(*series.values(), strict=True)]
    scale = ticks(0, max([*totals, 1e-9]))
    y, bands = plot.y(0, scale[-1]), plot.bands(len(names))
    parts = charts.grid(plot, y, scale, tick_texts(scale))
    width = max(0.7 * bands.step, 1.0)
    for place, tip in enumerate(tips):
        base = 0.0
        for (name, values), colour in zip(series.items(), colours, strict=False):
            top, value = y(base + values[place]), values[place]
            if (height := y(base) - top) >= 0.05:
                area = {"x": bands.middle(place) - width / 2, "y": top, "width": width, "height": height}
                parts.append(element("rect", title(f"{tip}: {number(value)} {name}"), **area, fill=colour))
            base += value
    written_to = 0.0
    for place, version in marks:
        x = bands.middle(place) - bands.step / 2
        parts.append(plot.down(x, charts.INK))
        if x >= written_to:  # names of versions that follow at once would overlap
            parts.append(text(x, plot.top - 2, version, anchor="middle"))
            written_to = x + width_of(version) + APART
    parts += charts.names_below(plot, names)
    return charts.framed(plot, label, parts)


def _by_reason(runs: list[Row]) -> dict[str, list[float]]:
    """Rejected rows of each run by reason: the most frequent reasons, and the others together."""
    counts = list(map(reject_reasons, runs))
    total: Counter[str] = sum(counts, Counter())
    shown = [reason for reason, _ in total.most_common(REASONS)]
    found = {reason: [float(count[reason]) for count in counts] for reason in shown}
    if len(total) > REASONS:
        rest = [count.total() - sum(count[reason] for reason in shown) for count in counts]
        found["other reasons"] = list(map(float, rest))
    return found
