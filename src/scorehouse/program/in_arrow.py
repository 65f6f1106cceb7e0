"""The tree of expressions computed on Arrow columns: preprocessing without the library that was fitted.

It follows SQL: NULL for a missing value, and NULL out of a comparison with it. What depends on one text
feature alone is computed once for each different text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, lru_cache, reduce
from typing import Any

import numpy as np
import pyarrow as pa

from scorehouse.kernel import arrays
from scorehouse.kernel import compute as pc
from scorehouse.kernel.rows import in_unit
from scorehouse.program.sql.builder import Program
from scorehouse.program.sql.expression import (
    TIMES,
    Arith,
    Call,
    Case,
    Cast,
    Column,
    Compare,
    Expr,
    Feature,
    In,
    IsNull,
    Literal,
    Logic,
    Lookup,
    Sum,
    columns_of,
    rewritten,
    walk,
)
from scorehouse.program.text_columns import Batch, TextColumns, Texts, of_each_text, text_of

TYPES: Mapping[str, pa.DataType] = {
    "double": pa.float64(),
    "real": pa.float32(),
    "integer": pa.int64(),
    "boolean": pa.bool_(),
    "text": pa.string(),
}
# Names of Arrow's functions, which are imported when the first of them is called.
COMPARISONS = {
    "=": "equal",
    "<>": "not_equal",
    "<": "less",
    "<=": "less_equal",
    ">": "greater",
    ">=": "greater_equal",
}
ARITHMETIC = {"-": "subtract", "*": "multiply", "/": "divide"}
ONE = arrays.scalar(1.0)
# limits of what is kept of a text feature for the next batch: 32 MB of answers, 16 MB of texts
MOST_ANSWERS, MOST_BYTES = 4_000_000, 2**24
CALLS: Mapping[str, str | Callable[..., Any]] = {
    "abs": "abs",
    "coalesce": "coalesce",
    "exp": "exp",
    "exp_down": "exp",
    "floor": "floor",
    "greatest": "max_element_wise",
    "is_nan": "is_nan",
    "least": "min_element_wise",
    "ln": "ln",
    "mod": lambda x, by: pc.subtract(x, pc.multiply(pc.divide(x, by), by)),
    "not": "invert",
    "replace": lambda x, old, new: pc.replace_substring(x, pattern=old.as_py(), replacement=new.as_py()),
    "sigmoid": lambda x: pc.divide(ONE, pc.add(ONE, pc.exp(pc.negate(x)))),
    "sqrt": "sqrt",
}


def unknown_parts(program: Program) -> set[str]:
    """What Arrow cannot compute of a program: names of calls and of casts.

    It rounds to float32, and sums doubles alone.
    """
    exprs = [expr for step in program.steps for _, expr in step.made]
    exprs += [expr for _, expr in program.outputs]
    casts = [part for expr in exprs for part in walk(expr) if isinstance(part, Cast)]
    rounding = {id(cast.arg) for cast in casts if cast.type == "double"}
    called = {part.name for expr in exprs for part in walk(expr) if isinstance(part, Call)}
    found = called - CALLS.keys()
    left = (cast.type for cast in casts if cast.type != "real" or id(cast) not in rounding)
    return found | {f"cast to {type}" for type in left if type in ("text", "real") or type not in TYPES}


class ArrowProgram:
    """A program that Arrow computes; it keeps its answers for the texts of earlier batches."""

    def __init__(self, program: Program) -> None:
        self._given = program
        texts = {
            name: expr
            for step in program.steps
            for name, expr in step.made
            if isinstance(expr, Feature) and expr.type == "text"
        }

        def inlined(expr: Expr) -> Expr:
            return rewritten(expr, in_place) if texts.keys() & columns_of(expr) else expr

        def in_place(part: Expr) -> Expr | None:
            return texts.get(part.name) if isinstance(part, Column) else None

        made = [(name, inlined(expr)) for step in program.steps for name, expr in step.made]
        self._steps = [(name, expr) for name, expr in made if name not in texts]
        self._outputs = [inlined(expr) for _, expr in program.outputs]
        self._positions: dict[int, int | None] = {}  # of expressions, by their identity
        self._known: dict[int, Texts] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return ArrowProgram, (self._given,)  # identities are those of this process

    def __call__(
        self, features: Sequence[pa.Array], types: Sequence[pa.DataType] | None = None
    ) -> list[pa.Array]:
        """The outputs for some rows, in these types; None: in doubles.

        `features` are columns in the kernel's canonical types, in the order of the signature: texts as
        dictionaries, a missing number as NULL.
        """
        batch, rows = self._batch(features), len(features[0]) if features else 0
        types = types or [pa.float64()] * len(self._outputs)
        given = zip(self._outputs, types, strict=True)
        return [self._column(expr, type, batch, rows) for expr, type in given]

    def apart(
        self, features: Sequence[pa.Array], least: int
    ) -> tuple[dict[int, np.ndarray], list[TextColumns]]:
        """The outputs in doubles, by their places; apart from them, those of each text feature that makes
        `least` or more."""
        batch, rows = self._batch(features), len(features[0]) if features else 0
        made = {i: own for i, own in self._of_texts.items() if i in batch.texts and len(own) >= least}
        apart = {number for own in made.values() for number in own}
        plain = [number for number in range(len(self._outputs)) if number not in apart]
        columns = {i: self._column(self._outputs[i], pa.float64(), batch, rows) for i in plain}
        found = [self._text_columns(position, own, batch) for position, own in made.items()]
        return {i: arrays.to_numpy(column) for i, column in columns.items()}, found

    @cached_property
    def _of_texts(self) -> dict[int, list[int]]:
        """The places of the outputs that depend on one text feature alone, by its position."""
        found: dict[int, list[int]] = {}
        for number, expr in enumerate(self._outputs):
            if (position := text_of(expr)) is not None:
                found.setdefault(position, []).append(number)
        return found

    def _text_columns(self, position: int, outputs: list[int], batch: Batch) -> TextColumns:
        known, places = batch.texts[position]
        if "values" not in known.kept:
            alone, texts = of_each_text(position, known, batch), len(known.texts) + 1
            columns = [self._column(self._outputs[i], pa.float64(), alone, texts) for i in outputs]
            known.kept["values"] = np.stack([arrays.to_numpy(column) for column in columns])
        of_rows = arrays.to_numpy(places).astype(np.intp)
        return TextColumns(np.array(outputs), known.kept["values"], of_rows, known.kept)

    def _batch(self, features: Sequence[pa.Array]) -> Batch:
        texts = {
            position: self._placed(position, column)
            for position, column in enumerate(features)
            if isinstance(column, pa.DictionaryArray)
        }
        batch = Batch(features, {}, texts)
        for name, expr in self._steps:
            batch.steps[name] = self._value(expr, batch)
        return batch

    def _column(self, expr: Expr, type: pa.DataType, batch: Batch, rows: int) -> pa.Array:
        value = self._value(expr, batch).cast(type)
        return arrays.repeat(value, rows) if isinstance(value, pa.Scalar) else value

    def _placed(self, position: int, column: pa.DictionaryArray) -> tuple[Texts, pa.Array]:
        """The known texts of a feature, these among them, and the place of each row's text; behind: NULL."""
        texts = column.dictionary
        known = self._known.get(position) or Texts(texts.slice(0, 0))
        of_each = pc.index_in(texts, value_set=known.texts)
        if of_each.null_count:
            new = texts.filter(pc.is_null(of_each))
            both = pa.concat_arrays([known.texts, new])
            known = Texts(both if self._are_few(both) else texts)
            if self._are_few(known.texts):
                self._known[position] = known
            of_each = pc.index_in(texts, value_set=known.texts)
        places = of_each.take(column.indices)
        return known, pc.fill_null(places, arrays.scalar(len(known.texts), pa.int32()))

    def _are_few(self, texts: pa.Array) -> bool:
        return len(texts) * len(self._outputs) <= MOST_ANSWERS and texts.nbytes <= MOST_BYTES

    def _value(self, expr: Expr, batch: Batch) -> Any:
        """The value of an expression, a column or a scalar."""
        if id(expr) not in self._positions:
            self._positions[id(expr)] = text_of(expr)
        position = self._positions[id(expr)]
        if position is None or position not in batch.texts:
            return _computed(expr, batch, self._value)
        known, places = batch.texts[position]
        if id(expr) not in known.made:
            known.made[id(expr)] = _computed(expr, of_each_text(position, known, batch), self._value)
        made = known.made[id(expr)]
        return made if isinstance(made, pa.Scalar) else made.take(places)


