"""Decision trees, forests and gradient boosting of scikit-learn's `tree_` kind.

These trees round each value to float32 before they compare it. Instead of rounding in SQL, each
threshold is moved to where the rounding puts it: exact for every double, with no cast to go wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from scorehouse.compile.builder import Builder, Value
from scorehouse.compile.registers import name_of
from scorehouse.compile.scale import numbers_only
from scorehouse.compile.scores import Scores, mean, sigmoid, softmax
from scorehouse.compile.tree import Case, Compare, Expr, multiply, number


def float32_edge(threshold: float) -> float:
    """The largest double whose float32 is at most `threshold`."""
    with np.errstate(over="ignore"):
        low = np.float32(threshold)
        if float(low) > threshold:
            low = np.nextafter(low, np.float32(-np.inf))
        high = np.nextafter(low, np.float32(np.inf))
        if not np.isfinite(low) or not np.isfinite(high):
            return float(threshold)
        middle = (float(low) + float(high)) / 2
        return middle if np.float32(middle) == low else float(np.nextafter(middle, -np.inf))


def split(value: Expr, edge: float, left: Expr, right: Expr, *, missing_left: bool) -> Expr:
    """Left up to the edge, right above it; a missing value goes where it went in training."""
    if left == right:
        return left
    if missing_left:
        return Case(((Compare(">", value, number(edge)), right),), left)
    return Case(((Compare("<=", value, number(edge)), left),), right)


def tree_of(b: Builder, tree: Any, values: Sequence[Value], leaf: Callable[[int], float]) -> Expr:
    """One `tree_` as nested cases; `leaf` gives the value of a leaf by its node."""
    b.count_nodes(tree.node_count, tree.max_depth)
    left, right, features = tree.children_left, tree.children_right, tree.feature
    missing_left = tree.missing_go_to_left

    def node(i: int) -> Expr:
        if left[i] == right[i]:
            return number(leaf(i))
        value = values[features[i]]
        edge = float32_edge(float(tree.threshold[i]))
        b.probe(value, edge)
        return split(
            b.bind(value.expr, value.name),
            edge,
            node(left[i]),
            node(right[i]),
            missing_left=bool(missing_left[i]),
        )

    return node(0)


def _class_trees(b: Builder, estimator: Any, values: list[Value]) -> list[Expr]:
    """Share of each class in the leaf; of two classes only the second."""
    tree = estimator.tree_
    if tree.n_outputs != 1:
        raise b.refuse(estimator, "it has several outputs a row")
    n_classes = int(np.atleast_1d(tree.n_classes)[0])
    wanted = [0] if n_classes == 1 else [1] if n_classes == 2 else range(n_classes)
    return [tree_of(b, tree, values, _leaves(tree.value[:, 0, k])) for k in wanted]


def _leaves(values: Any) -> Callable[[int], float]:
    """The value of each node."""
    return lambda node: float(values[node])


def decision_tree(b: Builder, estimator: Any, values: list[Value], method: str) -> Scores:
    """One tree."""
    numbers_only(b, estimator, values)
    return Scores(tuple(_class_trees(b, estimator, values)), bounded=True)


def forest(b: Builder, estimator: Any, values: list[Value], method: str) -> Scores:
    """The mean of the trees, summed in their order."""
    numbers_only(b, estimator, values)
    trees = [_class_trees(b, tree, values) for tree in estimator.estimators_]
    made = tuple(mean(b, list(parts), "forest") for parts in zip(*trees, strict=True))
    return Scores(made, bounded=True)


def boosting(b: Builder, estimator: Any, values: list[Value], method: str) -> Scores:
    """The initial score and the trees on top of it, through the inverse of the loss's link."""
    numbers_only(b, estimator, values)
    init = estimator.init_
    if not (isinstance(init, str) and init == "zero") and not name_of(init).startswith("sklearn.Dummy"):
        raise b.refuse(estimator, f"its init is a {type(init).__name__}")
    start = estimator._raw_predict_init(np.zeros((1, estimator.n_features_in_), dtype=np.float32))[0]
    raw = []
    for k, stages in enumerate(estimator.estimators_.T):
        trees = [
            tree_of(b, stage.tree_, values, _leaves(estimator.learning_rate * stage.tree_.value[:, 0, 0]))
            for stage in stages
        ]
        raw.append(b.bind(b.sum([number(float(start[k])), *trees], "boosted"), "raw"))
    if method in ("decision_function", "predict"):
        return Scores(tuple(raw), zero_is_second=True, bounded=True)
    if len(raw) > 1:
        return Scores(softmax(b, raw), tuple(raw), bounded=True)
    link = multiply(raw[0], 2.0) if estimator.loss == "exponential" else raw[0]
    return Scores((sigmoid(b, link),), tuple(raw), zero_is_second=True, bounded=True)
