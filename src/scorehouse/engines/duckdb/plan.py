"""Which rows a run scores, found inside DuckDB: rows that did not change never reach Python."""

from __future__ import annotations

from datetime import datetime

import duckdb
import pyarrow as pa

from scorehouse.engines.duckdb.feed import ROWS, Feed
from scorehouse.engines.duckdb.few import Few
from scorehouse.engines.duckdb.lake import utc
from scorehouse.engines.duckdb.rescore_sql import TODO, VANISHED, PlanPart, RescorePlan
from scorehouse.engines.duckdb.slices import Slices
from scorehouse.engines.duckdb.source import ChosenRows, DuckDBSource
from scorehouse.engines.duckdb.sql import literal, quote
from scorehouse.engines.source import Planner
from scorehouse.errors import RowKeyError, listed
from scorehouse.scoring.options import PLANNED_RULES

SLICE_BATCHES = 64  # batches read between two checks of the order, with a time budget


class DuckDBPlanner(Planner[DuckDBSource]):
    """Chooses rows with one join of features and predictions, in temporary tables of the source's cursor.

    `both_ways`: the join shows everything, new, vanished and duplicate keys.
    """

    def count_rows(self) -> int:
        source, rule = self.source, self.rescore.rule
        if self.rescore.slice_rows is not None:  # each slice checks its keys
            source.slices = Slices.of(source, self.rescore.slice_rows)
            return source.slices.rows
        self.both_ways = self.may_rescore and rule in PLANNED_RULES and not source.options.in_parts
        self.only_counted = self.merging and (rule == "feed" or (self.both_ways and source.is_stored))
        if self.only_counted:  # `find` checks the keys that it reads, or all of them in one pass
            return int(source.row(f"select count(*) from {source.table}")[0])
        return source.check_keys(unique=not self.both_ways)

    def find(self) -> None:
        if is_feed := self.rescore.rule == "feed":  # what the feed cannot tell, the rule `changed` finds out
            self.rescore = self.rescore.model_copy(update={"rule": "changed"})
        plan = self._plan()
        within = self._find_in_feed(plan) if is_feed and self.merging else ""
        if not within:
            within = Few(self.source, plan, self.rows).find()
            if not within:
                if self.only_counted:
                    self.source.check_keys(unique=not self.both_ways)
                self.source.run(plan.todo(), *(plan.vanished() if self.may_rescore else []))
            if self.both_ways:
                self._check_unique(plan)
        if self.unplaced and is_feed and within:  # the feed shows only rows that left since the last run
            self.source.run(plan.vanished_by_join())
        if plan.group and self.may_rescore:
            within = ""  # the other rows of a group are somewhere else
            self.source.run(*plan.whole_groups())
        self._count()
        self._limit(plan, within)

    def _find_in_feed(self, plan: RescorePlan) -> str:
        """A relation with the rows to score, which the change feed shows; empty if it cannot tell."""
        source, why = self.source, "dbt limited the features of this run"
        if source.lake is not None:
            why = Feed(source, source.lake, self.records, self.rows).find(plan)
        for record in self.records:
            record.feed_reason = why
        return "" if why else ROWS

    def type_of(self, column: str) -> tuple[str, bool]:
        kind = self.source.table_schema.field(column).type
        return str(kind), bool(pa.types.is_timestamp(kind) or pa.types.is_date(kind))

    def newest(self, column: str) -> datetime | None:
        (found,) = self.source.row(f"select max(epoch_us({quote(column)})) from {self.source.table}")
        return None if found is None else utc(found)

    def interval_us(self, text: str) -> int | None:
        try:
            (seconds,) = self.source.row(f"select epoch(cast({literal(text)} as interval))")
        except duckdb.ConversionException:
            return None
        return round(seconds * 1_000_000)

    def _plan(self) -> RescorePlan:
        source, request = self.source, self.source.request
        columns, options = source.columns, source.options
        parts = [
            PlanPart(
                record.part.label if options.in_parts and record.part else None,
                record.scoring_basis,
                source.feature_hash(number),
                record.feature_hash_kind,
            )
            for number, record in enumerate(self.records[:1] if self.source.options.is_wide else self.records)
        ]
        old, names = self._nothing(), list[str]()
        if self.merging:
            old, names = self._old(), self.source.cursor.sql(f"select * from {request.relation}").columns
            self.check_predictions(names)
        return RescorePlan(
            features=source.table,
            old=old,
            run_log=request.run_log,
            key=columns.key,
            group=columns.group if self.ranks else {},
            parts=parts,
            rescore=self.rescore,
            lookback_us=self.lookback_us(),
            flags="is_vanished" in names,
            both_ways=self.both_ways,
        )

    def _old(self) -> str:
        """The prediction table; for a history, only the range of as-of dates in the features."""
        relation, options = self.source.request.relation, self.source.options
        name = options.as_of_column
        if name is None:
            return relation
        column = quote(self.source.columns.key[name])
        low, high = self.source.row(
            f"select min({column})::varchar, max({column})::varchar from {self.source.table}"
        )
        if low is None:
            return f"(select * from {relation} limit 0)"
        return f"(select * from {relation} where {quote(name)} between {literal(low)} and {literal(high)})"

    def _nothing(self) -> str:
        """An empty prediction table, for the first run with a budget."""
        columns = self.source.columns
        names = {**columns.key, **columns.group}
        keys = ", ".join(f"{quote(column)} as {quote(name)}" for name, column in names.items())
        return (
            f"(select {keys}, null::uuid as scoring_run_id, null::timestamp as scored_at, "
            f"0::ubigint as feature_hash, '' as model_alias from {self.source.table} limit 0)"
        )

    def _check_unique(self, plan: RescorePlan) -> None:
        """Keys are unique if every prediction that did not vanish met one row, and new keys differ."""
        old, vanished, new, distinct = self.source.row(plan.matches())
        if new == distinct and self.rows - new == old - vanished:
            return
        self.source.check_keys()  # names the duplicate keys
        raise RowKeyError(
            self.source.call,
            f"the key {listed(plan.key)} is not unique in the prediction table "
            f"{self.source.request.relation}",
            expected="one prediction per key",
            action="rebuild the table once with --full-refresh",
        )

    def _count(self) -> None:
        for number, record, vanished in zip(self.parts, self.records, self._count_vanished(), strict=True):
            states = self.source.rows(f"select state_{number}, count(*) from {TODO} group by all")
            self.note_found(record, dict(states), vanished)

    def _count_vanished(self) -> list[int]:
        """How many predictions of each version vanished; the first also has those of no version any more."""
        if not self.may_rescore:
            return [0] * len(self.records)
        alias = "model_alias" if self.source.options.in_parts else "null"
        counts = dict(self.source.rows(f"select {alias}, count(*) from {VANISHED} group by all"))
        if self.source.options.is_wide:
            return [counts.get(None, 0)] * len(self.records)
        others = [counts.pop(record.part.label, 0) for record in self.records[1:] if record.part]
        return [sum(counts.values()), *others]

    def _limit(self, plan: RescorePlan, within: str) -> None:
        """Apply the budget, and set what the source reads."""
        slices = None
        if self.rescore.has_budget:
            self.source.run(plan.order(SLICE_BATCHES * self.source.options.read_rows))
        if self.rescore.max_rows is not None:
            self.source.run(plan.cut(self.rescore.max_rows))
        if self.rescore.max_seconds is not None:
            (slices,) = self.source.row(f"select coalesce(max(slice), -1) + 1 from {TODO}")
        bits = [f"case when state_{n} <> 'unchanged' then {1 << n} else 0 end" for n in set(self.parts)]
        need = f"({' + '.join(bits)})::bigint"
        self.source.chosen = ChosenRows(need, slices, within)
        wanted = ", ".join(f"count(*) filter (state_{n} <> 'unchanged')" for n in self.parts)
        rows, *counts = self.source.row(f"select count(*), {wanted} from {TODO}")
        for record, count in zip(self.records, counts, strict=True):
            self.note_chosen(record, count)
        if slices is None and all(count == self.rows for count in counts) and rows == self.rows:
            self.source.chosen = None  # every row: read without a join
