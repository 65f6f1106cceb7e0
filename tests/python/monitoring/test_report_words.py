"""How the report says numbers, windows and categories."""

from __future__ import annotations

from datetime import datetime

import pytest

from scorehouse.report import alert_words, charts, words
from scorehouse.report.distributions import Distribution


def test_numbers_that_are_categories_keep_their_order() -> None:
    def bins(*names: str) -> list[str]:
        rows = {
            name: {"kind": "category", "category": name, "reference": place, "current": 0}
            for place, name in enumerate(names)
        }
        return [one.name for one in Distribution(rows).bins()]

    assert bins("10", "9", "-1") == ["-1", "9", "10"]
    assert bins("10", "9", "nine") == ["nine", "9", "10"]  # the most frequent first


@pytest.mark.parametrize(
    ("start", "end", "said"),
    [
        ("2025-04-01", "2025-05-01", "April 2025"),
        ("2025-12-01", "2026-01-01", "December 2025"),
        ("2025-10-01", "2026-01-01", "Q4 2025"),
        ("2025-01-01", "2026-01-01", "2025"),
        ("2025-02-01", "2025-05-01", "1 Feb 2025 to 30 Apr 2025"),
        ("2025-03-31", "2025-04-01", "31 Mar 2025"),
        ("2025-03-01", "2025-05-01", "1 Mar 2025 to 30 Apr 2025"),
        ("2025-04-02", "2025-05-02", "2 Apr 2025 to 1 May 2025"),
    ],
)
def test_windows_are_told_as_people_say_them(start: str, end: str, said: str) -> None:
    assert words.window_text(datetime.fromisoformat(start), datetime.fromisoformat(end)) == said


def test_shares_are_told_as_people_say_them() -> None:
    told = [words.percent(share) for share in (None, 0, 1e-5, 0.5, 0.9987, 1)]
    assert told == [words.DASH, "0 %", "< 0.1 %", "50.0 %", "99.87 %", "100 %"]


@pytest.mark.parametrize("count", [7, 8, 12, 13])
def test_the_newest_window_has_a_label(count: int) -> None:
    names = [f"{place} Mar 2025" for place in range(1, count + 1)]
    points = [charts.Point(name, float(place)) for place, name in enumerate(names)]
    for drawn in (charts.over_time(points, "over time"), charts.bars(points, "bars")):
        assert f">{names[-1]}</text>" in drawn and drawn.count(" Mar 2025</text>") < count


def test_names_in_a_description_are_code_and_its_html_is_text() -> None:
    assert words.prose("Predicts `late` <b>") == "Predicts <code>late</code> &lt;b&gt;"
    assert words.prose("`<i>`, and one ` alone") == "<code>&lt;i&gt;</code>, and one ` alone"


@pytest.mark.parametrize("code", alert_words.WORDS)
def test_words_of_an_alert_are_made_of_its_row_and_numbers(code: str) -> None:
    row = dict.fromkeys(("ml_model", "feature", "segment", "side", "metric"), "x")
    row |= dict.fromkeys(("value", "rest_value", "difference_low", "share_of_rows", "threshold"), 0.5)
    row |= dict.fromkeys(("correlation", "reference_correlation", "p_value", "floor_value", "n_current"), 0.5)
    day = datetime(2025, 4, 1)
    row |= dict.fromkeys(("window_start", "window_end", "alert_since", "reference_start"), day)
    numbers = dict.fromkeys(("error", "status", "usual", "message", "checked_at", "name", "version"), "x")
    names = ("table", "reasons", "faults", "missing", "next", "metric", "factor", "refit", "helps", "tables")
    numbers |= dict.fromkeys((*names, "command", "of_test", "of_output", "alias", "built", "tried"), "x")
    numbers |= dict.fromkeys(("n_features", "limit", "registered", "age_days", "rejected_share"), 0.5)
    numbers |= {
        "kind": "test",
        "level": "warn",
        "rows_in": 9,
        "rows_rejected": 4,
        "reject_reasons": [("late", 4)],
    }
    numbers |= dict.fromkeys(("started_at", "newest"), datetime(2025, 4, 1, 6))
    for template in alert_words.WORDS[code][1:]:
        said = alert_words.phrase(template, row, numbers)
        assert said and "{" not in said and not said.endswith(".")
