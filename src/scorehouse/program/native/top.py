"""The tops of trees, which are evaluated without branches: their splits, their masks, and the exits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scorehouse.program.native.kernel import ALL
from scorehouse.program.trees.tree import LEAF, levels_of


@dataclass(frozen=True)
class Top:
    """The splits of all tops, tree after tree and from left to right, with their `masks`; and the `exits`.

    The exits are the nodes where a top ends, of shape (trees, most exits), from left to right; LEAF fills
    them up. A mask keeps the exits that a row may still take after it went right at the split.
    """

    splits: np.ndarray
    masks: np.ndarray
    exits: np.ndarray


def top_of(left: np.ndarray, right: np.ndarray, roots: np.ndarray, most: int) -> Top:
    """The tops of trees with at most `most` exits each.

    The exit with the most levels below it is opened first, which leaves the fewest levels to walk; of
    several, the first node.
    """
    height = _heights(left, right, roots)
    trees = np.arange(len(roots))
    exits = np.full((len(roots), most), LEAF, dtype=np.int64)
    exits[:, 0] = roots
    opened: list[np.ndarray] = []  # one node of each tree that is not open as far as it can be
    for count in range(1, most):
        own = exits[trees, :count]
        chosen = np.argmax(height[own] * len(left) - own, axis=1)
        can_open = height[own[np.arange(len(trees)), chosen]] > 0
        trees, chosen = trees[can_open], chosen[can_open]
        if not len(trees):
            break
        opened.append(exits[trees, chosen])
        exits[trees, chosen] = left[opened[-1]]
        exits[trees, count] = right[opened[-1]]
    below = np.ones(len(left), dtype=np.int64)  # how many exits a node has below it
    for nodes in reversed(opened):
        below[nodes] = below[left[nodes]] + below[right[nodes]]
    first = np.zeros(len(left), dtype=np.int64)  # the exits to the left of a node
    for nodes in opened:
        first[left[nodes]] = first[nodes]
        first[right[nodes]] = first[nodes] + below[left[nodes]]
    splits = np.concatenate([roots[:0], *opened])
    ends = first[right[splits]]
    order = np.lexsort([ends, np.searchsorted(roots, splits, side="right")])
    splits, ends = splits[order], ends[order]
    struck = (np.uint64(1) << ends.astype(np.uint64)) - (np.uint64(1) << first[splits].astype(np.uint64))
    places = np.where(exits == LEAF, most, first[exits])
    return Top(
        splits,
        ALL ^ struck.astype(np.uint32),
        np.take_along_axis(exits, np.argsort(places, axis=1, kind="stable"), axis=1),
    )


def _heights(left: np.ndarray, right: np.ndarray, roots: np.ndarray) -> np.ndarray:
    """The largest number of splits between each node and a leaf."""
    height = np.zeros(len(left), dtype=np.int64)
    for level in reversed(levels_of(left, right, roots)):
        inner = level[left[level] != LEAF]
        height[inner] = 1 + np.maximum(height[left[inner]], height[right[inner]])
    return height
