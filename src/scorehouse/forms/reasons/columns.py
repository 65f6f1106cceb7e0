"""The columns of a prediction table that hold reasons."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from scorehouse.forms.native.reasons import largest
from scorehouse.kernel import arrays

BASE, REST, TOTAL, UNIT = "reason_base", "reason_rest", "reason_total", "reason_unit"
DOCS = {  # <n> counts from 1
    "reason_<n>": "Feature that moved the score most, second most, and so on. Null if no other feature did.",
    "reason_<n>_contribution": "By how much it moved the total, in the unit of reason_unit.",
    "reason_<n>_value": "Value of that feature in this row, as text.",
    REST: "What all other features contributed together.",
    BASE: "What the ML model says of an average training row, or of background rows on average.",
    TOTAL: "Base, contributions and rest together; the score follows from it.",
    UNIT: "Unit of contributions, such as log-odds or probability.",
}


def reason_fields(top: int, ending: str = "") -> list[pa.Field]:
    """For each of the `top` reasons the feature, its contribution and its value; then what else adds up.

    All names have this `ending`.
    """
    fields = []
    for place in range(1, top + 1):
        fields.append(pa.field(f"reason_{place}", pa.string()))
        fields.append(pa.field(f"reason_{place}_contribution", pa.float64()))
        fields.append(pa.field(f"reason_{place}_value", pa.string()))
    fields += [pa.field(name, pa.float64()) for name in (REST, BASE, TOTAL)]
    fields.append(pa.field(UNIT, pa.string()))
    return [field.with_name(field.name + ending) for field in fields]


def reason_columns(
    parts: np.ndarray,
    base: np.ndarray,
    totals: np.ndarray,
    features: pa.RecordBatch,
    top: int,
    unit: str,
) -> list[pa.Array]:
    """The columns of `reason_fields`.

    `parts` has the shape (rows, features), `base` and `totals` (rows,); `features` are the rows as they were
    given. A feature that contributed nothing is no reason: its columns are NULL.
    """
    places, found, rest = largest(parts, top)
    names = arrays.array(features.schema.names, pa.string())
    columns: list[pa.Array] = []
    for place, value in zip(places, found, strict=True):
        none = place < 0
        columns.append(names.take(arrays.of_numpy(place.astype(np.int64), none)))
        columns.append(arrays.of_numpy(value, none))
        columns.append(_texts(features.columns, place))
    columns += [arrays.of_numpy(np.ascontiguousarray(each)) for each in (rest, base, totals)]
    return [*columns, pa.repeat(arrays.scalar(unit), len(parts))]


def _texts(features: Sequence[pa.Array], places: np.ndarray) -> pa.Array:
    """The value of the feature at each row's place, as text; each feature is converted where it is named."""
    order = np.argsort(places, kind="stable")
    starts = np.searchsorted(places[order], np.arange(-1, len(features) + 1))
    pieces = [pa.nulls(int(starts[1]), pa.string())]
    for feature, column in enumerate(features):
        rows = order[starts[feature + 1] : starts[feature + 2]]
        if len(rows):
            pieces.append(_text(column.take(arrays.of_numpy(rows))))
    back = np.empty(len(order), dtype=np.int64)
    back[order] = np.arange(len(order))
    return pa.concat_arrays(pieces).take(arrays.of_numpy(back))


def _text(column: pa.Array) -> pa.Array:
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    return column.cast(pa.string())
