"""Trees of scikit-learn's `tree_` kind, which round each value to float32 before they compare it.

Instead of rounding the value, the edge is moved to match the rounding: this is exact for every double.

Histogram gradient boosting: compares doubles, has categories, and routes missing values per split.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from scorehouse.program.trees.tree import CategorySplit, Ensemble, Tree, float32_edges


def tree_of(tree: Any, value: Any = None, features: Any = None) -> Tree:
    """One `tree_`, with its own values of shape (nodes, outputs) or the given ones.

    `features` maps its features to the ensemble's features, if it was fitted on only some of them.
    """
    leaf = tree.children_left == tree.children_right
    feature = np.where(leaf, 0, tree.feature)
    return Tree(
        feature=feature if features is None else np.asarray(features)[feature],
        edge=float32_edges(np.where(leaf, 0.0, tree.threshold)),
        left=np.where(leaf, -1, tree.children_left),
        right=np.where(leaf, -1, tree.children_right),
        missing_left=np.asarray(tree.missing_go_to_left, dtype=bool),
        value=_values(tree) if value is None else np.asarray(value, dtype=np.float64).reshape(len(leaf), -1),
        cover=np.asarray(tree.weighted_n_node_samples, dtype=np.float64),
    )


def _values(tree: Any) -> np.ndarray:
    """What a node says, of shape (nodes, outputs): the share of each class, or a number for each output.

    Of several labels, it is the share of each class of each label.
    """
    return np.asarray(tree.value).reshape(len(tree.value), -1)


def boosting(estimator: Any, start: Any) -> Ensemble:
    """GradientBoosting on top of `start`, one number per output."""
    rate, stages = estimator.learning_rate, estimator.estimators_
    return Ensemble(
        trees=tuple(
            tree_of(stage.tree_, rate * stage.tree_.value[:, 0, 0]) for row in stages for stage in row
        ),
        groups=tuple(range(stages.shape[1])) * stages.shape[0],
        base=tuple(float(part) for part in start),
        rounds_inputs=True,
    )


def forest(trees: Any, columns: Any = None) -> Ensemble:
    """A mean of trees, or one tree; `columns` are those that each tree reads, if it does not read all."""
    columns = [None] * len(trees) if columns is None else columns
    read = tuple(tree_of(tree.tree_, None, own) for tree, own in zip(trees, columns, strict=True))
    outputs = read[0].value.shape[1]
    return Ensemble(
        trees=read,
        groups=(0,) * len(read),
        base=(0.0,) * outputs,
        average=len(read) > 1,
        rounds_inputs=True,
    )


def votes(estimator: Any, trees: Any) -> Ensemble:
    """AdaBoost: each tree adds its weight to the class that it names, and takes its share off the others."""
    total, classes = estimator.estimator_weights_.sum(), estimator.classes_
    read = []
    for tree, weight in zip(trees, estimator.estimator_weights_, strict=False):
        named = tree.classes_[np.argmax(_values(tree.tree_), axis=1)][:, None] == classes
        value = np.where(named, weight, -1 / (len(classes) - 1) * weight) / total
        value = value[:, 1:] - value[:, :1] if len(classes) == 2 else value
        read.append(tree_of(tree.tree_, value))
    return Ensemble(
        trees=tuple(read),
        groups=(0,) * len(read),
        base=(0.0,) * read[0].value.shape[1],
        rounds_inputs=True,
    )


def isolation(estimator: Any) -> Ensemble:
    """The sum of the depths of an isolation forest's leaves, with the terms that it adds itself."""
    all_features = estimator._max_features == estimator.n_features_in_
    trees = tuple(
        tree_of(one.tree_, lengths + averages - 1.0, None if all_features else features)
        for one, features, lengths, averages in zip(
            estimator.estimators_,
            estimator.estimators_features_,
            estimator._decision_path_lengths,
            estimator._average_path_length_per_tree,
            strict=True,
        )
    )
    return Ensemble(trees=trees, groups=(0,) * len(trees), base=(0.0,), rounds_inputs=True)


def histogram_boosting(estimator: Any) -> Ensemble:
    """The baseline and the trees on top of it; columns are numbered after the estimator's preprocessor."""
    known = _known_categories(estimator)
    return Ensemble(
        trees=tuple(_tree(one, known) for stage in estimator._predictors for one in stage),
        groups=tuple(k for stage in estimator._predictors for k in range(len(stage))),
        base=tuple(float(part) for part in np.ravel(estimator._baseline_prediction)),
    )


def _tree(predictor: Any, known: dict[int, frozenset[int]]) -> Tree:
    nodes = predictor.nodes
    leaf = nodes["is_leaf"].astype(bool)
    by_category = np.flatnonzero(nodes["is_categorical"].astype(bool) & ~leaf)
    return Tree(
        feature=np.where(leaf, 0, nodes["feature_idx"]).astype(np.int64),
        edge=nodes["num_threshold"].astype(np.float64),
        left=np.where(leaf, -1, nodes["left"].astype(np.int64)),
        right=np.where(leaf, -1, nodes["right"].astype(np.int64)),
        missing_left=nodes["missing_go_to_left"].astype(bool),
        value=nodes["value"].astype(np.float64).reshape(-1, 1),
        cover=nodes["count"].astype(np.float64),
        categories={int(i): _split(predictor, nodes[i], known) for i in by_category},
    )


def _split(predictor: Any, node: Any, known: dict[int, frozenset[int]]) -> CategorySplit:
    """Members go left, other known categories right, everything else where missing values go."""
    members = _members(predictor.raw_left_cat_bitsets[node["bitset_idx"]])
    if node["missing_go_to_left"]:
        return CategorySplit(tuple(sorted(known[int(node["feature_idx"])] - members)), named_left=False)
    return CategorySplit(tuple(sorted(members)), named_left=True)


def _known_categories(estimator: Any) -> dict[int, frozenset[int]]:
    """The codes that occurred in training, by column."""
    bitsets, columns = estimator._bin_mapper.make_known_categories_bitsets()
    if estimator._is_categorical_remapped is None:
        return {}
    positions = np.flatnonzero(estimator._is_categorical_remapped)
    return {int(i): _members(bitsets[columns[i]]) for i in positions}


def _members(bitset: Any) -> frozenset[int]:
    return frozenset(32 * i + j for i, word in enumerate(bitset) for j in range(32) if int(word) >> j & 1)
