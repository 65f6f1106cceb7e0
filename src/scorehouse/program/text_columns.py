"""The texts of a batch, and columns of a program that one text feature makes, as a one-hot encoder does.

A weighted sum of such columns is a number for each text: a row looks it up, and the columns need not exist.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from scorehouse.program.sql.expression import Column, Expr, Feature, walk


@dataclass(frozen=True)
class Texts:
    """The different texts of a feature, and the values of expressions for each text, then for NULL."""

    texts: pa.Array
    made: dict[int, Any] = field(default_factory=dict)
    kept: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Batch:
    """The columns of some rows, the results of steps by name, and the text features by position.

    A text feature has its known texts, and for each row the index of its text among them.
    """

    features: Sequence[pa.Array]
    steps: dict[str, Any]
    texts: Mapping[int, tuple[Texts, pa.Array]]


def of_each_text(position: int, known: Texts, batch: Batch) -> Batch:
    """A row for each known text of a feature, and one without."""
    features = list(batch.features)
    features[position] = pa.concat_arrays([known.texts, pa.nulls(1, known.texts.type)])
    return Batch(features, {}, {})


def text_of(expr: Expr) -> int | None:
    """The position of the text feature that an expression depends on, if it depends on nothing else."""
    positions = set()
    for part in walk(expr):
        if isinstance(part, Column) or (isinstance(part, Feature) and part.type != "text"):
            return None
        if isinstance(part, Feature):
            positions.add(part.position)
    return positions.pop() if len(positions) == 1 else None


@dataclass(frozen=True)
class TextColumns:
    """The values of some columns for each known text of a feature, and behind the texts for NULL.

    `outputs` are the places of the columns in the program, `values` has the shape (columns, texts), and
    `places` the text of each row, of shape (rows,). `kept` is what a backend computed for these texts
    before.
    """

    outputs: np.ndarray
    values: np.ndarray
    places: np.ndarray
    kept: dict[str, Any]

    def weighted(self, weights: np.ndarray, values: np.ndarray | None = None) -> np.ndarray:
        """The weighted sums of the columns, or of other `values` of their shape, for each text.

        `weights` has the shape (sums, columns). They are added in the order of the columns, so the sum of a
        text does not depend on the others.
        """
        own = self.values if values is None else values
        made = np.zeros((len(weights), own.shape[1]))
        for weight, line in zip(weights.T, own, strict=True):
            made += weight[:, None] * line
        return made
