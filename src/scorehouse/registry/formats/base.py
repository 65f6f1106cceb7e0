"""The interface of an artifact format: from an estimator to bytes, and from verified bytes back."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scorehouse.errors import ArtifactError, ConfigurationError, ScorehouseError
from scorehouse.registry.signature import Signature
from scorehouse.registry.version import Version


@dataclass(frozen=True)
class Format:
    """One format, as the registry names it.

    `dump(estimator, signature, version, call)` returns bytes. `load(data, version, trusted, call)` returns
    the object that scores; its `data` was hashed before, `trusted` are the types that the load policy trusts.
    `library` is the distribution whose version predictions depend on. `content` says what `data` has to be.
    `runs_code`: loading may run any code (pickle). `exact`: the loaded object predicts bit for bit like the
    saved one.
    """

    name: str
    suffix: str
    library: str
    dump: Callable[[Any, Signature, Version, str], bytes]
    load: Callable[[bytes, Version, tuple[str, ...], str], Any]
    content: str
    runs_code: bool = False
    exact: bool = True

    def open(self, data: bytes, version: Version, trusted: tuple[str, ...], call: str) -> Any:
        """The object that scores; ArtifactError if verified bytes cannot be made into it."""
        try:
            return self.load(data, version, trusted, call)
        except ScorehouseError:
            raise
        except Exception as error:
            raise _does_not_load(version, error, self.content, call) from error


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


def _does_not_load(version: Version, error: Exception, expected: str, call: str) -> ArtifactError:
    """The error for verified bytes that cannot be made into an estimator."""
    action = f"install the libraries that it was saved with: {dict(version.libraries)}"
    if isinstance(error, ModuleNotFoundError) and error.name and error.name not in version.libraries:
        expected = "on Python's path, each module that the estimator has a class or function of"
        action = (
            f"if {error.name!r} is a library, install it; if it is a module of yours, name "
            f"{folder_of(error.name)} in module_paths in the profile of dbt-duckdb, or in PYTHONPATH"
        )
    if isinstance(error, MemoryError):
        expected = f"memory for an artifact of {version.size_bytes:,} bytes and what it becomes"
        action = "give this process more memory, or stop others; nothing is wrong with the artifact"
    problem = f"the artifact of {version.label} does not load ({type(error).__name__}: {error})"
    return ArtifactError(call, problem, expected=expected, action=action)


def folder_of(module: str) -> str:
    """The folder of a module that Python does not find, as an error names it.

    A process that imported it knows its folder; otherwise it is looked for below the working folder, which is
    the project's where dbt runs.
    """
    top = module.partition(".")[0]
    file = getattr(sys.modules.get(top), "__file__", None)
    if file is not None:
        home = Path(file).parent
        return repr(str(home.parent if Path(file).name == "__init__.py" else home))
    for depth in ("", "*/", "*/*/"):
        for place in (*Path().glob(f"{depth}{top}.py"), *Path().glob(f"{depth}{top}/__init__.py")):
            if not place.parts[0].startswith((".", "target", "dbt_packages")):
                return repr(str(place.absolute().parents[place.name == "__init__.py"]))
    return "the folder in which it was when the version was registered"


def cannot_store(estimator: Any, name: str, reason: str, call: str) -> ConfigurationError:
    """The error for an estimator that a format cannot hold."""
    return ConfigurationError(
        call,
        f"the format {name!r} cannot store this {type(estimator).__name__}: {reason}",
        expected="an estimator that the format can store completely",
        action='use format="skops" or format="joblib"',
    )
