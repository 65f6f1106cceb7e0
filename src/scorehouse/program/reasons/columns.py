"""The columns of a prediction table that hold reasons."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from scorehouse.kernel import arrays
from scorehouse.program.native.reasons import largest

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
    of_each = (("", pa.string()), ("_contribution", pa.float64()), ("_value", pa.string()))
    fields = [(f"reason_{place}{what}", kind) for place in range(1, top + 1) for what, kind in of_each]
    fields += [*((name, pa.float64()) for name in (REST, BASE, TOTAL)), (UNIT, pa.string())]
    return [pa.field(name + ending, kind) for name, kind in fields]


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
    values = Values(features.columns)
    columns: list[pa.Array] = []
    for place, value in zip(places, found, strict=True):
        none = place < 0
        columns.append(names.take(arrays.of_numpy(place.astype(np.int64), none)))
        columns.append(arrays.of_numpy(value, none))
        columns.append(values.texts(place))
    columns += [arrays.of_numpy(np.ascontiguousarray(each)) for each in (rest, base, totals)]
    return [*columns, arrays.repeat(unit, len(parts))]


class Values:
    """The values of feature columns as text. Doubles, as most features are, are converted in one piece."""

    def __init__(self, columns: Sequence[pa.Array]) -> None:
        self._columns = columns
        plain = [i for i, c in enumerate(columns) if pa.types.is_float64(c.type) and not c.null_count]
        self._lines = np.full(len(columns) + 1, -1, dtype=np.int64)  # of each place; the last is that of -1
        self._lines[plain] = np.arange(len(plain))
        self._doubles = np.concatenate([np.empty(0), *(arrays.to_numpy(columns[i]) for i in plain)])

    def texts(self, places: np.ndarray) -> pa.Array:
        """The value of the feature at each row's place; NULL where that is -1."""
        lines = self._lines[places]
        rows = np.flatnonzero(lines >= 0)
        plain = _text(arrays.of_numpy(self._doubles.take(lines[rows] * len(places) + rows)))
        if len(rows) == len(places):
            return plain
        pieces, orders = [plain], [rows]
        for place in np.unique(places[lines < 0]):
            own = np.flatnonzero(places == place)
            chosen = self._columns[place].take(arrays.of_numpy(own)) if place >= 0 else pa.nulls(len(own))
            pieces.append(_text(chosen))
            orders.append(own)
        back = np.empty(len(places), dtype=np.int64)
        back[np.concatenate(orders)] = np.arange(len(places))
        return pa.concat_arrays(pieces).take(arrays.of_numpy(back))


def _text(column: pa.Array) -> pa.Array:
    if isinstance(column, pa.DictionaryArray):
        column = column.dictionary_decode()
    return column.cast(pa.string())
