"""What the project's function returned: a fitted estimator of the right features, or an error."""

from __future__ import annotations

from typing import Any

import numpy as np

from scorehouse.errors import EstimatorError
from scorehouse.registration.facts import check_task, find_facts, require_fitted
from scorehouse.registry.version import SEVERAL
from scorehouse.retraining.job import Frames, Job

SHOWN = 5


def fitted(returned: Any, frames: Frames, job: Job) -> Any:
    """The estimator.

    Raises EstimatorError if it is not fitted, has another task or other features, or fails on held-out rows.
    """
    if isinstance(returned, type) or not hasattr(returned, "fit"):
        what = f"the class {returned.__name__}" if isinstance(returned, type) else f"{returned!r:.80}"
        raise EstimatorError(
            job.call,
            f"{job.function} returned {what}",
            expected="a fitted estimator",
            action="return the estimator itself, after fit()",
        )
    try:
        require_fitted(returned, job.call)
    except EstimatorError as error:
        raise EstimatorError(
            job.call,
            f"{job.function} returned an estimator that does not score: {error.problem}",
            expected="a fitted estimator",
            action="call fit() in the function, and return the estimator",
        ) from error
    check_task(returned, job.parent["task"], job.call)
    _check_features(returned, job)
    _check_classes(returned, frames, job)
    _check_predicts(returned, frames, job)
    if job.parent["task"] in SEVERAL:
        find_facts(returned, frames.holdout[list(job.features)], job.parent["task"], job.call)
    return returned


def _check_features(estimator: Any, job: Job) -> None:
    """The features of the fit have to be those of the settings, which are also those of the parent."""
    names = getattr(estimator, "feature_names_in_", None)
    if names is None:
        count = getattr(estimator, "n_features_in_", len(job.features))
        known, wrong = list[str](), "" if count == len(job.features) else f"{count} features"
    else:
        known = [str(name) for name in names]
        more = [name for name in known if name not in job.features]
        less = [name for name in job.features if name not in known]
        wrong = "; ".join(
            f"{what} {', '.join(map(repr, some[:SHOWN]))}{' and others' if len(some) > SHOWN else ''}"
            for what, some in (("with", more), ("without", less))
            if some
        )
    if not wrong:
        return
    others = (*job.labels, job.time)
    leak = next((name for name in others if name in known and name not in job.features), None)
    raise EstimatorError(
        job.call,
        f"{job.function} fitted other features than it should: {wrong}",
        expected=f"the {len(job.features)} features {', '.join(job.features)}",
        action=f"fit without the column {leak!r}, which is no feature"
        if leak
        else "fit on these columns, or name others as `features` in the settings",
    )


def _check_classes(estimator: Any, frames: Frames, job: Job) -> None:
    """A classifier has to know the classes of the labels."""
    classes = getattr(estimator, "classes_", None)
    if job.parent["task"] != "classification" or classes is None or isinstance(classes, list):
        return
    (label,) = job.labels
    labels = set(frames.training[label].unique().tolist())
    unknown = sorted(map(str, labels - set(classes.tolist())))
    if unknown:
        raise EstimatorError(
            job.call,
            f"{job.function} returned a classifier of {classes.tolist()}, but the label {label} is also "
            f"{', '.join(unknown)}",
            expected="a classifier that was fitted on the labels as they are",
            action="fit on the label's own values",
        )


def _check_predicts(estimator: Any, frames: Frames, job: Job) -> None:
    """It is measured on the rows held out, so it has to predict each of them, rows with gaps too.

    Of several outputs there has to be one for each label.
    """
    if not hasattr(estimator, "predict"):
        return
    held_out = frames.holdout[list(job.features)]
    try:
        found = estimator.predict(held_out)
    except Exception as error:
        gaps = [name for name in job.features if held_out[name].isna().any()]
        missing = f"; values are missing in {', '.join(map(repr, gaps[:SHOWN]))}" if gaps else ""
        raise EstimatorError(
            job.call,
            f"{job.function} returned an estimator that fails on the {len(held_out):,} rows held out "
            f"({type(error).__name__}: {str(error).splitlines()[0]}){missing}",
            expected="an estimator that predicts every row of the training query",
            action="let the pipeline handle such values, or leave these rows out of the training query",
        ) from error
    shape = np.shape(found)
    given = shape[1] if len(shape) == 2 else 1
    if job.parent["task"] in SEVERAL and given != len(job.labels):
        raise EstimatorError(
            job.call,
            f"{job.function} returned an estimator with {given} output{'' if given == 1 else 's'} per row",
            expected=f"one for each of the {len(job.labels)} labels {', '.join(job.labels)}, in this order",
            action="fit on frame[label]: `label` is the list of these columns",
        )
