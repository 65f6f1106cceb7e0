"""Backends made of arrays, trees for native code or matrix products, proven as they are stored."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from scorehouse.errors import CompileError
from scorehouse.kernel.scorer import Kernel
from scorehouse.program.native.edge_rows import prove_numbers
from scorehouse.program.native.stored import StoredTrees
from scorehouse.program.parity import TOLERANCE, TOLERANCE_NATIVE, Parity
from scorehouse.program.prove import Trial, prove
from scorehouse.program.store import scores_of, to_bytes
from scorehouse.program.stored_backend import ScoringBackend
from scorehouse.registration.proven_backend import ProvenBackend


def proven_arrays(
    ways: Iterable[ScoringBackend],
    kernel: Kernel,
    trial: Callable[[], Trial],
    rows_of: str,
    last: Any = None,
) -> ProvenBackend:
    """Prove the first of several `ways` to store a backend that is equal to the estimator.

    `last` is the estimator whose trees native code runs, if it takes the numbers that they read. `trial` is
    called only for an estimator that has a way. Raises the error of the first way if none is equal.
    """
    stored, parity = _first_equal(ways, kernel, trial)
    rows, largest = parity.rows, parity.max_difference
    if last is not None:
        assert isinstance(stored, StoredTrees)
        more, worst = prove_numbers(stored, last, trial())
        rows, largest = rows + more, max(largest, worst)
    return ProvenBackend({"rows": rows, "rows_of": rows_of, "largest_difference": largest}, stored)


def _first_equal(
    ways: Iterable[ScoringBackend], kernel: Kernel, trial: Callable[[], Trial]
) -> tuple[ScoringBackend, Parity]:
    """The first way that, read back, is equal to the estimator; and how equal."""
    first: CompileError | None = None
    for way in ways:
        stored = scores_of(to_bytes(way), kernel.version)
        try:
            tolerance = TOLERANCE_NATIVE if isinstance(stored, StoredTrees) else TOLERANCE
            return stored, prove(stored, trial(), tolerance)
        except CompileError as error:
            first = first or error
    assert first is not None
    raise first
