"""The proof of a backend: it serves only after it equalled the estimator, row by row.

All backends of a version are tried on the same rows: those of training, and rows made to break a backend,
with values at and one step around every edge, missing, infinite and extreme ones, and unseen categories. The
estimator is asked for them once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from scorehouse.errors import CompileError
from scorehouse.kernel import arrays
from scorehouse.kernel.rows import check_batch
from scorehouse.kernel.scorer import Kernel
from scorehouse.program.hard_rows import Tried, training_rows, tried_rows
from scorehouse.program.proof import TOLERANCE, Parity, compare, kernel_rows, proof_bytes
from scorehouse.program.segments_made import segment_column
from scorehouse.program.stored_backend import StoredBackend

FEW = 64
Edges = Mapping[int, Iterable[float]]


@dataclass(frozen=True)
class Trial:
    """Rows that backends are tried on. `kernel` holds the estimator, `training` are its rows among them.

    `scored` is what the kernel made of the training rows before; None: it was not asked.
    """

    kernel: Kernel
    training: pa.RecordBatch
    tried: Tried
    scored: pa.RecordBatch | None = None

    @cached_property
    def expected(self) -> pa.Table:
        """What the estimator makes of the rows; a row's result does not depend on its neighbours."""
        if self.scored is None:
            return kernel_rows(self.kernel, self.tried.rows)
        hard = np.flatnonzero(self.tried.order >= len(self.training))
        made = kernel_rows(self.kernel, self.tried.rows.take(arrays.of_numpy(hard)))
        back = self.tried.order.copy()
        back[hard] = len(self.training) + np.arange(len(hard))
        both = pa.concat_tables([pa.Table.from_batches([self.scored]), made])
        return both.take(arrays.of_numpy(back)).combine_chunks()

    @cached_property
    def proof(self) -> bytes:
        """The file of some of the rows, on which a backend proves itself again wherever it runs."""
        return proof_bytes(self.tried, self.kernel)


def trial_of(
    kernel: Kernel, rows: pa.RecordBatch, *edges: Edges, scored: pa.RecordBatch | None = None
) -> Trial:
    """Rows of training, of every segment, and hard ones around the `edges` of each backend, by feature.

    `scored` is what the kernel made of all `rows`, if it was asked.
    """
    chosen = training_rows(rows, segment_column(kernel.estimator, kernel.signature))
    training = chosen(rows)
    together: dict[int, set[float]] = {}
    for found in edges:
        for position, some in found.items():
            together.setdefault(position, set()).update(some)
    tried = tried_rows(kernel.signature, together, training)
    return Trial(kernel, training, tried, None if scored is None else chosen(scored))


def prove(backend: Any, trial: Trial, tolerance: float = TOLERANCE) -> Parity:
    """Compare a backend, which has the methods of the estimator, with it on the rows of `trial`.

    Raises CompileError if a label, a rejected row or its reason differs, or a score by more than `tolerance`.
    """
    kernel, rows = trial.kernel, trial.tried.rows
    if isinstance(backend, StoredBackend):  # what cannot be computed fails here, and not once for each row
        few = rows.slice(0, FEW).combine_chunks().to_batches()[0]
        backend.numbers(check_batch(kernel.signature, few, frozenset()).columns)
    parity = compare(trial.expected, kernel_rows(kernel.holding(backend), rows), tolerance=tolerance)
    if parity.problem:
        raise unequal(kernel.call, parity.problem, tolerance)
    return parity


def unequal(call: str, problem: str, tolerance: float) -> CompileError:
    """The error that says how a backend differs from the estimator."""
    return CompileError(
        call,
        f"the backend does not equal the estimator: {problem}",
        expected=f"the same labels and rejected rows, and scores within {tolerance:g}",
        action="score this version with the estimator itself, and report its class and version",
    )
