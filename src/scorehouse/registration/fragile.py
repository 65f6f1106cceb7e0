"""Rows whose label hangs on the last place of a feature, which another engine may compute otherwise."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import suppress
from typing import Any

import numpy as np
import pyarrow as pa

from scorehouse.errors import EstimatorError
from scorehouse.kernel import compute as pc
from scorehouse.kernel.scorer import Kernel
from scorehouse.program.stored_backend import StoredBackend
from scorehouse.registry.version import FRAGILE, MULTILABEL, Version

ROWS = 5_000
PREDICTIONS = 200_000  # of all features together, as for importance
BY_THE_ESTIMATOR = 20_000  # which is slower than a program
UP_AND_DOWN = (np.inf, -np.inf)


def fragile_labels(kernel: Kernel, batch: pa.RecordBatch, told: Callable[[str], None]) -> dict[str, Any]:
    """How many labels change if one feature is the next number that its type holds, up or down.

    Under the name of the fact in the registry: `rows` were tried, evenly drawn from the batch; `labels` has
    the count of each feature that changes some. Empty for a task without labels. A value whose neighbour the
    estimator refuses, such as the one below 0 of a square root, changes none.
    """
    names = _label_columns(kernel.version)
    doubles = [
        feature
        for feature in kernel.signature.features
        if feature.type == "double" and pa.types.is_floating(batch.column(feature.name).type)
    ]
    if not names or not batch.num_rows:
        return {}
    told("try the neighbours of numbers")
    most = PREDICTIONS if isinstance(kernel.estimator, StoredBackend) else BY_THE_ESTIMATOR
    rows = max(1, min(ROWS, batch.num_rows, most // (2 * len(doubles) + 1)))
    tried = batch.take(np.linspace(0, batch.num_rows - 1, rows).astype(np.int64))
    usual, found = kernel(tried), {}
    for feature in doubles:
        column, place = tried.column(feature.name), tried.schema.get_field_index(feature.name)
        changed = np.zeros(rows, dtype=bool)
        for toward in UP_AND_DOWN:
            moved = tried.set_column(place, feature.name, _next(column, feature.dtype, toward))
            with suppress(EstimatorError):
                changed |= _differing(usual, kernel(moved), names)
        if count := int(changed.sum()):
            found[feature.name] = count
    return {FRAGILE: {"rows": rows, "labels": found}}


def _differing(usual: pa.RecordBatch, other: pa.RecordBatch, names: Collection[str]) -> np.ndarray:
    """Which rows are scored in both batches and have other labels."""
    changed = np.zeros(usual.num_rows, dtype=bool)
    for name in names:
        same = pc.equal(usual.column(name), other.column(name))  # NULL where a row is rejected
        changed |= ~np.asarray(pc.fill_null(same, True).to_numpy(zero_copy_only=False))
    return changed


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
