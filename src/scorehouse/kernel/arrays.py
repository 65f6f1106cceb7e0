"""Arrow arrays from NumPy arrays and Python values, and back, without pandas.

Where pandas is installed, pyarrow imports it to see whether a value belongs to it. A run that scores by a
program needs it for nothing else, and its import takes longer than scoring a small table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

FALSE_AND_TRUE = pa.Array.from_buffers(pa.bool_(), 2, [None, pa.py_buffer(b"\x02")])
FALSE = FALSE_AND_TRUE[0]


def array(values: Sequence[Any] | np.ndarray, type: pa.DataType | None = None) -> pa.Array:
    """`pa.array(values, type)`; a list may hold None."""
    if isinstance(values, np.ndarray):
        return of_numpy(values) if values.dtype.kind in "iufb" and type is None else pa.array(values, type)
    kinds = {value.__class__ for value in values if value is not None}
    if not kinds and type is None:
        return pa.nulls(len(values))
    held = INFERRED.get(next(iter(kinds))) if type is None and len(kinds) == 1 else type
    if held is not None and pa.types.is_string(held) and kinds <= {str}:
        return _texts(values)
    if held is None or held not in NUMBERS or not kinds <= NUMBERS[held][1]:
        return pa.array(values, type)
    missing = np.array([value is None for value in values], dtype=np.bool_)
    given: list[Any] = [0 if value is None else value for value in values]
    try:
        return of_numpy(np.array(given, dtype=NUMBERS[held][0]), missing)
    except OverflowError:  # pyarrow has a larger type, or an error of its own
        return pa.array(values, type)


def of_numpy(values: np.ndarray, missing: np.ndarray | None = None) -> pa.Array:
    """`pa.array(values, mask=missing)` for one dimension of numbers or booleans."""
    held = None if missing is None or not missing.any() else pa.py_buffer(_bits(~missing))
    if values.dtype.kind == "b":
        return pa.Array.from_buffers(pa.bool_(), len(values), [held, pa.py_buffer(_bits(values))])
    numbers = pa.py_buffer(np.ascontiguousarray(values).data)
    return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), len(values), [held, numbers])


def scalar(value: Any, type: pa.DataType | None = None) -> pa.Scalar:
    """`pa.scalar(value, type)`."""
    return null(type) if value is None and type else array([value], type)[0]


def null(type: pa.DataType) -> pa.Scalar:
    """`pa.scalar(None, type)`."""
    return nulls(1, type)[0]


def nulls(rows: int, type: Any) -> pa.Array:
    """`pa.nulls(rows, type)`; its stubs take no type that is known only when it runs."""
    return pa.nulls(rows, type)


def repeat(value: Any, rows: int, type: pa.DataType | None = None) -> pa.Array:
    """`pa.repeat(value, rows)` of a scalar, or of what `scalar` makes one of."""
    one: Any = value if isinstance(value, pa.Scalar) else scalar(value, type)
    return pa.repeat(one, rows)


def to_numpy(column: pa.Array) -> np.ndarray:
    """`column.to_numpy(zero_copy_only=False)` for booleans without NULL and for numbers.

    NULL is NaN, so integers with NULL are doubles.
    """
    values = held(column)
    return np.where(missing(column), np.nan, values) if column.null_count else values


def held(column: pa.Array) -> np.ndarray:
    """The numbers or booleans in the memory of a column; in place of a NULL, any value."""
    if pa.types.is_boolean(column.type):
        bits = np.frombuffer(memory(column.buffers()[1]), np.uint8)
        return np.unpackbits(bits, bitorder="little")[column.offset :][: len(column)].astype(np.bool_)
    values = np.frombuffer(memory(column.buffers()[1]), column.type.to_pandas_dtype())
    return values[column.offset :][: len(column)]


def missing(column: pa.Array) -> np.ndarray:
    """Which values are NULL, as booleans."""
    valid = column.buffers()[0] if column.null_count else None
    if valid is None:
        return np.full(len(column), column.null_count > 0)
    bits = np.unpackbits(np.frombuffer(memory(valid), np.uint8), bitorder="little")
    return bits[column.offset :][: len(column)] == 0


def _texts(values: Sequence[str | None]) -> pa.Array:
    encoded = [b"" if value is None else value.encode() for value in values]
    ends = np.cumsum([0, *map(len, encoded)], dtype=np.int64)
    if ends[-1] > np.iinfo(np.int32).max:
        return pa.array(values, pa.string())
    missing = np.array([value is None for value in values], dtype=np.bool_)
    held = pa.py_buffer(_bits(~missing)) if missing.any() else None
    places = pa.py_buffer(ends.astype(np.int32).data)
    return pa.Array.from_buffers(pa.string(), len(values), [held, places, pa.py_buffer(b"".join(encoded))])


def memory(buffer: pa.Buffer | None) -> memoryview:
    """What NumPy reads of a buffer; of none, no bytes."""
    return memoryview(buffer or b"")


def _bits(flags: np.ndarray) -> bytes:
    return np.packbits(flags, bitorder="little").tobytes()


# the NumPy type of each, and the classes of values that it holds without a change
NUMBERS: Mapping[pa.DataType, tuple[Any, set[type]]] = {
    pa.bool_(): (np.bool_, {bool}),
    pa.int32(): (np.int32, {int}),
    pa.int64(): (np.int64, {int}),
    pa.uint64(): (np.uint64, {int}),
    pa.float32(): (np.float32, {float}),
    pa.float64(): (np.float64, {float}),
}
INFERRED: Mapping[type, pa.DataType] = {
    bool: pa.bool_(),
    int: pa.int64(),
    float: pa.float64(),
    str: pa.string(),
}
