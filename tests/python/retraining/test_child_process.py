"""Processes that work for another one: they end with it, and leave its jobs alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path

import pytest

from project import SUPPORT
from scorehouse.retraining.job import Job
from scorehouse.retraining.prepared import TrainingProcess
from scorehouse.retraining.worker import _own_modules

pytestmark = pytest.mark.slow

ASKED = """
import ctypes, os
from scorehouse.child_process import end_with_parent
end_with_parent()
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
        "import os, sys, time\n"
        "from scorehouse.child_process import jobs\n"
        "for job in jobs():\n"
        "    print(repr(sys.stdin.read()), repr(os.read(0, 9)), job.strip(), flush=True)\n"
        "    time.sleep(60)\n"
    )
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write("a job\n")
    process.stdin.flush()
    assert process.stdout.readline() == "'' b'' a job\n"
    process.stdin.close()  # the asker ends, and nobody waits for the job
    assert process.wait(30) == 1 and time.monotonic() - began < 30
    process.stdout.close()


def test_prints_go_to_standard_error_and_the_digest_is_of_the_projects_own_code(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also of what the function's module imports, but not of libraries, even of those inside the project."""
    files = {
        "printing.py": "print('hello')\nimport spaced.part\nimport library_here\n\ndef train(frame): ...\n",
        "spaced/part.py": "",  # a namespace, which has no file of its own
        "env/lib/site-packages/library_here.py": "",
        "env/lib/site-packages/printing.py": "raise ValueError('the project comes first')",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    places = (str(tmp_path / "env/lib/site-packages"),)
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    job = Job("look", "c", str(tmp_path), "m", "", "printing:train", places, ("y",), "day", 0)

    def code() -> str:
        with TrainingProcess() as process:
            return str(process.step(job)["code"])

    own = {name: files[f"{name.replace('.', '/')}.py"] for name in ("printing", "spaced.part")}
    assert code() == sha256("".join(f"{name}\n{text}" for name, text in own.items()).encode()).hexdigest()
    said = capfd.readouterr()
    assert said.err.count("hello") == 1 and said.out == ""
    assert not [name for name in _own_modules(SUPPORT.parents[2]) if name.startswith("scorehouse")]
