"""Row checks: which rows of a batch the estimator accepts, and why the others are rejected.

Everything is vectorised; reasons are built only for columns in which a row fails.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from scorehouse.kernel import arrays, decimals
from scorehouse.kernel import compute as pc
from scorehouse.registry.signature import Feature, Signature

LARGEST_INTEGER = 2**63 - 1
LARGEST = 1.7976931348623157e308
TICKS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
STRICT_CHOICES = ("null", "not_finite", "unseen_category", "out_of_range")


@dataclass(frozen=True)
class CheckedBatch:
    """Feature columns in canonical types, and one reason per row (NULL if accepted), if there are any."""

    columns: list[pa.Array]
    reasons: pa.Array | None

    @cached_property
    def keep(self) -> np.ndarray | None:
        """The places of the rows without a reason; None if no row has one."""
        return None if self.reasons is None else np.flatnonzero(arrays.missing(self.reasons))

    @property
    def accepted(self) -> list[pa.Array]:
        """The columns of the rows without a reason."""
        if self.keep is None:
            return self.columns
        places = arrays.of_numpy(self.keep)
        return [column.take(places) for column in self.columns]


def check_batch(signature: Signature, batch: pa.RecordBatch, strict: frozenset[str]) -> CheckedBatch:
    """Convert the features of `batch` and find the rows to reject.

    `batch` holds the features by name, in any order; `strict` names checks (STRICT_CHOICES) that reject rows
    even if the pipeline would accept them.
    """
    columns, reasons = [], []
    for feature in signature.features:
        given = batch.column(feature.name)
        if feature.type == "double" and _all_usable(given, feature.max_magnitude):
            column = as_double(given)
        else:
            column, found = _CONVERTERS[feature.type](given, feature)
            reasons += found
            if feature.type == "double" or column.null_count:
                reasons += _missing(given, feature, strict)
        reasons += _known(column, feature, strict)
        columns.append(column)
    return CheckedBatch(columns, join_reasons(reasons))


def texts_encoded(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch with its texts encoded, which `check_batch` would do each time that it gets the rows."""
    columns = [_encoded(column) if _is_text(column.type) else column for column in batch.columns]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def _encoded(column: pa.Array) -> pa.Array:
    # dictionary encoding: one Python object per distinct string, not per row
    return column.cast(pa.string()).dictionary_encode()


def _all_usable(column: pa.Array, limit: float | None) -> bool:
    """Whether every float is present, finite and within the limit; in at most two passes instead of eight.

    If the sum of a column is finite, so is each of its values.
    """
    if not pa.types.is_floating(column.type) or column.null_count:
        return False
    if not math.isfinite(pc.sum(column).as_py() or 0.0):
        return False
    if limit is None or not len(column):
        return True
    values = arrays.to_numpy(column)  # whose extremes numpy finds faster than Arrow
    return bool(max(-values.min(), values.max()) <= limit)


def join_reasons(reasons: Iterable[pa.Array]) -> pa.Array | None:
    """One string per row from several columns of reasons (NULL: none), joined by `;`."""
    joined = None
    for reason in reasons:
        # not null_handling="skip", with which pyarrow 26 leaves out rows that are NULL everywhere
        both = reason if joined is None else pc.binary_join_element_wise(joined, reason, arrays.scalar(";"))
        joined = both if joined is None else pc.coalesce(both, joined, reason)
    return joined


def reason_where(mask: pa.Array, text: str, values: pa.Array | None = None) -> list[pa.Array]:
    """`text` (followed by the row's value, if given) where `mask` is true; None if it never is."""
    mask = pc.fill_null(mask, arrays.FALSE)
    if not pc.any(mask).as_py():
        return []
    label: Any = arrays.scalar(text)
    if values is not None:
        shown = pc.coalesce(values.cast(pa.string()), arrays.scalar("NULL"))
        label = pc.binary_join_element_wise(label, shown, arrays.scalar(""))
    return [pc.if_else(mask, label, arrays.null(pa.string()))]


def as_double(column: pa.Array) -> pa.Array:
    """Numbers of any type as doubles, rounded to the nearest."""
    if pa.types.is_decimal(column.type):
        return decimals.to_double(column)
    return column if pa.types.is_float64(column.type) else column.cast(pa.float64(), safe=False)


def _to_double(column: pa.Array, feature: Feature) -> tuple[pa.Array, list[pa.Array]]:
    values = as_double(column)
    found: list[pa.Array] = []
    if not feature.accepts_non_finite:
        found += reason_where(pc.is_inf(values), f"not_finite:{feature.name}")
    if feature.max_magnitude is not None:
        too_large = pc.and_(
            pc.greater(pc.abs(values), arrays.scalar(feature.max_magnitude)), pc.is_finite(values)
        )
        found += reason_where(too_large, f"too_large:{feature.name}")
    return values, found


