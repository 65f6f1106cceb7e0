"""The matrix form of many estimators, one per segment, as a file beside the artifact."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scorehouse.forms.arrays_file import Expected, read_arrays, write_arrays
from scorehouse.forms.matrix.layers import Layer, expected_of, in_file, layers_of
from scorehouse.forms.matrix.segment_layers import lines_of, run
from scorehouse.forms.segment_codes import SegmentKeys
from scorehouse.forms.segmented_form import SegmentedForm, check_segments
from scorehouse.forms.stored_form import common_of, head_of
from scorehouse.registry.version import Version

LAYOUT = 2  # of the file; 1 is that of a single estimator
PARAMETERS: Expected = {"parameters": (np.float64, (None, None))}


@dataclass(frozen=True)
class SegmentedMatrix(SegmentedForm):
    """The chains of all segments; the last axis of the arrays of `layers` is the segment."""

    layers: tuple[Layer, ...]

    def sums(self, numbers: list[np.ndarray], codes: np.ndarray) -> np.ndarray:
        return run(self.layers, numbers, codes).T


def to_bytes(form: SegmentedMatrix) -> bytes:
    """The file of a form."""
    kinds, arrays = in_file(form.layers)
    head = {**head_of(form), "layers": kinds, "segments": form.keys.to_json()}
    return write_arrays(LAYOUT, head, {"parameters": form.parameters, **arrays})


def from_bytes(data: bytes, version: Version) -> SegmentedMatrix:
    """The form in a file whose digest was verified.

    Raises ValueError for a file of another release, and for layers that do not fit together.
    """
    head, held = read_arrays(LAYOUT, data, lambda head: {**PARAMETERS, **expected_of(head["layers"])})
    layers = layers_of(head["layers"], held)
    keys = SegmentKeys.of_json(head["segments"], version.n_features)
    form = SegmentedMatrix(
        **common_of(head, version), keys=keys, parameters=held["parameters"], layers=layers
    )
    lines_of(layers, len(form.columns.outputs))
    check_segments(form, {array.shape[-1] for layer in layers for array in layer.arrays})
    return form
