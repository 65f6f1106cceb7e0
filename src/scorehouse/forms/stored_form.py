"""What stored forms made of arrays have in common: the columns that they read, and the methods they have."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
import pyarrow as pa

from scorehouse.forms.in_arrow import computed, without_nan
from scorehouse.forms.links import Link
from scorehouse.forms.sql.builder import Program
from scorehouse.forms.sql.expression import Feature, walk
from scorehouse.forms.sql.stored import program_of_json, program_to_json
from scorehouse.kernel import arrays
from scorehouse.registry.version import Version


@dataclass(frozen=True)
class StoredForm(ABC):
    """Scores canonical feature columns without the estimator; has the methods that `links` names.

    The kernel passes the columns to `read_columns`, and what that returns to the methods. `columns` computes
    the numbers that the form reads; `singles` are the positions of features that training held in float32.
    """

    columns: Program
    singles: tuple[int, ...]
    links: Mapping[str, Link]
    classes: tuple[Any, ...]

    def __getattr__(self, name: str) -> Any:
        links = self.__dict__.get("links", {})
        if name in links:
            return partial(self._answer, links[name])
        raise AttributeError(f"the stored form has no {name!r}")

    @property
    def classes_(self) -> tuple[Any, ...]:
        """What `predict` calls the classes: the registry when the form was read, which is kept in workers."""
        return self.classes

    @abstractmethod
    def read_columns(self, columns: Sequence[pa.Array]) -> np.ndarray:
        """What every method of the form starts with, of shape (rows, outputs).

        Raises ValueError where the estimator would refuse a value.
        """

    def numbers(self, columns: Sequence[pa.Array]) -> list[np.ndarray]:
        """The columns that the form reads, in doubles; NaN for a missing value."""
        made = computed(self.columns, [self._read(i, column) for i, column in enumerate(columns)])
        return [arrays.to_numpy(column) for column in made]

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


def head_of(form: StoredForm) -> dict[str, Any]:
    """What is common, as JSON can hold it."""
    return {
        "columns": program_to_json(form.columns),
        "singles": form.singles,
        "links": {method: link.facts() for method, link in form.links.items()},
    }


def common_of(head: Mapping[str, Any], version: Version) -> dict[str, Any]:
    """The arguments that `head_of` wrote."""
    return {
        "columns": program_of_json(head["columns"]),
        "singles": places(head["singles"], version.n_features, "a feature in float32"),
        "links": {
            method: Link(link["kind"], tuple(link["numbers"]), link["is_label"], link.get("each", 0))
            for method, link in head["links"].items()
        },
        "classes": version.classes,
    }


def places(numbers: Sequence[Any], count: int, what: str) -> tuple[int, ...]:
    """Positions among `count` things, from JSON; ValueError for any other number."""
    if not all(type(number) is int and 0 <= number < count for number in numbers):
        raise ValueError(f"{what} is none of {count}")
    return tuple(numbers)
