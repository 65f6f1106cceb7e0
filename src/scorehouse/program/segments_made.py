"""From the programs of the estimators of all segments to what one backend of all of them begins with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass
from itertools import count
from typing import Any, TypeVar

import numpy as np

from scorehouse.errors import CompileError
from scorehouse.program.sql.builder import Program, name_of
from scorehouse.program.sql.expression import Expr, Feature, In, Literal, Lookup
from scorehouse.program.stored_backend import SegmentKeys, StoredBackend
from scorehouse.registry.signature import Signature
from scorehouse.registry.version import Version

SEGMENTED = ("scorehouse.SegmentedClassifier", "scorehouse.SegmentedRegressor")
F = TypeVar("F", bound=StoredBackend)


def is_segmented(estimator: Any) -> bool:
    """Whether an estimator has one estimator per segment."""
    return name_of(estimator) in SEGMENTED


def segment_column(estimator: Any, signature: Signature) -> str | None:
    """The feature of which every value has an estimator of its own; None for one estimator."""
    return signature.names[estimator.position_] if is_segmented(estimator) else None


def stacked(
    estimator: Any,
    version: Version,
    signature: Signature,
    call: str,
    compile_one: Callable[[Any], F],
) -> tuple[dict[str, F], dict[str, Any]]:
    """The backends that `compile_one` makes of each estimator, by the names that a refusal gives them.

    That of the fallback is the last. With them come the arguments of one ScoringBackend for all, whose
    programs differ in numbers alone.
    Raises CompileError naming the segment whose estimator has no such backend.
    """
    known = tuple(estimator.segments_.tolist())
    fitted = dict(zip((f"of the segment {one!r}" for one in known), estimator.estimators_, strict=True))
    if estimator.fallback_ is not None:
        fitted["of all rows"] = estimator.fallback_
    backends: dict[str, F] = {}
    first = next(iter(fitted))
    for name, one in fitted.items():
        if tuple(getattr(one, "classes_", version.classes)) != tuple(version.classes):
            raise refused(name, "it knows fewer classes than the others", call)
        try:
            backends[name] = compile_one(one)
        except CompileError as error:
            raise refused(name, error.problem, call) from error
        if backends[name].links != backends[first].links:
            raise refused(name, "its scores are another function of its sums", call)
    made = _with_parameters([backend.columns for backend in backends.values()], len(signature.features))
    if made is None:
        raise refused("of some segment", "its steps differ from the others in more than numbers", call)
    program, parameters = made
    return backends, {
        "columns": program,
        "singles": backends[first].singles,
        "links": backends[first].links,
        "classes": backends[first].classes,
        "keys": SegmentKeys(estimator.position_, known, has_fallback=estimator.fallback_ is not None),
        "parameters": np.ascontiguousarray(parameters.T),
    }


def _with_parameters(programs: Sequence[Program], first: int) -> tuple[Program, np.ndarray] | None:
    """Programs that differ in numbers alone, as one that reads these numbers as further features.

    It reads those that differ as features, from the position `first` on; the others stay in it. With it come
    the numbers, of shape (programs, numbers). None if the programs differ in more than numbers.
    """
    skeletons, numbers = zip(*map(_without_numbers, programs), strict=True)
    if any(skeleton != skeletons[0] for skeleton in skeletons):
        return None
    table = np.array(numbers, dtype=np.float64).reshape(len(programs), -1)
    differs = ~((table == table[0]) | (np.isnan(table) & np.isnan(table[0]))).all(axis=0)
    places, is_parameter = count(first), iter(differs.tolist())

    def parameter(number: float) -> Expr:
        return Feature(next(places), "double") if next(is_parameter) else Literal(number, "double")

    return _with_numbers(programs[0], parameter), np.ascontiguousarray(table[:, differs])


def _without_numbers(program: Program) -> tuple[Program, list[float]]:
    """A program with 0 in place of each of its numbers, and these."""
    numbers: list[float] = []

    def taken(number: float) -> Expr:
        numbers.append(number)
        return Literal(0.0, "double")

    return _with_numbers(program, taken), numbers


def _with_numbers(part: Any, replaced: Callable[[float], Expr]) -> Any:
    """A program, or a part of one, with `replaced` of each of its numbers, in order, in its place.

    Those that a lookup or a list compares with stay.
    """
    if isinstance(part, Literal) and part.type == "double":
        return replaced(float(part.value))
    if isinstance(part, tuple):
        return tuple(_with_numbers(item, replaced) for item in part)
    if not is_dataclass(part) or isinstance(part, In | Lookup):
        return part
    kind: Any = type(part)
    return kind(*(_with_numbers(getattr(part, field.name), replaced) for field in fields(part)))


def refused(name: str, problem: str, call: str) -> CompileError:
    """The error that says which segment's estimator has no backend, or does not fit the others."""
    return CompileError(
        call,
        f"the estimator {name}: {problem}",
        expected="the same steps in every segment, known as SQL too, then a linear model, network or trees",
        action="let the estimators score, or give an encoder its `categories` and an imputer "
        "`keep_empty_features=True`, so that all segments have the same columns",
    )
