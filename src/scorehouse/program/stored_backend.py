"""What backends made of arrays have in common: the columns that they read, and the methods they have.

Those of scores hold one estimator, or one per segment.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property, partial
from typing import Any, Self

import numpy as np
import pyarrow as pa

from scorehouse.kernel import arrays
from scorehouse.kernel import compute as pc
from scorehouse.program.arrays_file import Expected, require
from scorehouse.program.in_arrow import ArrowProgram, without_nan
from scorehouse.program.links import Link
from scorehouse.program.sql.builder import Program
from scorehouse.program.sql.compiled import program_of_json, program_to_json
from scorehouse.program.sql.expression import Feature, walk
from scorehouse.program.text_columns import TextColumns
from scorehouse.registry.version import Version


@dataclass(frozen=True)
class StoredBackend(ABC):
    """Scores canonical feature columns without the estimator; has the methods that `links` names.

    The kernel passes the columns to `read_columns`, and what that returns to the methods. `columns` computes
    the numbers that the backend reads; `singles` are the positions of features that training held in float32.
    """

    columns: Program
    singles: tuple[int, ...]
    links: Mapping[str, Link]
    classes: tuple[Any, ...]

    def __getattr__(self, name: str) -> Any:
        links = self.__dict__.get("links", {})
        if name in links:
            return partial(self._answer, links[name])
        raise AttributeError(f"the backend has no {name!r}")

    @property
    def classes_(self) -> tuple[Any, ...]:
        """What `predict` calls the classes: those of the registry when it was read, kept in workers."""
        return self.classes

    @abstractmethod
    def read_columns(self, columns: Sequence[pa.Array]) -> np.ndarray:
        """What every method of the backend starts with, of shape (rows, outputs).

        Raises ValueError where the estimator would refuse a value.
        """

    def numbers(self, columns: Sequence[pa.Array]) -> list[np.ndarray]:
        """The columns that the backend reads, in doubles; NaN for a missing value."""
        made = self._program([self._read(i, column) for i, column in enumerate(columns)])
        return [arrays.to_numpy(column) for column in made]

    def columns_apart(
        self, columns: Sequence[pa.Array], least: int
    ) -> tuple[dict[int, np.ndarray], list[TextColumns]]:
        """The same by their places, but those of each text feature that makes `least` or more; and these."""
        return self._program.apart([self._read(i, column) for i, column in enumerate(columns)], least)

    @cached_property
    def _program(self) -> ArrowProgram:
        return ArrowProgram(self.columns)

    def _answer(self, link: Link, sums: np.ndarray) -> np.ndarray:
        made = link(sums)
        if not link.is_label:
            return made
        labels = np.empty(len(self.classes), dtype=object)
        labels[:] = self.classes
        return np.asarray(labels.take(made))

    def _read(self, position: int, column: pa.Array) -> pa.Array:
        """A feature as the program takes it: NaN is a missing value."""
        if not pa.types.is_floating(column.type):
            return column
        if position in self.singles:
            column = column.cast(pa.float32(), safe=False).cast(pa.float64())
        return without_nan(column) if position in self._computed_with else column

    @cached_property
    def _computed_with(self) -> frozenset[int]:
        """The features that the program computes with; the others it passes on, NaN as NaN."""
        exprs = [expr for step in self.columns.steps for _, expr in step.made]
        exprs += [expr for _, expr in self.columns.outputs if not isinstance(expr, Feature)]
        return frozenset(part.position for expr in exprs for part in walk(expr) if isinstance(part, Feature))


@dataclass(frozen=True)
class SegmentKeys:
    """The feature at `position` has the segment, one of `known` (strings or numbers).

    Any other value, and a missing one, has the position behind the last of them: that of the fallback, if
    there is one.
    """

    position: int
    known: tuple[Any, ...]
    has_fallback: bool

    def codes(self, columns: Sequence[pa.Array]) -> np.ndarray:
        """The position of each row's segment, of shape (rows,).

        `columns` are features in the kernel's canonical types.
        """
        column = columns[self.position]
        if isinstance(column, pa.DictionaryArray):
            found = _places_among(column.dictionary, self.known).take(column.indices)
        else:
            found = _places_among(column, self.known)
        codes = pc.fill_null(found, arrays.scalar(len(self.known), pa.int32()))
        return arrays.to_numpy(codes).astype(np.int64)

    @classmethod
    def of_json(cls, document: Mapping[str, Any], features: int) -> SegmentKeys:
        """The keys in a file; ValueError for a position that is none of so many features."""
        place = document["position"]
        require(place in range(features), f"its segments are of feature {place!r}, and it has {features}")
        return cls(place, tuple(document["known"]), bool(document["has_fallback"]))


@dataclass(frozen=True)
class ScoringBackend(StoredBackend):
    """The backend of one estimator, or of one per segment, of which `keys` says whose a row is.

    `parameters`, of shape (numbers, segments), are what the program in `columns` reads behind the features.
    """

    keys: SegmentKeys | None = field(default=None, kw_only=True)
    parameters: np.ndarray = field(default_factory=lambda: np.empty((0, 1)), kw_only=True)

    @abstractmethod
    def sums(self, numbers: list[np.ndarray], rows: int, codes: np.ndarray | None) -> np.ndarray:
        """What every method starts with, of shape (rows, outputs).

        `codes` has the segment of each row; None for one estimator. Raises ValueError where the estimator
        would refuse a value.
        """

    @abstractmethod
    def own_in_file(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """What a file has of this kind of backend: an object of JSON, and arrays."""

    @staticmethod
    @abstractmethod
    def expected(head: Mapping[str, Any]) -> Expected:
        """The arrays of a file with this JSON; ValueError for no JSON of `own_in_file`."""

    @classmethod
    @abstractmethod
    def of_file(cls, head: Mapping[str, Any], held: Mapping[str, np.ndarray], version: Version) -> Self:
        """The backend that `in_file` gave; ValueError for what does not fit together."""

    def in_file(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """What a file has of the scores."""
        head, arrays = self.own_in_file()
        common = {
            "columns": program_to_json(self.columns),
            "singles": self.singles,
            "links": {method: link.facts() for method, link in self.links.items()},
            "segments": self.keys and asdict(self.keys),
        }
        return {**common, **head}, {"parameters": self.parameters, **arrays}

    @cached_property
    def segments(self) -> int:
        """How many estimators there are, the fallback among them."""
        return len(self.keys.known) + self.keys.has_fallback if self.keys else 1

    def read_columns(self, columns: Sequence[pa.Array]) -> np.ndarray:
        rows = len(columns[0]) if columns else 0
        if self.keys is None:
            return self.sums(self.numbers(columns), rows, None)
        codes = self.keys.codes(columns)
        without = codes >= self.segments
        codes[without] = 0  # any segment; the row has no score
        made = self.sums(self._numbers(columns, codes), rows, codes)
        made[without] = np.nan
        return made

    def numbers(self, columns: Sequence[pa.Array]) -> list[np.ndarray]:
        if self.keys is None:
            return super().numbers(columns)
        return self._numbers(columns, np.minimum(self.keys.codes(columns), self.segments - 1))

    def _numbers(self, columns: Sequence[pa.Array], codes: np.ndarray) -> list[np.ndarray]:
        features = [self._read(i, column) for i, column in enumerate(columns)]
        own = [arrays.of_numpy(numbers.take(codes)) for numbers in self.parameters]
        return [arrays.to_numpy(column) for column in self._program([*features, *own])]


def scoring_of(
    head: Mapping[str, Any], held: Mapping[str, np.ndarray], version: Version, sizes: set[int]
) -> dict[str, Any]:
    """The arguments that backends of scores have in common, from a file.

    Raises ValueError unless `sizes`, the numbers of segments that its arrays are of, are those of its keys.
    """
    given, parameters = head["segments"], held["parameters"]
    keys = SegmentKeys.of_json(given, version.n_features) if given else None
    known = len(keys.known) + keys.has_fallback if keys else 1
    found = f"its arrays are of {sorted(sizes)} segments, its parameters of {parameters.shape[1]}"
    require(sizes == {known} == {parameters.shape[1]}, f"{found}, and it knows {known}")
    return {
        "columns": program_of_json(head["columns"]),
        "singles": places(head["singles"], version.n_features, "a feature in float32"),
        "links": {
            method: Link(link["kind"], tuple(link["numbers"]), link["is_label"], link.get("each", 0))
            for method, link in head["links"].items()
        },
        "classes": version.classes,
        "keys": keys,
        "parameters": parameters,
    }


def places(numbers: Sequence[Any], count: int, what: str) -> tuple[int, ...]:
    """Positions among `count` things, from JSON; ValueError for any other number."""
    are_places = all(type(number) is int and 0 <= number < count for number in numbers)
    require(are_places, f"{what} is none of {count}")
    return tuple(numbers)


def _places_among(column: pa.Array, known: Sequence[Any]) -> pa.Array:
    """The position of each value in `known`, in 32 bits; NULL for others."""
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.int64())
    if pa.types.is_floating(column.type):
        column = pc.add(column.cast(pa.float64()), arrays.scalar(0.0))  # -0.0 is 0.0
        known = [float(value) for value in known]
    if not known:
        return pa.nulls(len(column), pa.int32())
    kind = pa.string() if pa.types.is_large_string(column.type) else column.type
    return pc.index_in(column, value_set=arrays.array(list(known), kind))
