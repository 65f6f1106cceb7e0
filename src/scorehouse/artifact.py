"""Artifacts: found, hashed, and only then opened."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scorehouse.formats import FORMATS
from scorehouse.policy import LoadPolicy
from scorehouse.registry import Version
from scorehouse.signature import Signature
from scorehouse.storage import locate, read_verified, sha256

SIGNATURE_FILE = "signature.json"

__all__ = ["SIGNATURE_FILE", "load", "open_estimator", "read_signature", "read_version", "sha256"]


def load(root: Path, version: Version, policy: LoadPolicy, call: str) -> tuple[Any, Signature, list[str]]:
    """Verify and load the estimator and signature of a version.

    Returns the estimator, its signature, and warnings to log. The estimator is loaded from the very
    bytes that were hashed, so nothing can change between the check and the load.
    """
    policy.check_format(version, call)
    warnings = policy.check_libraries(version, call)
    data = read_version(root, version, policy, call)
    signature = read_signature(root, version, policy, call)
    return open_estimator(data, version, policy, call), signature, warnings


def read_version(root: Path, version: Version, policy: LoadPolicy, call: str) -> bytes:
    """The verified bytes of a version's artifact."""
    location = locate(root, version.artifact, policy, call)
    return read_verified(root, location, version.sha256, version.label, policy, call)


def read_signature(root: Path, version: Version, policy: LoadPolicy, call: str) -> Signature:
    """The verified signature of a version."""
    folder = version.artifact.replace("\\", "/").rpartition("/")[0]
    location = locate(root, f"{folder}/{SIGNATURE_FILE}" if folder else SIGNATURE_FILE, policy, call)
    label = f"the signature of {version.label}"
    return Signature.from_json(read_verified(root, location, version.signature_sha256, label, policy, call))


def open_estimator(data: bytes, version: Version, policy: LoadPolicy, call: str) -> Any:
    """Make the estimator from verified bytes, in the one way that its registered format has."""
    return FORMATS[version.artifact_format].load(data, version, policy.trusted_types, call)
