"""Proof rows of reasons: features and what they contributed, computed again where a run explains."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from scorehouse.kernel import arrays
from scorehouse.kernel.rows import check_batch
from scorehouse.kernel.scorer import REJECT_REASON, Kernel
from scorehouse.program.proof import EXPECTED, proof_file, proof_rows
from scorehouse.program.reasons.law import TOLERANCE, largest_error
from scorehouse.program.reasons.stored_reasons import Contributions, StoredReasons
from scorehouse.program.reasons.trees import TreeReasons
from scorehouse.registry.signature import Signature

PROOF_ROWS = 64
MOST_LEAVES = 4_000_000  # that rows pass, where tables do not pay yet
PARTS = EXPECTED + "contributions"


def explained(backend: StoredReasons, signature: Signature, rows: pa.Table) -> Contributions:
    """The contributions of rows that the estimator scores."""
    batch = rows.combine_chunks().to_batches()[0]
    return backend.contributions(check_batch(signature, batch, frozenset()).columns)


def proof_of(backend: StoredReasons, kernel: Kernel, tried: pa.Table) -> bytes:
    """The file of proof rows: features, each column shuffled by itself, and their contributions.

    `tried` are rows that the estimator scores: of others, hardly a shuffled row of many columns would be.
    Raises ValueError where the estimator in `kernel` scores none of them.
    """
    rng = np.random.default_rng(0)
    places = np.linspace(0, tried.num_rows - 1, min(tried.num_rows, 8 * PROOF_ROWS)).astype(np.int64)
    columns = [column.take(pa.array(rng.permutation(places))) for column in tried.columns]
    rows = pa.table(columns, schema=tried.schema).combine_chunks()
    made = kernel(rows.to_batches()[0])
    scored = rows.filter(made.column(REJECT_REASON).is_null())
    rows = scored.slice(0, affordable_rows(backend, PROOF_ROWS)).combine_chunks()
    if not rows.num_rows:
        raise ValueError("the estimator scores none of the rows that would prove them")
    parts = explained(backend, kernel.signature, rows).parts
    flat = pa.array(parts.reshape(-1))
    return proof_file(rows.append_column(PARTS, pa.FixedSizeListArray.from_arrays(flat, parts[0].size)))


def differs_here(data: bytes, backend: StoredReasons, signature: Signature) -> str:
    """How contributions on this machine differ from those of registration; empty where they do not."""
    rows = proof_rows(data)
    found = explained(backend, signature, rows.select(signature.names))
    flat: Any = rows.column(PARTS).combine_chunks()
    wanted = arrays.to_numpy(flat.flatten()).reshape(found.parts.shape)
    of_sums = found.errors().max(initial=0.0)
    worst = float(np.maximum(largest_error(found.parts, wanted), of_sums))  # NaN stays NaN
    return "" if worst <= TOLERANCE else f"on its {rows.num_rows} proof rows it is off by up to {worst:.3g}"


def affordable_rows(backend: StoredReasons, most: int) -> int:
    """So many rows that large forests do not take minutes."""
    leaves = 1
    if isinstance(backend, TreeReasons):
        leaves = int(backend.attribution.leaves_before[-1])
    return max(2, min(most, MOST_LEAVES // leaves))
