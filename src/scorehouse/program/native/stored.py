"""Trees as a version's program holds them, with what comes before and after them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scorehouse.program.native.kernel import add_trees
from scorehouse.program.native.layout import TreeModel
from scorehouse.program.stored_backend import ScoringBackend


@dataclass(frozen=True)
class StoredTrees(ScoringBackend):
    """The trees alone, of each segment; `columns` computes what they read.

    The rows of several segments are sorted by segment once; then each segment has one call.
    """

    models: tuple[TreeModel, ...]

    def sums(self, numbers: list[np.ndarray], rows: int, codes: np.ndarray | None) -> np.ndarray:
        block = np.empty((len(numbers), rows))
        if codes is None:
            for line, column in zip(block, numbers, strict=True):
                line[:] = column
            return sums_of(self.models[0], block.T)
        order = np.argsort(codes, kind="stable")
        for line, column in zip(block, numbers, strict=True):
            np.take(column, order, out=line)
        held, starts = np.unique(codes[order], return_index=True)
        ends = [*starts[1:].tolist(), rows]
        made = np.empty((rows, len(self.models[0].base)))
        for code, start, end in zip(held.tolist(), starts.tolist(), ends, strict=True):
            made[order[start:end]] = sums_of(self.models[code], block[:, start:end].T)
        return made


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
