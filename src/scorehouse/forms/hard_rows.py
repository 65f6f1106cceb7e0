"""Rows made to break a compiled form: at and around every edge, missing, infinite, extreme, unseen."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from scorehouse.errors import EstimatorError
from scorehouse.kernel.scorer import Kernel
from scorehouse.kernel.training_batch import training_batch
from scorehouse.registry.signature import Feature, Signature

TEXTS = ("scorehouse: a category never seen", "", "it's", "a;b", "back\\slash", "{{ braces }}", "Zürich")
EXTREMES = (0.0, -0.0, 1.0, -1.0, 5e-324, 1e-300, 1e18, -1e18, 3e38, -3e38, 1e30, 1e300, -1e300)
HOLES = 2_000
TRAINING_LIMIT = 200_000
SLICE = 4_096


def training_rows(rows: pd.DataFrame | pa.RecordBatch) -> pa.RecordBatch:
    """The first rows of a training frame as the kernel takes them."""
    if isinstance(rows, pa.RecordBatch):
        return rows.slice(0, TRAINING_LIMIT)
    return training_batch(rows.iloc[:TRAINING_LIMIT], "prove()")


def kernel_rows(kernel: Kernel, rows: pa.Table) -> pa.Table:
    """What the kernel makes of the rows; a slice that it gives up on is halved down to one row."""
    batches: list[pa.RecordBatch] = []
    spans = [(i, min(SLICE, rows.num_rows - i)) for i in range(0, rows.num_rows, SLICE)][::-1]
    while spans:
        start, length = spans.pop()
        batch = rows.slice(start, length).combine_chunks().to_batches()[0]
        try:
            batches.append(kernel(batch))
        except EstimatorError:
            if length == 1:
                empty = [pa.nulls(1, f.type) for f in kernel.schema][:-1]
                batches.append(
                    pa.RecordBatch.from_arrays([*empty, pa.array(["estimator_error"])], schema=kernel.schema)
                )
                continue
            half = length // 2
            spans += [(start + half, length - half), (start, half)]
    return pa.Table.from_batches(batches)


def hard_rows(
    signature: Signature, edges: Mapping[int, Iterable[float]], training: pa.RecordBatch
) -> pa.RecordBatch:
    """Training rows with one value replaced by a probe, and rows full of holes.

    `edges` are the values, by the position of the feature, at which something changes.
    """
    rng = np.random.default_rng(0)
    probes = [
        (position, value)
        for position, feature in enumerate(signature.features)
        for value in _probes_of(feature, edges.get(position, ()))
        if _fits(value, training.column(feature.name).type)
    ]
    total = len(probes) + 2 * HOLES
    rows = training.take(pa.array(rng.integers(0, training.num_rows, total)))
    columns = []
    for position, name in enumerate(rows.schema.names):
        column = rows.column(name)
        mine = np.zeros(total, dtype=bool)
        mine[[i for i, (at, _) in enumerate(probes) if at == position]] = True
        values = pa.array([value for at, value in probes if at == position], type=column.type)
        column = pc.replace_with_mask(column, pa.array(mine), values)
        holes = np.concatenate([np.zeros(len(probes), dtype=bool), rng.random(2 * HOLES) < 0.15])
        columns.append(_with_holes(column, holes, len(probes) + HOLES))
    return pa.RecordBatch.from_arrays(columns, schema=rows.schema)


def _with_holes(column: pa.Array, holes: np.ndarray, nan_from: int) -> pa.Array:
    """NULL in the holes, NaN from row `nan_from` on where the type has it."""
    as_nan = holes & (np.arange(len(holes)) >= nan_from)
    if pa.types.is_floating(column.type):
        column = pc.if_else(pa.array(as_nan), pa.scalar(float("nan"), column.type), column)
        holes = holes & ~as_nan
    return pc.if_else(pa.array(holes), pa.scalar(None, column.type), column)


def _fits(value: Any, kind: pa.DataType) -> bool:
    """Whether a column of this type can hold the value: a small integer has no large ones."""
    if value is None or not pa.types.is_integer(kind):
        return True
    limits = np.iinfo(kind.to_pandas_dtype())
    return bool(limits.min <= value <= limits.max)


def _probes_of(feature: Feature, edges: Iterable[float]) -> list[Any]:
    if feature.type == "string":
        return [None, *TEXTS, *(feature.categories or ())[:200]]
    if feature.type == "boolean":
        return [None, True, False]
    values = [*EXTREMES, *around(edges)]
    for bound in (feature.minimum, feature.maximum):
        if bound is not None:
            values += [bound, bound * 10, -bound, bound + 1, bound - 1]
    if feature.type == "integer":
        whole = {int(side) for v in values if abs(v) < 2**53 for side in (np.floor(v), np.ceil(v))}
        known = [int(v) for v in (feature.categories or ())[:200]]
        return [None, *sorted(whole), *known]
    categories = [float(v) for v in (feature.categories or ())[:200]]
    if feature.dtype == "float32":
        with np.errstate(over="ignore"):
            values = [float(np.float32(v)) for v in values]
    return [None, float("nan"), float("inf"), float("-inf"), *values, *categories]


def around(edges: Iterable[float]) -> list[float]:
    """Each edge, the doubles beside it, and the float32 numbers beside it."""
    found: list[float] = []
    for edge in sorted(edges):
        found += [edge, float(np.nextafter(edge, -np.inf)), float(np.nextafter(edge, np.inf))]
        with contextlib.suppress(OverflowError), np.errstate(over="ignore"):
            near = np.float32(edge)
            sides = (near, np.nextafter(near, np.float32(-np.inf)), np.nextafter(near, np.float32(np.inf)))
            found += [float(side) for side in sides if np.isfinite(side)]
    return found
