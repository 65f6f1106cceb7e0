"""Which feature each column of a program is computed from, so that contributions are summed back to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from scorehouse.errors import CompileError
from scorehouse.program.sql.builder import Program
from scorehouse.program.sql.expression import Case, Column, Expr, Feature, Literal, walk


def owners_of(
    program: Program, names: Sequence[str], refused: Callable[[str], CompileError], *, fails: bool = False
) -> tuple[int, ...]:
    """The position of the feature that each output of the program depends on.

    A constant, which contributes nothing, counts as the first feature's. With `fails`, the first output is
    NULL on rows on which a step fails, which makes it depend on no other feature. Raises the error from
    `refused(problem)` for a column that depends on several features.
    """
    known: dict[str, frozenset[int]] = {}
    for step in program.steps:
        for name, expr in step.made:
            known[name] = _features(expr, known)
    owners = []
    for number, (_, expr) in enumerate(program.outputs):
        found = _features(_computed(expr) if fails and number == 0 else expr, known)
        if len(found) > 1:
            listed = ", ".join(repr(names[position]) for position in sorted(found))
            raise refused(f"a column that the estimator reads is computed from several features: {listed}")
        owners.append(next(iter(found), 0))
    return tuple(owners)


def _computed(expr: Expr) -> Expr:
    """The column itself, without the case that makes it NULL where a step of the pipeline fails."""
    if isinstance(expr, Case) and expr.default is not None:
        nulls = [isinstance(then, Literal) and then.type == "null" for _, then in expr.whens]
        if all(nulls) and not isinstance(expr.default, Literal):
            return expr.default
    return expr


def _features(expr: Expr, known: dict[str, frozenset[int]]) -> frozenset[int]:
    found: set[int] = set()
    for part in walk(expr):
        if isinstance(part, Feature):
            found.add(part.position)
        elif isinstance(part, Column):
            found |= known[part.name]
    return frozenset(found)
