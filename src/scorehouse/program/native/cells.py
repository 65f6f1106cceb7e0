"""Cells of equal width over the edges of a column, in which the rank of a value is found in a step or two."""

from __future__ import annotations

import numpy as np

CELLS_PER_EDGE = 4
MOST_CELLS = 4096


class Cells:
    """For each column its edges, the span of its cells, and how many edges lie below each cell.

    The cell of a value never falls where values rise, so edges in lower cells lie below the value and edges
    in higher cells above it; only those in its own cell are compared. kernel.c computes the same cells.
    """

    def __init__(self) -> None:
        self.edges: list[np.ndarray] = []
        self.spans: list[tuple[float, float, float]] = []
        self.below: list[np.ndarray] = []

    def add(self, edges: np.ndarray) -> tuple[int, int, int, int]:
        """Add sorted edges; returns the first edge, the span, the first cell and the number of halvings."""
        count = min(MOST_CELLS, CELLS_PER_EDGE * max(1, len(edges)))
        finite = edges[np.isfinite(edges)]
        low, high = finite[[0, -1]] if len(finite) else np.zeros(2)
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            scale = count / (high - low)
            scale = scale if np.isfinite(scale) else 0.0  # all in one cell
            places = np.nan_to_num((edges - low) * scale, nan=0.0)
        cells = np.clip(places, 0.0, count - 1.0).astype(np.int64)
        below = np.searchsorted(cells, np.arange(count))
        most = int(np.bincount(cells, minlength=1).max())
        steps = max(1, most.bit_length())
        made = sum(map(len, self.edges)), len(self.spans), sum(map(len, self.below)), steps
        self.edges.append(np.concatenate([edges, np.full((1 << steps) - 1, np.inf)]))
        self.spans.append((float(low), float(scale), count - 1.0))
        self.below.append(below)
        return made
