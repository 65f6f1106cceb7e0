"""Every scoring run leaves a row that says how it ended, whatever ended it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pandas as pd
import pytest

from churn import FEATURES, classifier, training
from project import SUPPORT, DbtProject
from scorehouse.engines.duckdb import engine, run_rows
from scorehouse.engines.duckdb.staging import write_staging
from scorehouse.engines.duckdb.statistics import BatchStatistics
from scorehouse.engines.output import Output
from spark.estimators import Slow, Sum

DBT = Path(sys.executable).with_name("dbt")
SCOREHOUSE = Path(sys.executable).with_name("scorehouse")
PREDICTIONS = "materialized='predictions'"
BROKEN = {  # model: config, and what its row has to say
    "by_contract": ("contract={'enforced': true}", "contract"),
    "by_post_hook": ("post_hook=\"select error('post broke')\"", "post broke"),
    "by_inner_hook": ("pre_hook=\"select error('pre broke')\"", "pre broke"),
    "by_outer_hook": (
        "pre_hook={'sql': \"select error('outer broke')\", 'transaction': false}",
        "outer broke",
    ),
    "by_options": ("incremental_strategy='microbatch'", "batch_size"),
}
CONTRACT = """
models:
  - name: by_contract
    columns: [{name: id, data_type: varchar}]
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DbtProject]:
    """Models that fail in every way after or before scoring, beside one that does not, built once."""
    project = DbtProject(tmp_path_factory.mktemp("rows") / "house")
    project.register(classifier(), "churn", training(), task="classification")
    project.features(FEATURES)
    project.write("models/_contract.yml", CONTRACT)
    for name, (config, _) in BROKEN.items():
        project.sql_model(name, "churn", key="id", config=config)
    project.sql_model("whole", "churn", key="id")
    for name in ("plain", "plain_broken"):
        config = "materialized='table'"
        config += ", post_hook=\"select error('plain broke')\"" if name == "plain_broken" else ""
        project.python_model(name, "churn", key="id", config=config)
    project.python_model("plain_refused", "churn", key="shop", config="materialized='incremental'")
    project.build()
    yield project


def last(project: DbtProject, name: str) -> dict[str, Any]:
    return project.runs(name)[-1]


@pytest.mark.parametrize("name", BROKEN)
def test_a_failure_of_dbt_before_or_after_scoring_leaves_its_row(name: str, project: DbtProject) -> None:
    (run,) = project.runs(name)
    assert run["status"] == "failed"
    assert BROKEN[name][1] in run["error"]
    assert run["finished_at"] >= run["started_at"]


def test_a_run_that_ends_well_has_one_row(project: DbtProject) -> None:
    (run,) = project.runs("whole")
    assert (run["status"], run["rows_in"], run["error"]) == ("success", 500, None)


def count_one_less(monkeypatch: pytest.MonkeyPatch) -> None:
    add = BatchStatistics.add
    monkeypatch.setattr(BatchStatistics, "add", lambda self, rows, hashes: add(self, rows[1:], hashes[1:]))


