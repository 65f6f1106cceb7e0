"""The native form as a file beside the artifact: tables of trees, and what comes before and after them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from scorehouse.forms.arrays_file import Expected, read_arrays, write_arrays
from scorehouse.forms.native.checked import EXPECTED, FLAGS, checked_layout, require
from scorehouse.forms.native.kernel import ARRAYS
from scorehouse.forms.native.layout import Layout
from scorehouse.forms.native.run import sums_of
from scorehouse.forms.stored_form import PARAMETERS, ScoringForm, scoring_head, scoring_of
from scorehouse.registry.version import Version

LAYOUT = 1  # of the file
LENGTHS = {name: f"lengths of {name}" for name in ARRAYS}
OF_LAYOUTS: Expected = {
    "base": (np.float64, (None, None)),
    **{name: (np.int64, (None,)) for name in LENGTHS.values()},
    **EXPECTED,
}


@dataclass(frozen=True)
class StoredTrees(ScoringForm):
    """The trees alone, of each segment; `columns` computes what they read.

    The rows of several segments are sorted by segment once; then each segment has one call.
    """

    layouts: tuple[Layout, ...]

    def sums(self, numbers: list[np.ndarray], rows: int, codes: np.ndarray | None) -> np.ndarray:
        block = np.empty((len(numbers), rows))
        if codes is None:
            for line, column in zip(block, numbers, strict=True):
                line[:] = column
            return self._sums(0, block)
        order = np.argsort(codes, kind="stable")
        for line, column in zip(block, numbers, strict=True):
            np.take(column, order, out=line)
        held, starts = np.unique(codes[order], return_index=True)
        ends = [*starts[1:].tolist(), rows]
        made = np.empty((rows, len(self.layouts[0].base)))
        for code, start, end in zip(held.tolist(), starts.tolist(), ends, strict=True):
            made[order[start:end]] = self._sums(code, block[:, start:end])
        return made

    def _sums(self, segment: int, block: np.ndarray) -> np.ndarray:
        found = sums_of(self.layouts[segment], None, block.T)
        if found is None:
            raise ValueError("the estimator takes no such value")
        return found


def to_bytes(form: StoredTrees) -> bytes:
    """The file of a form."""
    flags, arrays = in_file(form.layouts)
    return write_arrays(
        LAYOUT, {**scoring_head(form), "trees": flags}, {"parameters": form.parameters, **arrays}
    )


def from_bytes(data: bytes, version: Version) -> StoredTrees:
    """The form in a file whose digest was verified.

    Raises ValueError for a file of another release, whose layout this one does not know, and for arrays whose
    indices lead out of others.
    """
    head, held = read_arrays(LAYOUT, data, lambda _: {**PARAMETERS, **OF_LAYOUTS})
    common = scoring_of(head, held, version, {len(held["base"])})
    layouts = tuple(layouts_of(head["trees"], held, len(common["columns"].outputs)))
    return StoredTrees(**common, layouts=layouts)


def in_file(layouts: Sequence[Layout]) -> tuple[list[dict[str, Any]], dict[str, np.ndarray]]:
    """The flags of each layout, and each array of all in one piece, with the length of every part of it."""
    flags = [
        {
            "divisor": layout.divisor,
            "rounds_inputs": layout.rounds_inputs,
            **{name: getattr(layout.tables, name) for name in FLAGS},
        }
        for layout in layouts
    ]
    held = {"base": np.stack([layout.base for layout in layouts])}
    for name in ARRAYS:
        parts = [getattr(layout.tables, name) for layout in layouts]
        held[name] = np.concatenate(parts)
        held[LENGTHS[name]] = np.array([len(part) for part in parts], dtype=np.int64)
    return flags, held


def layouts_of(
    flags: Sequence[Mapping[str, Any]], held: Mapping[str, np.ndarray], columns: int
) -> Iterator[Layout]:
    """The layouts that `in_file` wrote, which read `columns` numbers of each row; ValueError for others."""
    count, ends = len(held["base"]), {}
    require(len(flags) == count, f"it has flags of {len(flags)} segments, and its base is of {count}")
    for name in ARRAYS:
        lengths = held[LENGTHS[name]]
        fits = len(lengths) == count and (lengths >= 0).all() and lengths.sum() == len(held[name])
        require(fits, f"{name} has other lengths")
        ends[name] = [0, *np.cumsum(lengths).tolist()]
    for number, base in enumerate(held["base"]):
        arrays = {name: held[name][slice(*ends[name][number : number + 2])] for name in ARRAYS}
        yield checked_layout(arrays, flags[number], base, columns)
