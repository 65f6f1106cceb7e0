"""A check of registration: the kernel must score training rows like the estimator on the frame as given.

The frame keeps the dtypes of the caller. A difference comes from a conversion between a feature table and
the estimator, such as a missing boolean that arrives as a number.

Examine a fitted estimator: the facts for its task, and a draft of its signature.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from scorehouse.errors import ConfigurationError, EstimatorError, ScorehouseError
from scorehouse.kernel import arrays
from scorehouse.kernel import compute as pc
from scorehouse.kernel.frames import estimator_input
from scorehouse.kernel.rows import check_batch
from scorehouse.kernel.scorer import REJECT_REASON, Kernel
from scorehouse.registration.facts import find_facts
from scorehouse.registration.infer import draft_signature, encoder_categories
from scorehouse.registration.training import Training, output_columns
from scorehouse.registry.label_rule import fault_of
from scorehouse.registry.signature import Signature
from scorehouse.registry.version import Version, registered_columns

CHECK_ROWS = 50_000


@dataclass(frozen=True)
class Examined:
    """The version with its facts, the draft of its signature, and the training rows.

    `batch` holds the rows as a feature table would, `features` the first rows as the kernel would pass
    them to the estimator.
    """

    version: Version
    signature: Signature
    batch: pa.RecordBatch
    features: Any


def examine(
    estimator: Any, draft: Version, training: Training, y: Any, outputs: Sequence[str] | None, call: str
) -> Examined:
    """Ask the estimator on the training rows, as they were given. Labels y or `outputs` name its outputs.

    Raises ScorehouseError for an estimator that does not accept them or has another task.
    """
    batch = training.batch
    known = encoder_categories(estimator, batch.schema.names)
    signature = draft_signature(training.frame, batch, training.container, known, call)
    given = training.given.iloc if hasattr(training.given, "iloc") else training.given
    with training_rows_asked(estimator, call):
        facts = find_facts(estimator, given[:CHECK_ROWS], draft.task, call)
    version = replace(
        draft,
        score_method=facts.score_method,
        label_method=facts.label_method,
        classes=facts.classes,
        class_columns={} if facts.outputs else registered_columns(facts.classes, facts.score_method),
        outputs=output_columns(outputs, estimator, y, facts.outputs, draft.task, call),
    )
    if fault := fault_of(version):
        action = "convert the labels, or leave the threshold out, and register again"
        raise ConfigurationError(call, fault.problem, expected=fault.expected, action=action)
    columns = check_batch(signature, batch.slice(0, CHECK_ROWS), frozenset()).columns
    return Examined(version, signature, batch, estimator_input(signature, columns))


@contextmanager
def training_rows_asked(estimator: Any, call: str) -> Iterator[None]:
    """While an estimator is asked for training rows: EstimatorError if it does not take them, no warnings."""
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            yield
    except ScorehouseError:
        raise
    except Exception as error:  # estimators raise what they like
        raise EstimatorError(
            call,
            f"{type(estimator).__name__} does not take the training features ({error})",
            expected="the features that it was fitted on",
            action="pass the frame that was given to fit(), before any transformation",
        ) from error


TOLERANCE = 1e-9
TOLERANCE_SINGLE = 1e-6  # for sums of float32, whose order may depend on the shape of a block
DOUBLES = ("float64", "int64", "bool", "object", "category", "str", "string")
ROWS_NAMED = 5
ROWS_ASKED = 4_096  # of a frame that the estimator was given already
ROWS_TRIED = 200  # rows on which to look for the columns that cause a difference


class Watched(Kernel):
    """The same kernel; it keeps the rows that it `gave` the estimator last."""

    gave: Any = None

    def __init__(self, kernel: Kernel) -> None:
        self.__dict__.update(kernel.__dict__)

    def _of_estimator(self, columns: list[pa.Array]) -> list[pa.Array]:
        self.gave = estimator_input(self.signature, columns)
        return self.outputs.predict(self.estimator, self.gave)


def prove_as_given(
    kernel: Kernel, training: Training, scored: pa.RecordBatch, tolerance: float | None, gave: Any = None
) -> None:
    """Compare `scored`, the kernel's results for the training rows, with the estimator on the frame.

    Raises EstimatorError, naming rows and columns, if a label or a rejected row differs, or a score by
    more than `tolerance` (relative for scores beyond 1). `gave` is what the kernel gave the estimator for
    these rows. If that is the very frame, value by value, it is asked again for ROWS_ASKED rows only, whose
    results then have other neighbours.
    """
    limit = tolerance if tolerance is not None else _tolerance(training)
    if scored.num_rows > ROWS_ASKED and _was_asked(kernel, training, scored, gave):
        places = np.linspace(0, scored.num_rows - 1, ROWS_ASKED).astype(np.int64)
        expected, own = _asked(kernel, training.given.iloc[places]), scored.take(arrays.of_numpy(places))
        if not len(differing_rows(kernel.outputs.fields, expected, own, limit)):
            return
    expected = _asked(kernel, training.given)
    wrong = differing_rows(kernel.outputs.fields, expected, scored, limit)
    if not len(wrong):
        return
    _check_twice(kernel, training, expected, scored, limit)
    row = int(wrong[0])
    suspects = _suspects(kernel, training, wrong[:ROWS_TRIED], expected, limit)
    others = " and others" if len(wrong) > ROWS_NAMED else ""
    raise EstimatorError(
        kernel.call,
        f"{len(wrong):,} of {scored.num_rows:,} training rows would not be scored as the estimator scores "
        f"them on the frame that was given: rows {wrong[:ROWS_NAMED].tolist()}{others}; row {row}: "
        f"{_shown(kernel, scored, row)} instead of {_values(kernel, expected, row)}{suspects}",
        expected="equal labels, no rejected row that the estimator scores, and scores that differ by at most "
        f"{limit:g}",
        action="convert these columns to plain numbers, booleans or strings before fitting, fit again, and "
        "register that estimator with the same frame",
    )


def _check_twice(
    kernel: Kernel, training: Training, expected: Sequence[pa.Array], scored: pa.RecordBatch, limit: float
) -> None:
    """Raise EstimatorError for an estimator whose results differ when it is asked again."""
    again = _asked(kernel, training.given)
    twice = pa.RecordBatch.from_arrays([*again, scored.column(REJECT_REASON)], schema=scored.schema)
    found = (len(differing_rows(kernel.outputs.fields, one, twice, limit)) for one in (expected, again))
    if (differ := next(found) - next(found)) > 0:
        raise EstimatorError(
            kernel.call,
            f"{type(kernel.estimator).__name__} is not deterministic: asked twice for the same "
            f"{scored.num_rows:,} training rows, it says something else of {differ:,}",
            expected="an estimator that says the same of the same row each time",
            action="give it a fixed random state, or average it over many draws, and register it again",
        )


def _was_asked(kernel: Kernel, training: Training, scored: pa.RecordBatch, gave: Any) -> bool:
    """Whether the kernel rejected no row, and gave the estimator the frame, but for rows behind it."""
    given, names = training.given, kernel.signature.names
    is_frame = training.container == "frame" and type(given) is type(gave) is pd.DataFrame
    if not is_frame or scored.column(REJECT_REASON).null_count < scored.num_rows:
        return False
    if not given.index.equals(pd.RangeIndex(len(given))) or list(given.columns) != names:
        return False
    if len(gave) < len(given):  # parts, since the estimator refused some rows
        return False
    made = gave.iloc[: len(given)]
    return bool((made.dtypes == given.dtypes).all()) and all(_same(given[name], made[name]) for name in names)


def _same(given: pd.Series, made: pd.Series) -> bool:
    """Whether two columns of one dtype hold the same numbers, bit by bit, or the same texts."""
    if given.dtype.kind in "fiub" and isinstance(given.dtype, np.dtype):
        a, b = (np.ascontiguousarray(column).view(np.uint8) for column in (given, made))
        return np.array_equal(a, b)
    kind_of = partial(pd.api.types.infer_dtype, skipna=False)
    is_text = isinstance(given.dtype, pd.StringDtype) or kind_of(given) == kind_of(made) == "string"
    return is_text and given.equals(made)


def _tolerance(training: Training) -> float:
    """Single precision if the frame holds numbers that scikit-learn may compute with in float32."""
    dtypes = training.frame.dtypes
    return TOLERANCE if all(str(dtype) in DOUBLES for dtype in dtypes) else TOLERANCE_SINGLE


def _asked(kernel: Kernel, given: Any) -> list[pa.Array]:
    with training_rows_asked(kernel.estimator, kernel.call):
        return kernel.outputs.predict(kernel.estimator, given)


def differing_rows(
    fields: Sequence[pa.Field], expected: Sequence[pa.Array], scored: pa.RecordBatch, limit: float
) -> np.ndarray:
    """Positions of the rows in which `scored` differs from `expected`, the values of `fields`.

    Exactly the rows without a finite expected result must be rejected.
    """
    rejected = ~np.asarray(scored.column(REJECT_REASON).is_null().to_numpy(zero_copy_only=False))
    unusable = np.zeros(len(rejected), dtype=bool)
    different = np.zeros(len(rejected), dtype=bool)
    for number, (field, one) in enumerate(zip(fields, expected, strict=False)):
        other = scored.column(number)
        if pa.types.is_floating(field.type):
            a, b = (column.to_numpy(zero_copy_only=False) for column in (one, other))
            unusable |= ~np.isfinite(a)
            with np.errstate(all="ignore"):
                different |= ~(np.abs(a - b) <= limit * np.maximum(1.0, np.abs(a)))
        else:
            same = pc.fill_null(pc.equal(one, other), False)
            different |= ~np.asarray(same.to_numpy(zero_copy_only=False))
    return np.flatnonzero(np.where(unusable, ~rejected, rejected | different))


def _suspects(
    kernel: Kernel,
    training: Training,
    rows: np.ndarray,
    expected: Sequence[pa.Array],
    limit: float,
) -> str:
    """Columns that reach the estimator in another form, and how; those that change its answers come first."""
    signature = kernel.signature
    columns = check_batch(signature, training.batch.take(pa.array(rows)), frozenset()).columns
    arrives = pd.DataFrame(estimator_input(signature, columns))
    arrives.columns = pd.Index(signature.names)
    given = training.frame.iloc[rows]
    found = {
        name: f"{name!r} ({change})"
        for name in signature.names
        if (change := _change(given[name], arrives[name]))
    }
    guilty = [name for name in found if _alone(kernel, training, rows, arrives[name], expected, limit)]
    shown = [found[name] for name in guilty or found]
    return f"; columns that reach the estimator in another form: {', '.join(shown)}" if shown else ""


def _change(given: pd.Series, arrives: pd.Series) -> str:
    """How a value changed between the frame and the estimator; empty if none did."""
    for one, other in zip(given.tolist(), arrives.tolist(), strict=True):
        if type(one) is not type(other) and not (one == other and not pd.isna(one)):
            return f"{given.dtype}: {one!r} became {other!r}"
    return "" if given.dtype == arrives.dtype else f"{given.dtype} became {arrives.dtype}"


def _alone(
    kernel: Kernel,
    training: Training,
    rows: np.ndarray,
    arrives: pd.Series,
    expected: Sequence[pa.Array],
    limit: float,
) -> bool:
    """Whether the estimator's answers change when only this column is replaced in the frame."""
    if training.container != "frame" or not isinstance(training.given, pd.DataFrame):
        return False
    swapped = training.given.iloc[rows].copy()
    swapped[arrives.name] = arrives.to_numpy() if arrives.dtype != object else list(arrives)
    try:
        found = _asked(kernel, swapped)
    except EstimatorError:
        return True
    reasons = pa.nulls(len(rows), pa.string())
    scored = pa.RecordBatch.from_arrays([*found, reasons], schema=kernel.schema)
    wanted = [one.take(pa.array(rows)) for one in expected]
    return bool(len(differing_rows(kernel.outputs.fields, wanted, scored, limit)))


def _shown(kernel: Kernel, scored: pa.RecordBatch, row: int) -> str:
    """The kernel's result for a row: its outputs, or why it is rejected."""
    reason = scored.column(REJECT_REASON)[row].as_py()
    return f"rejected ({reason})" if reason else _values(kernel, scored.columns, row)


def _values(kernel: Kernel, columns: Sequence[pa.Array], row: int) -> str:
    pairs = zip(kernel.outputs.fields, columns, strict=False)
    return ", ".join(f"{field.name} {column[row].as_py()!r}" for field, column in pairs)
