"""Reasons of trees: TreeSHAP by the compiled loops of native/kernel_reasons.h.

It is interventional against a background, and path-dependent without one.

Reasons of linear models: weight times the distance from the mean of other rows, in closed form.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pyarrow as pa

from scorehouse.program.native.kernel import Packed, add_trees
from scorehouse.program.native.layout import TreeModel
from scorehouse.program.native.reasons import Attribution
from scorehouse.program.reasons.stored_reasons import Contributions, StoredReasons, canonical_columns
from scorehouse.program.text_columns import TextColumns
from scorehouse.program.trees.tree import LEAF, Tree

BLOCK = 4_096  # rows, of which the columns stay in the cache


@dataclass(frozen=True)
class LinearReasons(StoredReasons):
    """`weights` has the shape (outputs, columns) and `intercepts` (outputs,), of the explained outputs only.

    `means` are those of the columns over the background, or without one over the training rows.
    """

    weights: np.ndarray
    intercepts: np.ndarray
    means: np.ndarray

    def of_outputs(self, places: Sequence[int]) -> LinearReasons:
        explained = tuple(self.explained[place] for place in places)
        weights, intercepts = self.weights[list(places)], self.intercepts[list(places)]
        return replace(self, explained=explained, weights=weights, intercepts=intercepts)

    def contributions(self, columns: Sequence[pa.Array]) -> Contributions:
        plain, texts = self.columns_apart(columns, len(self.weights))
        return self._contributions(plain, texts, len(columns[0]) if columns else 0)

    def contributions_of(self, numbers: Sequence[np.ndarray], rows: int) -> Contributions:
        return self._contributions(dict(enumerate(numbers)), [], rows)

    def _contributions(
        self, plain: Mapping[int, np.ndarray], texts: Sequence[TextColumns], rows: int
    ) -> Contributions:
        """Of columns by their places, and of those that each of some text features makes."""
        places, numbers = [*plain], [*plain.values()]
        weighing, means = self.weights[:, places], self.means[places]
        parts = np.zeros((rows, len(self.weights), self.features))
        totals = np.empty((rows, len(self.weights)))
        for start in range(0, rows, BLOCK):
            block = np.empty((len(numbers), min(BLOCK, rows - start)))
            for line, column in zip(block, numbers, strict=True):
                line[:] = column[start : start + BLOCK]
            totals[start : start + BLOCK] = (weighing @ block).T + self.intercepts
            block -= means[:, None]
            for place, line in zip(places, block, strict=True):
                for output, weights in enumerate(self.weights):
                    parts[start : start + BLOCK, output, self.owners[place]] += weights[place] * line
        for own in texts:
            if "reasons" not in own.kept:
                weights, middle = self.weights[:, own.outputs], self.means[own.outputs, None]
                own.kept["reasons"] = own.weighted(weights, own.values - middle), own.weighted(weights)
            for output, (part, total) in enumerate(zip(*own.kept["reasons"], strict=True)):
                parts[:, output, self.owners[own.outputs[0]]] += part.take(own.places)
                totals[:, output] += total.take(own.places)
        if not np.isfinite(totals.sum()) and not np.isfinite(totals).all():
            raise ValueError("the estimator takes no value that is not finite")
        return Contributions(self.weights @ self.means + self.intercepts, parts, totals)


@dataclass(frozen=True)
class TreeReasons(StoredReasons):
    """The trees of one estimator, each of one output or of all (`over_all_outputs`)."""

    model: TreeModel

    @property
    def single(self) -> bool:
        return self.model.ensemble.single

    @property
    def packed(self) -> Packed:
        """The trees without tops; their sums are doubles, even where the library rounds them to float32."""
        return self.attribution.packed

    def contributions_of(self, numbers: Sequence[np.ndarray], rows: int) -> Contributions:
        block = in_block(numbers, rows)
        parts = self.attribution.contributions(block)
        if parts is None:
            raise ValueError("the estimator takes no such value")
        parts /= self.model.divisor
        return Contributions(self.base, parts, self._totals(block))

    def _totals(self, block: np.ndarray) -> np.ndarray:
        """The explained sums of a block of numbers, of shape (rows, outputs)."""
        sums = np.repeat(self.model.base[:, None], len(block), axis=1)
        if not add_trees(block, self.packed, sums):
            raise ValueError("the estimator takes no such value")
        return np.asarray(sums[list(self.explained)].T / self.model.divisor)

    @cached_property
    def background_block(self) -> np.ndarray | None:
        """The numbers of the background, of shape (background rows, columns)."""
        if self.background is None:
            return None
        return in_block(self.numbers(canonical_columns(self.background)), self.background.num_rows)

    @cached_property
    def attribution(self) -> Attribution:
        """The trees as the loops explain them."""
        places = np.full(len(self.model.base), -1, dtype=np.int64)
        places[list(self.explained)] = np.arange(len(self.explained))
        owners = np.array(self.owners, dtype=np.int64)
        return Attribution(self.model, owners, places, self.features, self.background_block)

    @cached_property
    def base(self) -> np.ndarray:
        """The mean of the explained outputs over the background, or over the rows that the nodes counted."""
        if self.background_block is not None:
            return np.asarray(self._totals(self.background_block).mean(axis=0))
        made = self.model.base
        for tree, group in zip(self.model.ensemble.trees, self.model.ensemble.groups, strict=True):
            leaf, width = tree.is_leaf, tree.value.shape[1]
            made[group : group + width] += _shares(tree)[leaf] @ tree.value[leaf]
        return np.asarray(made[list(self.explained)] / self.model.divisor)


def over_all_outputs(model: TreeModel) -> TreeModel:
    """The same, with trees of some classes of many, as forests of several labels have, over all outputs.

    The loops for reasons take trees of one output, or of all.
    """
    ensemble = model.ensemble
    width, outputs = ensemble.trees[0].value.shape[1], len(ensemble.base)
    if width == 1 or not any(ensemble.groups):
        return model
    trees = tuple(
        replace(tree, value=np.pad(tree.value, ((0, 0), (group, outputs - group - width))))
        for tree, group in zip(ensemble.trees, ensemble.groups, strict=True)
    )
    padded = replace(ensemble, trees=trees, groups=(0,) * len(trees))
    return replace(model, ensemble=padded, divided_by=model.divisor)


def in_block(numbers: Sequence[np.ndarray], rows: int) -> np.ndarray:
    """Columns of doubles as one block of shape (rows, columns)."""
    return np.array(numbers, dtype=np.float64).reshape(len(numbers), rows).T


def _shares(tree: Tree) -> np.ndarray:
    """The share of the training rows that reached each node."""
    shares = np.ones(len(tree.left))
    for level in tree.levels():
        inner = level[tree.left[level] != LEAF]
        known = tree.cover[inner] > 0.0
        for side in (tree.left, tree.right):
            child = side[inner]
            part = np.divide(tree.cover[child], tree.cover[inner], out=np.full(len(inner), 0.5), where=known)
            shares[child] = shares[inner] * part
    return shares
