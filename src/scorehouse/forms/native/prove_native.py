"""The proof of native code: it serves only after it equalled the estimator.

There are two comparisons. Kernels are compared on training rows and on rows made to break the form. Behind
the transformers, the trees are compared on the numbers that they read, at and one step around their edges.
"""

from __future__ import annotations

import warnings
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from scorehouse.errors import CompileError
from scorehouse.forms.hard_rows import EXTREMES, Tried, around, training_rows, tried_rows
from scorehouse.forms.native.native_form import NativeForm
from scorehouse.forms.native.recipes import recipe_of
from scorehouse.forms.parity import TOLERANCE_NATIVE as TOLERANCE
from scorehouse.forms.parity import compare, difference
from scorehouse.forms.proof import kernel_rows
from scorehouse.forms.sql.builder import Builder, Value
from scorehouse.forms.sql.hist_sql import preprocessed
from scorehouse.forms.sql.inputs import LARGEST, inputs_of
from scorehouse.forms.sql.registers import CONVERTERS
from scorehouse.forms.trees import Ensemble
from scorehouse.kernel.frames import estimator_input
from scorehouse.kernel.rows import accepted_rows, check_batch
from scorehouse.kernel.scorer import Kernel
from scorehouse.kernel.tasks import scores_of_labels
from scorehouse.registry.signature import Signature
from scorehouse.registry.version import Version

EDGES_LIMIT = 20_000  # that are tried one by one; of more, as many spread evenly
MIXED_ROWS = 20_000
MIXED_SHARE = 0.5
FEW = 64


@dataclass(frozen=True)
class Proof:
    """On how many rows native code equalled the estimator, and how far it was off at most.

    `tried` are the rows of the feature table among them, and `expected` what the estimator made of these.
    """

    rows: int
    largest_difference: float
    tried: Tried
    expected: pa.Table


def prove(
    form: NativeForm,
    estimator: Any,
    version: Version,
    signature: Signature,
    frame: pd.DataFrame | pa.RecordBatch,
) -> Proof:
    """Compare the form with the estimator on training rows and on hard rows.

    `frame` holds training features. Raises CompileError if a label or a rejected row differs, or a score by
    more than TOLERANCE (relative above 1), or if the trees cannot run on these features.
    """
    call = f"prove({version.label})"
    kernel = Kernel(estimator, version, signature, strict=frozenset(), call=call)
    ensemble, _ = recipe_of(form.last, lambda _, problem: _unequal(call, problem))
    training = training_rows(frame)
    numbers = _numbers(form, signature, training, call)
    tried = tried_rows(signature, _edges_of_features(form, ensemble, signature), training)
    native = Kernel(form, version, signature, strict=frozenset(), call=call)
    expected = kernel_rows(kernel, tried.rows)
    worst = _compare(expected, kernel_rows(native, tried.rows), call)
    mixed = _mixed_rows(form, ensemble, numbers)
    if len(mixed):
        worst = max(worst, *(_compare_method(form, name, mixed, call) for name in form.recipe.outputs))
    return Proof(tried.rows.num_rows + len(mixed), worst, tried, expected)


def prove_stored(stored: Any, kernel: Kernel, proof: Proof) -> float:
    """The largest difference of the form that is stored, on the rows of `proof`.

    `kernel` holds the estimator. Raises CompileError where they differ as `prove` does.
    """
    rows = proof.tried.rows
    few = check_batch(kernel.signature, rows.slice(0, FEW).combine_chunks().to_batches()[0], frozenset())
    stored.numbers(few.columns)  # what cannot be computed fails here, and not once for each row
    return _compare(proof.expected, kernel_rows(kernel.holding(stored), rows), kernel.call)


def _compare(expected: pa.Table, found: pa.Table, call: str) -> float:
    """The largest difference between two kernels' rows."""
    parity = compare(expected, found, tolerance=TOLERANCE)
    if parity.problem:
        raise _unequal(call, parity.problem)
    return parity.max_difference


