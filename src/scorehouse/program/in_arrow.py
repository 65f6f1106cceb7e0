"""The tree of expressions computed on Arrow columns: preprocessing without the library that was fitted.

It follows SQL: NULL for a missing value, and NULL out of a comparison with it. What depends on one text
feature alone is computed once for each different text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, reduce
from typing import Any

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
    walk,
)

TYPES: Mapping[str, pa.DataType] = {
    "double": pa.float64(),
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
    "sigmoid": lambda x: pc.divide(ONE, pc.add(ONE, pc.exp(pc.negate(x)))),
    "sqrt": "sqrt",
}


def unknown_parts(program: Program) -> set[str]:
    """What `computed` cannot compute of a program: names of calls and of casts."""
    found = set()
    exprs = [expr for step in program.steps for _, expr in step.made]
    for expr in [*exprs, *(expr for _, expr in program.outputs)]:
        for part in walk(expr):
            if isinstance(part, Call) and part.name not in CALLS:
                found.add(part.name)
            if isinstance(part, Cast) and (part.type == "text" or part.type not in TYPES):
                found.add(f"cast to {part.type}")
    return found


def computed(
    program: Program, features: Sequence[pa.Array], types: Sequence[pa.DataType] | None = None
) -> list[pa.Array]:
    """The outputs of a program, in these types; None: in doubles.

    `features` are columns in the kernel's canonical types, in the order of the signature: texts as
    dictionaries, a missing number as NULL.
    """
    rows = len(features[0]) if features else 0
    known: dict[str, Any] = {}
    for step in program.steps:
        for name, expr in step.made:
            known[name] = _value(expr, features, known)
    made = []
    for (_, expr), type in zip(program.outputs, types or [pa.float64()] * len(program.outputs), strict=True):
        value = _value(expr, features, known).cast(type)
        made.append(arrays.repeat(value, rows) if isinstance(value, pa.Scalar) else value)
    return made


def without_nan(column: pa.Array) -> pa.Array:
    """A feature as a program takes it: NaN is a missing value."""
    if not pa.types.is_floating(column.type):
        return column
    missing = pc.is_nan(column)
    if not pc.any(missing).as_py():
        return column
    return pc.if_else(missing, arrays.null(column.type), column)


def _value(expr: Expr, features: Sequence[pa.Array], known: Mapping[str, Any]) -> Any:
    """The value of an expression, a column or a scalar."""
    position = _text_of(expr)
    texts = None if position is None else features[position]
    if position is None or not isinstance(texts, pa.DictionaryArray):
        return _computed(expr, features, known)
    choices = pa.concat_arrays([texts.dictionary, pa.nulls(1, texts.dictionary.type)])
    of_each = list(features)
    of_each[position] = choices
    made = _computed(expr, of_each, {})
    if isinstance(made, pa.Scalar):
        return made
    places = pc.fill_null(texts.indices.cast(pa.int64()), arrays.scalar(len(texts.dictionary)))
    return made.take(places)


def _text_of(expr: Expr) -> int | None:
    """The position of the text feature that an expression depends on, if it depends on nothing else."""
    positions = set()
    for part in walk(expr):
        if isinstance(part, Column) or (isinstance(part, Feature) and part.type != "text"):
            return None
        if isinstance(part, Feature):
            positions.add(part.position)
    return positions.pop() if len(positions) == 1 else None


def _computed(expr: Expr, features: Sequence[pa.Array], known: Mapping[str, Any]) -> Any:
    def value(part: Expr) -> Any:
        return _value(part, features, known) if not isinstance(part, Column) else known[part.name]

    match expr:
        case Feature():
            return _feature(features[expr.position], expr.type)
        case Column():
            return known[expr.name]
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
