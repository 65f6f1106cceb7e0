"""Calibration of a retrained classifier, if its parent was calibrated or the settings ask for it."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from sklearn.calibration import CalibratedClassifierCV

from scorehouse.errors import ConfigurationError
from scorehouse.registry.artifact import load_estimator
from scorehouse.registry.version import Version
from scorehouse.retraining.job import Job
from scorehouse.scoring.request import load_policy
from scorehouse.segmented import Segmented

NONE = "none"


def method_of(estimator: Any, job: Job) -> str | None:
    """How to calibrate the estimator: as the settings say, else as the parent was; None: not at all.

    An estimator that its function has calibrated stays as it is. Raises ScorehouseError if the parent cannot
    be opened, and for an estimator per segment: one curve for all segments would hide each one's own.
    """
    if job.parent["task"] != "classification" or _inside(estimator) is not None:
        return None
    method = job.calibrate if job.calibrate is not None else _method_of_parent(job)
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


def _method_of_parent(job: Job) -> str | None:
    parent = Version.from_row(job.parent)
    opened, _ = load_estimator(Path(job.project), parent, load_policy(Path(job.project)), job.call)
    found = _inside(opened)
    return None if found is None else str(found.method)


def calibrated(estimator: Any, method: str, X: Any, y: Any) -> CalibratedClassifierCV:
    """The estimator, calibrated on rows that it has not seen."""
    try:  # scikit-learn 1.6 and later
        frozen = importlib.import_module("sklearn.frozen").FrozenEstimator(estimator)
        return CalibratedClassifierCV(frozen, method=method).fit(X, y)
    except ModuleNotFoundError:
        return CalibratedClassifierCV(estimator, method=method, cv="prefit").fit(X, y)


def _inside(estimator: Any) -> CalibratedClassifierCV | None:
    """The calibration at the end of an estimator or pipeline, if there is one."""
    last = estimator[-1] if hasattr(estimator, "steps") else estimator
    return last if isinstance(last, CalibratedClassifierCV) else None
