"""The training process, seen from the one that asks: it shares nothing with it and ends with it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from scorehouse.errors import EstimatorError, rebuilt
from scorehouse.retraining.job import Job

PROGRAM = "import scorehouse.retraining.worker as _; _.serve()"
PAUSE_SECONDS = 0.02
PATIENCE_AT_EXIT = 10


class TrainingProcess(AbstractContextManager["TrainingProcess"]):
    """A fresh Python process; `step` gives it a job. What it prints goes to standard error."""

    def __init__(self) -> None:
        self._holder = tempfile.TemporaryDirectory(prefix="scorehouse_", ignore_cleanup_errors=True)
        # sets of strings have the same order each time
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
            env={**os.environ, "PYTHONHASHSEED": "0"},
        )
        self._jobs = 0

    def __exit__(self, *_: object) -> None:
        try:
            self._process.communicate(timeout=PATIENCE_AT_EXIT)  # ends its standard input, and waits
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._holder.cleanup()

    def step(self, job: Job) -> dict[str, Any]:
        """The answer to a job. Raises the ScorehouseError that the process answers with, or its end."""
        self._jobs += 1
        file = Path(self._holder.name) / f"answer_{self._jobs}.json"
        with suppress(OSError):  # the process has ended; that is found below
            assert self._process.stdin is not None
            self._process.stdin.write(json.dumps(asdict(replace(job, answer=str(file)))) + "\n")
            self._process.stdin.flush()
        while not file.exists():
            if self._process.poll() is not None and not file.exists():
                raise EstimatorError(
                    job.call,
                    f"the process that trains ended with status {self._process.returncode}",
                    expected="a function that returns a fitted estimator",
                    action="see what it printed; -9 often means that memory was short: train on fewer rows",
                )
            time.sleep(PAUSE_SECONDS)
        answer = json.loads(file.read_text(encoding="utf-8"))
        if "error" in answer:
            raise rebuilt(answer["error"])
        return dict(answer["done"])
