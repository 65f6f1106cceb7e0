"""skrub's TableVectorizer, column by column, and the scaler that `tabular_pipeline` puts behind it.

skrub gives float32: numbers are marked as such, constants are rounded to it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from scorehouse.program.sql.builder import Builder, Value, name_of
from scorehouse.program.sql.expression import (
    NULL,
    Arith,
    Call,
    Case,
    Compare,
    Expr,
    In,
    IsNull,
    Literal,
    Sum,
    divide,
    number,
    subtract,
    text,
)
from scorehouse.program.sql.inputs import TIME
from scorehouse.program.sql.periods import times_encoded
from scorehouse.program.sql.scale import numbers_only
from scorehouse.program.sql.singles import rounded

# What Python's regular expressions take as white space: a text of nothing else is a missing one.
SPACES = (
    "\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008"
    "\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)
ENCODERS_OF_PIECES = ("StringEncoder", "GapEncoder", "MinHashEncoder", "TextEncoder", "SimilarityEncoder")


def table_vectorizer(b: Builder, estimator: Any, values: list[Value]) -> list[Value]:
    """Each column through its own steps, in the order of the columns."""
    made: list[Value] = []
    for name, value in zip(estimator.feature_names_in_, values, strict=True):
        steps, columns = estimator.all_processing_steps_[name], [value]
        with b.inside(name):
            for place, step in enumerate(steps):
                columns = _through(b, step, steps[place + 1 :], columns)
        if len(columns) != len(estimator.input_to_outputs_[name]) and columns:
            raise b.refuse(estimator, f"the column {name!r} makes others than it did in training")
        made += columns
    b.in_singles = not estimator.specific_transformers
    return made


def _through(b: Builder, step: Any, later: list[Any], values: list[Value]) -> list[Value]:
    if isinstance(step, Mapping):  # what makes the outputs float32
        return [_single(value) for value in values]
    if name_of(step) == "skrub.CleanNullStrings":
        return [_cleaned(step, later, value) for value in values]
    if kind := STEPS.get(name_of(step)):
        return kind(b, step, values)
    if type(step).__name__ in ENCODERS_OF_PIECES:
        raise b.refuse(step, "it computes with substrings, which SQL cannot do to the last bit")
    return b.transform(step, values)


def _single(value: Value) -> Value:
    """A number as float32: a constant is rounded here, any other where it is read."""
    if value.kind == "boolean":
        return replace(value, kind="double")
    if is_constant(value.expr):
        return replace(value, expr=of_constants(value.expr, lambda one: float(np.float32(one))))
    return replace(value, is_single=True)


def is_constant(expr: Expr) -> bool:
    """Whether it is one of some constants, as an encoder's answers are."""
    if isinstance(expr, Case):
        return all(
            isinstance(one, Literal) for one in (*(then for _, then in expr.whens), expr.default or NULL)
        )
    if isinstance(expr, Call) and expr.name == "coalesce":
        return all(is_constant(arg) for arg in expr.args)
    return isinstance(expr, Literal)


def of_constants(expr: Expr, function: Callable[[float], float]) -> Expr:
    """The same with each constant as the function has it; NULL stays."""
    match expr:
        case Case(whens, default):
            changed = tuple((condition, of_constants(then, function)) for condition, then in whens)
            return Case(changed, None if default is None else of_constants(default, function))
        case Call(name, args):
            return Call(name, tuple(of_constants(arg, function) for arg in args))
        case Literal(value, "double"):
            return number(function(float(value)))
    return expr


def _cleaned(step: Any, later: list[Any], value: Value) -> Value:
    """A text, NULL for those that skrub takes as missing.

    Texts of spaces are left as they are where the encoder gives a missing value what it gives an unseen one.
    """
    if value.kind != "text":
        return value
    encoder = next((one for one in later if hasattr(one, "categories_")), None)
    known = [] if encoder is None else np.asarray(encoder.categories_[0], dtype=object).tolist()
    seen = [one for one in known if isinstance(one, str)]
    whens: list[tuple[Expr, Expr]] = [(In(value.expr, tuple(map(text, step.null_strings_))), NULL)]
    if len(seen) < len(known):
        rest = value.expr
        for space in SPACES:
            rest = Call("replace", (rest, text(space), text("")))
        first = [(In(value.expr, tuple(map(text, seen))), value.expr)] if seen else []
        whens = [*first, *whens, (Compare("=", rest, text("")), NULL)]
    return replace(value, expr=Case(tuple(whens), value.expr))


