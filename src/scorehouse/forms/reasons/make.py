"""Make the reasons of a fitted estimator from its forms, which know its steps already."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa

from scorehouse.errors import CompileError
from scorehouse.forms.matrix.stored import StoredMatrix
from scorehouse.forms.native.layout import Layout, lay_out
from scorehouse.forms.native.native_form import NativeForm
from scorehouse.forms.native.stored import StoredTrees
from scorehouse.forms.reasons.linear import LinearReasons
from scorehouse.forms.reasons.owners import owners_of
from scorehouse.forms.reasons.trees import TreeReasons
from scorehouse.forms.reasons.units import explained_outputs, scoring_link, unit_of, why_not
from scorehouse.forms.trees import Ensemble
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
    form: NativeForm,
    ensemble: Ensemble,
    stored: StoredTrees,
    version: Version,
    signature: Signature,
    call: str,
    background: pa.RecordBatch | None = None,
) -> TreeReasons:
    """The reasons of trees; `ensemble` are those of `form`, and `stored` is the form as it is stored.

    With the canonical rows of a `background`, they are interventional, else path-dependent.

    Raises CompileError where contributions cannot be summed back to features.
    """
    refused = refusal(call)
    recipe = form.recipe
    layout = nodes_alone(ensemble, recipe.n_features, recipe.takes_missing, recipe.takes_infinite)
    columns, covers = nodes_of(ensemble)
    outputs = len(layout.base)
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
        single=ensemble.single,
        background=background,
        layout=layout,
        columns_of_nodes=columns,
        covers=covers,
    )


def nodes_alone(ensemble: Ensemble, n_features: int, takes_missing: bool, takes_infinite: bool) -> Layout:
    """The ensemble without tops; its sums are doubles, even where the library rounds them to float32."""
    layout = lay_out(
        _over_all_outputs(ensemble),
        n_features,
        takes_missing=takes_missing,
        takes_infinite=takes_infinite,
        tops=False,
    )
    divisor = ensemble.groups.count(0) if ensemble.average else 1
    return replace(layout, divisor=divisor, tables=replace(layout.tables, single=False))


def _over_all_outputs(ensemble: Ensemble) -> Ensemble:
    """Trees of some classes of many, as forests of several labels have, with zeros for all others.

    The loops for reasons take trees of one output, or of all.
    """
    width, outputs = ensemble.trees[0].value.shape[1], len(ensemble.base)
    if width == 1 or not any(ensemble.groups):
        return ensemble
    trees = tuple(
        replace(tree, value=np.pad(tree.value, ((0, 0), (group, outputs - group - width))))
        for tree, group in zip(ensemble.trees, ensemble.groups, strict=True)
    )
    return replace(ensemble, trees=trees, groups=(0,) * len(trees))


def nodes_of(ensemble: Ensemble) -> tuple[np.ndarray, np.ndarray]:
    """The column and the cover of each node, in the order of a layout without tops."""
    orders = [np.concatenate(tree.levels()) for tree in ensemble.trees]
    pairs = list(zip(ensemble.trees, orders, strict=True))
    columns = np.concatenate([tree.feature[order] for tree, order in pairs])
    return columns.astype(np.uint32), np.concatenate([tree.cover[order] for tree, order in pairs])


def linear_reasons(
    form: StoredMatrix,
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
    weights, intercepts = _one_product(form, refused)
    found = scoring_link(version, form.links)
    if found is None:
        raise refused(why_not(version, form.links, "its score is no function of a weighted sum"))
    explained = explained_outputs(version, len(weights))
    usable = np.all([np.isfinite(column) for column in compared], axis=0)
    if not (usable.any() if background is None else usable.all()):
        rows = "no training row has" if background is None else "not every background row has"
        raise refused(f"{rows} a finite value in every column")
    return LinearReasons(
        columns=form.columns,
        singles=form.singles,
        links=form.links,
        classes=form.classes,
        owners=owners_of(form.columns, signature.names, refused, fails=True),
        explained=explained,
        features=len(signature.features),
        unit=unit_of(version, found[1], len(weights)),
        single=False,
        weights=np.ascontiguousarray(weights[list(explained)]),
        intercepts=np.ascontiguousarray(intercepts[list(explained)]),
        means=np.array([column[usable].mean() for column in compared]),
        background=background,
    )


def _one_product(form: StoredMatrix, refused: Refused) -> tuple[np.ndarray, np.ndarray]:
    """Weights and intercepts of all layers together."""
    count = len(form.columns.outputs)
    weights, intercepts = np.eye(count), np.zeros(count)
    for layer in form.layers:
        if layer.kind == "product":
            own = layer.arrays[0][:, :, 0]
            weights, intercepts = own[:, :-1] @ weights, own[:, :-1] @ intercepts + own[:, -1]
        elif layer.kind == "normalise":
            shifts, scales = layer.arrays
            weights, intercepts = weights / scales, (intercepts - shifts[:, 0]) / scales[:, 0]
        elif layer.kind == "rescale":
            factors, offsets = layer.arrays
            weights, intercepts = weights * factors, intercepts * factors[:, 0] + offsets[:, 0]
        elif layer.kind != "finite":
            raise refused("it is neither a linear model nor made of trees, for which reasons are exact")
    return weights, intercepts
