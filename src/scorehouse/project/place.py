"""The warehouse that a command reads, as a target of dbt or the user named it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Place:
    """A DuckDB file; where a target named it, also the target's schemas and the databases attached to it.

    `alias` is the name under which the target attaches `file`, or None where it is the target's `path`.
    `schema` is that of the target. `log_database` and `log_schema` are those of its run log, where None
    means the database of `file`, and any schema. `attached` are the other files by their alias.
    """

    file: Path
    alias: str | None = None
    schema: str | None = None
    log_database: str | None = None
    log_schema: str | None = None
    attached: Mapping[str, Path] = field(default_factory=dict)
