"""The chain of a matrix backend: layers of arrays over blocks of rows that fit the cache of a processor.

The last axis of every array is the segment; of one estimator there is one. With several, each row is
multiplied by the numbers of its own: a line of numbers for a block of rows is taken from one piece of memory,
by the codes of the rows.

A block holds one row of the table per column, so every pass runs along memory. Its last line is all ones:
a product with it adds the intercepts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
import pyarrow as pa

from scorehouse.kernel.lines import first_smallest
from scorehouse.program.arrays_file import Expected, require
from scorehouse.program.stored_backend import ScoringBackend, scoring_of
from scorehouse.program.text_columns import TextColumns
from scorehouse.registry.version import Version

NEUTRAL = {"normalise": (0.0, 1.0), "rescale": (1.0, 0.0)}  # layers of two arrays; these change nothing
REFUSED = "the estimator takes no value that is not finite"
BLOCK = 4_096  # rows; blocks of 1,024 to 8,192 rows take about the same time


@dataclass(frozen=True)
class Layer:
    """A kind of MAKERS or CHANGERS, with its arrays of doubles.

    `product`: weights and intercepts, of shape (lines made, lines read + 1, segments). `nearest`: -2 c and
    |c|^2 of each centre c, of shape (centres, lines read + 1, 1); it makes two lines, the position of the
    nearest centre and the squared distance from it. `normalise` (shifts, scales, of shape (lines, segments)):
    (x - shift) / scale.
    `rescale` (factors, offsets): x * factor + offset. `finite` refuses what is not finite, as an estimator
    does that checks its input. `relu`, `tanh`, `logistic`: of each value.
    """

    kind: str
    arrays: tuple[np.ndarray, ...] = ()


def product(weights: np.ndarray, intercepts: np.ndarray, kind: str = "product") -> Layer:
    """The layer of weights, of shape (lines made, lines read), and an intercept for each line made."""
    joined = np.ascontiguousarray(np.column_stack([weights, intercepts]), dtype=np.float64)
    return Layer(kind, (joined[:, :, None],))


def run(
    layers: Sequence[Layer], columns: Sequence[np.ndarray], rows: int, codes: np.ndarray | None = None
) -> np.ndarray:
    """The lines that the last layer makes, of shape (lines, rows).

    `codes` has the segment of each row; None for a chain of one segment. Raises ValueError where a layer
    refuses a value.
    """
    made = np.empty((lines_of(layers, len(columns)), rows))
    for start in range(0, rows, BLOCK):
        own = slice(start, min(start + BLOCK, rows))
        block = _block(len(columns), own.stop - start)
        for line, column in zip(block, columns, strict=False):  # the line of ones has no column
            line[:] = column[own]
        for layer in layers:
            arrays: Sequence[np.ndarray] = layer.arrays
            if layer.kind == "product" and codes is not None:
                block = _product_of_segments(block, codes[own], *arrays)
            elif layer.kind in MAKERS:
                block = MAKERS[layer.kind](block, arrays[0][:, :, 0])
            else:
                if codes is not None:
                    arrays = [array.take(codes[own], axis=-1) for array in arrays]
                CHANGERS[layer.kind](block[:-1], *arrays)
        made[:, own] = block[:-1]
    return made


def lines_of(layers: Sequence[Layer], read: int) -> int:
    """How many lines the chain makes of `read` columns.

    Raises ValueError for a chain that does not fit together.
    """
    lines, segments = read, segments_of(layers)
    for layer in layers:
        shapes = [array.shape[:-1] for array in layer.arrays]
        is_maker = layer.kind in MAKERS and (layer.kind == "product" or segments == {1})
        if is_maker and [shape[1:] for shape in shapes] == [(lines + 1,)]:
            lines = 2 if layer.kind == "nearest" else shapes[0][0]
        elif layer.kind not in CHANGERS or shapes != [(lines,)] * (2 if layer.kind in NEUTRAL else 0):
            raise ValueError(f"its layer {layer.kind!r} with arrays {shapes} does not read {lines} lines")
    return lines


def segments_of(layers: Sequence[Layer]) -> set[int]:
    """The numbers of segments that the arrays of layers are of: one number, unless a file is wrong."""
    return {array.shape[-1] for layer in layers for array in layer.arrays}


def dot(a: np.ndarray, b: np.ndarray) -> float:
    """A sum of products to the same bits on every processor, which BLAS does not promise."""
    return math.fsum((a * b).tolist())


def one_product(layers: Sequence[Layer], read: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Weights and intercepts of a chain of one segment that reads `read` columns; None if a layer bends."""
    # a weight a column, until a product mixes them
    weights, intercepts = np.ones((read, 1)), np.zeros(read)
    is_mixed = False
    for layer in layers:
        if layer.kind == "product":
            own = layer.arrays[0][:, :, 0]
            intercepts = np.array([dot(line, intercepts) for line in own[:, :-1]]) + own[:, -1]
            weights = own[:, :-1] @ weights if is_mixed else own[:, :-1] * weights[:, 0]
            is_mixed = True
        elif layer.kind == "normalise":
            shifts, scales = layer.arrays
            weights, intercepts = weights / scales, (intercepts - shifts[:, 0]) / scales[:, 0]
        elif layer.kind == "rescale":
            factors, offsets = layer.arrays
            weights, intercepts = weights * factors, intercepts * factors[:, 0] + offsets[:, 0]
        elif layer.kind != "finite":
            return None
    return (weights, intercepts) if is_mixed else None


