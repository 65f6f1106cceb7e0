"""The types of the arguments of `score()` and `scored()`: checked by pydantic, and never converted.

A description says what is expected of an argument; the error quotes it if something else was given.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from scorehouse.errors import ConfigurationError, listed

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


def _with_abstention(labels: Any) -> Any:
    """The labels for no and yes, with one for an abstention."""
    return (*labels, "abstain") if isinstance(labels, tuple) and len(labels) == 2 else labels


def _as_set(names: Any) -> Any:
    return frozenset(names) if isinstance(names, tuple) and all(isinstance(n, str) for n in names) else names


Name = Annotated[str, Field(min_length=1)]
NameSet = Annotated[frozenset[Name], BeforeValidator(_as_set)]
Names = Annotated[tuple[Name, ...], AfterValidator(_once)]
Numbers = Annotated[tuple[Annotated[int, Field(ge=1, le=2**31 - 1)], ...], AfterValidator(_once)]
Count = Annotated[int, Field(ge=1, le=2**63 - 1)]
Number = Annotated[float, BeforeValidator(_exact)]
Date = Annotated[Name, BeforeValidator(lambda value: str(value) if isinstance(value, date) else value)]
Labels = Annotated[tuple[str, str, str], BeforeValidator(_with_abstention)]


def argument(default: Any, expected: str) -> Any:
    return Field(default, description=expected)


class Arguments(BaseModel):
    """Arguments by name, checked and not converted. One value of those in `LISTS` stands for a list of it."""

    # the check is built when something is first checked: most runs need one of them
    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False, defer_build=True, frozen=True)
    LISTS: ClassVar[tuple[str, ...]] = ()


def shown(value: Any) -> str:
    """A value as an error shows it."""
    return _cut(repr(value))


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "…"


def several(value: Any) -> Any:
    """One name or number, or a list of them, as a tuple; the check refuses any other value."""
    if isinstance(value, str | int):
        return (value,)
    if isinstance(value, Mapping | bytes) or not isinstance(value, Iterable):
        return value
    return tuple(value)


def unknown_words(
    call: str, where: str, unknown: Sequence[Any], known: Iterable[str], expected: str, otherwise: str
) -> ConfigurationError:
    """The error for words that are not among the known ones: `otherwise` is what to do if none is near."""
    near = difflib.get_close_matches(str(unknown[0]), list(known), n=1)
    return ConfigurationError(
        call,
        f"{where} has {_cut(', '.join(map(repr, unknown)))}" + (f" (near: {near[0]!r})" if near else ""),
        expected=expected,
        action=f"write {near[0]!r}" if near else otherwise,
    )


def refuse(call: str, rules: Iterable[tuple[bool, str, str, str]]) -> None:
    """Raise ConfigurationError for the first broken rule: its problem, what was expected, and what to do."""
    for is_broken, problem, expected, action in rules:
        if is_broken:
            raise ConfigurationError(call, problem, expected=expected, action=action)


A = TypeVar("A", bound=Arguments)


def check_arguments(kind: type[A], given: Mapping[Any, Any], call: str, inside: str = "") -> A:
    """The arguments; ConfigurationError for the first that does not fit, or is unknown.

    None stands for an argument that is not given. `inside` is the argument whose settings are checked.
    """
    known = kind.model_fields
    if unknown := [name for name in given if name not in known]:
        expected = f"{'settings' if inside else 'arguments'} among {listed(known)}"
        raise unknown_words(call, inside or "the call", unknown, known, expected, "leave it out")
    values = {
        name: several(value) if name in kind.LISTS else value
        for name, value in given.items()
        if value is not None
    }
    try:
        return kind(**values)
    except ValidationError as error:
        name = str(error.errors(include_url=False, include_context=False)[0]["loc"][0])
        raise ConfigurationError(
            call,
            f"{inside} has {name} {shown(values[name])}" if inside else f"{name} is {shown(values[name])}",
            expected=known[name].description or "",
            action=f"correct the argument {inside or name}",
        ) from error
