"""The reference: the training distribution of features and outputs, in frozen bins."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from scorehouse.errors import EstimatorError
from scorehouse.kernel.scorer import REJECT_REASON, Kernel

QUANTILE_BINS = 10
CATEGORY_LIMIT = 1000

Row = dict[str, str]


def scored_reference(kernel: Kernel, batch: pa.RecordBatch, scored: pa.RecordBatch) -> list[Row]:
    """The reference of the training rows and of the kernel's outputs for them."""
    reasons = scored.column(REJECT_REASON)
    if reasons.null_count == 0:
        raise EstimatorError(
            kernel.call,
            f"every training row is rejected, for example for {reasons[0].as_py()!r}",
            expected="an estimator that scores the rows it was fitted on",
            action="pass the frame that was given to fit()",
        )
    number = kernel.version.version
    outputs = scored.drop_columns([REJECT_REASON])
    return [*reference_rows(number, "feature", batch), *reference_rows(number, "output", outputs)]


def reference_rows(version: int, part: str, batch: pa.RecordBatch) -> list[Row]:
    """Rows of `ml_<name>__reference` for every column of `batch`.

    Numbers: up to ten bins at the quantiles (linear interpolation) of the finite values, each (lower, upper],
    the outer ones open. Strings, booleans and labels: one row per value; beyond a thousand, the rarest are
    pooled as kind `other`. NULL and NaN have a row of kind `missing`.
    """
    rows = []
    for name in batch.schema.names:
        for number, row in enumerate(_column_rows(batch.column(name))):
            head = {"version": str(version), "part": part, "name": name}
            rows.append({**head, "bin": str(number), **row})
    return rows


def _column_rows(column: pa.Array) -> Iterator[Row]:
    numeric = pa.types.is_floating(column.type) or pa.types.is_decimal(column.type)
    if numeric or (pa.types.is_integer(column.type) and len(pc.unique(column)) > QUANTILE_BINS * 2):
        values = column.cast(pa.float64(), safe=False)
        finite = values.filter(pc.fill_null(pc.is_finite(values), False)).to_numpy()
        yield _row("missing", len(column) - len(finite))
        yield from _bins(finite)
        return
    yield _row("missing", column.null_count)
    yield from _categories(column.drop_null())


def _bins(values: np.ndarray) -> Iterator[Row]:
    if not len(values):
        return
    shares = np.arange(1, QUANTILE_BINS) / QUANTILE_BINS
    edges = np.unique(np.quantile(values, shares))
    counts = np.bincount(np.searchsorted(edges, values, side="left"), minlength=len(edges) + 1)
    for number, count in enumerate(counts):
        lower = repr(float(edges[number - 1])) if number else ""
        upper = repr(float(edges[number])) if number < len(edges) else ""
        yield _row("numeric", int(count), lower=lower, upper=upper)


def _categories(column: pa.Array) -> Iterator[Row]:
    counted = [(item["values"], item["counts"]) for item in pc.value_counts(column).to_pylist()]
    counted.sort(key=lambda pair: (-pair[1], str(pair[0])))
    for value, count in counted[:CATEGORY_LIMIT]:
        text = str(value).lower() if isinstance(value, bool) else str(value)
        yield _row("category", count, category=text)
    rest = sum(count for _, count in counted[CATEGORY_LIMIT:])
    if rest:
        yield _row("other", rest)


def _row(kind: str, count: int, *, lower: str = "", upper: str = "", category: str = "") -> Row:
    return {"kind": kind, "lower": lower, "upper": upper, "category": category, "row_count": str(count)}
