"""The decision layer of compiled SQL: from scores to labels, by the threshold and classes of the registry.

A compiled program has Parameters where the label of a row is decided, in its outputs alone. `decided` puts
the values of a version's row in their place. In printed SQL, the macro `_decision` does so: an edit of the
registry changes neither the printed SQL nor its digest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from scorehouse.program.sql.builder import Program, program_of
from scorehouse.program.sql.expression import (
    Case,
    Compare,
    Expr,
    IsNull,
    Literal,
    Logic,
    Parameter,
    columns_of,
    number,
    text,
)
from scorehouse.registry.version import Version

THRESHOLD = Parameter("threshold")


def class_parameters(version: Version) -> list[Parameter]:
    """A parameter for each class, in the order of the registry."""
    return [Parameter(f"class_{place}") for place in range(len(version.classes))]


def of_two(score: Expr, own: Expr | None, labels: Sequence[Expr]) -> Expr:
    """The second label where the score reaches the threshold, else the first.

    `own` is the estimator's own condition, which decides if there is no threshold; None: there always is one.
    """
    by_score = (Compare(">=", score, THRESHOLD), labels[1])
    if own is None:
        return Case((by_score,), labels[0])
    return Case(((Logic("and", (IsNull(THRESHOLD), own)), labels[1]), by_score), labels[0])


def literal_of(value: Any) -> Literal:
    """A class as a literal of its own type."""
    if isinstance(value, bool):
        return Literal(value, "boolean")
    if isinstance(value, int):
        return Literal(value, "integer")
    return number(value) if isinstance(value, float) else text(str(value))


def decided(program: Program, version: Version) -> Program:
    """The program with the threshold and classes of the version, without steps that only others read.

    Raises ValueError for a version without a threshold if only a threshold decides.
    """
    values = {f"class_{place}": literal_of(label) for place, label in enumerate(version.classes)}
    if version.threshold is not None:
        values[THRESHOLD.name] = number(version.threshold)
    outputs = tuple((name, _decided(expr, values)) for name, expr in program.outputs)
    if _read(outputs) == _read(program.outputs):  # to look for steps that nobody reads takes long in a forest
        return replace(program, outputs=outputs)
    return program_of([dict(step.made) for step in program.steps], outputs)


def _read(outputs: Sequence[tuple[str, Expr]]) -> set[str]:
    return set[str]().union(*(columns_of(expr) for _, expr in outputs))


def _decided(expr: Expr, values: Mapping[str, Literal]) -> Expr:
    if isinstance(expr, Parameter):
        return values[expr.name]
    if isinstance(expr, Compare):
        return replace(expr, right=_decided(expr.right, values))
    if not isinstance(expr, Case):
        return expr
    whens = []
    for when, then in expr.whens:
        match when:
            case Logic(op="and", args=(IsNull(arg=Parameter()), own)):
                if THRESHOLD.name in values:
                    continue
                when = own
            case Compare(right=Parameter()) if THRESHOLD.name not in values:
                continue
        whens.append((_decided(when, values), _decided(then, values)))
    if not whens:
        raise ValueError("its labels follow from a threshold alone, and the registry has none")
    return Case(tuple(whens), None if expr.default is None else _decided(expr.default, values))
