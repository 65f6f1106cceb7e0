"""The benchmark of batch scoring goes on where it stopped, and its page says what was measured."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from project import REPOSITORY

pytest.importorskip("lightgbm")
sys.path.insert(0, str(REPOSITORY / "benchmarks" / "scoring"))

from cases import SETS, Case, Results
from report import write_report

pytestmark = pytest.mark.heavy
M = 1_000_000


def result(peer: str, seconds: float, number: int = 0, **facts: Any) -> dict[str, Any]:
    case = {"set": "bars", "rows": 10 * M, "round": number, "model": "logistic", "peer": peer}
    return {**case, "seconds": seconds, "peak_mib": 700, "load": 0.2, **facts}


def test_a_stopped_run_goes_on(tmp_path: Path) -> None:
    first, second = Case("bars", 10, 0, "logistic", "pandas"), Case("bars", 10, 1, "logistic", "pandas")
    Results(tmp_path / "results.json").add(first, seconds=1.0)
    again = Results(tmp_path / "results.json")
    assert again.has(first) and not again.has(second)
    again.add(Case("peers", 10, 0, "kmeans", "orbital"), refused="not supported")
    assert Results(tmp_path / "results.json").has(Case("peers", 10, 3, "kmeans", "orbital"))


def test_cases_run_in_pairs_and_tables_are_made_seldom() -> None:
    bars = next(one for one in SETS if one.name == "bars")
    cases = list(bars.cases(["logistic", "forest", "boosting"], 1.0, 2))
    assert [case.rows for case in cases] == [3 * M] * 20 + [10 * M] * 10
    assert [case.peer for case in cases[:5]] == ["raw", "pandas", "scorehouse", "loaded", "limit"]
    assert [case.round for case in cases] == [0] * 10 + [1] * 10 + [0] * 5 + [1] * 5


def test_the_page_has_medians_and_judges_by_the_targets(tmp_path: Path) -> None:
    found = [result("raw", 1.8), result("pandas", 12.0), result("limit", 0.5), result("loaded", 1.1)]
    found += [result("scorehouse", seconds, number) for number, seconds in enumerate((2.0, 9.0, 2.4))]
    peers = [{**one, "set": "peers", "rows": M} for one in found]
    peers[1]["parity"] = {"other_labels": 0.25, "largest": 0.4, "missing": 3}
    refused = {
        "set": "peers",
        "rows": M,
        "round": 0,
        "model": "logistic",
        "peer": "orbital",
        "refused": "a | b",
    }
    write_report([*found, *peers, refused], {"cores": "2"}, tmp_path)
    text = (tmp_path / "benchmarks.md").read_text()
    row = (
        "10,000,000 rows | 2.40 | 1.10 | 5.00 (target 5.00: reached) | 0.75 (target 0.71: reached) "
        "| 4.8 | 700 | 3 |"
    )
    assert row in text
    said = " ".join(text.split())
    assert "scorehouse scores 5.0 to 5.0 times as fast as a dbt Python model written by hand" in said
    assert "(median 5.0, 1 ML models, 10,000,000 to 10,000,000 rows), with the same labels" in said
    assert "25.00% different labels, off by at most 0.4, 3 rows missing" in text
    assert "a / b" in text and "load" in text.lower()
    drawn = ElementTree.parse(tmp_path / "benchmarks.svg").getroot()
    bars = [one for one in drawn.iter("{http://www.w3.org/2000/svg}rect") if one.get("height") == "16"]
    assert len(bars) == 4
    assert max(bars, key=lambda one: float(one.get("width", "0"))).get("fill") == "#bdbdbd"