def _to_integer(column: pa.Array, feature: Feature) -> tuple[pa.Array, list[pa.Array]]:
    if pa.types.is_int64(column.type):
        return column, []
    if pa.types.is_uint64(column.type):
        bad = pc.greater(column, arrays.scalar(LARGEST_INTEGER, pa.uint64()))
        usable = pc.if_else(bad, arrays.null(pa.uint64()), column)
        return usable.cast(pa.int64()), reason_where(bad, f"out_of_type:{feature.name}=", column)
    if pa.types.is_decimal(column.type):
        integers, bad = decimals.to_integer(column)
        return integers, reason_where(bad, f"out_of_type:{feature.name}=", column)
    if not pa.types.is_floating(column.type):
        return column.cast(pa.int64()), []
    doubles = column.cast(pa.float64())
    whole = pc.and_(pc.equal(pc.floor(doubles), doubles), pc.less(pc.abs(doubles), arrays.scalar(2.0**63)))
    # NaN does not get this reason: it counts as missing, and is judged there
    bad = pc.and_(pc.invert(whole), pc.invert(pc.is_nan(doubles)))
    usable = pc.if_else(pc.and_(whole, pc.is_finite(doubles)), doubles, arrays.null(pa.float64()))
    return usable.cast(pa.int64()), reason_where(bad, f"out_of_type:{feature.name}=", doubles)


def _to_string(column: pa.Array, feature: Feature) -> tuple[pa.Array, list[pa.Array]]:
    return (column if pa.types.is_dictionary(column.type) else _encoded(column)), []


def _to_timestamp(column: pa.Array, feature: Feature) -> tuple[pa.Array, list[pa.Array]]:
    """In the training unit; values that it cannot hold, and DuckDB's infinity, are out of type."""
    unit: Any = timestamp_unit(feature.dtype)
    wanted = pa.timestamp(unit)
    if not pa.types.is_date32(column.type) and not pa.types.is_timestamp(column.type):
        return column.cast(wanted), []
    own: Any = column.type
    days = pa.types.is_date32(own)
    largest = 2**31 - 1 if days else LARGEST_INTEGER
    rate = TICKS[unit] * 86_400 if days else max(1, TICKS[unit] // TICKS[own.unit])
    numbers = column.view(pa.int32() if days else pa.int64()).cast(pa.int64())
    limit = min(largest - 1, LARGEST_INTEGER // rate)
    bad = pc.or_(pc.greater(numbers, arrays.scalar(limit)), pc.less(numbers, arrays.scalar(-limit)))
    usable = pc.if_else(bad, arrays.null(column.type), column)
    return in_unit(usable, unit), reason_where(bad, f"out_of_type:{feature.name}")


def in_unit(column: pa.Array, unit: Any) -> pa.Array:
    """Dates or timestamps, without their zone, in a unit; what is finer is cut off towards the past."""
    wanted = pa.timestamp(unit)
    coarser = pa.types.is_timestamp(column.type) and TICKS[unit] < TICKS[column.type.unit]
    if not coarser:
        return column.cast(wanted, safe=False)
    ticks = column.view(pa.int64())
    each = arrays.scalar(TICKS[column.type.unit] // TICKS[unit], pa.int64())
    whole = pc.divide(ticks, each)  # which cuts off towards 1970
    before = pc.less(ticks, pc.multiply(whole, each))
    return pc.subtract(whole, before.cast(pa.int64())).cast(wanted)


def timestamp_unit(dtype: str) -> str:
    """The unit of a dtype such as `datetime64[ns]` or `datetime64[us, UTC]`; microseconds for others."""
    found = re.match(r"datetime64\[(s|ms|us|ns)\b", dtype)
    return found.group(1) if found else "us"


_CONVERTERS: dict[str, Callable[[pa.Array, Feature], tuple[pa.Array, list[pa.Array]]]] = {
    "double": _to_double,
    "integer": _to_integer,
    "boolean": lambda column, _: (column, []),
    "string": _to_string,
    "timestamp": _to_timestamp,
}


def _missing(given: pa.Array, feature: Feature, strict: frozenset[str]) -> list[pa.Array]:
    """NULL and NaN. NaN counts as missing too, except in a double, where its reason is `not_finite`."""
    found = []
    if not feature.accepts_null or "null" in strict:
        missing = given.is_null(nan_is_null=feature.type != "double")
        found += reason_where(missing, f"null:{feature.name}")
    if feature.type == "double" and pa.types.is_floating(given.type):
        if not feature.accepts_null or "not_finite" in strict:
            found += reason_where(pc.is_nan(given), f"not_finite:{feature.name}")
        if feature.accepts_non_finite and "not_finite" in strict:
            found += reason_where(pc.is_inf(given), f"not_finite:{feature.name}")
    return found


def _known(column: pa.Array, feature: Feature, strict: frozenset[str]) -> list[pa.Array]:
    found = []
    if feature.categories is not None and (not feature.accepts_unseen or "unseen_category" in strict):
        values = column.dictionary_decode() if isinstance(column, pa.DictionaryArray) else column
        known = arrays.array(feature.categories, values.type)
        unseen = pc.and_(pc.invert(pc.is_in(values, value_set=known)), pc.is_valid(values))
        if feature.type == "double":  # what is not finite or too large is not judged as a category
            limit = arrays.scalar(feature.max_magnitude or LARGEST)
            unseen = pc.and_(unseen, pc.less_equal(pc.abs(values), limit))
        found += reason_where(unseen, f"unseen_category:{feature.name}=", values)
    if "out_of_range" in strict and feature.minimum is not None and feature.maximum is not None:
        low, high = arrays.scalar(feature.minimum), arrays.scalar(feature.maximum)
        outside = pc.or_(pc.less(column, low), pc.greater(column, high))
        found += reason_where(outside, f"out_of_range:{feature.name}=", column)
    return found