def _sums_of_texts(layers: Sequence[Layer], own: TextColumns) -> tuple[np.ndarray, np.ndarray]:
    """What the columns add to the lines of the product that `layers` end in, for each text.

    And which texts a layer refuses.
    """
    if "sums" not in own.kept:
        lines, refused = own.values.copy(), np.zeros(own.values.shape[1], dtype=bool)
        for layer in layers[:-1]:
            if layer.kind == "finite":
                refused |= ~np.isfinite(lines).all(axis=0)
            else:
                CHANGERS[layer.kind](lines, *(array[own.outputs] for array in layer.arrays))
        own.kept["sums"] = own.weighted(layers[-1].arrays[0][:, own.outputs, 0], lines), refused
    made: tuple[np.ndarray, np.ndarray] = own.kept["sums"]
    return made


def _of_lines(layer: Layer, lines: list[int]) -> Layer:
    """The layer for some of the lines that it reads."""
    if layer.kind == "product":
        (weights,) = layer.arrays
        return Layer(layer.kind, (np.ascontiguousarray(weights[:, [*lines, -1]]),))
    return Layer(layer.kind, tuple(array[lines] for array in layer.arrays))


def _block(lines: int, rows: int) -> np.ndarray:
    """Room for so many lines, and a last one of ones."""
    block = np.empty((lines + 1, rows))
    block[-1] = 1.0
    return block


def _product(read: np.ndarray, weights: np.ndarray) -> np.ndarray:
    made = _block(len(weights), read.shape[1])
    np.matmul(weights, read, out=made[:-1])
    return made


