"""The matrix form as a file beside the artifact: arrays of layers, and what comes before and after them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from scorehouse.forms.arrays_file import read_arrays, write_arrays
from scorehouse.forms.matrix.layers import Layer, expected_of, in_file, layers_of, lines_of, run
from scorehouse.forms.stored_form import StoredForm, common_of, head_of
from scorehouse.registry.version import Version

LAYOUT = 1  # of the file


@dataclass(frozen=True)
class StoredMatrix(StoredForm):
    """The chain of layers alone; `columns` computes what its first layer reads."""

    layers: tuple[Layer, ...]

    def read_columns(self, columns: Sequence[pa.Array]) -> np.ndarray:
        return run(self.layers, self.numbers(columns), len(columns[0])).T


def to_bytes(form: StoredMatrix) -> bytes:
    """The file of a form."""
    kinds, arrays = in_file(form.layers)
    return write_arrays(LAYOUT, {**head_of(form), "layers": kinds}, arrays)


def from_bytes(data: bytes, version: Version) -> StoredMatrix:
    """The form in a file whose digest was verified.

    Raises ValueError for a file of another release, whose layout this one does not know, and for layers that
    do not fit together.
    """
    head, arrays = read_arrays(LAYOUT, data, lambda head: expected_of(head["layers"]))
    layers = layers_of(head["layers"], arrays)
    form = StoredMatrix(**common_of(head, version), layers=layers)
    lines_of(layers, len(form.columns.outputs))
    return form
