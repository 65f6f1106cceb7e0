"""The matrix form as a file beside the artifact: arrays of layers, and what comes before and after them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scorehouse.forms.arrays_file import read_arrays, write_arrays
from scorehouse.forms.matrix import segment_layers
from scorehouse.forms.matrix.layers import (
    Layer,
    expected_of,
    in_file,
    layers_of,
    lines_of,
    run,
    segments_of,
)
from scorehouse.forms.stored_form import PARAMETERS, ScoringForm, scoring_head, scoring_of
from scorehouse.registry.version import Version

LAYOUT = 1  # of the file


@dataclass(frozen=True)
class StoredMatrix(ScoringForm):
    """The chain of layers alone; `columns` computes what its first layer reads."""

    layers: tuple[Layer, ...]

    def sums(self, numbers: list[np.ndarray], rows: int, codes: np.ndarray | None) -> np.ndarray:
        if codes is None:
            return run(self.layers, numbers, rows).T
        return segment_layers.run(self.layers, numbers, codes).T


def to_bytes(form: StoredMatrix) -> bytes:
    """The file of a form."""
    kinds, arrays = in_file(form.layers)
    head = {**scoring_head(form), "layers": kinds}
    return write_arrays(LAYOUT, head, {"parameters": form.parameters, **arrays})


def from_bytes(data: bytes, version: Version) -> StoredMatrix:
    """The form in a file whose digest was verified.

    Raises ValueError for a file of another release, whose layout this one does not know, and for layers that
    do not fit together.
    """
    head, held = read_arrays(LAYOUT, data, lambda head: {**PARAMETERS, **expected_of(head["layers"])})
    layers = layers_of(head["layers"], held)
    form = StoredMatrix(**scoring_of(head, held, version, segments_of(layers)), layers=layers)
    lines_of(layers, len(form.columns.outputs))
    return form
