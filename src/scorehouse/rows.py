"""Row checks: which rows of a batch the estimator takes, and why it does not take the others.

Everything is vectorised; texts are built only for columns in which a row fails.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from scorehouse.signature import Feature, Signature

STRICT_CHOICES = ("null", "not_finite", "unseen_category", "out_of_range")


@dataclass(frozen=True)
class CheckedBatch:
    """Feature columns in canonical types, and a reason (text, NULL where accepted) a row, if any."""

    columns: list[pa.Array]
    reasons: pa.Array | None


def check_batch(signature: Signature, batch: pa.RecordBatch, strict: frozenset[str]) -> CheckedBatch:
    """Convert the features of `batch` and find the rows to reject.

    `batch` holds the features by name, in any order; `strict` names checks (STRICT_CHOICES) that
    reject even what the pipeline would take by itself.
    """
    columns, reasons = [], []
    for feature in signature.features:
        column, found = _CONVERTERS[feature.type](batch.column(feature.name), feature)
        found += _missing(column, feature, strict)
        found += _known(column, feature, strict)
        columns.append(column)
        reasons += found
    return CheckedBatch(columns, join_reasons(reasons))


def join_reasons(reasons: Iterable[pa.Array]) -> pa.Array | None:
    """One text a row out of several columns of reasons (NULL: none), joined by `;`."""
    parts = list(reasons)
    if not parts:
        return None
    if len(parts) == 1:
        return parts[0]
    joined = pc.binary_join_element_wise(*parts, ";", null_handling="skip")
    return pc.if_else(pc.equal(joined, ""), pa.scalar(None, pa.string()), joined)


def reason_where(mask: pa.Array, text: str, values: pa.Array | None = None) -> list[pa.Array]:
    """`text` (followed by the row's value, if given) where `mask` is true; nothing if it never is."""
    mask = pc.fill_null(mask, False)
    if not pc.any(mask).as_py():
        return []
    label: Any = pa.scalar(text)
    if values is not None:
        shown = pc.coalesce(values.cast(pa.string()), pa.scalar("NULL"))
        label = pc.binary_join_element_wise(label, shown, "")
    return [pc.if_else(mask, label, pa.scalar(None, pa.string()))]


def _to_double(column: pa.Array, feature: Feature) -> tuple[pa.Array, list[pa.Array]]:
    values = column if pa.types.is_float64(column.type) else column.cast(pa.float64(), safe=False)
    found: list[pa.Array] = []
    if not feature.accepts_non_finite:
        found += reason_where(pc.is_inf(values), f"not_finite:{feature.name}")
    if feature.max_magnitude is not None:
        too_large = pc.and_(pc.greater(pc.abs(values), feature.max_magnitude), pc.is_finite(values))
        found += reason_where(too_large, f"too_large:{feature.name}")
    return values, found


def _to_integer(column: pa.Array, feature: Feature) -> tuple[pa.Array, list[pa.Array]]:
    if pa.types.is_int64(column.type):
        return column, []
    if pa.types.is_integer(column.type) and not pa.types.is_uint64(column.type):
        return column.cast(pa.int64()), []
    doubles = column.cast(pa.float64(), safe=False)
    whole = pc.and_(pc.equal(pc.floor(doubles), doubles), pc.less(pc.abs(doubles), 2.0**63))
    # NaN stays out of this reason: it counts as missing, and is judged there
    bad = pc.and_(pc.invert(whole), pc.invert(pc.is_nan(doubles)))
    usable = pc.if_else(pc.and_(whole, pc.is_finite(doubles)), doubles, pa.scalar(None, pa.float64()))
    found = reason_where(bad, f"out_of_type:{feature.name}=", doubles)
    if pa.types.is_floating(column.type):
        return usable.cast(pa.int64()), found
    exact = pc.if_else(pc.is_valid(usable), column, pa.scalar(None, column.type))
    return exact.cast(pa.int64(), safe=False), found


def _to_boolean(column: pa.Array, feature: Feature) -> tuple[pa.Array, list[pa.Array]]:
    return column, []


def _to_string(column: pa.Array, feature: Feature) -> tuple[pa.Array, list[pa.Array]]:
    # dictionary form: each distinct text becomes one Python object, not one a row
    if pa.types.is_dictionary(column.type):
        return column, []
    return column.cast(pa.string()).dictionary_encode(), []


def _to_timestamp(column: pa.Array, feature: Feature) -> tuple[pa.Array, list[pa.Array]]:
    return column.cast(pa.timestamp("us"), safe=False), []


_CONVERTERS: dict[str, Callable[[pa.Array, Feature], tuple[pa.Array, list[pa.Array]]]] = {
    "double": _to_double,
    "integer": _to_integer,
    "boolean": _to_boolean,
    "string": _to_string,
    "timestamp": _to_timestamp,
}


def _missing(column: pa.Array, feature: Feature, strict: frozenset[str]) -> list[pa.Array]:
    found = []
    if column.null_count and (not feature.accepts_null or "null" in strict):
        found += reason_where(column.is_null(), f"null:{feature.name}")
    if feature.type == "double":
        if not feature.accepts_null or "not_finite" in strict:
            found += reason_where(pc.is_nan(column), f"not_finite:{feature.name}")
        if feature.accepts_non_finite and "not_finite" in strict:
            found += reason_where(pc.is_inf(column), f"not_finite:{feature.name}")
    return found


def _known(column: pa.Array, feature: Feature, strict: frozenset[str]) -> list[pa.Array]:
    found = []
    if feature.categories is not None and (not feature.accepts_unseen or "unseen_category" in strict):
        values = column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
        known = pa.array(feature.categories, type=values.type)
        unseen = pc.and_(pc.invert(pc.is_in(values, value_set=known)), pc.is_valid(values))
        if feature.type == "double":
            unseen = pc.and_(unseen, pc.is_finite(values))
        found += reason_where(unseen, f"unseen_category:{feature.name}=", values)
    if "out_of_range" in strict and feature.minimum is not None and feature.maximum is not None:
        outside = pc.or_(pc.less(column, feature.minimum), pc.greater(column, feature.maximum))
        found += reason_where(outside, f"out_of_range:{feature.name}=", column)
    return found


def accepted_rows(reasons: pa.Array | None, rows: int) -> np.ndarray | None:
    """Indices of the rows without a reason, or None where that is all of them."""
    if reasons is None:
        return None
    return np.flatnonzero(reasons.is_null().to_numpy(zero_copy_only=False)) if rows else None
