"""Decision trees as nested cases, and scikit-learn's forests and boosted ensembles made of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from scorehouse.forms.several import OTHER_CLASSES, has_two_classes
from scorehouse.forms.sql.builder import Builder, Scores, Value, name_of
from scorehouse.forms.sql.expression import (
    Call,
    Case,
    Compare,
    Expr,
    In,
    IsNull,
    all_of,
    any_of,
    multiply,
    number,
)
from scorehouse.forms.sql.scale import numbers_only
from scorehouse.forms.sql.scores import mean, sigmoid, softmax
from scorehouse.forms.sql.several import of_labels
from scorehouse.forms.trees import CategorySplit, Ensemble, Tree
from scorehouse.forms.trees import of_sklearn as sklearn
from scorehouse.forms.trees.tree import LEAF, ZERO


def tree_of(
    b: Builder, tree: Tree, values: Sequence[Value], leaf: Callable[[float], Expr] = number, output: int = 0
) -> Expr:
    """One output of a tree as nested cases; `leaf` writes the value of a leaf."""
    b.count_nodes(len(tree.left), tree.depth)
    # lists, since their elements are read faster than array elements and are plain numbers
    lefts, rights, features = tree.left.tolist(), tree.right.tolist(), tree.feature.tolist()
    edges, leaves, missing = tree.edge.tolist(), tree.value[:, output].tolist(), tree.missing_left.tolist()
    columns: dict[int, Expr] = {}

    def node(i: int) -> Expr:
        if lefts[i] == LEAF:
            return leaf(float(leaves[i]))
        value = values[features[i]]
        if features[i] not in columns:
            columns[features[i]] = b.bind(value.expr, value.name)
        column = columns[features[i]]
        left, right = node(lefts[i]), node(rights[i])
        if i in tree.categories:
            return _by_category(column, tree.categories[i], left, right)
        edge, missing_left = float(edges[i]), bool(missing[i])
        b.probe(value, edge)
        if left != right and tree.zero_is_missing is not None and tree.zero_is_missing[i]:
            return Case(((_left_or_zero(column, edge, missing_left), left),), right)
        return _split(column, edge, left, right, missing_left=missing_left)

    return node(0)


def _split(column: Expr, edge: float, left: Expr, right: Expr, *, missing_left: bool) -> Expr:
    """Left up to the edge, right above it; a missing value goes where it went in training."""
    if left == right:
        return left
    if missing_left:
        return Case(((Compare(">", column, number(edge)), right),), left)
    return Case(((Compare("<=", column, number(edge)), left),), right)


def _left_or_zero(column: Expr, edge: float, missing_left: bool) -> Expr:
    """Whether a row goes left if 0 counts as missing."""
    below, size = Compare("<=", column, number(edge)), Call("abs", (column,))
    if missing_left:
        return any_of([IsNull(column), Compare("<=", size, number(ZERO)), below])
    return all_of([below, Compare(">", size, number(ZERO))])


def _by_category(column: Expr, split: CategorySplit, left: Expr, right: Expr) -> Expr:
    """One side for the listed codes, the other for everything else."""
    if left == right:
        return left
    named, other = (left, right) if split.named_left else (right, left)
    if not split.codes:
        return other
    codes = tuple(number(float(code)) for code in split.codes)
    return Case(((In(column, codes), named),), other)


def grouped(
    b: Builder, ensemble: Ensemble, values: Sequence[Value], leaf: Callable[[float], Expr] = number
) -> list[list[Expr]]:
    """The trees that add to each output, in their order."""
    terms: list[list[Expr]] = [[] for _ in ensemble.base]
    for tree, group in zip(ensemble.trees, ensemble.groups, strict=True):
        terms[group].append(tree_of(b, tree, values, leaf))
    return terms


def boosted(b: Builder, ensemble: Ensemble, values: Sequence[Value]) -> list[Expr]:
    """The start of each output plus its trees, added in order, as a column."""
    return [
        b.bind(b.sum([number(start), *terms], "boosted"), "raw")
        for start, terms in zip(ensemble.base, grouped(b, ensemble, values), strict=True)
    ]


def decision_tree(b: Builder, estimator: Any, values: list[Value], method: str) -> Scores:
    """One tree."""
    return _forest(b, estimator, [estimator], values)


def forest(b: Builder, estimator: Any, values: list[Value], method: str) -> Scores:
    """The mean of the trees, summed in their order."""
    return _forest(b, estimator, estimator.estimators_, values)


def _forest(b: Builder, estimator: Any, trees: Sequence[Any], values: list[Value]) -> Scores:
    """The share of each class, with two classes only the second's; or each output of a regression.

    Of several labels, the share of the second class of each.
    """
    numbers_only(b, estimator, values)
    has_classes = hasattr(estimator, "classes_")
    several_labels = has_classes and estimator.n_outputs_ != 1
    if several_labels and not has_two_classes(estimator):
        raise b.refuse(estimator, OTHER_CLASSES)
    ensemble = sklearn.forest(trees)
    outputs = len(ensemble.base)
    wanted = range(1, outputs, 2) if several_labels or (has_classes and outputs == 2) else range(outputs)
    made = tuple(
        mean(b, [tree_of(b, tree, values, output=k) for tree in ensemble.trees], "forest") for k in wanted
    )
    if several_labels:
        return of_labels([Scores((share,), bounded=True) for share in made])
    return Scores(made, bounded=True)


def boosting(b: Builder, estimator: Any, values: list[Value], method: str) -> Scores:
    """The initial score and the trees on top of it, through the inverse of the loss's link."""
    numbers_only(b, estimator, values)
    init = estimator.init_
    if not (isinstance(init, str) and init == "zero") and not name_of(init).startswith("sklearn.Dummy"):
        raise b.refuse(estimator, f"its init is a {type(init).__name__}")
    start = estimator._raw_predict_init(np.zeros((1, estimator.n_features_in_), dtype=np.float32))[0]
    raw = boosted(b, sklearn.boosting(estimator, start), values)
    if method in ("decision_function", "predict"):
        return Scores(tuple(raw), zero_is_second=True, bounded=True)
    if len(raw) > 1:
        return Scores(softmax(b, raw), tuple(raw), bounded=True)
    link = multiply(raw[0], 2.0) if estimator.loss == "exponential" else raw[0]
    return Scores((sigmoid(b, link),), tuple(raw), zero_is_second=True, bounded=True)
