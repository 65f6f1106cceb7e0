"""The compiled loops: columns to codes, codes through the trees, leaf values to sums.

Rows go block by block, so that a block's codes stay in the first cache while all trees pass over them.
Each value becomes a 32-bit code once; from then on every split is a comparison of integers, done for
many rows at a time. The top of a tree (up to EXITS ways out) is evaluated without branches: each split
that sends a row to the right strikes out the exits on its left, and the first exit that is left over is
the row's own. What lies below the exits is walked, one level for all rows of the block at a time.

Importing this module needs numba; the machine code is kept beside it, or in numba's folder of the user.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from scorehouse.trees.tree import ZERO

EXITS = 32
RANK, SINGLE, CATEGORY, CHECKED = range(4)  # kinds of columns, see `encode`
LOWEST, HIGHEST = -(2**31), 2**31 - 1
ALL = np.uint32(0xFFFFFFFF)
MANTISSA = np.int32(0x7FFFFFFF)


def _generator(function: Callable[..., Any]) -> Callable[..., Any]:
    return intrinsic(function)


@_generator
def first_bit(context: Any, word: Any) -> Any:
    """Position of the lowest bit that is set in a word that is not 0."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.uint32(types.uint32), generate


def inlined(function: Callable[..., Any]) -> Callable[..., Any]:
    """A part of what is compiled below."""
    return numba.njit(nogil=True)(function)


def compiled(signature: Any) -> Callable[[Any], Any]:
    """Compile for one signature, without the GIL; kept on disk where a folder can be written."""

    def wrap(function: Any) -> Any:
        try:
            return numba.njit(signature, nogil=True, cache=True)(function)
        except RuntimeError:  # no folder to keep the machine code in: compiled anew in each process
            return numba.njit(signature, nogil=True)(function)

    return wrap


@inlined
def _rank(values: Any, rows: int, edges: Any, steps: int, codes: Any) -> None:
    """How many edges lie below each value, by halving; `edges` has 2 ** steps - 1 entries.

    A comparison is shifted into its place: to choose by it would be a branch, which guesses wrong half
    of the time.
    """
    for r in range(rows):
        codes[r] = 0
    step = np.uint32(steps)
    for _ in range(steps):
        step -= np.uint32(1)
        last = (np.uint32(1) << step) - np.uint32(1)
        for r in range(rows):
            here = np.uint32(codes[r])
            codes[r] = here + (np.uint32(edges[here + last] < values[r]) << step)


@inlined
def _order(values: Any, rows: int, single: Any, codes: Any) -> bool:
    """The float32 of each value as an integer of the same order; returns whether one is infinite."""
    bits = single.view(np.int32)
    infinite = False
    for r in range(rows):
        single[r] = np.float32(values[r]) + np.float32(0.0)  # -0.0 becomes 0.0
    for r in range(rows):
        infinite |= (bits[r] & MANTISSA) == np.int32(0x7F800000)
        codes[r] = bits[r] ^ (MANTISSA if bits[r] < 0 else np.int32(0))
    return infinite


@inlined
def _categorize(values: Any, rows: int, limit: int, codes: Any) -> None:
    """The code of each category, cut to a whole number; `limit` for what can be none below it."""
    for r in range(rows):
        value = values[r]
        codes[r] = np.int32(value) if -1.0 < value < limit else limit


@inlined
def _missing(values: Any, rows: int, zero: bool, code: int, codes: Any) -> bool:
    """Give missing values their code; returns whether there were any."""
    found = False
    for r in range(rows):
        missing = np.isnan(values[r]) or (zero and abs(values[r]) <= ZERO)
        found |= missing
        codes[r] = np.int32(code) if missing else codes[r]
    return found


@inlined
def _encode(
    X: Any,
    start: int,
    rows: int,
    columns: Any,
    edges: Any,
    takes_missing: bool,
    takes_infinite: bool,
    values: Any,
    codes: Any,
) -> bool:
    """The codes of a block of rows; False where the estimator refuses one of its values.

    `columns` has a row for each column of X and way to read it: position in X, kind, whether 0 counts as
    missing, where codes go with missing values lowest and with missing values highest (-1: nowhere),
    then for RANK the first edge and the number of steps, for CATEGORY the limit. CHECKED columns are
    read by no tree, but the estimator refuses what is not finite in them too.
    """
    block = len(values)
    single = np.empty(block, dtype=np.float32)
    spare = np.empty(block, dtype=np.int32)
    for c in range(columns.shape[0]):
        position, kind, zero = columns[c, 0], columns[c, 1], columns[c, 2] != 0
        low, high, first, size = columns[c, 3], columns[c, 4], columns[c, 5], columns[c, 6]
        for r in range(rows):
            values[r] = X[start + r, position]
        place = low if low >= 0 else high
        into = codes[place : place + block] if place >= 0 else spare
        if kind == RANK:
            _rank(values, rows, edges[first : first + (1 << size) - 1], size, into)
        elif kind == CATEGORY:
            _categorize(values, rows, size, into)
            continue
        elif _order(values, rows, single, into) and not takes_infinite:
            return False
        if low >= 0 and high >= 0:
            codes[high : high + rows] = codes[low : low + rows]
        missing = False
        if high >= 0:
            missing |= _missing(values, rows, zero, HIGHEST, codes[high : high + block])
        if low >= 0 or place < 0:
            missing |= _missing(values, rows, zero, LOWEST, into)
        if missing and not takes_missing:
            return False
    return True


