"""A run that is stopped or killed while it scores leaves the row that says so, and the old tables."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from listening import listening
from project import SUPPORT, DbtProject
from spark.estimators import Slow, Sum

DBT = Path(sys.executable).with_name("dbt")
SCOREHOUSE = Path(sys.executable).with_name("scorehouse")


def last(project: DbtProject, name: str) -> dict[str, Any]:
    return project.runs(name)[-1]


@pytest.fixture(scope="module")
def slow_project(tmp_path_factory: pytest.TempPathFactory) -> DbtProject:
    """Two prediction tables that take half a minute, and were built once with a quick model."""
    project = DbtProject(tmp_path_factory.mktemp("stopped") / "house")
    frame = pd.DataFrame({"a": [0.0, 1.0], "b": [1.0, 0.0]})
    project.register(Sum().fit(frame), "sums", frame, task="regression")
    project.features("select i as id, i % 7 / 1e0 as a, i % 3 / 1e0 as b from range(400_000) as t(i)")
    project.python_model("whole", "sums", key="id", batch_rows=4000)
    project.python_model("plain", "sums", key="id", batch_rows=4000, config="materialized='table'")
    project.build().check()
    project.register(Slow(str(project.folder / "begun")).fit(frame), "sums", frame, task="regression")
    project.dbt("seed").check()
    return project


def stopped(project: DbtProject, number: int) -> subprocess.CompletedProcess[str]:
    """Plain `dbt run` as a scheduler starts it, and a signal while its models score."""
    sign = project.folder / "begun"
    sign.unlink(missing_ok=True)
    environment = {**os.environ, "PYTHONPATH": str(SUPPORT)}
    command = [str(DBT), "run", "--select", "whole", "plain", "--threads", "2"]
    command += ["--project-dir", str(project.folder), "--profiles-dir", str(project.folder)]
    with subprocess.Popen(
        listening(command),
        cwd=project.folder,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as dbt:
        deadline = time.monotonic() + 300
        while not sign.exists():
            if dbt.poll() is not None or time.monotonic() > deadline:
                dbt.kill()
                raise AssertionError(dbt.communicate()[0])
            time.sleep(0.05)
        time.sleep(1.5)  # so that both models score
        dbt.send_signal(number)
        asked = time.monotonic()
        try:
            output, _ = dbt.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            dbt.kill()
            raise
        assert time.monotonic() - asked < 20, output  # 8 of patience, and what a busy machine takes
    return subprocess.CompletedProcess(command, dbt.returncode, output, "")


SIGNALS = [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.soak), signal.SIGKILL]


@pytest.mark.slow
@pytest.mark.parametrize("number", SIGNALS, ids=lambda n: n.name)
def test_a_run_that_is_stopped_leaves_its_row(number: signal.Signals, slow_project: DbtProject) -> None:
    before = [slow_project.content(name) for name in ("whole", "plain")]
    ended = stopped(slow_project, number)
    assert ended.returncode != 0
    if number != signal.SIGKILL:
        told = f"Encountered an error:\ndbt: the command was stopped by {number.name}.\n  Expected: "
        assert told in ended.stdout and "Traceback" not in ended.stdout, ended.stdout
    assert [slow_project.content(name) for name in ("whole", "plain")] == before
    for name in ("whole", "plain"):
        run = last(slow_project, name)
        if number == signal.SIGKILL:
            assert (run["status"], run["finished_at"], run["error"]) == ("started", None, None)
        else:
            assert run["status"] == "failed", ended.stdout
            assert "was interrupted" in run["error"]


@pytest.mark.slow
def test_a_run_that_was_killed_is_called_not_finished(slow_project: DbtProject) -> None:
    if last(slow_project, "whole")["status"] != "started":
        stopped(slow_project, signal.SIGKILL)
    listed = subprocess.run(
        [SCOREHOUSE, "runs", "--database", slow_project.database], capture_output=True, text=True, check=True
    )
    assert "not finished" in listed.stdout.splitlines()[1]


@pytest.mark.slow
def test_a_batch_that_takes_minutes_does_not_hold_up_the_end(slow_project: DbtProject) -> None:
    frame = pd.DataFrame({"a": [0.0, 1.0], "b": [1.0, 0.0]})
    endless = Slow(str(slow_project.folder / "begun"), until=str(slow_project.folder / "never"))
    slow_project.register(endless.fit(frame), "sums", frame, task="regression")
    slow_project.dbt("seed").check()
    before = slow_project.content("whole")
    ended = stopped(slow_project, signal.SIGTERM)
    assert ended.returncode == 128 + signal.SIGTERM, ended.stdout
    assert "stopped by SIGTERM, and ended after 8 s although a model still ran" in ended.stdout
    assert slow_project.content("whole") == before and last(slow_project, "whole")["status"] == "started"
