"""One text for the same facts, whatever database or file they come from: what is hashed, and JSON lines."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any


def canonical(document: Any) -> str:
    """JSON on one line, with sorted names and without spaces."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def in_bytes(text: str) -> bytes:
    """JSON text in UTF-8; half of a character, which has no bytes there, becomes an escape of JSON."""
    return text.encode("utf-8", "backslashreplace")


def to_lines(documents: Iterable[Any]) -> bytes:
    """A file with one document per line."""
    return in_bytes("".join(canonical(document) + "\n" for document in documents))


def from_lines(data: bytes) -> list[Any]:
    """The documents that `to_lines` wrote; ValueError for a line that is no JSON.

    A line ends with a line feed alone: JSON strings may contain the other line ends of Unicode as they are.
    """
    return [json.loads(line) for line in data.split(b"\n") if line.strip()]


def digest(text: str | bytes) -> str:
    """Hexadecimal SHA-256."""
    return sha256(in_bytes(text) if isinstance(text, str) else text).hexdigest()


def facts_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of a row that have a value, each as JSON.

    Columns without a value are left out, so a row keeps its digest if a newer release adds a column.
    """
    found = {str(name).lower(): _fact(value) for name, value in row.items()}
    return {name: value for name, value in found.items() if value is not None}


def row_digest(row: Mapping[str, Any]) -> str:
    """The SHA-256 of a row's facts."""
    return digest(canonical(facts_of(row)))


def _fact(value: Any) -> Any:
    """A value as JSON. Numbers have one spelling: drivers return 400, 400.0 or Decimal('400')."""
    if value is None or isinstance(value, bool | str | int):
        return value
    if isinstance(value, datetime):
        moment = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
        return moment.isoformat(sep=" ", timespec="microseconds")
    if not isinstance(value, float | Decimal):
        return str(value)  # such as a date or a UUID
    if not math.isfinite(value):
        return str(float(value))
    whole = int(value)
    return whole if value == whole and abs(whole) < 2**53 else float(value)
