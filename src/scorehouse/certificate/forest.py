"""Trees of a program or a library in one form: each split as the exact set of inputs that go left."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

Rule = Callable[[np.ndarray, np.ndarray], np.ndarray]  # of values and thresholds: whether each goes left
Side = tuple[bool, frozenset[int]]  # whether a category goes left, but for these, which go to the other side
ZERO = float(np.float32(1e-35))  # LightGBM takes a value at most this far from 0 as 0
ZERO_IN_SINGLE = float((np.float64(ZERO) + np.float64(np.nextafter(np.float32(ZERO), np.float32(1)))) / 2)
MIDDLE = np.uint64((0x7FF << 52) + 1)  # the place of 0.0 among all doubles: -inf has place 1
MOST_TEXTS = 100  # differences that are written; one is enough to know


class NotRead(Exception):
    """What this reader does not know, which leaves a part proven on rows only."""


@dataclass(frozen=True)
class Tree:
    """One tree of a library, with an entry per node, the root first; `left` is negative at a leaf.

    `zero`: a value that counts as 0 goes where a missing one goes. `cover`: how many rows of training, or
    what weight of them, the library counted at each node.
    """

    left: np.ndarray
    right: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    missing_left: np.ndarray
    value: np.ndarray
    cover: np.ndarray
    zero: np.ndarray | None = None
    categories: Mapping[int, Side] = field(default_factory=dict)


@dataclass(frozen=True)
class Forest:
    """All trees of an estimator; `facts` are what is compared by name, such as the start of each sum.

    `left` and `right` are places among all nodes; `cut` is the place among all doubles of the largest that
    goes left, 0 for none. `singles` are the features whose values are rounded to float32 before that.
    """

    roots: np.ndarray
    left: np.ndarray
    right: np.ndarray
    feature: np.ndarray
    cut: np.ndarray
    missing_left: np.ndarray
    zero: np.ndarray
    value: np.ndarray
    cover: np.ndarray
    categories: Mapping[int, Side]
    facts: Mapping[str, Any]
    singles: frozenset[int] = frozenset()

    def zero_at(self, node: int) -> float:
        """The largest size that counts as 0 there; 0 where none does."""
        if not self.zero[node]:
            return 0.0
        return ZERO_IN_SINGLE if int(self.feature[node]) in self.singles else ZERO


def forest_of(trees: Sequence[Tree], rule: Rule, **facts: Any) -> Forest:
    """One form of trees whose splits follow `rule`."""
    sizes = np.array([len(tree.left) for tree in trees])
    roots = np.cumsum(sizes) - sizes
    starts = np.repeat(roots, sizes)

    def all_of(name: str) -> np.ndarray:
        return np.concatenate([getattr(tree, name) for tree in trees])

    left = all_of("left").astype(np.int64)
    leaf = left < 0
    zero = np.concatenate(
        [np.zeros(len(t.left), dtype=bool) if t.zero is None else t.zero.astype(bool) for t in trees]
    )
    zero &= ~leaf
    threshold = np.where(leaf, 0.0, all_of("threshold"))
    cut = cuts(rule, threshold)
    if zero.any():
        cut[zero] = cuts(_around_zero, threshold[zero])
    categories = {
        int(root) + node: side
        for root, tree in zip(roots, trees, strict=True)
        for node, side in tree.categories.items()
    }
    return Forest(
        roots=roots,
        left=np.where(leaf, -1, left + starts),
        right=np.where(leaf, -1, all_of("right").astype(np.int64) + starts),
        feature=all_of("feature").astype(np.int64),
        cut=cut,
        missing_left=all_of("missing_left").astype(bool),
        zero=zero,
        value=all_of("value") + 0.0,  # -0.0 and 0.0 are one number
        cover=all_of("cover").astype(np.float64),
        categories=categories,
        facts={"the number of trees": len(trees), **facts},
    )


def as_doubles(values: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """A value up to the threshold goes left."""
    return np.asarray(values <= thresholds)


def as_singles(values: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """A value goes left that is up to the threshold once it is rounded to float32."""
    with np.errstate(over="ignore"):
        return np.asarray(values.astype(np.float32).astype(np.float64) <= thresholds)


def _around_zero(values: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """As doubles; those that count as 0, whose side is another matter, as the next larger value."""
    return np.where(np.abs(values) <= ZERO, np.nextafter(ZERO, 1.0), values) <= thresholds


def doubles_at(places: np.ndarray) -> np.ndarray:
    """The doubles at places among all of them."""
    signed = (places.astype(np.uint64) - MIDDLE).view(np.int64)
    sizes = np.abs(signed).view(np.float64)
    return np.where(signed < 0, -sizes, sizes)


def places_of(doubles: np.ndarray) -> np.ndarray:
    """The places of doubles among all of them."""
    sizes = np.abs(doubles).view(np.int64)
    return np.where(doubles < 0, -sizes, sizes).view(np.uint64) + MIDDLE


def read_in_single(forest: Forest, features: Sequence[int]) -> Forest:
    """The same trees over doubles, for features whose values are rounded to float32 before the trees."""
    chosen = np.isin(forest.feature, features) & (forest.left >= 0)
    cut = forest.cut.copy()
    for zero in (False, True):
        nodes = chosen & (forest.zero == zero) & (cut > 0)

        def rule(values: np.ndarray, thresholds: np.ndarray, zero: bool = zero) -> np.ndarray:
            with np.errstate(over="ignore"):
                singles = values.astype(np.float32).astype(np.float64)
            return (_around_zero if zero else as_doubles)(singles, thresholds)

        doubles = doubles_at(cuts(rule, doubles_at(cut[nodes])))
        if zero:  # all that counts as 0 has one place, as in forests of doubles
            below = np.nextafter(-ZERO_IN_SINGLE, -np.inf)
            doubles = np.where(np.abs(doubles) <= ZERO_IN_SINGLE, below, doubles)
        cut[nodes] = places_of(doubles)
    return replace(forest, cut=cut, singles=frozenset(features))


def cuts(rule: Rule, thresholds: np.ndarray) -> np.ndarray:
    """For each threshold the place of the largest double that goes left, found by halving all doubles."""
    distinct, which = np.unique(thresholds, return_inverse=True)
    low = np.zeros(len(distinct), dtype=np.uint64)
    high = np.full(len(distinct), MIDDLE + (MIDDLE - np.uint64(1)), dtype=np.uint64)
    while (low < high).any():
        middle = high - (high - low) // np.uint64(2)
        left = rule(doubles_at(middle), distinct)
        low, high = np.where(left, middle, low), np.where(left | (low == high), high, middle - np.uint64(1))
    return low[which.reshape(-1)]


def differences(found: Forest, expected: Forest, *, counts: bool = False) -> list[str]:
    """How the trees of a program differ from those of its estimator, node by node; `counts`: of rows too."""
    texts = [
        f"{name}: it has {found.facts.get(name)}, the estimator {fact}"
        for name, fact in expected.facts.items()
        if found.facts.get(name) != fact
    ]
    if len(found.roots) != len(expected.roots) or found.value.shape[1] != expected.value.shape[1]:
        return [*texts, f"its trees have {found.value.shape[1]} values per leaf"][:MOST_TEXTS]
    for text in _walked(found, expected, counts=counts):
        texts.append(text)
        if len(texts) == MOST_TEXTS:
            break
    return texts


def _walked(found: Forest, expected: Forest, *, counts: bool) -> Iterator[str]:
    """All trees at once, a level at a time, along the nodes of the estimator."""
    a, b, tree = found.roots, expected.roots, np.arange(len(found.roots))
    is_root = True
    by_category = [np.isin(np.arange(len(one.left)), [*one.categories]) for one in (found, expected)]
    while len(a):
        leaf, other = found.left[a] < 0, expected.left[b] < 0
        inner = ~leaf & ~other
        named, others = by_category[0][a], by_category[1][b]
        differ = np.zeros(len(a), dtype=bool)
        for i in np.flatnonzero(inner & named & others).tolist():
            differ[i] = found.categories[int(a[i])] != expected.categories[int(b[i])]
        values, places = (found.value[a], expected.value[b]), (found.cut[a], expected.cut[b])
        same = (values[0] == values[1]) | (np.isnan(values[0]) & np.isnan(values[1]))
        features, missing, zeros = (
            (getattr(found, name)[a], getattr(expected, name)[b])
            for name in ("feature", "missing_left", "zero")
        )
        plain = inner & ~named & ~others
        checks: list[tuple[np.ndarray, str, Any, Any, Callable[[Any], str]]] = [
            (leaf != other, "is it a leaf:", leaf, other, str),
            (leaf & other & ~same.all(axis=1), "the values of its leaf are", *values, _listed),
            (inner & (features[0] != features[1]), "it reads column", *features, str),
            (inner & (named != others), "does it split by category:", named, others, str),
            (differ, "its split by category is", _Sides(found, a), _Sides(expected, b), str),
            (plain & (places[0] != places[1]), "the largest value to its left is", *places, _double),
            (plain & (missing[0] != missing[1]), "does a missing value go left:", *missing, str),
            (plain & (zeros[0] != zeros[1]), "is 0 missing:", *zeros, str),
        ]
        if counts:
            rows = (found.cover[a], expected.cover[b])
            read = inner | (not is_root)  # but for trees of one leaf, whose rows nothing reads
            checks.append((read & (rows[0] != rows[1]), "the training rows that reach it are", *rows, str))
        for wrong, text, ours, theirs, show in checks:
            for i in np.flatnonzero(wrong).tolist():
                node = f"tree {tree[i]}, node {a[i] - found.roots[tree[i]]}"
                yield f"{node}: {text} {show(ours[i])}, the estimator's {show(theirs[i])}"
        a = np.concatenate([found.left[a[inner]], found.right[a[inner]]])
        b = np.concatenate([expected.left[b[inner]], expected.right[b[inner]]])
        tree = np.tile(tree[inner], 2)
        is_root = False


class _Sides:
    """The sides of categories by the number of a pair of nodes."""

    def __init__(self, forest: Forest, nodes: np.ndarray) -> None:
        self.forest, self.nodes = forest, nodes

    def __getitem__(self, i: int) -> str:
        left, named = self.forest.categories[int(self.nodes[i])]
        return f"{sorted(named)} to the {'right' if left else 'left'}"


def _double(place: np.uint64) -> str:
    return repr(float(doubles_at(np.array([place]))[0])) if place else "none"


def _listed(values: np.ndarray) -> str:
    return str(values.tolist())
