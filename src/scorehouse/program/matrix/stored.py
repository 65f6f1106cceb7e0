"""Matrix products as a version's program holds them, with what comes before and after them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from scorehouse.program.arrays_file import Expected, require
from scorehouse.program.matrix.layers import MAKERS, Layer, lines_of, run, segments_of
from scorehouse.program.stored_backend import ScoringBackend, scoring_of
from scorehouse.registry.version import Version


@dataclass(frozen=True)
class StoredMatrix(ScoringBackend):
    """The chain of layers alone; `columns` computes what its first layer reads.

    A file has their kinds, each with the number of its arrays.
    """

    layers: tuple[Layer, ...]

    def sums(self, numbers: list[np.ndarray], rows: int, codes: np.ndarray | None) -> np.ndarray:
        return run(self.layers, numbers, rows, codes).T

    def own_in_file(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        kinds = [(layer.kind, len(layer.arrays)) for layer in self.layers]
        return {"layers": kinds}, {
            f"layer_{i}_{j}": array
            for i, layer in enumerate(self.layers)
            for j, array in enumerate(layer.arrays)
        }

    @staticmethod
    def expected(head: Mapping[str, Any]) -> Expected:
        require(all(count in (0, 1, 2) for _, count in head["layers"]), "a layer has more than two arrays")
        return {
            f"layer_{i}_{j}": (np.float64, (None, None, None) if kind in MAKERS else (None, None))
            for i, (kind, count) in enumerate(head["layers"])
            for j in range(count)
        }

    @classmethod
    def of_file(cls, head: Mapping[str, Any], held: Mapping[str, np.ndarray], version: Version) -> Self:
        layers = tuple(
            Layer(kind, tuple(held[f"layer_{i}_{j}"] for j in range(count)))
            for i, (kind, count) in enumerate(head["layers"])
        )
        backend = cls(**scoring_of(head, held, version, segments_of(layers)), layers=layers)
        lines_of(layers, len(backend.columns.outputs))  # the shapes fit together
        return backend
