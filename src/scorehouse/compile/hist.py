"""Histogram gradient boosting: compares doubles, has categories, and sends missing values its own way."""

from __future__ import annotations

from typing import Any

import numpy as np

from scorehouse.compile.builder import Builder, Value
from scorehouse.compile.compose import transform
from scorehouse.compile.scale import numbers_only
from scorehouse.compile.scores import Scores, exponential, sigmoid, softmax
from scorehouse.compile.tree import Case, Expr, In, number
from scorehouse.compile.trees import split


def boosting(b: Builder, estimator: Any, values: list[Value], method: str) -> Scores:
    """The baseline and the trees on top of it, through the inverse of the loss's link."""
    values = _preprocessed(b, estimator, values)
    numbers_only(b, estimator, values)
    known = _known_categories(estimator)
    raw = []
    for k, baseline in enumerate(np.ravel(estimator._baseline_prediction)):
        trees = [_tree(b, stage[k], values, known) for stage in estimator._predictors]
        raw.append(b.bind(b.sum([number(float(baseline)), *trees], "boosted"), "raw"))
    if method == "decision_function":
        return Scores(tuple(raw), bounded=True)
    if method == "predict":
        log = type(estimator._loss.link).__name__ == "LogLink"
        return Scores((exponential(b, raw[0]) if log else raw[0],))
    made = (sigmoid(b, raw[0]),) if len(raw) == 1 else softmax(b, raw)
    return Scores(made, tuple(raw), bounded=True)


def _preprocessed(b: Builder, estimator: Any, values: list[Value]) -> list[Value]:
    """Categories as codes in front, numbers behind, as the trees know them."""
    if getattr(estimator, "_preprocessor", None) is None:
        return values
    is_categorical = np.asarray(estimator.is_categorical_, dtype=bool)
    encoder = estimator._preprocessor.named_transformers_["encoder"]
    chosen = [value for value, flag in zip(values, is_categorical, strict=True) if flag]
    numbers = [value for value, flag in zip(values, is_categorical, strict=True) if not flag]
    with b.inside("categorical_features"):
        return [*transform(b, encoder, chosen), *numbers]


def _known_categories(estimator: Any) -> dict[int, frozenset[int]]:
    """Codes that training has shown, by column."""
    bitsets, columns = estimator._bin_mapper.make_known_categories_bitsets()
    if estimator._is_categorical_remapped is None:
        return {}
    positions = np.flatnonzero(estimator._is_categorical_remapped)
    return {int(i): _members(bitsets[columns[i]]) for i in positions}


def _members(bitset: Any) -> frozenset[int]:
    return frozenset(32 * i + j for i, word in enumerate(bitset) for j in range(32) if int(word) >> j & 1)


def _tree(b: Builder, predictor: Any, values: list[Value], known: dict[int, frozenset[int]]) -> Expr:
    nodes = predictor.nodes
    b.count_nodes(len(nodes), int(nodes["depth"].max()))

    def build(i: int) -> Expr:
        node = nodes[i]
        if node["is_leaf"]:
            return number(float(node["value"]))
        position = int(node["feature_idx"])
        value = values[position]
        column = b.bind(value.expr, value.name)
        left, right = build(int(node["left"])), build(int(node["right"]))
        missing_left = bool(node["missing_go_to_left"])
        if node["is_categorical"]:
            members = _members(predictor.raw_left_cat_bitsets[node["bitset_idx"]])
            return _category_split(column, members, known[position], left, right, missing_left)
        threshold = float(node["num_threshold"])
        b.probe(value, threshold)
        return split(column, threshold, left, right, missing_left=missing_left)

    return build(0)


def _category_split(
    column: Expr,
    members: frozenset[int],
    known: frozenset[int],
    left: Expr,
    right: Expr,
    missing_left: bool,
) -> Expr:
    """Members go left, other known categories right, all else where a missing value goes."""
    if left == right:
        return left
    codes = sorted(known - members) if missing_left else sorted(members)
    named, other = (right, left) if missing_left else (left, right)
    if not codes:
        return other
    return Case(((In(column, tuple(number(float(code)) for code in codes)), named),), other)
