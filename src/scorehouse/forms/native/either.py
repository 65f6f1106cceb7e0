"""The native form of one estimator, or of one per segment, read by the fitting module."""

from __future__ import annotations

from scorehouse.forms.arrays_file import layout_of
from scorehouse.forms.native import segments, stored
from scorehouse.forms.native.segments import SegmentedTrees
from scorehouse.forms.native.stored import StoredTrees
from scorehouse.registry.version import Version


def from_bytes(data: bytes, version: Version) -> StoredTrees | SegmentedTrees:
    """The form in a file whose digest was verified; ValueError for a file that this release cannot read."""
    reader = segments if layout_of(data) == segments.LAYOUT else stored
    return reader.from_bytes(data, version)
