"""Which rows a run scores: the planning that all engines share; each engine finds rows with its own SQL."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Generic, TypeVar

from scorehouse.engines.columns import find_columns
from scorehouse.engines.source import Source
from scorehouse.errors import ConfigurationError
from scorehouse.scoring.options import Rescore
from scorehouse.scoring.request import RunRecord

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

    def count_rows(self) -> int:
        """The number of rows of the feature table. Keys are checked here, or else by `find`."""
        return self.source.check_keys()

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
        """The keys of predictions to flag or delete, if the engine passes them on; None: there are none."""
        return None

    def run(self) -> None:
        """Choose rows, and set in each record `rows_in`, what was found, and what is left for later runs."""
        self.rows = self.count_rows()
        if self.rescore.updated_at is not None:
            newest = self.newest(self.rescore.updated_at)
            for record in self.records:
                record.watermark = newest
        if self.rescore.rule == "given" or not (self.merging or self.rescore.has_budget):
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
                f"the prediction table has the columns {list(names)}, "
                + (f"but this run also needs {lacking}" if lacking else "but this run scores one version"),
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
