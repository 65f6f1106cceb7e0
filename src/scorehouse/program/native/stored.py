"""Trees as a version's program holds them, with what comes before and after them.

In a file they are arrays with an entry per node, which are checked before anything runs over them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from scorehouse.program.arrays_file import Expected, require
from scorehouse.program.native.kernel import add_trees
from scorehouse.program.native.layout import TreeModel
from scorehouse.program.stored_backend import ScoringBackend, scoring_of
from scorehouse.program.trees.tree import LEAF, CategorySplit, Ensemble, Tree
from scorehouse.registry.version import Version

# An entry per node; `left` and `right` count from the root of their tree, LEAF at a leaf.
OF_NODES: Expected = {
    "feature": (np.int32, (None,)),
    "edge": (np.float64, (None,)),
    "left": (np.int32, (None,)),
    "right": (np.int32, (None,)),
    "missing_left": (np.bool_, (None,)),
    "zero_is_missing": (np.bool_, (None,)),
    "value": (np.float64, (None, None)),
    "cover": (np.float64, (None,)),
}
# An entry per split by category, and the codes of all of them.
OF_CATEGORIES: Expected = {
    "category_node": (np.int64, (None,)),
    "category_named_left": (np.bool_, (None,)),
    "category_count": (np.int64, (None,)),
    "category_codes": (np.int32, (None,)),
}
EXPECTED: Expected = {
    "base": (np.float64, (None, None)),  # of each segment and output
    "trees": (np.int64, (None,)),  # of each segment
    "nodes": (np.int64, (None,)),  # of each tree
    "group": (np.int64, (None,)),  # of each tree
    **OF_NODES,
    **OF_CATEGORIES,
}
MOST_WORDS = 1 << 24  # of the bits of categories, 64 MB
OF_ENSEMBLES = ("average", "rounds_inputs", "single")
OF_MODELS = ("takes_missing", "takes_infinite")


@dataclass(frozen=True)
class StoredTrees(ScoringBackend):
    """The trees alone, of each segment; `columns` computes what they read.

    The rows of several segments are sorted by segment once; then each segment has one call.
    """

    models: tuple[TreeModel, ...]

    def sums(self, numbers: list[np.ndarray], rows: int, codes: np.ndarray | None) -> np.ndarray:
        if codes is None:
            return sums_of(self.models[0], np.stack(numbers).T)
        order = np.argsort(codes, kind="stable")
        block = np.stack([column.take(order) for column in numbers])
        held, starts = np.unique(codes[order], return_index=True)
        places, parts = np.split(order, starts[1:]), np.split(block, starts[1:], axis=1)
        made = np.empty((rows, len(self.models[0].base)))
        for code, place, part in zip(held.tolist(), places, parts, strict=False):  # no rows have one part
            made[place] = sums_of(self.models[code], part.T)
        return made

    def own_in_file(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        flags, arrays = to_arrays(self.models)
        return {"trees": flags}, arrays

    @staticmethod
    def expected(head: Mapping[str, Any]) -> Expected:
        return EXPECTED

    @classmethod
    def of_file(cls, head: Mapping[str, Any], held: Mapping[str, np.ndarray], version: Version) -> Self:
        common = scoring_of(head, held, version, {len(held["base"])})
        models = of_arrays(head["trees"], held, len(common["columns"].outputs))
        return cls(**common, models=tuple(models))


def sums_of(model: TreeModel, numbers: np.ndarray) -> np.ndarray:
    """The sums over all trees for a block of numbers, of shape (rows, outputs).

    Raises ValueError where the estimator refuses a value.
    """
    sums = np.repeat(model.base[:, None], len(numbers), axis=1)
    if not add_trees(numbers, model.packed, sums):
        raise ValueError("the estimator takes no such value")
    if model.divisor > 1:
        sums /= model.divisor
    return sums.T


def to_arrays(models: Sequence[TreeModel]) -> tuple[list[dict[str, Any]], dict[str, np.ndarray]]:
    """The flags of the model of each segment, and the arrays of all together."""
    flags = [
        {name: getattr(model, name) for name in OF_MODELS}
        | {name: getattr(model.ensemble, name) for name in OF_ENSEMBLES}
        for model in models
    ]
    ensembles = [model.ensemble for model in models]
    trees = [tree for ensemble in ensembles for tree in ensemble.trees]
    nodes = [len(tree.left) for tree in trees]
    starts = np.cumsum(nodes) - nodes
    splits = [
        (int(start) + node, split)
        for start, tree in zip(starts, trees, strict=True)
        for node, split in sorted(tree.categories.items())
    ]
    parts = [_of_nodes(tree) for tree in trees]
    given: dict[str, Any] = {
        "base": [ensemble.base for ensemble in ensembles],
        "trees": [len(ensemble.trees) for ensemble in ensembles],
        "nodes": nodes,
        "group": [group for ensemble in ensembles for group in ensemble.groups],
        **{name: np.concatenate([part[name] for part in parts]) for name in OF_NODES},
        "category_node": [node for node, _ in splits],
        "category_named_left": [split.named_left for _, split in splits],
        "category_count": [len(split.codes) for _, split in splits],
        "category_codes": [code for _, split in splits for code in split.codes],
    }
    return flags, {name: np.asarray(given[name], dtype=kind) for name, (kind, _) in EXPECTED.items()}


def _of_nodes(tree: Tree) -> dict[str, np.ndarray]:
    """The arrays of a tree; what has no meaning at a node is 0."""
    leaf = tree.is_leaf
    never = np.zeros(len(leaf), dtype=bool)
    return {
        "feature": np.where(leaf, 0, tree.feature),
        "edge": np.where(leaf, 0.0, tree.edge),
        "left": tree.left,
        "right": np.where(leaf, LEAF, tree.right),
        "missing_left": ~leaf & tree.missing_left,
        "zero_is_missing": never if tree.zero_is_missing is None else ~leaf & tree.zero_is_missing,
        "value": np.where(leaf[:, None], tree.value, 0.0),
        "cover": tree.cover,
    }


def of_arrays(
    flags: Sequence[Mapping[str, Any]], held: Mapping[str, np.ndarray], columns: int
) -> Iterator[TreeModel]:
    """The models that `to_arrays` wrote, which read `columns` numbers of each row.

    Raises ValueError where an index leads out of an array, or a walk from a root would have no end.
    """
    require(
        len(flags) == len(held["base"]) == len(held["trees"]), "it has flags of another number of segments"
    )
    for own in flags:
        switches = [own.get(name) for name in (*OF_MODELS, *OF_ENSEMBLES)]
        require(all(type(each) is bool for each in switches), "one of its flags is not true or false")
    _check_counts(held)
    starts = _check_nodes(held, columns)
    spans = list(zip(starts.tolist(), [*starts[1:].tolist(), len(held["left"])], strict=True))
    trees = [
        Tree(**{name: held[name][first:last] for name in OF_NODES}, categories=categories)
        for (first, last), categories in zip(spans, _categories(held, starts), strict=True)
    ]
    groups, number = held["group"].tolist(), 0
    for own, base, count in zip(flags, held["base"].tolist(), held["trees"].tolist(), strict=True):
        mine = slice(number, number + count)
        ensemble = Ensemble(
            trees=tuple(trees[mine]),
            groups=tuple(groups[mine]),
            base=tuple(base),
            **{name: own[name] for name in OF_ENSEMBLES},
        )
        number += count
        yield TreeModel(ensemble, columns, **{name: own[name] for name in OF_MODELS})


def _check_counts(held: Mapping[str, np.ndarray]) -> None:
    """Every array is as long as the counts of segments, trees, nodes and codes say."""
    for name, total, what in (
        ("trees", len(held["nodes"]), "trees"),
        ("nodes", len(held["left"]), "nodes"),
    ):
        counts = held[name]
        require((counts > 0).all() and (counts <= total).all(), f"a number of its {what} cannot be")
        require(int(counts.sum()) == total, f"it has {total} {what}, and their counts say {counts.sum()}")
    require(len(held["group"]) == len(held["nodes"]), "its groups are not those of its trees")
    for name in OF_NODES:
        require(len(held[name]) == len(held["left"]), f"{name} is not of {len(held['left'])} nodes")
    width, outputs = held["value"].shape[1], held["base"].shape[1]
    require(0 < width <= outputs, f"its leaves have {width} values for {outputs} outputs")
    groups = held["group"]
    require(((groups >= 0) & (groups <= outputs - width)).all(), f"a tree adds to none of {outputs} outputs")


def _check_nodes(held: Mapping[str, np.ndarray], columns: int) -> np.ndarray:
    """Each node but the roots is the child of one node before it in its tree; returns where trees begin."""
    sizes = held["nodes"]
    starts = np.cumsum(sizes) - sizes
    inner = np.flatnonzero((held["left"] != LEAF) | (held["right"] != LEAF))
    first, last = (np.repeat(ends, sizes)[inner] for ends in (starts, starts + sizes))
    children = np.concatenate([held[side][inner].astype(np.int64) + first for side in ("left", "right")])
    after, ends = np.tile(inner, 2), np.tile(last, 2)
    require(((children > after) & (children < ends)).all(), "a child is no later node of its tree")
    parents = np.bincount(children, minlength=len(held["left"]))
    parents[starts] += 1
    require((parents == 1).all(), "a node is not the child of one other node")
    features = held["feature"][inner]
    require(((features >= 0) & (features < columns)).all(), f"a split reads none of {columns} columns")
    require(not np.isnan(held["edge"]).any(), "an edge is no number")
    return starts


def _categories(held: Mapping[str, np.ndarray], starts: np.ndarray) -> list[dict[int, CategorySplit]]:
    """The splits by category of each tree, by node."""
    nodes, counts, codes = held["category_node"], held["category_count"], held["category_codes"]
    require(len(held["category_named_left"]) == len(nodes) == len(counts), "its categories do not match")
    require((np.diff(nodes) > 0).all(), "its splits by category are not in order")
    require(((nodes >= 0) & (nodes < len(held["left"]))).all(), "a split by category is at no node")
    require((held["left"][nodes] != LEAF).all(), "a split by category is at a leaf")
    require(((counts >= 0) & (counts <= len(codes))).all(), "a split by category has no such codes")
    require(int(counts.sum()) == len(codes), "its codes are not those of its splits by category")
    require((codes >= 0).all(), "the code of a category is negative")
    _, of_column = np.unique(held["feature"][nodes], return_inverse=True)
    largest = np.zeros(len(nodes), dtype=np.int64)
    np.maximum.at(largest, np.repeat(of_column, counts), codes.astype(np.int64) + 1)
    words = int((largest // 32 + 1)[of_column].sum())
    require(words <= MOST_WORDS, f"the codes of its categories take {words:,} words, too many")
    found: list[dict[int, CategorySplit]] = [{} for _ in starts]
    trees = np.searchsorted(starts, nodes, side="right") - 1
    columns = (trees, nodes - starts[trees], held["category_named_left"], counts, np.cumsum(counts))
    for tree, node, named_left, count, end in zip(*(column.tolist() for column in columns), strict=True):
        found[tree][node] = CategorySplit(tuple(codes[end - count : end].tolist()), named_left)
    return found
