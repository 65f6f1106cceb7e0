"""Processes that work for another one: they end with it, and leave its jobs alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

ASKED = """
import ctypes, os
from scorehouse.asked_process import end_with_asker, job_lines
end_with_asker()
lines = job_lines()
print(os.getpid(), flush=True)
ctypes.PyDLL(None).sleep(60)  # as a library does that never gives back Python's lock
"""
ASKER = """
import subprocess, sys
process = subprocess.Popen([sys.executable, "-c", sys.argv[1]], stdin=subprocess.PIPE)
process.wait()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux kills a process with the one that started it")
def test_a_process_that_never_yields_ends_with_its_asker() -> None:
    asker = subprocess.Popen([sys.executable, "-c", ASKER, ASKED], stdout=subprocess.PIPE, text=True)
    assert asker.stdout is not None
    asked = int(asker.stdout.readline())
    os.kill(asker.pid, signal.SIGKILL)
    asker.wait()
    end = time.monotonic() + 10
    while os.path.exists(f"/proc/{asked}") and "Z" not in state_of(asked):
        assert time.monotonic() < end, "it goes on for nobody"
        time.sleep(0.02)
    asker.stdout.close()


def state_of(process: int) -> str:
    try:
        with open(f"/proc/{process}/stat") as file:
            return file.read().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"


def test_code_that_reads_standard_input_finds_it_empty_and_the_jobs_stay() -> None:
    code = (
        "from scorehouse.asked_process import job_lines\n"
        "lines = job_lines()\n"
        "import sys, os\n"
        "print(repr(sys.stdin.read()), repr(os.read(0, 9)), lines.readline().strip())\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], input="a job\n", capture_output=True, text=True, timeout=60, check=True
    )
    assert ended.stdout == "'' b'' a job\n"
