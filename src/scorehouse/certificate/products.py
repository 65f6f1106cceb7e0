"""Linear models and networks as products of matrices: their weights, intercepts and links.

What contributions are computed from: the features of columns, the explained sums, and their unit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from scorehouse.certificate.boosters import Links
from scorehouse.certificate.columns import Column, feature_of, moved
from scorehouse.certificate.forest import MOST_TEXTS, NotRead
from scorehouse.certificate.libraries import name_of
from scorehouse.certificate.stored_program import Stored, Unreadable
from scorehouse.registry.version import MULTILABEL, MULTIOUTPUT, Version

Layer = tuple[str, tuple[np.ndarray, ...]]
SUMS = (
    *("LinearRegression", "Ridge", "RidgeCV", "Lasso", "LassoCV", "ElasticNet", "ElasticNetCV"),
    *("MultiTaskLasso", "MultiTaskLassoCV", "MultiTaskElasticNet", "MultiTaskElasticNetCV"),
    *("Lars", "LarsCV", "LassoLars", "LassoLarsCV", "LassoLarsIC", "ARDRegression", "TheilSenRegressor"),
    *("OrthogonalMatchingPursuit", "OrthogonalMatchingPursuitCV"),
    *("BayesianRidge", "HuberRegressor", "QuantileRegressor", "SGDRegressor", "LinearSVR", "PLSRegression"),
)
GENERALIZED = ("PoissonRegressor", "GammaRegressor", "TweedieRegressor")
LOGISTIC = ("LogisticRegression", "LogisticRegressionCV")
DECISIONS = ("LinearSVC", "RidgeClassifier", "RidgeClassifierCV", "Perceptron")
OTHERS = ("SGDClassifier", "LinearDiscriminantAnalysis")
NETWORKS = ("MLPClassifier", "MLPRegressor")
CENTRES = ("KMeans", "MiniBatchKMeans")
LINEAR = (*SUMS, *GENERALIZED, *LOGISTIC, *DECISIONS, *OTHERS)
MODELS = {f"sklearn.{name}" for name in (*LINEAR, *NETWORKS, *CENTRES)}
SHIFTS = {"normalise": ("-", "/"), "rescale": ("*", "+")}
STOCHASTIC = {"log_loss": "sigmoids", "modified_huber": "clipped"}


def products_of(estimator: Any) -> tuple[list[Layer], Links]:
    """The layers of a fitted model and the links of its methods; NotRead for what this reader lacks."""
    name = type(estimator).__name__
    if name_of(estimator) not in MODELS:
        raise NotRead(f"{name} is not read")
    if name in NETWORKS:
        return _network(estimator)
    if name in CENTRES:
        centres = estimator.cluster_centers_
        _, arrays = _product(-2.0 * centres, np.einsum("ij,ij->i", centres, centres))
        links: Links = {"predict": ("nearest", (), False), "transform": ("nearest_distance", (), False)}
        return [("nearest", arrays)], links
    weights = np.atleast_2d(np.asarray(estimator.coef_))
    intercepts = np.broadcast_to(np.asarray(estimator.intercept_).ravel(), len(weights))
    if name == "PLSRegression":  # of columns less their means
        intercepts = intercepts - weights @ estimator._x_mean
    layers = [_product(weights, intercepts)]
    if not hasattr(estimator, "classes_"):
        kind = "first" if len(weights) == 1 else "sums"
        if name in GENERALIZED:
            kind = {"IdentityLink": kind, "LogLink": "power"}[type(estimator._base_loss.link).__name__]
        return layers, {"predict": (kind, (), False)}
    if np.ndim(estimator.classes_[0]):
        raise NotRead("a classifier of several labels is not read")
    links = {"predict": ("above_zero", (), True), "decision_function": ("decisions", (), False)}
    if name in DECISIONS or (name == "SGDClassifier" and estimator.loss not in STOCHASTIC):
        return layers, links
    kind = STOCHASTIC[estimator.loss] if name == "SGDClassifier" else "softmax"
    given = getattr(estimator, "multi_class", None)  # until scikit-learn 1.7
    one_vs_rest = given == "ovr" or getattr(estimator, "solver", "") == "liblinear"
    if given == "multinomial" and len(weights) == 1:
        raise NotRead("a multinomial model of two classes is not read")
    if kind == "softmax" and (one_vs_rest or len(weights) == 1):
        kind = "sigmoids"
    return layers, {**links, "predict_proba": (kind, (), False)}


def _product(weights: np.ndarray, intercepts: np.ndarray) -> Layer:
    if weights.dtype != np.float64:
        raise NotRead(f"it computes in {weights.dtype}, which is not read")
    return "product", (np.column_stack([weights, intercepts])[:, :, None],)


def _network(estimator: Any) -> tuple[list[Layer], Links]:
    layers: list[Layer] = []
    for weights, intercepts in zip(estimator.coefs_, estimator.intercepts_, strict=True):
        between: list[Layer] = (
            [] if not layers or estimator.activation == "identity" else [(estimator.activation, ())]
        )
        layers += [*between, _product(weights.T, intercepts)]
    last, several = estimator.out_activation_, estimator.n_outputs_ > 1
    if hasattr(estimator, "classes_"):
        if last == "logistic" and several:
            raise NotRead("a classifier of several labels is not read")
        probable, label = ("softmax", "largest") if last == "softmax" else ("sigmoids", "above_half")
        return layers, {"predict_proba": (probable, (), False), "predict": (label, (), True)}
    kinds = {"identity": "sums" if several else "first", "exp": "power"}
    if last not in kinds or (several and last == "exp"):
        raise NotRead(f"the activation {last!r} of its output is not read")
    return layers, {"predict": (kinds[last], (), False)}


def layers_in(stored: Stored) -> list[Layer]:
    """The layers of a program; Unreadable where an array is missing."""
    try:
        return [
            (kind, tuple(stored.arrays[f"layer_{i}_{j}"] for j in range(count)))
            for i, (kind, count) in enumerate(stored.scores["layers"])
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise Unreadable(f"its layers are not those of its arrays ({error})") from error


def moved_columns(layers: Sequence[Layer], columns: list[Column], segment: int) -> list[Column]:
    """The columns with the shifts and scales that are layers before the first product."""
    for kind, numbers in layers:
        if kind not in SHIFTS:
            break
        if len(numbers) != 2 or any(array.ndim != 2 or len(array) != len(columns) for array in numbers):
            raise Unreadable(f"its layer {kind} does not fit {len(columns)} columns")
        for op, array in zip(SHIFTS[kind], numbers, strict=True):
            by = array[:, segment].tolist()
            columns = [moved(op, column, one) for column, one in zip(columns, by, strict=True)]
    return columns


def products_differ(found: Sequence[Layer], expected: Sequence[Layer], segment: int) -> list[str]:
    """How layers differ from those of the estimator, which refuses what is not finite."""
    wanted = [("finite", ()), *expected]
    kinds = [kind for kind, _ in found], [kind for kind, _ in wanted]
    if kinds[0] != kinds[1]:
        return [f"its layers are {kinds[0]}, the estimator's {kinds[1]}"]
    texts = []
    for number, ((kind, arrays), (_, others)) in enumerate(zip(found, wanted, strict=True)):
        own = [array[..., segment : segment + 1] for array in arrays]
        if [array.shape for array in own] != [array.shape for array in others]:
            texts.append(f"layer {number} ({kind}): its shape is another than the estimator's")
            continue
        for array, other in zip(own, others, strict=True):
            for place in np.argwhere(~((array == other) | (np.isnan(array) & np.isnan(other))))[:MOST_TEXTS]:
                line, column = place[:2].tolist()
                what = "the intercept" if column == array.shape[1] - 1 else f"the weight of column {column}"
                a, b = float(array[tuple(place)]), float(other[tuple(place)])
                texts.append(f"layer {number}, sum {line}: {what} is {a!r}, the estimator's {b!r}")
    return texts


def links_differ(found: Mapping[str, Any], expected: Links, needed: set[str]) -> list[str]:
    """How the stored links of methods differ from those of the estimator, by name."""
    if any("each" in link for link in found.values()):
        raise NotRead("a link of several labels is not read")
    texts = [f"it has no link of {method}" for method in sorted(needed - set(found))]
    for method, link in found.items():
        kind, numbers, is_label = expected.get(method, ("none", (), False))
        own = {"kind": kind, "numbers": [*numbers], "is_label": is_label}
        if {**link, "numbers": [*link.get("numbers", ())]} != own:
            texts.append(f"{method}: its link is {dict(link)}, the estimator's {own}")
    return texts


PREDICTION = "the prediction's own unit"
UNIT_OF_ONE = {
    **dict.fromkeys(("first", "single", "singles"), PREDICTION),
    **dict.fromkeys(("shares", "hist_shares", "sigmoids"), "log-odds"),
    **dict.fromkeys(("lightgbm_binary", "xgboost_binary"), "log-odds"),
    **dict.fromkeys(("power", "lightgbm_power", "xgboost_power"), "logarithm of the prediction"),
    **dict.fromkeys(("isolation", "isolation_decisions"), "sum of path lengths (longer: more ordinary)"),
    **dict.fromkeys(("decisions", "clipped"), "decision value"),
    "sums": "probability",
}
UNIT_OF_CLASSES = {
    **UNIT_OF_ONE,
    **dict.fromkeys(("shares", "hist_shares", "softmax"), "logit of the class"),
    **dict.fromkeys(("lightgbm_softmax", "xgboost_softmax"), "logit of the class"),
    "sigmoids": "log-odds of the class",
}


def contributions_differ(
    head: Mapping[str, Any], version: Version, columns: Sequence[Column], links: Links, sums: int
) -> list[str]:
    """How owners, outputs and unit differ from those of these columns, links and sums."""
    if version.task == MULTILABEL:
        raise NotRead("contributions to several labels are not read")
    method = version.score_method if version.score_method in links else "predict"
    if method not in links:
        raise NotRead("the link of its score is not read")
    kind, numbers, _ = links[method]
    of_all = version.task == MULTIOUTPUT or len(version.classes) > 2
    explained = [*range(sums)] if of_all else [sums - 1]
    unit = (UNIT_OF_ONE if sums == 1 else UNIT_OF_CLASSES).get(kind)
    if kind in ("shares", "lightgbm_binary") and numbers not in ((), (1.0,)):
        unit = "decision value"  # log-odds are a multiple of it
    if version.task == MULTIOUTPUT:
        unit = PREDICTION
    wanted = {
        "owners": [feature_of(column) for column in columns],
        "explained": explained,
        "unit": unit,
    }
    return [
        f"{name}: it has {head.get(name)}, the estimator {value}"
        for name, value in wanted.items()
        if head.get(name) != value
    ]
