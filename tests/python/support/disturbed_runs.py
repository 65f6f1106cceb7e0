"""Scoring runs to be disturbed: dbt in a process of its own that can be killed at any moment.

A server process imports dbt and scikit-learn once and forks a child for each run, so that a run starts at
once and thirty of them fit into a test. The server itself never runs dbt, so that it has nothing to lose.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from project import DbtProject
from scorehouse.registration.prove_loaded import ONE_THREAD

SERVER = """
import json, os, resource, signal, sys
import pandas, pyarrow.compute, sklearn.ensemble, sklearn.pipeline, sklearn.linear_model
import scorehouse
from dbt.cli.main import dbtRunner
from dbt.adapters.duckdb.environments.local import DuckDBCursorWrapper

def fill_the_disk():
    resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, resource.RLIM_INFINITY))

ENDINGS = {
    "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "terminate": lambda: os.kill(os.getpid(), signal.SIGTERM),
    "full": fill_the_disk,
}
ROOM = 12 * 1024  # bytes that a file may still have when the disk is full

def end_before(statements_left, ending):
    execute = DuckDBCursorWrapper.execute

    def counted(self, *arguments):
        nonlocal statements_left
        statements_left -= 1
        if statements_left == -1:
            ENDINGS[ending]()
        return execute(self, *arguments)

    DuckDBCursorWrapper.execute = counted

def register(project, seed):
    from sklearn.linear_model import LogisticRegression
    from rescoring import training
    X, y = training(seed)
    model = LogisticRegression().fit(X, y)
    facts = {"task": "classification", "card": scorehouse.Card(f"seed {seed}"), "project_dir": project}
    scorehouse.register(model, "toy", X, y, **facts)
    return True

def dbt(*arguments):
    os.chdir(arguments[arguments.index("--project-dir") + 1])
    return dbtRunner().invoke(list(arguments)).success

