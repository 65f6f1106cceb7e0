"""Shapley values of trees, computed slowly and in another way: what registration compares the loops with.

Rows go through the trees as doubles, not as codes; and a leaf's values are sums over the sizes of coalitions,
not an integral.
"""

from __future__ import annotations

import math

import numpy as np

from scorehouse.program.trees.tree import LEAF, ZERO, Ensemble, Tree


def reference(
    ensemble: Ensemble, numbers: np.ndarray, outputs: int, background: np.ndarray | None = None
) -> np.ndarray:
    """What each column of `numbers` contributed to the sums, of shape (rows, outputs, columns).

    With a `background` of shape (background rows, columns), the mean over its rows of what columns contribute
    if a background row takes the place of unknown columns.
    """
    made = np.zeros((len(numbers), outputs, numbers.shape[1]))
    for tree, group in zip(ensemble.trees, ensemble.groups, strict=True):
        goes_right = _sides(tree, numbers)
        compared = {} if background is None else _sides(tree, background)
        for leaf, path in _paths(tree):
            columns, has, shares = _along(tree, path, goes_right, len(numbers))
            if background is None:
                values = _shapley(has, np.broadcast_to(shares, has.shape))
            else:
                _, taken, _ = _along(tree, path, compared, len(background))
                pairs = _shapley(np.repeat(has, len(taken), axis=0), np.tile(taken, (len(has), 1)))
                values = pairs.reshape(len(has), len(taken), -1).mean(axis=1)
            for place, column in enumerate(columns):
                for k, value in enumerate(tree.value[leaf]):
                    made[:, group + k, column] += value * values[:, place]
    return made


def _sides(tree: Tree, numbers: np.ndarray) -> dict[int, np.ndarray]:
    """For each split, whether each row goes right there."""
    inner = np.flatnonzero(tree.left != LEAF).tolist()
    return {node: _goes_right(tree, node, numbers) for node in inner}


def _goes_right(tree: Tree, node: int, numbers: np.ndarray) -> np.ndarray:
    values = numbers[:, tree.feature[node]]
    if node in tree.categories:
        split = tree.categories[node]
        whole = np.where((values > -1.0) & (values < 2.0**31), np.trunc(np.nan_to_num(values)), -1.0)
        return np.asarray(np.isin(whole, split.codes) ^ split.named_left)
    missing = np.isnan(values)
    if tree.zero_is_missing is not None and tree.zero_is_missing[node]:
        missing |= np.abs(values) <= ZERO
    return np.where(missing, not tree.missing_left[node], values > tree.edge[node])


def _paths(tree: Tree) -> list[tuple[int, list[tuple[int, bool]]]]:
    """Each leaf, with the splits above it and the sides taken."""
    found = []
    waiting: list[tuple[int, list[tuple[int, bool]]]] = [(0, [])]
    while waiting:
        node, path = waiting.pop()
        if tree.left[node] == LEAF:
            found.append((node, path))
            continue
        waiting.append((int(tree.right[node]), [*path, (node, True)]))
        waiting.append((int(tree.left[node]), [*path, (node, False)]))
    return found


def _along(
    tree: Tree, path: list[tuple[int, bool]], goes_right: dict[int, np.ndarray], rows: int
) -> tuple[list[int], np.ndarray, np.ndarray]:
    """The columns of a path; whether a row takes it as far as a column decides; shares of training rows."""
    columns = list(dict.fromkeys(int(tree.feature[node]) for node, _ in path))
    has, shares = np.ones((rows, len(columns))), np.ones(len(columns))
    for node, right in path:
        place = columns.index(int(tree.feature[node]))
        child = tree.right[node] if right else tree.left[node]
        has[:, place] *= goes_right[node] == right
        shares[place] *= tree.cover[child] / tree.cover[node] if tree.cover[node] > 0 else 0.5
    return columns, has, shares


def _shapley(has: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Sums over the sizes of coalitions of all other columns; all of shape (rows, columns)."""
    rows, count = has.shape
    made = np.empty((rows, count))
    weights = [
        math.factorial(s) * math.factorial(count - 1 - s) / math.factorial(count) for s in range(count)
    ]
    for j in range(count):
        sizes = np.zeros((rows, count))
        sizes[:, 0] = 1.0
        for i in range(count):
            if i != j:
                larger = np.concatenate([np.zeros((rows, 1)), sizes[:, :-1]], axis=1)
                sizes = sizes * shares[:, i : i + 1] + larger * has[:, i : i + 1]
        made[:, j] = (has[:, j] - shares[:, j]) * (sizes @ np.array(weights))
    return made
