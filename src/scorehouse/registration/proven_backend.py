"""What registration holds of one backend that it has proven: facts for the registry, and files to store."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from scorehouse.errors import CompileError
from scorehouse.registry.program_facts import fragile_in_words
from scorehouse.registry.version import NO_BACKENDS, Version

T = TypeVar("T")


@dataclass(frozen=True)
class ProvenBackend:
    """The facts of a backend, and what of it the program of the version holds; None: it opens the estimator.

    `proof` are rows of its own that prove it.
    """

    fact: Mapping[str, Any]
    part: Any = None
    proof: bytes = b""


def tried(
    make: Callable[[], T], backend: str, refused: dict[str, str], why: Callable[[Exception], str]
) -> T | None:
    """What `make` returns; where it fails, None, and `refused` says why there is no such backend."""
    try:
        return make()
    except Exception as error:  # estimators, compilers and databases raise what they like
        refused[backend] = why(error)
        return None


def why_refused(error: Exception, what: str) -> str:
    """Why a backend cannot be made: the compiler refuses it, or `what` failed.

    Anything may fail where another release of a library has moved attributes, or lacks a type.
    """
    if isinstance(error, CompileError):
        return f"{error.problem}; expected: {error.expected}"
    return f"{what} failed ({type(error).__name__}: {error})"


def backend_lines(version: Version, facts: Mapping[str, Any]) -> list[str]:
    """The results as lines of text: one line per backend."""
    lines = []
    for backend, fact in sorted(facts.items()):
        if backend == "refused":
            lines += [f"{version.label}: no {what}: {why}" for what, why in sorted(fact.items())]
        if backend in NO_BACKENDS:
            continue
        where = f" for {databases_of(fact)}" if databases_of(fact) else against(fact)
        lines.append(
            f"{version.label}: {backend}{where} proven on {fact['rows']:,} rows, "
            f"largest difference {fact['largest_difference']:.1g}"
        )
    if words := fragile_in_words(facts):
        lines.append(f"{version.label}: {words}")
    return lines


def against(fact: Mapping[str, Any]) -> str:
    """What reasons compare rows with, if that is a background."""
    rows = fact.get("background", {}).get("rows")
    return f" against {rows:,} background row{'s' if rows > 1 else ''}" if rows else ""


def databases_of(fact: Mapping[str, Any]) -> str:
    """The databases that a backend is for, with the stages where there are several; empty if any."""
    stages = fact.get("stages", {})
    return ", ".join(
        f"{name} in {stages[name]} stages" if name in stages else name for name in fact.get("dialects", [])
    )
