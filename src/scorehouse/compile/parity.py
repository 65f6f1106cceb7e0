"""The gate: compiled SQL serves only after it equalled the kernel, row for row.

The rows tried are the training frame and rows made to break it: values at and one step around every
split, missing values, NaN, infinities, extremes, and categories never seen.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from scorehouse.compile.compiled import CompiledSql
from scorehouse.compile.outputs import REJECT_REASON, ROW_STATUS
from scorehouse.errors import EstimatorError
from scorehouse.registration.infer import training_batch
from scorehouse.scorer import Kernel
from scorehouse.signature import Feature

TOLERANCE = 1e-9
TOLERANCE_SINGLE = 1e-6  # a few steps of a float32, where the estimator computes in float32
TEXTS = ("scorehouse: a category never seen", "", "it's", "a;b", "back\\slash", "{{ braces }}", "Zürich")
EXTREMES = (0.0, -0.0, 1.0, -1.0, 5e-324, 1e-300, 1e18, -1e18, 3e38, -3e38, 1e30, 1e300, -1e300)
HOLES = 2_000
TRAINING_LIMIT = 200_000
SLICE = 4_096
ROW = "scorehouse_row"


@dataclass(frozen=True)
class Parity:
    """How compiled SQL compared with the kernel.

    `max_difference` is absolute up to 1 and relative above (of a distance: of its square);
    `label_flips` counts rows with another label, `status_flips` rows that one side scores and the other
    rejects, `reason_differences` rejected rows with another reason.
    """

    rows: int
    max_difference: float
    label_flips: int
    status_flips: int = 0
    reason_differences: int = 0
    tolerance: float = TOLERANCE

    @property
    def proven(self) -> bool:
        """Whether the compiled SQL may serve."""
        return self.max_difference <= self.tolerance and self.label_flips == 0 and self.status_flips == 0

    def facts(self) -> dict[str, float]:
        """For the registry."""
        return {
            "rows": self.rows,
            "max_difference": self.max_difference,
            "label_flips": self.label_flips,
            "status_flips": self.status_flips,
        }


def prove(
    compiled: CompiledSql, estimator: Any, kernel: Kernel, frame: pd.DataFrame | pa.RecordBatch
) -> Parity:
    """Score the training frame and the probes with the kernel and with the SQL, and compare.

    `estimator` is the one that `kernel` holds; a SQL that another engine than DuckDB runs is proven by
    its DuckDB form, which is printed from the same tree. Raises ValueError for another dialect.
    """
    if compiled.dialect.name != "duckdb":
        raise ValueError(f"prove() runs DuckDB, and this SQL is for {compiled.dialect.name}")
    if isinstance(frame, pa.RecordBatch):
        training = frame.slice(0, TRAINING_LIMIT)
    else:
        training = training_batch(frame.iloc[:TRAINING_LIMIT], "prove()")
    rows = pa.Table.from_batches([training, probe_rows(compiled, training)]).combine_chunks()
    return compare(kernel_rows(kernel, rows), duckdb_rows(compiled, rows), single=compiled.single)


def duckdb_rows(compiled: CompiledSql, rows: pa.Table) -> pa.Table:
    """What the SQL makes of the rows, in their order."""
    numbered = rows.append_column(ROW, pa.array(np.arange(rows.num_rows)))
    with duckdb.connect() as connection:
        connection.register("input_relation", numbered)
        sql = compiled.render("input_relation", keep=[ROW])
        return connection.sql(f"select * from ({sql}) order by {ROW}").to_arrow_table()


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


def compare(expected: pa.Table, found: pa.Table, *, single: bool = False) -> Parity:
    """Compare kernel rows with SQL rows, in the same order."""
    reasons = expected[REJECT_REASON].combine_chunks()
    scored = np.asarray(reasons.is_null())
    scored_too = np.asarray(pc.equal(found[ROW_STATUS], "scored"))
    both = scored & scored_too
    other = pc.fill_null(pc.not_equal(reasons, found[REJECT_REASON].combine_chunks()), False)
    flips, worst = 0, 0.0
    for field in expected.schema:
        if field.name == REJECT_REASON:
            continue
        a, b = (table[field.name].combine_chunks().filter(pa.array(both)) for table in (expected, found))
        if pa.types.is_floating(field.type) and not (
            field.name == "prediction" and "score" in "".join(expected.schema.names[1:])
        ):
            worst = max(worst, _difference(field.name, a, b))
        else:
            same = pc.equal(a, b.cast(field.type))
            flips += len(a) - int(pc.sum(pc.fill_null(same, False)).as_py() or 0)
    return Parity(
        rows=expected.num_rows,
        max_difference=worst,
        label_flips=flips,
        status_flips=int((scored != scored_too).sum()),
        reason_differences=int((np.asarray(other) & ~scored & ~scored_too).sum()),
        tolerance=TOLERANCE_SINGLE if single else TOLERANCE,
    )


def _difference(name: str, expected: pa.Array, found: pa.Array) -> float:
    """The largest difference; infinite where one side is missing."""
    a = expected.to_numpy(zero_copy_only=False).astype(np.float64)
    b = found.cast(pa.float64()).to_numpy(zero_copy_only=False).astype(np.float64)
    if name == "distance":  # scikit-learn's own distances are exact in their squares only
        a, b = a * a, b * b
    with np.errstate(invalid="ignore", over="ignore"):
        off = np.abs(a - b) / np.maximum(1.0, np.abs(a))
    off[(a == b)] = 0.0
    return float(np.where(np.isnan(off), np.inf, off).max(initial=0.0))


def probe_rows(compiled: CompiledSql, training: pa.RecordBatch) -> pa.RecordBatch:
    """Training rows with one value replaced by a probe, and rows full of holes."""
    rng = np.random.default_rng(0)
    probes = [
        (position, value)
        for position, feature in enumerate(compiled.signature.features)
        for value in _probes_of(feature, compiled.probes.get(position, frozenset()))
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


def _probes_of(feature: Feature, edges: frozenset[float]) -> list[Any]:
    if feature.type == "string":
        return [None, *TEXTS, *(feature.categories or ())[:200]]
    if feature.type == "boolean":
        return [None, True, False]
    values = [*EXTREMES, *_around(edges)]
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


def _around(edges: frozenset[float]) -> list[float]:
    """Each edge, the doubles beside it, and the float32 numbers beside it."""
    found: list[float] = []
    for edge in sorted(edges):
        found += [edge, float(np.nextafter(edge, -np.inf)), float(np.nextafter(edge, np.inf))]
        with contextlib.suppress(OverflowError), np.errstate(over="ignore"):
            near = np.float32(edge)
            sides = (near, np.nextafter(near, np.float32(-np.inf)), np.nextafter(near, np.float32(np.inf)))
            found += [float(side) for side in sides if np.isfinite(side)]
    return found
