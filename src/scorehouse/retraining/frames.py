"""The rows of a training as frames: those to train on, to calibrate with, and to measure with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import duckdb

from scorehouse.dialect import DUCKDB
from scorehouse.errors import ConfigurationError
from scorehouse.kernel.training_batch import training_batch
from scorehouse.registration.training_windows import training_windows
from scorehouse.retraining.job import Job
from scorehouse.retraining.rows import HOLDOUT
from scorehouse.training import read_training


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
