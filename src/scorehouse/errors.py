"""All errors that a caller of scorehouse can get.

Each says what was called, what was wrong, what was expected and what to do next.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from types import TracebackType
from typing import Any, Self

_TRACEBACK = BaseException.__dict__["__traceback__"]
FIELDS = ("call", "problem", "expected", "action")
TO_DO = "  What to do: "
# how alike names are of which one is a misspelling: `customer_features` and `custmer_feature`
NEAR = 0.8


class ScorehouseError(Exception):
    """Base of all errors raised on purpose.

    Parameters are sentences without a closing full stop:
    `call` as the user wrote it, `problem` as it was found, `expected`, and `action`.
    """

    _is_told = False

    def __init__(self, call: str, problem: str, *, expected: str, action: str) -> None:
        self.call = call
        self.problem = problem
        self.expected = expected
        self.action = action
        super().__init__(
            f"{call}: {_ended(problem)}\n  Expected: {_ended(expected)}\n{TO_DO}{_ended(action)}"
        )

    def fields(self) -> dict[str, str]:
        """The name of the type and the four fields; `rebuilt` makes the same error from them."""
        return {"type": type(self).__name__, **{name: getattr(self, name) for name in FIELDS}}

    @property  # dbt-duckdb prints what this attribute holds
    def __traceback__(self) -> TracebackType | None:
        return None if self._is_told else _TRACEBACK.__get__(self)

    @__traceback__.setter
    def __traceback__(self, frames: TracebackType | None) -> None:
        _TRACEBACK.__set__(self, frames)

    def without_traceback(self) -> Self:
        """This error; from now on, Python prints only its message."""
        self._is_told = True
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        # Exception's own passes `args`, which is the finished message, to __init__
        return rebuilt, (self.fields(),), self.__dict__


class ConfigurationError(ScorehouseError):
    """An argument, variable or setting has a value that cannot be used."""


class RegistryError(ScorehouseError):
    """An ML model, version or alias is not in the registry, or the registry is inconsistent."""


class ArtifactError(ScorehouseError):
    """An artifact is missing, cannot be read, or its bytes are not the registered ones."""


class LoadRefusedError(ScorehouseError):
    """The project's load policy does not allow this artifact to be loaded."""


class ReasonsError(ScorehouseError):
    """The contributions of features to a score do not add up to it."""


class SignatureError(ScorehouseError):
    """The feature table does not fit the signature of the ML model."""


class RowKeyError(ScorehouseError):
    """The key columns of the feature table are NULL or not unique."""


class EstimatorError(ScorehouseError):
    """The estimator is not fitted, lacks a method that its task needs, or failed on a batch."""


class ConservationError(ScorehouseError):
    """Rows in and rows out differ, or more rows were rejected than allowed."""


class EngineError(ScorehouseError):
    """The engine failed: it lost an executor or a worker, or was interrupted."""


class CompileError(ScorehouseError):
    """The estimator has no exact equivalent in this backend, or one that is too large for the engine."""


def rebuilt(fields: dict[str, str]) -> ScorehouseError:
    """The error with these `fields`, of the same type; the base type if this release does not know it."""
    kind = globals().get(fields["type"])
    if not (isinstance(kind, type) and issubclass(kind, ScorehouseError)):
        kind = ScorehouseError
    return kind(fields["call"], fields["problem"], expected=fields["expected"], action=fields["action"])


def _ended(sentence: str) -> str:
    """The sentence with its full stop; a question already has its mark."""
    return sentence if sentence.endswith("?") else f"{sentence}."


def did_you_mean(word: object, known: Iterable[str], nearness: float = 0.6) -> str:
    """The end of a sentence that suggests the nearest known word; empty if none is near."""
    near = difflib.get_close_matches(str(word), list(known), n=1, cutoff=nearness)
    return f"; did you mean {near[0]!r}?" if near else ""


def listed(words: Iterable[object]) -> str:
    """Words as people write them, with commas; `none` where there are none."""
    return ", ".join(map(str, words)) or "none"
