"""What a program that cannot be read is called, wherever it is read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from scorehouse.errors import ArtifactError, ScorehouseError
from scorehouse.registry.version import Version


@contextmanager
def reading(backend: str, version: Version, call: str) -> Iterator[None]:
    """While inside, whatever a reader of the file raises becomes an ArtifactError in words."""
    try:
        yield
    except ScorehouseError:
        raise
    except Exception as error:  # of zip, zlib, JSON, NumPy and Arrow, besides our own ValueError
        why = f"it has no {error}" if isinstance(error, KeyError) else str(error) or type(error).__name__
        raise ArtifactError(
            call,
            f"the backend {backend!r} of {version.label} does not serve: its file cannot be read: {why}",
            expected="the file as `scorehouse register` or `scorehouse prove` of this release wrote it",
            action=f"restore it from version control, or run `scorehouse prove {version.name}`",
        ) from error
