"""The proof of reasons: the law of their sum, the score that follows, and a slow second computation.

Some of the rows are kept, and what they contributed is computed again where a run explains.

Shapley values of trees, computed slowly and in another way: what registration compares the loops with.

Rows go through the trees as doubles, not as codes; and a leaf's values are sums over the sizes of coalitions,
not an integral.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from scorehouse.errors import CompileError
from scorehouse.kernel import arrays
from scorehouse.kernel.rows import check_batch
from scorehouse.kernel.scorer import REJECT_REASON, Kernel
from scorehouse.program.hard_rows import Tried
from scorehouse.program.native.reasons import Attribution
from scorehouse.program.proof import EXPECTED, proof_file, proof_rows
from scorehouse.program.reasons.reference import reference
from scorehouse.program.reasons.stored_reasons import (
    TOLERANCE,
    Contributions,
    StoredReasons,
    largest_error,
    law_broken,
)
from scorehouse.program.reasons.trees import TreeReasons
from scorehouse.program.trees import Ensemble, Tree
from scorehouse.program.trees.tree import LEAF
from scorehouse.registry.signature import Signature

MOST_ROWS = 1_024
REFERENCE_LEAVES, REFERENCE_ROWS, REFERENCE_BACKGROUND = 400, 32, 16


def prove(backend: StoredReasons, kernel: Kernel, tried: Tried, expected: pa.Table) -> tuple[int, float]:
    """The number of rows on which the contributions give the estimator's score, and the largest error.

    `kernel` holds the estimator, and `expected` what it made of the rows. Raises CompileError where base and
    contributions are not the total, or the total does not give the score.
    """
    scored = _scored(expected)
    if not len(scored):
        raise _unequal(kernel.call, "the estimator scores none of the rows that are tried")
    chosen = scored[
        np.linspace(0, len(scored) - 1, min(len(scored), affordable_rows(backend, MOST_ROWS))).astype(
            np.int64
        )
    ]
    rows, wanted = tried.rows.take(pa.array(chosen)), expected.take(pa.array(chosen))
    found = explained(backend, kernel.signature, rows)
    own = wanted.select([field.name for field in kernel.outputs.fields]).combine_chunks().to_batches()[0]
    if problem := law_broken(backend, kernel.version, found, own):
        raise _unequal(kernel.call, problem)
    return len(chosen), float(found.errors().max())


def scored_rows(tried: Tried, expected: pa.Table, most: int) -> pa.Table:
    """At most so many of the rows that the estimator scored, evenly drawn."""
    scored = _scored(expected)
    places = np.linspace(0, len(scored) - 1, min(len(scored), most)).astype(np.int64)
    return tried.rows.take(pa.array(scored[places]))


def _scored(expected: pa.Table) -> np.ndarray:
    """The positions of the rows that the estimator scored."""
    is_scored = expected.column(REJECT_REASON).combine_chunks().is_null()
    return np.flatnonzero(is_scored.to_numpy(zero_copy_only=False))


def prove_trees(backend: TreeReasons, kernel: Kernel, tried: Tried, expected: pa.Table) -> float:
    """The largest difference from `reference`, on a few rows, trees and background rows.

    Raises CompileError where it is more than TOLERANCE.
    """
    scored = _scored(expected)
    chosen = scored[:: max(1, len(scored) // REFERENCE_ROWS)][:REFERENCE_ROWS]
    batch = tried.rows.take(pa.array(chosen)).combine_chunks().to_batches()[0]
    numbers = np.column_stack(backend.numbers(check_batch(kernel.signature, batch, frozenset()).columns))
    few = _few_trees(backend.model.ensemble)
    model = replace(backend.model, ensemble=few)
    outputs = len(few.base)
    owners = np.arange(numbers.shape[1])
    worst = 0.0
    background = backend.background_block
    if background is not None:
        background = background[:: -(-len(background) // REFERENCE_BACKGROUND)]
    slow = reference(few, numbers, outputs, background)
    for repeats in (1, 64):  # without tables, and with them
        loops = Attribution(model, owners, np.arange(outputs), len(owners), background)
        found = loops.contributions(np.tile(numbers, (repeats, 1)))
        if found is None:
            raise _unequal(kernel.call, "the estimator refuses a row that it scores")
        error = largest_error(found[: len(numbers)], slow)
        worst = float(np.maximum(worst, error))  # NaN stays NaN, which `max` would lose
    if not worst <= TOLERANCE:
        raise _unequal(kernel.call, f"contributions are off by up to {worst:.3g}")
    return worst


def _few_trees(ensemble: Ensemble) -> Ensemble:
    """The first trees, with at most REFERENCE_LEAVES leaves; of a larger first one, its top."""
    leaves = np.cumsum([int((tree.left == LEAF).sum()) for tree in ensemble.trees])
    few = int((leaves <= REFERENCE_LEAVES).sum())
    if few:
        return replace(ensemble, trees=ensemble.trees[:few], groups=ensemble.groups[:few])
    return replace(ensemble, trees=(_top_of(ensemble.trees[0]),), groups=ensemble.groups[:1])


def _top_of(tree: Tree) -> Tree:
    """The tree down to a depth at which it has at most REFERENCE_LEAVES leaves, whatever their values."""
    levels = tree.levels()
    depth = next((i for i, level in enumerate(levels) if len(level) > REFERENCE_LEAVES), len(levels) // 2) - 1
    inner = np.zeros(len(tree.left), dtype=bool)
    inner[np.concatenate(levels[:depth])] = True
    inner &= tree.left != LEAF
    return replace(
        tree,
        left=np.where(inner, tree.left, LEAF),
        right=np.where(inner, tree.right, LEAF),
        categories={i: split for i, split in tree.categories.items() if inner[i]},
    )


def _unequal(call: str, problem: str) -> CompileError:
    return CompileError(
        call,
        f"its reasons do not add up: {problem}",
        expected=f"base and contributions that give the score within {TOLERANCE:g}",
        action="score this version without reasons, and report the estimator's class and version",
    )


PROOF_ROWS = 64
MOST_LEAVES = 4_000_000  # that rows pass, where tables do not pay yet
PARTS = EXPECTED + "contributions"


def explained(backend: StoredReasons, signature: Signature, rows: pa.Table) -> Contributions:
    """The contributions of rows that the estimator scores."""
    batch = rows.combine_chunks().to_batches()[0]
    return backend.contributions(check_batch(signature, batch, frozenset()).columns)


def proof_of(backend: StoredReasons, kernel: Kernel, tried: Tried, expected: pa.Table) -> bytes:
    """The file of proof rows: features, each column shuffled by itself, and their contributions.

    They are of rows that the estimator scores, as `expected` says: of others, hardly a shuffled row of many
    columns would be.
    Raises ValueError where the estimator in `kernel` scores none of them.
    """
    rng = np.random.default_rng(0)
    known = _scored(expected)
    places = known[np.linspace(0, len(known) - 1, min(len(known), 8 * PROOF_ROWS)).astype(np.int64)]
    columns = [column.take(pa.array(rng.permutation(places))) for column in tried.rows.columns]
    rows = pa.table(columns, schema=tried.rows.schema).combine_chunks()
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