def write_one_less(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(session: Any, output: Output, *arguments: Any) -> None:
        write_staging(session, output, *arguments)
        session.execute(f"delete from {output.records[0].request.staging} where id = 0").fetchall()

    monkeypatch.setattr(engine, "write_staging", wrong)


@pytest.mark.parametrize(
    ("lose", "told"),
    [
        (count_one_less, "500 rows went in, 490 scored and 9 rejected rows came out"),
        (write_one_less, "500 rows went in and 499 are in the table"),
    ],
)
def test_a_row_that_is_lost_fails_the_run_and_leaves_its_row(
    lose: Callable[[pytest.MonkeyPatch], None],
    told: str,
    project: DbtProject,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    project.sql_model("counted", "churn", key="id", engine="estimator")
    project.dbt("run", "--select", "counted").check()
    before = project.content("counted")
    lose(monkeypatch)
    assert told in project.dbt("run", "--select", "counted").messages["counted"]
    run = last(project, "counted")
    assert run["status"] == "failed" and told in run["error"]
    assert project.content("counted") == before


def test_under_dbts_own_table_success_means_that_the_table_stands(project: DbtProject) -> None:
    ended = {name: last(project, name) for name in ("plain", "plain_broken", "plain_refused")}
    assert {name: run["status"] for name, run in ended.items()} == {
        "plain": "success",
        "plain_broken": "failed",
        "plain_refused": "failed",
    }
    assert ended["plain"]["rows_in"] == ended["plain_broken"]["rows_in"] == 500
    assert "plain broke" in ended["plain_broken"]["error"]
    assert "is not unique" in ended["plain_refused"]["error"]
    assert project.query("select count(distinct scoring_run_id) from plain") == [(1,)]
    assert project.query(f"select 1 from plain where scoring_run_id = '{ended['plain']['run_id']}' limit 1")


def test_a_plain_table_never_loses_the_row_that_it_began_with(
    project: DbtProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The row is taken away and written anew at the end of the stream: both, or neither."""
    insert, before = run_rows._insert, len(project.runs("plain"))

    def broken(connection: Any, run_log: str, row: dict[str, Any]) -> None:
        if row["rows_in"]:
            raise RuntimeError("the second row broke")
        insert(connection, run_log, row)

    monkeypatch.setattr(run_rows, "_insert", broken)
    assert not project.dbt("run", "--select", "plain").success
    (run,) = project.runs("plain")[before:]
    assert run["status"] == "failed" and "the second row broke" in run["error"]


KILLING = """
import os, signal, sys
from dbt.cli.main import dbtRunner

def killed(event):
    if event.info.name == "NodeFinished" and event.data.node_info.node_name == "last":
        os.kill(os.getpid(), signal.SIGKILL)

dbtRunner(callbacks=[killed]).invoke(sys.argv[1:])
"""


def test_a_plain_table_that_stands_is_a_success_after_its_command_was_killed(project: DbtProject) -> None:
    """The command is killed in its last model; the next one finds the run's rows in the table."""
    project.features("select 1 as x from {{ ref('plain') }} limit 1", name="last")
    command = [sys.executable, "-c", KILLING, "--quiet", "run", "--select", "plain", "last"]
    ended = subprocess.run(
        command, cwd=project.folder, env=project.environment, capture_output=True, timeout=120
    )
    assert ended.returncode == -signal.SIGKILL, ended.stdout
    left = last(project, "plain")
    assert (left["status"], left["rows_in"]) == ("started", 500)
    others = {uuid4(): "prediction_table", uuid4(): '\'"house"."main"."gone"\''}
    for other, table in others.items():
        project.query(
            f"insert into scorehouse_run_log select * replace ('{other}' as run_id, "
            f"'{other}' as parent_run_id, "
            f"{table} as prediction_table) from scorehouse_run_log where run_id = '{left['run_id']}'"
        )
    project.dbt("run", "--select", "features").check()
    runs = {run["run_id"]: run for run in project.runs("plain") if run["started_at"] == left["started_at"]}
    assert runs.pop(left["run_id"]) == {**left, "status": "success"}
    assert {number: run["status"] for number, run in runs.items()} == dict.fromkeys(others, "started")
    (project.folder / "models/last.sql").unlink()


LONG_LIVED = """
import os, signal, sys
from dbt.cli.main import dbtRunner
import scorehouse

def handlers():
    return [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]

class Told:
    taken = []
    def __call__(self, event):
        if event.info.name == "NodeFinished":
            self.taken.append([handler.__module__ for handler in handlers()])

signal.signal(signal.SIGINT, signal.default_int_handler)
told, before = Told(), handlers()
for _ in range(2):
    assert dbtRunner(callbacks=[told]).invoke(sys.argv[1:]).success
    assert handlers() == before
assert told.taken == [["dbt_scorehouse"] * 2] * 2, told.taken
print("alive", flush=True)
os.kill(os.getpid(), signal.SIGTERM)
print("not ended")
"""


def test_a_program_that_called_dbt_gets_its_signals_back(project: DbtProject) -> None:
    command = [sys.executable, "-c", LONG_LIVED, "--quiet", "run", "--select", "features"]
    ended = subprocess.run(
        command, cwd=project.folder, env=project.environment, capture_output=True, text=True, timeout=120
    )
    assert ended.returncode == -signal.SIGTERM, ended.stderr
    assert ended.stdout.strip().splitlines()[-1] == "alive"


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


# In the background of a shell, tests are started with SIGINT ignored, which a child inherits.
LISTENING = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])
"""


def stopped(project: DbtProject, number: int) -> subprocess.CompletedProcess[str]:
    """Plain `dbt run` as a scheduler starts it, and a signal while its models score."""
    sign = project.folder / "begun"
    sign.unlink(missing_ok=True)
    environment = {**os.environ, "PYTHONPATH": str(SUPPORT)}
    command = [str(DBT), "run", "--select", "whole", "plain", "--threads", "2"]
    command += ["--project-dir", str(project.folder), "--profiles-dir", str(project.folder)]
    with subprocess.Popen(
        [sys.executable, "-c", LISTENING, *command],
        cwd=project.folder,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as dbt:
        deadline = time.monotonic() + 120
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
        assert time.monotonic() - asked < 20, output
    return subprocess.CompletedProcess(command, dbt.returncode, output, "")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL], ids=lambda n: n.name)
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
