"""Compile a fitted estimator of trees, or one per segment, into what a version's program holds of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scorehouse.errors import CompileError
from scorehouse.program.native.edge_rows import edges_of_segments, edges_of_values
from scorehouse.program.native.kernel import require_library
from scorehouse.program.native.layout import TreeModel
from scorehouse.program.native.recipes import READERS, recipe_of
from scorehouse.program.native.stored import StoredTrees
from scorehouse.program.preprocessing import begun, ended, in_singles, steps_of
from scorehouse.program.segments_made import is_segmented, stacked
from scorehouse.program.several import CHAINS, FOR_EACH
from scorehouse.program.sql.builder import name_of
from scorehouse.program.sql.ensembles import as_numbers
from scorehouse.registry.signature import Signature
from scorehouse.registry.version import Version


@dataclass(frozen=True)
class CompiledTrees:
    """The backend, which is not proven yet, and what it has to be tried on.

    `edges` are values of features at which trees split. `last` is the estimator whose trees they are, where
    it takes the numbers that these read; None also for one estimator per segment.
    """

    backend: StoredTrees
    edges: Mapping[int, list[float]]
    last: Any = None


def compile_trees(estimator: Any, version: Version, signature: Signature, call: str) -> CompiledTrees:
    """The backend of a fitted tree, forest or boosted ensemble, of a pipeline that ends in one, or of
    segments.

    Raises CompileError, which names the step or segment that is no data, or says that no kernel is here.
    """
    require_library(call)
    if not is_segmented(estimator):
        return _of_one(estimator, version, signature, call)

    def compile_one(one: Any) -> StoredTrees:
        return _of_one(one, version, signature, call, without=estimator.position_).backend

    backends, common = stacked(estimator, version, signature, call, compile_one)
    backend = StoredTrees(**common, models=tuple(one.models[0] for one in backends.values()))
    return CompiledTrees(backend, edges_of_segments(backend, len(signature.features)))


def _of_one(
    estimator: Any, version: Version, signature: Signature, call: str, *, without: int | None = None
) -> CompiledTrees:
    """`without` is the position of a feature that the estimator does not get."""
    *before, (path, last) = steps_of(estimator)

    def refuse(part: Any, problem: str) -> CompileError:
        where = " > ".join([*path, type(part).__name__])
        return CompileError(
            call,
            f"{where}: {problem}",
            expected="a tree, a forest or boosted trees as the last step: see docs/reference/backends.md",
            action="score this version with the estimator itself, or by its SQL backend",
        )

    def refused(problem: str) -> CompileError:
        return CompileError(
            call,
            problem,
            expected="trees behind steps that are known as SQL too",
            action="score this version as it is; it opens its estimator",
        )

    ensemble, recipe = recipe_of(last, refuse)
    b, values = begun(signature, call, without)
    for names, step in before:
        with b.inside(" > ".join(names)):
            values = b.transform(step, values)
    values = as_numbers(b, last, recipe, values)
    model = TreeModel(ensemble, len(values), recipe.takes_missing, recipe.takes_infinite)
    backend = StoredTrees(
        columns=ended(b, values, refused),
        singles=in_singles(signature),
        links=recipe.outputs,
        classes=version.classes,
        models=(model,),
    )
    return CompiledTrees(backend, edges_of_values(values, ensemble), last if recipe.takes_numbers else None)


def made_of_trees(estimator: Any) -> bool:
    """Whether native code supports the class of the last step, of one or of each segment or output."""
    if is_segmented(estimator):
        estimator = next(iter(estimator.estimators_), estimator.fallback_)
    *_, (_, last) = steps_of(estimator)
    parts = last.estimators_ if name_of(last) in FOR_EACH else [last]
    return all(name_of(part) in READERS for part in parts)


def reads_predictions(estimator: Any) -> bool:
    """Whether the last step holds estimators that read what others of them predict."""
    *_, (_, last) = steps_of(estimator)
    return name_of(last) in CHAINS
