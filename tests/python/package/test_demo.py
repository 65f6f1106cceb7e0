"""The demo: a line per example, why a warning is intended, and a failure in full."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from project import REPOSITORY

pytestmark = pytest.mark.slow


def demo(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """What `./run demo` starts, on a database of its own."""
    return subprocess.run(**started(folder, *arguments), capture_output=True)


def started(folder: Path, *arguments: str) -> dict[str, Any]:
    """How to start it."""
    settings = {
        "SCOREHOUSE_DATABASE": str(folder / "house.duckdb"),
        "DBT_TARGET_PATH": str(folder / "target"),
        "DBT_PROJECT_DIR": str(REPOSITORY),
        "DBT_PROFILES_DIR": str(REPOSITORY),
    }
    command = [sys.executable, "examples/demo.py", *arguments]
    return {"args": command, "cwd": REPOSITORY, "env": {**os.environ, **settings}, "text": True}


def test_a_line_per_example_instead_of_the_log_of_dbt(tmp_path: Path) -> None:
    ended = demo(tmp_path, "--select", "+segment_predictions", "tag:ml_segments")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    said = ended.stdout.splitlines()
    assert len(said) < 40 and "0 s  dbt reads the project" in said[0]
    (line,) = [line for line in said if line.startswith("  segments ")]
    assert re.fullmatch(
        r"  segments +1 +segment_predictions +5,878 +5,878 +0 +[\d.]+ +[1-9]\d* tests passed", line
    )
    assert said[-1] == f"dbt's log: {tmp_path / 'target/demo/dbt.log'}"
    assert "segment_predictions" in (tmp_path / "target/demo/dbt.log").read_text()


def test_the_readme_shows_the_columns_that_the_demo_prints() -> None:
    sys.path.insert(0, str(REPOSITORY / "examples"))
    from demo import COLUMNS

    lines = (REPOSITORY / "README.md").read_text().splitlines()
    header = lines[lines.index("$ ./run demo") + 2]
    assert re.split(r"  +", header.strip()) == list(COLUMNS)


def test_an_interrupted_demo_ends_dbt_too(tmp_path: Path) -> None:
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "start_new_session": True}
    # a job in the background of a shell hands on that it ignores the signal
    options["preexec_fn"] = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)
    with subprocess.Popen(**started(tmp_path), **options) as running:
        assert running.stdout is not None
        assert "dbt reads the project" in running.stdout.readline()
        asked = ["pgrep", "-f", str(Path(sys.executable).with_name("dbt")) + f" .*{tmp_path}"]
        while not subprocess.run(asked, capture_output=True).stdout:
            time.sleep(0.1)
        running.send_signal(signal.SIGINT)  # to the one process, as a supervisor would
        _, said = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "interrupted, and dbt with it" in said and "Traceback" not in said
    assert not subprocess.run(asked, capture_output=True).stdout


def test_a_failing_build_is_told_in_full(tmp_path: Path) -> None:
    ended = demo(tmp_path, "--select", "segment_profile")  # its table is not there
    assert ended.returncode != 0
    assert "model.scorehouse.segment_profile: error" in ended.stderr
    assert "Table with name segment_predictions does not exist" in ended.stderr
    assert f"dbt's log: {tmp_path / 'target/demo/dbt.log'}" in ended.stderr


def test_a_warning_says_whether_it_is_intended(capsys: pytest.CaptureFixture[str]) -> None:
    sys.path.insert(0, str(REPOSITORY / "examples"))
    from demo import print_warnings

    nodes = {"test.a": {"name": "a", "config": {"meta": {"intended": "so  it is"}}}, "test.b": {"name": "b"}}
    outcomes = [{"unique_id": name, "status": "warn", "message": "5 results"} for name in nodes]
    print_warnings({"nodes": nodes}, outcomes)
    said = capsys.readouterr().out
    assert "Warning of a: 5 results\n  Intended: so it is\n" in said
    assert "Warning of b: 5 results\n  Not intended" in said
