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
JUNIT = """<testsuites><testsuite>
<testcase classname="engines.test_warehouses" name="test_drift">
  <properties><property name="capability" value="monitoring"/></properties></testcase>
<testcase classname="engines.test_warehouses" name="test_profile">
  <properties><property name="capability" value="monitoring"/></properties>
  <failure message="wrong
  number"/></testcase>
<testcase classname="engines.test_dbt2" name="test_rules[new-20]"><skipped message="not here"/></testcase>
<testcase classname="engines.test_dbt2" name="test_something_else"/>
</testsuite></testsuites>"""


@pytest.fixture(scope="module")
def conformance() -> ModuleType:
    spec = importlib.util.spec_from_file_location("conformance", SCRIPT)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_results_become_cells_and_reasons(conformance: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "snowflake.xml").write_text(JUNIT)
    found = conformance.results(tmp_path / "snowflake.xml")
    text = conformance.page({"snowflake": found})
    assert " | emulated by fakesnow | " in text
    assert "| monitoring |  |  |  |  | 1 passed, 1 failed |  |" in text and " | 1 skipped | " in text
    assert "- Snowflake, monitoring: 1 failed. wrong number" in text
    assert "- Snowflake, new: 1 skipped. not here" in text
    assert "| history |  | refused |  | refused | refused | refused |" in text


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
        command = re.search(r"\./run test \w+|tests/python\S+", engine.command)
        assert command, engine.title
