"""Tests about a mutant are ended by the processor time they take, however slowly the clock lets them run."""

from __future__ import annotations

import subprocess
import sys

import pytest

from project import REPOSITORY

pytestmark = pytest.mark.slow

BUSY = "while True: pass"
# what outlives its parent in a session of its own, as the process from which commands are forked does
APART = f"subprocess.Popen([sys.executable, '-c', {BUSY!r}], start_new_session=True)"


def ended(job: str, seconds: float, blocked: float) -> int:
    """How `in_fork` says that a job ended."""
    lines = [
        "import os, subprocess, sys, time, limited",
        f"def job():\n    {job}\n    return 7",
        f"print(limited.in_fork(job, {seconds}, {blocked}))",
        "for one, _ in limited.below(str(os.getpid())): os.kill(int(one.name), 9)",
    ]
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(REPOSITORY / "tests" / "soak")},
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(
    ("job", "seconds", "blocked", "code"),
    [
        ("time.sleep(2)", 0.2, 60, 7),
        ("time.sleep(600)", 60, 1, -9),
        (BUSY, 0.3, 600, -9),
        (f"{APART}.wait()", 0.3, 600, -9),
        (f"os.fork() or ({APART}, os._exit(0)); time.sleep(600)", 0.3, 600, -9),
    ],
)
def test_a_job_is_ended_by_what_it_takes(job: str, seconds: float, blocked: float, code: int) -> None:
    assert ended(job, seconds, blocked) == code
