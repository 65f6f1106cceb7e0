"""Reasons of linear models: weight times the distance from the mean of other rows, in closed form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from scorehouse.program.reasons.stored_reasons import Contributions, StoredReasons

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

    def contributions_of(self, numbers: Sequence[np.ndarray], rows: int) -> Contributions:
        parts = np.zeros((rows, len(self.weights), self.features))
        totals = np.empty((rows, len(self.weights)))
        for start in range(0, rows, BLOCK):
            block = np.stack([column[start : start + BLOCK] for column in numbers])
            totals[start : start + BLOCK] = (self.weights @ block).T + self.intercepts
            block -= self.means[:, None]
            for column, owner in enumerate(self.owners):
                for output, weights in enumerate(self.weights):
                    parts[start : start + BLOCK, output, owner] += weights[column] * block[column]
        if not np.isfinite(totals.sum()) and not np.isfinite(totals).all():
            raise ValueError("the estimator takes no value that is not finite")
        return Contributions(self.weights @ self.means + self.intercepts, parts, totals)
