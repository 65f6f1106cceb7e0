"""Every order of what happens in several steps: tests/state_model."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from all_models import TODAY, WITHOUT
from search import explore

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("name", TODAY)
def test_nothing_goes_wrong_in_any_order(name: str) -> None:
    search, known = TODAY[name]
    found = search()
    assert found.violations.keys() == known, found.violations
    assert found.states > 20


@pytest.mark.parametrize("name", WITHOUT)
def test_the_search_finds_what_a_rule_is_for(name: str) -> None:
    search, expected = WITHOUT[name]
    assert expected in search().violations


def test_the_way_to_a_violation_is_the_shortest() -> None:
    def steps(number: int) -> Iterator[tuple[str, int]]:
        yield from (("one", number + 1), ("two", number + 2)) if number < 9 else ()

    found = explore(0, steps, lambda number: ["nine"] * (number == 9))
    assert found.states == 11
    assert len(found.violations["nine"]) == 5


def test_the_page_names_what_there_is() -> None:
    page = (ROOT / "tests/state_model/README.md").read_text()
    source = "".join(path.read_text() for path in (ROOT / "src/scorehouse").rglob("*.py"))
    logs = ("log_start", "log_end", "log_failure", "log_success")
    for name in (*logs, "recover", "replace", "write_registration", "retrain", "promote"):
        assert name in page
        assert f"def {name}(" in source


def test_the_program_says_what_it_found() -> None:
    ended = subprocess.run(
        [sys.executable, str(ROOT / "tests/state_model/all_models.py")], capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "registrations, each killed anywhere: " in ended.stdout
