"""Make the reasons of a fitted estimator from its backends, which know its steps already."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa

from scorehouse.errors import CompileError
from scorehouse.program.matrix.layers import one_product
from scorehouse.program.matrix.stored import StoredMatrix
from scorehouse.program.native.stored import StoredTrees
from scorehouse.program.reasons.linear import LinearReasons
from scorehouse.program.reasons.owners import owners_of
from scorehouse.program.reasons.trees import TreeReasons, over_all_outputs
from scorehouse.program.reasons.units import explained_outputs, scoring_link, unit_of, why_not
from scorehouse.registry.signature import Signature
from scorehouse.registry.version import Version

Refused = Callable[[str], CompileError]


def refusal(call: str) -> Refused:
    """The error that says why an estimator has no reasons."""

    def refused(problem: str) -> CompileError:
        return CompileError(
            call,
            problem,
            expected="a linear model or trees, behind steps that compute each column from one feature",
            action="score this version without reasons, or replace the step and register again",
        )

    return refused


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
    refused = refusal(call)
    (model,) = stored.models
    outputs = len(model.base)
    found = scoring_link(version, stored.links)
    if found is None:
        raise refused(why_not(version, stored.links, "its score is no function of the sums of its trees"))
    return TreeReasons(
        columns=stored.columns,
        singles=stored.singles,
        links=stored.links,
        classes=stored.classes,
        owners=owners_of(stored.columns, signature.names, refused),
        explained=explained_outputs(version, outputs),
        features=len(signature.features),
        unit=unit_of(version, found[1], outputs),
        background=background,
        model=over_all_outputs(model),
    )


def linear_reasons(
    backend: StoredMatrix,
    compared: Sequence[np.ndarray],
    version: Version,
    signature: Signature,
    call: str,
    background: pa.RecordBatch | None = None,
) -> LinearReasons:
    """The reasons of a chain of products without anything between them that bends: one product.

    `compared` are the columns that its first layer reads, of training rows or of the canonical rows of a
    `background`. Raises CompileError for other chains, and where contributions cannot be summed back to
    features.
    """
    refused = refusal(call)
    product = one_product(backend.layers, len(backend.columns.outputs))
    if product is None:
        raise refused("it is neither a linear model nor made of trees, for which reasons are exact")
    weights, intercepts = product
    found = scoring_link(version, backend.links)
    if found is None:
        raise refused(why_not(version, backend.links, "its score is no function of a weighted sum"))
    explained = explained_outputs(version, len(weights))
    usable = np.all([np.isfinite(column) for column in compared], axis=0)
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
        unit=unit_of(version, found[1], len(weights)),
        weights=np.ascontiguousarray(weights[list(explained)]),
        intercepts=np.ascontiguousarray(intercepts[list(explained)]),
        means=np.array([column[usable].mean() for column in compared]),
        background=background,
    )
