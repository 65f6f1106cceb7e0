"""The feature table of a run, as an engine reads it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime

from scorehouse.engines.columns import Columns, types_digest
from scorehouse.engines.keys import KeyCheck
from scorehouse.registry.signature import Signature
from scorehouse.scoring.options import ScoreOptions
from scorehouse.scoring.request import Request


class Source(ABC):
    """The feature table as an engine reads it: one snapshot, checked before the first row.

    `query` is what a replay reads again, or empty; `snapshot` is the id of the snapshot that it reads, and
    `snapshot_at` when that was written, in UTC, if the feature table is a table of a DuckLake. `table_types`
    has the full type of each column of the feature table; `types` are the types to cast columns to that
    bypass the kernel. All but `query` are set once `check` has run.
    """

    options: ScoreOptions
    request: Request
    call: str
    query: str
    snapshot: int | None = None
    snapshot_at: datetime | None = None
    columns: Columns
    table_types: Mapping[str, str]
    types: Mapping[str, str]

    @abstractmethod
    def check(
        self, signatures: Sequence[Signature], outputs: Sequence[str], *, keys: KeyCheck = KeyCheck.UNIQUE
    ) -> int:
        """Check columns, types and keys; returns the number of rows of the feature table.

        `outputs` are the columns that scoring adds; no kept column may have one of their names. `keys` is
        what to find out about the key.
        """

    @abstractmethod
    def hash_function(self) -> str:
        """Identifies the engine and its hash function, as a run found it."""

    def hash_kind(self, part: int) -> str:
        """Identifies what the hashes of one version depend on: the hash function and the column types."""
        return f"{self.hash_function()}:{types_digest(self.columns.hashed(part), self.table_types)}"

    def input_types(self, part: int) -> str:
        """Identifies the types of the whole input of one version, including its key."""
        return types_digest([*self.columns.key.values(), *self.columns.hashed(part)], self.table_types)
