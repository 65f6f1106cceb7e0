"""Proof rows: features and what the estimator made of them, kept beside a backend.

Each run scores them with the backend before it scores anything else, on the machine where it runs. So a
backend serves only where it still equals the estimator, which itself stays closed.

Compare the rows of a backend with the estimator's rows: one measure for every backend and format.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from scorehouse.errors import EstimatorError
from scorehouse.kernel import arrays
from scorehouse.kernel.scorer import REJECT_REASON, Kernel
from scorehouse.program.hard_rows import HOLED, PLAIN, PROBED, Tried

TOLERANCE = 1e-9
TOLERANCE_NATIVE = 1e-12  # the same arithmetic, but for the last digits of an exponential
TOLERANCE_SINGLE = 1e-6  # a few steps of a float32, where the estimator computes in float32
ROW_STATUS = "row_status"


@dataclass(frozen=True)
class Parity:
    """The result of comparing a backend with the estimator.

    `max_difference` is absolute up to 1 and relative above (for a distance, of its square);
    `label_flips` counts rows with different labels, `status_flips` rows that one side scores and the other
    rejects, `reason_differences` rejected rows with different reasons. `different` says which rows are among
    these, or have a score that differs by more than `tolerance`.
    """

    rows: int
    max_difference: float
    label_flips: int
    different: np.ndarray = field(repr=False, compare=False)
    status_flips: int = 0
    reason_differences: int = 0
    tolerance: float = TOLERANCE

    @property
    def proven(self) -> bool:
        """Whether the backend may serve."""
        return self.max_difference <= self.tolerance and self.label_flips == 0 and self.status_flips == 0

    @property
    def problem(self) -> str:
        """What differs, the reject reasons included; empty where nothing does."""
        for count, what in (
            (self.label_flips, "a different label"),
            (self.status_flips, "a different status"),
            (self.reason_differences, "a different reject reason"),
        ):
            if count:
                return f"{count:,} of {self.rows:,} rows have {what}"
        return "" if self.proven else f"a score is off by up to {self.max_difference:.3g}"


def tolerance_of_backend(name: str) -> float:
    """The allowed difference of scores between the estimator and a backend that a run chose."""
    return TOLERANCE_NATIVE if name == "native" else TOLERANCE


def compare(expected: pa.Table, found: pa.Table, *, tolerance: float = TOLERANCE) -> Parity:
    """Compare the estimator's rows with a backend's rows, in the same order.

    `expected` has the columns of a kernel; so has `found`, which may also have `row_status`.
    """
    scored, scored_too = _scored(expected), _scored(found)
    status, both, reasons = scored != scored_too, scored & scored_too, ~(scored | scored_too)
    labels, beyond, worst = np.zeros_like(both), np.zeros_like(both), 0.0
    for column in expected.schema:
        a, b = expected[column.name].combine_chunks(), found[column.name].combine_chunks()
        if column.name == REJECT_REASON:
            reasons = reasons & ~_same(a, b) if reasons.any() else reasons
        elif _is_score(column, expected.schema):
            off = np.where(both, distances(column.name, a, b), 0.0)
            worst = max(worst, float(off.max(initial=0.0)))
            beyond |= off > tolerance
        else:
            labels |= both & ~_same(a, b)
    return Parity(
        rows=expected.num_rows,
        max_difference=worst,
        label_flips=int(labels.sum()),
        different=labels | status | reasons | beyond,
        status_flips=int(status.sum()),
        reason_differences=int(reasons.sum()),
        tolerance=tolerance,
    )


def _same(expected: pa.Array, found: pa.Array) -> np.ndarray:
    """Where two columns have the same value; NULL and NaN are the same as nothing."""
    if _is_plain(expected.type) and _is_plain(found.type):
        missing = arrays.missing(expected) | arrays.missing(found)
        return ~missing & (arrays.held(expected) == arrays.held(found))
    pairs = zip(expected.to_pylist(), found.to_pylist(), strict=True)
    return np.array([a is not None and a == b for a, b in pairs], dtype=np.bool_)


def _is_plain(kind: pa.DataType) -> bool:
    return any(test(kind) for test in (pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean))


def _is_score(field: pa.Field, schema: pa.Schema) -> bool:
    """Whether a column is compared by distance: a number that is not the label of a class."""
    is_label = field.name == "prediction" and "score" in "".join(schema.names[1:])
    return bool(pa.types.is_floating(field.type)) and not is_label


def _scored(rows: pa.Table) -> np.ndarray:
    if ROW_STATUS in rows.column_names:
        return np.array([status == "scored" for status in rows[ROW_STATUS].to_pylist()], dtype=np.bool_)
    return arrays.missing(rows[REJECT_REASON].combine_chunks())


def distances(name: str, expected: pa.Array, found: pa.Array) -> np.ndarray:
    """The differences of two columns, relative above 1; infinite where only one side is missing."""
    a, b = _doubles(expected), _doubles(found)
    if name == "distance":  # only the squares of scikit-learn's own distances are exact
        a, b = a * a, b * b
    with np.errstate(invalid="ignore", over="ignore"):
        off = np.abs(a - b) / np.maximum(1.0, np.abs(a))
    off[(a == b) | (np.isnan(a) & np.isnan(b))] = 0.0
    return np.where(np.isnan(off), np.inf, off)


def _doubles(column: pa.Array) -> np.ndarray:
    plain = column if _is_plain(column.type) else column.cast(pa.float64())
    return arrays.to_numpy(plain).astype(np.float64, copy=False)


MOST_ROWS = 2_048
MOST_CELLS = 50_000
SHARES = ((PLAIN, 0.5), (PROBED, 0.375), (HOLED, 0.125))
EXPECTED = "expected:"  # prefix of what the estimator made of a row
SLICE = 16_384


def kernel_rows(kernel: Kernel, rows: pa.Table) -> pa.Table:
    """What the kernel makes of the rows; a slice that it gives up on is halved, at most down to one row."""
    size = max(SLICE, getattr(kernel.estimator, "rows_per_call", 0))
    slices = [rows.slice(start, size) for start in range(0, rows.num_rows, size)]
    batches = [batch for part in slices for batch in _batches(kernel, part)]
    return pa.Table.from_batches(batches, schema=kernel.schema)


def _batches(kernel: Kernel, rows: pa.Table) -> list[pa.RecordBatch]:
    try:
        return [kernel(rows.combine_chunks().to_batches()[0])]
    except EstimatorError:  # which no kernel raises for a single row
        half = rows.num_rows // 2
        return [*_batches(kernel, rows.slice(0, half)), *_batches(kernel, rows.slice(half))]


def proof_bytes(tried: Tried, kernel: Kernel) -> bytes:
    """The file of the proof rows: some of the rows that were tried, evenly of each kind.

    `kernel` holds the estimator. Each column is shuffled by itself among the rows of a kind: the file goes
    where the registry goes, and holds values of training, but no row of it.
    """
    most = max(8, min(MOST_ROWS, MOST_CELLS // max(1, tried.rows.num_columns)))
    rng = np.random.default_rng(0)
    chosen = [_evenly(np.flatnonzero(tried.kinds == kind), int(most * share)) for kind, share in SHARES]
    columns = [
        pa.chunked_array(
            [column.combine_chunks().take(pa.array(rng.permutation(places))) for places in chosen]
        )
        for column in tried.rows.columns
    ]
    rows = pa.table(columns, schema=tried.rows.schema).combine_chunks()
    made = kernel.outputs.with_places(kernel_rows(kernel, rows))
    for name in made.column_names:
        rows = rows.append_column(EXPECTED + name, made.column(name))
    return proof_file(rows)


def proof_file(rows: pa.Table) -> bytes:
    """The file of these rows, which `proof_rows` reads."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, rows.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(rows.combine_chunks())
    return bytes(sink.getvalue().to_pybytes())


def proof_rows(data: bytes) -> pa.Table:
    """The rows in a file of proof; ValueError where Arrow would read beyond the end of a column."""
    with pa.ipc.open_file(pa.BufferReader(data)) as reader:
        rows = reader.read_all()
    rows.validate(full=True)
    return rows


def differs_here(data: bytes, kernel: Kernel, score: Callable[[pa.Table], pa.Table], tolerance: float) -> str:
    """How a backend differs from the estimator on its proof rows, on this machine; empty where it does not.

    `score` is the backend: a table of features in, the columns of `kernel` out. The proof has scores, and
    places of labels among the classes: both sides are compared with the labels that the registry decides now.
    """
    rows = proof_rows(data)
    names = [name for name in rows.column_names if name.startswith(EXPECTED)]
    expected = rows.select(names).rename_columns([name.removeprefix(EXPECTED) for name in names])
    expected = kernel.outputs.with_labels(expected)
    parity = compare(expected, score(rows.select(kernel.signature.names)), tolerance=tolerance)
    return f"it differs on its proof rows: {parity.problem}" if parity.problem else ""


def _evenly(places: np.ndarray, most: int) -> np.ndarray:
    return places[np.linspace(0, len(places) - 1, min(most, len(places))).astype(np.int64)]
