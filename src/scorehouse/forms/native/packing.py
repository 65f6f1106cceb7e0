"""From the arrays of a stored form to those that the compiled loops run over.

The stored arrays say what the trees are; these say it in the way that this release's loops read fastest. So
a release may change its loops and still read the forms of earlier ones.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from scorehouse.forms.native.cells import Cells
from scorehouse.forms.native.kernel import CATEGORY, CHECKED, EXITS, ORDER, RANK, SINGLE, Tables

MOST_EDGES = 254  # of a column whose ranks, and a code for missing values, fit into 8 bits
TOP_BIT = 1 << 31
CODES_BYTES = 40 * 1024  # of a block's codes, which stay in the nearest caches
SMALLEST_BLOCK, LARGEST_BLOCK = 128, 512  # rows; a multiple of those that kernel.c strikes together


def packed(tables: Tables, block: int | None = None) -> dict[str, Any]:
    """The fields of kernel.c's `Tables` for an ensemble, with `block` rows per block.

    None: as many rows as fit the cache.
    """
    codes = Codes(tables, block)
    strikes, planes, starts = _strikes(tables, codes)
    trees = np.column_stack(
        [tables.trees[:, [0, 1, 4, 5]], tables.exits.reshape(-1, EXITS)[:, 0], planes, starts]
    )
    place, edge = codes.place(tables.node_place), codes.of_edges(tables.node_place, tables.node_edge)
    nodes = np.column_stack([np.where(codes.inner, place, 0), np.where(codes.inner, edge, codes.highest)])
    cells = codes.cells
    return {
        "columns": codes.columns(),
        "edges": np.concatenate([*cells.edges, [np.inf]]),
        "spans": np.array(cells.spans),
        "below": np.concatenate([*cells.below, [0]]),
        "trees": trees,
        "splits": codes.splits(),
        "words": tables.words,
        "strikes": strikes,
        "nodes": nodes,
        "lefts": tables.node_left,
        "values": tables.node_value,
        "n_columns": len(tables.columns),
        "n_trees": len(tables.trees),
        "outputs": tables.node_value.shape[1],
        "slots": tables.slots,
        "categories": codes.n_categories,
        "block": codes.block,
        "takes_missing": tables.takes_missing,
        "takes_infinite": tables.takes_infinite,
        "single": tables.single,
        "narrow": codes.narrow,
    }


class Codes:
    """The codes of values and edges, and where those of a block are kept.

    They are narrow if no column has more than MOST_EDGES edges. Where missing values come first, they have
    the code 0 and all others are one more. `cells` finds the rank of a value.
    """

    def __init__(self, tables: Tables, block: int | None) -> None:
        self.tables = tables
        self.inner = tables.node_left != np.arange(len(tables.node_left))
        self.singles = self._singles()
        self.edges = [self._edges(i, row) for i, row in enumerate(tables.columns.tolist())]
        self.narrow = max((len(edges) for edges in self.edges), default=0) <= MOST_EDGES
        self.highest = 0xFF if self.narrow else 0xFFFFFFFF
        wanted = CODES_BYTES // (max(1, tables.slots) * (1 if self.narrow else 4))
        fitting = min(LARGEST_BLOCK, max(SMALLEST_BLOCK, wanted // SMALLEST_BLOCK * SMALLEST_BLOCK))
        self.block = block or fitting
        self.cells = Cells()
        categories = tables.columns[tables.columns[:, 1] == CATEGORY]
        self.n_categories = len(categories)
        self.first_category = int(categories[:, 3].min()) // tables.block if len(categories) else 0

    def _singles(self) -> np.ndarray:
        """What splits compare with codes of float32, each once: `keyed` by the column."""
        tables = self.tables
        if not (tables.columns[:, 1] == SINGLE).any():
            return np.zeros(0, dtype=np.int64)
        places = np.concatenate([tables.top[:, 0], tables.node_place[self.inner]])
        return np.unique(
            self._keyed(places, np.concatenate([tables.top[:, 1], tables.node_edge[self.inner]]))
        )

    def _keyed(self, places: np.ndarray, codes: np.ndarray) -> np.ndarray:
        """Numbers in the order of column and code; columns of other kinds than SINGLE come before 0."""
        numbers = np.where(self.tables.columns[:, 1] == SINGLE, np.arange(len(self.tables.columns)), -1)
        return self._by_slot(numbers)[places // self.tables.block] * 2**32 + codes + TOP_BIT

    def _by_slot(self, low: np.ndarray, high: np.ndarray | None = None) -> np.ndarray:
        """For each slot what its column has: `low` where missing values come first, else `high`."""
        made = np.full(self.tables.slots + 1, -1, dtype=np.int64)
        for at, given in ((3, low), (4, low if high is None else high)):
            held = self.tables.columns[:, at] >= 0
            made[self.tables.columns[held, at] // self.tables.block] = given[held]
        return made

    def _edges(self, number: int, column: list[int]) -> np.ndarray:
        """The edges of a column, in order; what fills them up in the file is left out."""
        _, kind, _, _, _, first, size = column
        if kind == RANK:
            edges = self.tables.edges[first : first + (1 << size) - 1]
            return edges[: int((edges < np.inf).sum())]
        ends = np.searchsorted(self.singles, np.array([number, number + 1]) * 2**32)
        return in_doubles(self.singles[slice(*ends)] % 2**32 - TOP_BIT)

    def place(self, places: np.ndarray) -> np.ndarray:
        """Where codes are in a block, from where the file has them."""
        return places.astype(np.int64) // self.tables.block * self.block

    def of_edges(self, places: np.ndarray, edges: np.ndarray) -> np.ndarray:
        """The codes of edges, from those in the file."""
        kinds = self.tables.columns[:, 1]
        slots = places // self.tables.block
        single = self._by_slot(kinds == SINGLE)[slots] == 1
        codes = edges.astype(np.int64)
        if self.narrow and single.any():
            firsts = np.searchsorted(self.singles, np.arange(len(kinds)) * 2**32)
            found = np.searchsorted(self.singles, self._keyed(places, edges))
            codes[single] = (found - self._by_slot(firsts)[slots])[single]
        elif single.any():
            codes[single] += TOP_BIT
        first = self._by_slot(kinds <= SINGLE, np.zeros(len(kinds)))[slots] == 1
        return codes + first

    def columns(self) -> np.ndarray:
        """The columns as kernel.c has them."""
        rows = []
        for row, edges in zip(self.tables.columns.tolist(), self.edges, strict=True):
            position, kind, zero, low, high, _, size = row
            low, high = (
                -1 if place < 0 else place // self.tables.block * self.block for place in (low, high)
            )
            if kind == CATEGORY:
                low -= self.first_category * self.block
                rows.append((position, kind, 0, low, -1, size, 0, 0, 0, 0))
            elif kind == CHECKED or (kind == SINGLE and not self.narrow):
                kind = CHECKED if kind == CHECKED else ORDER
                rows.append((position, kind, zero, low, high, 0, 0, 0, 0, 0))
            else:
                rows.append((position, kind, zero, low, high, 0, *self.cells.add(edges)))
        return np.array(rows, dtype=np.int64).reshape(-1, 10)

    def splits(self) -> np.ndarray:
        """The splits by category, with the places of their codes and answers."""
        source, target, word = self.tables.splits.T
        return np.column_stack(
            [self.place(source) - self.first_category * self.block, self.place(target), word]
        )


def in_doubles(codes: np.ndarray) -> np.ndarray:
    """The numbers whose codes, as layout.py's `ordered` makes them, these are."""
    bits = codes.astype(np.int32)
    return np.where(bits < 0, bits ^ np.int32(2**31 - 1), bits).view(np.float32).astype(np.float64)


def _strikes(tables: Tables, codes: Codes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The strikes of all trees; how many planes of exits each tree has, and where the strikes of each begin.

    A narrow strike is of the 8 exits of one plane; there is one plane of wide ones.
    """
    counts = tables.trees[:, 3] - tables.trees[:, 2]
    place, edge = codes.place(tables.top[:, 0]), codes.of_edges(tables.top[:, 0], tables.top[:, 1])
    if not codes.narrow:
        starts = np.column_stack([tables.trees[:, 2], *[tables.trees[:, 3]] * 4])
        return np.column_stack([place, edge, tables.masks]), np.ones(len(counts)), starts
    parts = tables.masks.view(np.uint8).reshape(-1, 4)
    split, plane = np.nonzero(parts != 0xFF)
    keys = np.repeat(np.arange(len(counts)), counts)[split] * 4 + plane
    order = np.argsort(keys, kind="stable")
    split, plane = split[order], plane[order]
    starts = np.searchsorted(keys[order], np.arange(len(counts))[:, None] * 4 + np.arange(5))
    strikes = np.column_stack([place[split], edge[split], parts[split, plane]])
    return strikes, counts // 8 + 1, starts  # a top has one exit more than splits
