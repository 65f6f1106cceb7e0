"""The rows of a seed's CSV file, as text."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from scorehouse.errors import RegistryError
from scorehouse.registry.version import OPTIONAL_COLUMNS

FIELD_LIMIT = 2**31 - 1  # characters of one value: `categories` may be long, and Python's limit is 131,072


def read_rows(file: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """Rows of a seed with these `columns`, of which only optional ones may be missing; empty without a file.

    A file with an unknown header is refused, since appending to it would damage it.
    """
    if not file.exists():
        return []
    csv.field_size_limit(max(csv.field_size_limit(), FIELD_LIMIT))
    with file.open(newline="", encoding="utf-8") as stream:
        reader = csv.DictReader(stream)
        rows = list(reader)
    found = tuple(reader.fieldnames or ())
    if found != tuple(c for c in columns if c in found or c not in OPTIONAL_COLUMNS):
        raise RegistryError(
            f"reading {file.name}",
            f"its columns are {reader.fieldnames}",
            expected=f"{list(columns)}",
            action="restore the file from version control, or use the release that wrote it",
        )
    return rows
