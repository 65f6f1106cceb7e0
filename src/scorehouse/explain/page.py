"""A story as one HTML page, with its waterfall as SVG. It has no script."""

from __future__ import annotations

import json
from functools import partial
from itertools import accumulate

import jinja2

from scorehouse.drawing.plot import Plot, tick_texts, ticks
from scorehouse.drawing.svg import Style, element, line, picture, shortened, text, title
from scorehouse.explain.story import Story
from scorehouse.explain.text import SHOWN, others, said, sentence, shown

ROW, WIDTH, LEFT = 26, 860, 330
MORE, LESS, GREY = "var(--warn)", "var(--current)", "var(--muted)"
FONT: Style = {"font_family": "sans-serif", "font_size": 13, "fill": "var(--ink)"}


def page(story: Story) -> str:
    """The whole page."""
    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader(  # the report's style
            [jinja2.PackageLoader("scorehouse.explain"), jinja2.PackageLoader("scorehouse.report")]
        ),
        autoescape=True,
        trim_blocks=True,
    )
    environment.filters.update(said=said, sentence=sentence, shown=shown, waterfall=waterfall)
    environment.filters["json"] = partial(json.dumps, default=str)  # of the key, for `scorehouse forget`
    return environment.get_template("story.html").render(story=story)


def waterfall(story: Story) -> str:
    """From the base through each contribution to the total."""
    parts = [
        (f"{part.feature} = {shown(part.value)}", part.contribution or 0.0) for part in story.parts[:SHOWN]
    ]
    if len(story.parts) > SHOWN:
        rest = sum(part.contribution or 0.0 for part in story.parts[SHOWN:])
        parts.append((others(len(story.parts) - SHOWN), rest))
    levels = [*accumulate((contribution for _, contribution in parts), initial=story.base or 0.0)]
    plot = Plot(LEFT, 10, WIDTH - LEFT - 90, ROW * (len(parts) + 2))
    marks = ticks(min(levels), max(levels))
    x = plot.x(marks[0], marks[-1])
    drawn = [plot.down(x(mark), "var(--line)") for mark in marks]
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
        line(x, top + 2, x, top + ROW - 2, GREY, f"{name}: {value:,.6g}", {"stroke_width": 3}),
        text(x + 6, top + 17, f"{value:.3g}", FONT),
    ]
