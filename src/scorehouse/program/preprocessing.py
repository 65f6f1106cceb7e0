"""The steps before the arithmetic of a backend, as data: what the SQL compiler knows, computed by Arrow."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from scorehouse.errors import CompileError, listed
from scorehouse.kernel.rows import LARGEST
from scorehouse.program.in_arrow import unknown_parts
from scorehouse.program.sql.builder import Builder, Origin, Program, Value, name_of
from scorehouse.program.sql.expression import NULL, Case, Feature, no, number
from scorehouse.program.sql.inputs import TIME, as_category, as_trained, time_type
from scorehouse.program.sql.registers import CONVERTERS
from scorehouse.registry.signature import Feature as Signed
from scorehouse.registry.signature import Signature

SEARCHES = ("sklearn.GridSearchCV", "sklearn.RandomizedSearchCV")
Refused = Callable[[str], CompileError]


def steps_of(estimator: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The steps of nested pipelines and of what a search found, in order, each with the names of its path."""
    if name_of(estimator) in SEARCHES:
        yield from steps_of(estimator.best_estimator_, path)
    elif name_of(estimator) == "sklearn.Pipeline":
        for name, step in estimator.steps:
            yield from steps_of(step, (*path, name))
    elif estimator is not None and not (isinstance(estimator, str) and estimator == "passthrough"):
        yield path, estimator


def begun(signature: Signature, call: str, without: int | None = None) -> tuple[Builder, list[Value]]:
    """A builder, and the features as the kernel has checked them, but for that at the position `without`."""
    b = Builder(signature, call, CONVERTERS, has_real=True, largest=LARGEST)
    values = [_checked(b, position, feature) for position, feature in enumerate(signature.features)]
    return b, [value for position, value in enumerate(values) if position != without]


def ended(b: Builder, values: Sequence[Value], refused: Refused, *, refuses_missing: bool = False) -> Program:
    """The program that computes these columns.

    With `refuses_missing`, what reads them refuses a missing value, and so does it a row on which a step
    fails. Raises the error from `refused(problem)` where Arrow cannot compute them.
    """
    for value in values:
        if value.kind in ("text", TIME):
            raise refused(f"the estimator reads the column {value.name!r} itself, which is no number")
    values = [b.rounded(value) for value in values]
    if b.failures and not refuses_missing:
        raise refused("its steps refuse some values while they compute")
    if b.failures:
        failing = Case(tuple((condition, NULL) for condition in b.failures), values[0].expr)
        values = [replace(values[0], expr=failing), *values[1:]]
    program = b.finish([(f"column_{i}", value.expr) for i, value in enumerate(values)])
    if unknown := unknown_parts(program):
        raise refused(f"its steps need {listed(sorted(unknown))}")
    return program


def in_singles(signature: Signature) -> tuple[int, ...]:
    """The positions of features that training held in float32."""
    return tuple(i for i, f in enumerate(signature.features) if f.is_single)


def _checked(b: Builder, position: int, feature: Signed) -> Value:
    if feature.type == "timestamp":
        micros = Feature(position, time_type(feature))
        return Value(as_trained(micros, feature), feature.name, TIME, Origin(position))
    if feature.type == "string":
        value = Value(Feature(position, "text"), feature.name, "text")
    elif feature.type == "boolean":
        held = Feature(position, "boolean")
        ones = Case(((held, number(1.0)), (no(held), number(0.0))))
        value = Value(b.bind(ones, feature.name), feature.name, "boolean")
    else:
        value = Value(Feature(position, "double"), feature.name, origin=Origin(position))
    return as_category(value, feature)
