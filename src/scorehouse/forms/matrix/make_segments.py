"""Make the matrix form of an estimator with one estimator per segment: their chains, as one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from scorehouse.forms.matrix.layers import Layer
from scorehouse.forms.matrix.make import compile_matrix
from scorehouse.forms.matrix.segment_layers import lines_of
from scorehouse.forms.matrix.segments import SegmentedMatrix
from scorehouse.forms.matrix.stored import StoredMatrix
from scorehouse.forms.segments_made import refused, stacked
from scorehouse.registry.signature import Signature
from scorehouse.registry.version import Version

NEUTRAL = {"normalise": (0.0, 1.0), "rescale": (1.0, 0.0)}  # layers that change nothing


def compile_segments(estimator: Any, version: Version, signature: Signature, call: str) -> SegmentedMatrix:
    """The form of a fitted segmented estimator; it is not proven yet.

    Raises CompileError naming the segment whose estimator has no form as matrix products, or whose form
    differs from the others in more than its numbers.
    """

    def compile_one(one: Any) -> StoredMatrix:
        return compile_matrix(one, version, signature, call, without=estimator.position_)

    made = stacked(estimator, version, signature, call, compile_one)
    wanted = max((form.layers for form in made.forms), key=len)
    chains: list[list[Layer]] = []
    for form, name in zip(made.forms, made.names, strict=True):
        aligned = _aligned(form.layers, wanted)
        if aligned is None:
            raise refused(name, "its layers differ from the others in more than numbers", call)
        chains.append(aligned)
    layers = tuple(
        Layer(
            each[0].kind,
            tuple(_over_segments(parts) for parts in zip(*(one.arrays for one in each), strict=True)),
        )
        for each in zip(*chains, strict=True)
    )
    try:
        lines_of(layers, len(made.common["columns"].outputs))
    except ValueError as error:
        raise refused("of every segment", str(error), call) from error
    return SegmentedMatrix(**made.common, layers=layers)


def _over_segments(parts: Sequence[np.ndarray]) -> np.ndarray:
    """The arrays of all segments as one, whose last axis is the segment."""
    joined = np.stack(parts, axis=-1)
    is_column = joined.ndim == 3 and joined.shape[1] == 1
    return np.ascontiguousarray(joined[:, 0] if is_column else joined)


def _aligned(layers: Sequence[Layer], wanted: Sequence[Layer]) -> list[Layer] | None:
    """The layers in the order of `wanted`; a shift or scale that is not needed here changes nothing.

    None if they do not fit.
    """
    rest, made = list(layers), []
    for layer in wanted:
        if rest and rest[0].kind == layer.kind:
            own = rest.pop(0)
            if [array.shape for array in own.arrays] != [array.shape for array in layer.arrays]:
                return None
            made.append(own)
        elif layer.kind in NEUTRAL:
            pairs = zip(layer.arrays, NEUTRAL[layer.kind], strict=True)
            made.append(Layer(layer.kind, tuple(np.full(array.shape, number) for array, number in pairs)))
        else:
            return None
    return None if rest else made