def _dropped(b: Builder, step: Any, values: list[Value]) -> list[Value]:
    return [] if step.drop_ else values


def _given(b: Builder, step: Any, values: list[Value]) -> list[Value]:
    return values


def _no_values(b: Builder, step: Any, values: list[Value]) -> list[Value]:
    return []


def _floats(b: Builder, step: Any, values: list[Value]) -> list[Value]:
    if any(value.kind == "text" for value in values):
        raise b.refuse(step, "it parses numbers by rules that no database has")
    return [_single(value) for value in values]


def _times(b: Builder, step: Any, values: list[Value]) -> list[Value]:
    if any(value.kind != TIME for value in values):
        raise b.refuse(step, "it parses times by rules that no database has")
    return values


def _texts(b: Builder, step: Any, values: list[Value]) -> list[Value]:
    if any(value.kind != "text" for value in values):
        raise b.refuse(step, "it turns other types into text")
    return values


STEPS: Mapping[str, Callable[[Builder, Any, list[Value]], list[Value]]] = {
    "skrub.DropUninformative": _dropped,
    "skrub.ToDatetime": _times,
    "skrub.ToFloat": _floats,
    "skrub.CleanCategories": _texts,
    "skrub.ToStr": _texts,
    "skrub.PassThrough": _given,
    "skrub.Drop": _no_values,
    "skrub.ToCategorical": _texts,
    "skrub.DatetimeEncoder": times_encoded,
}


def squashing_scaler(b: Builder, estimator: Any, values: list[Value]) -> list[Value]:
    """Scaled by quartiles or by the range, then bent so that no number is beyond a bound."""
    numbers_only(b, estimator, values)
    squash = _Squash(b, estimator)
    return [value.made(squash(place, value)) for place, value in enumerate(values)]


class _Squash:
    """One fitted scaler: `single` where it is given float32, and so rounds each number that it makes."""

    def __init__(self, b: Builder, estimator: Any) -> None:
        self.b, self.estimator, self.single = b, estimator, b.in_singles
        self.dtype = np.float32 if self.single else np.float64
        self.bound = float(self.dtype(estimator.max_absolute_value))

    def __call__(self, place: int, value: Value) -> Expr:
        if is_constant(value.expr):
            return of_constants(value.expr, lambda one: self._of_number(place, one))
        x = self.b.bind(value.expr, value.name)
        if self.estimator.zero_cols_[place]:
            return Case(((IsNull(x), NULL),), number(0.0))
        scaled = self._scaled(place, x, value.name)
        part = self._kept(divide(scaled, self.bound), value.name)
        square = self._kept(Arith("*", part, part), value.name)
        root = self._kept(Call("sqrt", (self._kept(Sum((number(1.0), square)), value.name),)), value.name)
        bent = self._kept(Arith("/", scaled, root), value.name)
        if not any(feature.accepts_non_finite for feature in self.b.signature.features):
            return bent
        ends = [(Compare("=", x, number(sign * np.inf)), number(sign * self.bound)) for sign in (1.0, -1.0)]
        return Case(tuple(ends), bent)

    def _of_number(self, place: int, number: float) -> float:
        """What the scaler itself makes of it."""
        rows = np.full((1, self.estimator.n_features_in_), np.nan, dtype=self.dtype)
        rows[0, place] = number
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            return float(self.estimator.transform(rows)[0, place])

    def _scaled(self, place: int, x: Expr, name: str) -> Expr:
        if self.estimator.robust_cols_[place]:
            scaler = self.estimator.robust_scaler_
            own = int(np.count_nonzero(self.estimator.robust_cols_[:place]))
            moved = self._kept(subtract(x, float(scaler.center_[own])), name)
            return self._kept(divide(moved, float(scaler.scale_[own])), name)
        scaler = self.estimator.minmax_scaler_
        own = int(np.count_nonzero(self.estimator.minmax_cols_[:place]))
        moved = self._kept(subtract(x, float(scaler.median_[own])), name)
        return self._kept(Arith("*", moved, number(float(scaler.scale_[own]))), name)

    def _kept(self, expr: Expr, name: str) -> Expr:
        column = self.b.bind(expr, f"squashed {name}")
        if not self.single:
            return column
        return self.b.bind(rounded(column, is_finite=False), f"squashed {name}")