def _compare_method(form: NativeForm, method: str, numbers: np.ndarray, call: str) -> float:
    """The largest difference of a method of the last step."""
    last = replace(form, estimator=form.last, before=())
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # such as the warning that numbers have no feature names
        a, b = (np.asarray(getattr(one, method)(numbers)) for one in (form.last, last))
    if a.ndim == 3:  # for each label the scores of both classes
        a = scores_of_labels(a).T
    if a.dtype.kind == "f":
        return _checked(difference(method, pa.array(a.ravel()), pa.array(b.ravel())), method, call)
    if not np.array_equal(a, b):
        raise _unequal(call, f"{int((a != b).sum()):,} of {len(a):,} rows have a different {method}")
    return 0.0


def _checked(found: float, name: str, call: str) -> float:
    if found > TOLERANCE:
        raise _unequal(call, f"{name} is off by up to {found:.3g}")
    return found


def _unequal(call: str, problem: str) -> CompileError:
    return CompileError(
        call,
        f"the native form does not equal the estimator: {problem}",
        expected=f"the same labels and rejected rows, and scores within {TOLERANCE:g}",
        action="score this version with the estimator itself, and report the estimator's class and version",
    )


def _numbers(form: NativeForm, signature: Signature, training: pa.RecordBatch, call: str) -> np.ndarray:
    """The numbers that the trees read for training rows."""
    checked = check_batch(signature, training, frozenset())
    keep = accepted_rows(checked.reasons, training.num_rows)
    columns = checked.columns
    if keep is not None:
        columns = [column.take(pa.array(keep)) for column in columns]
    numbers = form.numbers(estimator_input(signature, columns))
    if numbers is None:
        raise _unequal(call, "its steps do not give plain numbers, on which the trees can be run")
    return numbers


def _edges(ensemble: Ensemble) -> dict[int, np.ndarray]:
    """Edges and category codes by column of the trees, at most EDGES_LIMIT."""
    found: dict[int, list[np.ndarray]] = defaultdict(list)
    for tree in ensemble.trees:
        nodes = tree.numeric_nodes
        for feature in np.unique(tree.feature[nodes]).tolist():
            found[feature].append(tree.edge[nodes[tree.feature[nodes] == feature]])
        for i, split in tree.categories.items():
            found[int(tree.feature[i])].append(np.array([-1.0, *split.codes], dtype=np.float64))
    edges = {feature: np.unique(np.concatenate(parts)) for feature, parts in found.items()}
    step = -(-sum(len(some) for some in edges.values()) // EDGES_LIMIT)
    return {feature: some[::step] for feature, some in edges.items()} if step > 1 else edges


def _edges_of_features(form: NativeForm, ensemble: Ensemble, signature: Signature) -> dict[int, list[float]]:
    """Edges by feature of the table, if the steps before the trees only shift and scale it."""
    found: dict[int, list[float]] = defaultdict(list)
    edges = _edges(ensemble)
    for column, value in enumerate(_values(form, signature)):
        origin = value.origin
        if column in edges and origin is not None and origin.scale != 0.0:
            found[origin.position] += ((edges[column] - origin.offset) / origin.scale).tolist()
    return found


def _values(form: NativeForm, signature: Signature) -> list[Value]:
    """The columns of the trees, from the SQL compiler; empty if it does not know a step."""
    builder = Builder(signature, "prove()", CONVERTERS, has_real=True, largest=LARGEST)
    try:
        values, _ = inputs_of(builder)
        for step in form.before:
            values = builder.transform(step, values)
        return preprocessed(builder, form.last, values)
    except CompileError:
        return []


def _mixed_rows(form: NativeForm, ensemble: Ensemble, numbers: np.ndarray) -> np.ndarray:
    """Rows of numbers in which half of the values are at an edge, next to it, missing or extreme."""
    if not form.recipe.asks_numbers or not len(numbers):
        return numbers[:0]
    rng = np.random.default_rng(0)
    rows = np.array(numbers[rng.integers(0, len(numbers), MIXED_ROWS)])
    edges = _edges(ensemble)
    for column in range(rows.shape[1]):
        probes = np.array([*EXTREMES, *around(edges.get(column, ())), np.nan, np.inf, -np.inf])
        with np.errstate(over="ignore"):
            infinite = np.isinf(probes.astype(np.float32) if ensemble.rounds_inputs else probes)
        refused = np.isnan(probes) & (not form.recipe.takes_missing)
        refused |= infinite & (not form.recipe.takes_infinite)
        chosen = rng.random(MIXED_ROWS) < MIXED_SHARE
        rows[chosen, column] = rng.choice(probes[~refused], int(chosen.sum()))
    return rows
