"""The feature table of a run, as an engine reads it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from scorehouse.dialect import Spelling
from scorehouse.engines.columns import Columns, find_columns, types_digest
from scorehouse.errors import ConfigurationError, RowKeyError
from scorehouse.registry.signature import Signature
from scorehouse.scoring.options import AS_OF, ScoreOptions
from scorehouse.scoring.request import Request


class Source(ABC):
    """The feature table as an engine reads it: one snapshot, checked before the first row.

    `query` is what a replay reads again, or empty; `snapshot` is the id of the snapshot that it reads, and
    `snapshot_at` when that was written, in UTC, if the feature table is a table of a DuckLake. `table_types`
    has the full type of each column of the feature table; `types` are the types to cast columns to that
    bypass the kernel. All but `query` are set once `check` has run.
    """

    query: str
    snapshot: int | None = None
    snapshot_at: datetime | None = None
    columns: Columns
    table_types: Mapping[str, str]
    types: Mapping[str, str]

    def __init__(self, options: ScoreOptions, request: Request, call: str) -> None:
        self.options = options
        self.request = request
        self.call = call

    @abstractmethod
    def check(self, signatures: Sequence[Signature], outputs: Sequence[str]) -> None:
        """Check columns and types.

        `outputs` are the columns that scoring adds; no kept column may have one of their names.
        """

    @abstractmethod
    def check_keys(self) -> int:
        """Refuse a key that is NULL or not unique; returns the number of rows of the feature table."""

    def as_of_sql(self, names: Sequence[str], spelling: Spelling) -> tuple[str, str]:
        """SQL of the as-of date that the feature table lacks, and of the window of a backfill.

        `names` are the columns of the feature table. Either result is empty if there is nothing to add.
        """
        options, request, call = self.options, self.request, self.call
        value = options.as_of_value
        if request.slice_from and (options.as_of is None or value is not None):
            raise ConfigurationError(
                call,
                "a backfill was requested, but as_of does not name a column",
                expected="a feature table with a column of as-of dates, named by as_of",
                action="select only prediction histories (--select), or leave out scorehouse_backfill",
            )
        if value is not None:
            if AS_OF in {name.lower() for name in names}:
                raise ConfigurationError(
                    call,
                    f"as_of is {options.as_of!r}, but the feature table has a column {AS_OF!r}",
                    expected="the column's name, or a date if the feature table has no such column",
                    action=f"pass as_of={AS_OF!r}",
                )
            kind = "date" if len(value) <= 10 else spelling.time
            return f"{kind} {spelling.literal(value)}", ""
        if request.slice_from and options.as_of is not None:
            found = find_columns("as_of", [options.as_of], names, call)[options.as_of]
            return "", within(found, request, spelling)
        return "", ""

    @abstractmethod
    def hash_function(self) -> str:
        """Identifies the engine and its hash function, as a run found it."""

    def hash_kind(self, part: int) -> str:
        """Identifies what the hashes of one version depend on: the hash function and the column types."""
        return f"{self.hash_function()}:{types_digest(self.columns.hashed(part), self.table_types)}"

    def input_types(self, part: int) -> str:
        """Identifies the types of the whole input of one version, including its key."""
        return types_digest([*self.columns.key.values(), *self.columns.hashed(part)], self.table_types)


def within(column: str, request: Request, spelling: Spelling) -> str:
    """SQL of the condition that a column is in the slice of a backfill, or in the window of a batch."""
    quoted, literal = spelling.quote(column), spelling.literal
    return f"{quoted} >= {literal(request.slice_from)} and {quoted} < {literal(request.slice_to)}"


def check_counts(
    call: str, keys: Sequence[str], counts: tuple[int, int, int], twice: Callable[[], Sequence[Any]]
) -> int:
    """Refuse a key that is NULL or not unique; returns the number of rows.

    `counts` are the numbers of rows, of rows with a NULL in the key, and of different keys. `twice` returns a
    few keys that occur more than once, each followed by its count.
    """
    rows, nulls, different = counts
    if nulls:
        raise RowKeyError(
            call,
            f"{nulls} of {rows} feature rows have a NULL in the key {list(keys)}",
            expected="a key without NULL",
            action="filter these rows out in the feature model, or give them a key",
        )
    if different != rows:
        found = (f"{row[:-1] if len(keys) > 1 else row[0]!r} ({row[-1]} times)" for row in twice())
        raise RowKeyError(
            call,
            f"the key {list(keys)} is not unique: {rows} feature rows, {different} distinct keys, "
            f"such as {', '.join(found)}",
            expected="one feature row per key",
            action="deduplicate in the feature model, or name the columns that make a row unique",
        )
    return int(rows)


def not_a_registry(model: Any, call: str) -> ConfigurationError:
    return ConfigurationError(
        call,
        f"model is a {type(model).__name__}",
        expected="the ref of a registry seed",
        action='pass model=dbt.ref("ml_<name>")',
    )
