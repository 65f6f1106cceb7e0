"""The process that trains: it imports the project's function, calls it, and registers what comes back.

Each line of standard input is a job in JSON; its answer is a file that appears as a whole. When standard
input ends, because the asking process has ended in whatever way, this process ends too: no training goes on
for nobody. A registration is written as a whole or not at all.
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
import json
import os
import random
import sys
import traceback
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from scorehouse.child_process import end_with_parent, jobs
from scorehouse.errors import EstimatorError, ScorehouseError
from scorehouse.registry.seeds import replace_file
from scorehouse.retraining.distil import distil
from scorehouse.retraining.fitted import fitted
from scorehouse.retraining.gain import gain_of
from scorehouse.retraining.job import Frames, Job, check_windows, read_frames
from scorehouse.retraining.steps import warned_once
from scorehouse.retraining.store import store

SHOWN_FRAMES = 4


def serve() -> None:
    """Work through the jobs, in order; `look` imports the function, and `train` and `measure` call it."""
    end_with_parent()
    os.dup2(2, 1)  # what the function prints is no part of the command's output
    sys.stdout = sys.stderr  # whose lines are written at once: the process ends without a flush
    for line in jobs():
        job = Job(**json.loads(line))
        try:
            answer: dict[str, Any] = {"done": STEPS[job.step](job)}
        except ScorehouseError as error:
            answer = {"error": error.fields()}
        replace_file(Path(job.answer), json.dumps(answer).encode())


def _look(job: Job) -> dict[str, Any]:
    """Import the function, and return the digest of the project's own modules that came with it."""
    _function(job)
    digest = hashlib.sha256()
    for name, file in sorted(_own_modules(Path(job.project)).items()):
        digest.update(f"{name}\n".encode() + file.read_bytes())
    return {"code": digest.hexdigest()}


def _train(job: Job) -> dict[str, Any]:
    """Call the function on the rows that are not held out, check what it returns, and store that."""
    function, frames = _function(job), read_frames(job)
    check_windows(frames, job)
    return store(_fit(function, frames, job), frames, job)


def _measure(job: Job) -> dict[str, Any]:
    """Call the function for each block of newer rows, and compare what comes back with the champion."""
    function, frames = _function(job), read_frames(job)
    return asdict(gain_of(frames, lambda some: _fit(function, some, job), job))


def _distil(job: Job) -> dict[str, Any]:
    """Let the parent teach a student; its classes may be the project's own."""
    _on_path(job)
    _seed(job)
    with warned_once():
        return distil(read_frames(job), job)


def _fit(function: Callable[..., Any], frames: Frames, job: Job) -> Any:
    """The estimator that the function makes of the rows to train on, checked on the others."""
    _seed(job)
    known = {"seed": job.seed, "label": job.label, "time": job.time, "features": list(job.features)}
    return fitted(_called(function, frames.training, known, job), frames, job)


def _seed(job: Job) -> None:
    random.seed(job.seed)
    np.random.seed(job.seed)


def _function(job: Job) -> Callable[..., Any]:
    """The function `module:function`, found as dbt finds modules, and in the project's folder."""
    module_name, _, name = job.function.partition(":")
    _on_path(job)
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise _not_imported(module_name, error, job) from error
        raise EstimatorError(
            job.call,
            f"there is no module {module_name!r}, which the setting `function` names",
            expected=f"a module below {job.project!r}, or one that is installed",
            action="correct `function` in the settings, or write the module",
        ) from error
    except BaseException as error:  # a module may even exit when it is imported
        raise _not_imported(module_name, error, job) from error
    function = getattr(module, name, None)
    if callable(function):
        return function
    raise EstimatorError(
        job.call,
        f"{module_name} has no function {name!r}" if function is None else f"{job.function} is no function",
        expected="a function that takes a frame and returns a fitted estimator",
        action="correct `function` in the settings, or write the function",
    )


def _on_path(job: Job) -> None:
    for folder in (*reversed(job.module_paths), job.project):
        if folder not in sys.path:
            sys.path.insert(0, folder)
    os.chdir(job.project)


def _not_imported(module: str, error: BaseException, job: Job) -> EstimatorError:
    return EstimatorError(
        job.call,
        f"the module {module!r} cannot be imported ({type(error).__name__}: {error}){_where(error, job)}",
        expected="a module that can be imported in the project's folder",
        action=f"try `python -c 'import {module}'` there, and correct what it says",
    )


def _called(function: Callable[..., Any], frame: Any, known: dict[str, Any], job: Job) -> Any:
    """The function's result; of seed, label, time and features it gets what its parameters name."""
    try:
        parameters = inspect.signature(function).parameters.values()
        open_ended = any(each.kind is each.VAR_KEYWORD for each in parameters)
        names = {each.name for each in parameters}
        given = {name: value for name, value in known.items() if open_ended or name in names}
        return function(frame, **given)
    except ScorehouseError:
        raise
    except BaseException as error:
        raise EstimatorError(
            job.call,
            f"{job.function} failed ({type(error).__name__}: {error}){_where(error, job)}",
            expected="a function that takes a frame and returns a fitted estimator; it may also take "
            "seed, label, time and features by name",
            action="correct the function; it gets the columns of the training query that are features, label "
            "and time",
        ) from error


def _where(error: BaseException, job: Job) -> str:
    """The last lines of the project's own code that the error came through."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).is_relative_to(job.project)
    ]
    shown = [f"{Path(f.filename).relative_to(job.project)} line {f.lineno}: {f.line}" for f in frames]
    return "".join(f"\n    {line}" for line in shown[-SHOWN_FRAMES:])


def _own_modules(project: Path) -> dict[str, Path]:
    """The imported modules whose files are in the project, but not in an environment inside it."""
    found = {}
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if not isinstance(file, str) or not Path(file).is_relative_to(project):
            continue
        inside = Path(file).relative_to(project).parts
        if "site-packages" not in inside and name.partition(".")[0] != "scorehouse":
            found[name] = Path(file)
    return found


STEPS = {"look": _look, "train": _train, "measure": _measure, "distil": _distil}
