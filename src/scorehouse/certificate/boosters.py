"""LightGBM and XGBoost: their own files of a booster, and the rules by which their C++ code splits."""

from __future__ import annotations

import json
import os
from ctypes import CDLL, c_float
from typing import Any

import numpy as np

from scorehouse.certificate.forest import ZERO, Forest, NotRead, Side, Tree, forest_of
from scorehouse.certificate.stored_program import facts, reading

Links = dict[str, tuple[str, tuple[float, ...], bool]]  # by method: kind, numbers, whether it gives labels
CATEGORICAL, DEFAULT_LEFT, ZERO_MISSING, NAN_MISSING = 1, 2, 4, 8  # bits of LightGBM's decision_type
POWERS = ("poisson", "gamma", "tweedie")
AS_THEY_ARE = (
    "regression",
    "regression_l1",
    "huber",
    "fair",
    "quantile",
    "mape",
    "lambdarank",
    "rank_xendcg",
)
XGB_POWERS = ("count:poisson", "reg:gamma", "reg:tweedie")
XGB_AS_THEY_ARE = (
    *("reg:squarederror", "reg:absoluteerror", "reg:pseudohubererror", "reg:quantileerror"),
    *("rank:pairwise", "rank:ndcg", "rank:map"),
)


def lightgbm(estimator: Any) -> tuple[Forest, Links]:
    """The text that LightGBM itself saves and loads, up to the best iteration."""
    head, *parts = estimator.booster_.model_to_string().partition("\nend of trees")[0].split("\nTree=")
    settings = _entries(head)
    trees = [_lightgbm_tree(_entries(part)) for part in parts]
    width, average = int(settings["num_tree_per_iteration"]), "average_output" in head.splitlines()
    forest = forest_of(
        trees,
        _lightgbm_rule,
        **facts([i % width for i in range(len(trees))], [0.0] * width, average=average, single=False),
        **reading(missing=True, infinite=True, singles=False),
    )
    objective, *options = settings.get("objective", "none").split()
    if callable(getattr(estimator, "_objective", None)) or "sqrt" in options:
        raise NotRead(f"its objective {settings.get('objective', 'of its own')!r} is not read")
    if not hasattr(estimator, "classes_"):
        return forest, {
            "predict": (_kind(objective, POWERS, AS_THEY_ARE, "lightgbm_power", "first"), (), False)
        }
    slopes = [float(option.partition(":")[2]) for option in options if option.startswith("sigmoid:")]
    kind = _kind(objective, ("binary",), ("multiclass",), "lightgbm_binary", "lightgbm_softmax")
    numbers = (*slopes, 1.0)[:1] if objective == "binary" else ()
    links: Links = {"predict_proba": (kind, numbers, False), "predict": (f"{kind}_labels", numbers, True)}
    return forest, links if average else {**links, "decision_function": ("decisions", (), False)}


def frame_categories(estimator: Any) -> list[list[Any]]:
    """The categories of the columns of dtype category that it was fitted on; their places are codes."""
    if not hasattr(estimator, "booster_"):
        return [*_xgboost_categories(estimator.get_booster()).values()]
    line = estimator.booster_.model_to_string().rpartition("\npandas_categorical:")[2]
    return list(json.loads(line.splitlines()[0] or "null") or [])


def _entries(text: str) -> dict[str, str]:
    pairs = (line.partition("=") for line in text.splitlines())
    return {name: value for name, sign, value in pairs if sign}


def _kind(objective: str, some: tuple[str, ...], others: tuple[str, ...], one: str, other: str) -> str:
    """The link of an objective among `some`, or among `others`."""
    if objective not in (*some, *others):
        raise NotRead(f"its objective {objective!r} is not read")
    return one if objective in some else other


