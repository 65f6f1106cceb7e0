"""From the arrays of an ensemble to those that the compiled loops run over, for all trees at once.

An ensemble says what the trees are; this says it in the way that the loops of this release read fastest. It
is made wherever trees run, so a release may change its loops and still read what earlier ones stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from scorehouse.program.native.cells import Cells
from scorehouse.program.native.kernel import ARRAYS, CATEGORY, CHECKED, EXITS, ORDER, RANK, SINGLE, Packed
from scorehouse.program.native.top import Top, top_of
from scorehouse.program.trees.tree import LEAF, Ensemble, levels_of

MOST_EDGES = 254  # of a column whose ranks, and a code for missing values, fit into 8 bits
TOP_BIT = 1 << 31
MOST_NODES = 2**31 - 1
CODES_BYTES = 40 * 1024  # of a block's codes, which stay in the nearest caches
SMALLEST_BLOCK, LARGEST_BLOCK = 128, 512  # rows; a multiple of those that kernel.c strikes together


@dataclass(frozen=True)
class TreeModel:
    """An ensemble over `n_features` columns.

    Values that `takes_missing` and `takes_infinite` rule out are refused, as the estimator does. `divided_by`
    is what each sum is divided by; None: by the number of its trees, if they are averaged.
    """

    ensemble: Ensemble
    n_features: int
    takes_missing: bool = True
    takes_infinite: bool = True
    divided_by: int | None = None

    @cached_property
    def packed(self) -> Packed:
        """What the loops for scores read."""
        return pack(self)

    @property
    def base(self) -> np.ndarray:
        """The start of each output."""
        return np.array(self.ensemble.base)

    @property
    def divisor(self) -> int:
        """What each sum is divided by."""
        trees = self.ensemble.groups.count(0) if self.ensemble.average else 1
        return self.divided_by or trees


def pack(
    model: TreeModel, *, tops: bool = True, block: int | None = None, single: bool | None = None
) -> Packed:
    """Lay out an ensemble, with `block` rows per block (None: as many as fit the cache).

    Without `tops`, every node is below the one exit of its tree, the root: reasons need all nodes. `single`
    replaces that of the ensemble. Raises ValueError for an ensemble with more nodes than the loops can count.
    """
    nodes = Nodes(model.ensemble)
    codes = Codes(nodes, model, block)
    top = top_of(nodes.left, nodes.right, nodes.roots, EXITS if tops else 1)
    order, depth = _below(nodes, top)
    position = np.zeros(len(nodes.left), dtype=np.int64)
    position[order] = np.arange(len(order))
    inner = nodes.left[order] != LEAF
    lefts = np.arange(len(order))
    lefts[inner] = position[nodes.left[order[inner]]]
    strikes, planes, starts = _strikes(nodes, top, codes)
    splits = np.searchsorted(nodes.tree[codes.by_category], np.arange(len(nodes.roots) + 1))
    arrays = {
        "columns": codes.columns,
        "edges": np.concatenate([*codes.cells.edges, [np.inf]]),
        "spans": np.array(codes.cells.spans),
        "below": np.concatenate([*codes.cells.below, [0]]),
        "trees": np.column_stack(
            [splits[:-1], splits[1:], depth, nodes.groups, position[top.exits[:, 0]], planes, starts]
        ),
        "splits": codes.splits,
        "words": codes.words,
        "strikes": strikes,
        "nodes": np.column_stack(
            [np.where(inner, codes.place[order], 0), np.where(inner, codes.code[order], codes.highest)]
        ),
        "lefts": lefts,
        "values": nodes.value[order],
    }
    return Packed(
        arrays={name: np.ascontiguousarray(arrays[name], dtype) for name, dtype in ARRAYS.items()},
        numbers={
            "n_columns": len(codes.columns),
            "n_trees": len(nodes.roots),
            "outputs": nodes.value.shape[1],
            "slots": codes.slots,
            "categories": codes.categories,
            "block": codes.block,
            "takes_missing": model.takes_missing,
            "takes_infinite": model.takes_infinite,
            "single": model.ensemble.single if single is None else single,
            "narrow": codes.narrow,
        },
        order=order,
    )


class Nodes:
    """The nodes of all trees, one tree after the other; `left` and `right` are places among all of them."""

    def __init__(self, ensemble: Ensemble) -> None:
        trees = ensemble.trees
        sizes = np.array([len(tree.left) for tree in trees])
        if sizes.sum() > MOST_NODES:
            raise ValueError(f"{sizes.sum()} nodes are more than 32 bits can count")
        self.roots = np.cumsum(sizes) - sizes
        self.tree = np.repeat(np.arange(len(trees)), sizes)
        self.groups = np.array(ensemble.groups)
        left, right = (np.concatenate([getattr(t, side) for t in trees]) for side in ("left", "right"))
        starts = self.roots[self.tree]
        self.left = np.where(left == LEAF, LEAF, left + starts)
        self.right = np.where(left == LEAF, LEAF, right + starts)
        self.feature = np.concatenate([tree.feature for tree in trees]).astype(np.int64)
        self.edge = np.concatenate([tree.edge for tree in trees])
        self.missing_left = np.concatenate([tree.missing_left for tree in trees])
        self.zero_is_missing = np.concatenate(
            [np.zeros(len(t.left), bool) if t.zero_is_missing is None else t.zero_is_missing for t in trees]
        )
        self.value = np.concatenate([tree.value for tree in trees])
        self.categories = {
            int(root) + node: split
            for root, tree in zip(self.roots, trees, strict=True)
            for node, split in sorted(tree.categories.items())
        }


class Codes:
    """What the trees compare: for each node, where the code of its column is in a block, and its edge's code.

    A numeric column has a slot in which missing values come first (for splits that send them left), one in
    which they come last, or both. Codes are narrow if no column has more than MOST_EDGES edges; where missing
    values come first, they have the code 0 and all others are one more. A split by category has the code of
    its column looked up in `words`, and the answer put into a slot that all trees share.
    """

    def __init__(self, nodes: Nodes, model: TreeModel, block: int | None) -> None:
        self.cells = Cells()
        self.by_category = np.array(list(nodes.categories), dtype=np.int64)
        numeric = nodes.left != LEAF
        numeric[self.by_category] = False
        places = np.flatnonzero(numeric)
        keys = nodes.feature[places] * 4 + 2 * nodes.zero_is_missing[places]
        if model.takes_missing:
            keys += nodes.missing_left[places]
        used, slot = np.unique(keys, return_inverse=True)
        limits = self._limits(nodes)
        self.categories = len(limits)
        first_answer = len(used) + len(limits)
        in_tree = np.bincount(nodes.tree[self.by_category], minlength=1)
        self.slots = first_answer + int(in_tree.max())
        edges = self._ranked(nodes.edge[places], keys >> 1, single=model.ensemble.rounds_inputs)
        self.narrow = max((len(each) for each in edges.values()), default=0) <= MOST_EDGES
        self.highest = 0xFF if self.narrow else 0xFFFFFFFF
        fitting = CODES_BYTES // (max(1, self.slots) * (1 if self.narrow else 4))
        fitting = max(SMALLEST_BLOCK, fitting // SMALLEST_BLOCK * SMALLEST_BLOCK)
        self.block = block or min(LARGEST_BLOCK, fitting)
        if model.ensemble.rounds_inputs and not self.narrow:
            self.ranks = ordered(nodes.edge[places]) + TOP_BIT
        self.place, self.code = np.zeros((2, len(nodes.left)), dtype=np.int64)
        self.place[places] = slot.reshape(-1) * self.block
        self.code[places] = self.ranks + (keys & 1)  # a code for missing values comes first
        number = np.arange(len(self.by_category)) - np.repeat(np.cumsum(in_tree) - in_tree, in_tree)
        self.place[self.by_category] = (first_answer + number) * self.block
        checked = range(0 if model.takes_missing and model.takes_infinite else model.n_features)
        self.columns = self._columns(used, edges, limits, checked, single=model.ensemble.rounds_inputs)
        self.splits, self.words = self._splits(nodes, limits)

    def _limits(self, nodes: Nodes) -> dict[int, int]:
        """One more than the largest code that splits name, by column of categories."""
        found: dict[int, int] = {}
        for node, split in nodes.categories.items():
            column = int(nodes.feature[node])
            found[column] = max(found.get(column, 0), max(split.codes, default=-1) + 1)
        return dict(sorted(found.items()))

    def _ranked(self, edges: np.ndarray, readings: np.ndarray, *, single: bool) -> dict[int, np.ndarray]:
        """The edges of each column and reading of 0, in order; `ranks` has the place of each among them."""
        self.ranks = np.zeros(len(edges), dtype=np.int64)
        order = np.argsort(readings, kind="stable")
        found, starts = np.unique(readings[order], return_index=True)
        made = {}
        for reading, mine in zip(found.tolist(), np.split(order, starts)[1:], strict=True):
            given = ordered(edges[mine]) if single else edges[mine]
            distinct, ranks = np.unique(given, return_inverse=True)
            self.ranks[mine] = ranks.reshape(-1)
            made[reading] = in_doubles(distinct) if single else distinct[distinct < np.inf]
        return made

    def _columns(
        self,
        used: np.ndarray,
        edges: dict[int, np.ndarray],
        limits: dict[int, int],
        checked: Sequence[int],
        *,
        single: bool,
    ) -> np.ndarray:
        """The columns as kernel.c has them; those of `checked` are checked even if no tree reads them."""
        slots = {key: place * self.block for place, key in enumerate(used.tolist())}
        kind = RANK if not single else SINGLE if self.narrow else ORDER
        rows: list[tuple[int, ...]] = []
        for place, (column, limit) in enumerate(limits.items()):
            rows.append((column, CATEGORY, 0, place * self.block, -1, limit, 0, 0, 0, 0))
        unread = set(checked) - {reading >> 1 for reading in edges}
        rows += [(column, CHECKED, 0, -1, -1, 0, 0, 0, 0, 0) for column in unread]
        for reading, own in edges.items():
            cells = (0, 0, 0, 0) if kind == ORDER else self.cells.add(own)
            low, high = slots.get(2 * reading + 1, -1), slots.get(2 * reading, -1)
            rows.append((reading >> 1, kind, reading & 1, low, high, 0, *cells))
        return np.array(sorted(rows, key=lambda row: row[:3]), dtype=np.int64).reshape(-1, 10)

    def _splits(self, nodes: Nodes, limits: dict[int, int]) -> tuple[np.ndarray, np.ndarray]:
        """The splits by category, and the bits of the codes that go right."""
        slots = {column: place * self.block for place, column in enumerate(limits)}
        rows, words, count = [], [np.zeros(0, dtype=np.uint32)], 0
        for node, split in nodes.categories.items():
            column = int(nodes.feature[node])
            rows.append((slots[column], int(self.place[node]), count))
            count += words_for(limits[column])
            words.append(bits_of(split.codes, limits[column], inverted=split.named_left))
        return np.array(rows, dtype=np.int64).reshape(-1, 3), np.concatenate(words)


def _below(nodes: Nodes, top: Top) -> tuple[np.ndarray, np.ndarray]:
    """The exits of each tree and all nodes below them, children side by side; and the depth of each tree."""
    found = levels_of(nodes.left, nodes.right, top.exits[top.exits != LEAF])
    depth = np.zeros(len(nodes.roots), dtype=np.int64)
    for number, level in enumerate(found):
        depth[nodes.tree[level]] = number
    order = np.concatenate(found)
    return order[np.argsort(nodes.tree[order], kind="stable")], depth


def _strikes(nodes: Nodes, top: Top, codes: Codes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The strikes of all trees; how many planes of exits each tree has, and where the strikes of each begin.

    A narrow strike is of the 8 exits of one plane; there is one plane of wide ones.
    """
    trees = len(nodes.roots)
    tree = nodes.tree[top.splits]
    ends = np.searchsorted(tree, np.arange(trees + 1))
    place, code = codes.place[top.splits], codes.code[top.splits]
    if not codes.narrow:
        starts = np.column_stack([ends[:-1], *[ends[1:]] * 4])
        return np.column_stack([place, code, top.masks]), np.ones(trees, dtype=np.int64), starts
    parts = top.masks.view(np.uint8).reshape(-1, 4)
    split, plane = np.nonzero(parts != 0xFF)
    keys = tree[split] * 4 + plane
    order = np.argsort(keys, kind="stable")
    split, plane = split[order], plane[order]
    starts = np.searchsorted(keys[order], np.arange(trees)[:, None] * 4 + np.arange(5))
    strikes = np.column_stack([place[split], code[split], parts[split, plane]])
    return strikes, np.diff(ends) // 8 + 1, starts  # a top has one exit more than splits


