"""Programs that differ in numbers alone, as one program that reads these numbers as further features.

The estimators of many segments have the same steps, such as an imputer, and numbers of their own in them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from scorehouse.program.sql.builder import Program, Step
from scorehouse.program.sql.expression import (
    Arith,
    Call,
    Case,
    Cast,
    Compare,
    Expr,
    Feature,
    IsNull,
    Literal,
    Logic,
    Sum,
)


def with_parameters(programs: Sequence[Program], first: int) -> tuple[Program, np.ndarray] | None:
    """One program for all, and its numbers of each; None if they differ in more than numbers.

    The numbers have the shape (programs, numbers). The program reads those that differ as features, from the
    position `first` on; the others stay in it.
    """
    read = [_Numbers() for _ in programs]
    skeletons = [numbers.program(program) for numbers, program in zip(read, programs, strict=True)]
    if any(skeleton != skeletons[0] for skeleton in skeletons):
        return None
    table = np.array([numbers.found for numbers in read], dtype=np.float64).reshape(len(programs), -1)
    differs = ~((table == table[0]) | (np.isnan(table) & np.isnan(table[0]))).all(axis=0)
    places = iter(range(first, first + int(differs.sum())))
    held = [
        Feature(next(places), "double") if other else Literal(float(number), "double")
        for number, other in zip(table[0], differs, strict=True)
    ]
    return _Numbers(held).program(programs[0]), np.ascontiguousarray(table[:, differs])


@dataclass
class _Numbers:
    """Rebuilds a program with its numbers replaced, in order: by `held`, or by a mark; `found` are they."""

    held: Sequence[Expr] = ()
    found: list[float] = field(default_factory=list)

    def program(self, program: Program) -> Program:
        steps = tuple(
            Step(tuple((name, self._of(expr)) for name, expr in step.made), step.carried)
            for step in program.steps
        )
        return Program(steps, tuple((name, self._of(expr)) for name, expr in program.outputs))

    def _of(self, expr: Expr) -> Expr:
        match expr:
            case Literal(value=value, type="double"):
                self.found.append(float(value))
                return self.held[len(self.found) - 1] if self.held else Literal(0.0, "double")
            case Arith():
                return Arith(expr.op, self._of(expr.left), self._of(expr.right))
            case Sum():
                return Sum(tuple(map(self._of, expr.terms)))
            case Call():
                return Call(expr.name, tuple(map(self._of, expr.args)))
            case Compare():
                return Compare(expr.op, self._of(expr.left), self._of(expr.right))
            case Logic():
                return Logic(expr.op, tuple(map(self._of, expr.args)))
            case IsNull():
                return IsNull(self._of(expr.arg), expr.negated)
            case Case():
                whens = tuple((self._of(when), self._of(then)) for when, then in expr.whens)
                return Case(whens, None if expr.default is None else self._of(expr.default))
            case Cast():
                return Cast(self._of(expr.arg), expr.type)
            case _:  # what holds no numbers, or only those that a lookup or a list compares with
                return expr
