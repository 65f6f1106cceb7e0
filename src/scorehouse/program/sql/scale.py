"""Scalers, imputers, bins and polynomials: transformers of numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from scorehouse.program.sql.builder import Builder, Value
from scorehouse.program.sql.expression import (
    Arith,
    Call,
    Case,
    Compare,
    Expr,
    IsNull,
    add,
    divide,
    multiply,
    no,
    number,
    subtract,
    text,
)
from scorehouse.program.sql.inputs import TIME, finite
from scorehouse.program.sql.times import days_since_epoch
from scorehouse.training import days_since_epoch as days_of

NO_NUMBERS = {"text": "text", TIME: "a date or timestamp"}


def numbers_only(b: Builder, estimator: Any, values: list[Value]) -> None:
    """Refuse strings and times where the estimator computes with numbers."""
    for value in values:
        if value.kind in NO_NUMBERS:
            raise b.refuse(estimator, f"the column {value.name!r} is {NO_NUMBERS[value.kind]}")


def known_numbers(b: Builder, estimator: Any, values: list[Value]) -> None:
    """As `numbers_only`, for an estimator that raises on rows for which a step made a missing value."""
    numbers_only(b, estimator, values)
    for value in values:
        if value.has_gaps:
            b.failures.append(IsNull(b.bind(value.expr, value.name)))


def no_times(b: Builder, estimator: Any, values: list[Value]) -> None:
    """Refuse times where the estimator takes strings and numbers."""
    numbers_only(b, estimator, [value for value in values if value.kind == TIME])


def _shifted(b: Builder, estimator: Any, values: list[Value], centers: Any, scales: Any) -> list[Value]:
    """`(value - center) / scale` for each column; None means no shift or no scale."""
    numbers_only(b, estimator, values)
    made = []
    for i, value in enumerate(values):
        center = 0.0 if centers is None else float(centers[i])
        scale = 1.0 if scales is None else float(scales[i])
        expr = divide(subtract(value.expr, center), scale)
        made.append(value.moved(expr, scale=1.0 / scale, offset=-center / scale))
    return made


def standard_scaler(b: Builder, estimator: Any, values: list[Value]) -> list[Value]:
    """(x - mean) / scale."""
    centers = estimator.mean_ if estimator.with_mean else None
    return _shifted(b, estimator, values, centers, estimator.scale_)


def robust_scaler(b: Builder, estimator: Any, values: list[Value]) -> list[Value]:
    """(x - center) / scale."""
    centers = estimator.center_ if estimator.with_centering else None
    return _shifted(b, estimator, values, centers, estimator.scale_ if estimator.with_scaling else None)


def max_abs_scaler(b: Builder, estimator: Any, values: list[Value]) -> list[Value]:
    """x / scale, clipped to [-1, 1] if asked for."""
    moved = _shifted(b, estimator, values, None, estimator.scale_)
    return [_clipped(b, v, -1.0, 1.0) for v in moved] if getattr(estimator, "clip", False) else moved


def min_max_scaler(b: Builder, estimator: Any, values: list[Value]) -> list[Value]:
    """x * scale + min, clipped to the range if asked for."""
    numbers_only(b, estimator, values)
    made = []
    for value, scale, minimum in zip(values, estimator.scale_, estimator.min_, strict=True):
        expr = add([multiply(value.expr, float(scale)), number(minimum)])
        moved = value.moved(expr, scale=float(scale), offset=float(minimum))
        made.append(_clipped(b, moved, *estimator.feature_range) if estimator.clip else moved)
    return made


def _clipped(b: Builder, value: Value, low: float, high: float) -> Value:
    x = b.bind(value.expr, value.name)
    whens = (
        (Compare("<", x, number(low)), number(low)),
        (Compare(">", x, number(high)), number(high)),
    )
    b.probe(value, low)
    b.probe(value, high)
    return value.moved(Case(whens, x))


def simple_imputer(b: Builder, estimator: Any, values: list[Value]) -> list[Value]:
    """A constant for NULL; an indicator column for each feature that the indicator was fitted for."""
    missing = estimator.missing_values
    if not (missing is None or missing != missing):
        raise b.refuse(estimator, f"missing_values is {missing!r}: only NaN and None are NULL in a database")
    no_times(b, estimator, values)
    made = []
    for value, statistic in zip(values, estimator.statistics_, strict=True):
        if statistic is None or statistic != statistic:
            if estimator.keep_empty_features:
                raise b.refuse(estimator, f"the column {value.name!r} was empty in training")
            continue
        if estimator._fit_dtype == np.float32:  # so are the columns that it fills
            statistic = np.float32(statistic)
        fill = text(str(statistic)) if value.kind == "text" else number(float(statistic))
        made.append(Value(Call("coalesce", (value.expr, fill)), value.name, value.kind, value.origin))
    if estimator.add_indicator and estimator.indicator_ is not None:
        made += missing_indicator(b, estimator.indicator_, values)
    return made


def missing_indicator(b: Builder, estimator: Any, values: list[Value]) -> list[Value]:
    """1 where a feature is NULL."""
    chosen = [values[position] for position in estimator.features_]
    return [value.made(_one_if(IsNull(value.expr)), f"missing {value.name}") for value in chosen]


def _one_if(condition: Expr) -> Expr:
    return Case(((condition, number(1.0)),), number(0.0))


def k_bins(b: Builder, estimator: Any, values: list[Value]) -> list[Value]:
    """The number of the bin, or one column per bin."""
    numbers_only(b, estimator, values)
    made: list[Value] = []
    one_hot = estimator.encode.startswith("onehot")
    for value, edges in zip(values, estimator.bin_edges_, strict=True):
        x = b.bind(value.expr, value.name)
        inner = [float(edge) for edge in edges[1:-1]]
        for edge in inner:
            b.probe(value, edge)
        whens = tuple((Compare("<", x, number(edge)), number(i)) for i, edge in enumerate(inner))
        bin_number: Expr = Case((*whens, (IsNull(x, negated=True), number(len(inner)))))
        if not one_hot:
            made.append(value.made(bin_number, f"bin {value.name}"))
            continue
        column = b.bind(bin_number, f"bin {value.name}")
        made += [
            value.made(_one_if(Compare("=", column, number(i))), f"{value.name} {i}")
            for i in range(len(inner) + 1)
        ]
    return made


def polynomial(b: Builder, estimator: Any, values: list[Value]) -> list[Value]:
    """Products of powers of the features, the last feature first, which rounds as scikit-learn does."""
    numbers_only(b, estimator, values)
    columns = [b.bind(value.expr, value.name) for value in values]
    made = []
    for powers in estimator.powers_:
        factors = [columns[i] for i, power in enumerate(powers) for _ in range(int(power))][::-1]
        name = " ".join(values[i].name for i in np.flatnonzero(powers)) or "bias"
        expr: Expr = factors[0] if factors else number(1.0)
        for factor in factors[1:]:
            expr = Arith("*", expr, factor)
        single = [i for i in np.flatnonzero(powers) if powers.sum() == 1]
        made.append(values[single[0]] if single else Value(expr, name))
    return made


def binarizer(b: Builder, estimator: Any, values: list[Value]) -> list[Value]:
    """1 above the threshold, else 0."""
    numbers_only(b, estimator, values)
    made = []
    for value in values:
        b.probe(value, float(estimator.threshold))
        above = Compare(">", value.expr, number(estimator.threshold))
        below = Compare("<=", value.expr, number(estimator.threshold))
        made.append(value.made(Case(((above, number(1.0)), (below, number(0.0))))))
    return made


def selected(b: Builder, estimator: Any, values: list[Value]) -> list[Value]:
    """The columns that a selector keeps."""
    if hasattr(estimator, "__sklearn_tags__"):
        takes_missing = estimator.__sklearn_tags__().input_tags.allow_nan
    else:  # until scikit-learn 1.5
        takes_missing = estimator._get_tags()["allow_nan"]
    (numbers_only if takes_missing else known_numbers)(b, estimator, values)
    return [values[place] for place in estimator.get_support(indices=True)]


def normalizer(b: Builder, estimator: Any, values: list[Value]) -> list[Value]:
    """Each row divided by its length; as it is where that is next to nothing, as scikit-learn takes it."""
    known_numbers(b, estimator, values)
    columns = [b.bind(value.expr, value.name) for value in values]
    if estimator.norm == "l2":
        length: Expr = Call("sqrt", (b.sum([Arith("*", one, one) for one in columns], "squares"),))
    else:
        sizes = [Call("abs", (one,)) for one in columns]
        largest = Call("greatest", tuple(sizes)) if len(sizes) > 1 else sizes[0]
        length = b.sum(sizes, "sizes") if estimator.norm == "l1" else largest
    length = b.bind(length, "length")
    least = 10.0 * float(np.finfo(np.float32 if all(value.is_single for value in values) else np.float64).eps)
    whole = b.bind(Case(((Compare("<", length, number(least)), number(1.0)),), length), "length of a row")
    return [value.made(Arith("/", one, whole)) for value, one in zip(values, columns, strict=True)]


def _logarithm(b: Builder, value: Value, more: float) -> Expr:
    """ln(x + more), NULL below its domain; the estimator raises where it is minus infinity."""
    x = b.bind(value.expr, value.name)
    edge = number(0.0 - more)
    b.failures.append(Compare("=", x, edge))
    return Case(((Compare(">", x, edge), Call("ln", (add([number(more), x]),))),))


def power(b: Builder, estimator: Any, values: list[Value]) -> list[Value]:
    """Yeo and Johnson's powers, or those of Box and Cox, then scaled."""
    numbers_only(b, estimator, values)
    made = []
    for value, exponent in zip(values, map(float, estimator.lambdas_), strict=True):
        x = b.bind(value.expr, value.name)
        if estimator.method == "box-cox":
            b.failures.append(Compare("<=", x, number(0.0)))
            expr: Expr = Case(((Compare(">", x, number(0.0)), _power(Call("ln", (x,)), exponent)),))
        else:
            size = Call("ln", (add([number(1.0), Call("abs", (x,))]),))
            below = Arith("-", number(0.0), _power(size, 2.0 - exponent))
            expr = Case(((Compare("<", x, number(0.0)), below),), _power(size, exponent))
        grown = b.bind(expr, f"power {value.name}")
        b.failures.append(no(finite(grown)))  # the next step raises, where a bounded score would be finite
        made.append(value.made(grown))
    return standard_scaler(b, estimator._scaler, made) if estimator.standardize else made


