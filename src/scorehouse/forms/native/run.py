"""The trees over a block of numbers, in one thread or several."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from scorehouse.forms.native.kernel import add_trees
from scorehouse.forms.native.layout import Layout

SMALLEST_PART = 1_024  # rows for which a thread of their own pays


def sums_of(
    layout: Layout, start: Callable[[np.ndarray], np.ndarray] | None, numbers: np.ndarray
) -> np.ndarray | None:
    """The sums over all trees, of shape (rows, outputs); None where the estimator refuses a value.

    `start` tells what the sums of these numbers begin with, where that is not the same for all rows.
    """
    if start is None:
        sums = np.repeat(layout.base[:, None], len(numbers), axis=1)
    else:
        sums = np.ascontiguousarray(start(numbers).T, dtype=np.float64)
    if not add_trees(numbers, layout.tables, sums):
        return None
    if layout.divisor > 1:
        sums /= layout.divisor
    return sums.T


def in_parts(
    work: Callable[[np.ndarray], np.ndarray | None], numbers: np.ndarray, pool: ThreadPoolExecutor | None
) -> np.ndarray | None:
    """`work` of all rows, divided among the threads of `pool`; None where it is None for any of them."""
    if pool is None or len(numbers) < 2 * SMALLEST_PART:
        return work(numbers)
    workers = pool._max_workers
    size = max(SMALLEST_PART, -(-len(numbers) // workers))
    parts: list[np.ndarray] = []
    for part in pool.map(work, [numbers[i : i + size] for i in range(0, len(numbers), size)]):
        if part is None:
            return None
        parts.append(part)
    return np.concatenate(parts)
