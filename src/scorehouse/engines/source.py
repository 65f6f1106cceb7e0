"""The feature table of a run, as an engine reads it.

Which rows a run scores: the planning that all engines share; each engine finds rows with its own SQL.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Generic, TypeVar

from scorehouse.dialect import Spelling
from scorehouse.engines.columns import Columns, find_columns, types_digest
from scorehouse.errors import ConfigurationError, RowKeyError, listed
from scorehouse.registry.signature import Signature
from scorehouse.scoring.options import AS_OF, PLANNED_RULES, Rescore, ScoreOptions
from scorehouse.scoring.request import Request, RunRecord


class Source(ABC):
    """The feature table as an engine reads it: one snapshot, checked before the first row.

    `query` is what a replay reads again, or empty; `snapshot` is the id of the snapshot that it reads, and
    `snapshot_at` when that was written, in UTC, if the feature table is a table of a DuckLake. `table_types`
    has the full type of each column of the feature table; `types` are the types to cast columns to that
    bypass the kernel. All but `query` are set once `check` has run. `rows_barred` is the number of rows that
    are left out, since their keys were forgotten.
    """

    query: str
    rows_barred: int = 0
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
            f"{nulls:,} of {rows:,} feature rows have a NULL in the key {listed(keys)}",
            expected="a key without NULL",
            action="filter these rows out in the feature model, or give them a key",
        )
    if different != rows:
        found = (f"{row[:-1] if len(keys) > 1 else row[0]!r} ({row[-1]} times)" for row in twice())
        raise RowKeyError(
            call,
            f"the key {listed(keys)} is not unique: {rows:,} feature rows, {different:,} distinct keys, "
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


S = TypeVar("S", bound=Source)
SCORED_STATES = ("new", "changed", "stale")  # the states in which a row is scored


class Planner(ABC, Generic[S]):
    """Chooses the rows of one run by its rule, and counts for each version what was found.

    `rows` is the number of rows of the feature table, once `run` has counted them.
    """

    rows: int

    def __init__(self, source: S, records: list[RunRecord]) -> None:
        self.source = source
        self.records = records
        self.merging = records[0].write_mode == "merge"
        # a history is never rescored, and nothing vanishes from it
        self.may_rescore = self.merging and source.options.as_of is None
        # the part of the plan for each record: versions that share a row are one part
        self.parts = [0 if source.options.is_wide else number for number in range(len(records))]
        self.rescore = self._rescore()

    @abstractmethod
    def count_rows(self) -> int:
        """The number of rows of the feature table. Keys are checked here, or else later."""

    @property
    def scores_all(self) -> bool:
        """Whether the run scores every row of the feature table, without a look at its state."""
        return self.rescore.rule == "given" or not (self.merging or self.rescore.has_budget)

    @abstractmethod
    def find(self) -> None:
        """Find the rows to score, count them with `note_found`, and set what the source reads."""

    @abstractmethod
    def type_of(self, column: str) -> tuple[str, bool]:
        """The type of a feature table column, and whether it holds times or dates."""

    @abstractmethod
    def newest(self, column: str) -> datetime | None:
        """The newest time in a column of the feature table."""

    @abstractmethod
    def interval_us(self, text: str) -> int | None:
        """An SQL interval in microseconds; None if the text is not an interval."""

    def vanished(self) -> Any:
        """The keys of predictions whose row vanished, if the engine passes them on; None: there are none."""
        return None

    @property
    def unplaced(self) -> list[str]:
        """The columns of a place among other rows, if predictions without a row are kept and lose theirs."""
        return [] if self.source.request.is_partial else self._places

    @property
    def skips_undecided(self) -> bool:
        """Whether predictions without a decision stay so: a partial run cannot tell whose row has left."""
        return self.source.request.is_partial and "decision" in self._places

    @property
    def _places(self) -> list[str]:
        planned = self.may_rescore and self.rescore.rule in PLANNED_RULES
        if not planned or self.rescore.vanished != "keep":
            return []
        places = {"decision": self.source.options.ranks_by_score, "rank": self.ranks}
        return [column for column, is_place in places.items() if is_place]

    def run(self) -> None:
        """Choose rows, and set in each record `rows_in`, what was found, and what is left for later runs."""
        self.rows = self.count_rows()
        if self.rescore.updated_at is not None:
            newest = self.newest(self.rescore.updated_at)
            for record in self.records:
                record.watermark = newest
        if self.scores_all:
            for record in self.records:
                record.rows_in = self.rows
                if self.rescore.rule != "given":
                    self.note_found(record, {"new": self.rows}, vanished=0)
            return
        self.find()

    def note_found(self, record: RunRecord, counts: Mapping[str, int], vanished: int) -> None:
        """Count the states of the rows that were found; each is in one of four states."""
        found = {state: counts.get(state, 0) for state in SCORED_STATES}
        record.found = {**found, "unchanged": self.rows - sum(found.values()), "vanished": vanished}

    def note_chosen(self, record: RunRecord, rows: int) -> None:
        """Record how many of the found rows this run scores."""
        record.rows_in = rows
        record.rows_left = sum(record.found[state] for state in SCORED_STATES) - rows

    @property
    def ranks(self) -> bool:
        part = self.records[0].part
        return part is not None and part.version.task == "ranking"

    def lookback_us(self) -> int:
        """The look-back of the rule `updated_at` in microseconds."""
        lookback = self.rescore.lookback
        if isinstance(lookback, int | float):
            return round(lookback * 1_000_000)
        found = self.interval_us(lookback)
        if found is None:
            raise ConfigurationError(
                self.source.call,
                f"rescore has lookback {lookback!r}",
                expected="seconds, or an interval such as '2 days'",
                action="correct the argument rescore",
            )
        return found

    def check_predictions(self, names: Sequence[str]) -> None:
        """Refuse a prediction table with the columns `names` if it lacks columns that a plan reads."""
        options = self.source.options
        wanted = [*options.table_key, *self.source.columns.group]
        wanted += ["scoring_run_id", "scored_at", "feature_hash"]
        wanted += ["is_vanished"] if self.rescore.vanished == "flag" else []
        lacking = [name for name in wanted if name not in names]
        if lacking or ("model_alias" in names) != options.in_parts:
            raise ConfigurationError(
                self.source.call,
                f"the prediction table has the columns {listed(names)}, "
                + (
                    f"but this run also needs {listed(lacking)}"
                    if lacking
                    else "but this run scores one version"
                ),
                expected="a table that was built with the same arguments",
                action="rebuild the table once with --full-refresh",
            )

    def _rescore(self) -> Rescore:
        """The rule, with `updated_at` spelled as in the feature table."""
        rescore, source = self.source.options.rescore, self.source
        if rescore.updated_at is None:
            return rescore
        wanted = rescore.updated_at
        column = find_columns("updated_at", [wanted], list(source.table_types), source.call)[wanted]
        kind, holds_times = self.type_of(column)
        if not holds_times:
            raise ConfigurationError(
                source.call,
                f"updated_at is the column {wanted!r} of type {kind}",
                expected="a column of timestamps or dates",
                action="cast it in the feature model, or use the rule 'changed'",
            )
        return rescore.model_copy(update={"updated_at": column})
