"""Settings of the whole process, lowered for runs that overlap, are put back when the last has ended."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from threadpoolctl import threadpool_info

from churn import FEATURES, classifier, training
from project import DbtProject
from scorehouse.engines.duckdb.memory import limited_memory
from scorehouse.engines.duckdb.workers import one_thread_each

LIMIT = "select parse_formatted_bytes(current_setting('memory_limit'))"
SIZES = [200, 2_000, 20_000, 200_000]  # the first to begin is not the last to end
AFTER = """
import pandas, scipy.linalg, sklearn, threadpoolctl


def model(dbt, session):
    {refs}
    limit = session.query("{limit}").fetchall()[0][0]
    pools = threadpoolctl.threadpool_info()
    threads = sorted({{pool["num_threads"] for pool in pools if pool["user_api"] == "blas"}})
    return pandas.DataFrame({{"memory": [limit], "threads": [str(threads)]}})
"""


@pytest.mark.slow
def test_models_that_overlap_leave_the_settings_as_they_were(tmp_path: Path) -> None:
    project = DbtProject(tmp_path / "house", variables={"scorehouse_memory_limit": "300MB"})
    project.register(classifier(), "churn", training(), task="classification")
    for name, refs in (
        ("before", []),
        ("after", [f"scores_{size}" for size in SIZES]),
    ):
        lines = "\n    ".join(f"dbt.ref({ref!r})" for ref in refs) or "pass"
        project.write(f"python_models/{name}.py", AFTER.format(refs=lines, limit=LIMIT))
    for size in SIZES:
        project.features(
            FEATURES.replace("range(500)", f"range({size})") + "\n-- {{ ref('before') }}", f"features_{size}"
        )
        project.sql_model(
            f"scores_{size}",
            "churn",
            features=f"features_{size}",
            key="id",
            backend="estimator",
            config="materialized='predictions'",
        )
    project.build("--threads", "4").check()
    (before,), (after,) = (project.query(f"select * from {name}") for name in ("before", "after"))
    assert after[0] == pytest.approx(before[0], rel=0.01)  # DuckDB spells its limit with one decimal
    assert after[1] == before[1]


class Overlapping:
    """Context managers that are entered and left in any order, as threads would."""

    def __init__(self, make: Any) -> None:
        self.make = make
        self.open: list[tuple[Any, AbstractContextManager[None]]] = []

    def enter(self, value: Any) -> None:
        context = self.make(value)
        context.__enter__()
        self.open.append((value, context))

    def leave(self, which: int, error: BaseException | None) -> None:
        _, context = self.open.pop(which)
        if error is None:
            context.__exit__(None, None, None)
            return
        with pytest.raises(type(error)):
            context.__exit__(type(error), error, None)
            raise error


@pytest.mark.parametrize("seed", range(20))
def test_any_interleaving_of_memory_limits(seed: int, tmp_path: Path) -> None:
    draw = random.Random(seed)
    file = str(tmp_path / "house.duckdb")
    with duckdb.connect(file, config={"memory_limit": "1GB", "threads": 1}) as session:

        def limit() -> int:
            return int(session.execute(LIMIT).fetchall()[0][0])

        before = limit()
        runs = Overlapping(lambda value: limited_memory(session, f"{value}MB"))
        for _ in range(40):
            if runs.open and draw.random() < 0.5:
                error = draw.choice([None, ValueError("failed"), KeyboardInterrupt()])
                runs.leave(draw.randrange(len(runs.open)), error)
            else:
                runs.enter(draw.choice([200, 300, 400, 5000]))
            asked = max((value * 1e6 for value, _ in runs.open), default=before)
            assert limit() == pytest.approx(min(asked, before), rel=0.01)
        while runs.open:
            runs.leave(0, None)
        assert limit() == pytest.approx(before, rel=0.001)


@pytest.mark.parametrize("seed", range(5))
def test_any_interleaving_of_matrix_threads(seed: int) -> None:
    draw = random.Random(seed)
    np.ones((8, 8)) @ np.ones((8, 8))

    def threads() -> set[int]:
        return {found["num_threads"] for found in threadpool_info() if found["user_api"] == "blas"}

    @contextmanager
    def one(_: Any) -> Any:
        with one_thread_each():
            yield

    before = threads()
    if before == {1}:
        pytest.skip("one core has no threads to limit")
    runs = Overlapping(one)
    for _ in range(30):
        if runs.open and draw.random() < 0.5:
            runs.leave(draw.randrange(len(runs.open)), draw.choice([None, KeyboardInterrupt()]))
        else:
            runs.enter(None)
        assert threads() == ({1} if runs.open else before)
    while runs.open:
        runs.leave(0, None)
    assert threads() == before


def test_threads_that_enter_and_leave_at_once(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "house.duckdb"), config={"memory_limit": "1GB"}) as session:
        before = session.execute(LIMIT).fetchall()[0][0]

        def run(seed: int) -> None:
            draw = random.Random(seed)
            with session.cursor() as own:
                for _ in range(30):
                    with limited_memory(own, f"{draw.randint(200, 400)}MB"):
                        threading.Event().wait(draw.random() / 1000)

        threads = [threading.Thread(target=run, args=(seed,)) for seed in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert session.execute(LIMIT).fetchall()[0][0] == pytest.approx(before, rel=0.001)


@pytest.mark.parametrize("limit", ["18.83GiB", "1GB", "4321MB", "999MB"])
def test_a_limit_does_not_sink_from_run_to_run(limit: str, tmp_path: Path) -> None:
    """DuckDB shows its limit rounded down, and rounds it down again when what it showed is set."""
    with duckdb.connect(str(tmp_path / "house.duckdb"), config={"memory_limit": limit}) as session:
        before = session.execute(LIMIT).fetchall()
        for _ in range(5):
            with limited_memory(session, "300MB"):
                assert session.execute(LIMIT).fetchall() != before
            assert session.execute(LIMIT).fetchall() == before


FORKED = """
import os, signal
from scorehouse.engines.duckdb.workers import one_thread_each

with one_thread_each():
    pass
signal.alarm(20)
child = os.fork()
if child == 0:
    signal.alarm(10)
    with one_thread_each():
        os._exit(7)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_process_that_has_scored_can_fork_and_score_there() -> None:
    """A child of a fork has none of its parent's threads, and would wait for one for ever."""
    ended = subprocess.run([sys.executable, "-c", FORKED], capture_output=True, text=True, check=False)
    assert ended.stdout == "7\n", ended.stderr
