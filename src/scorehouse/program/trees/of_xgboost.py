"""XGBoost: everything is float32, the values, the thresholds and the sums; categories by their codes.

The links of its objectives are computed like its C++ code.
"""

from __future__ import annotations

import ctypes
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from scorehouse.program.links import Link
from scorehouse.program.trees.tree import CategorySplit, Ensemble, Read, Recipe, Refuse, Tree, float32_edges

LOG_LINK = ("count:poisson", "reg:gamma", "reg:tweedie")
# objectives whose scores are returned unchanged
IDENTITY = (
    "reg:squarederror",
    "reg:absoluteerror",
    "reg:pseudohubererror",
    "reg:quantileerror",
    "rank:pairwise",
    "rank:ndcg",
    "rank:map",
)
Outputs = Mapping[str, Link]
# the links of each objective: binary by the sigmoid, multiclass by the softmax
CLASSIFICATIONS: Mapping[str, Outputs] = {
    objective: {"predict_proba": Link(kind), "predict": Link(f"{kind}_labels", is_label=True)}
    for objective, kind in (("binary:logistic", "xgboost_binary"), ("multi:softprob", "xgboost_softmax"))
}
REGRESSIONS: Mapping[str, Outputs] = {
    objective: {"predict": Link(kind)}
    for kind, objectives in (("xgboost_power", LOG_LINK), ("single", IDENTITY))
    for objective in objectives
}


def boosted(objectives: Mapping[str, Outputs], estimator: Any, refuse: Refuse) -> Read:
    """Read the booster's own JSON, up to its best iteration if early stopping found one.

    Raises the error from `refuse(estimator, problem)` for a booster of another kind, or whose objective is
    none of `objectives`.
    """
    if not np.isnan(estimator.missing):
        raise refuse(
            estimator, f"it takes {estimator.missing!r} as missing; only NaN has an equivalent in native code"
        )
    model = json.loads(estimator.get_booster().save_raw("json").decode())["learner"]
    booster = model["gradient_booster"]
    if booster["name"] not in ("gbtree", "dart"):
        raise refuse(estimator, f"its booster is {booster['name']!r}")
    if int(model["learner_model_param"].get("num_target", 1)) > 1:
        raise refuse(estimator, "it has several outputs per row")
    objective = model["objective"]["name"]
    forest = booster.get("gbtree", booster)["model"]
    per_class = max(1, int(model["learner_model_param"]["num_class"]))
    pairs = _used_trees(estimator, forest, per_class)
    categories = _categories(estimator, forest, refuse)
    if objective not in objectives:
        raise refuse(estimator, f"with objective {objective!r} it has no equivalent in native code")
    # of `dart`, which drops trees while it learns; 3.4 calls that booster gbtree too
    weights = booster.get("weight_drop")
    base = _base_margins(model, objective, per_class)
    ensemble = Ensemble(
        trees=tuple(
            _tree(tree, weights and (weights[place], base[int(group)]), categories)
            for place, (tree, group) in enumerate(pairs)
        ),
        groups=tuple(int(group) for _, group in pairs),
        base=tuple(base),
        rounds_inputs=True,
        single=True,
    )
    # with categories, it takes no codes where it was given a frame
    known = tuple(categories.values())
    return ensemble, Recipe(objectives[objective], categories=known, takes_numbers=not known)


def _categories(estimator: Any, forest: dict[str, Any], refuse: Refuse) -> dict[int, tuple[Any, ...]]:
    """The categories of the columns of dtype category that it was trained on; their places are codes."""
    types = estimator.get_booster().feature_types or []
    if "c" not in types:
        return {}
    found: dict[int, tuple[Any, ...]] = {}
    for place, kept in enumerate(forest.get("cats", {}).get("enc", ())):
        values, ends = kept["values"], kept.get("offsets", ())
        if "type" in kept:
            found[place] = tuple(values)
        elif len(ends) > 1:
            if min(values, default=0) < 0:  # it counts their letters, and keeps as many bytes
                raise refuse(estimator, "XGBoost cuts off names of categories that are not ASCII")
            found[place] = tuple(bytes(values[i:j]).decode() for i, j in pairwise(ends))
    if [place for place, type in enumerate(types) if type == "c"] != list(found):
        raise refuse(
            estimator, "its categories are codes; give columns of dtype category to XGBoost from 3.1"
        )
    return found


def _used_trees(estimator: Any, forest: dict[str, Any], per_class: int) -> list[tuple[Any, int]]:
    """The trees and their classes."""
    pairs = list(zip(forest["trees"], forest["tree_info"], strict=True))
    best = getattr(estimator, "best_iteration", None) if estimator.early_stopping_rounds else None
    if best is None:
        return pairs
    parallel = int(forest["gbtree_model_param"]["num_parallel_tree"])
    return pairs[: (best + 1) * per_class * parallel]


def _base_margins(model: dict[str, Any], objective: str, per_class: int) -> list[float]:
    """The base score before the link, in float32."""
    text = str(model["learner_model_param"]["base_score"]).strip("[]")
    given = [np.float32(float(part)) for part in text.split(",")]
    given = given * per_class if len(given) == 1 else given
    if objective.startswith("binary:logistic"):
        return [-_logf(np.float32(1.0) / p - np.float32(1.0)) for p in given]
    if objective in LOG_LINK:
        return [_logf(p) for p in given]
    return [float(p) for p in given]


def _logf(value: np.float32) -> float:
    """The C library's logf, which XGBoost calls; it does not always round to the nearest."""
    library = ctypes.CDLL("ucrtbase" if os.name == "nt" else None)  # Python itself is linked with it
    library.logf.restype, library.logf.argtypes = ctypes.c_float, [ctypes.c_float]
    return float(library.logf(value))


def _tree(
    tree: dict[str, Any], weighted: tuple[float, float] | None, known: Mapping[int, Sequence[Any]]
) -> Tree:
    """Of `dart`, `weighted` is the weight of the tree, and the base score that XGBoost adds it up from."""
    left = np.asarray(tree["left_children"], dtype=np.int64)
    given = np.asarray(tree["split_conditions"], dtype=np.float32)
    leaf = given
    if weighted:
        weight, base = map(np.float32, weighted)
        leaf = ((base + given) - base) * weight
    below = np.nextafter(given, np.float32(-np.inf))  # a value that equals a threshold goes right
    return Tree(
        feature=np.where(left == -1, 0, np.asarray(tree["split_indices"], dtype=np.int64)),
        edge=float32_edges(below.astype(np.float64)),
        left=left,
        right=np.asarray(tree["right_children"], dtype=np.int64),
        missing_left=np.asarray(tree["default_left"], dtype=bool),
        value=leaf.astype(np.float64).reshape(-1, 1),
        cover=np.asarray(tree["sum_hessian"], dtype=np.float64),
        categories=dict(_splits(tree, known)),
    ).reached()  # pruned nodes stay in its arrays


def _splits(tree: dict[str, Any], known: Mapping[int, Sequence[Any]]) -> Iterator[tuple[int, CategorySplit]]:
    """Its categories go right and all others left; what is none of them is missing, as it recodes them."""
    lists = (tree.get(f"categories_{name}") or () for name in ("nodes", "segments", "sizes"))
    for node, start, size in zip(*lists, strict=True):
        right = tree["categories"][start : start + size]
        if tree["default_left"][node]:
            yield int(node), CategorySplit(tuple(sorted(map(int, right))), named_left=False)
        else:
            others = set(range(len(known[int(tree["split_indices"][node])]))) - {*map(int, right)}
            yield int(node), CategorySplit(tuple(sorted(others)), named_left=True)
