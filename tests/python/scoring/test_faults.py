"""Whatever happens to a run, the old table stands, and the next run needs no cleaning by hand."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
import yaml
from click.testing import CliRunner

from disturbed_runs import Server, kill_runs, state
from project import DbtProject
from promoted import ROWS, features_sql, make_project
from scorehouse.cli.main import main
from scorehouse.engines.duckdb.run_log import hold_room

KILLS = [3, pytest.param(12, marks=pytest.mark.soak)]  # of each kind; tests/soak/kill_runs.py has more
NODE = "model.house.scores"


@pytest.mark.slow
@pytest.mark.parametrize("kills", KILLS)
@pytest.mark.parametrize("rescore", [pytest.param("all", marks=pytest.mark.soak), "given"])
def test_killed_at_any_moment_the_table_is_whole(rescore: str, kills: int, tmp_path: Path) -> None:
    project = make_project(tmp_path / "project", rescore=rescore)
    if rescore == "given":
        project.features(features_sql(ROWS + 50_000, shift=3))
        project.dbt("run", "--select", "features").check()
    outcomes = kill_runs(project, "scores", kills, seed=1)
    assert [outcome.faults for outcome in outcomes if outcome.faults] == []
    assert sum(outcome.killed for outcome in outcomes) >= kills // 2


def test_an_error_in_the_middle_of_the_stream_leaves_the_old_table(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project")
    before = state(project.database, "scores", NODE)
    project.write(
        "models/features.sql",
        "{{ config(materialized='view') }}\n"
        + features_sql(ROWS).replace(
            "sin(i)", "case when i = 150000 then error('sensor broke') else sin(i) end"
        ),
    )
    project.dbt("run", "--select", "features").check()
    ended = project.dbt("run", "--select", "scores")
    assert "sensor broke" in ended.messages["scores"]
    assert state(project.database, "scores", NODE) == before
    failed = project.runs("scores")[-1]
    assert failed["status"] == "failed"
    assert "sensor broke" in failed["error"]


@pytest.mark.slow
def test_too_little_memory_is_a_clear_error(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project")
    before = state(project.database, "scores", NODE)
    limits = {"memory_limit": "12MB", "max_temp_directory_size": "0KB", "threads": 1}
    change_profile(project, settings=limits)
    with Server() as server:
        output = tmp_path / "output.txt"
        assert server.run(run_arguments(project), output) == 1
    assert "memory" in output.read_text().lower()
    change_profile(project, settings={})
    assert state(project.database, "scores", NODE) == before
    project.build("--select", "scores").check()


ENDS_BEFORE_IT_CLOSES = """
import os, signal, sys
from dbt.cli.main import dbtRunner
for _ in range(2):
    assert dbtRunner().invoke(sys.argv[1:]).success
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.slow
def test_a_write_ahead_log_that_is_cut_off_or_damaged(tmp_path: Path) -> None:
    """Wherever it ends, table and run log are those of one moment; a damaged one is said."""
    project = make_project(tmp_path / "project")
    file, copy = project.database, tmp_path / "copy.duckdb"
    moments = [state(file, "scores", NODE)]
    command = [sys.executable, "-c", ENDS_BEFORE_IT_CLOSES, *run_arguments(project)]
    ended = subprocess.run(command, cwd=project.folder, capture_output=True, text=True)
    assert ended.returncode == -signal.SIGKILL, ended.stdout
    log = file.with_name(f"{file.name}.wal").read_bytes()
    place = copy.with_name(f"{copy.name}.wal")
    seen = []
    for tenth in range(11):
        shutil.copyfile(file, copy)
        place.write_bytes(log[: len(log) * tenth // 10])
        seen.append(state(copy, "scores", NODE))
    assert seen[0] == moments[0]
    assert [after.successes - seen[0].successes for after in (seen[0], seen[-1])] == [0, 2]
    assert len({(after.content, min(after.successes, seen[0].successes + 1)) for after in seen}) == 2
    assert all(after.consistent for after in seen)
    shutil.copyfile(file, copy)
    place.write_bytes(log[:4_000] + bytes([log[4_000] ^ 1]) + log[4_001:])
    shown = CliRunner().invoke(main, ["runs", "--database", str(copy)])
    assert shown.exit_code == 1
    assert "cannot be opened (Failure while replaying WAL" in shown.stderr
    assert "restore both files from a backup" in shown.stderr
    place.unlink()
    whole = bytearray(file.read_bytes())
    whole[4_100] ^= 1  # in a header, which DuckDB calls a block
    copy.write_bytes(whole)
    shown = CliRunner().invoke(main, ["runs", "--database", str(copy)])
    assert "cannot be opened" in shown.stderr and "restore both files from a backup" in shown.stderr


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 48 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", str(disk)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("mounting a small disk needs root")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def fill(disk: Path, left: int) -> Path:
    """A file that leaves so many bytes of a disk."""
    filler, facts = disk / "filler", os.statvfs(disk)
    filler.write_bytes(b"x" * (facts.f_bavail * facts.f_frsize - left))
    return filler


@pytest.mark.slow
def test_a_full_disk_is_a_clear_error(disk: Path, tmp_path: Path) -> None:
    project = make_project(disk / "project")
    before = state(project.database, "scores", NODE)
    filler = fill(disk, left=3_000_000)
    output = tmp_path / "output.txt"
    with Server() as server:
        assert server.run(run_arguments(project), output) == 1
    assert "space" in output.read_text().lower()
    filler.unlink()
    failed = project.runs("scores")[-1]  # the run held room for this row
    assert failed["status"] == "failed" and "No space left on device" in failed["error"]
    assert failed["finished_at"] >= failed["started_at"]
    assert state(project.database, "scores", NODE) == before
    project.build("--select", "scores").check()


def test_room_is_held_for_a_row_on_a_full_disk(disk: Path) -> None:
    told = "insert into told values (?)"
    with duckdb.connect(disk / "small.duckdb") as connection:
        connection.execute("create table told (error text)")
        room = hold_room(connection, '"small"."main"."told"')
        assert room is not None
        fill(disk, left=0)
        with pytest.raises(duckdb.Error, match="No space left on device"):
            connection.execute(told, ["e" * 20_000])
        room.close()
        connection.execute(told, ["e" * 20_000])
        assert connection.sql("select length(error) from told").fetchall() == [(20_000,)]
        assert hold_room(connection, '"small"."main"."told"') is None


@pytest.mark.slow
def test_two_runs_at_once(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project")
    output = tmp_path / "output.txt"
    with Server() as server:
        server.run(["parse", *run_arguments(project)[3:]], output)  # so that its imports are done
        holder = hold(project.database, seconds=600)
        assert server.run(run_arguments(project), output) != 0
        holder.kill()
        holder.wait()
        told = output.read_text()
        assert "lock" in told.lower()
        assert str(holder.pid) in told
        holder = hold(project.database, seconds=8)
        change_profile(project, retries={"connect_attempts": 12, "retryable_exceptions": ["IOException"]})
        assert server.run(run_arguments(project), output) == 0, output.read_text()
    assert holder.wait(timeout=30) == 0
    assert project.runs("scores")[-1]["status"] == "success"


@pytest.mark.slow
def test_two_builds_with_retries_both_succeed(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project")
    change_profile(project, retries={"connect_attempts": 12, "retryable_exceptions": ["IOException"]})
    done_before = state(project.database, "scores", NODE).successes
    codes: list[int] = []

    def build(number: int) -> None:
        arguments = [*run_arguments(project), "--target-path", str(tmp_path / f"target{number}")]
        with Server() as server:
            codes.append(server.run(arguments, tmp_path / f"output{number}.txt"))

    threads = [threading.Thread(target=build, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes == [0, 0], [(tmp_path / f"output{number}.txt").read_text() for number in range(2)]
    after = state(project.database, "scores", NODE)
    assert after.successes == done_before + 2
    assert after.consistent


def run_arguments(project: DbtProject) -> list[str]:
    places = ["--project-dir", str(project.folder), "--profiles-dir", str(project.folder)]
    return ["run", "--select", "scores", *places]


def change_profile(project: DbtProject, **settings: object) -> None:
    """Change settings of the DuckDB target."""
    file = project.folder / "profiles.yml"
    profile = yaml.safe_load(file.read_text())
    profile["house"]["outputs"]["dev"].update(settings)
    file.write_text(yaml.safe_dump(profile))


def hold(database: Path, seconds: float) -> subprocess.Popen[str]:
    """Another process that has the database open."""
    code = (
        "import duckdb, sys, time; c = duckdb.connect(sys.argv[1]); print('open', flush=True); "
        "time.sleep(float(sys.argv[2]))"
    )
    command = [sys.executable, "-c", code, str(database), str(seconds)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    return process


def test_the_state_tells_tables_apart(tmp_path: Path) -> None:
    """The measure that the proofs stand on sees a changed value, a lost row and a doubled row."""
    file = tmp_path / "small.duckdb"
    seen = set()
    for rows in ("(1, 0.5)", "(1, 0.6)", "(1, 0.5), (1, 0.5)", "(2, 0.5)"):
        with duckdb.connect(file) as connection:
            connection.execute(
                "create or replace table scores as select *, 'r' as scoring_run_id, 0 as scored_at "
                f"from (values {rows}) as t(id, score)"
            )
            connection.execute(
                "create or replace table scorehouse_run_log(run_id text, status text, node text)"
            )
        seen.add(state(file, "scores", NODE).content)
    assert len(seen) == 4
