"""Every scoring run leaves a row that says how it ended, whatever ended it."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest

from churn import FEATURES, classifier, training
from listening import listening
from project import DbtProject
from scorehouse.engines.duckdb import counted, engine, run_log
from scorehouse.engines.duckdb.counted import BatchStatistics
from scorehouse.engines.duckdb.staging import write_staging
from scorehouse.engines.output import Output

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


@pytest.mark.slow
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
    def wrong(session: Any, output: Output, *arguments: Any, **options: Any) -> None:
        write_staging(session, output, *arguments, **options)
        session.execute(f"delete from {output.records[0].request.staging} where id = 0").fetchall()

    for module in (engine, counted):
        monkeypatch.setattr(module, "write_staging", wrong)


@pytest.mark.slow
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
    project.sql_model("counted", "churn", key="id", backend="estimator")
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
    insert, before = run_log._insert, len(project.runs("plain"))

    def broken(connection: Any, run_log: str, row: dict[str, Any]) -> None:
        if row["rows_in"]:
            raise RuntimeError("the second row broke")
        insert(connection, run_log, row)

    monkeypatch.setattr(run_log, "_insert", broken)
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


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_program_that_called_dbt_gets_its_signals_back(project: DbtProject) -> None:
    command = [sys.executable, "-c", LONG_LIVED, "--quiet", "run", "--select", "features"]
    ended = subprocess.run(
        listening(command),
        cwd=project.folder,
        env=project.environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ended.returncode == -signal.SIGTERM, ended.stderr
    assert ended.stdout.strip().splitlines()[-1] == "alive"
