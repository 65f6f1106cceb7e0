"""Artifacts: found, hashed, and only then opened."""

from __future__ import annotations

import hashlib
import io
import warnings
from pathlib import Path
from typing import Any

import joblib
import sklearn

from scorehouse.errors import ArtifactError, LoadRefusedError
from scorehouse.policy import LoadPolicy
from scorehouse.registry import Version
from scorehouse.signature import Signature

SIGNATURE_FILE = "signature.json"


def sha256(data: bytes) -> str:
    """Hexadecimal SHA-256 digest of `data`."""
    return hashlib.sha256(data).hexdigest()


def locate(root: Path, relative: str, call: str) -> Path:
    """The file of an artifact below the project's folder; a path that climbs out is refused."""
    path = (root / relative).resolve()
    if not path.is_relative_to(root.resolve()):
        raise LoadRefusedError(
            call,
            f"the artifact path {relative!r} leads out of the project {str(root)!r}",
            expected="a path below the project's folder",
            action="register the ML model again, so that its artifact is written below artifacts/",
        )
    return path


def read_verified(path: Path, digest: str, label: str, call: str) -> bytes:
    """The bytes of a file whose SHA-256 equals `digest`; nothing is opened before that."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ArtifactError(
            call,
            f"the file {str(path)!r} of {label} cannot be read ({error.strerror or error})",
            expected="the file that `scorehouse register` wrote",
            action="restore it from version control (git status shows whether it is missing there too)",
        ) from error
    found = sha256(data)
    if found != digest:
        raise ArtifactError(
            call,
            f"the file {str(path)!r} of {label} has the sha256 {found} ({len(data)} bytes)",
            expected=f"the registered sha256 {digest}",
            action="restore the registered file from version control; a new estimator is a new version",
        )
    return data


def load(root: Path, version: Version, policy: LoadPolicy, call: str) -> tuple[Any, Signature, list[str]]:
    """Verify and load the estimator and signature of a version.

    Returns the estimator, its signature, and warnings to log. The estimator is loaded from the very
    bytes that were hashed, so nothing can change between the check and the load.
    """
    policy.check_format(version, call)
    warning = policy.check_library(version, sklearn.__version__, call)
    path = locate(root, version.artifact, call)
    data = read_verified(path, version.sha256, version.label, call)
    signature_bytes = read_verified(
        path.with_name(SIGNATURE_FILE), version.signature_sha256, f"the signature of {version.label}", call
    )
    signature = Signature.from_json(signature_bytes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", category=UserWarning)  # the policy has spoken on versions already
        try:
            estimator = joblib.load(io.BytesIO(data))
        except Exception as error:
            raise ArtifactError(
                call,
                f"the artifact of {version.label} does not load ({type(error).__name__}: {error})",
                expected="an estimator whose classes are installed here",
                action=f"install the libraries that it was saved with: {dict(version.libraries)}",
            ) from error
    return estimator, signature, [warning] if warning else []
