"""The compiled loops of kernel_reasons.h: what each feature contributed to sums, and the largest of it."""

from __future__ import annotations

import ctypes
import threading
import weakref
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, cached_property

import numpy as np

from scorehouse.program.native.kernel import Packed, is_accepted, loaded, rows_of
from scorehouse.program.native.layout import TreeModel, pack

BLOCK = 4_096  # rows that pass one tree after the other
BITS, LEAF_BITS = 9, 12  # of a table: larger ones are looked up less often, and leave the cache
TABLE_BYTES = 256 << 20  # up to which all tables are kept
MANY_ROWS = 512  # from which tables are worth making
LEAVES_AT_ONCE = 200_000  # that are planned together, in up to about 200 MB
LARGE_TABLES = 4_000_000  # leaves times background rows, up to which LEAF_BITS pay: a few seconds at most
MOST_BACKGROUND = 1_024  # rows, the bits of MOST_WORDS of kernel_reasons.h


class _Reasons(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_void_p) for name in ("tables", "columns", "covers", "owners", "explained")),
        *((name, ctypes.c_void_p) for name in ("points", "weights", "sides")),
        *((name, ctypes.c_int64) for name in ("features", "outputs", "bits", "leaf_bits", "bytes", "depth")),
        *((name, ctypes.c_int64) for name in ("background", "words", "stride")),
    ]


