"""Rows made to break a backend: at and around every edge, missing, infinite, extreme, unseen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from scorehouse.kernel import arrays
from scorehouse.kernel import compute as pc
from scorehouse.kernel.rows import TICKS, timestamp_unit
from scorehouse.registry.signature import Feature, Signature

TEXTS = ("scorehouse: a category never seen", "", "it's", "a;b", "back\\slash", "{{ braces }}", "Zürich")
EXTREMES = (0.0, -0.0, 1.0, -1.0, 5e-324, 1e-300, 1e18, -1e18, 3e38, -3e38, 1e30, 1e300, -1e300)
TIMES = (
    datetime(1, 1, 1),
    datetime(1700, 1, 1),
    datetime(1969, 12, 31, 23, 59, 59, 999_999),
    datetime(1970, 1, 1),
    datetime(2000, 2, 29, 12, 30, 15, 1),
    datetime(2261, 12, 31),
    datetime(9999, 12, 31),
)
NANOSECOND_YEARS = range(1678, 2262)  # whole years that 64 bits of nanoseconds hold
HOLES = 2_000
TRAINING_LIMIT = 200_000
ORDERED_BY = 16  # features
PLAIN, PROBED, HOLED = range(3)


def training_rows(
    rows: pa.RecordBatch, each: str | None = None
) -> Callable[[pa.RecordBatch], pa.RecordBatch]:
    """What takes the first rows of training from a batch of all of them.

    With `each`, the name of a column, there are rows of every one of its values among them.
    """
    if each is None or rows.num_rows <= TRAINING_LIMIT:
        return lambda batch: batch.slice(0, TRAINING_LIMIT)
    places = arrays.of_numpy(_first_of_each(rows.column(each), TRAINING_LIMIT))
    return lambda batch: batch.take(places)


def _first_of_each(column: pa.Array, limit: int) -> np.ndarray:
    """The places of the first rows of every value, as many of each as fit into `limit` together."""
    values = column.dictionary_encode()
    codes = values.indices.fill_null(len(values.dictionary)).to_numpy()
    order = np.argsort(codes, kind="stable")
    _, starts, counts = np.unique(codes[order], return_index=True, return_counts=True)
    rank = np.arange(len(order)) - np.repeat(starts, counts)
    return np.sort(order[rank < max(1, limit // len(counts))])


@dataclass(frozen=True)
class Tried:
    """Rows that a backend is proven on, and for each of them whether it is plain, probed or has holes.

    `order` has the place of each among the training rows and, behind them, the hard ones.
    """

    rows: pa.Table
    kinds: np.ndarray
    order: np.ndarray


def tried_rows(signature: Signature, edges: Mapping[int, Iterable[float]], training: pa.RecordBatch) -> Tried:
    """Training rows and hard ones, so ordered that most neighbours lie on the same side of the medians.

    Such neighbours take the same branches of a tree, and a database skips a branch that no row of a block
    takes. The features with the most `edges` come first.
    """
    for feature in signature.features:
        if feature.is_single:  # a table may have doubles that no float32 is
            wide = training.column(feature.name).cast(pa.float64())
            number = training.schema.get_field_index(feature.name)
            training = training.set_column(number, feature.name, wide)
    hard = hard_rows(signature, edges, training)
    rows = pa.Table.from_batches([training, hard])
    kinds = np.repeat([PLAIN, PROBED, HOLED], [len(training), len(hard) - 2 * HOLES, 2 * HOLES])
    most = sorted(edges, key=lambda position: -len(list(edges[position])))[:ORDERED_BY]
    place = np.zeros(rows.num_rows, dtype=np.int64)
    for position in most:
        column = rows.column(signature.features[position].name)
        if pa.types.is_floating(column.type) or pa.types.is_integer(column.type):
            values = column.cast(pa.float64(), safe=False).to_numpy()
            known = values[np.isfinite(values)]
            place = 2 * place + (values > (np.median(known) if len(known) else 0.0))
    order = np.argsort(place, kind="stable")
    return Tried(rows.take(arrays.of_numpy(order)).combine_chunks(), kinds[order], order)


def hard_rows(
    signature: Signature, edges: Mapping[int, Iterable[float]], training: pa.RecordBatch
) -> pa.RecordBatch:
    """Training rows with one value replaced by a probe, and rows with many missing values.

    `edges` are the values at which something changes, by the position of the feature.
    """
    rng = np.random.default_rng(0)
    probes = {
        feature.name: _fitting(_probes_of(feature, edges.get(i, ())), training.column(feature.name).type)
        for i, feature in enumerate(signature.features)
    }
    replaced = sum(len(values) for values in probes.values())
    total = replaced + 2 * HOLES
    rows = training.take(arrays.of_numpy(rng.integers(0, training.num_rows, total)))
    columns = []
    start = 0
    for name, column in zip(rows.schema.names, rows.columns, strict=True):
        values = probes.get(name, [])
        mine = np.zeros(total, dtype=bool)
        mine[start : start + len(values)] = True
        start += len(values)
        column = pc.replace_with_mask(column, pa.array(mine), pa.array(values, type=column.type))
        holes = np.concatenate([np.zeros(replaced, dtype=bool), rng.random(2 * HOLES) < 0.15])
        columns.append(_with_holes(column, holes, replaced + HOLES))
    return pa.RecordBatch.from_arrays(columns, schema=rows.schema)


def _with_holes(column: pa.Array, holes: np.ndarray, nan_from: int) -> pa.Array:
    """Missing values: NULL, and from row `nan_from` on NaN if the type has it."""
    as_nan = holes & (np.arange(len(holes)) >= nan_from)
    if pa.types.is_floating(column.type):
        column = pc.if_else(pa.array(as_nan), pa.scalar(float("nan"), column.type), column)
        holes = holes & ~as_nan
    return pc.if_else(pa.array(holes), pa.scalar(None, column.type), column)


def _fitting(values: list[Any], kind: pa.DataType) -> list[Any]:
    """The values that a column of this type can hold."""
    if pa.types.is_timestamp(kind) and kind.unit == "ns":
        return [value for value in values if value is None or value.year in NANOSECOND_YEARS]
    if not pa.types.is_integer(kind):
        return values
    kinds: Any = kind.to_pandas_dtype()
    limits = np.iinfo(kinds)
    return [value for value in values if value is None or limits.min <= value <= limits.max]


def _probes_of(feature: Feature, edges: Iterable[float]) -> list[Any]:
    if feature.type == "string":
        return [None, *TEXTS, *(feature.categories or ())[:200]]
    if feature.type == "boolean":
        return [None, True, False]
    if feature.type == "timestamp":
        return [None, *TIMES, *_times_around(edges, timestamp_unit(feature.dtype))]
    values = [*EXTREMES, *around(edges)]
    for bound in (feature.minimum, feature.maximum):
        if bound is not None:
            values += [bound, bound * 10, -bound, bound + 1, bound - 1]
    if feature.type == "integer":
        whole = {int(side) for v in values if abs(v) < 2**53 for side in (np.floor(v), np.ceil(v))}
        known = [int(v) for v in (feature.categories or ())[:200]]
        return [None, *sorted(whole), *known]
    categories = [float(v) for v in (feature.categories or ())[:200]]
    return [None, float("nan"), float("inf"), float("-inf"), *values, *categories]


def _times_around(edges: Iterable[float], unit: str) -> list[datetime]:
    """The times at edges, which are in microseconds, and one step before and behind each."""
    step = max(1, TICKS["us"] // TICKS[unit])
    found = []
    for edge in sorted(edges):
        for micros in (round(edge) - step, round(edge), round(edge) + step):
            with suppress(OverflowError):  # a year that Python does not have
                found.append(datetime(1970, 1, 1) + timedelta(microseconds=micros))
    return found


def around(edges: Iterable[float]) -> list[float]:
    """Each edge, the doubles next to it, and the float32 numbers next to it."""
    at = np.array(sorted(edges), dtype=np.float64)
    with np.errstate(over="ignore"):
        near = at.astype(np.float32)
        singles = [near, np.nextafter(near, np.float32(-np.inf)), np.nextafter(near, np.float32(np.inf))]
        doubles = [at, np.nextafter(at, -np.inf), np.nextafter(at, np.inf)]
    found = np.column_stack([*doubles, *(single.astype(np.float64) for single in singles)])
    wanted = np.ones(found.shape, dtype=bool)
    wanted[:, 3:] = np.isfinite(found[:, 3:])
    return [float(value) for value in found[wanted]]
