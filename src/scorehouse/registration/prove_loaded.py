"""A check of registration: the artifact must load and score in a fresh process, as dbt would load it.

A pickle holds functions and classes only by name. If they come from `__main__`, a notebook, or a module
that dbt cannot import, the pickle does not load there.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from threading import Lock
from typing import Any, Self

import pyarrow as pa

from scorehouse.errors import EstimatorError
from scorehouse.kernel.scorer import REJECT_REASON
from scorehouse.registration import fresh
from scorehouse.registration.module_paths import module_paths
from scorehouse.registration.prepared import Prepared
from scorehouse.registration.prove_given import TOLERANCE, differing_rows
from scorehouse.registry.artifact import SIGNATURE_FILE
from scorehouse.registry.formats import FORMATS
from scorehouse.registry.formats.base import folder_of
from scorehouse.registry.policy import LoadPolicy

ROWS = 64
PAUSE_SECONDS = 0.01
PATIENCE_SECONDS = 900  # a large estimator on a busy machine loads in a few
PATIENCE_AT_EXIT = 10
# A fork is safe where there is one thread, so none is started by what the process imports.
ONE_THREAD = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
}
# not `-m`: the module's names would then be in __main__, where a pickle looks for other names
PROGRAM = "import scorehouse.registration.fresh as _; _.serve()"

_lock = Lock()
_running: dict[str | None, subprocess.Popen[str]] = {}  # by PYTHONPATH, which a process reads at its start


def warm_up() -> None:
    """Start the process; its imports then run in parallel with this process."""
    with _lock:
        _process()


class FreshLoad:
    """A load that runs in parallel with the rest of a registration, until `check` waits for it."""

    def __init__(self, prepared: Prepared, batch: pa.RecordBatch, project: Path, policy: LoadPolicy) -> None:
        self.prepared = prepared
        self.rows = batch.slice(0, ROWS)
        self.holder = tempfile.TemporaryDirectory(prefix="scorehouse_", ignore_cleanup_errors=True)
        self.folder = Path(self.holder.name)
        self._write_job(project, policy)
        with _lock:
            self.process = _process()
            assert self.process.stdin is not None
            with suppress(OSError):  # the process has ended; `check` finds out
                self.process.stdin.write(json.dumps(str(self.folder)) + "\n")
                self.process.stdin.flush()
            if not fresh.FORKS:
                _running.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.holder.cleanup()

    def check(self) -> None:
        """Wait for the end. Raises EstimatorError if the load failed or rows are scored differently."""
        problem, module = self._problem()
        if problem:
            folder = folder_of(module) if module else "their folder"
            raise EstimatorError(
                self.prepared.kernel.call,
                f"the estimator does not load in a fresh process, as dbt would load it: {problem}",
                expected="functions and classes in modules that dbt can import, not in a script or notebook",
                action="move what is in a script or notebook into a module, and fit again; name "
                f"{folder} in module_paths in the profile of dbt-duckdb, or in PYTHONPATH",
            )

    def _write_job(self, project: Path, policy: LoadPolicy) -> None:
        version = self.prepared.version
        name = f"model{FORMATS[version.artifact_format].suffix}"
        for (_, data), file in zip(self.prepared.files, (name, SIGNATURE_FILE), strict=True):
            (self.folder / file).write_bytes(data)
        job: dict[str, Any] = {
            "call": self.prepared.kernel.call,
            "version": replace(version, artifact=name).to_row(),
            # what is being registered cannot be signed yet
            "policy": asdict(replace(policy, require_signed_by=())),
            "project": str(project),
            "module_paths": module_paths(project),
        }
        (self.folder / fresh.JOB).write_text(json.dumps(job), encoding="utf-8")
        with pa.ipc.new_stream(str(self.folder / fresh.ROWS), self.rows.schema) as stream:
            stream.write_batch(self.rows)

    def _problem(self) -> fresh.Problem:
        """What went wrong; empty if nothing did."""
        answer = self.folder / fresh.ANSWER
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not answer.exists():
            if time.monotonic() > deadline:
                self.process.kill()
                self.process.communicate()
                return f"it has not loaded after {PATIENCE_SECONDS} seconds", ""
            if self.process.poll() is not None and not answer.exists():
                return f"the process ended with status {self.process.returncode} while it loaded", ""
            time.sleep(PAUSE_SECONDS)
        problem, module = json.loads(answer.read_text(encoding="utf-8"))
        if problem:
            return problem, module
        with pa.ipc.open_stream((self.folder / fresh.SCORED).read_bytes()) as stream:
            scored = stream.read_next_batch()
        return self._difference(scored), ""

    def _difference(self, scored: pa.RecordBatch) -> str:
        kernel = self.prepared.kernel
        expected = kernel(self.rows)
        kept = expected.column(REJECT_REASON).is_null()
        if expected.column(REJECT_REASON).equals(scored.column(REJECT_REASON)):
            expected, scored = expected.filter(kept), scored.filter(kept)
            wrong = differing_rows(kernel.outputs.fields, expected.columns[:-1], scored, TOLERANCE)
            return (
                f"{len(wrong)} of {len(kept)} training rows are scored differently there"
                if len(wrong)
                else ""
            )
        return "other training rows are rejected there"


def _process() -> subprocess.Popen[str]:
    """The process that waits for jobs: a new one if there is none, or if PYTHONPATH has changed."""
    path = os.environ.get("PYTHONPATH")
    process = _running.get(path)
    if process is None or process.poll() is not None:
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
            env={**os.environ, **(ONE_THREAD if fresh.FORKS else {})},
        )
        _running[path] = process
    return process


@atexit.register
def _end() -> None:
    for process in _running.values():
        if process.stdin is not None:
            with suppress(OSError):
                process.stdin.close()
        try:
            process.wait(PATIENCE_AT_EXIT)
        except subprocess.TimeoutExpired:
            process.kill()
