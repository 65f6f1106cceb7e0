"""Histogram gradient boosting: compares doubles, has categories, and routes missing values per split."""

from __future__ import annotations

from typing import Any

import numpy as np

from scorehouse.program.trees.tree import CategorySplit, Ensemble, Tree


def boosting(estimator: Any) -> Ensemble:
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