def ordered(edges: np.ndarray) -> np.ndarray:
    """The largest float32 up to each edge, as an integer of the same order."""
    with np.errstate(over="ignore"):
        low = edges.astype(np.float32)
        low = np.where(low > edges, np.nextafter(low, np.float32(-np.inf)), low).astype(np.float32)
    bits = (low + np.float32(0.0)).view(np.int32)
    return np.where(bits < 0, bits ^ np.int32(MOST_NODES), bits).astype(np.int64)


def in_doubles(codes: np.ndarray) -> np.ndarray:
    """The numbers whose codes, as `ordered` makes them, these are."""
    bits = codes.astype(np.int32)
    return np.where(bits < 0, bits ^ np.int32(MOST_NODES), bits).view(np.float32).astype(np.float64)


def words_for(limit: int) -> int:
    """The number of words with a bit for each code up to `limit`."""
    return limit // 32 + 1


def bits_of(codes: Sequence[int], limit: int, *, inverted: bool) -> np.ndarray:
    """One bit per code up to `limit`: whether it is one of `codes`, or the opposite."""
    places = np.array(codes, dtype=np.int64)
    words = np.zeros(words_for(limit), dtype=np.uint32)
    np.bitwise_or.at(words, places >> 5, np.uint32(1) << (places & 31).astype(np.uint32))
    return ~words if inverted else words
