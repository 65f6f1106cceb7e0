"""Make the matrix backend of a fitted estimator, or of one per segment: their chains, as one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from scorehouse.errors import CompileError
from scorehouse.program.matrix.layers import NEUTRAL, Layer, StoredMatrix
from scorehouse.program.matrix.models import MODELS, PROJECTIONS
from scorehouse.program.preprocessing import begun, ended, in_singles, steps_of
from scorehouse.program.segments_made import is_segmented, refused, stacked
from scorehouse.program.sql.builder import Builder, Value, name_of
from scorehouse.program.sql.expression import Arith, Expr, Feature, Literal, Sum
from scorehouse.registry.signature import Signature
from scorehouse.registry.version import Version

FINITE = Layer("finite")


def compiled(estimator: Any, version: Version, signature: Signature, call: str) -> Iterator[StoredMatrix]:
    """The backends of a fitted estimator as they can be stored, the fastest first; none is proven yet.

    Raises CompileError that says what is in the way.
    """
    if not is_segmented(estimator):
        yield compile_matrix(estimator, version, signature, call)
        return
    backend = _of_segments(estimator, version, signature, call)
    yield replace(backend, layers=folded(backend.layers))
    yield backend


def compile_matrix(
    estimator: Any, version: Version, signature: Signature, call: str, *, without: int | None = None
) -> StoredMatrix:
    """The backend of a fitted estimator as it can be stored; it is not proven yet.

    `without` is the position of a feature that the estimator does not get. Raises CompileError naming the
    step that is no product of matrices, or what else is in the way.
    """

    def refuse(part: Any, problem: str) -> CompileError:
        return _refused(call, f"{type(part).__name__}: {problem}")

    *steps, last = (step for _, step in steps_of(estimator))
    if name_of(last) not in MODELS:
        raise refuse(last, "this estimator has no equivalent as a chain of matrix products")
    b, values = begun(signature, call, without)
    while steps and name_of(steps[0]) not in PROJECTIONS:
        values = b.transform(steps.pop(0), values)
    exprs, layers = _peeled([value.expr for value in values])
    values = [Value(expr, value.name, value.kind) for expr, value in zip(exprs, values, strict=True)]
    columns = ended(b, values, lambda problem: _refused(call, problem), refuses_missing=True)
    width = len(values)
    for step in steps:
        project = PROJECTIONS.get(name_of(step))
        made = [FINITE, *project(step, refuse)] if project else _scaled(b, step, width)
        layers += made
        width = len(made[-1].arrays[0]) if made else width
    if width != last.n_features_in_:
        raise refuse(last, f"it was fitted on {last.n_features_in_} columns but is given {width}")
    methods = {"predict", version.score_method} - {"none"}
    own, links = MODELS[name_of(last)](last, name_of(last), methods, refuse)
    if missing := methods - set(links):
        raise refuse(
            last, f"its {', '.join(sorted(missing))} has no equivalent as a chain of matrix products"
        )
    return StoredMatrix(
        columns=columns,
        singles=in_singles(signature),
        links=links,
        classes=version.classes,
        layers=(*layers, FINITE, *own),
    )


def _scaled(b: Builder, step: Any, width: int) -> list[Layer]:
    """The layers of a scaler behind a product, as the SQL compiler reads it."""
    columns: list[Expr] = [Feature(i, "double") for i in range(width)]
    values = b.transform(step, [Value(column, f"component {i}") for i, column in enumerate(columns)])
    exprs, layers = _peeled([value.expr for value in values])
    if exprs != columns:
        raise b.refuse(step, "behind a matrix product, only shifts and scales are known")
    return layers


def _peeled(exprs: list[Expr]) -> tuple[list[Expr], list[Layer]]:
    """The expressions without the shifts and scales around them, and those as layers for whole blocks."""
    layers: list[Layer] = []
    while True:
        for kind, peel in (("normalise", _normal), ("rescale", _rescaled)):
            parts = [peel(expr) for expr in exprs]
            inner = [expr for expr, _, _ in parts]
            if any(one is not expr for one, expr in zip(inner, exprs, strict=True)):
                exprs = inner
                first, second = np.array([numbers for _, *numbers in parts]).T[:, :, None]
                layers.insert(0, Layer(kind, (first.copy(), second.copy())))
                break
        else:
            return exprs, layers


def _normal(expr: Expr) -> tuple[Expr, float, float]:
    """(x - shift) / scale; any other expression is x."""
    inner, scale = _with_literal(expr, "/", 1.0)
    inner, shift = _with_literal(inner, "-", 0.0)
    return inner, shift, scale


def _rescaled(expr: Expr) -> tuple[Expr, float, float]:
    """x * factor + offset; any other expression is x."""
    inner, offset = expr, 0.0
    if isinstance(expr, Sum) and len(expr.terms) == 2 and isinstance(expr.terms[1], Literal):
        inner, offset = expr.terms[0], float(expr.terms[1].value)
    inner, factor = _with_literal(inner, "*", 1.0)
    return inner, factor, offset


def _with_literal(expr: Expr, op: str, neutral: float) -> tuple[Expr, float]:
    if isinstance(expr, Arith) and expr.op == op and isinstance(expr.right, Literal):
        return expr.left, float(expr.right.value)
    return expr, neutral


def _of_segments(estimator: Any, version: Version, signature: Signature, call: str) -> StoredMatrix:
    """The chains of a segmented estimator, which may differ in numbers alone."""

    def compile_one(one: Any) -> StoredMatrix:
        return compile_matrix(one, version, signature, call, without=estimator.position_)

    backends, common = stacked(estimator, version, signature, call, compile_one)
    wanted = max((backend.layers for backend in backends.values()), key=len)
    chains: list[list[Layer]] = []
    for name, backend in backends.items():
        aligned = _aligned(backend.layers, wanted)
        if aligned is None:
            raise refused(name, "its layers differ from the others in more than numbers", call)
        chains.append(aligned)
    layers = tuple(
        Layer(layer.kind, tuple(np.concatenate(parts, axis=-1) for parts in zip(*arrays, strict=True)))
        for layer, arrays in ((each[0], [one.arrays for one in each]) for each in zip(*chains, strict=True))
    )
    return StoredMatrix(**common, layers=layers)


def _aligned(layers: Sequence[Layer], wanted: Sequence[Layer]) -> list[Layer] | None:
    """The layers in the order of `wanted`; a shift or scale that is not needed here changes nothing.

    None if they do not fit.
    """
    rest, made = list(layers), []
    for layer in wanted:
        if rest and rest[0].kind == layer.kind:
            own = rest.pop(0)
            if [array.shape for array in own.arrays] != [array.shape for array in layer.arrays]:
                return None
            made.append(own)
        elif layer.kind in NEUTRAL:
            pairs = zip(layer.arrays, NEUTRAL[layer.kind], strict=True)
            made.append(Layer(layer.kind, tuple(np.full(array.shape, number) for array, number in pairs)))
        else:
            return None
    return None if rest else made


def folded(layers: Sequence[Layer]) -> tuple[Layer, ...]:
    """The same chain with shifts and scales made part of the product behind them, which rounds otherwise.

    A third of the numbers has to be taken then. What is refused is looked for before the shifts.
    """
    made: list[Layer] = []
    waiting: list[Layer] = []
    for layer in layers:
        if layer.kind in NEUTRAL:
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


def _refused(call: str, problem: str) -> CompileError:
    return CompileError(
        call,
        problem,
        expected="steps that are known as SQL too, then PCA, scalers, and a linear model, k-means or network",
        action="score this version with the estimator itself, or by its SQL backend",
    )