@inlined
def _categories(rows: int, first: int, last: int, splits: Any, words: Any, codes: Any) -> None:
    """For each split by category of a tree, 1 where a row goes to the right."""
    for c in range(first, last):
        source, target, start = splits[c, 0], splits[c, 1], splits[c, 2]
        for r in range(rows):
            code = np.uint32(codes[source + r])
            word = words[start + np.int64(code >> np.uint32(5))]
            codes[target + r] = np.int32((word >> (code & np.uint32(31))) & np.uint32(1))


@inlined
def _strike(rows: int, first: int, last: int, top: Any, masks: Any, codes: Any, left: Any) -> None:
    """The exits of a tree's top that are left over for each row."""
    for r in range(rows):
        left[r] = ALL
    for s in range(first, last):
        place, edge, mask = top[s, 0], np.int32(top[s, 1]), masks[s]
        row = codes[place : place + rows]
        for r in range(rows):
            left[r] &= mask if row[r] > edge else ALL


@inlined
def _walk(rows: int, depth: int, places: Any, edges: Any, lefts: Any, codes: Any, here: Any) -> None:
    """From each row's exit down to its leaf, which leads to itself."""
    for _ in range(depth):
        for r in range(rows):
            node = here[r]
            right = codes[np.uint32(places[node]) + np.uint32(r)] > edges[node]
            here[r] = lefts[node] + np.uint32(right)


FLAGS = types.int64[:, ::1]
SIGNATURE = types.boolean(
    types.Array(types.float64, 2, "A", readonly=True),
    FLAGS,
    types.float64[::1],
    types.boolean,
    types.boolean,
    FLAGS,
    FLAGS,
    types.uint32[::1],
    FLAGS,
    types.uint32[::1],
    types.uint32[::1],
    types.uint32[::1],
    types.int32[::1],
    types.uint32[::1],
    types.float64[:, ::1],
    types.int64,
    types.int64,
    types.boolean,
    types.float64[:, ::1],
)


@compiled(SIGNATURE)
def add_trees(
    X: Any,
    columns: Any,
    edges: Any,
    takes_missing: Any,
    takes_infinite: Any,
    trees: Any,
    splits: Any,
    words: Any,
    top: Any,
    masks: Any,
    exits: Any,
    node_place: Any,
    node_edge: Any,
    node_left: Any,
    node_value: Any,
    slots: Any,
    block: Any,
    single: Any,
    out: Any,
) -> Any:
    """Add the trees to `out`, of shape (outputs, rows); False where the estimator refuses a value of X.

    `trees` has a row a tree: its ranges in `splits` and in `top` (first, last), the depth below its
    exits, and the output that it adds to.
    """
    total, outputs = X.shape[0], node_value.shape[1]
    values = np.empty(block, dtype=np.float64)
    codes = np.zeros(slots * block, dtype=np.int32)
    left = np.empty(block, dtype=np.uint32)
    for start in range(0, total, block):
        rows = min(block, total - start)
        if not _encode(X, start, rows, columns, edges, takes_missing, takes_infinite, values, codes):
            return False
        for t in range(trees.shape[0]):
            _categories(rows, trees[t, 0], trees[t, 1], splits, words, codes)
            _strike(rows, trees[t, 2], trees[t, 3], top, masks, codes, left)
            for r in range(rows):
                left[r] = exits[np.uint32(t * EXITS) + first_bit(left[r])]
            _walk(rows, trees[t, 4], node_place, node_edge, node_left, codes, left)
            for k in range(outputs):
                sums = out[trees[t, 5] + k, start : start + rows]
                if single:
                    for r in range(rows):
                        sums[r] = np.float64(np.float32(sums[r] + node_value[left[r], k]))
                else:
                    for r in range(rows):
                        sums[r] += node_value[left[r], k]
    return True


@compiled([types.void(types.float64[::1]), types.void(types.float32[::1])])
def exponentials(values: Any) -> Any:
    """Replace each value by its exponential, by the C library's function, which boosters call too."""
    for i in range(len(values)):
        values[i] = math.exp(values[i])
