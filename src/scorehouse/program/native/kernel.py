"""The compiled loops of kernel.c: their structures, field by field, and the calls.

The library is next to this file, built with the wheel. Loading it needs no compiler, and calls hold no
lock. kernel.c describes the loops.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from scorehouse.errors import CompileError

VERSION = 4  # of the structures, as in kernel.c
EXITS = 32
RANK, SINGLE, CATEGORY, CHECKED, ORDER = range(5)  # how a column becomes codes
ALL = 0xFFFFFFFF
ADDED, REFUSED, NO_MEMORY = range(3)
FOLDER = Path(__file__).parent
ARRAYS: dict[str, type[np.generic]] = {
    "columns": np.int64,
    "edges": np.float64,
    "spans": np.float64,
    "below": np.uint32,
    "trees": np.int64,
    "splits": np.int64,
    "words": np.uint32,
    "strikes": np.uint32,
    "nodes": np.uint32,
    "lefts": np.uint32,
    "values": np.float64,
}
NUMBERS = (
    *("n_columns", "n_trees", "outputs", "slots", "categories", "block"),
    *("takes_missing", "takes_infinite", "single", "narrow"),  # 0 or 1
)


class _Tables(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_void_p) for name in ARRAYS),
        *((name, ctypes.c_int64) for name in NUMBERS),
    ]


class _Rows(ctypes.Structure):
    _fields_ = [
        ("columns", ctypes.c_void_p),
        *((name, ctypes.c_int64) for name in ("rows", "step")),
    ]


_ROWS, _TABLES, _ANY, _NUMBER = (
    ctypes.POINTER(_Rows),
    ctypes.POINTER(_Tables),
    ctypes.c_void_p,
    ctypes.c_int64,
)
CALLS: dict[str, tuple[Any, list[Any]]] = {  # result and arguments
    "scorehouse_add_trees": (_NUMBER, [_ROWS, _TABLES, _ANY, _NUMBER]),
    "scorehouse_plan": (_ANY, [_ANY]),
    "scorehouse_plan_free": (None, [_ANY]),
    "scorehouse_explain": (_NUMBER, [_ROWS, _ANY, _ANY, _ANY, _NUMBER]),
    "scorehouse_sides": (_NUMBER, [_ROWS, _TABLES, _NUMBER, _ANY]),
    "scorehouse_largest": (None, [_ANY, _NUMBER, _NUMBER, _NUMBER, _ANY, _ANY, _ANY]),
    "scorehouse_exp": (None, [_ANY, _NUMBER]),
    "scorehouse_expf": (None, [_ANY, _NUMBER]),
}


@dataclass(frozen=True)
class Packed:
    """What the loops read of an ensemble, as layout.py makes it: the ARRAYS and NUMBERS.

    `order` has for each node its place among those of the ensemble, tree after tree.
    """

    arrays: Mapping[str, np.ndarray]
    numbers: Mapping[str, int]
    order: np.ndarray

    @cached_property
    def in_c(self) -> _Tables:
        """The structure that is passed to the loops; it points into `arrays`."""
        return self.of_trees(0, len(self.arrays["trees"]))

    def of_trees(self, first: int, last: int) -> _Tables:
        """The structure for the trees from `first` to `last` alone."""
        pointers = {name: array.ctypes.data for name, array in self.arrays.items()}
        pointers["trees"] = self.arrays["trees"][first:].ctypes.data
        return _Tables(**pointers, **{**self.numbers, "n_trees": last - first})

    @cached_property
    def reaches(self) -> tuple[int, int]:
        """The number of columns of X that the loops read, and of rows of the sums that they write."""
        columns, outputs = self.arrays["columns"][:, 0], self.arrays["trees"][:, 3]
        return int(columns.max(initial=-1)) + 1, int(outputs.max(initial=0)) + self.numbers["outputs"]


@lru_cache(maxsize=1)
def library() -> ctypes.CDLL | None:
    """The loaded library; None if this installation has none for this platform."""
    for file in sorted(FOLDER.glob("_kernel.*")):
        try:
            found = ctypes.CDLL(str(file))
        except OSError:  # a library for another platform
            continue
        found.scorehouse_version.restype = ctypes.c_int64
        if found.scorehouse_version() != VERSION:
            continue  # a library from another release of this package
        for name, (result, arguments) in CALLS.items():
            getattr(found, name).restype = result
            getattr(found, name).argtypes = arguments
        return found
    return None


def require_library(call: str) -> None:
    """Raise CompileError where this installation has no kernel for this platform."""
    if library() is None:
        raise CompileError(
            call,
            "this installation of scorehouse has no compiled kernel for this platform",
            expected="a wheel for this platform (Linux or macOS, x86-64 or arm64)",
            action="reinstall scorehouse from a wheel, or score this version with the estimator itself",
        )


def loaded() -> ctypes.CDLL:
    """The library, after `require_library` found it."""
    found = library()
    if found is None:
        raise RuntimeError("the compiled kernel is not there; compile_trees() looks for it first")
    return found


def add_trees(numbers: np.ndarray, packed: Packed, sums: np.ndarray, *, plain: bool = False) -> bool:
    """Add the trees to `sums`, of shape (outputs, rows); False if the estimator refuses a value.

    `numbers` holds doubles of shape (rows, columns), in any memory order. `plain` runs the loops that every
    processor of the platform supports.
    """
    rows, _starts = rows_of(numbers)
    if sums.dtype != np.float64 or not sums.flags.c_contiguous or sums.shape[1:] != numbers.shape[:1]:
        raise TypeError(f"add_trees: sums are {sums.dtype} of shape {sums.shape}, expected (outputs, rows)")
    columns, outputs = packed.reaches
    if numbers.shape[1] < columns or len(sums) < outputs:  # the loops themselves check no bounds
        raise TypeError(
            f"add_trees: numbers of shape {numbers.shape} and sums of shape {sums.shape}, "
            f"expected at least {columns} columns and {outputs} outputs"
        )
    result = loaded().scorehouse_add_trees(rows, packed.in_c, sums.ctypes.data, plain)
    return is_accepted(result, "add_trees: no memory for the codes of a block")


def is_accepted(result: int, without_memory: str) -> bool:
    """Whether a call of the library accepted all values; MemoryError where it had no memory."""
    if result == NO_MEMORY:
        raise MemoryError(without_memory)
    return result == ADDED


def rows_of(numbers: np.ndarray) -> tuple[_Rows, np.ndarray]:
    """The structure of a block of doubles, of shape (rows, columns), and what it points to."""
    if numbers.dtype != np.float64 or numbers.ndim != 2 or not numbers.flags.aligned:
        raise TypeError(f"numbers are {numbers.dtype} of shape {numbers.shape}, expected doubles")
    row, column = numbers.strides
    starts = numbers.ctypes.data + column * np.arange(numbers.shape[1], dtype=np.int64)
    return _Rows(starts.ctypes.data, len(numbers), row // 8), starts


def exponentials(values: np.ndarray) -> None:
    """Replace each value by its exponential; `values` has one dimension, of float64 or float32."""
    function = {"float64": "scorehouse_exp", "float32": "scorehouse_expf"}[values.dtype.name]
    if not values.flags.c_contiguous:
        raise TypeError("exponentials: values are not in one piece")
    getattr(loaded(), function)(values.ctypes.data, values.size)
