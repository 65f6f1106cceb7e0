"""The warehouse that a command reads, as named by a dbt target or by the user."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Place:
    """A DuckDB file or a lake; if a target names it, also the target's schemas and attached databases.

    `alias` is the name under which the target attaches `file`, or None if it is the target's `path`.
    `schema` is the target's schema. `log_database` and `log_schema` are those of its run log; None means the
    database of `file`, and any schema. `attached` are the other files by their alias. The path of a lake
    begins with `ducklake:`. `options` are those of the target's connection.
    """

    file: Path
    alias: str | None = None
    schema: str | None = None
    log_database: str | None = None
    log_schema: str | None = None
    attached: Mapping[str, Path] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
