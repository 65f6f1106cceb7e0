"""The chain of a matrix backend with arrays per segment: each row is multiplied by the numbers of its own.

The last axis of every array is the segment, so a line of numbers for a block of rows is taken from one piece
of memory, by the codes of the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from scorehouse.program.matrix.layers import BLOCK, CHANGERS, Layer, lines_of


def run(layers: Sequence[Layer], columns: Sequence[np.ndarray], codes: np.ndarray) -> np.ndarray:
    """The lines that the last layer makes, of shape (lines, rows); `codes` has the segment of each row.

    Raises ValueError where a layer refuses a value.
    """
    made = np.empty((lines_of(layers, len(columns)), len(codes)))
    for start in range(0, len(codes), BLOCK):
        part = codes[start : start + BLOCK]
        block = np.empty((len(columns), len(part)))
        for line, column in zip(block, columns, strict=True):
            line[:] = column[start : start + len(part)]
        for layer in layers:
            if layer.kind == "product":
                block = _product(block, part, *layer.arrays)
            elif layer.arrays:
                _OF_SEGMENTS[layer.kind](block, part, *layer.arrays)
            else:
                CHANGERS[layer.kind](block)
        made[:, start : start + len(part)] = block
    return made


def folded(layers: Sequence[Layer]) -> tuple[Layer, ...]:
    """The same chain with shifts and scales made part of the product behind them, which rounds otherwise.

    A third of the numbers has to be taken then. What is refused is looked for before the shifts.
    """
    made: list[Layer] = []
    waiting: list[Layer] = []
    for layer in layers:
        if layer.kind in _OF_SEGMENTS:
            waiting.append(layer)
        elif layer.kind == "product":
            weights = layer.arrays[0]
            while waiting:
                weights = _behind(waiting.pop(), weights)
            made.append(Layer("product", (weights,)))
        else:
            if layer.kind != "finite":
                made += waiting
                waiting = []
            made.append(layer)
    return (*made, *waiting)


def _behind(layer: Layer, weights: np.ndarray) -> np.ndarray:
    """The weights that make of what comes into `layer` what `weights` make of what comes out of it."""
    first, second = layer.arrays
    factors, offsets = (1.0 / second, -first / second) if layer.kind == "normalise" else (first, second)
    made = np.empty_like(weights)
    np.multiply(weights[:, :-1], factors, out=made[:, :-1])
    made[:, -1] = weights[:, -1] + (weights[:, :-1] * offsets).sum(axis=1)
    return made


def _product(read: np.ndarray, codes: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """`weights` of shape (lines made, lines read + 1, segments); the last of the lines read is all ones."""
    made = np.empty((len(weights), len(codes)))
    taken = np.empty(len(codes))
    for line, own in zip(made, weights, strict=True):
        _take(own[-1], codes, line)
        for values, each in zip(read, own, strict=False):
            _take(each, codes, taken)
            taken *= values
            line += taken
    return made


def _normalise(block: np.ndarray, codes: np.ndarray, shifts: np.ndarray, scales: np.ndarray) -> None:
    taken = np.empty(len(codes))
    for line, shift, scale in zip(block, shifts, scales, strict=True):
        line -= _take(shift, codes, taken)
        line /= _take(scale, codes, taken)


def _rescale(block: np.ndarray, codes: np.ndarray, factors: np.ndarray, offsets: np.ndarray) -> None:
    taken = np.empty(len(codes))
    for line, factor, offset in zip(block, factors, offsets, strict=True):
        line *= _take(factor, codes, taken)
        line += _take(offset, codes, taken)


def _take(numbers: np.ndarray, codes: np.ndarray, made: np.ndarray) -> np.ndarray:
    """The number of each code, in `made`; of NumPy's modes, "raise" alone fills a buffer first."""
    return numbers.take(codes, out=made, mode="clip")


_OF_SEGMENTS: Mapping[str, Callable[..., None]] = {"normalise": _normalise, "rescale": _rescale}
