"""The card of engines: what it makes of test results, and that the README says the same of each engine."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from project import REPOSITORY

SCRIPT = REPOSITORY / "docs" / "conformance.py"
JUNIT = """<testsuites><testsuite timestamp="2026-11-27T07:00:00">
<properties><property name="fakesnow" value="0.12.1"/></properties>
<testcase classname="engines.test_warehouses" name="test_drift">
  <properties><property name="capability" value="monitoring"/></properties></testcase>
<testcase classname="engines.test_warehouses" name="test_profile">
  <properties><property name="capability" value="monitoring"/></properties>
  <failure message="wrong
  number"/></testcase>
<testcase classname="engines.test_dbt2" name="test_rules[new-20]"><skipped message="not here"/></testcase>
<testcase classname="engines.test_dbt2" name="test_something_else"/>
<testcase classname="engines.test_dbt2" name="test_decision[one]"><properties><property name="compared"
  value='{"rows": 1500, "cells": 9000, "differ": 0, "largest": 2e-16}'/></properties></testcase>
<testcase classname="engines.test_dbt2" name="test_decision[two]"><properties><property name="compared"
  value='{"rows": 10, "cells": 20, "differ": 1, "largest": 1e-15}'/></properties></testcase>
</testsuite></testsuites>"""


@pytest.fixture(scope="module")
def conformance() -> ModuleType:
    spec = importlib.util.spec_from_file_location("conformance", SCRIPT)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def row(text: str, capability: str) -> list[str]:
    (line,) = [line for line in text.splitlines() if line.startswith(f"| {capability} |")]
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


def test_results_become_cells_and_reasons(
    conformance: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conformance, "KEPT", tmp_path / "kept.json")
    monkeypatch.setattr(conformance, "PAGE", tmp_path / "page.md")
    monkeypatch.setattr(conformance, "README", tmp_path / "README.md")
    (tmp_path / "README.md").write_text("before\n<!-- card -->\nold\n<!-- end of card -->\nafter\n")
    (tmp_path / "snowflake.xml").write_text(JUNIT)
    assert conformance.main([str(tmp_path)]) == 0
    text = conformance.PAGE.read_text()
    column = list(conformance.ENGINES).index("snowflake")
    assert " | emulated by fakesnow | " in text
    assert row(text, "monitoring")[column] == "yes, 1 failed"
    assert row(text, "new")[column] == "1 skipped"
    assert row(text, "decisions")[column] == "yes"
    assert row(text, "rows compared")[column] == "1,510"
    assert row(text, "cells that differ")[column] == "1 of 9,020"
    assert row(text, "largest difference")[column] == "1e-15"
    readme = (tmp_path / "README.md").read_text()
    assert readme.startswith("before\n<!-- card -->\n") and readme.endswith("<!-- end of card -->\nafter\n")
    assert row(readme, "Snowflake")[3:] == ["1,510", "1 of 9,020", "1e-15"] and "old" not in readme
    assert row(text, "score")[column] == "refused"
    assert row(text, "predict")[column] == "not run"
    assert row(text, "contracts")[column] == "not tried"
    assert row(text, "last run")[column] == "2026-11-27" and set(row(text, "last run")) > {"never"}
    assert row(text, "versions")[column].startswith("fakesnow 0.12.1, dbt-core (not known)")
    assert "- Snowflake, monitoring: 1 failed. wrong number" in text
    assert "- Snowflake, new: 1 skipped. not here" in text

    (tmp_path / "snowflake.xml").unlink()
    (tmp_path / "bigquery.xml").write_text(JUNIT)
    assert conformance.main([str(tmp_path)]) == 0
    text = conformance.PAGE.read_text()
    assert row(text, "monitoring")[column] == row(text, "monitoring")[column + 1] == "yes, 1 failed"


def test_the_card_says_something_of_everything(conformance: ModuleType) -> None:
    """Each cell says yes, no or why neither; the page is the one that the results make."""
    runs = conformance.kept()
    card = conformance.PAGE.read_text()
    assert card == conformance.page(runs)
    readme = (REPOSITORY / "README.md").read_text()
    assert readme == conformance.with_card(readme, runs)
    assert set(runs) == set(conformance.ENGINES)
    for capability in ("run", "versions", "last run", *conformance.CAPABILITIES):
        assert all(row(card, capability)), capability
    for engine in conformance.ENGINES.values():
        assert {*engine.refused, *engine.words} <= {"compared", *conformance.CAPABILITIES}


def test_wrong_arguments_show_the_usage() -> None:
    ended = subprocess.run([sys.executable, str(SCRIPT), "nowhere"], capture_output=True, text=True)
    assert ended.returncode == 2 and "docs/conformance.py" in ended.stderr


def test_the_readme_has_each_engine_of_the_card(conformance: ModuleType) -> None:
    readme = (REPOSITORY / "README.md").read_text()
    table = readme.partition("## Engines")[2].partition("\n## ")[0]
    card = conformance.PAGE.read_text()
    for engine in conformance.ENGINES.values():
        assert f" {engine.title} " in card.partition("|---")[0]
        rows = [row for row in table.splitlines() if all(word in row for word in engine.title.split(" on "))]
        assert rows, engine.title
        assert ("emulated" in engine.how) == any("**emulated**" in row for row in rows), engine.title
        command = re.search(r"\./run test \w+|tests/python\S+", engine.commands[0])
        assert command, engine.title
