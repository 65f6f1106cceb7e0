"""The stored program of a version, read from its bytes and checked before anything walks over it."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from scorehouse.certificate.forest import Forest, Tree, as_doubles, as_singles, forest_of

LAYOUT = 1
KINDS = {
    **dict.fromkeys(("trees", "nodes", "group", "feature", "left", "right"), "i"),
    **dict.fromkeys(("edge", "value", "base", "cover"), "f"),
    **dict.fromkeys(("missing_left", "zero_is_missing", "category_named_left"), "b"),
    **dict.fromkeys(("category_node", "category_count", "category_codes"), "i"),
}
FLAGS = ("average", "single", "rounds_inputs", "takes_missing", "takes_infinite")
OF_NODES = ("feature", "edge", "left", "right", "missing_left", "zero_is_missing", "value", "cover")

COPIED = ("left", "right", "feature", "missing_left", "value", "cover")


class Unreadable(Exception):
    """A program that is none: its parts do not fit together."""


@dataclass(frozen=True)
class Stored:
    """The JSON of a program, and its arrays by name."""

    head: Mapping[str, Any]
    arrays: Mapping[str, np.ndarray]

    @property
    def scores(self) -> Mapping[str, Any]:
        """What is stored of trees or matrix products; empty if there are none."""
        return dict(self.head.get("scores") or {})


def read(program: bytes) -> Stored:
    """A program from its bytes; Unreadable if they are none that this reader knows."""
    try:
        with np.load(io.BytesIO(program), allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        head = json.loads(arrays.pop("head").tobytes())
        layout = head["layout"]
    except Exception as error:  # of zip, zlib, JSON and NumPy
        raise Unreadable(f"the program cannot be read ({type(error).__name__}: {error})") from error
    if layout != LAYOUT:
        raise Unreadable(f"its layout is {layout}, and this reader knows layout {LAYOUT}")
    return Stored(head, arrays)


def forests_in(stored: Stored) -> list[Forest]:
    """The trees of each segment, or of one estimator; Unreadable where an index leads out of its array."""
    flags, held = stored.scores["trees"], stored.arrays
    for name, kind in KINDS.items():
        _require(name in held and held[name].dtype.kind == kind, f"{name} is no array of its kind")
    _require(held["value"].ndim == held["base"].ndim == 2, "its leaves or starts are no table")
    sizes, counts = held["nodes"], held["trees"]
    total, outputs = len(held["left"]), held["base"].shape[1]
    for name, found, many in (("nodes", sizes, total), ("trees", counts, len(sizes))):
        _require(
            (found > 0).all() and (found <= many).all() and found.sum() == many, f"its {name} do not add up"
        )
    _require(all(len(held[name]) == total for name in OF_NODES), "an array is not of its nodes")
    _require(len(flags) == len(counts) == len(held["base"]), "its segments do not match")
    _require(all(type(own.get(name)) is bool for own in flags for name in FLAGS), "a flag is missing")
    _require(len(held["group"]) == len(sizes), "its groups are not those of its trees")
    width = held["value"].shape[1]
    _require(((held["group"] >= 0) & (held["group"] + width <= outputs)).all(), "a tree adds to no output")
    starts = np.cumsum(sizes) - sizes
    place = np.arange(total) - np.repeat(starts, sizes)
    leaf = (held["left"] == -1) & (held["right"] == -1)
    for side in ("left", "right"):
        later = (held[side] > place) & (held[side] < np.repeat(sizes, sizes))
        _require((later | leaf).all(), "a child is no later node of its tree")
    children = [(held[side] + np.repeat(starts, sizes))[~leaf] for side in ("left", "right")]
    parents = np.bincount(np.concatenate([*children, starts]), minlength=total)
    _require((parents == 1).all(), "a node is not the child of one other node")
    _require(not np.isnan(held["edge"]).any(), "an edge is no number")
    trees = _trees(held, starts, sizes)
    made, number = [], 0
    for own, count, base in zip(flags, counts.tolist(), held["base"].tolist(), strict=True):
        groups = held["group"][number : number + count].tolist()
        made.append(
            forest_of(
                trees[number : number + count],
                as_singles if own["rounds_inputs"] else as_doubles,
                **facts(groups, base, average=own["average"], single=own["single"]),
                **reading(
                    missing=own["takes_missing"],
                    infinite=own["takes_infinite"],
                    singles=own["rounds_inputs"],
                ),
            )
        )
        number += count
    return made


def facts(groups: list[int], base: Any, *, average: bool, single: bool) -> dict[str, Any]:
    """What is compared by name: how the trees are added up."""
    return {
        "the output of each tree": [int(group) for group in groups],
        "the starts of the sums": [float(start) + 0.0 for start in base],
        "the sums are divided by": max(1, groups.count(0)) if average else 1,
        "the sums are in float32": bool(single),
    }


def reading(*, missing: bool, infinite: bool, singles: bool) -> dict[str, bool]:
    """Which values the trees accept, and whether they are infinite once they are float32."""
    return {
        "it takes missing values": bool(missing),
        "it takes infinite values": bool(infinite),
        "it reads values as float32": bool(singles),
    }


def _trees(held: Mapping[str, np.ndarray], starts: np.ndarray, sizes: np.ndarray) -> list[Tree]:
    """Each tree of all segments, with its splits by category."""
    nodes, counts, codes = held["category_node"], held["category_count"], held["category_codes"]
    _require(len(nodes) == len(counts) == len(held["category_named_left"]), "its categories do not match")
    _require((counts >= 0).all() and counts.sum() == len(codes), "its codes do not add up")
    _require(((nodes >= 0) & (nodes < len(held["left"]))).all(), "a split by category is at no node")
    _require((held["left"][nodes] >= 0).all() and (codes >= 0).all(), "a split by category cannot be")
    _require((np.diff(nodes) > 0).all(), "its splits by category are not in order")
    sides: list[dict[int, tuple[bool, frozenset[int]]]] = [{} for _ in starts]
    ends = np.cumsum(counts)
    of_tree = np.searchsorted(starts, nodes, side="right") - 1
    for i, (tree, node) in enumerate(zip(of_tree.tolist(), nodes.tolist(), strict=True)):
        named = frozenset(codes[ends[i] - counts[i] : ends[i]].tolist())
        sides[tree][node - int(starts[tree])] = (not held["category_named_left"][i], named)
    return [
        Tree(
            **{name: held[name][span] for name in COPIED},
            threshold=held["edge"][span],
            zero=held["zero_is_missing"][span],
            categories=own,
        )
        for span, own in zip(map(slice, starts, starts + sizes), sides, strict=True)
    ]


def _require(is_so: Any, problem: str) -> None:
    if not is_so:
        raise Unreadable(problem)
