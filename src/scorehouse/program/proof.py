"""Proof rows: features and what the estimator made of them, kept beside a backend.

Each run scores them with the backend before it scores anything else, on the machine where it runs. So a
backend serves only where it still equals the estimator, which itself stays closed.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa

from scorehouse.errors import EstimatorError
from scorehouse.kernel.scorer import Kernel
from scorehouse.program.hard_rows import HOLED, PLAIN, PROBED, Tried
from scorehouse.program.parity import compare

MOST_ROWS = 2_048
MOST_CELLS = 50_000
SHARES = ((PLAIN, 0.5), (PROBED, 0.375), (HOLED, 0.125))
EXPECTED = "expected:"  # prefix of what the estimator made of a row
SLICE = 4_096


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
    found = score(rows.select(kernel.signature.names))
    parity = compare(expected, found, tolerance=tolerance)
    return f"it differs on its proof rows: {parity.problem}" if parity.problem else ""


def _evenly(places: np.ndarray, most: int) -> np.ndarray:
    return places[np.linspace(0, len(places) - 1, min(most, len(places))).astype(np.int64)]
