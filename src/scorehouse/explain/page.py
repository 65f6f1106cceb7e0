"""A story as one HTML page, with its waterfall as SVG. It has no script."""

from __future__ import annotations

from html import escape

from scorehouse.drawing.plot import Plot, tick_texts, ticks
from scorehouse.drawing.svg import Style, element, line, picture, shortened, text, title
from scorehouse.explain.story import Story
from scorehouse.explain.text import others, said, shown

SHOWN = 15
ROW, WIDTH, LEFT = 26, 860, 330
MORE, LESS, GREY = "#b2533e", "#2f6f9f", "#777777"
FONT: Style = {"font_family": "sans-serif", "font_size": 13, "fill": "#222222"}
STYLE = (
    "body{font:15px/1.5 sans-serif;max-width:900px;margin:2em auto;padding:0 1em;color:#222}"
    "table{border-collapse:collapse}td,th{padding:2px 14px 2px 0;text-align:left}.outside{color:#b2533e}"
    "svg{max-width:100%;height:auto}"
)


def page(story: Story) -> str:
    """The whole page."""
    heading = escape(story.heading)
    facts = {
        "prediction": said(story.table),
        "ML model": f"{story.name} version {story.version}, {story.digest[:12]}, backend {story.backend}",
        "run": f"{story.run_id} at {story.scored_at}",
    }
    if story.has_changed:
        facts["today"] = f"{said(story.now)} (its features have changed since)"
    rows = "".join(
        f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in facts.items()
    )
    body = [f"<h1>{heading}</h1>", f"<table>{rows}</table>"]
    if story.total is not None:
        of = f"output {story.output}, " if story.output else ""
        body += [f"<h2>Why: {escape(of + story.unit)}</h2>", waterfall(story)]
    elif story.no_reasons is not None:
        body.append(f"<p>What each feature contributed is not known: {escape(story.no_reasons)}.</p>")
    body.append(_flips(story))
    body.append(_features(story))
    head = f"<meta charset='utf-8'><title>{heading}</title><style>{STYLE}</style>"
    return f"<!doctype html>\n<html lang='en'><head>{head}</head><body>{''.join(body)}</body></html>\n"


def waterfall(story: Story) -> str:
    """From the base through each contribution to the total."""
    parts = [
        (f"{part.feature} = {shown(part.value)}", part.contribution or 0.0) for part in story.parts[:SHOWN]
    ]
    if len(story.parts) > SHOWN:
        rest = sum(part.contribution or 0.0 for part in story.parts[SHOWN:])
        parts.append((others(len(story.parts) - SHOWN), rest))
    level = story.base or 0.0
    levels = [level]
    for _, contribution in parts:
        levels.append(levels[-1] + contribution)
    plot = Plot(LEFT, 10, WIDTH - LEFT - 90, ROW * (len(parts) + 2))
    marks = ticks(min(levels), max(levels))
    x = plot.x(marks[0], marks[-1])
    drawn = [plot.down(x(mark), "#dddddd") for mark in marks]
    drawn += [plot.below(x(mark), label, FONT) for mark, label in zip(marks, tick_texts(marks), strict=True)]
    drawn += _level(plot, 0, story.base_label, x(levels[0]), story.base or 0.0)
    for place, (name, contribution) in enumerate(parts, start=1):
        before, after = x(levels[place - 1]), x(levels[place])
        top, colour = plot.top + place * ROW + 4, MORE if contribution > 0 else LESS
        drawn.append(text(LEFT - 8, top + 13, shortened(name, 44), FONT, anchor="end"))
        size = {"x": min(before, after), "y": top, "width": max(1.0, abs(after - before)), "height": ROW - 8}
        drawn.append(element("rect", title(f"{name}: {contribution:+.6g}"), fill=colour, **size))
        drawn.append(text(max(before, after) + 6, top + 13, f"{contribution:+.3g}", FONT))
    drawn += _level(plot, len(parts) + 1, "total", x(levels[-1]), story.total or 0.0)
    name = f"Contributions of the features to {story.name}'s score, in {story.unit}"
    return picture(WIDTH, int(plot.bottom) + 30, name, drawn)


def _level(plot: Plot, place: int, name: str, x: float, value: float) -> list[str]:
    top = plot.top + place * ROW
    return [
        text(LEFT - 8, top + 17, name, {**FONT, "font_weight": "bold"}, anchor="end"),
        line(x, top + 2, x, top + ROW - 2, GREY, f"{name}: {value:.6g}", {"stroke_width": 3}),
        text(x + 6, top + 17, f"{value:.3g}", FONT),
    ]


def _flips(story: Story) -> str:
    if story.flips is None:
        return ""
    if not story.flips:
        return "<p>No feature alone would change the decision, within the range of training.</p>"
    rows = "".join(
        f"<tr><td>{escape(flip.feature)}</td><td>{escape(shown(flip.value))}</td>"
        f"<td>{escape(shown(flip.becomes))}</td><td>{escape(shown(flip.decision))}</td></tr>"
        for flip in story.flips
    )
    head = "<tr><th>feature</th><th>is</th><th>would have to be</th><th>decision</th></tr>"
    return f"<h2>What would change the decision, with all else as it is</h2><table>{head}{rows}</table>"


def _features(story: Story) -> str:
    rows = "".join(
        f"<tr class='{'outside' if part.is_outside else 'inside'}'><td>{escape(part.feature)}</td>"
        f"<td>{escape(shown(part.value))}</td><td>{escape(part.trained)}</td></tr>"
        for part in story.parts
    )
    return f"<h2>Features</h2><table><tr><th>feature</th><th>value</th><th>training</th></tr>{rows}</table>"
