"""Estimators with several outputs: those that hold one for each, in `estimators_`, by their class."""

from __future__ import annotations

from typing import Any

MULTI_OUTPUT = "sklearn.MultiOutputRegressor"
QUANTILES = "scorehouse.MultiQuantileRegressor"  # whose outputs are sorted in each row
MULTI_LABEL = "sklearn.MultiOutputClassifier"
FOR_EACH = (MULTI_OUTPUT, QUANTILES, MULTI_LABEL)
CHAINS = ("sklearn.RegressorChain", "sklearn.ClassifierChain")
OTHER_CLASSES = "a label has not two classes"


def has_two_classes(estimator: Any) -> bool:
    """Whether each of several labels has two classes."""
    return all(len(classes) == 2 for classes in estimator.classes_)


def gives_labels(estimator: Any) -> bool:
    """Whether a classifier that holds no others was fitted on several labels per row."""
    binarizer = getattr(estimator, "_label_binarizer", None)  # of networks and ridge classifiers
    return str(getattr(binarizer, "y_type_", "")).startswith("multilabel")
