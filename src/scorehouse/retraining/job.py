"""What the asking process and the training process say to each other: jobs, and the frames of their rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb

from scorehouse.dialect import DUCKDB
from scorehouse.errors import ConfigurationError
from scorehouse.kernel.training_batch import training_batch
from scorehouse.registration.training_windows import training_windows
from scorehouse.retraining.rows import HOLDOUT
from scorehouse.training import read_training


@dataclass(frozen=True)
class Job:
    """One step of the training process.

    `step` is `look`, `train`, `measure` or `distil`; `answer` is the file of its answer.

    `labels` are the columns of the labels, of several outputs in the order of the outputs. `rows` is the
    Parquet file of the rows. `store` says what becomes of the estimator: `register` writes the next
    version with `provenance`, `digest` only says what would be written. `compared` is a registered
    version whose predictions are compared, as a row of the registry, or None. `parent_features` are the
    features of the parent, in its order. `into` is the kind of student that the parent teaches, by clones
    that learn at most `teacher_rows` rows; 0: all.
    """

    step: str
    call: str
    project: str
    name: str
    answer: str
    function: str
    module_paths: Sequence[str]
    labels: Sequence[str]
    time: str
    seed: int
    features: Sequence[str] = ()
    rows: str = ""
    store: str = "digest"
    calibrate: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    parent: Mapping[str, Any] = field(default_factory=dict)
    parent_features: Sequence[str] = ()
    compared: Mapping[str, Any] | None = None
    into: str = ""
    teacher_rows: int = 0

    @property
    def label(self) -> str | list[str]:
        """The column of the label, or the list of them: what picks a Series or a frame out of a frame."""
        return self.labels[0] if len(self.labels) == 1 else list(self.labels)


@dataclass(frozen=True)
class Frames:
    """Frames with features, label and time, in the order of time. `training` is what the function gets."""

    training: Any
    holdout: Any


def read_frames(job: Job) -> Frames:
    """The frames of the rows in the job's file."""
    with duckdb.connect() as connection:
        rows = read_training(connection.sql(f"select * from read_parquet({DUCKDB.literal(job.rows)})"))
    held = rows.pop(HOLDOUT).astype(bool)
    # the function gets a frame of its own, and may change it
    return Frames(rows[~held].reset_index(drop=True), rows[held].reset_index(drop=True))


def check_windows(frames: Frames, job: Job) -> None:
    """Refuse rows to train on that cover too short a time for registration, which needs the estimator first.

    Raises ConfigurationError.
    """
    X = frames.training[list(job.features)]
    batch = training_batch(X, job.call)
    try:
        training_windows(X, batch, frames.training[job.time], None, job.call)
    except ConfigurationError as error:
        raise ConfigurationError(
            job.call,
            f"the rows to train on cannot be registered, by {job.time}: {error.problem}",
            expected=error.expected,
            action="let the training query cover a longer time, or hold out less",
        ) from error