def without_nan(column: pa.Array) -> pa.Array:
    """A feature as a program takes it: NaN is a missing value."""
    if not pa.types.is_floating(column.type):
        return column
    missing = pc.is_nan(column)
    if not pc.any(missing).as_py():
        return column
    return pc.if_else(missing, arrays.null(column.type), column)


def _computed(expr: Expr, batch: Batch, value_of: Callable[[Expr, Batch], Any]) -> Any:
    def value(part: Expr) -> Any:
        return value_of(part, batch) if not isinstance(part, Column) else batch.steps[part.name]

    match expr:
        case Feature():
            return _feature(batch.features[expr.position], expr.type)
        case Column():
            return batch.steps[expr.name]
        case Literal():
            return _constant(expr.type, expr.value, str(expr.value))
        case Arith():
            return getattr(pc, ARITHMETIC[expr.op])(value(expr.left), value(expr.right))
        case Sum():
            return reduce(pc.add, map(value, expr.terms))
        case Compare():
            return getattr(pc, COMPARISONS[expr.op])(value(expr.left), value(expr.right))
        case Logic():
            return reduce(pc.and_kleene if expr.op == "and" else pc.or_kleene, map(value, expr.args))
        case IsNull():
            found = pc.is_null(value(expr.arg))
            return pc.invert(found) if expr.negated else found
        case In():
            return _is_in(expr, value(expr.arg))
        case Case():
            return _case(expr, value)
        case Lookup():
            answers = arrays.array(expr.values, pa.float64())
            places = pc.index_in(value(expr.arg), value_set=_texts(expr.keys))
            return pc.coalesce(answers.take(places), arrays.scalar(expr.default, pa.float64()))
        case Cast():
            return value(expr.arg).cast(TYPES[expr.type], safe=False)
        case Call():
            call = CALLS[expr.name]
            function = getattr(pc, call) if isinstance(call, str) else call
            return function(*(value(arg) for arg in expr.args))


