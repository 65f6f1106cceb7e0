"""The tutorial, literally: every block of docs/tutorial.md, in order, in an empty folder."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest

from project import REPOSITORY
from virtual_environments import PYTHON_SETTINGS, pins

TUTORIAL = REPOSITORY / "docs/tutorial.md"
FENCE = re.compile(r"^```(\w+)(?: title=\"([^\"]+)\")?\n(.*?)^```$", re.M | re.S)
PLACE = "export SCOREHOUSE=/path/to/scorehouse"
LIMIT_MINUTES = 10


@dataclass(frozen=True)
class Block:
    """A file to be written, or commands to be run."""

    language: str
    file: str
    text: str

    def script(self) -> str:
        """The block as shell: commands as they stand, a file as it would be saved."""
        if self.language == "console":
            commands = [line.removeprefix("$ ") for line in self.text.splitlines()]
            return "\n".join(commands) + "\n"
        folder = Path(self.file).parent
        return f"mkdir -p '{folder}'\ncat > '{self.file}' <<'END_OF_FILE'\n{self.text}END_OF_FILE\n"


def blocks() -> list[Block]:
    return [Block(*match) for match in FENCE.findall(TUTORIAL.read_text())]


def test_every_block_is_a_file_or_commands() -> None:
    found = blocks()
    assert len(found) == TUTORIAL.read_text().count("\n```") // 2
    for block in found:
        assert block.file or block.language == "console", block
        if block.language == "console":
            assert all(line.startswith("$ ") for line in block.text.splitlines()), block
    assert found[0].text == f"$ {PLACE}\n"


def test_a_user_writes_few_things_by_hand() -> None:
    """The figures at the end of step 6: no file of scoring itself, and six commands."""
    written = [block.file for block in blocks() if block.file]
    own = {"dbt_project.yml", "profiles.yml", "make_data.py", "models/parcel_features.sql"}
    first_table = written[: len(own)]
    assert set(first_table) == own, "up to the first prediction table nothing but the data is written by hand"
    steps = TUTORIAL.read_text().split("\n## ")
    until = "".join(step for step in steps if step[:2] in ("4.", "5.", "6."))
    looking = ("scorehouse list", "scorehouse show", "scorehouse runs", "cat ", "python -c")
    commands = [line[2:] for line in until.splitlines() if line.startswith("$ ")]
    assert len([command for command in commands if not command.startswith(looking)]) == 6


@pytest.fixture(scope="module")
def tutorial(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, float]:
    """The folder in which the tutorial was followed, what it printed, and the minutes it took."""
    folder = tmp_path_factory.mktemp("tutorial")
    script = "set -euo pipefail\n" + "".join(block.script() for block in blocks())
    script = script.replace(PLACE, f"export SCOREHOUSE='{REPOSITORY}'")
    script = script.replace("python3 -m venv", f"'{sys.executable}' -m venv")
    kept = {name: value for name, value in os.environ.items() if name not in PYTHON_SETTINGS}
    started = time.monotonic()
    ended = subprocess.run(
        ["bash"],
        input=script,
        cwd=folder,
        env={
            **kept,
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
            "PIP_CONSTRAINT": str(pins("requirements.lock", folder)),  # the releases that CI tests
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    minutes = (time.monotonic() - started) / 60
    assert ended.returncode == 0, ended.stdout
    return folder, ended.stdout, minutes


@pytest.mark.foreign
def test_the_tutorial_ends_in_a_tested_prediction_table(tutorial: tuple[Path, str, float]) -> None:
    folder, said, minutes = tutorial
    print(f"the tutorial took {minutes:.1f} minutes")
    assert minutes < LIMIT_MINUTES
    assert "ERROR=0" in said and "FAIL" not in said
    with duckdb.connect(str(folder / "courier.duckdb"), read_only=True) as connection:
        statuses = dict(
            connection.sql("select row_status, count(*) from parcel_delay_predictions group by 1").fetchall()
        )
        counted = connection.sql("select count(*) from parcels where weight_kg is null").fetchall()
    without_weight = counted[0][0]
    assert statuses == {"scored": 6000 - without_weight, "rejected": without_weight}


@pytest.mark.foreign
def test_the_runtime_came_from_a_wheel(tutorial: tuple[Path, str, float]) -> None:
    folder, _, _ = tutorial
    packages = list((folder / ".venv").glob("lib/python*/site-packages/scorehouse-*.dist-info"))
    (origin,) = (package / "direct_url.json" for package in packages)
    assert "editable" not in json.loads(origin.read_text()).get("dir_info", {})


@pytest.mark.foreign
def test_the_answer_online_is_printed(tutorial: tuple[Path, str, float]) -> None:
    _, said, _ = tutorial
    assert "'row_status': 'scored'" in said.splitlines()[-1]
