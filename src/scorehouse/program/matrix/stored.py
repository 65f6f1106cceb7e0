"""Matrix products as a version's program holds them, with what comes before and after them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scorehouse.program.matrix.layers import Layer, run
from scorehouse.program.stored_backend import ScoringBackend


@dataclass(frozen=True)
class StoredMatrix(ScoringBackend):
    """The chain of layers alone; `columns` computes what its first layer reads."""

    layers: tuple[Layer, ...]

    def sums(self, numbers: list[np.ndarray], rows: int, codes: np.ndarray | None) -> np.ndarray:
        return run(self.layers, numbers, rows, codes).T
