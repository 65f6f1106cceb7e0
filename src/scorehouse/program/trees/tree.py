"""What all tree libraries share: nodes, edges between left and right, and values in leaves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from scorehouse.program.links import Link

Refuse = Callable[[Any, str], Exception]
LEAF = -1
FLOAT32_END = 2.0**128  # the first power of 2 that float32 lacks
# LightGBM's kZeroThreshold: values at most this far from 0 count as 0
ZERO = float(np.float32(1e-35))


@dataclass(frozen=True)
class CategorySplit:
    """Rows whose code is one of `codes` go to one side; all others, including missing ones, to the other."""

    codes: tuple[int, ...]
    named_left: bool


@dataclass(frozen=True)
class Tree:
    """One decision tree: one entry per node, the root first; `left` and `right` are LEAF at a leaf.

    A double up to `edge` goes left, a larger one right. A missing value goes left if `missing_left` is true;
    with `zero_is_missing`, so does a value that counts as 0. `categories` holds the splits by category.
    `value` has the shape (nodes, outputs); only its rows at leaves have a meaning. `cover` is the weight of
    the training rows that reached each node, as the library counted it.
    """

    feature: np.ndarray
    edge: np.ndarray
    left: np.ndarray
    right: np.ndarray
    missing_left: np.ndarray
    value: np.ndarray
    cover: np.ndarray
    zero_is_missing: np.ndarray | None = None
    categories: Mapping[int, CategorySplit] = field(default_factory=dict)

    @property
    def is_leaf(self) -> np.ndarray:
        return np.asarray(self.left == LEAF)

    @property
    def numeric_nodes(self) -> np.ndarray:
        """The nodes that split at an edge."""
        inner = self.left != LEAF
        inner[list(self.categories)] = False
        return np.flatnonzero(inner)

    def levels(self) -> list[np.ndarray]:
        """The nodes by their distance from the root."""
        return levels_of(self.left, self.right, np.zeros(1, dtype=np.int64))

    def reached(self) -> Tree:
        """The same tree without nodes that no walk from the root reaches, such as those that were pruned."""
        kept = np.sort(np.concatenate(self.levels()))
        if len(kept) == len(self.left):
            return self
        place = np.full(len(self.left), LEAF, dtype=np.int64)
        place[kept] = np.arange(len(kept))
        arrays = {
            each.name: getattr(self, each.name)[kept]
            for each in fields(self)
            if isinstance(getattr(self, each.name), np.ndarray)
        }
        sides = {
            side: np.where(self.is_leaf[kept], LEAF, place[getattr(self, side)[kept]])
            for side in ("left", "right")
        }
        categories = {int(place[node]): split for node, split in self.categories.items() if place[node] >= 0}
        return Tree(**{**arrays, **sides, "categories": categories})

    @property
    def depth(self) -> int:
        """The largest number of splits on a path to a leaf."""
        return len(self.levels()) - 1


def levels_of(left: np.ndarray, right: np.ndarray, roots: np.ndarray) -> list[np.ndarray]:
    """The nodes below `roots`, by their distance from these, children side by side."""
    found = [roots]
    while True:
        inner = found[-1][left[found[-1]] != LEAF]
        if not len(inner):
            return found
        found.append(np.column_stack([left[inner], right[inner]]).ravel())


@dataclass(frozen=True)
class Ensemble:
    """Trees in the order in which the library adds them.

    `groups` has the output that each tree adds to; a tree whose value has several outputs adds to all of
    them. `base` is the start of each output. `average`: each sum is divided by the number of its trees.
    `rounds_inputs`: values are rounded to float32 before they are compared (the edges account for that).
    `single`: the sums are rounded to float32 at each step.
    """

    trees: tuple[Tree, ...]
    groups: tuple[int, ...]
    base: tuple[float, ...]
    average: bool = False
    rounds_inputs: bool = False
    single: bool = False


@dataclass(frozen=True)
class Recipe:
    """How an estimator gets from its columns to the numbers of its trees, and from their sums to its outputs.

    `outputs` has the link of each method of the estimator. Without `takes_infinite`, it refuses values that
    are infinite in float32. `categories` are those of its columns of dtype
    category, in their order, whose codes the trees read, `hashes` those of texts by the column: the places
    of hashes are codes. `takes_numbers`: the estimator itself accepts the numbers that its trees read.
    """

    outputs: Mapping[str, Link]
    takes_missing: bool = True
    takes_infinite: bool = True
    takes_numbers: bool = True
    categories: tuple[tuple[Any, ...], ...] = ()
    hashes: Mapping[int, tuple[int, ...]] = field(default_factory=dict)


Read = tuple[Ensemble, Recipe]


def float32_edge(threshold: float) -> float:
    """The largest double whose float32 is at most `threshold`."""
    return float(float32_edges(np.array([threshold]))[0])


def float32_edges(thresholds: Any) -> np.ndarray:
    """`float32_edge` of each threshold; infinity and NaN stay as they are."""
    exact = np.asarray(thresholds, dtype=np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        low = exact.astype(np.float32)
        low = np.where(low > exact, np.nextafter(low, np.float32(-np.inf)), low).astype(np.float32)
        high = np.nextafter(low, np.float32(np.inf))
        # doubles round to infinity from the middle between the largest float32 and the next power of 2 on
        below, above = (np.clip(one.astype(np.float64), -FLOAT32_END, FLOAT32_END) for one in (low, high))
        middle = (below + above) / 2
        middle = np.where(middle.astype(np.float32) == low, middle, np.nextafter(middle, -np.inf))
        return np.asarray(np.where(low < np.inf, middle, exact))
