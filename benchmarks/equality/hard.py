"""The rows of the audit: training rows, and rows on which a conversion goes wrong if it can."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from scorehouse.program.hard_rows import around

THRESHOLD_ROWS = 20_000
MISSING_ROWS = 3_000
LARGE_ROWS = 3_000
BOUNDARY_PAIRS = 2_000
PROBED_SHARE, MISSING_SHARE, LARGE_SHARE = 0.5, 0.15, 0.25
# a float32 can hold them, so every estimator takes them
LARGE = np.array([1e6, -1e6, 1e9, -1e9, 1e18, -1e18, 3e38, -3e38, 1e-300, -0.0])
KINDS = ("training", "threshold", "missing", "large", "boundary")
Labels = Callable[[np.ndarray], np.ndarray]


def hard_rows(
    training: np.ndarray, edges: Mapping[int, np.ndarray], labels: Labels, takes_missing: bool
) -> tuple[np.ndarray, np.ndarray]:
    """The rows, and for each its kind as a position in KINDS.

    `edges` are the thresholds by column; `labels` is the estimator's `predict`.
    """
    draw = np.random.default_rng(0)
    complete = training[~np.isnan(training).any(axis=1)]
    made = {"training": training, "large": large_rows(complete, draw)}
    if edges:
        made["threshold"] = threshold_rows(training, edges, draw)
    if takes_missing:
        made["missing"] = missing_rows(training, draw)
    made["boundary"] = boundary_rows(complete, labels, draw)
    order = [kind for kind in KINDS if kind in made]
    kinds = np.repeat([KINDS.index(kind) for kind in order], [len(made[kind]) for kind in order])
    return np.concatenate([made[kind] for kind in order]), kinds


def threshold_rows(
    training: np.ndarray, edges: Mapping[int, np.ndarray], draw: np.random.Generator
) -> np.ndarray:
    """Rows in which about half of the values are at a threshold, or at the double or float32 next to one."""
    rows = _drawn(training, THRESHOLD_ROWS, draw)
    for column, some in edges.items():
        probed = draw.random(len(rows)) < PROBED_SHARE
        rows[probed, column] = draw.choice(np.array(around(some)), int(probed.sum()))
    return rows


def missing_rows(training: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Rows with NaN in 15% of the values."""
    rows = _drawn(training, MISSING_ROWS, draw)
    rows[draw.random(rows.shape) < MISSING_SHARE] = np.nan
    return rows


def large_rows(training: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Rows in which a quarter of the values are very large, very small or negative zero."""
    rows = _drawn(training, LARGE_ROWS, draw)
    probed = draw.random(rows.shape) < LARGE_SHARE
    rows[probed] = draw.choice(LARGE, int(probed.sum()))
    return rows


def boundary_rows(training: np.ndarray, labels: Labels, draw: np.random.Generator) -> np.ndarray:
    """Pairs of rows with different labels, as close to each other as doubles allow.

    Each pair is found by halving the line between two training rows, until no double lies between.
    """
    given = labels(training)
    one, other = draw.permutation(len(training)), draw.permutation(len(training))
    apart = np.flatnonzero(given[one] != given[other])[:BOUNDARY_PAIRS]
    low, high = training[one[apart]], training[other[apart]]
    wanted = given[one[apart]]
    for _ in range(80):
        middle = low + (high - low) / 2
        if ((middle == low) | (middle == high)).all():
            break
        same = (labels(middle) == wanted)[:, None]
        low, high = np.where(same, middle, low), np.where(same, high, middle)
    return np.concatenate([low, high])


def _drawn(training: np.ndarray, rows: int, draw: np.random.Generator) -> np.ndarray:
    return training[draw.integers(0, len(training), rows)]
