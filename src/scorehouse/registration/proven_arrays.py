"""Forms made of arrays, native code and matrix products: made, proven equal to the estimator, and stored.

One table says what they differ in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from scorehouse.errors import CompileError
from scorehouse.forms.matrix import stored as products
from scorehouse.forms.matrix.make import compiled
from scorehouse.forms.native import stored as trees
from scorehouse.forms.native.edge_rows import edges_of_features, edges_of_segments, prove_numbers
from scorehouse.forms.native.make import compile_native
from scorehouse.forms.native.native_form import NativeForm
from scorehouse.forms.native.recipes import recipe_of
from scorehouse.forms.native.store import stored_segments, stored_trees
from scorehouse.forms.parity import TOLERANCE, TOLERANCE_NATIVE, Parity
from scorehouse.forms.prove import Edges, Trial, prove, unequal
from scorehouse.forms.segments_made import is_segmented
from scorehouse.forms.stored_form import StoredForm
from scorehouse.forms.stored_readers import READERS
from scorehouse.forms.trees import Ensemble
from scorehouse.kernel.scorer import Kernel
from scorehouse.registration.proven_form import ProvenForm, why_refused, with_file

Trees = tuple[NativeForm, Ensemble]


@dataclass(frozen=True)
class Candidate:
    """A form before its proof: the `ways` to store it, the fastest first, and the values at its `edges`.

    `trees` are those of native code, which scores all the same, and opens the estimator, where no way serves.
    """

    ways: Iterator[Any]
    edges: Edges = field(default_factory=dict)
    trees: Trees | None = None


@dataclass(frozen=True)
class Kind:
    """What the forms differ in: how each is made, written, and how far it may be from the estimator."""

    name: str
    make: Callable[[Kernel], Candidate]
    to_bytes: Callable[[Any], bytes]
    tolerance: float


def _products(kernel: Kernel) -> Candidate:
    return Candidate(compiled(kernel.estimator, kernel.version, kernel.signature, kernel.call))


def _trees(kernel: Kernel) -> Candidate:
    version, signature, call = kernel.version, kernel.signature, kernel.call
    if is_segmented(kernel.estimator):
        segmented = stored_segments(kernel.estimator, version, signature, call)
        return Candidate(iter([segmented]), edges_of_segments(segmented, len(signature.features)))
    form = compile_native(kernel.estimator, call=call)
    ensemble, _ = recipe_of(form.last, lambda _, problem: unequal(call, problem, TOLERANCE_NATIVE))
    ways = (stored_trees(one, version, signature, call) for one in [form])
    return Candidate(ways, edges_of_features(form, ensemble, signature), (form, ensemble))


KINDS: Mapping[str, Kind] = {
    "native": Kind("native code", _trees, trees.to_bytes, TOLERANCE_NATIVE),
    "matrix": Kind("matrix products", _products, products.to_bytes, TOLERANCE),
}


@dataclass(frozen=True)
class Served:
    """The kernel around a form, and what was proven of it; or the kernel as it is, and the reason.

    `stored` is the form as it is stored, None if its steps are not data.
    """

    kernel: Kernel
    found: ProvenForm | str
    stored: StoredForm | None = None
    trees: Trees | None = None


def candidate(form: str, kernel: Kernel) -> Candidate | str:
    """The form of the estimator in `kernel`, or why there is none."""
    try:
        return KINDS[form].make(kernel)
    except Exception as error:
        return why_refused(error, KINDS[form].name)


def proven(
    form: str, made: Candidate | str, kernel: Kernel, trial: Callable[[], Trial], rows_of: str
) -> Served:
    """Prove a form; `trial` is called only for an estimator that has one."""
    if isinstance(made, str):
        return Served(kernel, made)
    name, tolerance = KINDS[form].name, KINDS[form].tolerance
    opens: dict[str, str] = {}
    serving: Any = None
    stored, data = None, b""
    try:
        stored, data, parity = _stored(form, made.ways, kernel, trial)
        serving = stored
    except Exception as error:
        if made.trees is None:
            return Served(kernel, why_refused(error, name))
        opens = {"opens_estimator": why_refused(error, "its steps")}
    try:
        if made.trees and stored is None:
            serving, _ = made.trees
            parity = prove(serving, trial(), tolerance)
        more, worst = prove_numbers(*made.trees, trial()) if made.trees else (0, 0.0)
    except Exception as error:
        return Served(kernel, why_refused(error, name))
    largest = max(parity.max_difference, worst)
    fact = {"rows": parity.rows + more, "rows_of": rows_of, "largest_difference": largest, **opens}
    found = ProvenForm(fact, {}) if stored is None else with_file(fact, form, data)
    return Served(kernel.holding(serving), found, stored, made.trees)


def _stored(
    form: str, ways: Iterator[Any], kernel: Kernel, trial: Callable[[], Trial]
) -> tuple[StoredForm, bytes, Parity]:
    """The first of several ways to store a form that is equal to the estimator, its file, and how equal.

    Raises the error of the first way if none is.
    """
    first: CompileError | None = None
    for way in ways:
        data = KINDS[form].to_bytes(way)
        stored = READERS[form](data, kernel.version)
        try:
            return stored, data, prove(stored, trial(), KINDS[form].tolerance)
        except CompileError as error:
            first = first or error
    assert first is not None
    raise first
