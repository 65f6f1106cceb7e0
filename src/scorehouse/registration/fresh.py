"""Load artifacts in a process that shares nothing with the registering one; `prove_loaded` starts it.

Each line of standard input names a folder with a job; the answer is written there. If a process can be
forked safely, each job runs in a fork of this process, which has only imported libraries; otherwise this
process ends after one job. It is started with `-P`: like dbt, it finds no module in the working folder.
"""

from __future__ import annotations

import json
import os
import select
import sys
import warnings
from contextlib import suppress
from pathlib import Path

import joblib  # noqa: F401  # these are imported once, and not in each fork
import pyarrow as pa
import sklearn.compose
import sklearn.ensemble
import sklearn.pipeline  # noqa: F401

import scorehouse.kernel.frames  # noqa: F401
from scorehouse.child_process import empty_stdin, end_with_parent
from scorehouse.kernel.scorer import Kernel
from scorehouse.registry import artifact
from scorehouse.registry.policy import LoadPolicy
from scorehouse.registry.version import Version

JOB, ROWS, SCORED, ANSWER = "job.json", "rows.arrow", "scored.arrow", "answer.json"
FORKS = sys.platform == "linux"
PAUSE = 5  # milliseconds
Problem = tuple[str, str]  # in words, and the module that is missing; both may be empty
NOTHING: Problem = ("", "")


def work(folder: Path) -> Problem:
    """Load under the policy, verify the digest, score the rows, and return the problem, if any."""
    job = json.loads((folder / JOB).read_text(encoding="utf-8"))
    sys.path[:0] = job["module_paths"]
    os.chdir(job["project"])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            version, policy = Version.from_row(job["version"]), LoadPolicy.from_variable(job["policy"])
            estimator, signature, _ = artifact.load(folder, version, policy, job["call"])
            kernel = Kernel(estimator, version, signature, call=job["call"])
            with pa.ipc.open_stream((folder / ROWS).read_bytes()) as rows:
                scored = kernel(rows.read_next_batch())
    except BaseException as error:  # a module may even exit when it is imported
        cause = error.__cause__ or error
        module = cause.name if isinstance(cause, ModuleNotFoundError) and cause.name else ""
        return getattr(error, "problem", f"{type(error).__name__}: {error}"), module
    with pa.ipc.new_stream(str(folder / SCORED), scored.schema) as stream:
        stream.write_batch(scored)
    return NOTHING


def answer(folder: Path, problem: Problem) -> None:
    """Write the answer; it appears as a whole."""
    written = folder / f"{ANSWER}.new"
    written.write_text(json.dumps(problem), encoding="utf-8")
    written.replace(folder / ANSWER)


def forked(folder: Path) -> None:
    """Do one job in a fork, and answer for the fork if it was killed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a library holds a thread all the same
        child = os.fork()
    if not child:
        end_with_parent()
        empty_stdin()
        answer(folder, work(folder))
        os._exit(0)
    status = _ended(child)
    if status:  # a fork that is not killed ends with 0, after its answer
        with suppress(OSError):  # the asking process no longer waits
            code = os.waitstatus_to_exitcode(status)
            answer(folder, (f"the process ended with status {code} while it loaded", ""))


def _ended(child: int) -> int:
    """The status of a fork. If whoever asked has ended, the fork and this process end too."""
    asker = select.poll()
    asker.register(0, 0)  # which tells of a hang-up all the same
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return status
        if asker.poll(PAUSE):
            os._exit(1)


def serve() -> None:
    """Work through the folders that standard input names, until it ends."""
    for line in sys.stdin:
        folder = Path(json.loads(line))
        if not FORKS:
            answer(folder, work(folder))
            return
        forked(folder)
