"""How commands show facts: ages with their unit, long lines folded, and what is no number called so."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from scorehouse.cli.common import folded
from scorehouse.cli.impact_sections import SHOWN, impact_sections
from scorehouse.cli.main import main
from scorehouse.cli.show import SHIFT, _with_unit, ages_of
from scorehouse.impact.alarms import Alarm
from scorehouse.impact.predict import Cost

REFERENCE = [
    {"name": "joined", "kind": "age", "lower": None, "upper": None},
    {"name": "joined", "kind": "range", "lower": 2.0, "upper": 1500.0},
    {"name": "spent", "kind": "range", "lower": 0.5, "upper": 90.0},
]


def test_a_date_has_a_range_of_ages_in_days() -> None:
    ages = ages_of(REFERENCE)
    assert ages == {"joined": {"minimum": 2.0, "maximum": 1500.0, "unit": "age in days"}}
    date = {"type": "date", "null_share": 0.1, SHIFT: 153.94, **ages["joined"]}
    shown = [_with_unit(date, fact) for fact in ("type", "minimum", "maximum", "null_share", SHIFT)]
    assert shown == ["date", "2 days", "1,500 days", 0.1, "153.9 days"]
    assert _with_unit({**date, SHIFT: "blind"}, SHIFT) == "blind"


def test_a_long_fact_is_folded_on_a_terminal_only() -> None:
    text = "a feature is a whole number near 2 ** 53 " * 9
    lines = folded(text.strip(), 14, 80).splitlines()
    assert len(lines) > 4 and all(len(line) <= 80 for line in lines)
    assert all(line.startswith(" " * 14) for line in lines[1:]) and len(lines[0]) <= 80 - 14
    assert folded(text, 14, math.inf) == text


@pytest.mark.parametrize(
    ("words", "kind"),
    [(("runs", "--limit", "ten"), "integer"), (("rehearse", "churn", "--alarms", "few"), "number")],
)
def test_what_is_no_number_is_called_so(words: tuple[str, ...], kind: str) -> None:
    ended = CliRunner().invoke(main, [*words])
    assert ended.exit_code == 2 and f"'{words[-1]}' is not a valid {kind}." in ended.output, ended.output


def impact(**facts: Any) -> Any:
    """What a threshold changes in a table, without a change."""
    before, after = (SimpleNamespace(name="m", version=1, threshold=cut) for cut in (None, 0.4))
    move = SimpleNamespace(
        before=before,
        after=after,
        alias="champion",
        table="t",
        others=[],
        rescore=SimpleNamespace(rule="all"),
    )
    scan = SimpleNamespace(rows=3, is_what_if=False)
    cost = Cost(rows=3, runs=1)
    none = {"changes": [], "limits": [], "values": None, "row": None, "not_judged": "", "alarms": []}
    return SimpleNamespace(**{"move": move, "scan": scan, "cost": cost, **none, **facts})


def test_a_threshold_that_was_none_is_said_in_words() -> None:
    title = next(impact_sections(impact(), {}, Path("t.parquet"), {})).title
    assert title == "m: champion from no threshold to threshold 0.4"


def test_lights_that_are_not_shown_are_counted() -> None:
    for more, note in ((0, []), (2, ["and 2 more: --json"])):
        lights = [Alarm("drift", "score", f"psi_{n}", "stable", "drift") for n in range(SHOWN + more)]
        sections = impact_sections(impact(alarms=lights), {}, Path("t.parquet"), {})
        (shown,) = [one for one in sections if one.title == "alarms"]
        assert len(shown.rows) == SHOWN and [*shown.notes] == [*note, f"0 of {SHOWN + more} lights unchanged"]
