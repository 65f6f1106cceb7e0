"""The background rows of a registration: drawn from the training rows, or given; checked either way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from scorehouse.errors import ConfigurationError, SignatureError, did_you_mean
from scorehouse.kernel import arrays
from scorehouse.kernel.scorer import REJECT_REASON, Kernel
from scorehouse.kernel.training_batch import training_batch
from scorehouse.program.reasons.background import FACT, MOST_ROWS, Background, canonical_rows
from scorehouse.program.reasons.read import why_none
from scorehouse.registration.training import training_frame
from scorehouse.registry.version import Version

FEWEST_DRAWN = 10  # fewer rows, drawn by chance, are no picture of the training rows
SEED = 0
SHOWN = 5
EXPECTED = (
    f"a number of training rows to draw ({FEWEST_DRAWN} to {MOST_ROWS:,}, such as 100), or a frame of 1 to "
    f"{MOST_ROWS:,} rows with the features of the fit"
)


def is_background(value: Any) -> bool:
    """Whether a value may be a background at all: a whole number, or something with rows."""
    if isinstance(value, bool | str | bytes | Mapping | set):
        return False
    return isinstance(value, int | np.integer) or hasattr(value, "__len__") or hasattr(value, "num_rows")


def background_of(given: Any, kernel: Kernel, training: pa.RecordBatch) -> Background | None:
    """The rows that reasons compare with; None if none are asked for.

    `given` is a number of rows to draw from `training`, or a frame of features. Raises ConfigurationError for
    too few or too many rows and for rows that the estimator in `kernel` does not score, SignatureError for
    other columns.
    """
    if given is None:
        return None
    if isinstance(given, int | np.integer):
        return Background(_drawn(int(given), kernel, training), is_drawn=True)
    return Background(_given(given, kernel), is_drawn=False)


def _drawn(count: int, kernel: Kernel, training: pa.RecordBatch) -> pa.RecordBatch:
    """So many different training rows that the estimator scores; the same ones each time."""
    if not FEWEST_DRAWN <= count <= MOST_ROWS:
        raise _refused(kernel, f"background is {count:,} rows", "choose another number")
    order = np.random.default_rng(SEED).permutation(training.num_rows)
    found: list[pa.RecordBatch] = []
    for start in range(0, len(order), 2 * count):
        rows = training.take(arrays.of_numpy(order[start : start + 2 * count]))
        found.append(rows.filter(kernel(rows).column(REJECT_REASON).is_null()))
        if sum(each.num_rows for each in found) >= count:
            break
    drawn = pa.Table.from_batches(found).slice(0, count).combine_chunks()
    if drawn.num_rows < count:
        raise _refused(
            kernel,
            f"background is {count:,} rows, and {drawn.num_rows:,} of the training rows are scored",
            f"draw at most {drawn.num_rows:,}, or pass rows"
            if drawn.num_rows >= FEWEST_DRAWN
            else "pass rows of features, or leave background out",
        )
    return canonical_rows(kernel.signature, drawn.to_batches()[0])


def _given(given: Any, kernel: Kernel) -> pa.RecordBatch:
    count = given.num_rows if hasattr(given, "num_rows") else len(given)
    if not 1 <= count <= MOST_ROWS:
        raise _refused(kernel, f"background has {count:,} rows", "pass some of them, or a number to draw")
    names = kernel.signature.names
    frame = training_frame(given, None, names, kernel.call, "background")
    missing = [name for name in names if name not in frame.columns]
    if missing:
        known = [str(name) for name in frame.columns]
        raise SignatureError(
            kernel.call,
            f"background lacks the features {missing}{did_you_mean(missing[0], known)}",
            expected=f"rows with the columns {names}",
            action="pass rows with the features of the fit",
        )
    batch = training_batch(frame[names], kernel.call)
    reasons = kernel(batch).column(REJECT_REASON)
    rejected = np.flatnonzero(reasons.is_valid().to_numpy(zero_copy_only=False))
    if len(rejected):
        row = int(rejected[0])
        more = "" if len(rejected) <= SHOWN else " and others"
        raise _refused(
            kernel,
            f"{len(rejected):,} of {count:,} background rows are rejected: rows "
            f"{rejected[:SHOWN].tolist()}{more}; row {row}: {reasons[row].as_py()}",
            "leave these rows out, or fill their values",
            "rows that the estimator scores",
        )
    return canonical_rows(kernel.signature, batch)


def require_reasons(background: Background | None, version: Version, call: str) -> None:
    """Raise ConfigurationError for a version that was given a background, and has no reasons to use it."""
    if background is None or FACT in (version.program.get("reasons") or {}):
        return
    raise ConfigurationError(
        call,
        f"background is given, but there are no reasons that compare with it: {why_none(version)}",
        expected="trees or a linear model, behind steps that compute each column from one feature",
        action="leave background out, or replace the step and register again",
    )


def _refused(kernel: Kernel, problem: str, action: str, expected: str = EXPECTED) -> ConfigurationError:
    return ConfigurationError(kernel.call, problem, expected=expected, action=action)
