"""Numbers so near to 0 that their product underflows, for databases that raise an error then.

Such a feature keeps its sign but not its size, and only if it can enter a product. A feature that is only
compared, or from which a mean is subtracted first, is not changed.
"""

from __future__ import annotations

from dataclasses import replace

from scorehouse.program.sql.builder import Program, Step
from scorehouse.program.sql.expression import (
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
    children,
    number,
)

LOST_BITS = 2.0**-54  # the result of subtracting another number is at least this fraction of it
TRUTHS = Compare | Logic | IsNull | In | Lookup
NEVER_SMALL = frozenset({"exp", "exp_down", "sigmoid", "ln"})


def without_underflow(program: Program, smallest: float) -> Program:
    """The program, with features raised to at least `smallest` in magnitude (or 0) where that is needed."""
    flow = _Flow(smallest)
    for step in program.steps:
        for name, expr in step.made:
            is_double = isinstance(expr, Feature) and expr.type == "double"
            flow.tiny[name] = frozenset({name}) if is_double else flow.of(expr)
    for _, expr in program.outputs:
        flow.of(expr)
    return replace(program, steps=tuple(map(flow.held, program.steps)))


class _Flow:
    """By column, features whose tiny values it may take; and features whose tiny values are multiplied."""

    def __init__(self, smallest: float) -> None:
        self.smallest = smallest
        self.tiny: dict[str, frozenset[str]] = {}
        self.multiplied: set[str] = set()

    def of(self, expr: Expr) -> frozenset[str]:
        """The features whose tiny values `expr` may take."""
        if isinstance(expr, Column):
            return self.tiny[expr.name]
        parts = [self.of(child) for child in children(expr)]
        found = frozenset[str]().union(*parts)
        match expr:
            case Arith("-", _, Literal(constant)) if abs(float(constant)) * LOST_BITS > self.smallest:
                return frozenset()  # what is left is either 0 or not tiny
            case Arith("*" | "/") | Cast(_, "real"):
                self.multiplied |= found
                return frozenset()
            case Call(name) if name in NEVER_SMALL:
                return frozenset()
        return frozenset() if isinstance(expr, TRUTHS) else found

    def held(self, step: Step) -> Step:
        """The step, with features that are multiplied kept off zero."""
        columns = (
            (name, _kept_off_zero(expr, self.smallest) if name in self.multiplied else expr)
            for name, expr in step.made
        )
        return replace(step, made=tuple(columns))


def _kept_off_zero(raw: Expr, smallest: float) -> Expr:
    """0 for 0, `smallest` with the sign of the value if it is nearer to 0; all other values unchanged."""
    zero = (Compare("=", raw, number(0.0)), number(0.0))
    positive = (Compare(">", raw, number(0.0)), number(smallest))
    tiny = Compare("<", Call("abs", (raw,)), number(smallest))
    return Case(((tiny, Case((zero, positive), number(-smallest))),), raw)
