"""The nearest allowed change of a row that leads to another decision, replayed through what scored it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from scorehouse.answer.additive import nearest_of_sums
from scorehouse.answer.boxes import MOST_MOVES, Leaves, RowLimits, through_boxes
from scorehouse.answer.moves import features_by_column, moves_of, with_cells
from scorehouse.answer.outcome import Outcome
from scorehouse.answer.search import Flips, Found, Search, nearest
from scorehouse.answer.settings import NUMBERS, Change
from scorehouse.explain.story import Explainer
from scorehouse.kernel import arrays
from scorehouse.kernel.rows import check_batch
from scorehouse.program.matrix.layers import StoredMatrix, one_product
from scorehouse.program.native.stored import StoredTrees
from scorehouse.program.store import reading, scores_of
from scorehouse.program.stored_backend import ScoringBackend
from scorehouse.registry.signature import Feature

ARROW = {"double": pa.float64(), "integer": pa.int64(), "boolean": pa.bool_(), "string": pa.string()}


@dataclass(frozen=True)
class Changed:
    """A feature that would be `becomes` instead of `value`."""

    feature: str
    value: Any
    becomes: Any


@dataclass(frozen=True)
class Alternative:
    """What would have led elsewhere: `changes`, with the `decision` and `score` that a replay gives for them.

    `distance` sums the changes, each divided by the range of its feature in training. Where a nearer change
    may have been missed, none is nearer than `none_below`, and none of one or two features nearer than
    `none_of_two_below` (0: nothing is known); both are None otherwise. Without `flips`, no allowed change was
    found that leads to another decision, and this one came nearest.
    """

    flips: bool
    changes: tuple[Changed, ...]
    decision: Any
    score: float | None
    distance: float
    none_below: float | None
    none_of_two_below: float | None
    tried: int


class Alternatives:
    """Finds them for the rows of one run; the version is read once, and so are the cells of its trees."""

    def __init__(self, explainer: Explainer, changeable: Mapping[str, Change]) -> None:
        self.explainer, self.names = explainer, list(changeable)
        self.kernel, version = explainer.kernel.alone, explainer.version
        self.features = {feature.name: feature for feature in self.kernel.signature.features}
        self.moves = [moves_of(self.features[name], change, version) for name, change in changeable.items()]
        self.program: ScoringBackend | None = None
        if {"native", "matrix"} & set(version.program) and not version.segments:
            with reading("native", version, explainer.call):
                self.program = scores_of(explainer.files.read(self.kernel), version)
        self.columns = self._columns()
        self.has_cells = False

    def _columns(self) -> list[list[int]] | None:
        """The columns of the program that read each changeable feature; None if one of them reads several."""
        if self.program is None:
            return None
        places = [list(self.features).index(name) for name in self.names]
        read = features_by_column(self.program)
        if any(len(own.intersection(places)) > 1 for own in read):
            return None
        return [[column for column, own in enumerate(read) if place in own] for place in places]

    @cached_property
    def leaves(self) -> Leaves | None:
        """Of trees whose sums have limits that say what is decided."""
        program, binary = self.program, len(self.kernel.version.classes) == 2
        if not isinstance(program, StoredTrees) or not (binary or self.kernel.version.task == "regression"):
            return None
        return Leaves.of(program.models[0])

    @cached_property
    def is_additive(self) -> bool:
        """Whether each changeable feature adds to one sum by itself."""
        program = self.program
        if not isinstance(program, StoredMatrix) or self.columns is None:
            return False
        product = one_product(program.layers, len(program.columns.outputs))
        return product is not None and len(product[0]) == 1

    def numbers(self, rows: pa.RecordBatch) -> list[np.ndarray]:
        """What the program reads of rows."""
        assert self.program is not None
        return self.program.numbers(check_batch(self.kernel.signature, rows, frozenset()).columns)

    def _find_cells(self, row: pa.RecordBatch) -> None:
        """Any row serves: the columns of a feature read no other one."""
        for place, moves in enumerate(self.moves):

            def numbers(values: np.ndarray, name: str = moves.feature.name) -> list[np.ndarray]:
                return self.numbers(replaced(row, {name: arrays.of_numpy(values)}, len(values)))

            position = list(self.features).index(moves.feature.name)
            self.moves[place] = with_cells(moves, position, self.program, numbers)
        self.has_cells = True

    def of(self, row: pa.RecordBatch, outcome: Outcome) -> Alternative:
        """The nearest change of a row that is decided as `outcome` says."""
        if not self.has_cells:
            self._find_cells(row)
        own = [own_value(row.column(name)[0].as_py(), self.features[name]) for name in self.names]
        found, values, distances = self._nearest(row, outcome, own, [None] * len(own))
        if any(moves.factor > 1 for moves in self.moves):
            # a nearer one may be between values that were tried, or anywhere if the score rises and falls
            is_known = found.by_sums and all(one.is_monotone for one in self.moves if one.factor > 1)
            slack = sum(moves.slack for moves in self.moves) if is_known else np.inf
            below = max(0.0, min(found.bound, found.distance) - slack) if np.isfinite(slack) else 0.0
            if found.places:
                near = [some[place] for some, place in zip(values, found.places, strict=True)]
                found, values, distances = self._nearest(row, outcome, own, near)
                below = found.bound if is_known and len(own) == 1 else below
            found = replace(found, bound=below, bound_of_pairs=below)
        places = found.places or found.missed or (0,) * len(self.names)
        becomes = {
            name: column_of([some[place]], self.features[name])
            for name, some, place in zip(self.names, values, places, strict=True)
            if place
        }
        table, (decision,) = self.explainer.decided(replaced(row, becomes, 1))
        return Alternative(
            flips=decision not in (None, outcome.decided),
            changes=tuple(
                Changed(name, some[0], some[place])
                for name, some, place in zip(self.names, values, places, strict=True)
                if place
            ),
            decision=decision,
            score=table.column(outcome.column)[0].as_py() if outcome.column else None,
            distance=float(sum(far[place] for far, place in zip(distances, places, strict=True))),
            none_below=None if found.bound >= found.distance else found.bound,
            none_of_two_below=None if found.bound_of_pairs >= found.distance else found.bound_of_pairs,
            tried=found.tried,
        )

    def _nearest(
        self, row: pa.RecordBatch, outcome: Outcome, own: Sequence[Any], near: Sequence[Any]
    ) -> tuple[Found, list[list[Any]], list[np.ndarray]]:
        """The nearest of the combinations of the moves, `near` some values or not, and the moves."""
        pairs = [moves.of(*each) for moves, *each in zip(self.moves, own, near, strict=True)]
        values, distances = [some for some, _ in pairs], [far for _, far in pairs]
        columns = [
            column_of(some, self.features[name]) for name, some in zip(self.names, values, strict=True)
        ]

        def rows(places: np.ndarray) -> pa.RecordBatch:
            changed = {
                name: column.take(arrays.of_numpy(np.ascontiguousarray(at)))
                for name, column, at in zip(self.names, columns, places.T, strict=True)
                if at.any()
            }
            return replaced(row, changed, len(places))

        def by_rows(places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            scored = self.kernel(rows(places))
            return outcome.differs(scored), outcome.shortfall(scored)

        found = self._by_program(rows, distances, outcome, by_rows)
        if found is None or (found.places and not by_rows(np.array([found.places]))[0][0]):
            found = nearest(distances, by_rows)
        return found, values, distances

    def _by_program(
        self,
        rows: Callable[[np.ndarray], pa.RecordBatch],
        distances: Sequence[np.ndarray],
        outcome: Outcome,
        by_rows: Flips,
    ) -> Found | None:
        """Search on the numbers that the program reads, without checks of rows; None where that says nothing.

        The numbers of each move of each feature are computed once, and put together for combinations.
        """
        program, kernel = self.program, self.kernel
        if program is None or self.columns is None or kernel.strict:
            return None
        counts = [len(far) for far in distances]
        ends = np.cumsum(counts)
        alone = np.zeros((int(ends[-1]), len(counts)), dtype=np.int64)
        for feature, (end, count) in enumerate(zip(ends, counts, strict=True)):
            alone[end - count : end, feature] = np.arange(count)
        numbers = np.stack(self.numbers(rows(alone)))

        def scored(sums: np.ndarray) -> pa.RecordBatch:
            made = kernel.outputs.predict(program, sums)
            return pa.RecordBatch.from_arrays([*made, pa.nulls(len(sums), pa.string())], schema=kernel.schema)

        if outcome.column is not None and self.is_additive:
            sums = program.sums(list(numbers), len(alone), None)[:, 0]
            gains = np.split(sums - sums[0], ends[:-1])
            return nearest_of_sums(
                distances, gains, float(sums[0]), lambda some: outcome.differs(scored(some[:, None])), by_rows
            )

        def flips(places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            block = np.repeat(numbers[:, :1], len(places), axis=1)
            for feature, (end, count) in enumerate(zip(ends, counts, strict=True)):
                for column in self.columns[feature] if self.columns else ():
                    block[column] = numbers[column, end - count : end].take(places[:, feature])
            found = scored(program.sums(list(block), len(places), None))
            return outcome.differs(found), outcome.shortfall(found)

        bounded = None
        if self.leaves is not None and max(counts) <= MOST_MOVES:
            parts = [numbers[:, end - count : end] for end, count in zip(ends, counts, strict=True)]
            limits = RowLimits(self.leaves, parts, self.columns)

            def may_differ(low: np.ndarray, high: np.ndarray) -> np.ndarray:
                # of two outputs, the score rises with the second and falls with the first
                lowest = np.column_stack([high[:, 0], low[:, -1]])
                highest = np.column_stack([low[:, 0], high[:, -1]])
                both = scored(np.concatenate([lowest, highest])[:, -low.shape[1] :])
                return outcome.may_differ(both.slice(0, len(low)), both.slice(len(low)))

            def bounded(search: Search) -> float:
                return through_boxes(search, limits, may_differ)

        return nearest(distances, flips, bounded=bounded)


def replaced(row: pa.RecordBatch, columns: Mapping[str, pa.Array], rows: int) -> pa.RecordBatch:
    """The row so often, with other columns in place of its own."""
    places = arrays.of_numpy(np.zeros(rows, dtype=np.int64))
    made = [columns[name] if name in columns else row.column(name).take(places) for name in row.schema.names]
    return pa.RecordBatch.from_arrays(made, names=row.schema.names)


def own_value(value: Any, feature: Feature) -> Any:
    """A value in the type of its feature, whatever number the table has; None for a missing one."""
    if value is None or feature.type not in NUMBERS:
        return value
    number = float(value)
    return None if not np.isfinite(number) else int(value) if feature.type == "integer" else number


def column_of(values: Sequence[Any], feature: Feature) -> pa.Array:
    """Values of a feature as a column that the kernel takes."""
    column: pa.Array = pa.array(values, ARROW[feature.type])
    return column.dictionary_encode() if feature.type == "string" else column
