"""joblib: a compressed pickle. It can store any estimator, and loading it runs whatever code it names."""

from __future__ import annotations

import io
import warnings
from typing import Any

from scorehouse.errors import ConfigurationError
from scorehouse.registry.formats.base import Format
from scorehouse.registry.signature import Signature
from scorehouse.registry.version import Version


def dump(estimator: Any, signature: Signature, version: Version, call: str) -> bytes:
    import joblib  # scoring by a program does without

    stream = io.BytesIO()
    try:
        joblib.dump(estimator, stream, compress=("zlib", 3))
    except Exception as error:  # a pickle raises PicklingError, AttributeError or TypeError
        raise ConfigurationError(
            call,
            f"this {type(estimator).__name__} cannot be pickled ({type(error).__name__}: {error})",
            expected="an estimator whose functions and classes have a name in a module, not lambdas or local "
            "functions",
            action="put the function into a module that dbt can import too, fit again, and register that",
        ) from error
    return stream.getvalue()


def load(data: bytes, version: Version, trusted: tuple[str, ...], call: str) -> Any:
    import joblib

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", category=UserWarning)  # the policy has already checked the versions
        return joblib.load(io.BytesIO(data))


CONTENT = "an estimator whose classes are installed here"
FORMAT = Format("joblib", ".joblib", "scikit-learn", dump, load, CONTENT, runs_code=True)
