"""Compile a fitted estimator of trees, or one per segment, into what a version's program holds of it.

What native code is tried on besides the rows of all backends: the numbers that its trees read.

They are what the steps before the trees make of training rows, with values at and one step around edges.
"""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from scorehouse.errors import CompileError
from scorehouse.kernel.rows import check_batch
from scorehouse.kernel.tasks import scores_of_labels
from scorehouse.program.hard_rows import EXTREMES, around
from scorehouse.program.links import Link
from scorehouse.program.native.kernel import require_library
from scorehouse.program.native.layout import TreeModel
from scorehouse.program.native.recipes import READERS, recipe_of
from scorehouse.program.native.stored import StoredTrees, sums_of
from scorehouse.program.preprocessing import begun, ended, in_singles, steps_of
from scorehouse.program.proof import TOLERANCE_NATIVE as TOLERANCE
from scorehouse.program.proof import distances
from scorehouse.program.prove import Trial, unequal
from scorehouse.program.segments_made import is_segmented, stacked
from scorehouse.program.several import CHAINS, FOR_EACH
from scorehouse.program.sql.builder import Value, name_of
from scorehouse.program.sql.ensembles import as_numbers
from scorehouse.program.sql.expression import Feature
from scorehouse.program.trees import Ensemble
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


EDGES_LIMIT = 20_000  # that are tried one by one; of more, as many spread evenly
MOST_EDGES = 2_000  # of all segments
MIXED_ROWS = 20_000
MIXED_SHARE = 0.5


def edges_of_values(values: Sequence[Value], ensemble: Ensemble) -> dict[int, list[float]]:
    """Edges by feature of the table, where the steps before the trees only shift and scale it."""
    found: dict[int, list[float]] = defaultdict(list)
    edges = _edges(ensemble)
    for column, value in enumerate(values):
        origin = value.origin
        if column in edges and origin is not None and origin.scale != 0.0:
            found[origin.position] += ((edges[column] - origin.offset) / origin.scale).tolist()
    return found


def edges_of_segments(backend: StoredTrees, features: int) -> dict[int, list[float]]:
    """At most MOST_EDGES values at which trees split, by the position of a feature that they read as it is.

    `features` is the number of features, behind which the program reads numbers of segments.
    """
    read = {
        i: expr.position
        for i, (_, expr) in enumerate(backend.columns.outputs)
        if isinstance(expr, Feature) and expr.position < features
    }
    found: dict[int, list[np.ndarray]] = defaultdict(list)
    for model in backend.models:
        for column, own in _edges(model.ensemble).items():
            if column in read:
                found[read[column]].append(own[np.isfinite(own)])
    return {position: some.tolist() for position, some in _thinned(found, MOST_EDGES).items()}


def prove_numbers(backend: StoredTrees, last: Any, trial: Trial) -> tuple[int, float]:
    """The number of rows of numbers on which the trees equal `last`, and the largest difference.

    `last` is the estimator whose trees they are. Raises CompileError where a method differs.
    """
    (model,), call = backend.models, trial.kernel.call
    checked = check_batch(trial.kernel.signature, trial.training, frozenset())
    mixed = _mixed_rows(model, np.column_stack(backend.numbers(checked.accepted)))
    worst = [_compare_method(model, name, link, last, mixed, call) for name, link in backend.links.items()]
    return len(mixed), max(worst) if len(mixed) else 0.0


def _compare_method(
    model: TreeModel, method: str, link: Link, last: Any, numbers: np.ndarray, call: str
) -> float:
    """The largest difference of a method of the last step."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # such as the warning that numbers have no feature names
        a = np.asarray(getattr(last, method)(numbers))
        try:
            sums = sums_of(model, numbers)
        except ValueError as error:
            raise unequal(call, "it refuses numbers that the estimator takes", TOLERANCE) from error
        b = np.asarray(last.classes_).take(link(sums)) if link.is_label else link(sums)
    if a.shape == (len(numbers), 1):  # CatBoost's labels of many classes
        a = a[:, 0]
    if a.ndim == 3:  # for each label the scores of both classes
        a = scores_of_labels(a).T
    if a.dtype.kind == "f":
        off = distances(method, pa.array(a.ravel()), pa.array(b.ravel()))
        worst = float(off.max(initial=0.0))
        if worst > TOLERANCE:
            raise unequal(call, f"{method} is off by up to {worst:.3g}", TOLERANCE)
        return worst
    if not np.array_equal(a, b):
        different = f"{int((a != b).sum()):,} of {len(a):,} rows have a different {method}"
        raise unequal(call, different, TOLERANCE)
    return 0.0


def _edges(ensemble: Ensemble) -> dict[int, np.ndarray]:
    """Edges and category codes by column of the trees, at most EDGES_LIMIT."""
    found: dict[int, list[np.ndarray]] = defaultdict(list)
    for tree in ensemble.trees:
        nodes = tree.numeric_nodes
        for feature in np.unique(tree.feature[nodes]).tolist():
            found[feature].append(tree.edge[nodes[tree.feature[nodes] == feature]])
        for i, split in tree.categories.items():
            found[int(tree.feature[i])].append(np.array([-1.0, *split.codes], dtype=np.float64))
    return _thinned(found, EDGES_LIMIT)


def _thinned(found: Mapping[int, list[np.ndarray]], most: int) -> dict[int, np.ndarray]:
    """The different values of each feature, at most so many of all together, evenly spread."""
    values = {feature: np.unique(np.concatenate(parts)) for feature, parts in found.items()}
    step = max(1, -(-sum(map(len, values.values())) // most))
    return {feature: some[::step] for feature, some in values.items()}


def _mixed_rows(model: TreeModel, numbers: np.ndarray) -> np.ndarray:
    """Rows of numbers in which half of the values are at an edge, next to it, missing or extreme."""
    if not len(numbers):
        return numbers
    rng = np.random.default_rng(0)
    rows = np.array(numbers[rng.integers(0, len(numbers), MIXED_ROWS)])
    edges = _edges(model.ensemble)
    for column in range(rows.shape[1]):
        probes = np.array([*EXTREMES, *around(edges.get(column, ())), np.nan, np.inf, -np.inf])
        with np.errstate(over="ignore"):
            infinite = np.isinf(probes.astype(np.float32) if model.ensemble.rounds_inputs else probes)
        refused = np.isnan(probes) & (not model.takes_missing)
        refused |= infinite & (not model.takes_infinite)
        chosen = rng.random(MIXED_ROWS) < MIXED_SHARE
        rows[chosen, column] = rng.choice(probes[~refused], int(chosen.sum()))
    return rows
