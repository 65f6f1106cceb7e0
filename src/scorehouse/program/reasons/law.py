"""The law of reasons: base and contributions are the total, and the total gives the score."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from scorehouse.kernel import arrays
from scorehouse.program.reasons.stored_reasons import Contributions, StoredReasons
from scorehouse.program.reasons.units import scoring_link
from scorehouse.registry.version import Version

TOLERANCE = 1e-9  # relative above 1
TOLERANCE_SINGLE = 1e-5  # of scores that the library computes in float32


def law_broken(backend: StoredReasons, version: Version, found: Contributions, scored: pa.RecordBatch) -> str:
    """How contributions break the law; empty where they do not.

    `scored` has what the version made of the same rows; none of them is rejected.
    """
    worst = float(found.distances().max(initial=0.0))
    if not worst <= TOLERANCE:  # an error is at most the distance, which takes less time
        worst = float(found.errors().max(initial=0.0))
    if not worst <= TOLERANCE:
        return f"base and contributions are off the total by up to {worst:.3g}"
    off = score_error(backend, version, found, scored)
    if not off <= (TOLERANCE_SINGLE if backend.single else TOLERANCE):
        return f"the total gives another score, off by up to {off:.3g}"
    return ""


def score_error(
    backend: StoredReasons, version: Version, found: Contributions, scored: pa.RecordBatch
) -> float:
    """How far the scores that follow from the totals are from those of `scored`, relative above 1."""
    method = scoring_link(version, backend.links)
    assert method is not None  # `make` refuses it otherwise
    link = method[1].of_each() if method[1].each else method[1]  # of several labels, one sum is explained
    with np.errstate(all="ignore"):
        scores: Any = np.asarray(link(found.totals))
    names = [field.name for field in scored.schema if _is_score(field, version)]
    columns = scores.T[-len(names) :] if scores.ndim == 2 else scores[None, :]
    own = np.stack([arrays.to_numpy(scored.column(name)) for name in names])
    return largest_error(columns, own)


def largest_error(found: np.ndarray, expected: np.ndarray) -> float:
    """The largest difference, relative above 1; NaN where a number is NaN."""
    off = np.abs(found - expected) / np.maximum(1.0, np.abs(expected))
    return float(off.max(initial=0.0))


def _is_score(field: pa.Field, version: Version) -> bool:
    """Whether a column of the task is a score; a class may be a number too."""
    is_label = version.task == "classification" and field.name == "prediction"
    return bool(pa.types.is_floating(field.type)) and not is_label