def start(command, arguments, output, statement, ending):
    pid = os.fork()
    if pid == 0:
        target = os.open(output, os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
        os.dup2(target, 1)
        os.dup2(target, 2)
        code = 1
        if statement is not None:
            end_before(statement, ending)
        try:
            code = 0 if {"dbt": dbt, "register": register}[command](*arguments) else 1
        except BaseException as error:
            print(f"{type(error).__name__}: {error}")
        finally:
            sys.stdout.flush()
            os._exit(code)
    return pid

for line in sys.stdin:
    pids = [start(*job) for job in json.loads(line)]
    print(json.dumps(pids), flush=True)
    print(json.dumps([os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]), flush=True)
"""


class Server:
    """Forks dbt runs and registrations; use as a context manager."""

    def __enter__(self) -> Server:
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parent,
            env={**os.environ, **ONE_THREAD},
        )
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(timeout=30)

    def run(
        self,
        arguments: list[str],
        output: Path,
        *,
        kill_after: float | None = None,
        end_before: int | None = None,
        ending: str = "kill",
    ) -> int:
        """Exit code of a dbt command; negative where it was killed.

        `kill_after` is in seconds; `end_before` is the number, from 0, of the statement of dbt's connection
        before which the ending comes: `kill` (SIGKILL), `terminate` (SIGTERM), or `full`, after which no
        file can grow, as on a full disk.
        """
        (pid,) = self._start(["dbt", arguments, str(output), end_before, ending])
        if kill_after is not None:
            time.sleep(kill_after)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return self._read()[0]

    def register_at_once(self, project: Path, seeds: list[int], folder: Path) -> list[str]:
        """Register a version of `toy` for each seed, all at the same time; what failed, in words."""
        outputs = [folder / f"registered_{seed}.txt" for seed in seeds]
        jobs = zip(seeds, outputs, strict=True)
        self._start(*(["register", [str(project), seed], str(out), None, ""] for seed, out in jobs))
        return [out.read_text() for out, code in zip(outputs, self._read(), strict=True) if code]

    def _start(self, *jobs: list[Any]) -> list[int]:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(jobs) + "\n")
        self.process.stdin.flush()
        return self._read()

    def _read(self) -> Any:
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())


@dataclass(frozen=True)
class WarehouseState:
    """What stands in the warehouse: the predictions' content, and the runs that the log calls a success."""

    content: tuple[int, int]
    successes: int
    consistent: bool


def state(database: Path, table: str, node: str) -> WarehouseState:
    """Read it as a reader would, after whatever recovery DuckDB does when it opens the file."""
    with duckdb.connect(database) as connection:
        content = connection.execute(
            "select count(*), coalesce(sum(hash(rows) % 1000000007), 0)::bigint "
            f"from (select * exclude (scoring_run_id, scored_at) from {table}) as rows"
        ).fetchall()[0]
        successes = connection.execute(
            "select count(*) from scorehouse_run_log where status = 'success' and node = ?", [node]
        ).fetchall()[0][0]
        unknown = connection.execute(
            f"select count(*) from {table} as t where not exists (select 1 from scorehouse_run_log as l "
            "where l.run_id = t.scoring_run_id and l.status = 'success')"
        ).fetchall()[0][0]
    return WarehouseState(content, successes, unknown == 0)


@dataclass(frozen=True)
class Outcome:
    """One run that was killed: how long it lived, whether the new table stood, and what was found wrong."""

    moment: float
    killed: bool
    swapped: bool
    faults: tuple[str, ...]


def kill_runs(project: DbtProject, table: str, count: int, seed: int) -> list[Outcome]:
    """Kill `count` runs of `table` at random moments, and run each again without cleaning anything.

    The project stands at the old state, and a run brings it to the new one.
    """
    node = f"model.house.{table}"
    saved = project.folder / "saved.duckdb"
    arguments = ["--quiet", "run", "--select", table, "--project-dir", str(project.folder)]
    arguments += ["--profiles-dir", str(project.folder)]
    output = project.folder / "output.txt"
    draw = random.Random(seed)
    restore(project.database, saved, save=True)
    old = state(project.database, table, node)
    with Server() as server:
        server.run(arguments, output)  # writes the parse cache
        restore(project.database, saved)
        started = time.monotonic()
        assert server.run(arguments, output) == 0, output.read_text()
        duration = time.monotonic() - started
        new = state(project.database, table, node)
        assert new.content != old.content, "the run must change the table, or nothing is shown"
        outcomes = []
        for _ in range(count):
            restore(project.database, saved)
            moment = draw.uniform(0.3, 1.05) * duration
            outcomes.append(_kill_once(server, project, (table, node), arguments, (old, new), moment))
        return outcomes


def restore(database: Path, saved: Path, *, save: bool = False) -> None:
    """Bring the saved state back (or save it), with no write-ahead log left beside it."""
    source, target = (database, saved) if save else (saved, database)
    if save:
        with duckdb.connect(database) as connection:
            connection.execute("checkpoint")
    for leftover in target.parent.glob(target.name + "*"):
        leftover.unlink() if leftover.is_file() else shutil.rmtree(leftover)
    shutil.copyfile(source, target)


def _kill_once(
    server: Server,
    project: DbtProject,
    names: tuple[str, str],
    arguments: list[str],
    states: tuple[WarehouseState, WarehouseState],
    moment: float,
) -> Outcome:
    table, node = names
    old, new = states
    output = project.folder / "output.txt"
    code = server.run(arguments, output, kill_after=moment)
    between = state(project.database, table, node)
    faults = []
    if between not in (old, new):
        faults.append(f"after the kill the table is neither old nor new: {between}, {old}, {new}")
    if server.run(arguments, output) != 0:
        faults.append(f"the next run failed: {output.read_text()[-2000:]}")
    after = state(project.database, table, node)
    if after.content != new.content or not after.consistent:
        faults.append(f"after the next run: {after}, expected {new}")
    if after.successes != between.successes + 1:
        faults.append(f"the run log has {after.successes} successes after {between.successes}")
    return Outcome(moment, code < 0, between == new, tuple(faults))
