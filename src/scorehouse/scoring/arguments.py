"""The types of the arguments of `score()` and `scored()`: checked by pydantic, and never converted.

A description says what is expected of an argument; the error quotes it if something else was given.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from scorehouse.errors import ConfigurationError

LONGEST_SHOWN = 200  # characters of a value in an error


def _exact(value: Any) -> Any:
    """Check that an integer is exactly representable as a double."""
    if isinstance(value, int) and not isinstance(value, bool):
        try:
            exact = float(value) == value
        except OverflowError:
            exact = False
        if not exact:
            raise ValueError("not a double")
    return value


def _once(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Check that each value occurs once; names that differ only in case are the same column."""
    folded = {value.lower() if isinstance(value, str) else value for value in values}
    if len(folded) < len(values):
        raise ValueError("repeated")
    return values


Name = Annotated[str, Field(min_length=1)]
Names = Annotated[tuple[Name, ...], AfterValidator(_once)]
Count = Annotated[int, Field(ge=1, le=2**63 - 1)]
Number = Annotated[float, BeforeValidator(_exact)]


def _argument(expected: str, default: Any = None) -> Any:
    return Field(default, description=expected)


class Shape(BaseModel):
    """Arguments by name; missing arguments are None."""

    # the check of a shape is built when something is first checked: most runs need one of them
    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False, defer_build=True)


class ScoreShape(Shape):
    """The arguments of `score()`; single names and versions have been turned into tuples."""

    key: Names | None = _argument(
        "the name of the column that identifies a row, or a list of names, each once"
    )
    alias: Names | None = _argument("an alias, or a list of aliases, each once")
    version: (
        Annotated[tuple[Annotated[int, Field(ge=1, le=2**31 - 1)], ...], AfterValidator(_once)] | None
    ) = _argument("the number of a version, or a list of numbers, each once")
    passthrough: Names | None = _argument("the name of a column to keep, or a list of names, each once")
    group: Name | None = _argument("the name of the column within which to rank")
    rescore: Any = None  # a rule, or settings of the shape RescoreShape
    strict: tuple[Name, ...] | None = _argument("the name of a check, or a list of names")
    max_rejected_share: Annotated[Number, Field(ge=0, le=1)] | None = _argument("a share between 0 and 1")
    batch_rows: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = _argument("a positive number of rows")
    as_of: Name | datetime | date | None = _argument("the name of a column, or a date such as '2024-01-31'")
    decision: Any = None  # settings of the shape DecisionShape
    engine: Name | None = _argument("the name of a form, such as 'auto'")
    layout: Name | None = _argument("'long' or 'wide'")
    reasons: Any = None  # a number, or settings of the shape ReasonsShape


class RescoreShape(Shape):
    """The settings of the argument `rescore`."""

    rule: Name | None = _argument("the name of a rule")
    updated_at: Name | None = _argument("the name of a column of timestamps")
    lookback: Name | Annotated[Number, Field(ge=0, le=1e10)] | None = _argument(
        "seconds from 0, or an interval such as '2 days'"
    )
    vanished: Name | None = _argument("'keep', 'flag' or 'delete'")
    max_rows: Count | None = _argument("a whole number above 0")
    max_seconds: Annotated[Number, Field(gt=0)] | None = _argument("a number above 0")


class DecisionShape(Shape):
    """The settings of the argument `decision`."""

    score: Name | None = _argument("the name of the column that decides")
    threshold: Number | None = _argument("a finite number")
    top_n: Count | None = _argument("a whole number of rows from 1")
    per: Names | None = _argument("the name of a column, or a list of names, each once, together with top_n")
    abstain: tuple[Number, Number] | None = _argument("a lower and a higher score")
    labels: tuple[str, str] | tuple[str, str, str] | None = _argument("two or three strings")
    bands: dict[Name, Number] | None = _argument("a mapping of each band to its lowest score")


class ReasonsShape(Shape):
    """The settings of the argument `reasons`."""

    top: Annotated[int, Field(ge=1, le=50)] | None = _argument("a number of reasons from 1 to 50")
    where: Any = None  # settings of the shape WhereShape
    output: Name | Names | None = _argument("the name of an output, or a list of names, each once")


class WhereShape(Shape):
    """The settings of `where` in the argument `reasons`."""

    score: Name | None = _argument("the name of a column of scores")
    at_least: Number | None = _argument("a finite number")
    below: Number | None = _argument("a finite number")
    band: Names | None = _argument("the name of a band, or a list of names, each once")
    decision: Names | None = _argument("a decision, or a list of decisions, each once")


def shown(value: Any) -> str:
    """A value as an error shows it."""
    text = repr(value)
    return text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "…"


def several(value: Any) -> Any:
    """One name or number, or a list of them, as a tuple; the check refuses any other value."""
    if isinstance(value, str | int):
        return (value,)
    if isinstance(value, Mapping | bytes) or not isinstance(value, Iterable):
        return value
    return tuple(value)


def check_shape(shape: type[Shape], values: Mapping[Any, Any], call: str, argument: str = "") -> None:
    """Raise ConfigurationError for the first value that does not fit the shape, or is unknown to it.

    `argument` is the argument whose settings are checked.
    """
    of = f"{argument} has " if argument else ""
    if unknown := [name for name in values if name not in shape.model_fields]:
        near = difflib.get_close_matches(str(unknown[0]), shape.model_fields, n=1)
        raise ConfigurationError(
            call,
            f"{of or 'the call has '}{shown(unknown)}" + (f" (near: {near[0]!r})" if near else ""),
            expected=f"{'settings' if argument else 'arguments'} among {list(shape.model_fields)}",
            action=f"write {near[0]!r}" if near else "leave it out",
        )
    try:
        shape.model_validate(dict(values))
    except ValidationError as error:
        name = str(error.errors(include_url=False, include_context=False)[0]["loc"][0])
        raise ConfigurationError(
            call,
            f"{of}{name} {shown(values[name])}" if argument else f"{name} is {shown(values[name])}",
            expected=shape.model_fields[name].description or "",
            action=f"correct the argument {argument or name}",
        ) from error
