"""A project that uses scorehouse is checked by its own mypy against the real types."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

from project import REPOSITORY

USER = """\
from typing import Any, assert_type

from scorehouse import load, register, score
from scorehouse.online.online_scorer import OnlineModel
from scorehouse.registry.version import Version


def model(dbt: Any, session: Any) -> Any:
    return score(dbt, session, features=dbt.ref("parcels"), model=dbt.ref("ml_delay"), key=3)


def train(estimator: Any, frame: Any) -> int:
    version = register(estimator, "delay", frame, task="classification")
    assert_type(version, Version)
    register(estimator, "delay", frame)
    return version.versoin


def online(row: dict[str, Any]) -> OnlineModel:
    return load("delay@champion", backend=1)


from scorehouse import scores
"""
SETTINGS = """\
[mypy]
strict = true
[mypy-duckdb.*,numpy.*,pandas.*]
follow_imports = skip
"""
WRONG = {
    9: "arg-type",  # key=3
    15: "call-arg",  # no task
    16: "attr-defined",  # versoin
    20: "arg-type",  # backend=1
    23: "attr-defined",  # scores
}


@pytest.mark.slow
def test_a_users_mypy_sees_the_types_of_what_is_public(tmp_path: Path) -> None:
    """It reads the installed package, which `py.typed` declares typed; each planted mistake is named."""
    (tmp_path / "user.py").write_text(USER)
    (tmp_path / "mypy.ini").write_text(SETTINGS)
    command = [sys.executable, "-m", "mypy", "--cache-dir", str(tmp_path / "cache"), "user.py"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    errors = re.findall(r"^user\.py:(\d+): error: .*\[([\w-]+)\]$", ended.stdout, re.MULTILINE)
    assert {int(line): code for line, code in errors} == WRONG, ended.stdout + ended.stderr


def test_the_wheel_says_that_it_is_typed() -> None:
    files = WheelBuilder(str(REPOSITORY)).recurse_included_files()
    assert "scorehouse/py.typed" in {file.distribution_path for file in files}
