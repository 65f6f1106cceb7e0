"""The trees over a block of numbers."""

from __future__ import annotations

import numpy as np

from scorehouse.program.native.kernel import add_trees
from scorehouse.program.native.layout import TreeModel


def sums_of(model: TreeModel, numbers: np.ndarray) -> np.ndarray | None:
    """The sums over all trees, of shape (rows, outputs); None where the estimator refuses a value."""
    sums = np.repeat(model.base[:, None], len(numbers), axis=1)
    if not add_trees(numbers, model.packed, sums):
        return None
    if model.divisor > 1:
        sums /= model.divisor
    return sums.T
