"""What native code is tried on besides the rows of all backends: the numbers that its trees read.

They are what the steps before the trees make of training rows, with values at and one step around edges.
"""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from scorehouse.kernel.rows import check_batch
from scorehouse.kernel.tasks import scores_of_labels
from scorehouse.program.hard_rows import EXTREMES, around
from scorehouse.program.links import Link
from scorehouse.program.native.layout import TreeModel
from scorehouse.program.native.stored import StoredTrees, sums_of
from scorehouse.program.proof import TOLERANCE_NATIVE as TOLERANCE
from scorehouse.program.proof import Trial, distances, unequal
from scorehouse.program.sql.builder import Value
from scorehouse.program.sql.expression import Feature
from scorehouse.program.trees import Ensemble

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
