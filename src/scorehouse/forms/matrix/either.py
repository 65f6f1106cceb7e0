"""The matrix form of one estimator, or of one per segment: made, written and read by the fitting module."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from scorehouse.forms.arrays_file import layout_of
from scorehouse.forms.matrix import segments, stored
from scorehouse.forms.matrix.segments import SegmentedMatrix
from scorehouse.forms.matrix.stored import StoredMatrix
from scorehouse.forms.segments_made import is_segmented
from scorehouse.registry.signature import Signature
from scorehouse.registry.version import Version

Products = StoredMatrix | SegmentedMatrix


def compiled(estimator: Any, version: Version, signature: Signature, call: str) -> Iterator[Products]:
    """The forms of a fitted estimator as they can be stored, the fastest first; none is proven yet.

    Raises CompileError that says what is in the way.
    """
    if not is_segmented(estimator):
        from scorehouse.forms.matrix.make import compile_matrix

        yield compile_matrix(estimator, version, signature, call)
        return
    from scorehouse.forms.matrix.make_segments import compile_segments
    from scorehouse.forms.matrix.segment_layers import folded

    form = compile_segments(estimator, version, signature, call)
    yield replace(form, layers=folded(form.layers))
    yield form


def to_bytes(form: Products) -> bytes:
    """The file of a form."""
    return segments.to_bytes(form) if isinstance(form, SegmentedMatrix) else stored.to_bytes(form)


def from_bytes(data: bytes, version: Version) -> Products:
    """The form in a file whose digest was verified; ValueError for a file that this release cannot read."""
    reader = segments if layout_of(data) == segments.LAYOUT else stored
    return reader.from_bytes(data, version)