def _feature(column: pa.Array, type: str) -> pa.Array:
    if type in TIMES:
        return in_unit(column, "us").cast(pa.int64())
    return column.cast(TYPES[type], safe=False)


# for a single row, to make constants would take half of the time
@lru_cache(maxsize=8_192)
def _constant(type: str, value: Any, written: str) -> pa.Scalar:
    """A constant; `written` distinguishes 0.0 from -0.0, which are equal."""
    return arrays.null(pa.float64()) if type == "null" else arrays.scalar(value, TYPES[type])


@lru_cache(maxsize=1_024)
def _texts(keys: tuple[str, ...]) -> pa.Array:
    return arrays.array(keys, pa.string())


def _is_in(expr: In, arg: Any) -> Any:
    choices = arrays.array([literal.value for literal in expr.values], arg.type)
    found = pc.is_in(arg, value_set=choices)
    found = pc.invert(found) if expr.negated else found
    return pc.if_else(pc.is_valid(arg), found, arrays.null(pa.bool_()))


def _case(expr: Case, value: Callable[[Expr], Any]) -> Any:
    """The last condition first, so that the first one that holds has the last word."""
    made = arrays.null(pa.float64()) if expr.default is None else value(expr.default)
    for condition, then in reversed(expr.whens):
        held = pc.fill_null(value(condition), arrays.FALSE)
        chosen = value(then)
        if made.type != chosen.type:  # NULL, which has no type of its own
            made = made.cast(chosen.type) if not _is_null(chosen) else made
            chosen = chosen.cast(made.type)
        made = pc.if_else(held, chosen, made)
    return made


def _is_null(value: Any) -> bool:
    return isinstance(value, pa.Scalar) and not value.is_valid
