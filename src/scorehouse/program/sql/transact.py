"""Programs as T-SQL can compute them, whose columns hold no conditions and whose cases nest 10 deep at most.

There is no infinity to compare with. A column that is a condition becomes 1, 0 or NULL, and where a condition
stands, such a column is compared with 1. A text is compared with a mark behind it: without one, trailing
blanks would not count.
https://learn.microsoft.com/en-us/sql/t-sql/language-elements/case-transact-sql
https://learn.microsoft.com/en-us/sql/t-sql/language-elements/string-comparison-assignment
https://learn.microsoft.com/en-us/sql/t-sql/data-types/float-and-real-transact-sql
"""

from __future__ import annotations

import math
import sys
from dataclasses import replace

from scorehouse.errors import CompileError
from scorehouse.program.sql.builder import Program
from scorehouse.program.sql.expression import (
    NULL,
    Call,
    Case,
    Compare,
    Expr,
    In,
    IsNull,
    Literal,
    Logic,
    Lookup,
    all_of,
    no,
    number,
    rewritten,
    text,
)

LEVELS = 6  # of cases in branches; others may stand around what these are part of
MOST = 8  # of cases, of which T-SQL takes 10: the printer writes two more
SELECTS = 32  # in each other
ARGUMENTS = 200  # of a function: 254 at most
MARK = "."
ONE, ZERO = Literal(1, "integer"), Literal(0, "integer")
SMALLEST = sys.float_info.min


def lowered(program: Program) -> Program:
    """The program without conditions as values, and with flat cases; CompileError if too much is nested."""
    if len(program.steps) >= SELECTS:
        raise _too_deep(f"{len(program.steps) + 1} selects", SELECTS)
    steps = (
        replace(step, made=tuple((name, _lowered(expr)) for name, expr in step.made))
        for step in program.steps
    )
    return Program(tuple(steps), tuple((name, _lowered(expr)) for name, expr in program.outputs))


def _lowered(expr: Expr) -> Expr:
    made, levels = _flat(_value(expr))
    if levels > MOST:
        raise _too_deep(f"{levels} cases", MOST)
    return made


def _too_deep(found: str, most: int) -> CompileError:
    return CompileError(
        "T-SQL",
        f"{found} of the SQL stand in each other",
        expected=f"at most {most}",
        action="score this version on another database, or register a simpler pipeline",
    )


def _value(expr: Expr) -> Expr:
    """An expression where a value stands."""
    return rewritten(expr, _as_value)


def _as_value(part: Expr) -> Expr | None:
    match part:
        case Compare() | Logic() | IsNull() | In() | Call("not" | "is_nan"):
            condition = _condition(part)
            return Case(((condition, ONE), (no(condition), ZERO)))
        case Case(whens, default):
            made = tuple((_condition(when), _value(then)) for when, then in whens)
            return Case(made, None if default is None else _value(default))
        case Lookup(arg, keys):
            return replace(part, arg=_marked(_value(arg)), keys=tuple(key + MARK for key in keys))
        case Call("greatest" | "least", args) if len(args) > ARGUMENTS:
            first = replace(part, args=args[:ARGUMENTS])
            return _value(replace(part, args=(first, *args[ARGUMENTS:])))
        case Literal(value, "double") if 0.0 < abs(float(value)) < SMALLEST:
            # no number is nearer to 0 than the smallest, so that the same numbers are on each side
            return number(0.0 if float(value) > 0.0 else -SMALLEST)
    return None


def _condition(expr: Expr) -> Expr:
    """An expression where a condition stands."""
    match expr:
        case Compare(op, left, Literal(bound, "double")) if math.isinf(float(bound)):
            x, is_below = _value(left), float(bound) > 0.0
            holds = op == "<>" or (op in ("<", "<=") and is_below) or (op in (">", ">=") and not is_below)
            return Compare("=" if holds else "<>", x, x)  # for every number alike; NULL for NULL
        case Compare(op, left, right):
            is_text = any(isinstance(side, Literal) and side.type == "text" for side in (left, right))
            sides = (_value(left), _value(right))
            return Compare(op, *(map(_marked, sides) if is_text else sides))
        case Logic(op, args):
            return Logic(op, tuple(map(_condition, args)))
        case IsNull(arg):
            return replace(expr, arg=_value(arg))
        case In(arg, values) if values[0].type == "text":
            marked = tuple(text(f"{one.value}{MARK}") for one in values)
            return replace(expr, arg=_marked(_value(arg)), values=marked)
        case In(arg):
            return replace(expr, arg=_value(arg))
        case Call("not", (inner,)):
            return no(_condition(inner))
        case Call("is_nan", args):
            return Call("is_nan", tuple(map(_value, args)))
    return Compare("=", _value(expr), ONE)


def _marked(expr: Expr) -> Expr:
    """A text with the mark behind it."""
    if isinstance(expr, Literal):
        return text(f"{expr.value}{MARK}")
    return Call("concat", (expr, text(MARK)))


def _flat(expr: Expr) -> tuple[Expr, int]:
    """The same with fewer cases within cases, and how many levels of them are left."""
    deepest = 0

    def flat(part: Expr) -> Expr | None:
        nonlocal deepest
        if not isinstance(part, Case):
            return None
        made, levels = _flat_case(part)
        deepest = max(deepest, levels)
        return made

    return rewritten(expr, flat), deepest


def _flat_case(case: Case) -> tuple[Case, int]:
    """A case in the place of `else` becomes more branches, and so does one that is too deep in a branch."""
    whens: list[tuple[Expr, Expr]] = []
    deepest = 0
    rest: Expr | None = case
    while isinstance(rest, Case):
        for when, then in rest.whens:
            (condition, above), (value, levels) = _flat(when), _flat(then)
            if levels >= LEVELS and isinstance(value, Case):
                whens += [(_both(condition, inner), each) for inner, each in value.whens]
                value, levels = value.default or NULL, levels - 1
            whens.append((condition, value))
            deepest = max(deepest, above, levels)
        rest = rest.default
    if rest is None:
        return Case(tuple(whens)), deepest + 1
    default, levels = _flat(rest)
    return Case(tuple(whens), default), max(deepest, levels) + 1


def _both(first: Expr, second: Expr) -> Expr:
    parts = (one.args if isinstance(one, Logic) and one.op == "and" else (one,) for one in (first, second))
    return all_of(arg for args in parts for arg in args)
