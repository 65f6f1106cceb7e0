"""What the charts of the report draw: every mark where its value is, and every label where it fits."""

from __future__ import annotations

import re
import xml.etree.ElementTree as xml
from importlib.resources import files
from itertools import pairwise

import pytest

from scorehouse.drawing.plot import tick_texts, ticks
from scorehouse.drawing.svg import element
from scorehouse.report import charts
from scorehouse.report.charts import Bin, Point

UNITS = {"k": 1e3, "M": 1e6}


def value_of(text: str) -> float:
    """What the label of a tick says."""
    unit = UNITS.get(text[-1], 1.0)
    return float(text.rstrip("kM%").replace("\u2212", "-").replace(",", "")) * unit


class Drawn:
    """A chart read back: its marks, and the values that their heights stand for."""

    def __init__(self, svg: str) -> None:
        self.root = xml.fromstring(svg)
        labels = [text for text in self.root.iter("text") if text.get("text-anchor") == "end"]
        low, high = [
            (float(one.get("y", "")) - 4, value_of(one.text or "")) for one in (labels[0], labels[-1])
        ]
        self.pixel, self.per_pixel = low, (high[1] - low[1]) / (high[0] - low[0])

    def value(self, y: str | None) -> float:
        return self.pixel[1] + (float(y or "nan") - self.pixel[0]) * self.per_pixel

    def height(self, rect: xml.Element) -> float:
        return -float(rect.get("height", "nan")) * self.per_pixel

    def filled(self, name: str) -> list[xml.Element]:
        return [one for one in self.root.iter(name) if one.get("fill", "").startswith("var")]

    def tooltips(self) -> list[str | None]:
        return [one.text for one in self.root.iter("title")]


@pytest.mark.parametrize(
    ("low", "high"),
    [(0, 0.18), (0.9, 0.905), (-3, 7), (0, 1_234_567), (98_000, 101_000), (-1200, 300), (1, 1), (0, 3e-7)],
)
def test_ticks_are_round_and_hold_both_ends(low: float, high: float) -> None:
    found = ticks(low, high, 5)
    assert found[0] <= low and high <= found[-1] and 2 <= len(found) <= 7
    steps = [after - before for before, after in pairwise(found)]
    assert steps == pytest.approx([steps[0]] * len(steps))
    texts = tick_texts(found)
    assert [value_of(text) for text in texts] == pytest.approx(found)
    assert len(set(texts)) == len(texts) and max(map(len, texts)) <= 7


def test_attributes_are_escaped_or_left_out() -> None:
    assert element("a", "b", class_="it's", stroke_width=1.25, x=2, gone=None) == (
        "<a class='it&#x27;s' stroke-width='1.2' x='2'>b</a>"
    )


def test_bars_of_a_histogram_are_as_high_as_their_shares() -> None:
    bins = [Bin("<low>", 0.5, 0.25), Bin("high", 0.125, None, "short")]
    drawn = Drawn(charts.histogram(bins, "a & b"))

    def heights(colour: str) -> list[float]:
        return [drawn.height(one) for one in drawn.filled("rect") if one.get("fill") == colour]

    assert heights(charts.SOFT) == pytest.approx([50, 12.5], abs=0.1)
    assert heights(charts.CURRENT) == pytest.approx([25], abs=0.1)  # nothing counted of the second
    assert drawn.root.get("aria-label") == "a & b"
    assert drawn.tooltips()[0] == "<low>: 25.0 % now, 50.0 % in training"
    assert [one.text for one in drawn.root.iter("text")][-2:] == ["<low>", "short"]


def test_a_small_histogram_has_no_axes() -> None:
    drawn = xml.fromstring(
        charts.histogram([Bin(str(place), 0.1, 0.1) for place in range(12)], "small", small=True)
    )
    assert list(drawn.iter("text")) == [] and drawn.get("class") == "chart mini"
    assert len([one for one in drawn.iter("rect") if one.get("fill") == charts.SOFT]) == 12


