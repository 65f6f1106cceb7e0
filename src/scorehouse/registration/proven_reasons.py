"""Reasons: made from a backend, proven to add up to the estimator's score, and stored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pyarrow as pa

from scorehouse.kernel.rows import check_batch
from scorehouse.kernel.scorer import REJECT_REASON
from scorehouse.program.hard_rows import PLAIN
from scorehouse.program.matrix.stored import StoredMatrix
from scorehouse.program.prove import Trial
from scorehouse.program.reasons.background import FACT, Background, canonical_columns
from scorehouse.program.reasons.make import linear_reasons, tree_reasons
from scorehouse.program.reasons.proof_rows import proof_of
from scorehouse.program.reasons.prove_reasons import prove, prove_trees
from scorehouse.program.reasons.stored_reasons import StoredReasons
from scorehouse.program.reasons.trees import TreeReasons
from scorehouse.program.store import reasons_in, to_bytes
from scorehouse.program.stored_backend import ScoringBackend
from scorehouse.registration.proven_arrays import Served
from scorehouse.registration.proven_backend import ProvenBackend, why_refused
from scorehouse.registry.storage import sha256
from scorehouse.registry.version import PROOF_SHA256


def reasons_of_trees(
    trees: Served, trial: Callable[[], Trial], rows_of: str, background: Background | None = None
) -> ProvenBackend | str:
    """The reasons of trees that were proven as native code; or why there are none."""
    if isinstance(trees.found, str):
        return f"its trees have no native backend: {trees.found}"
    compared, stored = trial(), trees.found.part
    kernel = compared.kernel

    def make() -> StoredReasons:
        rows = background.rows if background else None
        return tree_reasons(stored, kernel.version, kernel.signature, kernel.call, rows)

    def compare(made: StoredReasons) -> float:
        assert isinstance(made, TreeReasons)
        return prove_trees(made, kernel, compared.tried, compared.expected)

    return with_background(_proven(compared, stored, make, compare, rows_of), background)


def linear_proven(
    trial: Trial, backend: StoredMatrix, rows_of: str, background: Background | None = None
) -> ProvenBackend | str:
    """The reasons of a linear model that was proven as matrix products; or why there are none."""
    kernel, tried = trial.kernel, trial.tried

    def make() -> StoredReasons:
        if background is not None:
            compared = backend.numbers(canonical_columns(background.rows))
            return linear_reasons(
                backend, compared, kernel.version, kernel.signature, kernel.call, background.rows
            )
        plain = tried.rows.filter(pa.array(tried.kinds == PLAIN)).combine_chunks().to_batches()[0]
        checked = check_batch(kernel.signature, plain, frozenset())
        training = [np.asarray(column) for column in backend.numbers(checked.accepted)]
        return linear_reasons(backend, training, kernel.version, kernel.signature, kernel.call)

    return with_background(_proven(trial, backend, make, lambda _: 0.0, rows_of), background)


def with_background(found: ProvenBackend | str, background: Background | None) -> ProvenBackend | str:
    """The same, and what the registry says about the background."""
    if background is None or isinstance(found, str):
        return found
    return replace(found, fact={**found.fact, FACT: background.facts()})


def _proven(
    trial: Trial,
    scores: ScoringBackend,
    make: Callable[[], StoredReasons],
    compare: Callable[[StoredReasons], float],
    rows_of: str,
) -> ProvenBackend | str:
    """Make, read back what is stored, and prove that."""
    kernel, tried, expected = trial.kernel, trial.tried, trial.expected
    try:
        backend = reasons_in(to_bytes(scores, reasons=make()), kernel.version)
        rows, worst = prove(backend, kernel, tried, expected)
        worst = max(worst, compare(backend))
        scored = tried.rows.filter(expected.column(REJECT_REASON).is_null())
        proof = proof_of(backend, kernel, scored)
    except Exception as error:
        return why_refused(error, "reasons")
    fact = {"rows": rows, "rows_of": rows_of, "largest_difference": worst, "unit": backend.unit}
    fact[PROOF_SHA256] = sha256(proof)
    return ProvenBackend(fact, backend, proof)
