"""In the training process: a teacher is opened and teaches; its student is registered if it is worth it."""

from __future__ import annotations

import shutil
import tempfile
import timeit
from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from scorehouse.engines.run import kernel_of
from scorehouse.kernel.training_batch import training_batch
from scorehouse.program.choose import ProgramFiles, choose_backend, in_batches
from scorehouse.registration.conformal import LEVELS
from scorehouse.registration.groups import Calibration, grouped
from scorehouse.registration.register import register
from scorehouse.registry.policy import LoadPolicy, load_policy
from scorehouse.registry.version import Version
from scorehouse.retraining.job import Frames, Job, check_windows
from scorehouse.retraining.store import FILES, PLACES, background_of_parent, opened
from scorehouse.retraining.teach import Lesson, later_half, taught

FASTER = 5  # times as fast as its teacher a student has to be
REPEATS = 3  # of which the shortest counts, since a machine that pauses is no slow backend
LEAST_SECONDS, FIRST_ROWS, MOST_ROWS = 0.2, 256, 1 << 20  # of a measurement of speed


def distil(frames: Frames, job: Job) -> dict[str, Any]:
    """Teach, judge what comes out, and register it if it is worth it, or if `store` is `register`.

    The answer has the lesson's numbers, `why_not` where it is not worth it, and the version, or None.
    """
    check_windows(frames, job)
    version, root = Version.from_row(job.parent), Path(job.project)
    batch = training_batch(frames.holdout[list(job.features)], job.call)
    teacher = opened(version, job)
    policy = load_policy(root)
    speed, served = rows_per_second(version, root, batch, policy, job.call)
    is_new = (
        bool(version.trained_to) and version.trained_to < job.provenance["cut"][: len(version.trained_to)]
    )
    lesson = taught(teacher, frames, job, is_new=is_new)
    facts = _facts(lesson, frames, job, version)
    with tempfile.TemporaryDirectory(prefix="scorehouse_") as folder:
        student = _tried(lesson, facts, frames, Path(folder), job)
        unsigned = replace(policy, require_signed_by=())  # nobody can sign what is only tried
        fast, serves = rows_per_second(student, Path(folder), batch, unsigned, job.call)
    answer = {
        "metrics": lesson.metrics,
        "size": dict(lesson.size),
        **{name: value for name, value in asdict(lesson).items() if name.startswith("gain")},
        "gap": lesson.gap,
        "rows_per_second": {"teacher": speed, "student": fast},
        "backends": {"teacher": served, "student": serves},
        "why_not": why_not(lesson.gain, lesson.gain_low, fast / speed),
        "version": None,
    }
    if not answer["why_not"] or job.store == "register":
        found = register(lesson.student, job.name, frames.training[list(job.features)], **grouped(facts))
        answer |= {"version": found.version, "sha256": found.sha256}
    return answer


def why_not(gain: float, gain_low: float, speedup: float) -> str:
    """Why a student is not worth it; empty if it is."""
    if gain <= 0:
        return "the same student without a teacher is as good"
    if gain_low <= 0:
        return "it is not certain to be better than the same student without a teacher"
    if speedup < FASTER:
        return f"the teacher is fast already: the student has {speedup:.1f} x its rows per second"
    return ""


def rows_per_second(
    version: Version, root: Path, batch: pa.RecordBatch, policy: LoadPolicy, call: str
) -> tuple[float, str]:
    """How many rows a registered version scores in a second, by its fastest backend, and that backend."""
    files = ProgramFiles(root, policy)
    kernel = kernel_of(version, files, frozenset(), call)
    backend = choose_backend(kernel, "auto", MOST_ROWS, files)
    score, count = in_batches(backend).kernel, min(batch.num_rows, FIRST_ROWS)
    score(batch.slice(0, 64))  # what a library does once
    while True:
        rows = batch.take(pa.array([place % batch.num_rows for place in range(count)]))
        seconds = min(timeit.repeat(partial(score, rows), number=1, repeat=REPEATS))
        if seconds >= LEAST_SECONDS or count >= MOST_ROWS:
            return count / seconds, backend.name
        count *= 4


def _facts(lesson: Lesson, frames: Frames, job: Job, teacher: Version) -> dict[str, Any]:
    """The arguments of `register`; the rows held out judge, and calibrate intervals by their true labels."""
    features = list(job.features)
    later = frames.holdout[later_half(frames.holdout[job.time], job.seed)]
    metrics = lesson.metrics["student"]
    levels = [level for level in LEVELS if level / (1 - level) <= len(later) - 1]
    own = {"version": teacher.version, "sha256": teacher.sha256, "gap": lesson.gap}
    return {
        **job.facts,
        "y": frames.training[job.label],
        "validation": (later[features], later[job.label]),
        "time": frames.training[job.time],
        "metrics": {name: round(value, PLACES) for name, value in metrics.items()},
        "background": background_of_parent(job, len(frames.training)),
        "provenance": {**job.provenance, "into": job.into, "size": dict(lesson.size), "teacher": own},
        "calibration": Calibration(later[features], later[job.label], levels=levels) if levels else None,
        "project_dir": job.project,
    }


def _tried(lesson: Lesson, facts: Mapping[str, Any], frames: Frames, folder: Path, job: Job) -> Version:
    """The student's version, registered with its program in a folder that is removed once it is measured."""
    for name in FILES:
        if (Path(job.project) / name).is_file():
            shutil.copy(Path(job.project) / name, folder)
    elsewhere = {**facts, "store": "artifacts", "alias": None, "background": None, "project_dir": folder}
    return register(lesson.student, job.name, frames.training[list(job.features)], **grouped(elsewhere))
