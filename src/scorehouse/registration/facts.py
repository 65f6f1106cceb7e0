"""Facts about a fitted estimator for its task: classes, score method, and where labels come from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from scorehouse.errors import ConfigurationError, EstimatorError
from scorehouse.kernel.tasks import MIDDLES, SCORE_METHODS, labels_given, require_method, scores_of_labels
from scorehouse.registry.version import MULTILABEL, MULTIOUTPUT, TASKS
from scorehouse.segmented import Segmented


@dataclass(frozen=True)
class TaskFacts:
    """`score_method` computes the score; `label_method` says where labels come from.

    `argmax` and `sign` are used only if they equalled `predict` on all rows tried. `outputs` counts the
    numbers or labels per row of an estimator with several outputs.
    """

    score_method: str
    label_method: str
    classes: tuple[Any, ...] = ()
    outputs: int = 0


def require_fitted(estimator: Any, call: str) -> None:
    """Raise EstimatorError for anything that is not a fitted estimator."""
    if isinstance(estimator, type) or not hasattr(estimator, "fit"):
        found = f"the class {estimator.__name__}" if isinstance(estimator, type) else type(estimator).__name__
        raise EstimatorError(
            call,
            f"{found} is not an estimator",
            expected="a fitted scikit-learn estimator or pipeline, or the path of a joblib file of one",
            action="pass the fitted estimator itself",
        )
    try:
        check_is_fitted(estimator[-1] if isinstance(estimator, Pipeline) else estimator)
    except (NotFittedError, TypeError) as error:
        raise EstimatorError(
            call,
            f"{type(estimator).__name__} is not fitted",
            expected="a fitted estimator",
            action="call fit() first, then register",
        ) from error


# What scikit-learn calls an estimator, and the tasks that each kind can serve.
KINDS = {
    "classifier": ("classification", MULTILABEL, "ranking"),
    "regressor": ("regression", MULTIOUTPUT, "ranking"),
    "clusterer": ("clustering",),
    "outlier_detector": ("anomaly",),
}


def check_task(estimator: Any, task: str, call: str) -> None:
    """Refuse a task that does not fit the kind of the estimator; one without a kind is checked later."""
    kind = _kind(estimator)
    if kind is None or task in KINDS.get(kind, TASKS):
        return
    raise ConfigurationError(
        call,
        f"task is {task!r}, but {type(estimator).__name__} is a {kind.replace('_', ' ')}",
        expected=f"the task {' or '.join(map(repr, KINDS[kind]))} for it",
        action="register the estimator under the task that it was fitted for",
    )


def _kind(estimator: Any) -> str | None:
    try:
        found = estimator.__sklearn_tags__().estimator_type
    except Exception:  # before scikit-learn 1.6, and in classes that are not scikit-learn's
        found = getattr(estimator, "_estimator_type", None)
    return found if isinstance(found, str) else None


def find_facts(estimator: Any, features: Any, task: str, call: str) -> TaskFacts:
    """Ask the estimator, on training rows, what its task needs to know."""
    finders = {
        "classification": _classification,
        MULTILABEL: _multilabel,
        "regression": _regression,
        MULTIOUTPUT: _multioutput_regression,
        "clustering": _clustering,
        "ranking": _ranking,
        "anomaly": _anomaly,
    }
    if task != "ranking":
        require_method(estimator, "predict", task, call)
    return finders[task](*_behind_steps(estimator, features), call)


def _behind_steps(estimator: Any, features: Any) -> tuple[Any, Any]:
    """The last step of a pipeline and what it gets, so that all of its methods share one transformation."""
    steps = [step for _, step in estimator.steps] if type(estimator) is Pipeline else [estimator]
    if steps[-1] in (None, "passthrough"):
        return estimator, features
    for step in steps[:-1]:
        if step not in (None, "passthrough"):
            features = step.transform(features)
    return steps[-1], features


def plain(values: Any) -> tuple[Any, ...]:
    """Class labels as plain Python values, which JSON can hold."""
    return tuple(value.item() if isinstance(value, np.generic) else value for value in values)


def _asked(estimator: Any, features: Any, methods: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """What each of these methods gives, where the estimator has it; asked one after the other, as needed."""
    for method in methods:
        if hasattr(estimator, method):
            yield method, getattr(estimator, method)(features)


def _classification(estimator: Any, features: Any, call: str) -> TaskFacts:
    require_method(estimator, "classes_", "classification", call)
    classes = estimator.classes_
    predicted = estimator.predict(features)
    labels = np.asarray(predicted).reshape(-1)  # CatBoost: a column for many classes
    if isinstance(classes, list) or (np.ndim(predicted) == 2 and len(labels) != len(predicted)):
        raise _shape_error(
            estimator,
            "several labels per row",
            "one label per row",
            call,
            f"register it with the task {MULTILABEL!r}, which has columns for each label",
        )
    for method, given in _asked(estimator, features, SCORE_METHODS):
        scores = np.asarray(given)
        if scores.ndim == 2 and scores.shape[1] != len(classes):
            continue
        chosen = scores.argmax(axis=1) if scores.ndim == 2 else (scores > 0).astype(int)
        same = bool(np.array_equal(classes[chosen], labels)) and not _has_own_rule(estimator)
        return TaskFacts(method, "argmax" if same else "predict", plain(classes))
    return TaskFacts("none", "predict", plain(classes))


# Where a search, a stack, and a selection of features or self-training keep the estimator that they ask.
PASSED_ON = ("best_estimator_", "final_estimator_", "estimator_")


def _has_own_rule(estimator: Any) -> bool:
    """Whether labels may come from something else than the best score, even if no tried row shows it."""
    if isinstance(estimator, Pipeline):
        return _has_own_rule(estimator[-1])
    if isinstance(estimator, Segmented):
        return _has_own_rule(next(iter(estimator.estimators_), estimator.fallback_))
    if isinstance(estimator, (MultiOutputClassifier, ClassifierChain, OneVsRestClassifier)):
        return any(map(_has_own_rule, estimator.estimators_))
    if isinstance(estimator, (FixedThresholdClassifier, TunedThresholdClassifierCV)):
        return True
    if type(estimator).__name__ == "FrozenEstimator":  # before scikit-learn 1.6 there is none
        return _has_own_rule(estimator.estimator)
    for name in PASSED_ON:
        if hasattr(estimator, name):
            return _has_own_rule(getattr(estimator, name))
    return bool(getattr(estimator, "probability", False))


def _multilabel(estimator: Any, features: Any, call: str) -> TaskFacts:
    labels = labels_given(estimator.predict(features))
    if labels.ndim != 2 or len(labels) < 2:
        raise _shape_error(
            estimator,
            "one label per row" if labels.ndim < 3 else f"results of shape {labels.T.shape}",
            f"two labels or more, which the task {MULTILABEL!r} is for",
            call,
            "register it with the task 'classification'",
        )
    _check_label_classes(estimator, labels, call)
    for method, given in _asked(estimator, features, SCORE_METHODS):
        scores = scores_of_labels(given)
        if scores.shape != labels.shape:
            continue
        same = bool(np.array_equal(scores > MIDDLES[method], labels)) and not _has_own_rule(estimator)
        return TaskFacts(method, "argmax" if same else "predict", (0, 1), len(labels))
    return TaskFacts("none", "predict", (0, 1), len(labels))


def _check_label_classes(estimator: Any, labels: np.ndarray, call: str) -> None:
    """Refuse labels that are not 0 and 1, or of which the fit has seen one alone."""
    given = getattr(estimator, "classes_", None)
    known = given if isinstance(given, list) else [[0, 1]] * len(labels)
    for number, (classes, predicted) in enumerate(zip(known, labels, strict=True), start=1):
        found = plain(np.unique([*plain(classes), *plain(np.unique(predicted))]))
        if len(classes) != 2 or found != (0, 1):
            raise _shape_error(
                estimator,
                f"label {number} of {len(labels)} the classes {list(plain(classes))!r:.200}",
                "0 and 1 (or False and True) for each label, both of them in the labels of the fit",
                call,
                "fit it on a column of 0 and 1 for each label, and leave out labels that all rows share",
            )


def _regression(estimator: Any, features: Any, call: str) -> TaskFacts:
    predicted = np.asarray(estimator.predict(features))
    if predicted.ndim > 1 and predicted.shape[1] != 1:
        raise _shape_error(
            estimator,
            f"{predicted.shape[1]} outputs per row",
            "one number per row",
            call,
            f"register it with the task {MULTIOUTPUT!r}, which has a column for each output",
        )
    return TaskFacts("predict", "predict")


def _multioutput_regression(estimator: Any, features: Any, call: str) -> TaskFacts:
    predicted = np.asarray(estimator.predict(features))
    if predicted.ndim != 2 or predicted.shape[1] < 2:
        raise _shape_error(
            estimator,
            "one output per row" if predicted.ndim < 3 else f"results of shape {predicted.shape}",
            f"two outputs or more, which the task {MULTIOUTPUT!r} is for",
            call,
            "register it with the task 'regression'",
        )
    if predicted.dtype.kind not in "fiu":
        raise _shape_error(estimator, f"outputs of type {predicted.dtype}", "numbers", call)
    return TaskFacts("predict", "predict", outputs=predicted.shape[1])


def _clustering(estimator: Any, features: Any, call: str) -> TaskFacts:
    final = estimator[-1] if isinstance(estimator, Pipeline) else estimator
    centres = getattr(final, "cluster_centers_", None)
    if centres is None or not hasattr(estimator, "transform"):
        return TaskFacts("none", "predict")
    distances = np.asarray(estimator.transform(features))
    if distances.ndim != 2 or distances.shape[1] != len(centres):
        return TaskFacts("none", "predict")
    return TaskFacts("transform", "predict")


def _ranking(estimator: Any, features: Any, call: str) -> TaskFacts:
    for method, given in _asked(estimator, features, (*SCORE_METHODS, "predict")):
        scores = np.asarray(given)
        if scores.ndim == 1 or (method == "predict_proba" and scores.shape[1] == 2):
            classes = plain(estimator.classes_) if hasattr(estimator, "classes_") else ()
            return TaskFacts(method, "none", classes)
    raise _shape_error(estimator, "no single number per row", "a relevance score", call)


def _anomaly(estimator: Any, features: Any, call: str) -> TaskFacts:
    require_method(estimator, "decision_function", "anomaly", call)
    labels = np.asarray(estimator.predict(features))
    scores = np.asarray(estimator.decision_function(features)).reshape(-1)
    same = bool(np.array_equal(np.where(scores < 0, -1, 1), labels))
    return TaskFacts("decision_function", "sign" if same else "predict")


def _shape_error(
    estimator: Any,
    found: str,
    expected: str,
    call: str,
    action: str = "register an estimator with one output under a task that fits it",
) -> EstimatorError:
    return EstimatorError(call, f"{type(estimator).__name__} gives {found}", expected=expected, action=action)
