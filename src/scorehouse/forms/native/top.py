"""The top of a tree, which is evaluated without branches: its splits, their masks, and the exits."""

from __future__ import annotations

import heapq

import numpy as np

from scorehouse.forms.native.kernel import ALL, EXITS
from scorehouse.forms.trees.tree import LEAF, Tree


def top_of(tree: Tree) -> tuple[list[tuple[int, int]], np.ndarray]:
    """The splits of the top with their masks, and the nodes where it ends (exits), from left to right.

    The exit with the most levels below it is opened first, which leaves the fewest levels to walk. A mask
    keeps the exits that a row may still take after it went right at the split.
    """
    height = np.zeros(len(tree.left), dtype=np.int64)
    for level in reversed(tree.levels()):
        inner = level[tree.left[level] != LEAF]
        height[inner] = 1 + np.maximum(height[tree.left[inner]], height[tree.right[inner]])
    opened: set[int] = set()
    waiting = [(-int(height[0]), 0)]
    while len(waiting) < EXITS and waiting[0][0] < 0:
        _, node = heapq.heappop(waiting)
        opened.add(node)
        for child in (int(tree.left[node]), int(tree.right[node])):
            heapq.heappush(waiting, (-int(height[child]), child))
    return _masked(tree, opened)


def _masked(tree: Tree, opened: set[int]) -> tuple[list[tuple[int, int]], np.ndarray]:
    exits: list[int] = []
    spans: dict[int, int] = {}  # the first exit below a node that was opened
    masks: list[tuple[int, int]] = []
    waiting = [(0, False)]
    while waiting:
        node, left_is_done = waiting.pop()
        if node not in opened:
            exits.append(node)
        elif left_is_done:
            struck = ((1 << len(exits)) - 1) ^ ((1 << spans[node]) - 1)
            masks.append((node, int(ALL) ^ struck))
            waiting.append((int(tree.right[node]), False))
        else:
            spans[node] = len(exits)
            waiting += [(node, True), (int(tree.left[node]), False)]
    return masks, np.array(exits, dtype=np.int64)