@dataclass(frozen=True)
class Attribution:
    """The trees of `model`, and what they explain.

    `owners` has the feature of each column; `explained` has for each output its place among those that are
    explained, or -1. With `background`, doubles of shape (background rows, columns), values are
    interventional: their mean over these rows. Without it, they are path-dependent.
    """

    model: TreeModel
    owners: np.ndarray
    explained: np.ndarray
    features: int
    background: np.ndarray | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    @cached_property
    def packed(self) -> Packed:
        """The trees as the loops read them: without tops, and their sums as doubles."""
        return pack(self.model, tops=False, block=BLOCK, single=False)

    @cached_property
    def columns(self) -> np.ndarray:
        """The column that each node compares."""
        trees = self.model.ensemble.trees
        return np.concatenate([np.where(t.is_leaf, 0, t.feature) for t in trees])[self.packed.order]

    @cached_property
    def covers(self) -> np.ndarray:
        """The weight of the training rows that reached each node."""
        return np.concatenate([tree.cover for tree in self.model.ensemble.trees])[self.packed.order]

    @cached_property
    def leaves_before(self) -> np.ndarray:
        """The number of leaves of all trees before each tree, and of all."""
        counts = [int(tree.is_leaf.sum()) for tree in self.model.ensemble.trees]
        return np.cumsum([0, *counts])

    @property
    def outputs(self) -> int:
        """The number of outputs that are explained."""
        return int(self.explained.max(initial=-1)) + 1

    def contributions(self, numbers: np.ndarray, *, plain: bool = False) -> np.ndarray | None:
        """What each feature contributed, of shape (rows, outputs, features).

        `numbers` holds doubles of shape (rows, columns). None where the estimator refuses a value. `plain` as
        in `add_trees`.
        """
        made = np.zeros((len(numbers), self.outputs, self.features))
        self._check(numbers)
        rows, _starts = rows_of(numbers)
        for plan in self._plans(len(numbers)):
            result = loaded().scorehouse_explain(rows, plan.given_at, plan.at, made.ctypes.data, plain)
            if not is_accepted(result, "contributions: no memory for a block of rows"):
                return None
        return made

    def _check(self, numbers: np.ndarray) -> None:
        """The loops themselves check no bounds."""
        columns = self.packed.reaches[0]
        if numbers.shape[1] < max(columns, len(self.owners)):
            raise TypeError(f"contributions: numbers of shape {numbers.shape}, expected {columns} columns")
        if self.columns.max(initial=0) >= len(self.owners) or self.owners.max(initial=0) >= self.features:
            raise TypeError("contributions: a node compares a column that no feature owns")

    @cached_property
    def sides(self) -> np.ndarray:
        """Which background rows go right at each node, of shape (nodes, words): a bit for each row.

        Raises ValueError where the estimator refuses a value of the background.
        """
        if self.background is None:
            return np.zeros((0, 0), dtype=np.uint64)
        if not 0 < len(self.background) <= MOST_BACKGROUND:
            raise TypeError(f"contributions: {len(self.background)} background rows")
        self._check(self.background)
        rows, _starts = rows_of(self.background)
        made = np.zeros((len(self.covers), -(-len(self.background) // 64)), dtype=np.uint64)
        result = loaded().scorehouse_sides(rows, self.packed.in_c, made.shape[1], made.ctypes.data)
        if not is_accepted(result, "contributions: no memory for the background"):
            raise ValueError("the estimator takes no such value")
        return made

    def _plans(self, rows: int) -> Iterator[_Plan]:
        """The plan of all trees, which is kept; of a very large forest one after the other, and none is kept.

        Tables pay only for many rows; once they are made, fewer rows use them too.
        """
        if len(self._ranges) > 1:
            bits = (0, 0) if rows < MANY_ROWS else self._bits
            yield from (_Plan(self, *bits, *trees) for trees in self._ranges)
        elif rows < MANY_ROWS and "_with_tables" not in self.__dict__:
            yield self._without_tables
        else:
            with self._lock:
                plan = self._with_tables
            yield plan

    @cached_property
    def _bits(self) -> tuple[int, int]:
        """The bits of tables; with much background, large ones of single leaves take too long to make."""
        rows = 0 if self.background is None else len(self.background)
        return BITS, LEAF_BITS if self.leaves_before[-1] * rows <= LARGE_TABLES else BITS

    @cached_property
    def _with_tables(self) -> _Plan:
        return _Plan(self, *self._bits, *self._ranges[0])

    @cached_property
    def _without_tables(self) -> _Plan:
        return _Plan(self, 0, 0, *self._ranges[0])

    @cached_property
    def _ranges(self) -> list[tuple[int, int]]:
        """Consecutive trees of at most LEAVES_AT_ONCE leaves together, at least one tree."""
        before = self.leaves_before
        ranges, first = [], 0
        while first < len(before) - 1:
            last = int(np.searchsorted(before, before[first] + LEAVES_AT_ONCE, side="right")) - 1
            ranges.append((first, max(first + 1, last)))
            first = ranges[-1][1]
        return ranges


class _Plan:
    """The loops' own plan of the trees from `first` to `last`; `bits`, `leaf_bits` as in kernel_reasons.h."""

    def __init__(self, of: Attribution, bits: int, leaf_bits: int, first: int, last: int) -> None:
        self.packed = of.packed
        self.tables = self.packed.of_trees(first, last)
        depth = int(self.packed.arrays["trees"][:, 2].max(initial=0))
        background = 0 if of.background is None else len(of.background)
        most = min(depth, len(of.owners))  # columns of a path
        points, weights = rules((depth + 1) // 2 or 1) if not background else (np.zeros(1), orders(most))
        self.arrays: dict[str, np.ndarray] = {
            "columns": np.ascontiguousarray(of.columns, np.uint32),
            "covers": np.ascontiguousarray(of.covers, np.float64),
            "owners": np.ascontiguousarray(of.owners, np.int64),
            "explained": np.ascontiguousarray(of.explained, np.int64),
            "points": points,
            "weights": weights,
            "sides": of.sides,
        }
        self.given = _Reasons(
            tables=ctypes.addressof(self.tables),
            **{name: array.ctypes.data for name, array in self.arrays.items()},
            features=of.features,
            outputs=of.outputs,
            bits=bits,
            leaf_bits=leaf_bits,
            bytes=TABLE_BYTES,
            depth=depth,
            background=background,
            words=of.sides.shape[1],
            stride=most + 1,
        )
        self.given_at = ctypes.addressof(self.given)
        self.at = loaded().scorehouse_plan(self.given_at)
        if not self.at:
            raise MemoryError("contributions: no memory for the plan of the trees")
        weakref.finalize(self, loaded().scorehouse_plan_free, self.at)


@cache
def rules(largest: int) -> tuple[np.ndarray, np.ndarray]:
    """Points and weights of the rules of Gauss and Legendre on [0, 1], with 1, 2, ... `largest` points."""
    made = [np.polynomial.legendre.leggauss(points) for points in range(1, largest + 1)]
    return (
        np.concatenate([(points + 1.0) / 2.0 for points, _ in made]),
        np.concatenate([weights / 2.0 for _, weights in made]),
    )


@cache
def orders(largest: int) -> np.ndarray:
    """(a-1)! b! / (a+b)! at [a, b] for a and b up to `largest`: the share of orders of a + b columns in which
    a given one comes first after all of b. Zeros for a = 0."""
    made = np.zeros((largest + 1, largest + 1))
    a = np.arange(1, largest + 1, dtype=np.float64)
    column = 1.0 / a
    for b in range(largest + 1):
        made[1:, b] = column
        column = column * (b + 1) / (a + b + 1)
    return made


def largest(values: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The `count` largest values of each row by their magnitude, of `values` of shape (rows, columns).

    Returns their places (-1 where only zeros are left) and the values, both of shape (count, rows), and the
    sum of all others. Of equal values, the first comes first.
    """
    values = np.ascontiguousarray(values, dtype=np.float64)
    rows, columns = values.shape
    places, found = np.empty((count, rows), dtype=np.int32), np.empty((count, rows))
    rest = np.empty(rows)
    loaded().scorehouse_largest(
        values.ctypes.data, rows, columns, count, places.ctypes.data, found.ctypes.data, rest.ctypes.data
    )
    return places, found, rest
