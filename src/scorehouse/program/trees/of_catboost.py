"""CatBoost: symmetric trees over float32 values, and single categories by the hash of their text.

A tree has one split at each of its levels, whose answers are the bits of a leaf's place.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from scorehouse.program.links import Link
from scorehouse.program.trees.tree import (
    LEAF,
    CategorySplit,
    Ensemble,
    Read,
    Recipe,
    Refuse,
    Tree,
    float32_edges,
)

Outputs = Mapping[str, Link]
FIRST, LABELS = Link("first"), Link("above_zero", is_label=True)
CLASSIFICATIONS: Mapping[str, Outputs] = {
    loss: {"predict_proba": Link("shares"), "predict": LABELS}
    for loss in ("Logloss", "CrossEntropy", "MultiClass")
}
REGRESSIONS: Mapping[str, Outputs] = {
    loss: {"predict": link}
    for link, losses in (
        (FIRST, ("RMSE", "MAE", "Quantile", "MAPE", "Huber", "Expectile", "LogCosh", "Lq")),
        (Link("power"), ("Poisson", "Tweedie")),
    )
    for loss in losses
}
RANKINGS: Mapping[str, Outputs] = {
    loss: {"predict": FIRST}
    for loss in (
        "YetiRank",
        "YetiRankPairwise",
        "QueryRMSE",
        "QuerySoftMax",
        "PairLogit",
        "PairLogitPairwise",
    )
}


def boosted(objectives: Mapping[str, Outputs], estimator: Any, refuse: Refuse) -> Read:
    """Read CatBoost's own JSON.

    Raises the error from `refuse(estimator, problem)` for trees that are not symmetric, for splits by what
    targets categories have, and for a loss that is none of `objectives`.
    """
    model = _model(estimator)
    if "oblivious_trees" not in model:
        raise refuse(estimator, "its trees are not symmetric (grow_policy)")
    loss = _loss(model)
    if loss not in objectives:
        raise refuse(estimator, f"with the loss {loss!r} it has no equivalent in native code")
    kinds = {split["split_type"] for tree in model["oblivious_trees"] for split in tree["splits"] or ()}
    if others := kinds - {"FloatFeature", "OneHotFeature"}:
        raise refuse(
            estimator,
            f"it splits by {', '.join(sorted(others))}, statistics of categories; train it with "
            "one_hot_max_size of at least their number, or encode them in the pipeline",
        )
    info = model["features_info"]
    floats = {one["feature_index"]: one for one in info.get("float_features") or ()}
    texts = {one["feature_index"]: one for one in info.get("categorical_features") or ()}
    scale, bias = model["scale_and_bias"]
    trees = tuple(_tree(tree, floats, texts, float(scale)) for tree in model["oblivious_trees"])
    outputs = trees[0].value.shape[1] if trees else 1
    ensemble = Ensemble(
        trees=trees,
        groups=(0,) * len(trees),
        base=tuple(np.broadcast_to(np.ravel(np.asarray(bias, dtype=np.float64)), outputs).tolist()),
        rounds_inputs=True,
    )
    hashes = {one["flat_feature_index"]: _hashes(one) for one in texts.values()}
    return ensemble, Recipe(objectives[loss], hashes=hashes, takes_numbers=not hashes)


def _model(estimator: Any) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.json"
        estimator.save_model(str(file), format="json")
        return dict(json.loads(file.read_text(encoding="utf-8")))


def _loss(model: dict[str, Any]) -> str:
    params = model["model_info"]["params"]
    params = json.loads(params) if isinstance(params, str) else params
    return str(params["loss_function"]["type"])


def _tree(tree: dict[str, Any], floats: Mapping[int, Any], texts: Mapping[int, Any], scale: float) -> Tree:
    """The last split first, so that leaves stand in the order of their bits."""
    splits = (tree["splits"] or ())[::-1]
    leaves, inner = 2 ** len(splits), 2 ** len(splits) - 1
    level = np.repeat(np.arange(len(splits)), 2 ** np.arange(len(splits)))
    numeric = [split["split_type"] == "FloatFeature" for split in splits]
    given = [
        floats[split["float_feature_index"]] if is_float else texts[split["cat_feature_index"]]
        for split, is_float in zip(splits, numeric, strict=True)
    ]
    borders = np.array([np.float32(split.get("border", 0.0)) for split in splits], dtype=np.float64)
    of_level = (
        np.array([one["flat_feature_index"] for one in given], dtype=np.int64),
        float32_edges(borders),
        np.array([one.get("nan_value_treatment") != "AsTrue" for one in given], dtype=bool),
    )
    feature, edge, missing_left = (
        np.concatenate([own[level], np.zeros(leaves, dtype=own.dtype)]) for own in of_level
    )
    values = np.asarray(tree["leaf_values"], dtype=np.float64).reshape(leaves, -1) * scale
    cover = np.zeros(inner + leaves)
    cover[inner:] = tree.get("leaf_weights") or 0.0
    for node in range(inner - 1, -1, -1):
        cover[node] = cover[2 * node + 1] + cover[2 * node + 2]
    nodes = np.arange(inner + leaves)
    return Tree(
        feature=feature,
        edge=edge,
        left=np.where(nodes < inner, 2 * nodes + 1, LEAF),
        right=np.where(nodes < inner, 2 * nodes + 2, LEAF),
        missing_left=missing_left,
        value=np.concatenate([np.zeros((inner, values.shape[1])), values]),
        cover=cover,
        categories={
            node: CategorySplit((_hashes(given[own]).index(splits[own]["value"] % 2**32),), named_left=False)
            for node, own in enumerate(level.tolist())
            if not numeric[own]
        },
    )


def _hashes(feature: Mapping[str, Any]) -> tuple[int, ...]:
    """The hashes that splits by a feature name, whose places are codes."""
    return tuple(value % 2**32 for value in feature.get("values") or ())
