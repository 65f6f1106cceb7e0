"""Which function reads which estimator as layers: one explicit dict for projections and one for models.

A subclass is not treated like its parent: it may compute something else.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np

from scorehouse.program.linear_models import (
    AFTER,
    CLASSIFIERS,
    REGRESSORS,
    LinearModel,
    Refuse,
    linear_model,
)
from scorehouse.program.links import Link
from scorehouse.program.matrix.layers import Layer, product
from scorehouse.program.several import MULTI_LABEL, MULTI_OUTPUT, QUANTILES, gives_labels
from scorehouse.program.sql.builder import name_of

Links = Mapping[str, Link]
Model = Callable[[Any, str, Collection[str], Refuse], tuple[list[Layer], Links]]
ACTIVATIONS = {
    "identity": (),
    "relu": (Layer("relu"),),
    "tanh": (Layer("tanh"),),
    "logistic": (Layer("logistic"),),
}


def _pca(estimator: Any, refuse: Refuse) -> list[Layer]:
    components = _doubles(estimator, estimator.components_, refuse)
    layers = [product(components, -(components @ estimator.mean_))]
    if estimator.whiten:
        scales = np.maximum(np.sqrt(estimator.explained_variance_), np.finfo(np.float64).eps)[:, None]
        layers.append(Layer("normalise", (np.zeros_like(scales), scales)))
    return layers


def _truncated_svd(estimator: Any, refuse: Refuse) -> list[Layer]:
    components = _doubles(estimator, estimator.components_, refuse)
    return [product(components, np.zeros(len(components)))]


def _linear(estimator: Any, name: str, methods: Collection[str], refuse: Refuse) -> tuple[list[Layer], Links]:
    """One product; every method is a link of its sums."""
    scored = [method for method in methods if method != "predict" or name in REGRESSORS]
    found = {method: linear_model(estimator, name, method, refuse) for method in scored}
    model = next(iter(found.values()), None) or linear_model(estimator, name, "decision_function", refuse)
    links = {method: _link(each, method) for method, each in found.items()}
    weights = _doubles(estimator, model.weights, refuse)
    links = {"predict": Link("above_zero", is_label=True), **links}
    if gives_labels(estimator):
        links = {method: link.of_each() for method, link in links.items()}
    return [product(weights, model.intercepts)], links


def _link(model: LinearModel, method: str) -> Link:
    if model.after != "sums":
        return Link(model.after)
    return Link("decisions") if method == "decision_function" else _numbers(len(model.weights))


def _numbers(count: int) -> Link:
    """What `predict` of a regression gives: a number, or one for each output."""
    return Link("first" if count == 1 else "sums")


def _for_each(
    estimator: Any, name: str, methods: Collection[str], refuse: Refuse
) -> tuple[list[Layer], Links]:
    """A linear model for each output, as one product."""
    parts = []
    for one in estimator.estimators_:
        if name_of(one) not in REGRESSORS:
            raise refuse(one, "this estimator has no equivalent as a chain of matrix products")
        parts.append(linear_model(one, name_of(one), "predict", refuse))
        if parts[-1].after != "sums" or len(parts[-1].weights) != 1:
            raise refuse(one, f"of several outputs, its predict() is no weighted sum but {parts[-1].after}")
    weights = np.concatenate([_doubles(estimator, part.weights, refuse) for part in parts])
    intercepts = np.concatenate([part.intercepts for part in parts])
    return [product(weights, intercepts)], {"predict": Link("sorted" if name == QUANTILES else "sums")}


def _labels_of_each(
    estimator: Any, name: str, methods: Collection[str], refuse: Refuse
) -> tuple[list[Layer], Links]:
    """A linear classifier for each label, as one product."""
    parts = []
    for one in estimator.estimators_:
        if name_of(one) not in CLASSIFIERS:
            raise refuse(one, "this estimator has no equivalent as a chain of matrix products")
        parts.append(_linear(one, name_of(one), methods, refuse))
        if parts[-1][1] != parts[0][1]:
            raise refuse(one, "the labels read their sums in different ways")
    weights = np.concatenate([layers[0].arrays[0][:, :, 0] for layers, _ in parts])
    links = {method: link.of_each() for method, link in parts[0][1].items()}
    return [product(weights[:, :-1], weights[:, -1])], links


def _k_means(
    estimator: Any, name: str, methods: Collection[str], refuse: Refuse
) -> tuple[list[Layer], Links]:
    """The nearest centre alone: its position, and the distance from it."""
    centers = _doubles(estimator, estimator.cluster_centers_, refuse)
    layers = [product(-2.0 * centers, np.einsum("ij,ij->i", centers, centers), "nearest")]
    return layers, {"predict": Link("nearest"), "transform": Link("nearest_distance")}


def _network(
    estimator: Any, name: str, methods: Collection[str], refuse: Refuse
) -> tuple[list[Layer], Links]:
    if estimator.activation not in ACTIVATIONS:
        raise refuse(estimator, f"its activation is {estimator.activation!r}")
    links = _network_links(estimator, refuse)
    layers: list[Layer] = []
    for weights, intercepts in zip(estimator.coefs_, estimator.intercepts_, strict=True):
        layers += [
            product(_doubles(estimator, weights, refuse).T, intercepts),
            *ACTIVATIONS[estimator.activation],
        ]
    hidden = len(ACTIVATIONS[estimator.activation])
    return layers[: len(layers) - hidden], links  # the last product has a link in place of the activation


def _network_links(estimator: Any, refuse: Refuse) -> Links:
    count, last = estimator.n_outputs_, estimator.out_activation_
    if last == "logistic":
        several = gives_labels(estimator)
        links = {"predict_proba": Link("sigmoids"), "predict": Link("above_half", is_label=True)}
        return {method: link.of_each() if several else link for method, link in links.items()}
    if last == "softmax":
        return {"predict_proba": Link("softmax"), "predict": Link("largest", is_label=True)}
    if last == "identity":
        return {"predict": _numbers(count)}
    if last != "exp":
        raise refuse(estimator, f"the activation of its output is {last!r}")
    if count > 1:
        raise refuse(estimator, f"of several outputs, the activation is {last!r}")
    return {"predict": Link("power")}


def _doubles(estimator: Any, numbers: Any, refuse: Refuse) -> np.ndarray:
    """The numbers of an estimator that computes in doubles."""
    found = np.asarray(numbers)
    if found.dtype != np.float64:
        raise refuse(estimator, f"it computes in {found.dtype}, and this backend in float64")
    return found


PROJECTIONS: Mapping[str, Callable[[Any, Refuse], list[Layer]]] = {
    "sklearn.PCA": _pca,
    "sklearn.TruncatedSVD": _truncated_svd,
}
MODELS: Mapping[str, Model] = {
    **dict.fromkeys(AFTER, _linear),
    MULTI_OUTPUT: _for_each,
    QUANTILES: _for_each,
    MULTI_LABEL: _labels_of_each,
    "sklearn.KMeans": _k_means,
    "sklearn.MiniBatchKMeans": _k_means,
    "sklearn.MLPClassifier": _network,
    "sklearn.MLPRegressor": _network,
}