def _lightgbm_rule(values: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    return np.where(np.abs(values) <= ZERO, 0.0, values) <= thresholds


def _lightgbm_tree(entries: dict[str, str]) -> Tree:
    """The splits first, then the leaves; a child below 0 is a leaf, its bits inverted."""
    if entries.get("is_linear", "0") != "0":
        raise NotRead("its leaves hold linear models")
    splits = int(entries["num_leaves"]) - 1

    def numbers(name: str, kind: type = int) -> np.ndarray:
        return np.array([kind(each) for each in entries[name].split()])

    leaves = np.array([float(each) for each in entries["leaf_value"].split()])
    if not splits:
        none = np.array([-1])
        return Tree(none, none, none + 1, none + 1.0, none > 0, leaves.reshape(-1, 1), none + 1.0)
    decisions, thresholds = numbers("decision_type"), numbers("threshold", float)
    sides: dict[int, Side] = {}
    for i in np.flatnonzero(decisions & CATEGORICAL).tolist():
        first, last = numbers_of(entries["cat_boundaries"])[int(thresholds[i]) :][:2]
        words = np.array(numbers_of(entries["cat_threshold"])[first:last], dtype="<u4")
        bits = np.unpackbits(words.view(np.uint8), bitorder="little")
        sides[i] = (False, frozenset(np.flatnonzero(bits).tolist()))
    children = [numbers(name) for name in ("left_child", "right_child")]
    left, right = (np.where(child < 0, splits + ~child, child) for child in children)
    known = (decisions & (ZERO_MISSING | NAN_MISSING)) != 0  # else a missing value is read as 0
    missing = np.where(known, (decisions & DEFAULT_LEFT) != 0, thresholds >= 0.0)
    at_leaves = np.zeros(splits + 1, dtype=np.int64)
    return Tree(
        left=np.concatenate([left, at_leaves - 1]),
        right=np.concatenate([right, at_leaves - 1]),
        feature=np.concatenate([numbers("split_feature"), at_leaves]),
        threshold=np.concatenate([thresholds, at_leaves]),
        missing_left=np.concatenate([missing, at_leaves > 0]),
        value=np.concatenate([np.zeros(splits), leaves]).reshape(-1, 1),
        cover=np.concatenate([numbers("internal_count"), numbers("leaf_count")]),
        zero=np.concatenate([(decisions & (ZERO_MISSING | CATEGORICAL)) == ZERO_MISSING, at_leaves > 0]),
        categories=sides,
    )


def numbers_of(text: str) -> list[int]:
    """Whole numbers between blanks."""
    return [int(each) for each in text.split()]


def xgboost(estimator: Any) -> tuple[Forest, Links]:
    """The JSON that XGBoost itself saves and loads, up to the best iteration; all numbers are float32."""
    learner = json.loads(bytes(estimator.get_booster().save_raw("json")))["learner"]
    booster, objective = learner["gradient_booster"], learner["objective"]["name"]
    inner = booster.get("gbtree", booster)
    if "model" not in inner or int(learner["learner_model_param"].get("num_target", 1)) > 1:
        raise NotRead(f"its booster {booster['name']!r}, or its number of outputs, is not read")
    if not np.isnan(estimator.missing):
        raise NotRead(f"it takes {estimator.missing} as missing")
    model = inner["model"]
    last = estimator._get_iteration_range(None)[1]
    count = model["iteration_indptr"][last] if last else len(model["trees"])
    weights = booster.get("weight_drop")  # of `dart`
    outputs = max(1, int(learner["learner_model_param"]["num_class"]))
    starts = _starts(learner, objective, outputs)
    if weights and any(starts):  # added to the leaf of each tree and taken off again before the weight
        raise NotRead(
            "the sums of dart, which start at another number than 0 and round on the way, are not read"
        )
    known = _xgboost_categories(estimator.get_booster())
    trees = [
        _xgboost_tree(tree, weight, known)
        for tree, weight in zip(model["trees"][:count], weights or [1.0] * count, strict=False)
    ]
    groups = [int(group) for group in model["tree_info"][:count]]
    forest = forest_of(
        trees,
        _xgboost_rule,
        **facts(groups, starts, average=False, single=True),
        **reading(missing=True, infinite=True, singles=True),
    )
    if not hasattr(estimator, "classes_"):
        kind = _kind(objective, XGB_POWERS, XGB_AS_THEY_ARE, "xgboost_power", "single")
        return forest, {"predict": (kind, (), False)}
    kind = _kind(objective, ("binary:logistic",), ("multi:softprob",), "xgboost_binary", "xgboost_softmax")
    return forest, {"predict_proba": (kind, (), False), "predict": (f"{kind}_labels", (), True)}


def _xgboost_rule(values: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        return np.asarray(values.astype(np.float32) < thresholds)


def _xgboost_categories(booster: Any) -> dict[int, list[Any]]:
    """The categories of each column that has some, by its place."""
    if "c" not in (booster.feature_types or ()):
        return {}
    gradient = json.loads(bytes(booster.save_raw("json")))["learner"]["gradient_booster"]
    found: dict[int, list[Any]] = {}
    for place, own in enumerate(gradient.get("gbtree", gradient)["model"].get("cats", {}).get("enc", ())):
        if "type" in own:
            found[place] = own["values"]
        elif own["values"]:
            raw = bytes(one % 256 for one in own["values"])
            if not raw.isascii():
                raise NotRead("names of categories that are not ASCII, which XGBoost cuts off, are not read")
            found[place] = [
                part.tobytes().decode() for part in np.split(np.array([*raw], "u1"), own["offsets"])
            ]
            found[place] = found[place][1:-1]  # between the first offset and the last
    return found


def _xgboost_tree(tree: dict[str, Any], weight: float, known: dict[int, list[Any]]) -> Tree:
    """Those that a split by category names go right, other known ones left, a missing one by the default."""
    sides: dict[int, Side] = {}
    for i in np.flatnonzero(tree.get("split_type") or ()).tolist():
        place = tree["categories_nodes"].index(i)
        start, size = (tree[f"categories_{name}"][place] for name in ("segments", "sizes"))
        named = frozenset(map(int, tree["categories"][start : start + size]))
        if not tree["default_left"][i]:
            if (column := int(tree["split_indices"][i])) not in known:
                raise NotRead("XGBoost's splits by numbers as categories are not read")
            named = frozenset(range(len(known[column]))) - named
        sides[i] = (bool(tree["default_left"][i]), named)
    left, given = np.array(tree["left_children"]), np.array(tree["split_conditions"], dtype=np.float32)
    return Tree(
        left=left,
        right=np.array(tree["right_children"]),
        feature=np.where(left < 0, 0, np.array(tree["split_indices"])),
        threshold=given.astype(np.float64),
        missing_left=np.array(tree["default_left"], dtype=bool),
        value=(given * np.float32(weight)).astype(np.float64).reshape(-1, 1),
        cover=np.array(tree["sum_hessian"], dtype=np.float64),  # of the text, as it stands there
        categories=sides,
    )


def _starts(learner: dict[str, Any], objective: str, outputs: int) -> list[float]:
    """Where the sums start, before the link: its inverse in float32, of what XGBoost saves."""
    given = json.loads(f"[{str(learner['learner_model_param']['base_score']).strip('[]')}]")
    singles = [np.float32(one) for one in given] * (outputs if len(given) == 1 else 1)
    if objective == "binary:logistic":
        odds = [np.float32(1.0) / one - np.float32(1.0) for one in singles]
        return [-_logarithm(one) for one in odds]
    if objective in XGB_POWERS:
        return [_logarithm(one) for one in singles]
    return [float(one) for one in singles]


def _logarithm(value: np.float32) -> float:
    """By the function of the C library that XGBoost calls, which does not always round to the nearest."""
    logf = CDLL("ucrtbase" if os.name == "nt" else None).logf  # of what Python is linked with
    logf.restype, logf.argtypes = c_float, [c_float]
    return float(logf(value))
