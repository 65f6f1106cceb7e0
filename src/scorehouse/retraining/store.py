"""What becomes of a trained estimator: the next version, or the digest of what it would be.

What its parent has, it has too: a calibration of its scores, and a background of its reasons.
"""

from __future__ import annotations

import hashlib
import importlib
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
from sklearn.calibration import CalibratedClassifierCV

from scorehouse.errors import ConfigurationError
from scorehouse.kernel.tasks import outputs_of
from scorehouse.program.reasons.kernel import read_background
from scorehouse.program.reasons.stored_reasons import background_facts
from scorehouse.registration.groups import grouped
from scorehouse.registration.register import register
from scorehouse.registry.artifact import load_estimator
from scorehouse.registry.policy import load_policy
from scorehouse.registry.version import PREFIX, Version
from scorehouse.retraining.job import Frames, Job
from scorehouse.retraining.quality import quality_of
from scorehouse.segmented import Segmented

FILES = ("dbt_project.yml", "profiles.yml")  # what registration reads of a project
PLACES = 6  # of a metric
NONE = "none"


def store(estimator: Any, frames: Frames, job: Job) -> dict[str, Any]:
    """Calibrate, measure on the holdout, and register the estimator, or only say what would be written.

    The answer has the version's number if it was registered, digests, and metrics of the holdout.
    `predictions_sha256` covers the outputs for all rows; `compared_sha256` those of the compared version.
    """
    method, judged, features = calibration_method(estimator, job), frames.holdout, list(job.features)
    if method is not None:
        middle = len(judged) // 2  # the earlier half calibrates, the later one measures
        earlier, judged = judged.iloc[:middle], judged.iloc[middle:]
        estimator = _calibrated(estimator, method, earlier[features], earlier[job.label])
    parent = Version.from_row(job.parent)
    outputs = [column.removeprefix(PREFIX) for column in parent.outputs]
    quality = quality_of(estimator, parent.task, judged[features], judged[job.label], outputs)
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
    is_registered = job.store == "register"
    if is_registered:
        unscored = {"unscored": quality.unscored} if quality.unscored else {}
        facts = grouped({**facts, "provenance": {**job.provenance, "calibrate": method, **unscored}})
        version = register(estimator, job.name, X, **facts, project_dir=job.project)
    else:
        version = _tried(estimator, X, facts, job)
    compared = Version.from_row(job.compared) if job.compared else None
    return {
        "version": version.version if is_registered else None,
        "artifact_sha256": version.sha256,
        "predictions_sha256": _predictions(estimator, version, frames, job),
        "metrics": metrics,
        "compared_sha256": _predictions(opened(compared, job), compared, frames, job) if compared else None,
    }


def _tried(estimator: Any, X: pd.DataFrame, facts: dict[str, Any], job: Job) -> Version:
    """The version that registration would write: registered in a folder that is removed at once."""
    with tempfile.TemporaryDirectory(prefix="scorehouse_") as folder:
        for name in FILES:
            if (Path(job.project) / name).is_file():
                shutil.copy(Path(job.project) / name, folder)
        elsewhere = {**facts, "store": "artifacts", "alias": None, "program": False, "background": None}
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


def opened(version: Version, job: Job) -> Any:
    """The estimator of a registered version."""
    root = Path(job.project)
    return load_estimator(root, version, load_policy(root), job.call)[0]


def background_of_parent(job: Job, training_rows: int) -> Any:
    """As `register` takes it: as many training rows as were drawn for the parent, or the rows it was given.

    None for a parent without a background. Raises ScorehouseError if its rows cannot be read.
    """
    parent, root = Version.from_row(job.parent), Path(job.project)
    known = background_facts(parent)
    if not known:
        return None
    if known["drawn"]:
        return min(int(known["rows"]), training_rows)
    rows = read_background(root, parent, load_policy(root), job.call)
    return None if rows is None else rows.to_pandas()


def calibration_method(estimator: Any, job: Job) -> str | None:
    """How to calibrate the estimator: as the settings say, else as the parent was; None: not at all.

    An estimator that its function has calibrated stays as it is. Raises ScorehouseError if the parent cannot
    be opened, and for an estimator per segment: one curve for all segments would hide each one's own.
    """
    if job.parent["task"] != "classification" or _calibration_in(estimator) is not None:
        return None
    method = job.calibrate
    if method is None:
        of_parent = _calibration_in(opened(Version.from_row(job.parent), job))
        method = None if of_parent is None else str(of_parent.method)
    if method in (None, NONE):
        return None
    if isinstance(estimator, Segmented):
        raise ConfigurationError(
            job.call,
            f"{job.function} returned a {type(estimator).__name__}, which is not calibrated as a whole "
            f"(`calibrate`: {method}{'' if job.calibrate else ', as the champion is'})",
            expected="an estimator that calibrates each segment itself",
            action="fit SegmentedClassifier(CalibratedClassifierCV(...), by=...), and set `calibrate: none`",
        )
    return method


def _calibration_in(estimator: Any) -> CalibratedClassifierCV | None:
    """The calibration at the end of an estimator or pipeline, if there is one."""
    last = estimator[-1] if hasattr(estimator, "steps") else estimator
    return last if isinstance(last, CalibratedClassifierCV) else None


def _calibrated(estimator: Any, method: str, X: Any, y: Any) -> CalibratedClassifierCV:
    """The estimator, calibrated on rows that it has not seen."""
    try:  # scikit-learn 1.6 and later
        frozen = importlib.import_module("sklearn.frozen").FrozenEstimator(estimator)
    except ModuleNotFoundError:
        return CalibratedClassifierCV(estimator, method=method, cv="prefit").fit(X, y)
    return CalibratedClassifierCV(frozen, method=method).fit(X, y)
