"""Reasons of trees: TreeSHAP by the compiled loops of native/kernel_reasons.h.

It is interventional against a background, and path-dependent without one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from scorehouse.forms.native.kernel import add_trees
from scorehouse.forms.native.layout import Layout
from scorehouse.forms.native.reasons import Attribution
from scorehouse.forms.reasons.background import canonical_columns
from scorehouse.forms.reasons.stored_reasons import Contributions, StoredReasons

BLOCK = 16_384  # rows, so that the contributions of several classes do not fill the memory


@dataclass(frozen=True)
class TreeReasons(StoredReasons):
    """The trees, laid out without tops, in doubles; `columns_of_nodes` and `covers` have one per node."""

    layout: Layout
    columns_of_nodes: np.ndarray
    covers: np.ndarray

    def contributions_of(self, numbers: Sequence[np.ndarray], rows: int) -> Contributions:
        block = in_block(numbers, rows)
        parts = self.attribution.contributions(block)
        if parts is None:
            raise ValueError("the estimator takes no such value")
        parts /= self.layout.divisor
        return Contributions(self.base, parts, self._totals(block))

    def _totals(self, block: np.ndarray) -> np.ndarray:
        """The explained sums of a block of numbers, of shape (rows, outputs)."""
        sums = np.repeat(self.layout.base[:, None], len(block), axis=1)
        if not add_trees(block, self.layout.tables, sums):
            raise ValueError("the estimator takes no such value")
        return np.asarray(sums[list(self.explained)].T / self.layout.divisor)

    @cached_property
    def background_block(self) -> np.ndarray | None:
        """The numbers of the background, of shape (background rows, columns)."""
        if self.background is None:
            return None
        return in_block(self.numbers(canonical_columns(self.background)), self.background.num_rows)

    @cached_property
    def attribution(self) -> Attribution:
        """The trees as the loops explain them."""
        places = np.full(len(self.layout.base), -1, dtype=np.int64)
        places[list(self.explained)] = np.arange(len(self.explained))
        owners = np.array(self.owners, dtype=np.int64)
        nodes = (self.columns_of_nodes, self.covers)
        background = self.background_block
        return Attribution(self.layout.tables, *nodes, owners, places, self.features, background)

    @cached_property
    def base(self) -> np.ndarray:
        """The mean of the explained outputs over the background, or over the rows that the nodes counted."""
        if self.background_block is not None:
            return np.asarray(self._totals(self.background_block).mean(axis=0))
        tables = self.layout.tables
        made = self.layout.base.copy()
        nodes = tables.exits.reshape(len(tables.trees), -1)[:, 0].astype(np.int64)
        groups, shares = tables.trees[:, 5], np.ones(len(nodes))
        while len(nodes):
            lefts = tables.node_left[nodes].astype(np.int64)
            leaf = lefts == nodes
            for k in range(tables.outputs):
                np.add.at(made, groups[leaf] + k, shares[leaf] * tables.node_value[nodes[leaf], k])
            inner = ~leaf
            nodes, groups, shares = _children(
                nodes[inner], lefts[inner], groups[inner], shares[inner], self.covers
            )
        return np.asarray(made[list(self.explained)] / self.layout.divisor)


def in_block(numbers: Sequence[np.ndarray], rows: int) -> np.ndarray:
    """Columns of doubles as one block of shape (rows, columns)."""
    block = np.empty((rows, len(numbers)), dtype=np.float64, order="F")
    for position, column in enumerate(numbers):
        block[:, position] = column
    return block


def _children(
    nodes: np.ndarray, lefts: np.ndarray, groups: np.ndarray, shares: np.ndarray, covers: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Both children of each node, their outputs, and the share of the training rows that reached them."""
    known = covers[nodes] > 0.0
    to_left, to_right = (
        np.divide(covers[child], covers[nodes], out=np.full(len(nodes), 0.5), where=known)
        for child in (lefts, lefts + 1)
    )
    children = np.concatenate([lefts, lefts + 1])
    return children, np.tile(groups, 2), np.concatenate([shares * to_left, shares * to_right])
