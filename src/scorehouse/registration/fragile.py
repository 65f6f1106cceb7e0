"""Rows whose label hangs on one step of a feature: of its last place, which another engine may compute
otherwise, or of the decimal place that its values have."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from typing import Any

import numpy as np
import pyarrow as pa

from scorehouse.errors import EstimatorError
from scorehouse.kernel import compute as pc
from scorehouse.kernel.rows import texts_encoded
from scorehouse.kernel.scorer import Kernel
from scorehouse.program.stored_backend import StoredBackend
from scorehouse.registry.version import FRAGILE, MULTILABEL, Version

ROWS = 5_000
PREDICTIONS = 200_000  # of all features together, as for importance
BY_THE_ESTIMATOR = 20_000  # which is slower than a program
MOST_DECIMALS = 4  # of values that have a step of their own, such as a cent


def fragile_labels(kernel: Kernel, batch: pa.RecordBatch, told: Callable[[str], None]) -> dict[str, Any]:
    """How many labels change if one feature is a step larger or smaller.

    Under the name of the fact in the registry: `rows` were tried, evenly drawn from the batch; `labels` has
    the count of each feature whose neighbouring number, in the type of training, changes some, and `steps`
    has the step of each feature whose values are multiples of one, with its count. Empty for a task without
    labels. A value whose neighbour the estimator refuses, such as the one below 0 of a square root, changes
    none.
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
    rows = max(1, min(ROWS, batch.num_rows, most // (4 * len(doubles) + 1)))
    tried = texts_encoded(batch.take(np.linspace(0, batch.num_rows - 1, rows).astype(np.int64)))
    usual = kernel(tried)

    def changed(name: str, moved: Iterable[np.ndarray]) -> int:
        """How many rows have another label for one of these columns in place of their own."""
        place, missing = tried.schema.get_field_index(name), tried.column(name).is_null()
        mask, found = np.asarray(missing.to_numpy(zero_copy_only=False)), np.zeros(rows, dtype=bool)
        for values in moved:
            other = tried.set_column(place, name, pa.array(values.astype(np.float64), mask=mask))
            with suppress(EstimatorError):
                found |= _differing(usual, kernel(other), names)
        return int(found.sum())

    labels, steps = {}, {}
    for feature in doubles:
        values = tried.column(feature.name).to_numpy(zero_copy_only=False)
        if count := changed(feature.name, neighbours(values, feature.dtype)):
            labels[feature.name] = count
        if (decimals := _decimals(batch.column(feature.name), feature.dtype)) is not None:
            step = 10.0**-decimals
            moved = (np.round(values + by, decimals) for by in (step, -step))
            steps[feature.name] = {"step": float(step), "labels": changed(feature.name, moved)}
    return {FRAGILE: {"rows": rows, "labels": labels, "steps": steps}}


def _decimals(column: pa.Array, dtype: str) -> int | None:
    """The number of decimals that all values have at most; None where they have more than a few."""
    values = column.to_numpy(zero_copy_only=False).astype(_kind(dtype))
    values = values[np.isfinite(values)]
    for decimals in range(MOST_DECIMALS + 1):
        if len(values) and np.array_equal(np.round(values, decimals), values):
            return decimals
    return None


def neighbours(values: np.ndarray, dtype: str) -> Iterable[np.ndarray]:
    """Each value's neighbours in the type that the estimator was trained on."""
    kind = _kind(dtype)
    return (np.nextafter(values.astype(kind), kind(end)) for end in (np.inf, -np.inf))


def _kind(dtype: str) -> type[np.floating[Any]]:
    return np.float32 if dtype.lower() == "float32" else np.float64


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
