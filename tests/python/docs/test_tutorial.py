"""The tutorial, literally: every block of docs/tutorial.md, in order, in an empty folder."""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path

import duckdb
import pytest

from followed_page import Followed, blocks, difference_of, follow
from project import REPOSITORY
from virtual_environments import pins

TUTORIAL = REPOSITORY / "docs/tutorial.md"
PLACE = "/path/to/scorehouse"
LIMIT_MINUTES = 10
LIMIT_LINES = 5  # of SQL and Python that a reader writes, besides the data
QUERIES = re.compile(r"--inline|python -c")
DATA = "make_data.py"


def test_every_block_is_a_file_or_commands() -> None:
    found = blocks(TUTORIAL)
    for block in found:
        assert block.file or block.language == "console", block
        if block.language == "console":
            lines = re.sub(r"\\\n", "", block.text).splitlines()
            assert all(line.startswith("$ ") for line in lines), block
    assert found[0].text == f"$ export SCOREHOUSE={PLACE}\n"


def test_a_user_writes_few_lines_by_hand() -> None:
    found = blocks(TUTORIAL)
    diffs = [line for block in found for line in block.printed.splitlines() if line.startswith("+")]
    written_by_commands = {line.removeprefix("+") for line in diffs}
    files = [block for block in found if block.file.endswith((".py", ".sql")) and block.file != DATA]
    lines = [line for block in files for line in block.text.splitlines()]
    lines = [line for line in lines if line.strip() and line not in written_by_commands]
    lines += [command for block in found for command in block.commands if QUERIES.search(command)]
    assert len(lines) <= LIMIT_LINES, lines
    assert "five lines of SQL and Python" in TUTORIAL.read_text()


def test_the_comparison_sees_what_differs_and_not_when() -> None:
    page = "22:01:02  3 rows: 2 scored\n...\n877aad70 on 2026-11-26, score 0.51 +++++\n{'a': 1, ...}\n"
    said = "09:00:00  3 rows: 2 scored\nx\ny\n\n12ad0a7f on 2027-01-01, score 0.49 +++\n{'a': 1, 'b': 2}\n"
    assert difference_of(page, said) == ""
    assert "+<time> 3 rows: 1 scored" in difference_of(page, said.replace("2 scored", "1 scored"))
    assert difference_of(page, said.replace("score 0", "score -0"))
    assert difference_of(page, said.replace("+++", "---"))
    assert difference_of("", "a warning\n") and difference_of("said\n", "")
    assert difference_of("a\nb\n", "a\nx\nb\n"), "lines are left out only where the page says so"


@pytest.fixture(scope="module")
def tutorial(tmp_path_factory: pytest.TempPathFactory) -> tuple[Followed, float]:
    """The tutorial as it was followed, and the minutes it took."""
    folder = tmp_path_factory.mktemp("tutorial")
    uv = Path(sys.executable).with_name("uv")  # in half the time of pip
    replaced = {PLACE: str(REPOSITORY), "python3 -m venv": f"'{sys.executable}' -m venv"}
    replaced["pip install"] = f"'{uv}' pip install"
    constraint = str(pins("requirements.lock", folder))  # the releases that CI tests
    started = time.monotonic()
    followed = follow(
        TUTORIAL,
        folder,
        replaced,
        UV_CONSTRAINT=constraint,
    )
    return followed, (time.monotonic() - started) / 60


@pytest.mark.foreign
def test_the_tutorial_prints_what_it_says(tutorial: tuple[Followed, float]) -> None:
    followed, minutes = tutorial
    print(f"the tutorial took {minutes:.1f} minutes")
    assert followed.differences() == ""
    assert minutes < LIMIT_MINUTES


@pytest.mark.foreign
def test_the_tutorial_ends_in_a_tested_prediction_table_and_a_report(
    tutorial: tuple[Followed, float],
) -> None:
    folder = tutorial[0].folder
    with duckdb.connect(str(folder / "courier.duckdb"), read_only=True) as connection:
        statuses = dict(
            connection.sql("select row_status, count(*) from parcel_delay_predictions group by 1").fetchall()
        )
        counted = connection.sql("select count(*) from parcels where weight_kg is null").fetchall()
        signals = connection.sql("select ml_model, retrain from parcel_delay_retraining").fetchall()
    without_weight = counted[0][0]
    assert statuses == {"scored": 6000 - without_weight, "rejected": without_weight}
    assert signals == [("parcel_delay", False)]
    assert "parcel_delay" in (folder / "scorehouse_report/index.html").read_text()


@pytest.mark.foreign
def test_the_runtime_came_from_a_wheel(tutorial: tuple[Followed, float]) -> None:
    folder: Path = tutorial[0].folder
    packages = list((folder / ".venv").glob("lib/python*/site-packages/scorehouse-*.dist-info"))
    (origin,) = (package / "direct_url.json" for package in packages)
    assert "editable" not in json.loads(origin.read_text()).get("dir_info", {})
