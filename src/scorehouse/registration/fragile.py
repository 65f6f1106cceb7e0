"""Rows whose label hangs on the last place of a feature, which another engine may compute otherwise."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import pyarrow as pa

from scorehouse.kernel import compute as pc
from scorehouse.kernel.scorer import Kernel
from scorehouse.registry.version import FRAGILE, MULTILABEL, Version

ROWS = 5_000
UP_AND_DOWN = (np.inf, -np.inf)


def fragile_labels(kernel: Kernel, batch: pa.RecordBatch) -> dict[str, Any]:
    """How many labels change if one feature is the next number that its type holds, up or down.

    Under the name of the fact in the registry: `rows` were tried, evenly drawn from the batch; `labels` has
    the count of each feature that changes some. Empty for a task without labels.
    """
    names = _label_columns(kernel.version)
    if not names:
        return {}
    rows = min(ROWS, batch.num_rows)
    tried = batch.take(np.linspace(0, batch.num_rows - 1, rows).astype(np.int64))
    usual, found = kernel(tried), {}
    for feature in kernel.signature.features:
        column = tried.column(feature.name)
        if feature.type != "double" or not pa.types.is_floating(column.type):
            continue
        changed = np.zeros(rows, dtype=bool)
        for toward in UP_AND_DOWN:
            place = tried.schema.get_field_index(feature.name)
            other = kernel(tried.set_column(place, feature.name, _next(column, feature.dtype, toward)))
            for name in names:
                same = pc.equal(usual.column(name), other.column(name))  # NULL where a row is rejected
                changed |= ~np.asarray(pc.fill_null(same, True).to_numpy(zero_copy_only=False))
        if count := int(changed.sum()):
            found[feature.name] = count
    return {FRAGILE: {"rows": rows, "labels": found}}


def _label_columns(version: Version) -> Collection[str]:
    if version.task == MULTILABEL:
        return tuple(version.outputs)
    return ("prediction",) if version.task in ("classification", "clustering") else ()


def _next(column: pa.Array, dtype: str, toward: float) -> pa.Array:
    """Each value's neighbour in the type that the estimator was trained on."""
    kind = np.float32 if dtype.lower() == "float32" else np.float64
    values = column.to_numpy(zero_copy_only=False).astype(kind)
    moved = np.nextafter(values, kind(toward)).astype(np.float64)
    return pa.array(moved, mask=np.asarray(column.is_null().to_numpy(zero_copy_only=False)))