def test_points_over_time_lie_at_their_values() -> None:
    months = ["Jan", "Feb", "Mar"]
    points = [
        Point("Jan", 0.8),
        Point("Feb", 0.7, "alert"),
        Point("Mar", None),
        Point("Mar", 0.75, "estimated"),
    ]
    drawn = Drawn(charts.over_time(points, "auc", registered=0.82, threshold=0.72, windows=months))
    circles = drawn.filled("circle")
    assert [drawn.value(one.get("cy")) for one in circles] == pytest.approx([0.8, 0.7, 0.75], abs=0.001)
    assert [one.get("fill") for one in circles] == [charts.CURRENT, charts.ALERT, charts.MUTED]
    sizes = [float(one.get("r", "")) for one in circles]
    assert sizes[1] > sizes[0] == sizes[2], "the newest measured point is the large one"
    levels = [line for line in drawn.root.iter("line") if line.get("stroke-dasharray")]
    assert [drawn.value(one.get("y1")) for one in levels] == pytest.approx([0.82, 0.72], abs=0.001)
    assert drawn.tooltips()[:2] == ["0.8200 at registration", "threshold 0.7200"]
    assert drawn.tooltips()[-1] == "Mar: 0.7500 (estimated)"
    below = {one.text: float(one.get("x", "")) for one in drawn.root.iter("text") if one.text in months}
    assert [float(one.get("cx", "")) for one in circles] == [below[name] for name in months]
    dashed = [line.get("stroke-dasharray") for line in drawn.root.iter("polyline")]
    assert dashed == ["3 3", None]


def test_bars_stand_on_zero_and_a_level_lies_across() -> None:
    points = [Point("1", 2.5), Point("2", 0.0), Point("3", None), Point("4", 0.75)]
    drawn = Drawn(charts.bars(points, "lift", level=1.0, share=False))
    assert [drawn.height(one) for one in drawn.filled("rect")] == pytest.approx([2.5, 0.75], abs=0.01)
    (level,) = [line for line in drawn.root.iter("line") if line.get("stroke-dasharray")]
    assert drawn.value(level.get("y1")) == pytest.approx(1, abs=0.01)


def test_a_calibration_point_lies_at_its_score_and_share() -> None:
    row = {"mean_score": 0.25, "positive_rate": 0.5, "n_labelled": 1200}
    drawn = Drawn(charts.calibration([row], "calibration"))
    (point,) = drawn.filled("circle")
    assert drawn.value(point.get("cy")) == pytest.approx(50, abs=0.5)
    quarter = next(
        one for one in drawn.root.iter("text") if one.text == "25%" and one.get("text-anchor") == "middle"
    )
    assert point.get("cx") == quarter.get("x")
    assert drawn.tooltips() == ["score 0.250: 50.0 % positive of 1,200"]


def test_a_trend_marks_drift_and_its_threshold() -> None:
    points = [Point("Jan", 0.05), Point("Feb", None), Point("Mar", 0.3, "drift")]
    drawn = xml.fromstring(charts.sparkline(points, 0.2, "PSI"))
    first, last = drawn.iter("circle")
    assert (first.get("fill"), last.get("fill")) == (charts.CURRENT, charts.WARN)
    assert float(last.get("r", "")) > float(first.get("r", ""))
    (threshold,) = drawn.iter("line")
    assert float(last.get("cy", "")) < float(threshold.get("y1", "")) < float(first.get("cy", ""))


def test_every_colour_is_one_of_the_style_sheet_in_light_and_dark() -> None:
    style = files("scorehouse.report").joinpath("templates/report.css").read_text()
    light, dark = style.split("prefers-color-scheme: dark")[:2]
    colours = [charts.INK, charts.MUTED, charts.GRID, charts.REFERENCE, charts.CURRENT, charts.SOFT]
    for colour in [*colours, *charts.BY_KIND.values()]:
        (name,) = re.findall(r"var\((--\w+)\)", colour)
        assert f"{name}: #" in light and f"{name}: #" in dark
