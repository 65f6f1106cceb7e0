"""Signing of a registered version by key, and whether a key may sign in a project."""

from __future__ import annotations

from pathlib import Path

from scorehouse.errors import ConfigurationError
from scorehouse.registry import artifact
from scorehouse.registry.key_signature import (
    DECISION_FILE,
    KEY_SIGNATURE,
    belong_together,
    read_key,
    sign_files,
)
from scorehouse.registry.policy import LoadPolicy
from scorehouse.registry.storage import locate, write
from scorehouse.registry.version import Version


def sign_version(project: Path, version: Version, key: Path, policy: LoadPolicy, call: str) -> str:
    """Sign the files of a version, and what decides, with the private key in a PEM file; returns where.

    Raises ArtifactError if they are not the registered ones, ConfigurationError if the key cannot be used.
    """
    artifact.check_files(project, version, policy, call, signed=False)
    data = sign_files(str(version.version), artifact.signed_digests(version), key, call)
    place = artifact.beside(version, KEY_SIGNATURE)
    decision = artifact.beside(version, DECISION_FILE)
    write(locate(project, decision, policy, call), artifact.decision(version), call)
    write(locate(project, place, policy, call), data, call)
    return place


def check_key(project: Path, key: Path, policy: LoadPolicy, call: str) -> None:
    """Refuse a private key whose signature the project would not accept, before anything is there to sign."""
    private = read_key(key, "private", call)
    accepted = policy.require_signed_by
    if accepted and not any(belong_together(private, project / public, call) for public in accepted):
        raise ConfigurationError(
            call,
            f"the key {str(key)!r} is none of those whose signature this project accepts",
            expected=f"the private key that belongs to {' or '.join(map(repr, accepted))}",
            action="name that key, or add the public part of this one to require_signed_by",
        )
