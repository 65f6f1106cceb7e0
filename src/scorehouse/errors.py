"""Every error that a caller of scorehouse can meet.

Each says what was called, what was wrong, what was expected and what to do next.
"""

from __future__ import annotations


class ScorehouseError(Exception):
    """Base of all errors raised on purpose.

    Parameters are sentences without a closing full stop:
    `call` as the user wrote it, `problem` as it was found, `expected`, and `action`.
    """

    code = "error"

    def __init__(self, call: str, problem: str, *, expected: str, action: str) -> None:
        self.call = call
        self.problem = problem
        self.expected = expected
        self.action = action
        super().__init__(f"{call}: {problem}.\n  Expected: {expected}.\n  What to do: {action}.")


class ConfigurationError(ScorehouseError):
    """An argument, variable or setting has a value that cannot be used."""

    code = "configuration"


class RegistryError(ScorehouseError):
    """An ML model, version or alias is not in the registry, or the registry is inconsistent."""

    code = "registry"


class ArtifactError(ScorehouseError):
    """An artifact is missing, cannot be read, or its bytes are not the registered ones."""

    code = "artifact"


class LoadRefusedError(ScorehouseError):
    """The project's load policy does not allow this artifact to be loaded."""

    code = "load_refused"


class SignatureError(ScorehouseError):
    """The feature table does not fit the signature of the ML model."""

    code = "signature"


class RowKeyError(ScorehouseError):
    """The key columns of the feature table are NULL or not unique."""

    code = "key"


class EstimatorError(ScorehouseError):
    """The estimator is not fitted, lacks a method that its task needs, or failed on a batch."""

    code = "estimator"


class ConservationError(ScorehouseError):
    """Rows in and rows out differ, or more rows were rejected than allowed."""

    code = "conservation"


class CompileError(ScorehouseError):
    """The estimator has no exact form in SQL or native code, or one that is too large for the engine."""

    code = "compile"
