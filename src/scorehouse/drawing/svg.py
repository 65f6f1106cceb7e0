"""Shapes as SVG text. Pure functions: the same values give the same bytes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from types import MappingProxyType

Attribute = str | float | None
Style = Mapping[str, Attribute]
PLAIN: Style = MappingProxyType({})


def element(name: str, /, *content: str, **attributes: Attribute) -> str:
    """A tag around `content`, which is already SVG.

    Attributes are named as in SVG, with `_` for `-`, and `class_` for `class`; None leaves one out. Their
    text is escaped, and fractions have one decimal: a tenth of a pixel.
    """
    written = "".join(
        f" {key.rstrip('_').replace('_', '-')}='{_value(value)}'"
        for key, value in attributes.items()
        if value is not None
    )
    inner = "".join(content)
    return f"<{name}{written}>{inner}</{name}>" if inner else f"<{name}{written}/>"


def _value(value: str | float) -> str:
    if isinstance(value, str):
        return escape(value)
    return str(value) if isinstance(value, int) else f"{value:.1f}"


def title(text: str) -> str:
    """The tooltip of the element that contains it."""
    return element("title", escape(text)) if text else ""


def text(x: float, y: float, content: str, style: Style = PLAIN, *, anchor: str = "start") -> str:
    """A line of text with its baseline at `y`."""
    return element("text", escape(content), x=float(x), y=float(y), text_anchor=anchor, **style)


def shortened(name: str, most: int) -> str:
    """A name in at most so many characters."""
    return name if len(name) <= most else f"{name[: most - 1]}…"


def line(
    x1: float, y1: float, x2: float, y2: float, stroke: str, tooltip: str = "", style: Style = PLAIN
) -> str:
    """A straight line with an optional tooltip."""
    ends = {"x1": float(x1), "y1": float(y1), "x2": float(x2), "y2": float(y2)}
    return element("line", title(tooltip), **ends, stroke=stroke, **style)


def path(points: Iterable[tuple[float, float]], stroke: str, width: float, style: Style = PLAIN) -> str:
    """Points joined in order."""
    joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return element("polyline", points=joined, fill="none", stroke=stroke, stroke_width=width, **style)


def bar(
    left: float,
    top: float,
    length: float,
    height: int,
    names: tuple[str, str],
    colour: str,
    style: Style,
) -> list[str]:
    """A horizontal bar with its name on the left and its value on the right, both written in `style`."""
    baseline = top + height - 4
    return [
        text(left - 8, baseline, names[0], style, anchor="end"),
        element("rect", x=left, y=top, width=float(length), height=height, fill=colour),
        text(left + length + 6, baseline, names[1], style),
    ]


def picture(
    width: int, height: int, name: str, parts: Iterable[str], *, page: str = "white", style: str = ""
) -> str:
    """An SVG file with a background of the colour `page`; `name` is for screen readers.

    `style` is CSS: with variables as colours, one picture works in light and dark mode.
    """
    sheet = [element("style", style)] if style else []
    drawn = element("rect", width=width, height=height, fill=page)
    sizes = f"width='{width}' height='{height}' viewBox='0 0 {width} {height}'"
    body = "\n".join([title(name), *sheet, drawn, *parts])
    return f"<svg xmlns='http://www.w3.org/2000/svg' {sizes} role='img'>\n{body}\n</svg>\n"
