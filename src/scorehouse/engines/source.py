"""The feature table of a run, as an engine reads it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

from scorehouse.engines.columns import Columns, types_digest
from scorehouse.registry.signature import Signature
from scorehouse.scoring.options import ScoreOptions
from scorehouse.scoring.request import Request


class Source(ABC):
    """The feature table as an engine reads it: one snapshot, checked before the first row.

    `query` is what a replay reads again, or empty. `table_types` has the full type of each column of the
    feature table, `types` those to cast columns to that pass by the kernel. All but `query` are there once
    `check` has run.
    """

    options: ScoreOptions
    request: Request
    call: str
    query: str
    columns: Columns
    table_types: Mapping[str, str]
    types: Mapping[str, str]

    @abstractmethod
    def check(self, signatures: Sequence[Signature], outputs: Sequence[str], *, unique: bool = True) -> int:
        """Check columns, types and keys; returns the number of rows of the feature table.

        `outputs` are the columns that scoring adds, whose names no column that is kept may have. With
        `unique` false a plan shows later, at less cost, that keys are unique.
        """

    @abstractmethod
    def hash_function(self) -> str:
        """Names the engine and its hash function, as a run found it."""

    def hash_kind(self, part: int) -> str:
        """Names what the hashes of one version rest on: the hash function, and the columns' types."""
        return f"{self.hash_function()}:{types_digest(self.columns.hashed(part), self.table_types)}"

    def input_types(self, part: int) -> str:
        """Names the types of the whole input of one version, its key included."""
        return types_digest([*self.columns.key.values(), *self.columns.hashed(part)], self.table_types)
