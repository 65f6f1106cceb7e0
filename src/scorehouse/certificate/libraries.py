"""The parts of a fitted estimator, the trees of scikit-learn, and which class is read by which function."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from scorehouse.certificate.boosters import Links, lightgbm, xgboost
from scorehouse.certificate.forest import Forest, NotRead, Tree, as_doubles, as_singles, forest_of
from scorehouse.certificate.stored_program import facts, reading

SEARCHES = ("sklearn.GridSearchCV", "sklearn.RandomizedSearchCV")


def name_of(estimator: Any) -> str:
    """`library.Class`."""
    return f"{type(estimator).__module__.partition('.')[0]}.{type(estimator).__qualname__}"


def taken_apart(estimator: Any) -> tuple[list[Any], Any]:
    """The steps before the model, and the model."""
    steps: list[Any] = []
    while True:
        if name_of(estimator) in SEARCHES:
            estimator = estimator.best_estimator_
        elif name_of(estimator) == "sklearn.Pipeline":
            steps += [one for _, step in estimator.steps[:-1] for one in _flat(step)]
            estimator = estimator.steps[-1][1]
        else:
            return steps, estimator


def _flat(step: Any) -> list[Any]:
    """The steps of a pipeline inside a pipeline, or a step alone."""
    if name_of(step) != "sklearn.Pipeline":
        return [step]
    return [one for _, inner in step.steps for one in _flat(inner)]


def trees_of(estimator: Any) -> tuple[Forest, Links]:
    """The trees of a fitted estimator, and the links of its methods; NotRead for what this reader lacks."""
    name = name_of(estimator)
    if name not in READERS:
        raise NotRead(f"{type(estimator).__name__} is not read")
    return READERS[name](estimator)


def _tree(tree: Any, value: np.ndarray, columns: Any = None) -> Tree:
    """A `tree_` of scikit-learn; `columns` are those of the estimator that it was fitted on."""
    feature = np.where(tree.children_left < 0, 0, tree.feature)
    return Tree(
        left=tree.children_left,
        right=tree.children_right,
        feature=feature if columns is None else np.asarray(columns)[feature],
        threshold=tree.threshold,
        missing_left=tree.missing_go_to_left,
        value=value.reshape(tree.node_count, -1),
        cover=tree.weighted_n_node_samples,
    )


def _takes(estimator: Any, value: float) -> bool:
    """Whether the estimator scores a row with this value: it is asked."""
    row = np.zeros((1, estimator.n_features_in_))
    row[0, 0] = value
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            estimator.predict(row)
    except ValueError:
        return False
    return True


def _asked(estimator: Any) -> dict[str, bool]:
    return reading(missing=_takes(estimator, math.nan), infinite=_takes(estimator, math.inf), singles=True)


def _forest(estimator: Any) -> tuple[Forest, Links]:
    parts = getattr(estimator, "estimators_", None)
    trees = [_tree(one.tree_, one.tree_.value) for one in (parts or [estimator])]
    outputs, count = trees[0].value.shape[1], len(trees)
    forest = forest_of(
        trees,
        as_singles,
        **facts([0] * count, [0.0] * outputs, average=count > 1, single=False),
        **_asked(estimator),
    )
    if not hasattr(estimator, "classes_"):
        return forest, {"predict": ("first" if outputs == 1 else "sums", (), False)}
    if estimator.n_outputs_ > 1:
        raise NotRead("a classifier of several labels is not read")
    return forest, {"predict_proba": ("sums", (), False), "predict": ("largest", (), True)}


def _boosting(estimator: Any) -> tuple[Forest, Links]:
    rate, init = estimator.learning_rate, estimator.init_
    is_zero = isinstance(init, str) and init == "zero"
    if not is_zero and getattr(init, "strategy", None) not in (
        "prior",
        "mean",
        "median",
        "quantile",
        "constant",
    ):
        raise NotRead(f"its init is a {type(init).__name__}")
    width = estimator.estimators_.shape[1]
    trees = [_tree(one.tree_, rate * one.tree_.value) for one in estimator.estimators_.ravel()]
    start = estimator._raw_predict_init(np.zeros((1, estimator.n_features_in_), dtype=np.float32))[0]
    groups = [i % width for i in range(len(trees))]
    forest = forest_of(
        trees, as_singles, **facts(groups, start, average=False, single=False), **_asked(estimator)
    )
    if not hasattr(estimator, "classes_"):
        return forest, {"predict": ("first", (), False)}
    slope = 2.0 if estimator.loss == "exponential" else 1.0
    return forest, {
        "predict_proba": ("shares", (slope,), False),
        "decision_function": ("decisions", (), False),
        "predict": ("from_zero", (), True),
    }


def _isolation(estimator: Any) -> tuple[Forest, Links]:
    from sklearn.ensemble._iforest import _average_path_length

    depths = [
        (own + average) - 1.0
        for own, average in zip(
            estimator._decision_path_lengths, estimator._average_path_length_per_tree, strict=True
        )
    ]
    every = estimator._max_features == estimator.n_features_in_
    trees = [
        _tree(one.tree_, np.asarray(depth), None if every else columns)
        for one, columns, depth in zip(
            estimator.estimators_, estimator.estimators_features_, depths, strict=True
        )
    ]
    together = float(len(trees) * _average_path_length([estimator._max_samples])[0])
    forest = forest_of(
        trees,
        as_singles,
        **facts([0] * len(trees), [0.0], average=False, single=False),
        **reading(missing=True, infinite=True, singles=True),
    )
    numbers = (together, float(estimator.offset_))
    return forest, {
        "score_samples": ("isolation", numbers[:1], False),
        "decision_function": ("isolation_decisions", numbers, False),
        "predict": ("isolation_labels", numbers, False),
    }


def _histogram(estimator: Any) -> tuple[Forest, Links]:
    mapper = estimator._bin_mapper
    known = {
        column: frozenset(int(code) for code in mapper.bin_thresholds_[column])
        for column in np.flatnonzero(mapper.is_categorical_).tolist()
    }
    trees, groups = [], []
    for stage in estimator._predictors:
        for group, one in enumerate(stage):
            nodes = one.nodes
            leaf = nodes["is_leaf"].astype(bool)
            sides = {}
            for i in np.flatnonzero(nodes["is_categorical"].astype(bool) & ~leaf).tolist():
                words = one.raw_left_cat_bitsets[nodes["bitset_idx"][i]].astype("<u4").view(np.uint8)
                named = frozenset(np.flatnonzero(np.unpackbits(words, bitorder="little")).tolist())
                default = bool(nodes["missing_go_to_left"][i])
                others = known[int(nodes["feature_idx"][i])] - named
                sides[i] = (default, others if default else named)
            trees.append(
                Tree(
                    left=np.where(leaf, -1, nodes["left"].astype(np.int64)),
                    right=np.where(leaf, -1, nodes["right"].astype(np.int64)),
                    feature=np.where(leaf, 0, nodes["feature_idx"]),
                    threshold=nodes["num_threshold"],
                    missing_left=nodes["missing_go_to_left"],
                    value=nodes["value"].reshape(-1, 1),
                    cover=nodes["count"],
                    categories=sides,
                )
            )
            groups.append(group)
    forest = forest_of(
        trees,
        as_doubles,
        **facts(groups, np.ravel(estimator._baseline_prediction), average=False, single=False),
        **reading(missing=True, infinite=True, singles=False),
    )
    if hasattr(estimator, "classes_"):
        return forest, {
            "predict_proba": ("hist_shares", (), False),
            "decision_function": ("decisions", (), False),
            "predict": ("above_zero", (), True),
        }
    link = type(estimator._loss.link).__name__
    if link not in ("IdentityLink", "LogLink"):
        raise NotRead(f"its link is {link}")
    return forest, {"predict": ("power" if link == "LogLink" else "first", (), False)}


FORESTS = ("DecisionTree", "ExtraTree", "RandomForest", "ExtraTrees")
READERS: Mapping[str, Callable[[Any], tuple[Forest, Links]]] = {
    **{f"sklearn.{kind}{task}": _forest for kind in FORESTS for task in ("Classifier", "Regressor")},
    **dict.fromkeys(("sklearn.GradientBoostingClassifier", "sklearn.GradientBoostingRegressor"), _boosting),
    "sklearn.HistGradientBoostingClassifier": _histogram,
    "sklearn.HistGradientBoostingRegressor": _histogram,
    "sklearn.IsolationForest": _isolation,
    **dict.fromkeys((f"lightgbm.LGBM{kind}" for kind in ("Classifier", "Regressor", "Ranker")), lightgbm),
    **dict.fromkeys((f"xgboost.XGB{kind}" for kind in ("Classifier", "Regressor", "Ranker")), xgboost),
    **dict.fromkeys(("xgboost.XGBRFClassifier", "xgboost.XGBRFRegressor"), xgboost),
}