def _power(logarithm: Expr, exponent: float) -> Expr:
    """`(power - 1) / exponent` of a number, by its logarithm; that itself where the exponent is 0."""
    if abs(exponent) < np.spacing(1.0):
        return logarithm
    grown = Call("exp", (multiply(logarithm, exponent),))
    return divide(Arith("-", grown, number(1.0)), exponent)


def _square_root(b: Builder, value: Value) -> Expr:
    x = b.bind(value.expr, value.name)
    return Case(((Compare(">=", x, number(0.0)), Call("sqrt", (x,))),))


FUNCTIONS: dict[Any, Callable[[Builder, Value], Expr]] = {
    np.log1p: lambda b, value: _logarithm(b, value, 1.0),
    np.log: lambda b, value: _logarithm(b, value, 0.0),
    np.sqrt: _square_root,
    np.abs: lambda b, value: Call("abs", (value.expr,)),
}
WITH_GAPS = (np.log1p, np.log, np.sqrt)


def function_transformer(b: Builder, estimator: Any, values: list[Value]) -> list[Value]:
    """The identity, or a function of numpy that every database has."""
    if estimator.func is None:
        return values
    values = [b.rounded(value) for value in values]
    if estimator.func is days_of and not estimator.kw_args:
        return days_since_epoch(b, estimator, values)
    function = FUNCTIONS.get(estimator.func) if not estimator.kw_args else None
    if function is None:
        raise b.refuse(
            estimator, f"its function {getattr(estimator.func, '__name__', estimator.func)!r} is code"
        )
    numbers_only(b, estimator, values)
    has_gaps = estimator.func in WITH_GAPS
    return [replace(value.made(function(b, value)), has_gaps=has_gaps or value.has_gaps) for value in values]
