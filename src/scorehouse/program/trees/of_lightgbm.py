"""LightGBM: compares doubles; three ways to treat missing values, and categories by their codes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from scorehouse.program.trees.tree import LEAF, ZERO, CategorySplit, Ensemble, Tree

DUMP_LIMIT = 1e300


@dataclass(frozen=True)
class Boosted:
    """A booster: its trees, its objective with settings, and the categories in the training frame."""

    ensemble: Ensemble
    objective: str
    settings: tuple[str, ...]
    frame_categories: tuple[tuple[Any, ...], ...]


def boosting(estimator: Any, refuse: Callable[[Any, str], Exception]) -> Boosted:
    """Read the booster's own dump, up to its best iteration.

    Raises the error from `refuse(estimator, problem)` for linear models in the leaves.
    """
    dump = estimator.booster_.dump_model()
    objective, *settings = str(dump.get("objective", "")).split() or [""]
    per_stage = int(dump["num_tree_per_iteration"])
    roots = [tree["tree_structure"] for tree in dump["tree_info"]]
    if any("leaf_coeff" in node for root in roots for node in _in_order(root)):
        raise refuse(estimator, "its leaves hold linear models")
    _restore_infinite(estimator, roots)
    trees = tuple(_tree(root) for root in roots)
    ensemble = Ensemble(
        trees=trees,
        groups=tuple(i % per_stage for i in range(len(trees))),
        base=(0.0,) * per_stage,
        average=bool(dump.get("average_output")),
    )
    categories = tuple(map(tuple, dump.get("pandas_categorical") or ()))
    return Boosted(ensemble, objective, tuple(settings), categories)


def _tree(root: dict[str, Any]) -> Tree:
    nodes = _in_order(root)
    places = {id(node): i for i, node in enumerate(nodes)}
    inner = [(i, node) for i, node in enumerate(nodes) if "split_feature" in node]
    count = len(nodes)
    tree = Tree(
        feature=np.zeros(count, dtype=np.int64),
        edge=np.zeros(count),
        left=np.full(count, LEAF, dtype=np.int64),
        right=np.full(count, LEAF, dtype=np.int64),
        missing_left=np.zeros(count, dtype=bool),
        value=np.array([[float(node.get("leaf_value", 0.0))] for node in nodes]),
        cover=np.array([float(node.get("internal_count", node.get("leaf_count", 0))) for node in nodes]),
        zero_is_missing=np.zeros(count, dtype=bool),
        categories={i: _split(node) for i, node in inner if node["decision_type"] == "=="},
    )
    for i, node in inner:
        tree.feature[i] = node["split_feature"]
        tree.left[i], tree.right[i] = places[id(node["left_child"])], places[id(node["right_child"])]
        if i not in tree.categories:
            tree.edge[i] = _edge(float(node["threshold"]))
            tree.missing_left[i] = _missing_left(node)
            tree.zero_is_missing[i] = node["missing_type"] == "Zero"  # type: ignore[index]
    return tree


def _restore_infinite(estimator: Any, roots: list[dict[str, Any]]) -> None:
    """Restore thresholds from the booster's text: its JSON dump cuts them off at 1e300."""
    cut = [
        (number, node)
        for number, root in enumerate(roots)
        for node in _in_order(root)
        if node.get("decision_type") == "<=" and abs(float(node["threshold"])) >= DUMP_LIMIT
    ]
    if not cut:
        return
    trees = estimator.booster_.model_to_string().split("\nTree=")[1:]
    for number, node in cut:
        line = next(line for line in trees[number].splitlines() if line.startswith("threshold="))
        node["threshold"] = float(line.partition("=")[2].split()[node["split_index"]])


def _in_order(root: dict[str, Any]) -> list[dict[str, Any]]:
    """All nodes, the root first, without recursion, since leaf-wise trees may be deep."""
    nodes, waiting = [], [root]
    while waiting:
        node = waiting.pop()
        nodes.append(node)
        if "split_feature" in node:
            waiting += [node["right_child"], node["left_child"]]
    return nodes


def _split(node: dict[str, Any]) -> CategorySplit:
    return CategorySplit(tuple(int(code) for code in str(node["threshold"]).split("||")), named_left=True)


def _edge(threshold: float) -> float:
    """The edge of a threshold: LightGBM reads values near zero as 0, so it may be the edge of that zone."""
    if -ZERO <= threshold < 0.0:
        return float(np.nextafter(-ZERO, -np.inf))
    return ZERO if 0.0 <= threshold <= ZERO else threshold


def _missing_left(node: dict[str, Any]) -> bool:
    if node["missing_type"] == "None":  # then NaN is read as 0
        return float(node["threshold"]) >= 0.0
    return bool(node["default_left"])
