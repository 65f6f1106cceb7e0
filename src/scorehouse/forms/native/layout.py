"""From an ensemble to the flat arrays that the kernel runs over."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from scorehouse.forms.native.kernel import CATEGORY, CHECKED, EXITS, HIGHEST, RANK, SINGLE, Tables
from scorehouse.forms.native.top import top_of
from scorehouse.forms.trees.tree import LEAF, Ensemble, Tree

CODES_BYTES = 128 * 1024  # bytes of a block, so that it stays in the nearest caches
SMALLEST_BLOCK, LARGEST_BLOCK = 64, 1024


@dataclass(frozen=True)
class Layout:
    """An ensemble, ready to run: the start of the sums, their divisor, and everything in between.

    `rounds_inputs`: values are rounded to float32 before they are compared.
    """

    tables: Tables
    base: np.ndarray
    divisor: int
    rounds_inputs: bool


def lay_out(
    ensemble: Ensemble,
    n_features: int,
    *,
    takes_missing: bool = True,
    takes_infinite: bool = True,
    tops: bool = True,
) -> Layout:
    """Lay out an ensemble over `n_features` columns; values that the estimator does not accept end the run.

    Without `tops`, every node is below the one exit of its tree, the root: reasons need all nodes. Raises
    ValueError for an ensemble with more nodes than 32 bits can count.
    """
    columns = Columns(ensemble, takes_missing=takes_missing)
    per_tree = max((len(tree.categories) for tree in ensemble.trees), default=0)
    slots = columns.slots + per_tree
    block = block_of(slots, ensemble)
    parts = Parts(columns, block, tops=tops)
    for tree, group in zip(ensemble.trees, ensemble.groups, strict=True):
        parts.add(tree, group)
    if parts.nodes > HIGHEST:
        raise ValueError(f"{parts.nodes} nodes are more than 32 bits can count")
    tables = Tables(
        columns=columns.table(n_features if not (takes_missing and takes_infinite) else 0, block),
        edges=_joined(columns.edges, np.float64),
        takes_missing=takes_missing,
        takes_infinite=takes_infinite,
        trees=_rows(parts.trees, 6),
        splits=_rows(parts.splits, 3),
        words=_joined(parts.words, np.uint32),
        top=_rows(parts.top, 2),
        masks=np.array(parts.masks, dtype=np.uint32),
        exits=_joined(parts.exits, np.uint32),
        node_place=_joined(parts.node_place, np.uint32),
        node_edge=_joined(parts.node_edge, np.int32),
        node_left=_joined(parts.node_left, np.uint32),
        node_value=np.ascontiguousarray(np.concatenate(parts.node_value), dtype=np.float64),
        slots=slots,
        block=block,
        single=ensemble.single,
    )
    divisor = ensemble.groups.count(0) if ensemble.average else 1
    return Layout(tables, np.array(ensemble.base), divisor, ensemble.rounds_inputs)


def block_of(slots: int, ensemble: Ensemble) -> int:
    """The number of rows per block."""
    wanted = CODES_BYTES // (4 * max(1, slots))
    return int(min(LARGEST_BLOCK, max(SMALLEST_BLOCK, 1 << max(0, wanted.bit_length() - 1))))


class Columns:
    """The codes that the trees compare: one slot per column, way to read it and side of missing values.

    A numeric column has one slot in which missing values come first (for splits that send them left) and one
    in which they come last, if both are needed. `key` encodes column, reading and side in one number.
    """

    def __init__(self, ensemble: Ensemble, *, takes_missing: bool) -> None:
        self.single = ensemble.rounds_inputs
        self.takes_missing = takes_missing
        self.edges: list[np.ndarray] = []
        self.numeric: dict[int, np.ndarray] = {}  # the edges, by key without its side
        self.limits: dict[int, int] = {}  # of the codes of categories, by column
        nodes = [tree.numeric_nodes for tree in ensemble.trees]
        pairs = list(zip(ensemble.trees, nodes, strict=True))
        keys = np.concatenate([self.keys(tree, mine) for tree, mine in pairs])
        edges = np.concatenate([tree.edge[mine] for tree, mine in pairs])
        self.used = np.unique(keys)
        for key in np.unique(self.used >> 1).tolist():
            self.numeric[key] = np.unique(edges[keys >> 1 == key]) if not self.single else edges[:0]
        for tree in ensemble.trees:
            for i, split in tree.categories.items():
                feature = int(tree.feature[i])
                largest = max(split.codes, default=-1) + 1
                self.limits[feature] = max(self.limits.get(feature, 0), largest)
        self.category_slots = {f: len(self.used) + i for i, f in enumerate(sorted(self.limits))}
        self.slots = len(self.used) + len(self.limits)

    def keys(self, tree: Tree, nodes: np.ndarray) -> np.ndarray:
        """Column, whether 0 counts as missing, and whether missing values come first, for each node."""
        key = tree.feature[nodes].astype(np.int64) * 4
        if tree.zero_is_missing is not None:
            key += 2 * tree.zero_is_missing[nodes]
        return key + tree.missing_left[nodes] if self.takes_missing else key

    def slot(self, keys: np.ndarray) -> np.ndarray:
        """The slots of numeric columns."""
        return np.searchsorted(self.used, keys)

    def codes(self, edges: np.ndarray, keys: np.ndarray) -> np.ndarray:
        """The codes of edges: a row goes right if its own code is larger."""
        if self.single:
            return ordered(edges)
        codes = np.zeros(len(edges), dtype=np.int64)
        for key in np.unique(keys >> 1).tolist():
            mine = keys >> 1 == key
            codes[mine] = np.searchsorted(self.numeric[key], edges[mine])
        return codes

    def table(self, checked: int, block: int) -> np.ndarray:
        """The kernel's `columns`; columns up to `checked` are checked even if no tree reads them."""
        rows = []
        used = {key: slot * block for slot, key in enumerate(self.used.tolist())}
        for key, edges in self.numeric.items():
            first, size = (0, 0) if self.single else self._pad(edges)
            kind = SINGLE if self.single else RANK
            low, high = used.get(2 * key + 1, -1), used.get(2 * key, -1)
            rows.append((key // 2, kind, key % 2, low, high, first, size))
        for feature, slot in self.category_slots.items():
            rows.append((feature, CATEGORY, 0, slot * block, -1, 0, self.limits[feature]))
        unread = set(range(checked)) - {key // 2 for key in self.numeric}
        rows += [(feature, CHECKED, 0, -1, -1, 0, 0) for feature in unread]
        return _rows(sorted(rows), 7)

    def _pad(self, edges: np.ndarray) -> tuple[int, int]:
        """Keep edges, filled up to one less than a power of two; returns the first and the power."""
        first = sum(len(part) for part in self.edges)
        steps = len(edges).bit_length()
        self.edges.append(np.concatenate([edges, np.full((1 << steps) - 1 - len(edges), np.inf)]))
        return first, steps


class Parts:
    """The trees, laid out one after another."""

    def __init__(self, columns: Columns, block: int, *, tops: bool) -> None:
        self.columns = columns
        self.tops = tops
        self.block = block
        self.nodes = 0
        self.trees: list[tuple[int, ...]] = []
        self.splits: list[tuple[int, ...]] = []
        self.words: list[np.ndarray] = []
        self.word_count = 0
        self.top: list[tuple[int, ...]] = []
        self.masks: list[int] = []
        self.exits: list[np.ndarray] = []
        self.node_place: list[np.ndarray] = []
        self.node_edge: list[np.ndarray] = []
        self.node_left: list[np.ndarray] = []
        self.node_value: list[np.ndarray] = []

    def add(self, tree: Tree, group: int) -> None:
        """Add one tree, which adds to output `group`."""
        splits, top = len(self.splits), len(self.top)
        place, code = self._comparisons(tree)
        expanded, exits = top_of(tree) if self.tops else ([], np.zeros(1, dtype=np.int64))
        for node, mask in expanded:
            self.top.append((int(place[node]), int(code[node])))
            self.masks.append(mask)
        ways = np.zeros(EXITS, dtype=np.int64)
        ways[: len(exits)] = self.nodes + np.arange(len(exits))
        self.exits.append(ways)
        depth = self._below(tree, exits, place, code)
        self.trees.append((splits, len(self.splits), top, len(self.top), depth, group))

    def _comparisons(self, tree: Tree) -> tuple[np.ndarray, np.ndarray]:
        """The position of each node's codes in a block, and the code that it compares them with."""
        place = np.zeros(len(tree.left), dtype=np.int64)
        code = np.full(len(tree.left), HIGHEST, dtype=np.int64)  # no code is larger: a leaf stays itself
        nodes = tree.numeric_nodes
        keys = self.columns.keys(tree, nodes)
        place[nodes] = self.columns.slot(keys) * self.block
        code[nodes] = self.columns.codes(tree.edge[nodes], keys)
        for number, (i, split) in enumerate(sorted(tree.categories.items())):
            feature = int(tree.feature[i])
            place[i], code[i] = (self.columns.slots + number) * self.block, 0
            source = self.columns.category_slots[feature] * self.block
            self.splits.append((source, int(place[i]), self.word_count))
            words = bits_of(split.codes, self.columns.limits[feature] + 1, inverted=split.named_left)
            self.words.append(words)
            self.word_count += len(words)
        return place, code

    def _below(self, tree: Tree, exits: np.ndarray, place: np.ndarray, code: np.ndarray) -> int:
        """The exits and all nodes below them, children side by side; returns the depth."""
        level, depth = exits, -1
        while len(level):
            inner = tree.left[level] != LEAF
            self.node_place.append(np.where(inner, place[level], 0))
            self.node_edge.append(np.where(inner, code[level], HIGHEST))
            self.node_value.append(tree.value[level])
            itself = self.nodes + np.arange(len(level))
            self.nodes += len(level)
            first_child = self.nodes + 2 * (np.cumsum(inner) - 1)
            self.node_left.append(np.where(inner, first_child, itself))
            parents = level[inner]
            level = np.column_stack([tree.left[parents], tree.right[parents]]).ravel()
            depth += 1
        return depth


def ordered(edges: np.ndarray) -> np.ndarray:
    """The largest float32 up to each edge, as an integer of the same order."""
    with np.errstate(over="ignore"):
        low = edges.astype(np.float32)
        low = np.where(low > edges, np.nextafter(low, np.float32(-np.inf)), low).astype(np.float32)
    bits = (low + np.float32(0.0)).view(np.int32)
    return np.where(bits < 0, bits ^ np.int32(HIGHEST), bits)


def bits_of(codes: Iterable[int], size: int, *, inverted: bool) -> np.ndarray:
    """One bit per code up to `size`: whether it is one of `codes`, or the opposite."""
    flags = np.zeros(-(-size // 32) * 32, dtype=bool)
    flags[list(codes)] = True
    flags = ~flags if inverted else flags
    return np.packbits(flags, bitorder="little").view(np.uint32)


def _joined(parts: list[np.ndarray], dtype: type) -> np.ndarray:
    return np.concatenate(parts).astype(dtype) if parts else np.zeros(1, dtype=dtype)


def _rows(rows: list[tuple[int, ...]], width: int) -> np.ndarray:
    return np.array(rows, dtype=np.int64).reshape(-1, width)
