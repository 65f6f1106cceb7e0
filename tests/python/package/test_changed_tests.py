"""Which tests `./run test --changed` runs."""

from __future__ import annotations

import runpy
from typing import Any

import pytest

from project import REPOSITORY

PLACE = "tests/python/"


@pytest.fixture(scope="module")
def tool() -> dict[str, Any]:
    return runpy.run_path(str(REPOSITORY / "tools" / "changed_tests.py"))


@pytest.mark.parametrize(
    ("file", "test"),
    [
        ("src/scorehouse/report/causes.py", "monitoring/test_report_causes.py"),  # it imports the module
        ("src/scorehouse/report/alert_words.py", "monitoring/test_report_words.py"),  # from its package
        (
            f"macros/monitoring/_{'decayed'}.sql",
            "monitoring/test_monitoring_tests.py",
        ),  # by the macro that calls it
        ("tests/python/support/monitored.py", "monitoring/test_nights.py"),  # by its name on the path
        ("tests/life/world.py", "life/test_lives.py"),
        ("tests/python/docs/test_tutorial.py", "docs/test_tutorial.py"),
    ],
)
def test_the_nearest_tests_of_a_file(tool: dict[str, Any], file: str, test: str) -> None:
    nearest = tool["tests_of"](file)
    assert PLACE + test in nearest and len(nearest) <= tool["WIDE"]


def test_what_nothing_names_has_no_test(tool: dict[str, Any]) -> None:
    assert tool["tests_of"]("LICENSE") == set()
    assert tool["tests_of"]("src/scorehouse/errors.py") == set(), "nearly all tests name it"
