"""Make the reasons of a fitted estimator from its backends, which know its steps already."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import pyarrow as pa

from scorehouse.errors import CompileError
from scorehouse.program.matrix.layers import StoredMatrix, one_product
from scorehouse.program.native.stored import StoredTrees
from scorehouse.program.reasons.stored_reasons import explained_outputs, scoring_link, unit_of
from scorehouse.program.reasons.trees import LinearReasons, TreeReasons, over_all_outputs
from scorehouse.program.sql.builder import Program
from scorehouse.program.sql.expression import Case, Column, Expr, Feature, Literal, walk
from scorehouse.program.stored_backend import StoredBackend
from scorehouse.registry.signature import Signature
from scorehouse.registry.version import Version

Refused = Callable[[str], CompileError]


def _refused(call: str, problem: str) -> CompileError:
    """The error that says why an estimator has no reasons."""
    return CompileError(
        call,
        problem,
        expected="a linear model or trees, behind steps that compute each column from one feature",
        action="score this version without reasons, or replace the step and register again",
    )


def tree_reasons(
    stored: StoredTrees,
    version: Version,
    signature: Signature,
    call: str,
    background: pa.RecordBatch | None = None,
) -> TreeReasons:
    """The reasons of trees. With the canonical rows of a `background`, they are interventional, else
    path-dependent.

    Raises CompileError where contributions cannot be summed back to features.
    """
    refused = partial(_refused, call)
    (model,) = stored.models
    outputs = len(model.base)
    unit = _unit(stored, version, outputs, "the sums of its trees", refused)
    return TreeReasons(
        columns=stored.columns,
        singles=stored.singles,
        links=stored.links,
        classes=stored.classes,
        owners=owners_of(stored.columns, signature.names, refused),
        explained=explained_outputs(version, outputs),
        features=len(signature.features),
        unit=unit,
        background=background,
        model=over_all_outputs(model),
    )


def linear_reasons(
    backend: StoredMatrix,
    compared: Sequence[pa.Array],
    version: Version,
    signature: Signature,
    call: str,
    background: pa.RecordBatch | None = None,
) -> LinearReasons:
    """The reasons of a chain of products without anything between them that bends: one product.

    `compared` are canonical columns of training rows, or of the rows of a `background`. Raises CompileError
    for other chains, and where contributions cannot be summed back to features.
    """
    refused = partial(_refused, call)
    product = one_product(backend.layers, len(backend.columns.outputs))
    if product is None:
        raise refused("it is neither a linear model nor made of trees, for which reasons are exact")
    weights, intercepts = product
    unit = _unit(backend, version, len(weights), "a weighted sum", refused)
    explained = explained_outputs(version, len(weights))
    usable, means = _means(backend, compared)
    if not (usable.any() if background is None else usable.all()):
        rows = "no training row has" if background is None else "not every background row has"
        raise refused(f"{rows} a finite value in every column")
    return LinearReasons(
        columns=backend.columns,
        singles=backend.singles,
        links=backend.links,
        classes=backend.classes,
        owners=owners_of(backend.columns, signature.names, refused, fails=True),
        explained=explained,
        features=len(signature.features),
        unit=unit,
        weights=np.ascontiguousarray(weights[list(explained)]),
        intercepts=np.ascontiguousarray(intercepts[list(explained)]),
        means=means,
        background=background,
    )


def _means(backend: StoredMatrix, compared: Sequence[pa.Array]) -> tuple[np.ndarray, np.ndarray]:
    """Which rows have a finite number in every column of the program, and the means of these."""
    plain, texts = backend.columns_apart(compared, 1)
    known = [np.isfinite(own.values).all(axis=0) for own in texts]
    usable = np.all(
        [
            *(np.isfinite(column) for column in plain.values()),
            *(finite.take(own.places) for finite, own in zip(known, texts, strict=True)),
        ],
        axis=0,
    )
    means = np.full(len(backend.columns.outputs), np.nan)
    if usable.any():
        for place, column in plain.items():
            means[place] = column[usable].mean()
        for finite, own in zip(known, texts, strict=True):
            counts = np.bincount(own.places[usable], minlength=len(finite))
            means[own.outputs] = own.values[:, finite] @ counts[finite] / usable.sum()
    return usable, means


def _unit(stored: StoredBackend, version: Version, outputs: int, sums: str, refused: Refused) -> str:
    """The unit of `outputs` sums, from which the score must follow."""
    found = scoring_link(version, stored.links)
    if found is not None:
        return unit_of(version, found[1], outputs)
    link = stored.links.get("predict")
    if link is not None and link.kind.startswith("sorted"):
        raise refused("its outputs are sorted in each row, so each depends on the sums of all")
    raise refused(f"its score is no function of {sums}")


def owners_of(
    program: Program, names: Sequence[str], refused: Refused, *, fails: bool = False
) -> tuple[int, ...]:
    """The position of the feature that each output of the program depends on.

    A constant, which contributes nothing, counts as the first feature's. With `fails`, the first output is
    NULL on rows on which a step fails, which makes it depend on no other feature. Raises the error from
    `refused(problem)` for a column that depends on several features.
    """
    known: dict[str, frozenset[int]] = {}
    for step in program.steps:
        for name, expr in step.made:
            known[name] = _features(expr, known)
    owners = []
    for number, (_, expr) in enumerate(program.outputs):
        found = _features(_computed(expr) if fails and number == 0 else expr, known)
        if len(found) > 1:
            listed = ", ".join(repr(names[position]) for position in sorted(found))
            raise refused(f"a column that the estimator reads is computed from several features: {listed}")
        owners.append(next(iter(found), 0))
    return tuple(owners)


def _computed(expr: Expr) -> Expr:
    """The column itself, without the case that makes it NULL where a step of the pipeline fails."""
    if isinstance(expr, Case) and expr.default is not None:
        nulls = [isinstance(then, Literal) and then.type == "null" for _, then in expr.whens]
        if all(nulls) and not isinstance(expr.default, Literal):
            return expr.default
    return expr


def _features(expr: Expr, known: dict[str, frozenset[int]]) -> frozenset[int]:
    found: set[int] = set()
    for part in walk(expr):
        if isinstance(part, Feature):
            found.add(part.position)
        elif isinstance(part, Column):
            found |= known[part.name]
    return frozenset(found)
