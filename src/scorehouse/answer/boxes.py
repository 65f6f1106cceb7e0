"""The nearest change of trees by branch and bound: boxes of moves, in which the sums of trees have limits.

A leaf can be reached from a box if none of its splits keeps all of the box away. So the highest of the leaves
of each tree that can be reached, added up, is a limit of the sum; a box whose limits decide as the person's
own row does has no other decision in it.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from scorehouse.answer.search import Search
from scorehouse.program.native.layout import TreeModel
from scorehouse.program.trees.tree import LEAF, Tree

MOST_BOXES = 20_000
MOST_MOVES = 512  # of a feature, whose limits over all ranges of moves are in a table
SMALL = 128  # combinations in a box that are tried instead of divided
AT_ONCE = 64  # boxes
TIE = 1e-12  # of a distance; of changes that are equally large, the one of fewer features comes first
MOST_LIMITS = 20_000_000  # numbers that say between which values of each column a leaf lies
Differ = Callable[[np.ndarray, np.ndarray], np.ndarray]


class Leaves:
    """Between which numbers of each column, (low, high], the leaves of all trees lie, and their values."""

    def __init__(self, model: TreeModel) -> None:
        found = [_limits(tree, model.n_features) for tree in model.ensemble.trees]
        self.model = model
        self.low, self.high, self.value = (np.concatenate(parts) for parts in zip(*found, strict=True))
        self.tree = np.repeat(np.arange(len(found)), [len(low) for low, _, _ in found])

    @classmethod
    def of(cls, model: TreeModel) -> Leaves | None:
        """None for trees with limits of more than two outputs, or too many to hold."""
        outputs, width = len(model.base), model.ensemble.trees[0].value.shape[1]
        nodes = sum(len(tree.left) for tree in model.ensemble.trees)
        is_known = outputs == width and outputs in (1, 2) and nodes * model.n_features <= MOST_LIMITS
        return cls(model) if is_known else None


def _limits(tree: Tree, columns: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    low = np.full((len(tree.left), columns), -np.inf)
    high = np.full((len(tree.left), columns), np.inf)
    splits = np.zeros(len(tree.left), dtype=bool)
    splits[tree.numeric_nodes] = True
    if tree.zero_is_missing is not None:
        splits &= ~tree.zero_is_missing  # where zero goes with the missing ones, any value may go both ways
    for level in tree.levels():
        inner = level[tree.left[level] != LEAF]
        left, right = tree.left[inner], tree.right[inner]
        low[left], high[left], low[right], high[right] = low[inner], high[inner], low[inner], high[inner]
        own = splits[inner]
        left, right, inner = left[own], right[own], inner[own]
        column, edge = tree.feature[inner], tree.edge[inner]
        high[left, column] = np.minimum(high[left, column], edge)
        low[right, column] = np.maximum(low[right, column], edge)
    leaf = np.flatnonzero(tree.is_leaf)
    return low[leaf], high[leaf], tree.value[leaf]


@dataclass(frozen=True)
class _Ranks:
    """A column's numbers as their places in their order, which are compared in a quarter of the time.

    `least` and `most` are those of the moves from each place to each later one; `low` and `high` say how many
    numbers are up to a limit of each leaf.
    """

    least: np.ndarray
    most: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @classmethod
    def of(cls, numbers: np.ndarray, low: np.ndarray, high: np.ndarray) -> _Ranks:
        """A missing number may go either way, as far as limits go."""
        missing = np.isnan(numbers)
        least, most = np.where(missing, -np.inf, numbers), np.where(missing, np.inf, numbers)
        known = np.unique([least, most])
        return cls(
            _over_ranges(np.searchsorted(known, least).astype(np.int16), np.minimum, len(known)),
            _over_ranges(np.searchsorted(known, most).astype(np.int16), np.maximum, -1),
            np.searchsorted(known, low, side="right").astype(np.int16),
            np.searchsorted(known, high, side="right").astype(np.int16),
        )

    def of_leaves(self, some: np.ndarray) -> _Ranks:
        """The same of some of the leaves."""
        return replace(self, low=self.low[some], high=self.high[some])

    def reach(self, first: np.ndarray | int, last: np.ndarray | int) -> np.ndarray:
        """Which leaves moves between these places may lead to, of shape (..., leaves)."""
        least, most = (np.asarray(table[first, last])[..., None] for table in (self.least, self.most))
        return np.asarray((self.low <= most) & (least < self.high))

    def leave(self) -> np.ndarray:
        """Which leaves some of the moves lead away from."""
        return np.asarray((self.least[0, -1] < self.low) | (self.high <= self.most[0, -1]))


class RowLimits:
    """The limits of the sums of one row, over boxes of moves of its changeable features."""

    def __init__(
        self, leaves: Leaves, numbers: Sequence[np.ndarray], columns: Sequence[Sequence[int]]
    ) -> None:
        """`numbers` has all columns of the moves of each feature, `columns` those that read it."""
        self.model = leaves.model
        self.owners = [(place, column) for place, own in enumerate(columns) for column in own]
        ranks = [
            _Ranks.of(numbers[place][column], leaves.low[:, column], leaves.high[:, column])
            for place, column in self.owners
        ]
        row = numbers[0][:, 0]
        kept = np.all([one.reach(0, -1) for one in ranks], axis=0)
        for column in set(range(len(row))) - {column for _, column in self.owners}:
            if not np.isnan(row[column]):
                kept &= (leaves.low[:, column] < row[column]) & (row[column] <= leaves.high[:, column])
        self.ranks = [one.of_leaves(kept) for one in ranks]
        self.value, self.tree = leaves.value[kept], leaves.tree[kept]
        self.alone = [self._take_alone(place, numbers) for place in range(len(numbers))]

    def _take_alone(self, place: int, numbers: Sequence[np.ndarray]) -> list[tuple[np.ndarray, np.ndarray]]:
        """The limits, over all ranges of its moves, of the trees that only this feature leads through.

        They are those of the sums of these trees, which the sums of their limits are not.
        """
        mixed = np.zeros(len(self.tree), dtype=bool)
        for (owner, _), ranks in zip(self.owners, self.ranks, strict=True):
            if owner != place:
                mixed |= ranks.leave()
        own = ~np.isin(self.tree, self.tree[mixed])
        moves = np.zeros((numbers[place].shape[1], len(numbers)), dtype=np.int64)
        moves[:, place] = np.arange(len(moves))
        low, high = self._of_trees(moves, moves, own)
        self.ranks = [one.of_leaves(~own) for one in self.ranks]
        self.value, self.tree = self.value[~own], self.tree[~own]
        return [
            (_over_ranges(least, np.minimum, np.inf), _over_ranges(most, np.maximum, -np.inf))
            for least, most in zip(low.T, high.T, strict=True)
        ]

    def __call__(self, first: np.ndarray, last: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The lowest and the highest sums, of shape (boxes, outputs), between these places."""
        limits = self._of_trees(first, last, np.ones(len(self.tree), dtype=bool))
        for place, tables in enumerate(self.alone):
            for output, both in enumerate(tables):
                for sums, table in zip(limits, both, strict=True):
                    sums[:, output] += table[first[:, place], last[:, place]]
        model = self.model
        low, high = ((sums + model.base) / model.divisor for sums in limits)
        slack = 1e-4 if model.ensemble.single else 1e-9
        return low - slack * (1 + np.abs(low)), high + slack * (1 + np.abs(high))

    def _of_trees(
        self, first: np.ndarray, last: np.ndarray, some: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """The sums of the lowest and of the highest of the leaves of each tree that can be reached."""
        value, tree = self.value[some], self.tree[some]
        inside = np.ones((len(first), len(tree)), dtype=bool)
        for (place, _), ranks in zip(self.owners, self.ranks, strict=True):
            inside &= ranks.of_leaves(some).reach(first[:, place], last[:, place])
        starts = np.flatnonzero(np.append(True, tree[1:] != tree[:-1])[: len(tree)])
        low, high = (
            [limit.reduceat(np.where(inside, each, outside), starts, axis=1).sum(axis=1) for each in value.T]
            for limit, outside in ((np.minimum, np.inf), (np.maximum, -np.inf))
        )
        return np.column_stack(low), np.column_stack(high)


def _over_ranges(values: np.ndarray, limit: np.ufunc, empty: float) -> np.ndarray:
    """The smallest or the largest of the values from each place to each later one."""
    place = np.arange(len(values))
    table = np.where(place[:, None] <= place, values, np.asarray(empty, dtype=values.dtype))
    return np.asarray(limit.accumulate(table, axis=1))


def through_boxes(search: Search, limits: RowLimits, may_differ: Differ) -> float:
    """Find the nearest combination of moves that flips, if there is one, into `search`.

    `may_differ` says of lowest and highest sums whether another decision may lie between. Returns the
    distance below which none flips, as `Search.through` does.
    """
    distances = search.distances
    ends = np.array([len(each) for each in distances]) - 1
    waiting = [(0.0, 0, np.zeros(len(ends), dtype=np.int64), ends)]
    made = 0
    while ends.any() and waiting and waiting[0][0] < search.distance:
        if made > MOST_BOXES:
            return waiting[0][0]
        taken = [heapq.heappop(waiting) for _ in range(min(AT_ONCE, len(waiting)))]
        first, last = (np.array([box[side] for box in taken]) for side in (2, 3))
        first, last = _halves(first, last)
        nearest = _far(distances, first)
        kept = nearest < search.distance
        first, last, nearest = first[kept], last[kept], nearest[kept]
        made += len(first)
        kept = may_differ(*limits(first, last)) if len(first) else kept[:0]
        is_small = kept & (np.prod(last - first + 1.0, axis=1) <= SMALL)
        for box in np.flatnonzero(kept & ~is_small).tolist():
            made += 1
            heapq.heappush(waiting, (float(nearest[box]), made, first[box], last[box]))
        places = _inside(first[is_small], last[is_small])
        total = _far(distances, places)
        nearer = total < search.distance
        places, total = places[nearer], total[nearer]
        order = np.argsort(total + TIE * (places > 0).sum(axis=1), kind="stable")
        search.attempt(range(len(ends)), places[order], total[order])
    return search.distance


def _halves(first: np.ndarray, last: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each box in two, along the feature with the most moves in it."""
    rows, longest = np.arange(len(first)), np.argmax(last - first, axis=1)
    middle = (first[rows, longest] + last[rows, longest]) // 2
    lower_last, upper_first = last.copy(), first.copy()
    lower_last[rows, longest], upper_first[rows, longest] = middle, middle + 1
    return np.concatenate([first, upper_first]), np.concatenate([lower_last, last])


def _inside(first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """The combinations of moves in these boxes."""
    sides = last - first + 1
    counts = np.prod(sides, axis=1)
    box = np.repeat(np.arange(len(first)), counts)
    rest = np.arange(len(box)) - np.repeat(np.cumsum(counts) - counts, counts)
    places = first[box]
    for feature, side in enumerate(sides.T):
        rest, step = np.divmod(rest, side[box])
        places[:, feature] += step
    return places


def _far(distances: Sequence[np.ndarray], places: np.ndarray) -> np.ndarray:
    return np.sum([each[places[:, i]] for i, each in enumerate(distances)], axis=0)
