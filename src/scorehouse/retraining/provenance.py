"""What a version is trained from, and the key by which the same training is found again."""

from __future__ import annotations

import hashlib
import json
import platform
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from scorehouse.errors import RegistryError
from scorehouse.registry.version import Version, resolve

# What decides the estimator: the same values give the same estimator, and name the same version.
DECISIVE = (
    *("rows_sha256", "cut", "features", "label", "time", "function", "code_sha256", "seed"),
    *("calibrate_asked", "format", "environment_sha256"),
)
KEY = "key"


def commit_of(project: Path) -> tuple[str | None, bool]:
    """The commit that is checked out, and whether the project's folder differs from it; None without git."""
    if shutil.which("git") is None:
        return None, False
    head = _git(project, "rev-parse", "HEAD")
    changed = _git(project, "status", "--porcelain", "--", ".")
    return (head.strip(), bool(changed and changed.strip())) if head else (None, False)


def _git(project: Path, *words: str) -> str | None:
    ended = subprocess.run(["git", "-C", str(project), *words], capture_output=True, text=True)
    return ended.stdout if ended.returncode == 0 else None


def environment_sha256() -> str:
    """SHA-256 of Python's version and of the names and versions of all installed distributions."""
    found = {f"{each.name.lower()}=={each.version}" for each in distributions() if each.name}
    return hashlib.sha256("\n".join([platform.python_version(), *sorted(found)]).encode()).hexdigest()


def with_key(record: Mapping[str, Any]) -> dict[str, Any]:
    """The record with its key, a digest of all that decides the estimator."""
    known = json.dumps([record.get(name) for name in DECISIVE], sort_keys=True, default=str)
    return {**record, KEY: hashlib.sha256(known.encode()).hexdigest()}


def found_again(versions: Sequence[Version], record: Mapping[str, Any]) -> Version | None:
    """The newest version that was trained from the same rows, code, seed and environment."""
    same = [version for version in versions if version.provenance.get(KEY) == record[KEY]]
    return same[-1] if same else None


def retrained(versions: Sequence[Version], number: int, call: str) -> Version:
    """The version `number`. Raises RegistryError if it is unknown or no retraining has registered it."""
    version = resolve(versions, alias=None, version=number, call=call)
    if KEY in version.provenance:
        return version
    raise RegistryError(
        call,
        f"{version.label} has no provenance of a training by this command",
        expected=f"one of the versions {[each.version for each in versions if KEY in each.provenance]}",
        action="name such a version, or leave --version out: then rows and code of today are trained on",
    )
