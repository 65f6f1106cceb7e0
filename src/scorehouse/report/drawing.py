"""Charts as SVG, drawn by Vega-Lite when the report is written. The page itself needs no script.

Colours are placeholders that become CSS variables, so one drawing works in light and dark mode.
"""

from __future__ import annotations

import html
import json
import re
from typing import Any

from scorehouse.errors import ConfigurationError

INK, MUTED, GRID = "#010101", "#010102", "#010103"
REFERENCE, CURRENT, ALERT, SOFT, WARN = "#010104", "#010105", "#010106", "#010107", "#010108"
VARIABLES = {
    INK: "ink",
    MUTED: "muted",
    GRID: "line",
    REFERENCE: "reference",
    CURRENT: "current",
    ALERT: "bad",
    SOFT: "soft",
    WARN: "warn",
}
VEGA_LITE = "5.20"
FONT = "system-ui, sans-serif"
AXIS = {
    "labelColor": MUTED,
    "titleColor": MUTED,
    "gridColor": GRID,
    "domainColor": GRID,
    "tickColor": GRID,
    "labelFont": FONT,
    "titleFont": FONT,
    "labelFontSize": 11,
    "titleFontSize": 11,
    "titleFontWeight": "normal",
    "titlePadding": 6,
    "labelPadding": 5,
    "tickSize": 0,
    "domain": False,
}
CONFIG = {
    "background": None,
    "view": {"stroke": None},
    "axis": AXIS,
    "axisX": {"grid": False, "labelAngle": 0, "labelPadding": 8},
    "axisY": {"grid": True, "tickCount": 4},
    "text": {"font": FONT, "color": MUTED, "fontSize": 11},
}

OPENING = re.compile(r'<svg [^>]*?(width="[\d.]+" height="[\d.]+" viewBox="[^"]*")>')

# Coordinates are rounded to a hundredth of a pixel; text in a drawing is not changed.
GEOMETRY = re.compile(r' (d|transform|x|y|x1|x2|y1|y2|width|height|viewBox)=("[^"]*")')
LONG_NUMBER = re.compile(r"-?\d+\.\d{3,}")

Spec = dict[str, Any]


def svg(spec: Spec, label: str, *, css: str = "chart") -> str:
    """One chart as an inline SVG, with a name for screen readers and a tooltip on each value."""
    drawn = _converter().vegalite_to_svg(json.dumps({"config": CONFIG, "padding": 2, **spec}), VEGA_LITE)
    body = _with_tooltips(OPENING.sub(r"<svg \1>", drawn, count=1))
    for colour, name in VARIABLES.items():
        body = body.replace(f'"{colour}"', f'"var(--{name})"')
    body = GEOMETRY.sub(lambda found: f" {found[1]}={LONG_NUMBER.sub(_rounded, found[2])}", body)
    return body.replace("<svg ", f'<svg class="{css}" role="img" aria-label="{html.escape(label)}" ', 1)


def _rounded(found: re.Match[str]) -> str:
    return f"{float(found[0]):.2f}".rstrip("0").rstrip(".")


def _with_tooltips(body: str) -> str:
    """Turn Vega's screen-reader labels into titles (tooltips) and remove its other ARIA attributes."""
    body = re.sub(
        r"<(path|text|rect) ((?:[^>\"]|\"[^\"]*\")*?)aria-label=\"([^\"]*)\"((?:[^>\"]|\"[^\"]*\")*?)/>",
        r"<\1 \2\4><title>\3</title></\1>",
        body,
    )
    return re.sub(r" (?:aria-[a-z]+|role|class|xmlns:xlink|version)=\"[^\"]*\"", "", body)


def _converter() -> Any:
    try:
        import vl_convert
    except ImportError as error:
        raise ConfigurationError(
            "scorehouse report",
            "the package vl-convert-python, which draws the charts, is not installed",
            expected="scorehouse with its extra `report`",
            action='pip install "scorehouse[report]"',
        ) from error
    return vl_convert
