"""What becomes of a trained estimator: the next version, or the digest of what it would be."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from scorehouse.kernel.tasks import outputs_of
from scorehouse.registration.groups import grouped
from scorehouse.registration.register import register
from scorehouse.registry.artifact import load_estimator
from scorehouse.registry.class_columns import PREFIX
from scorehouse.registry.version import Version
from scorehouse.retraining.background import background_of_parent
from scorehouse.retraining.calibrated import calibrated, method_of
from scorehouse.retraining.frames import Frames
from scorehouse.retraining.job import Job, Trained
from scorehouse.retraining.measured import measured
from scorehouse.scoring.request import load_policy

FILES = ("dbt_project.yml", "profiles.yml")  # what registration reads of a project
PLACES = 6  # of a metric


def stored(estimator: Any, frames: Frames, job: Job) -> Trained:
    """Calibrate, measure on the holdout, and register the estimator, or only say what would be written."""
    method, judged, features = method_of(estimator, job), frames.holdout, list(job.features)
    if method is not None:
        earlier, judged = frames.halves()
        estimator = calibrated(estimator, method, earlier[features], earlier[job.label])
    ends = [column.removeprefix(PREFIX) for column in Version.from_row(job.parent).outputs]
    quality = measured(estimator, job.parent["task"], judged[features], judged[job.label], ends)
    metrics = {name: round(value, PLACES) for name, value in quality.metrics.items()}
    facts = {
        **job.facts,
        "y": frames.training[job.label],
        "validation": (judged[features], judged[job.label]),
        "time": frames.training[job.time],
        "metrics": metrics,
        "background": background_of_parent(job, len(frames.training)),
    }
    X = frames.training[features]
    if job.store == "register":
        record = {**job.provenance, "calibrate": method}
        if quality.unscored:
            record["unscored"] = quality.unscored
        facts = grouped({**facts, "provenance": record})
        version = register(estimator, job.name, X, **facts, project_dir=job.project)
        number = version.version
    else:
        version, number = _tried(estimator, X, facts, job), None
    outcome = _predictions(estimator, version, frames, job)
    other = None
    if job.compared:
        compared, policy = Version.from_row(job.compared), load_policy(Path(job.project))
        opened, _ = load_estimator(Path(job.project), compared, policy, job.call)
        other = _predictions(opened, compared, frames, job)
    digests = (version.sha256, version.signature_sha256, outcome)
    return Trained(number, *digests, metrics, quality.unscored, method, other)


def _tried(estimator: Any, X: pd.DataFrame, facts: dict[str, Any], job: Job) -> Version:
    """The version that registration would write: registered in a folder that is removed at once."""
    with tempfile.TemporaryDirectory(prefix="scorehouse_") as folder:
        for name in FILES:
            if (Path(job.project) / name).is_file():
                shutil.copy(Path(job.project) / name, folder)
        elsewhere = {**facts, "store": "artifacts", "alias": None, "forms": False, "background": None}
        return register(estimator, job.name, X, **grouped(elsewhere), project_dir=folder)


def _predictions(estimator: Any, version: Version, frames: Frames, job: Job) -> str:
    """SHA-256 of the outputs for all rows, those to train on first."""
    digest = hashlib.sha256()
    for frame in (frames.training, frames.holdout):
        columns: list[Any] = outputs_of(version).predict(estimator, frame[list(job.features)])
        for column in columns:
            array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
            digest.update(repr(array.type).encode())
            digest.update("\n".join(map(repr, array.to_pylist())).encode())
    return digest.hexdigest()
