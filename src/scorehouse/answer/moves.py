"""What a feature may become: one value for each of the cells that the ML model can tell apart, by distance.

Trees tell two values apart only if an edge lies between them. So it is enough to try, of each cell, the value
that is nearest to the person's own. Where nothing is known of cells, every allowed value is tried.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import numpy as np

from scorehouse.answer.settings import MOST_STEPS, NUMBERS, Change
from scorehouse.program.native.stored import StoredTrees
from scorehouse.program.sql.expression import (
    Arith,
    Call,
    Case,
    Cast,
    Column,
    Expr,
    IsNull,
    Literal,
    Sum,
    walk,
)
from scorehouse.program.sql.expression import Feature as Read
from scorehouse.program.stored_backend import ScoringBackend
from scorehouse.program.trees.tree import ZERO, Tree
from scorehouse.registry.signature import Feature
from scorehouse.registry.version import FRAGILE, Version

MOST_VALUES = 20_000  # of a feature whose cells are not known
Numbers = Callable[[np.ndarray], list[np.ndarray]]
FINEST = 100  # steps over the range of a feature whose values have no step, at least


@dataclass(frozen=True)
class Moves:
    """The moves of one feature. A number becomes a multiple of `step` from `low` to `high` of these.

    `edges` are multiples behind which another cell begins; None: each is a cell of its own, and every
    `factor`-th is tried. `is_monotone` says that what reads the feature rises, or falls, all the way.
    `scale` is the range of training, by which a change is divided; a text or a boolean, and a missing number,
    changes by 1.
    """

    feature: Feature
    change: Change
    scale: float = 1.0
    step: float = 1.0
    low: int = 0
    high: int = 0
    edges: np.ndarray | None = None
    factor: int = 1
    is_monotone: bool = False

    @property
    def slack(self) -> float:
        """The distance within which a nearer value may have been left out."""
        return self.change.weight * self.step * self.factor / self.scale if self.factor > 1 else 0.0

    def value(self, multiples: np.ndarray) -> np.ndarray:
        """The numbers, as a person would write them."""
        if self.feature.type == "integer":
            return multiples * int(self.step)
        return np.round(multiples * self.step, _decimals(self.step))

    def of(self, own: Any, near: Any = None) -> tuple[list[Any], np.ndarray]:
        """The values to try beside the own one, which comes first, and their distances, which rise.

        With `near`, where every `factor`-th was tried: all that are about as far from the own one as that.
        """
        if self.feature.type not in NUMBERS:
            known = self.change.values or ((True, False) if self.feature.type == "boolean" else ())
            others = [value for value in known or self.feature.categories or () if value != own]
            return [own, *others], np.array([0.0] + [self.change.weight] * len(others))
        ends = np.array([self.low, self.high], dtype=np.int64)
        if self.factor > 1 and None not in (own, near):
            window = np.arange(-self.factor - 1, self.factor + 2)
            middles = [round(each / self.step) for each in (near, 2 * own - near)]
            up = down = np.clip(np.concatenate([window + each for each in middles]), self.low, self.high)
        elif self.edges is None:
            first = -(-self.low // self.factor) * self.factor
            up = down = np.append(np.arange(first, self.high + 1, self.factor), ends)
        else:
            up, down = np.append(self.edges + 1, ends), np.append(self.edges, ends)
        if own is None:
            values = self.value(np.unique(up))
            distances = np.full(len(values), self.change.weight)
        else:
            above, below = self.value(np.unique(up)), self.value(np.unique(down))
            parts = [above[above > own]] if self.change.direction != "down" else []
            parts += [below[below < own]] if self.change.direction != "up" else []
            values = np.concatenate(parts)
            distances = self.change.weight * np.abs(values - own) / self.scale
        order = np.argsort(distances, kind="stable")
        return [own, *values[order].tolist()], np.append(0.0, distances[order])


def moves_of(feature: Feature, change: Change, version: Version) -> Moves:
    """The moves of a feature before its cells are known; its step is that of its values in training."""
    if feature.type not in NUMBERS:
        return Moves(feature, change)
    low, high = change.span(feature)
    assert low is not None and high is not None  # Change.checked
    known = version.program.get(FRAGILE, {}).get("steps", {}).get(feature.name, {}).get("step")
    if feature.type == "integer":
        step = float(math.ceil(change.step or 1))
    else:
        if max(abs(low), abs(high)) >= MOST_STEPS * (known or 0.0):
            known = None
        step = change.step or known or 10.0 ** math.floor(math.log10((high - low) / FINEST))
    trained = [feature.minimum, feature.maximum]
    scale = (trained[1] - trained[0]) if None not in trained else 0.0  # type: ignore[operator]
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return Moves(feature, change, scale or high - low, step, first, last)


def with_cells(moves: Moves, position: int, backend: ScoringBackend | None, numbers: Numbers) -> Moves:
    """The same moves with the cells that trees tell apart, found by halving on the stored program itself.

    `numbers` gives what the trees read where the feature, at `position`, has these values. Where no cells are
    known, and values are many, not each is tried.
    """
    if moves.feature.type not in NUMBERS:
        return moves
    edges_of = (
        _edges_by_column(backend, position) if isinstance(backend, StoredTrees) and not backend.keys else None
    )
    if edges_of is None:
        excess = (moves.high - moves.low) / MOST_VALUES
        factor = 10 ** math.ceil(math.log10(excess)) if excess > 1 else 1
        is_monotone = backend is not None and _is_read_once(backend, position)
        return replace(moves, factor=factor, is_monotone=is_monotone)
    found = [np.empty(0, dtype=np.int64)]
    ends = numbers(moves.value(np.array([moves.low, moves.high])))
    for column, edges in edges_of.items():
        first, last = ends[column]
        edges = edges[(min(first, last) <= edges) & (edges < max(first, last))]
        # the last multiple whose number is on the side of the edge that that of the lowest multiple is on
        low, high = (np.full(len(edges), end, dtype=np.int64) for end in (moves.low, moves.high))
        while (high - low > 1).any():
            middle = (low + high) // 2
            before = (numbers(moves.value(middle))[column] <= edges) == (first <= last)
            low, high = np.where(before, middle, low), np.where(before, high, middle)
        found.append(low)
    return replace(moves, edges=np.unique(np.concatenate(found)))


def _edges_by_column(backend: StoredTrees, position: int) -> dict[int, np.ndarray] | None:
    """The edges of each column that the trees read of a feature.

    None where a column reads other features too, or may fall and rise, or where a split is by category: then
    values next to each other say nothing of those between them.
    """
    steps, read = _steps(backend), features_by_column(backend)
    found: dict[int, np.ndarray] = {}
    for column, (_, expr) in enumerate(backend.columns.outputs):
        if position not in read[column]:
            continue
        trees = [tree for model in backend.models for tree in model.ensemble.trees]
        by_category = any(column == tree.feature[node] for tree in trees for node in tree.categories)
        if read[column] != {position} or by_category or not _is_monotone(expr, steps):
            return None
        edges = [tree.edge[nodes] for tree in trees if len(nodes := _splits(tree, column))]
        if any(tree.zero_is_missing is not None and tree.zero_is_missing.any() for tree in trees):
            edges.append(np.array([np.nextafter(-ZERO, -np.inf), ZERO]))
        found[column] = np.unique(np.concatenate([*edges, np.empty(0)]))
    return found


def _is_read_once(backend: ScoringBackend, position: int) -> bool:
    """Whether one column alone reads the feature, and nothing else, and rises or falls with it."""
    read = features_by_column(backend)
    columns = [column for column, own in enumerate(read) if position in own]
    if len(columns) != 1 or read[columns[0]] != {position}:
        return False
    return _is_monotone(backend.columns.outputs[columns[0]][1], _steps(backend))


def _is_monotone(expr: Expr, steps: Mapping[str, Expr]) -> bool:
    """Whether an expression of one feature rises, or falls, with its values."""

    def is_monotone(expr: Expr) -> bool:
        match expr:
            case Column():
                return is_monotone(steps[expr.name])
            case Read() | Literal() | IsNull():
                return True
            case Arith():
                return is_monotone(expr.left) and isinstance(expr.right, Literal)
            case Sum():
                reading = [each for each in expr.terms if _features(each, steps)]
                return len(reading) <= 1 and all(map(is_monotone, expr.terms))
            case Cast():
                return expr.type == "double" and is_monotone(expr.arg)
            case Call():
                return expr.name == "coalesce" and all(map(is_monotone, expr.args))
            case Case():  # for values that are there, one branch is always taken
                branches = [*(value for _, value in expr.whens), *([expr.default] if expr.default else [])]
                return all(isinstance(each, IsNull) for each, _ in expr.whens) and all(
                    map(is_monotone, branches)
                )
        return False

    return is_monotone(expr)


def features_by_column(backend: ScoringBackend) -> list[set[int]]:
    """The positions of the features that each column depends on that the backend reads."""
    steps = _steps(backend)
    return [_features(expr, steps) for _, expr in backend.columns.outputs]


def _steps(backend: ScoringBackend) -> dict[str, Expr]:
    return {name: expr for step in backend.columns.steps for name, expr in step.made}


def _features(expr: Expr, steps: Mapping[str, Expr]) -> set[int]:
    parts = list(walk(expr))
    inner = [_features(steps[part.name], steps) for part in parts if isinstance(part, Column)]
    return {part.position for part in parts if isinstance(part, Read)}.union(*inner)


def _splits(tree: Tree, column: int) -> np.ndarray:
    nodes = tree.numeric_nodes
    return nodes[tree.feature[nodes] == column]


def _decimals(step: float) -> int:
    return max(0, -int(Decimal(repr(step)).normalize().as_tuple().exponent))
