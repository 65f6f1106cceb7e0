"""What a refit would gain over the champion, cross-fitted on the labelled rows after its training.

These rows are cut into blocks of time. For each block, the project's function trains on all other rows of the
training query, and then both are measured on the block, which neither has learned from. Rows of one time stay
together and neighbours mostly do, so that a refit does not know the answers of rows that resemble these. A
refit on all newer rows would gain a little more where the world has changed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from scorehouse.metrics import LOWER, METRICS
from scorehouse.registry.version import Version
from scorehouse.report.refit import HELPS
from scorehouse.retraining.job import Frames, Job
from scorehouse.retraining.quality import quality_of
from scorehouse.retraining.store import calibration_method, opened

BLOCKS, FEWEST = 5, 3  # blocks of time, and those that an interval needs at least
LEAST = 200  # newer rows
METRIC = {"classification": "log_loss", "regression": "mae"}  # of two classes: roc_auc
QUANTILE = {3: 4.302653, 4: 3.182446, 5: 2.776445}  # 0.975 of Student's t, by blocks
DAY = 10  # characters of a day


@dataclass(frozen=True)
class Gain:
    """By how much a refit is better in `metric`, with its 95 % interval; or why this cannot be known.

    Its fields are columns of the seed `ml_<name>__refit`.
    """

    newer_rows: int
    metric: str = ""
    gain: float | None = None
    gain_low: float | None = None
    gain_high: float | None = None
    verdict: str = ""
    not_measured: str = ""


class _Unknown(Exception):
    """Why a gain cannot be known."""


def gain_of(frames: Frames, fit: Callable[[Frames], Any], job: Job) -> Gain:
    """The gain of a refit; `fit` makes one from rows to train on, and checks it on the others.

    Raises ScorehouseError if the function fails, or the champion cannot be opened.
    """
    rows = pd.concat([frames.training, frames.holdout], ignore_index=True)  # in the order of time
    champion = Version.from_row(job.parent)
    is_newer = (rows[job.time].astype(str).str[:DAY] > champion.trained_to).to_numpy()
    older, newer = rows[~is_newer], rows[is_newer]
    try:
        _check(champion, newer, str(rows[job.time].max())[:DAY], job)
        begins = newer[job.time].searchsorted(newer[job.time], side="left")
        blocks = np.asarray(begins) * BLOCKS // len(newer)
        if len(np.unique(blocks)) < FEWEST:
            raise _Unknown(f"the newer rows have fewer than {FEWEST} blocks of time")
        before, gains, shares = opened(champion, job), list[float](), list[float]()
        metric = METRIC[champion.task] if len(champion.classes) != 2 else "roc_auc"
        for number in np.unique(blocks):
            held, others = newer[blocks == number], newer[blocks != number]
            training = pd.concat([older, others], ignore_index=True)
            refit = fit(Frames(training, held.reset_index(drop=True)))
            if METRICS[metric].better == LOWER and calibration_method(refit, job):
                raise _Unknown(f"{metric} depends on the calibration, which a whole training alone has")
            one = _difference(refit, before, champion, held, metric, job)
            if one is not None:
                gains.append(one)
                shares.append(len(held) / len(training))
        if len(gains) < FEWEST:
            raise _Unknown(f"{len(gains)} blocks of newer rows allow {metric}, and {FEWEST} are needed")
    except _Unknown as why:
        return Gain(len(newer), not_measured=str(why))
    gain = float(np.mean(gains))
    # refits share rows: the variance of Nadeau and Bengio, Machine Learning 52 (2003)
    half = float(QUANTILE[len(gains)] * np.sqrt(np.var(gains, ddof=1) * (1 / len(gains) + np.mean(shares))))
    return Gain(len(newer), metric, gain, gain - half, gain + half, _verdict(gain - half, gain + half))


def _verdict(low: float, high: float) -> str:
    return HELPS if low > 0 else "does not help" if high <= 0 else "is not certain to help"


def _check(champion: Version, newer: Any, newest: str, job: Job) -> None:
    if champion.task not in METRIC:
        raise _Unknown(f"it is measured for a classification or a regression, and this is a {champion.task}")
    if not champion.trained_to:
        raise _Unknown(f"nobody recorded until when {champion.label} was trained (`trained_to`)")
    if len(newer) < LEAST:
        raise _Unknown(
            f"{len(newer):,} labelled rows are newer than its training, until {champion.trained_to}, and "
            f"{LEAST} are needed; the newest label is of {newest}: measure again once later ones have arrived"
        )
    if lacking := [name for name in job.parent_features if name not in job.features]:
        raise _Unknown(f"{champion.label} needs {', '.join(lacking)}, not among the settings' features")


def _difference(refit: Any, before: Any, champion: Version, held: Any, metric: str, job: Job) -> float | None:
    """By how much the refit is better on rows that both score; None if the rows do not allow the metric."""
    y = held[job.label]
    try:
        old = quality_of(before, champion.task, held[list(job.parent_features)], y)
    except (ValueError, TypeError, KeyError) as error:
        told = f"{type(error).__name__}: {str(error).splitlines()[0]}"
        raise _Unknown(f"{champion.label} fails on rows of the training query ({told})") from error
    new = quality_of(refit, champion.task, held[list(job.features)], y)
    if old.unscored or new.unscored:
        raise _Unknown("some newer rows belong to a segment without an estimator")
    if metric not in old.metrics or metric not in new.metrics:
        return None
    difference = new.metrics[metric] - old.metrics[metric]
    return -difference if METRICS[metric].better == LOWER else difference