def _product_of_segments(read: np.ndarray, codes: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """`weights` of shape (lines made, lines read, segments), where the last line read is all ones."""
    made, taken = _block(len(weights), len(codes)), np.empty(len(codes))
    for line, own in zip(made, weights, strict=False):
        own[-1].take(codes, out=line, mode="clip")  # of NumPy's modes, "raise" alone fills a buffer first
        for values, each in zip(read[:-1], own, strict=False):
            each.take(codes, out=taken, mode="clip")
            taken *= values
            line += taken
    return made


def _nearest(read: np.ndarray, centers: np.ndarray) -> np.ndarray:
    """By |c|^2 - 2 x.c as in scikit-learn; of equally near centres, the first one."""
    made = _block(2, read.shape[1])
    made[0], nearness = first_smallest(centers @ read)
    np.add(nearness, np.einsum("ij,ij->j", read[:-1], read[:-1]), out=made[1])
    return made


def _finite(block: np.ndarray) -> None:
    if not np.isfinite(block.sum()) and not np.isfinite(block).all():  # finite numbers may overflow a sum
        raise ValueError(REFUSED)


def _normalise(block: np.ndarray, shifts: np.ndarray, scales: np.ndarray) -> None:
    block -= shifts
    block /= scales


def _rescale(block: np.ndarray, factors: np.ndarray, offsets: np.ndarray) -> None:
    block *= factors
    block += offsets


def _relu(block: np.ndarray) -> None:
    np.maximum(block, np.zeros(block.shape[1]), out=block)  # with a line, twice as fast as with a number


def _logistic(block: np.ndarray) -> None:
    np.negative(block, out=block)
    np.exp(block, out=block)
    block += 1.0
    np.reciprocal(block, out=block)


MAKERS: Mapping[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "product": _product,
    "nearest": _nearest,
}
CHANGERS: Mapping[str, Callable[..., object]] = {
    "finite": _finite,
    "normalise": _normalise,
    "rescale": _rescale,
    "relu": _relu,
    "tanh": lambda block: np.tanh(block, out=block),
    "logistic": _logistic,
}


@dataclass(frozen=True)
class StoredMatrix(ScoringBackend):
    """The chain of layers alone; `columns` computes what its first layer reads.

    A file has their kinds, each with the number of its arrays.
    """

    layers: tuple[Layer, ...]

    def read_columns(self, columns: Sequence[pa.Array]) -> np.ndarray:
        first = self._first_product
        if first is None or not columns:
            return super().read_columns(columns)
        rows, begun, rest = len(columns[0]), self.layers[: first + 1], self.layers[first + 1 :]
        plain, texts = self.columns_apart(columns, len(begun[-1].arrays[0]))
        if not texts:
            return self.sums([*plain.values()], rows, None)
        lines = run([_of_lines(layer, [*plain]) for layer in begun], [*plain.values()], rows)
        for own in texts:
            of_text, refused = _sums_of_texts(begun, own)
            if refused.any() and refused.take(own.places).any():
                raise ValueError(REFUSED)
            for line, values in zip(lines, of_text, strict=True):
                line += values.take(own.places)
        return (run(rest, [*lines], rows) if rest else lines).T

    @cached_property
    def _first_product(self) -> int | None:
        """The place of the first product, if each layer before it changes a column by itself."""
        if self.keys is not None:
            return None
        kinds = [layer.kind for layer in self.layers]
        first = next((i for i, kind in enumerate(kinds) if kind in MAKERS), len(kinds))
        return first if kinds[first : first + 1] == ["product"] else None

    def sums(self, numbers: list[np.ndarray], rows: int, codes: np.ndarray | None) -> np.ndarray:
        return run(self.layers, numbers, rows, codes).T

    def own_in_file(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        kinds = [(layer.kind, len(layer.arrays)) for layer in self.layers]
        return {"layers": kinds}, {
            f"layer_{i}_{j}": array
            for i, layer in enumerate(self.layers)
            for j, array in enumerate(layer.arrays)
        }

    @staticmethod
    def expected(head: Mapping[str, Any]) -> Expected:
        require(all(count in (0, 1, 2) for _, count in head["layers"]), "a layer has more than two arrays")
        return {
            f"layer_{i}_{j}": (np.float64, (None, None, None) if kind in MAKERS else (None, None))
            for i, (kind, count) in enumerate(head["layers"])
            for j in range(count)
        }

    @classmethod
    def of_file(cls, head: Mapping[str, Any], held: Mapping[str, np.ndarray], version: Version) -> Self:
        layers = tuple(
            Layer(kind, tuple(held[f"layer_{i}_{j}"] for j in range(count)))
            for i, (kind, count) in enumerate(head["layers"])
        )
        backend = cls(**scoring_of(head, held, version, segments_of(layers)), layers=layers)
        lines_of(layers, len(backend.columns.outputs))  # the shapes fit together
        return backend
