"""Which segment a row belongs to: the positions of values in a list of known ones, for whole columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from scorehouse.kernel import arrays
from scorehouse.kernel import compute as pc


@dataclass(frozen=True)
class SegmentKeys:
    """The feature at `position` has the segment, one of `known` (strings or numbers).

    Any other value, and a missing one, has the position behind the last of them: that of the fallback, if
    there is one.
    """

    position: int
    known: tuple[Any, ...]
    has_fallback: bool

    def codes(self, columns: Sequence[pa.Array]) -> np.ndarray:
        """The position of each row's segment, of shape (rows,).

        `columns` are features in the kernel's canonical types.
        """
        column = columns[self.position]
        if isinstance(column, pa.DictionaryArray):
            found = _places(column.dictionary, self.known).take(column.indices)
        else:
            found = _places(column, self.known)
        codes = pc.fill_null(found, arrays.scalar(len(self.known), pa.int32()))
        return arrays.to_numpy(codes).astype(np.int64)

    @classmethod
    def of_json(cls, document: Mapping[str, Any], features: int) -> SegmentKeys:
        """The keys in a file; ValueError for a position that is none of so many features."""
        if document["position"] not in range(features):
            raise ValueError(f"its segments are of feature {document['position']!r}, and it has {features}")
        return cls(document["position"], tuple(document["known"]), bool(document["has_fallback"]))


def _places(column: pa.Array, known: Sequence[Any]) -> pa.Array:
    """The position of each value in `known`, in 32 bits; NULL for others."""
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.int64())
    if pa.types.is_floating(column.type):
        column = pc.add(column.cast(pa.float64()), arrays.scalar(0.0))  # -0.0 is 0.0
        known = [float(value) for value in known]
    if not known:
        return pa.nulls(len(column), pa.int32())
    return pc.index_in(column, value_set=arrays.array(list(known), _type(column.type)))


def _type(kind: pa.DataType) -> pa.DataType:
    return pa.string() if pa.types.is_large_string(kind) else kind
