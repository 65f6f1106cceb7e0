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

import duckdb

from project import DbtProject

SERVER = """
import json, os, signal, sys
import pandas, pyarrow.compute, sklearn.ensemble, sklearn.pipeline, sklearn.linear_model
import scorehouse
from dbt.cli.main import dbtRunner
from dbt.adapters.duckdb.environments.local import DuckDBCursorWrapper

def die_before(statements_left):
    execute = DuckDBCursorWrapper.execute

    def counted(self, *arguments):
        nonlocal statements_left
        statements_left -= 1
        if statements_left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return execute(self, *arguments)

    DuckDBCursorWrapper.execute = counted

for line in sys.stdin:
    arguments, output, statement = json.loads(line)
    pid = os.fork()
    if pid == 0:
        target = os.open(output, os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
        os.dup2(target, 1)
        os.dup2(target, 2)
        code = 1
        if statement is not None:
            die_before(statement)
        os.chdir(arguments[arguments.index("--project-dir") + 1])
        try:
            code = 0 if dbtRunner().invoke(arguments).success else 1
        finally:
            sys.stdout.flush()
            os._exit(code)
    print(json.dumps(pid), flush=True)
    print(json.dumps(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])), flush=True)
"""


class Server:
    """Forks dbt runs; use as a context manager."""

    def __enter__(self) -> Server:
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
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
        kill_before: int | None = None,
    ) -> int:
        """Exit code of a dbt command; negative where it was killed.

        `kill_after` is in seconds; `kill_before` is the number, from 0, of the statement that dbt's
        connection does not come to execute.
        """
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps([arguments, str(output), kill_before]) + "\n")
        self.process.stdin.flush()
        pid = json.loads(self.process.stdout.readline())
        if kill_after is not None:
            time.sleep(kill_after)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return int(json.loads(self.process.stdout.readline()))


@dataclass(frozen=True)
class State:
    """What stands in the warehouse: the predictions' content, and the runs that the log calls a success."""

    content: tuple[int, int]
    successes: int
    consistent: bool


def state(database: Path, table: str, node: str) -> State:
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
    return State(content, successes, unknown == 0)


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
    node = f"model.scorehouse.{table}"
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
    states: tuple[State, State],
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
