"""LightGBM: compares doubles; three ways to treat missing values, and categories by their codes."""

from __future__ import annotations

from typing import Any

import numpy as np

from scorehouse.compile.builder import Builder, Value
from scorehouse.compile.scale import numbers_only
from scorehouse.compile.scores import Scores, exponential, mean, sigmoid, softmax
from scorehouse.compile.tree import Call, Case, Compare, Expr, In, IsNull, all_of, any_of, multiply, number

ZERO = float(np.float32(1e-35))  # LightGBM's kZeroThreshold: what is nearer to 0 counts as 0
LOG_LINK = ("poisson", "gamma", "tweedie")


def boosting(b: Builder, estimator: Any, values: list[Value], method: str) -> Scores:
    """The sum of the trees, through the objective's link."""
    numbers_only(b, estimator, values)
    dump = estimator.booster_.dump_model()
    if dump.get("pandas_categorical"):
        raise b.refuse(estimator, "it was fitted on columns of dtype category; encode them in the pipeline")
    objective, *settings = str(dump.get("objective", "")).split()
    per_stage = int(dump["num_tree_per_iteration"])
    trees = [_tree(b, tree, values) for tree in dump["tree_info"]]
    average = bool(dump.get("average_output"))
    raw = []
    for k in range(per_stage):
        terms = trees[k::per_stage]
        total = mean(b, terms, "boosted") if average else b.sum(terms, "boosted")
        raw.append(b.bind(total, "raw"))
    if method == "predict":
        return Scores((_regression(b, estimator, objective, settings, raw[0]),))
    if method != "predict_proba" or estimator.objective_ not in ("binary", "multiclass"):
        raise b.refuse(estimator, f"with objective {objective!r} it has no form of {method}")
    if objective == "binary":
        slope = next((float(s.partition(":")[2]) for s in settings if s.startswith("sigmoid:")), 1.0)
        return Scores((sigmoid(b, multiply(raw[0], slope)),), bounded=True)
    return Scores(softmax(b, raw), bounded=True)


def _regression(b: Builder, estimator: Any, objective: str, settings: list[str], raw: Expr) -> Expr:
    if objective in LOG_LINK:
        return exponential(b, raw)
    if "sqrt" in settings or objective.startswith("cross_entropy"):
        raise b.refuse(estimator, f"its objective {' '.join([objective, *settings])!r} has no form in SQL")
    return raw


def _tree(b: Builder, tree: dict[str, Any], values: list[Value]) -> Expr:
    b.count_nodes(2 * int(tree["num_leaves"]) - 1, _depth(tree["tree_structure"]))

    def build(node: dict[str, Any]) -> Expr:
        if "split_feature" not in node:
            return number(float(node["leaf_value"]))
        value = values[int(node["split_feature"])]
        column = b.bind(value.expr, value.name)
        left, right = build(node["left_child"]), build(node["right_child"])
        if left == right:
            return left
        if node["decision_type"] == "==":
            codes = tuple(number(float(code)) for code in str(node["threshold"]).split("||"))
            return Case(((In(_code(column), codes), left),), right)
        b.probe(value, float(node["threshold"]))
        return Case(((_goes_left(column, node), left),), right)

    return build(tree["tree_structure"])


def _depth(node: dict[str, Any]) -> int:
    if "split_feature" not in node:
        return 0
    return 1 + max(_depth(node["left_child"]), _depth(node["right_child"]))


def _code(column: Expr) -> Expr:
    """A category's code: LightGBM cuts fractions off; negative and missing ones match no category."""
    return Call("floor", (column,))


def _read_threshold(threshold: float) -> float:
    """LightGBM reads a value near zero as 0: a threshold near zero lies at the edge of that zone."""
    if -ZERO <= threshold < 0.0:
        return float(np.nextafter(-ZERO, -np.inf))
    return ZERO if 0.0 <= threshold <= ZERO else threshold


def _goes_left(column: Expr, node: dict[str, Any]) -> Expr:
    threshold = _read_threshold(float(node["threshold"]))
    below = Compare("<=", column, number(threshold))
    default_left = bool(node["default_left"])
    missing = node["missing_type"]
    if missing == "NaN":
        if default_left:
            return any_of([IsNull(column), below])
        return below
    if missing == "Zero":
        near_zero = Compare("<=", Call("abs", (column,)), number(ZERO))
        if default_left:
            return any_of([IsNull(column), near_zero, below])
        above = Compare(">", Call("abs", (column,)), number(ZERO))
        return all_of([below, above])
    return any_of([IsNull(column), below]) if threshold >= 0.0 else below  # NaN is read as 0
