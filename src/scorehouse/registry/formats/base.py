"""The interface of an artifact format: from an estimator to bytes, and from verified bytes back."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from scorehouse.errors import ArtifactError, ConfigurationError
from scorehouse.registry.signature import Signature
from scorehouse.registry.version import Version


@dataclass(frozen=True)
class Format:
    """One format, as the registry names it.

    `dump(estimator, signature, version, call)` returns bytes. `load(data, version, trusted, call)` returns
    the object that scores; its `data` was hashed before, `trusted` are the types that the load policy trusts.
    `library` is the distribution whose version predictions depend on. `runs_code`: loading may run any code
    (pickle). `exact`: the loaded object predicts bit for bit like the saved one. `extra` is the optional
    extra of this package that the format needs.
    """

    name: str
    suffix: str
    library: str
    dump: Callable[[Any, Signature, Version, str], bytes]
    load: Callable[[bytes, Version, tuple[str, ...], str], Any]
    extra: str = ""
    runs_code: bool = False
    exact: bool = True


def import_extra(module: str, extra: str, call: str) -> Any:
    """Import a module of an optional extra; the error names the extra to install."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ConfigurationError(
            call,
            f"the library {module.partition('.')[0]!r} is needed but cannot be imported ({error})",
            expected=f"the optional extra {extra!r} of scorehouse",
            action=f"run: pip install 'scorehouse[{extra}]'",
        ) from error


def does_not_load(version: Version, error: Exception, expected: str, call: str) -> ArtifactError:
    """The error for verified bytes that cannot be made into an estimator."""
    return ArtifactError(
        call,
        f"the artifact of {version.label} does not load ({type(error).__name__}: {error})",
        expected=expected,
        action=f"install the libraries that it was saved with: {dict(version.libraries)}",
    )


def cannot_store(estimator: Any, name: str, reason: str, call: str) -> ConfigurationError:
    """The error for an estimator that a format cannot hold."""
    return ConfigurationError(
        call,
        f"the format {name!r} cannot store this {type(estimator).__name__}: {reason}",
        expected="an estimator that the format can store completely",
        action='use format="skops" or format="joblib"',
    )
