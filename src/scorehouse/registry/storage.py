"""Where artifacts are stored: below the project, at an absolute path, or at an fsspec URL.

A location is text from the registry. It is followed only into the project's folder or one of the load
policy's roots, after symbolic links are resolved. Bytes from a URL are cached by their digest.
"""

from __future__ import annotations

import hashlib
import os
import posixpath
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from scorehouse.errors import ArtifactError, LoadRefusedError, ScorehouseError, listed
from scorehouse.registry.formats.base import import_extra
from scorehouse.registry.policy import VARIABLE, LoadPolicy
from scorehouse.registry.seeds import replace_file


def sha256(data: bytes) -> str:
    """Hexadecimal SHA-256 digest of `data`."""
    return hashlib.sha256(data).hexdigest()


@dataclass(frozen=True)
class Location:
    """A location that the policy allows: a `path` on this machine, or else a `url`."""

    path: Path | None
    url: str = ""

    def __str__(self) -> str:
        return self.url or str(self.path)


def locate(root: Path, text: str, policy: LoadPolicy, call: str) -> Location:
    """The location that `text` names; refused outside the project and the policy's roots."""
    if not _is_local(text):
        if _plain_url(text) and text.startswith(tuple(base.rstrip("/") + "/" for base in policy.roots)):
            return Location(None, text)
        raise _refused(text, "is not below any of the roots in the load policy", policy, call)
    home = root.resolve()
    relative = not Path(_local(text)).is_absolute()
    if relative and not Path(os.path.normpath(home / text)).is_relative_to(home):
        raise _refused(text, f"leads out of the project {str(root)!r}", policy, call)
    path = (home / _local(text)).resolve()
    roots = [home, *((home / _local(r)).resolve() for r in policy.roots if _is_local(r))]
    if not any(path.is_relative_to(allowed) for allowed in roots):
        where = f"leads out of the project {str(root)!r}, to {str(path)!r}"
        raise _refused(text, where, policy, call)
    return Location(path)


def _is_local(text: str) -> bool:
    return "://" not in text or text.lower().startswith("file://")


def _local(text: str) -> str:
    return unquote(urlsplit(text).path) if text.lower().startswith("file://") else text


def _plain_url(url: str) -> bool:
    """Whether a URL can be compared as text: no `..`, no encoding, no chain, no query."""
    parts = urlsplit(url)
    plain = not re.search(r"[\x00-\x20\\%?#]|::", url)
    return plain and posixpath.normpath(parts.path or "/") == (parts.path or "/")


def _refused(text: str, where: str, policy: LoadPolicy, call: str) -> LoadRefusedError:
    return LoadRefusedError(
        call,
        f"the artifact path {text!r} {where}",
        expected=f"a path below the project's folder, or one of the roots {listed(policy.roots)}",
        action=f"register the ML model again, or add its folder or URL to roots in the variable {VARIABLE}",
    )


def read_verified(
    root: Path, location: Location, digest: str, label: str, policy: LoadPolicy, call: str
) -> bytes:
    """The bytes at `location`; their SHA-256 equals `digest`. Nothing is opened before this check.

    Bytes from a URL are kept in the policy's cache, and hashed again each time they are read from it.
    """
    if location.path is not None:
        data = _read_file(location.path, label, call)
    else:
        cached = _cached(root, policy, digest)
        if cached is not None:
            return cached
        data = _fetch(location.url, label, call)
    found = sha256(data)
    if found != digest:
        raise ArtifactError(
            call,
            f"the file {str(location)!r} of {label} has the sha256 {found} ({len(data)} bytes)",
            expected=f"the registered sha256 {digest}",
            action="restore the registered file from version control; a new estimator is a new version",
        )
    if location.path is None:
        with suppress(OSError):  # a cache that is not writable costs time, but does not fail the run
            replace_file(root / policy.cache / digest, data)
    return data


def read_unpinned(location: Location, call: str) -> bytes | None:
    """The bytes of a file that no digest pins, since it proves itself by a key; None if there is none."""
    if location.path is not None:
        return _read_file(location.path, "a version", call) if location.path.is_file() else None
    filesystem, path = _filesystem(location.url, call)
    return _fetch(location.url, "a version", call) if filesystem.exists(path) else None


def _read_file(path: Path, label: str, call: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ArtifactError(
            call,
            f"the file {str(path)!r} of {label} cannot be read ({error.strerror or error})",
            expected="the file that `scorehouse register` wrote",
            action="restore it from version control (git status shows whether it is missing there too)",
        ) from error


def _fetch(url: str, label: str, call: str) -> bytes:
    try:
        filesystem, path = _filesystem(url, call)
        return bytes(filesystem.cat_file(path))
    except (ScorehouseError, ImportError):
        raise
    except Exception as error:  # each file system has its own errors
        raise ArtifactError(
            call,
            f"{url!r} of {label} cannot be fetched ({type(error).__name__}: {error})",
            expected="a URL that this machine can read",
            action="check the URL, the network and the credentials",
        ) from error


def _filesystem(url: str, call: str) -> tuple[Any, str]:
    fsspec = import_extra("fsspec", "remote", call)
    try:
        return fsspec.core.url_to_fs(url)
    except (ImportError, ValueError) as error:
        raise ArtifactError(
            call,
            f"no file system for {url!r} is installed ({error})",
            expected="the fsspec driver of the URL's scheme, such as s3fs, gcsfs, adlfs or aiohttp",
            action="install the driver that the message names",
        ) from error


def _cached(root: Path, policy: LoadPolicy, digest: str) -> bytes | None:
    """The cached bytes of `digest`, if they exist and still have this digest."""
    if not re.fullmatch(r"[0-9a-f]{64}", digest):
        return None
    try:
        data = (root / policy.cache / digest).read_bytes()
    except OSError:
        return None
    return data if sha256(data) == digest else None


def write(location: Location, data: bytes, call: str) -> None:
    """Write a file so that a reader sees either the old or the new bytes, never a mixture."""
    if location.path is None:
        filesystem, path = _filesystem(location.url, call)
        filesystem.makedirs(filesystem._parent(path), exist_ok=True)
        filesystem.pipe_file(path, data)
        return
    replace_file(location.path, data)
