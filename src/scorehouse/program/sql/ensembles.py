"""Decision trees as nested cases, and what every library makes of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from scorehouse.program.native.recipes import recipe_of
from scorehouse.program.sql.builder import Builder, Scores, Value
from scorehouse.program.sql.category_codes import code_of
from scorehouse.program.sql.expression import (
    NULL,
    Call,
    Case,
    Compare,
    Expr,
    In,
    IsNull,
    all_of,
    any_of,
    number,
    text,
)
from scorehouse.program.sql.functions import IN_DOUBLES, sum_in_functions
from scorehouse.program.sql.links import KINDS, mean, real
from scorehouse.program.sql.scale import numbers_only
from scorehouse.program.sql.several import of_labels
from scorehouse.program.trees import CategorySplit, Ensemble, Recipe, Tree
from scorehouse.program.trees.city_hash import city_hash
from scorehouse.program.trees.tree import LEAF, ZERO, float32_edge


def _tree(
    b: Builder, tree: Tree, values: Sequence[Value], leaf: Callable[[float], Expr], output: int
) -> Expr:
    """One output of a tree as nested cases; `leaf` writes the value of a leaf.

    A feature that training held in float32 is compared with the last double that is rounded to the left.
    """
    b.count_nodes(len(tree.left), tree.depth)
    # lists, since their elements are read faster than array elements and are plain numbers
    lefts, rights, features = tree.left.tolist(), tree.right.tolist(), tree.feature.tolist()
    edges, leaves, missing = tree.edge.tolist(), tree.value[:, output].tolist(), tree.missing_left.tolist()
    columns: dict[int, Expr] = {}

    def node(i: int) -> Expr:
        if lefts[i] == LEAF:
            return leaf(float(leaves[i]))
        value = values[features[i]]
        if features[i] not in columns:
            columns[features[i]] = b.bind(value.expr, value.name)
        column = columns[features[i]]
        left, right = node(lefts[i]), node(rights[i])
        if i in tree.categories:
            code = column if left == right else code_of(b, value, column)
            return left if left == right else _by_category(code, tree.categories[i], left, right)
        edge, zero, missing_left = float(edges[i]), ZERO, bool(missing[i])
        if value.is_single:
            edge, zero = float32_edge(edge), float32_edge(zero)
        b.probe(value, edge)
        if left == right:
            return left
        if tree.zero_is_missing is not None and tree.zero_is_missing[i]:
            return Case(((_left_or_zero(column, edge, zero, missing_left), left),), right)
        if missing_left:  # a missing value goes where it went in training
            return Case(((Compare(">", column, number(edge)), right),), left)
        return Case(((Compare("<=", column, number(edge)), left),), right)

    return node(0)


def _left_or_zero(column: Expr, edge: float, zero: float, missing_left: bool) -> Expr:
    """Whether a row goes left if 0, up to the size of `zero`, counts as missing."""
    below, size = Compare("<=", column, number(edge)), Call("abs", (column,))
    if missing_left:
        return any_of([IsNull(column), Compare("<=", size, number(zero)), below])
    return all_of([below, Compare(">", size, number(zero))])


def _by_category(column: Expr, split: CategorySplit, left: Expr, right: Expr) -> Expr:
    """One side for the listed codes, the other for everything else."""
    named, other = (left, right) if split.named_left else (right, left)
    if not split.codes:
        return other
    codes = tuple(number(float(code)) for code in split.codes)
    return Case(((In(column, codes), named),), other)


def trees(b: Builder, estimator: Any, values: list[Value], method: str) -> Scores:
    """Trees, forests and boosted trees of every library: their sums, through the link of the method."""
    ensemble, recipe = recipe_of(estimator, b.refuse)
    values = as_numbers(b, estimator, recipe, values)
    if ensemble.single and not (b.has_real or b.functions_of):
        raise b.refuse(estimator, "it adds in float32, a type that this database does not have")
    link = recipe.outputs.get(method)
    if link is not None and b.functions_of:
        link = replace(link, kind=IN_DOUBLES.get(link.kind, link.kind))
    if link is None or link.kind not in KINDS:
        raise b.refuse(estimator, f"its {method} has no equivalent in SQL")
    outputs = len(ensemble.base)
    has_shares = link.kind == "sums" and hasattr(estimator, "classes_")
    of_two = has_shares and 2 in (link.each, outputs)  # the second class says all
    add = sum_in_functions if b.functions_of else _sum_of
    raw = [add(b, ensemble, values, k) for k in (range(1, outputs, 2) if of_two else range(outputs))]
    if link.each:
        return of_labels([Scores((share,), bounded=True) for share in raw])
    scores = KINDS[link.kind](b, raw, *link.numbers)
    is_sum = KINDS[link.kind] in (KINDS["sums"], KINDS["single"])
    zero_is_second = recipe.outputs["predict"].kind == "from_zero"
    scores = replace(scores, bounded=scores.bounded or is_sum, zero_is_second=zero_is_second)
    return replace(scores, single=True) if ensemble.single else scores


def _sum_of(b: Builder, ensemble: Ensemble, values: Sequence[Value], output: int) -> Expr:
    """One output of an ensemble: the trees added to its start in their order, or their mean."""
    leaf, width = real if ensemble.single else number, ensemble.trees[0].value.shape[1]
    terms = [
        _tree(b, tree, values, leaf, output - group)
        for tree, group in zip(ensemble.trees, ensemble.groups, strict=True)
        if group <= output < group + width
    ]
    if ensemble.base[output] or ensemble.single:
        terms = [leaf(ensemble.base[output]), *terms]
    if ensemble.average:
        return mean(b, terms, "forest")
    return b.bind(b.sum(terms, "boosted"), "raw") if len(terms) > 1 else terms[0]


def as_numbers(b: Builder, estimator: Any, recipe: Recipe, values: list[Value]) -> list[Value]:
    """The columns that trees read: categories as codes, and first for histogram boosting."""
    if getattr(estimator, "_preprocessor", None) is not None:
        is_categorical = np.asarray(estimator.is_categorical_, dtype=bool)
        encoder = estimator._preprocessor.named_transformers_["encoder"]
        chosen = [value for value, flag in zip(values, is_categorical, strict=True) if flag]
        numbers = [value for value, flag in zip(values, is_categorical, strict=True) if not flag]
        with b.inside("categorical_features"):
            values = [*b.transform(encoder, chosen), *numbers]
    elif recipe.categories:
        values = _coded(b, estimator, recipe.categories, values)
    for place, hashes in recipe.hashes.items():
        values = [*values[:place], _hashed(b, estimator, values, place, hashes), *values[place + 1 :]]
    numbers_only(b, estimator, values)
    return values


def _coded(
    b: Builder, estimator: Any, categories: Sequence[Sequence[Any]], values: Sequence[Value]
) -> list[Value]:
    """The columns of a frame, those of dtype category as their codes in training; others have no code."""
    features = b.signature.features
    chosen = [place for place, feature in enumerate(features) if feature.dtype == "category"]
    if len(chosen) != len(categories) or len(features) != len(values):
        raise b.refuse(estimator, "it reads columns of dtype category that other steps made")
    made = list(values)
    for place, known in zip(chosen, categories, strict=True):
        x = b.bound(values[place])
        literals = [text(one) if isinstance(one, str) else number(float(one)) for one in known]
        codes = [(Compare("=", x.expr, one), number(float(code))) for code, one in enumerate(literals)]
        made[place] = x.made(Case(tuple(codes)))
    return made


def _hashed(b: Builder, estimator: Any, values: Sequence[Value], place: int, hashes: Sequence[int]) -> Value:
    """A text as the place of its hash, for those known in training; others have no code."""
    features, x = b.signature.features, b.bound(values[place])
    known = features[place].categories if len(features) == len(values) else None
    if known is None or not all(isinstance(one, str) for one in known):
        raise b.refuse(estimator, f"the categories of {x.name!r} are no texts that the signature lists")
    try:
        codes = {one: city_hash(one) % 2**32 for one in known}
    except ValueError as error:
        raise b.refuse(estimator, f"the category {error}") from error
    named = [(text(one), hashes.index(code)) for one, code in codes.items() if code in hashes]
    whens = tuple((Compare("=", x.expr, one), number(float(code))) for one, code in named)
    return x.made(Case(whens) if whens else NULL)
