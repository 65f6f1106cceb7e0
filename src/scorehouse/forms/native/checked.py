"""Stored trees, checked before the compiled loops run over them: the loops themselves check no bounds.

layout.py writes the arrays in one order only, so most checks compute what that order makes of an array and
compare. The passes are over whole arrays: a forest of 100,000 nodes takes a few milliseconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from scorehouse.forms.arrays_file import Expected
from scorehouse.forms.native.kernel import ARRAYS, CATEGORY, CHECKED, EXITS, HIGHEST, RANK, SINGLE, Tables
from scorehouse.forms.native.layout import Layout

WIDTHS = {"columns": (7,), "trees": (6,), "splits": (3,), "top": (2,), "node_value": (None,)}
FLAGS = ("slots", "block", "takes_missing", "takes_infinite", "single")
LARGEST_BLOCK = 1 << 16
EXPECTED: Expected = {name: (kind, (None, *WIDTHS.get(name, ()))) for name, kind in ARRAYS.items()}


def checked_layout(
    arrays: Mapping[str, np.ndarray], flags: Mapping[str, Any], base: np.ndarray, columns: int
) -> Layout:
    """The trees in the arrays and flags of a file, which read `columns` numbers of each row.

    Raises ValueError where an index would lead the loops out of an array, or into a walk without end.
    """
    parts = {name: arrays[name] for name in ARRAYS} | {name: flags[name] for name in FLAGS}
    layout = Layout(Tables(**parts), base, flags["divisor"], flags["rounds_inputs"])
    _check_numbers(layout)
    limits = _check_columns(layout.tables, columns)
    has_codes = _check_splits(layout.tables, limits)
    _check_trees(layout.tables, len(base), has_codes)
    _check_nodes(layout.tables, has_codes)
    return layout


def require(is_so: Any, problem: str) -> None:
    """Raise ValueError unless a condition holds."""
    if not is_so:
        raise ValueError(problem)


def _check_numbers(layout: Layout) -> None:
    tables = layout.tables
    for name, low, high in (("slots", 0, HIGHEST), ("block", 1, LARGEST_BLOCK)):
        number = getattr(tables, name)
        require(type(number) is int and low <= number <= high, f"its {name} are {number!r}")
    most, divisor = len(tables.trees), layout.divisor
    require(type(divisor) is int and 0 < divisor <= most, f"its divisor is {divisor!r} for {most} trees")
    switches = (tables.takes_missing, tables.takes_infinite, tables.single, layout.rounds_inputs)
    require(all(type(each) is bool for each in switches), "one of its flags is not true or false")
    splits = tables.trees[:, 1] - tables.trees[:, 0]
    most = 2 * len(tables.columns) + int(splits.max(initial=0))
    require(tables.slots <= most, f"it has {tables.slots} slots, and its columns and splits need {most}")


def _check_columns(tables: Tables, read: int) -> np.ndarray:
    """The largest code of the category in each slot; -1 for other slots, -2 for those of no column."""
    position, kind, zero, low, high, first, size = tables.columns.T
    require(((position >= 0) & (position < read)).all(), f"a column is none of the {read} that it reads")
    require(np.isin(kind, (RANK, SINGLE, CATEGORY, CHECKED)).all(), "a column is of an unknown kind")
    require(((zero == 0) | (zero == 1)).all(), "a column does not say whether 0 is missing")
    category, ranked = kind == CATEGORY, kind == RANK
    require((low[kind == CHECKED] == -1).all() and (high[kind > SINGLE] == -1).all(), "a column has a slot")
    require(((low >= 0) | (low == -1)).all() and ((high >= 0) | (high == -1)).all(), "a slot is negative")
    kept = np.concatenate([low[low >= 0], high[high >= 0]])
    used = _slots(tables, kept, "a column")
    require(len(np.unique(used)) == len(used), "two columns share a slot")
    limits = np.full(tables.slots, -2, dtype=np.int64)
    limits[used] = -1
    own = _slots(tables, low[category], "a category")
    require(((size[category] >= 0) & (size[category] < HIGHEST)).all(), "a category has an unknown limit")
    require(
        not len(own) or own.max() - own.min() + 1 == len(own), "the slots of categories are not in one row"
    )
    limits[own] = size[category]
    require(
        not first[~ranked].any() and not size[~(ranked | category)].any(),
        "a column has edges of another kind",
    )
    require(((size[ranked] >= 0) & (size[ranked] < 32)).all(), "a column has too many edges")
    counts = (np.int64(1) << size[ranked]) - 1
    _check_pieces(first[ranked], counts, len(tables.edges), "edges")
    require(not np.isnan(tables.edges).any(), "an edge is no number")
    falls = np.flatnonzero(tables.edges[1:] < tables.edges[:-1]) + 1
    require(np.isin(falls, first[ranked]).all(), "the edges of a column do not rise")
    return limits


def _check_splits(tables: Tables, limits: np.ndarray) -> np.ndarray:
    """The splits by category; `limits` as `_check_columns` gives them. Returns which slots get codes."""
    source, target, word = tables.splits.T
    largest = limits[_slots(tables, source, "a split")]
    require((largest >= 0).all(), "a split by category reads a column of numbers")
    written = _slots(tables, target, "a split")
    require((limits[written] == -2).all(), "a split writes into the slot of a column")
    _check_pieces(word, largest // 32 + 1, len(tables.words), "words")
    has_codes = limits == -1
    has_codes[written] = True
    return has_codes


def _check_trees(tables: Tables, outputs: int, has_codes: np.ndarray) -> None:
    split_from, split_to, top_from, top_to, _, output = tables.trees.T
    require(len(tables.trees), "it has no trees")
    require(((split_to >= split_from) & (top_to >= top_from)).all(), "a tree ends before it begins")
    _check_pieces(split_from, split_to - split_from, len(tables.splits), "splits", spare=0)
    tops = top_to - top_from
    _check_pieces(top_from, tops, len(tables.top), "splits of tops", spare=0)
    require((tops < EXITS).all(), f"a tree has more than {EXITS} exits")
    width = tables.outputs
    require(0 < width <= outputs, f"its leaves have {width} values for {outputs} outputs")
    require(((output >= 0) & (output <= outputs - width)).all(), f"a tree adds to none of {outputs} outputs")
    require(has_codes[_slots(tables, tables.top[:, 0], "a split")].all(), "a split compares no column")
    codes = tables.top[:, 1]
    require((np.abs(codes) <= HIGHEST + 1).all(), "an edge has more than 32 bits")
    require(len(tables.masks) == len(codes), "the masks are not those of the tops")
    last = np.repeat(tops, tops).astype(np.uint32)  # the exit that no split may strike out
    require(((tables.masks >> last) & np.uint32(1)).all(), "a mask leaves a row without an exit")


def _check_nodes(tables: Tables, has_codes: np.ndarray) -> None:
    """Nodes lie level by level, so the children of each node follow from which nodes have any."""
    count, trees = len(tables.node_left), tables.trees
    for name in ("node_place", "node_edge", "node_value"):
        require(len(getattr(tables, name)) == count, f"{name} is not of {count} nodes")
    require(len(tables.exits) == EXITS * len(trees), "the exits are not those of its trees")
    exits = tables.exits.reshape(-1, EXITS).astype(np.int64)
    ways = (trees[:, 3] - trees[:, 2] + 1)[:, None]
    roots, at = exits[:, :1], np.arange(EXITS)
    require((exits == np.where(at < ways, roots + at, 0)).all(), "the exits of a tree are not in order")
    starts, ways = roots[:, 0], ways[:, 0]
    ends = np.append(starts[1:], count)
    require(
        starts[0] == 0 and (ends > starts).all() and (ends <= count).all(), "a tree has no nodes of its own"
    )
    left, nodes = tables.node_left.astype(np.int64), np.arange(count)
    inner = left != nodes
    before = np.concatenate([[0], np.cumsum(inner)])
    own = before[ends] - before[starts]
    require(
        (ends - starts == ways + 2 * own).all(), "the nodes of a tree are not its exits and their children"
    )
    first = np.repeat(starts + ways - 2 * before[starts], own)
    children = first + 2 * before[:-1][inner]
    require((left[inner] == children).all() and (children > nodes[inner]).all(), "a node has other children")
    require(has_codes[_slots(tables, tables.node_place[inner], "a node")].all(), "a node compares no column")
    depth, reached = np.zeros(len(trees), dtype=np.int64), starts + ways
    while (grown := (level := starts + ways + 2 * (before[reached] - before[starts])) > reached).any():
        depth += grown
        reached = level
    require((depth == trees[:, 4]).all(), "a tree is not as deep as it says")


def _slots(tables: Tables, places: np.ndarray, what: str) -> np.ndarray:
    """The slots of places in a block."""
    slots, rest = np.divmod(places.astype(np.int64), tables.block)
    require(((slots >= 0) & (slots < tables.slots) & (rest == 0)).all(), f"{what} is at no slot")
    return slots


def _check_pieces(starts: np.ndarray, lengths: np.ndarray, total: int, what: str, spare: int = 1) -> None:
    """Pieces lie one after the other and fill an array; one of no pieces has `spare` entries."""
    ends = np.cumsum(lengths)
    require((starts == ends - lengths).all(), f"its {what} are not one after the other")
    known = int(ends[-1]) if len(ends) else 0
    require(total == (known or spare), f"it has {total} {what} in place of {known}")
