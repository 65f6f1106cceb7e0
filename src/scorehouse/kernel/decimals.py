"""Decimals to doubles and integers, exactly.

Arrow's own cast to double is off in the last bit for some values. Here, each decimal becomes the nearest
double, like Python's `float`.
"""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pyarrow as pa

from scorehouse.kernel import arrays
from scorehouse.kernel import compute as pc

EXACT_POWER = 22  # 10**22 is the largest power of ten that a double holds exactly
EXACT_INTEGER = 2**53
INT64_DIGITS = 18


def to_double(column: pa.Array) -> pa.Array:
    """The nearest double of each decimal."""
    scale = column.type.scale
    unscaled, small = _unscaled(column)
    exact = small & (np.abs(unscaled) <= EXACT_INTEGER) & (0 <= scale <= EXACT_POWER)
    if exact.all():  # both numbers are exact, so their quotient is rounded once
        return arrays.of_numpy(unscaled / 10.0**scale, arrays.missing(column))
    return column.cast(pa.string()).cast(pa.float64())


def to_integer(column: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Each whole decimal as int64, NULL for others; and a mask of those that are not whole or too large."""
    scale = column.type.scale
    unscaled, small = _unscaled(column)
    if not small.all() or not 0 <= scale <= INT64_DIGITS:
        values = [_whole(value) for value in column.to_pylist()]
        integers = arrays.array(values, pa.int64())
    else:
        quotient, remainder = np.divmod(unscaled, 10**scale)
        integers = arrays.of_numpy(quotient, arrays.missing(column) | (remainder != 0))
    return integers, pc.and_(integers.is_null(), column.is_valid())


def _whole(value: Decimal | None) -> int | None:
    if value is None or value != value.to_integral_value() or not -(2**63) <= value < 2**63:
        return None
    return int(value)


def _unscaled(column: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """The unscaled integers of the decimals as int64 (0 for NULL), and where int64 can hold them."""
    if column.type.bit_width != 128:
        return np.zeros(len(column), np.int64), np.zeros(len(column), np.bool_)
    words = np.frombuffer(arrays.memory(column.buffers()[1]), np.int64)[2 * column.offset :][
        : 2 * len(column)
    ]
    low, high = words[::2], words[1::2]
    missing = arrays.missing(column)
    return np.where(missing, 0, low), missing | (high == low >> 63)
