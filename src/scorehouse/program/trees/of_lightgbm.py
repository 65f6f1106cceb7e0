"""LightGBM: compares doubles; three ways to treat missing values, and categories by their codes.

The links of its objectives are computed like its C++ code.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from scorehouse.program.links import Link
from scorehouse.program.trees.tree import LEAF, ZERO, CategorySplit, Ensemble, Read, Recipe, Refuse, Tree

DUMP_LIMIT = 1e300
LOG_LINK = ("poisson", "gamma", "tweedie")
# objectives whose scores are returned unchanged
IDENTITY = (
    "regression",
    "regression_l1",
    "huber",
    "fair",
    "quantile",
    "mape",
    "lambdarank",
    "rank_xendcg",
)
REGRESSIONS = {
    **dict.fromkeys(LOG_LINK, Link("lightgbm_power")),
    **dict.fromkeys(IDENTITY, Link("first")),
}


def classifier(estimator: Any, refuse: Refuse) -> Read:
    """Binary by the sigmoid, multiclass by the softmax."""
    ensemble, categories, objective, settings = _boosting(estimator, refuse)
    slope = next((float(s.partition(":")[2]) for s in settings if s.startswith("sigmoid:")), 1.0)
    links: dict[str, tuple[str, tuple[float, ...]]] = {
        "binary": ("lightgbm_binary", (slope,)),
        "multiclass": ("lightgbm_softmax", ()),
    }
    if objective not in links or callable(estimator._objective):
        raise refuse(estimator, f"with objective {objective!r} it has no equivalent in native code")
    kind, numbers = links[objective]
    outputs = {
        "predict_proba": Link(kind, numbers),
        "predict": Link(f"{kind}_labels", numbers, is_label=True),
    }
    if hasattr(estimator, "decision_function") and not ensemble.average:  # since 4.7, never averaged
        outputs["decision_function"] = Link("decisions")
    return ensemble, Recipe(outputs, categories=categories)


def regressor(estimator: Any, refuse: Refuse) -> Read:
    """A number, through the objective's link."""
    ensemble, categories, objective, settings = _boosting(estimator, refuse)
    if callable(estimator._objective) or "sqrt" in settings:
        raise refuse(
            estimator, f"its objective {' '.join([objective, *settings])!r} has no equivalent in native code"
        )
    if objective not in REGRESSIONS:
        raise refuse(estimator, f"with objective {objective!r} it has no equivalent in native code")
    return ensemble, Recipe({"predict": REGRESSIONS[objective]}, categories=categories)


def _boosting(estimator: Any, refuse: Refuse) -> tuple[Ensemble, tuple[tuple[Any, ...], ...], str, list[str]]:
    """The trees up to the best iteration, the categories in the training frame, the objective, its settings.

    Raises the error from `refuse(estimator, problem)` for linear models in the leaves.
    """
    dump = estimator.booster_.dump_model()
    objective, *settings = str(dump.get("objective", "")).split() or [""]
    per_stage = int(dump["num_tree_per_iteration"])
    roots = [tree["tree_structure"] for tree in dump["tree_info"]]
    if any("leaf_coeff" in node for root in roots for node in _in_order(root)):
        raise refuse(estimator, "its leaves hold linear models")
    _restore_infinite(estimator, roots)
    ensemble = Ensemble(
        trees=tuple(map(_tree, roots)),
        groups=tuple(i % per_stage for i in range(len(roots))),
        base=(0.0,) * per_stage,
        average=bool(dump.get("average_output")),
    )
    return ensemble, tuple(map(tuple, dump.get("pandas_categorical") or ())), objective, settings


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
