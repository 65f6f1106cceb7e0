"""Backends made of arrays, native code and matrix products: made, proven equal to the estimator, and stored.

One table says what they differ in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from scorehouse.errors import CompileError
from scorehouse.kernel.scorer import Kernel
from scorehouse.program.matrix.make import compiled
from scorehouse.program.native.edge_rows import prove_numbers
from scorehouse.program.native.make import compile_trees
from scorehouse.program.native.stored import StoredTrees
from scorehouse.program.parity import TOLERANCE, TOLERANCE_NATIVE, Parity
from scorehouse.program.prove import Edges, Trial, prove
from scorehouse.program.store import scores_of, to_bytes
from scorehouse.program.stored_backend import ScoringBackend
from scorehouse.registration.proven_backend import ProvenBackend, why_refused


@dataclass(frozen=True)
class Candidate:
    """A backend before its proof: the `ways` to store it, the fastest first, and the values at its `edges`.

    `last` is the estimator whose trees native code runs, if it takes the numbers that they read.
    """

    ways: Iterator[ScoringBackend]
    edges: Edges = field(default_factory=dict)
    last: Any = None


@dataclass(frozen=True)
class Kind:
    """What the backends differ in: how each is made, and how far it may be from the estimator."""

    name: str
    make: Callable[[Kernel], Candidate]
    tolerance: float


def _products(kernel: Kernel) -> Candidate:
    return Candidate(compiled(kernel.estimator, kernel.version, kernel.signature, kernel.call))


def _trees(kernel: Kernel) -> Candidate:
    made = compile_trees(kernel.estimator, kernel.version, kernel.signature, kernel.call)
    return Candidate(iter([made.backend]), made.edges, made.last)


KINDS: Mapping[str, Kind] = {
    "native": Kind("native code", _trees, TOLERANCE_NATIVE),
    "matrix": Kind("matrix products", _products, TOLERANCE),
}


@dataclass(frozen=True)
class Served:
    """The kernel around a proven backend, and the backend; or the kernel as it is, and the reason."""

    kernel: Kernel
    found: ProvenBackend | str


def candidate(backend: str, kernel: Kernel) -> Candidate | str:
    """The backend of the estimator in `kernel`, or why there is none."""
    try:
        return KINDS[backend].make(kernel)
    except Exception as error:
        return why_refused(error, KINDS[backend].name)


def proven(
    backend: str, made: Candidate | str, kernel: Kernel, trial: Callable[[], Trial], rows_of: str
) -> Served:
    """Prove a backend; `trial` is called only for an estimator that has one."""
    if isinstance(made, str):
        return Served(kernel, made)
    try:
        stored, parity = _stored(backend, made.ways, kernel, trial)
        more, worst = 0, 0.0
        if made.last is not None:
            assert isinstance(stored, StoredTrees)
            more, worst = prove_numbers(stored, made.last, trial())
    except Exception as error:
        return Served(kernel, why_refused(error, KINDS[backend].name))
    largest = max(parity.max_difference, worst)
    fact = {"rows": parity.rows + more, "rows_of": rows_of, "largest_difference": largest}
    return Served(kernel.holding(stored), ProvenBackend(fact, stored))


def _stored(
    backend: str, ways: Iterator[Any], kernel: Kernel, trial: Callable[[], Trial]
) -> tuple[ScoringBackend, Parity]:
    """The first of several ways to store a backend that, read back, is equal to the estimator; and how equal.

    Raises the error of the first way if none is.
    """
    first: CompileError | None = None
    for way in ways:
        stored = scores_of(to_bytes(way), kernel.version)
        try:
            return stored, prove(stored, trial(), KINDS[backend].tolerance)
        except CompileError as error:
            first = first or error
    assert first is not None
    raise first
