"""A teacher's lesson: out-of-fold scores, a student of the size that they call for, and what it is worth.

The rows to train on form blocks of time. Clones of the teacher learn all blocks but one and score that
one, so that no score is of a row that its clone has seen. The earlier half of the rows held out chooses
the size; the later half measures teacher, student, and a student that learned true labels in the same way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler

from scorehouse.errors import ConfigurationError, EstimatorError, ScorehouseError
from scorehouse.retraining.job import Frames, Job
from scorehouse.retraining.quality import quality_of
from scorehouse.retraining.steps import Steps
from scorehouse.retraining.students import CLASSIFICATION, SIZES, Size, fit_on, of_classes, stages, student

FOLDS, FEWEST_BLOCKS = 5, 3
COPIES, MOST_COPIES = 4, 20_000  # of rows with values of their neighbours, which the teacher labels too
NEIGHBOURS, SWAPPED = 5, 0.25
SAMPLE = 200  # rows that are scored twice
FEWEST_ROWS = 40  # held out
TOLD = {"labels": "student without teacher", "student": "student"}
Z = 1.96
EPSILON = np.finfo(np.float64).eps


@dataclass(frozen=True)
class Lesson:
    """The student that learned from the teacher, and what is known about it from the rows held out.

    `metrics` has those of `teacher`, `student` and `labels` (the student that learned true labels). `gain` is
    by how much the student's mean loss per row is lower than that of `labels`, with its 95 % interval. `gap`
    is the distance of the scores of student and registered teacher: its mean, and that of 95 % of rows.
    """

    student: Any
    size: Mapping[str, Any]
    metrics: Mapping[str, Mapping[str, float]]
    gain: float
    gain_low: float
    gain_high: float
    gap: Mapping[str, float]


def taught(teacher: Any, frames: Frames, job: Job, *, is_new: bool) -> Lesson:
    """Teach a student. `is_new` says that the teacher has not seen the rows held out, and is measured itself.

    Raises EstimatorError for a teacher that is not deterministic or cannot be fitted again, and
    ConfigurationError where too few rows are held out.
    """
    task, features = job.parent["task"], list(job.features)
    X, y, held = frames.training[features], frames.training[job.label], frames.holdout
    if len(held) < FEWEST_ROWS:
        raise ConfigurationError(
            job.call,
            f"{len(held):,} rows are held out: one half chooses the student's size, one measures it",
            expected=f"at least {FEWEST_ROWS}",
            action="hold out more (`holdout` in the settings), or wait for more labels",
        )
    with _scoring(job):
        _check_scores(teacher, held[features], job)
    classes = list(teacher.classes_) if task == CLASSIFICATION else []
    fresh = _fresh(teacher, job)
    known, truth = _targets(y, classes, job), _targets(held[job.label], classes, job)
    later = later_half(held[job.time], job.seed)
    blocks = _blocks(frames.training[job.time])
    steps = Steps(int(blocks.max()) + 1 + (not is_new))

    def learns(rows: np.ndarray) -> Any:
        with steps.clone():
            return _refitted(fresh, X, y, rows, job)

    clones = [learns(blocks != number) for number in range(blocks.max() + 1)]

    def said(rows: pd.DataFrame, blocks: np.ndarray, otherwise: np.ndarray) -> np.ndarray:
        """What the clones say that have not seen a row's block; `otherwise` where that is no number."""
        found = otherwise.copy()
        for number, one in enumerate(clones):
            with _scoring(job):
                found[blocks == number] = scores_of(one, rows[blocks == number], classes)
        unknown = ~np.isfinite(found).reshape(len(found), -1).all(axis=1)
        found[unknown] = otherwise[unknown]
        return found

    both = (known + said(X, blocks, known)) / 2  # labels are noisy, and a teacher errs
    lessons = {"labels": [(X, known)], "student": [(X, both)]}
    if copies := min(COPIES, MOST_COPIES // (len(X) * max(1, len(classes) - 1))):
        own = np.tile(np.arange(len(X)), copies)
        mixed = mixed_rows(X, own, job.seed)
        more = pd.concat([X, mixed], ignore_index=True)
        lessons["student"].append((more, np.concatenate([both, said(mixed, blocks[own], both[own])])))
    steps.ended(f"clones have scored {len(lessons['student'][-1][0]):,} rows")
    learned, sizes = {}, {}
    for name, given in lessons.items():
        learned[name], sizes[name] = _learned(given, held[features][~later], truth[~later], classes, job)
        steps.ended(f"{TOLD[name]} has learned")
    judged = teacher if is_new else learns(np.ones(len(X), dtype=bool))
    measured, labels = held[features][later], held[job.label][later]
    loss = {
        name: losses(scores_of(model, measured, classes), truth[later]) for name, model in learned.items()
    }
    less = loss["labels"] - loss["student"]
    half = Z * float(less.std(ddof=1)) / np.sqrt(len(less))
    with _scoring(job):
        apart = scores_of(learned["student"], measured, classes) - scores_of(teacher, measured, classes)
    apart = np.abs(apart).reshape(len(measured), -1).max(axis=1)
    apart = apart[np.isfinite(apart)]
    models = {"teacher": judged, **learned}
    with _scoring(job):
        metrics = {name: quality_of(model, task, measured, labels).metrics for name, model in models.items()}
    return Lesson(
        student=learned["student"],
        size=sizes["student"],
        metrics=metrics,
        gain=float(less.mean()),
        gain_low=float(less.mean()) - half,
        gain_high=float(less.mean()) + half,
        gap={"mean": float(apart.mean()), "p95": float(np.quantile(apart, 0.95))},
    )


def later_half(times: pd.Series, seed: int) -> np.ndarray:
    """Which rows are of the later half; rows of one time, which have no order, are divided at random."""
    ties = np.random.default_rng(seed).permutation(len(times))
    order = np.lexsort((ties, times.rank(method="dense").to_numpy()))
    later = np.zeros(len(times), dtype=bool)
    later[order[len(times) // 2 :]] = True
    return later


def mixed_rows(X: pd.DataFrame, own: np.ndarray, seed: int) -> pd.DataFrame:
    """Rows that nobody has seen: each of `own`, with a share of its values from one of its near neighbours.

    After MUNGE (Bucila, Caruana and Niculescu-Mizil, Model compression, KDD 2006).
    """
    random = np.random.default_rng(seed)
    columns = student("tree", "regression", {}, seed)[0].fit_transform(X)
    placed = np.nan_to_num(StandardScaler().fit_transform(np.asarray(columns, dtype=np.float64)))
    count = min(NEIGHBOURS, len(X) - 1)
    near = NearestNeighbors(n_neighbors=count + 1).fit(placed).kneighbors(placed, return_distance=False)
    other = near[own, random.integers(1, count + 1, len(own))]
    swapped = random.uniform(size=(len(own), X.shape[1])) < SWAPPED
    return pd.DataFrame(
        {
            name: X[name].take(np.where(swapped[:, place], other, own)).reset_index(drop=True)
            for place, name in enumerate(X.columns)
        }
    )


def _learned(
    lessons: list[tuple[pd.DataFrame, np.ndarray]], X: Any, truth: np.ndarray, classes: list[Any], job: Job
) -> tuple[Any, Size]:
    """The student of the lesson and size whose loss on X is lowest, fitted, and its size."""
    task, lowest = job.parent["task"], np.inf
    scores = partial(scores_of, classes=classes)
    for rows, targets in lessons:
        for tried in SIZES[job.into][task != CLASSIFICATION]:
            model = fit_on(student(job.into, task, tried, job.seed), rows, targets, classes)
            for size, found in stages(model, tried, X, scores, classes):
                if (loss := float(losses(found, truth).mean())) < lowest:
                    lowest, best = loss, (rows, targets, size)
    rows, targets, size = best
    return fit_on(student(job.into, task, size, job.seed), rows, targets, classes), size


def scores_of(estimator: Any, X: pd.DataFrame, classes: list[Any]) -> np.ndarray:
    """A number per row, or the probabilities of these classes, of shape (rows, classes)."""
    if not classes:
        return np.asarray(estimator.predict(X), dtype=np.float64).reshape(-1)
    return of_classes(estimator.predict_proba(X), estimator.classes_, classes)


def losses(scores: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """The loss of each row: squared error, or the negative logarithm of the label's probability."""
    if scores.ndim == 1:
        return np.asarray((scores - truth) ** 2)
    return np.asarray(-np.log(np.clip((scores * truth).sum(axis=1), EPSILON, 1.0)))


def _check_scores(teacher: Any, held: pd.DataFrame, job: Job) -> None:
    """A teacher has probabilities, if it classifies, and says the same of the same rows."""
    name = f"{job.name} version {job.parent['version']} ({type(teacher).__name__})"
    if job.parent["task"] == CLASSIFICATION and not hasattr(teacher, "predict_proba"):
        raise EstimatorError(
            job.call,
            f"{name} has no predict_proba, and a label alone says little about a row",
            expected="a teacher with a probability per class",
            action="register it in a CalibratedClassifierCV, which has one",
        )
    classes = list(getattr(teacher, "classes_", [])) if job.parent["task"] == CLASSIFICATION else []
    sample = held[:SAMPLE]
    first, again = scores_of(teacher, sample, classes), scores_of(teacher, sample, classes)
    if not np.allclose(first, again, rtol=1e-9, atol=1e-9, equal_nan=True):
        raise EstimatorError(
            job.call,
            f"{name} is not deterministic: scored twice, the same {len(sample)} rows differ by up to "
            f"{np.nanmax(np.abs(first - again)):.3g}",
            expected="a teacher that says the same of the same row each time",
            action="give it a fixed random state, or average it over many draws, and register it again",
        )


@contextmanager
def _scoring(job: Job) -> Iterator[None]:
    """Say in words what a teacher raises about rows that a run would reject."""
    try:
        yield
    except ScorehouseError:
        raise
    except Exception as error:
        raise EstimatorError(
            job.call,
            f"{job.name} version {job.parent['version']}, or a clone of it, cannot score the rows of the "
            f"training query ({type(error).__name__}: {(str(error).splitlines() or [''])[0]})",
            expected="a teacher that scores every row, and encoders that take unseen categories",
            action="leave rows that it rejects out of the training query, or set handle_unknown='ignore'",
        ) from error


def _fresh(teacher: Any, job: Job) -> Any:
    """The teacher, not fitted; what is frozen in it, as for a calibration, will be fitted too."""
    try:
        fresh = clone(teacher)
        thawed = {
            name: clone(value.estimator)
            for name, value in fresh.get_params(deep=True).items()
            if type(value).__name__ == "FrozenEstimator"
        }
        return fresh.set_params(**thawed)
    except (TypeError, AttributeError, RuntimeError, ValueError) as error:
        raise EstimatorError(
            job.call,
            f"{job.name} version {job.parent['version']} cannot be cloned ({type(error).__name__}: {error})",
            expected="a teacher with scikit-learn's get_params, set_params and fit, whose clones label rows "
            "that they have not seen",
            action="register the scikit-learn estimator itself, not an export such as ONNX",
        ) from error


def _refitted(fresh: Any, X: pd.DataFrame, y: pd.Series, rows: np.ndarray, job: Job) -> Any:
    """A clone of the teacher that has learned these rows, at most `teacher_rows` of them, evenly drawn."""
    places = np.flatnonzero(rows)
    if job.teacher_rows and len(places) > job.teacher_rows:
        places = places[np.linspace(0, len(places) - 1, job.teacher_rows).astype(int)]
    try:
        return clone(fresh).fit(X.iloc[places], y.iloc[places])
    except Exception as error:
        raise EstimatorError(
            job.call,
            f"a clone of {job.name} version {job.parent['version']} cannot be fitted on {len(places):,} rows "
            f"({type(error).__name__}: {str(error).splitlines()[0]})",
            expected="a teacher that learns from the training query's rows",
            action="correct the training query, or limit the rows by --teacher-rows",
        ) from error


def _blocks(times: pd.Series) -> np.ndarray:
    """The block of each row; rows of one time stay together, where there are enough times."""
    begins = np.asarray(times.searchsorted(times, side="left"))
    blocks = np.unique(begins * FOLDS // len(times), return_inverse=True)[1]
    return blocks if blocks.max() + 1 >= FEWEST_BLOCKS else np.arange(len(times)) % FOLDS


def _targets(labels: pd.Series, classes: list[Any], job: Job) -> np.ndarray:
    """True labels as a number per row, or as 1 for the class of a row and 0 for the others."""
    if not classes:
        return labels.to_numpy(dtype=np.float64)
    given = labels.to_numpy()
    if unknown := sorted(set(given.tolist()) - set(classes), key=str):
        raise EstimatorError(
            job.call,
            f"the label {job.label} is also {', '.join(map(repr, unknown[:5]))}, which are no classes of "
            f"{job.name} version {job.parent['version']}",
            expected=f"the classes {', '.join(map(repr, classes))}",
            action="leave these rows out of the training query, or retrain the teacher first",
        )
    return np.equal.outer(given, np.asarray(classes)).astype(np.float64)
