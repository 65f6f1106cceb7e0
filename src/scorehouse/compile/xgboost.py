"""XGBoost: everything is float32, the values, the thresholds and the sums."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from scorehouse.compile.builder import Builder, Value
from scorehouse.compile.scale import numbers_only
from scorehouse.compile.scores import Scores
from scorehouse.compile.tree import Arith, Call, Case, Cast, Compare, Expr, Sum, number
from scorehouse.compile.trees import float32_edge, split

LOG_LINK = ("count:poisson", "reg:gamma", "reg:tweedie")
IDENTITY = ("reg:squarederror", "reg:absoluteerror", "reg:pseudohubererror", "reg:quantileerror")


def boosting(b: Builder, estimator: Any, values: list[Value], method: str) -> Scores:
    """The sum of the trees in float32, through the objective's link in float32."""
    numbers_only(b, estimator, values)
    if not b.has_real:
        raise b.refuse(estimator, "it adds in float32, a type that this database does not have")
    model = json.loads(estimator.get_booster().save_raw("json").decode())["learner"]
    if model["gradient_booster"]["name"] != "gbtree":
        raise b.refuse(estimator, f"its booster is {model['gradient_booster']['name']!r}")
    objective = model["objective"]["name"]
    forest = model["gradient_booster"]["model"]
    per_class = max(1, int(model["learner_model_param"]["num_class"]))
    trees = _used_trees(estimator, forest, per_class)
    bases = _base_margins(model, objective, per_class)
    raw = []
    for k in range(per_class):
        terms = [_tree(b, estimator, tree, values) for tree, group in trees if group == k]
        raw.append(b.bind(_real_sum(b, [number(bases[k]), *terms]), "raw"))
    return _linked(b, estimator, objective, raw, method)


def _used_trees(estimator: Any, forest: dict[str, Any], per_class: int) -> list[tuple[Any, int]]:
    """Trees and their classes, up to the best iteration where early stopping found one."""
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
        return [float(-np.log(np.float32(1.0) / p - np.float32(1.0))) for p in given]
    if objective in LOG_LINK:
        return [float(np.log(p)) for p in given]
    return [float(p) for p in given]


def _tree(b: Builder, estimator: Any, tree: dict[str, Any], values: list[Value]) -> Expr:
    left, right = tree["left_children"], tree["right_children"]
    if any(tree.get("split_type", [])) or tree.get("categories"):
        raise b.refuse(estimator, "it splits by category; encode categories in the pipeline")
    b.count_nodes(len(left), _depth(left, right))

    def build(i: int) -> Expr:
        threshold = np.float32(tree["split_conditions"][i])
        if left[i] == -1:
            return Cast(number(float(threshold)), "real")
        value = values[tree["split_indices"][i]]
        edge = float32_edge(float(np.nextafter(threshold, np.float32(-np.inf))))  # below it, not at it
        b.probe(value, edge)
        return split(
            b.bind(value.expr, value.name),
            edge,
            build(left[i]),
            build(right[i]),
            missing_left=bool(tree["default_left"][i]),
        )

    return build(0)


def _depth(left: list[int], right: list[int]) -> int:
    depths = [0] * len(left)
    for i in range(len(left) - 1, -1, -1):
        if left[i] != -1:
            depths[i] = 1 + max(depths[left[i]], depths[right[i]])
    return depths[0]


def _real_sum(b: Builder, terms: list[Expr]) -> Expr:
    first, *rest = terms
    return b.sum([Cast(first, "real"), *rest], "boosted")


def _real(value: float) -> Expr:
    return Cast(number(value), "real")


def _linked(b: Builder, estimator: Any, objective: str, raw: list[Expr], method: str) -> Scores:
    doubles = [Cast(one, "double") for one in raw]
    if method == "predict" and objective in IDENTITY:
        return Scores((doubles[0],), single=True)
    if method == "predict" and objective in LOG_LINK:
        column = b.bind(doubles[0], "raw double")
        return Scores((Cast(Cast(Call("exp", (column,)), "real"), "double"),), single=True)
    if method == "predict_proba" and objective == "binary:logistic":
        return Scores((Cast(_sigmoid(b, doubles[0]), "double"),), bounded=True, single=True)
    if method == "predict_proba" and objective == "multi:softprob":
        return Scores(_softmax(b, raw), bounded=True, single=True)
    raise b.refuse(estimator, f"with objective {objective!r} it has no form of {method}")


def _sigmoid(b: Builder, raw: Expr) -> Expr:
    """XGBoost's own: exp(min(-raw, 88.7)) in float32."""
    negative = b.bind(Arith("-", number(0.0), raw), "negative")
    ceiling = float(np.float32(88.7))
    clipped = b.bind(Case(((Compare(">", negative, number(ceiling)), number(ceiling)),), negative), "clipped")
    power = b.bind(_down_to_real(Call("exp", (clipped,)), clipped), "power")
    return Arith("/", _real(1.0), Sum((power, _real(1.0))))


def _softmax(b: Builder, raw: list[Expr]) -> tuple[Expr, ...]:
    greatest = b.bind(Call("greatest", tuple(raw)), "greatest")
    powers = []
    for one in raw:
        shifted = b.bind(Cast(Arith("-", one, greatest), "double"), "shifted")
        powers.append(b.bind(_down_to_real(Call("exp_down", (shifted,)), shifted), "power"))
    total = b.bind(Cast(Sum(tuple(Cast(power, "double") for power in powers)), "real"), "total")
    return tuple(Cast(Arith("/", power, total), "double") for power in powers)


def _down_to_real(power: Expr, exponent: Expr) -> Expr:
    """exp() rounded to float32; 0 where float32 ends, since a cast may raise there."""
    return Case(((Compare("<", exponent, number(-103.9)), _real(0.0)),), Cast(power, "real"))
