"""The kernel: an Arrow record batch of features in, an Arrow record batch of predictions out.

A pure function of its batch: no I/O, no state between batches. Engines pass the batches.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from scorehouse.errors import EstimatorError
from scorehouse.kernel import arrays
from scorehouse.kernel import compute as pc
from scorehouse.kernel.quiet import no_warnings
from scorehouse.kernel.rows import check_batch, join_reasons, reason_where
from scorehouse.kernel.tasks import outputs_of, require_method
from scorehouse.load_lock import loading
from scorehouse.registry.signature import Signature
from scorehouse.registry.version import Version

REJECT_REASON = "reject_reason"
FAILED_ROWS_LIMIT = 100
# Matrix products use another code path for the last few rows of a block, which may round the last digit
# differently. Blocks of whole multiples of this size have no such rows: see docs/decisions/whole-blocks.md.
BLOCK_ROWS = 64


@dataclass(frozen=True)
class Unopened:
    """An estimator that `open` loads when it is first asked; where a backend scores, it never is."""

    open: Callable[[], Any]


class Kernel:
    """Score batches with one version: its estimator, an Unopened one, or a backend that stands in for it.

    `schema` is the schema of the output: the task's columns and `reject_reason`, which is NULL for a scored
    row. Every input row comes out once, in its place.
    """

    _is_new = True  # the estimator was not called yet

    def __init__(
        self,
        estimator: Any,
        version: Version,
        signature: Signature,
        *,
        strict: frozenset[str] = frozenset(),
        call: str,
    ) -> None:
        self._scoring = estimator
        self.version = version
        self.signature = signature
        self.strict = strict
        self.call = call
        self.outputs = outputs_of(version)
        self.schema = pa.schema([*self.outputs.fields, pa.field(REJECT_REASON, pa.string())])
        if not isinstance(estimator, Unopened):
            self._require_method(estimator)

    @property
    def estimator(self) -> Any:
        """What scores; an estimator that was not opened yet is opened now."""
        if isinstance(self._scoring, Unopened):
            estimator = self._scoring.open()
            self._require_method(estimator)
            self._scoring = estimator
        return self._scoring

    def open(self) -> None:
        """Open the estimator now, if it is not open."""
        _ = self.estimator

    @property
    def alone(self) -> Kernel:
        """The kernel that scores, without what is added to its rows, such as reasons."""
        return self

    def around(self, inner: Kernel) -> Kernel:
        """What this kernel adds to rows, added to those of `inner`."""
        return inner

    def _require_method(self, estimator: Any) -> None:
        method = self.version.score_method
        require_method(estimator, "predict" if method == "none" else method, self.version.task, self.call)

    def holding(self, estimator: Any) -> Kernel:
        """The same kernel with a stand-in for its estimator that has the same methods."""
        kernel = copy.copy(self)
        kernel._scoring = estimator
        return kernel

    def with_strict(self, strict: frozenset[str]) -> Kernel:
        """The same kernel with these checks; with none, it rejects only what the estimator would refuse."""
        kernel = copy.copy(self)
        kernel.strict = strict
        return kernel

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        checked = check_batch(self.signature, batch, self.strict)
        keep = checked.keep
        values, failed = self._predict(checked.accepted, batch.num_rows if keep is None else len(keep))
        reasons = [] if checked.reasons is None else [checked.reasons]
        if keep is not None:
            values = [spread(value, keep, batch.num_rows) for value in values]
            failed = [spread(reason, keep, batch.num_rows) for reason in failed]
        reason = join_reasons([*reasons, *failed])
        if reason is None:
            reason = pa.nulls(batch.num_rows, pa.string())
        return pa.RecordBatch.from_arrays([*values, reason], schema=self.schema)

    def _predict(self, columns: list[pa.Array], rows: int) -> tuple[list[pa.Array], list[pa.Array]]:
        """Values of accepted rows, and reasons for rows whose result cannot be used."""
        if rows == 0:
            return [pa.nulls(0, field.type) for field in self.outputs.fields], []
        try:
            values = self._run(columns)
            reasons: list[pa.Array] = []
        except Exception as error:
            values, reasons = self._predict_row_by_row(columns, rows, error)
        return _without_non_finite(values, self.outputs.fields, reasons)

    def _run(self, columns: list[pa.Array]) -> list[pa.Array]:
        """Predict on whole blocks, so that a row's result does not depend on its neighbours."""
        rows = len(columns[0]) if columns else 0
        if rows % BLOCK_ROWS:
            whole = arrays.array(np.minimum(np.arange(rows + -rows % BLOCK_ROWS), rows - 1))
            columns = [column.take(whole) for column in columns]
        with no_warnings(), np.errstate(all="ignore"):
            values = self._raw_outputs(columns)
        return [value.slice(0, rows) for value in values]

    def _raw_outputs(self, columns: list[pa.Array]) -> list[pa.Array]:
        read_columns = getattr(self.estimator, "read_columns", None)
        if read_columns is not None:
            return self.outputs.predict(self.estimator, read_columns(columns))
        if self._is_new:
            with loading():  # libraries import parts of themselves when they are first called
                first = self._of_estimator([column.slice(0, BLOCK_ROWS) for column in columns])
                self._is_new = False
            if len(columns[0]) <= BLOCK_ROWS:
                return first
        return self._of_estimator(columns)

    def _of_estimator(self, columns: list[pa.Array]) -> list[pa.Array]:
        from scorehouse.kernel.frames import estimator_input  # pandas, which a program does without

        return self.outputs.predict(self.estimator, estimator_input(self.signature, columns))

    def _predict_row_by_row(
        self, columns: list[pa.Array], rows: int, error: Exception
    ) -> tuple[list[pa.Array], list[pa.Array]]:
        """Find the rows on which the estimator fails, by halving; too many of them end the run."""
        failed: dict[int, str] = {}

        def halved(start: int, stop: int) -> list[list[pa.Array]]:
            try:
                return [self._run([column.slice(start, stop - start) for column in columns])]
            except Exception as inner:
                if stop - start > 1:
                    middle = (start + stop) // 2
                    return halved(start, middle) + halved(middle, stop)
                failed[start] = f"estimator_error:{type(inner).__name__}"
            if len(failed) > FAILED_ROWS_LIMIT or len(failed) == rows > 1:
                raise EstimatorError(
                    self.call,
                    f"{type(self.estimator).__name__} fails on too many rows of a batch of {rows} "
                    f"({type(error).__name__}: {error})",
                    expected=f"at most {FAILED_ROWS_LIMIT} failing rows per batch, and not all of them",
                    action="read the estimator's message: the feature table no longer fits the estimator",
                ) from error
            return [[pa.nulls(1, field.type) for field in self.outputs.fields]]

        values = [pa.concat_arrays(list(column)) for column in zip(*halved(0, rows), strict=True)]
        return values, [pa.array([failed.get(row) for row in range(rows)], pa.string())]


def _without_non_finite(
    values: list[pa.Array], fields: Sequence[pa.Field], reasons: list[pa.Array]
) -> tuple[list[pa.Array], list[pa.Array]]:
    """Reject rows whose result is not a finite number; none of their values is returned."""
    bad = None
    for value, field in zip(values, fields, strict=True):
        if pa.types.is_floating(field.type) and not np.isfinite(arrays.to_numpy(value).sum()):
            broken = pc.fill_null(pc.invert(pc.is_finite(value)), arrays.FALSE)
            if pc.any(broken).as_py():
                reasons = [*reasons, *reason_where(broken, f"not_finite:{field.name}")]
                bad = broken if bad is None else pc.or_(bad, broken)
    if bad is None:
        return values, reasons
    return [pc.if_else(bad, arrays.null(value.type), value) for value in values], reasons


def spread(values: pa.Array, keep: np.ndarray, rows: int) -> pa.Array:
    """Values of the kept rows at their positions among all rows, NULL elsewhere."""
    indices = np.full(rows, -1, dtype=np.int64)
    indices[keep] = np.arange(len(keep))
    return values.take(arrays.of_numpy(indices, indices < 0))
