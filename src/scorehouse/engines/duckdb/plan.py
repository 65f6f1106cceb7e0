"""Which rows a run scores, found inside DuckDB: rows that did not change never reach Python."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import NoReturn

import duckdb
import pyarrow as pa

from scorehouse.engines.columns import find_columns
from scorehouse.engines.duckdb.keys import check_keys, counts_by_bits
from scorehouse.engines.duckdb.source import ChosenRows, FeatureSource
from scorehouse.errors import ConfigurationError, RowKeyError
from scorehouse.scoring.options import PLANNED_RULES, ScoreOptions
from scorehouse.scoring.rescore import TODO, VANISHED, PlanPart, RescorePlan, literal, quote
from scorehouse.scoring.runlog import RunRecord

FEW = 0.1  # by this share the feature table may have grown or shrunk, and most rows are still the same
SLICE_BATCHES = 64  # batches read between two looks at the order, under a budget of time


def joins_both_ways(options: ScoreOptions, record: RunRecord) -> bool:
    """Whether one join of features and predictions tells all: what is new, vanished, and not unique."""
    planned = record.write_mode == "merge" and options.rescore.rule in PLANNED_RULES
    return planned and options.as_of is None and not options.in_parts


class Planner:
    """Chooses the rows of one run and counts, for each version, what was found."""

    def __init__(self, source: FeatureSource, records: list[RunRecord], rows: int) -> None:
        self.source = source
        self.cursor = source.cursor
        self.records = records
        self.rows = rows
        self.rescore = source.options.rescore
        self.merging = records[0].write_mode == "merge"
        self.is_wide = source.options.is_wide
        # the part of the plan that tells of each record: versions that share a row are one part
        self.states = [0 if self.is_wide else number for number in range(len(records))]

    def run(self) -> None:
        """Set `source.chosen`, and in each record `rows_in`, what was found and what is left."""
        self._note_watermark()
        if self.rescore.rule == "given" or not (self.merging or self.rescore.has_budget):
            for record in self.records:
                record.rows_in = self.rows
                if self.rescore.rule != "given":
                    record.found = {"new": self.rows, "changed": 0, "stale": 0, "unchanged": 0, "vanished": 0}
            return
        plan = self._plan()
        carries = self._few_differ(plan)
        if carries:
            self._find_differing(plan)
        else:
            self.cursor.execute(plan.todo())
            self._find_vanished(plan)
        if plan.group and self._may_rescore():
            for statement in plan.whole_groups():
                self.cursor.execute(statement)
        self._count()
        self._limit(plan, carries)

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
            for number, record in enumerate(self.records[:1] if self.is_wide else self.records)
        ]
        old, names = (self._old(), self._old_columns()) if self.merging else (self._nothing(), [])
        return RescorePlan(
            features=source.table,
            old=old,
            run_log=request.run_log,
            key=columns.key,
            group=columns.group if self._ranks() else {},
            parts=parts,
            rescore=self.rescore,
            lookback_us=self._lookback_us(),
            flags="is_vanished" in names,
            both_ways=joins_both_ways(options, self.records[0]),
        )

    def _few_differ(self, plan: RescorePlan) -> bool:
        """Whether few rows have to be scored, as far as can be told cheaply, and keys are shown unique.

        Then rows that agree drop out first, and features are read once instead of twice. A budget or a
        group changes afterwards what is scored.
        """
        if self.rescore.rule != "changed" or not plan.both_ways or self.rescore.has_budget or plan.group:
            return False
        keys = list(self.source.columns.key.values())
        if not counts_by_bits(self.cursor, self.source.table, keys):
            return False
        outdated, old = self.cursor.execute(plan.outdated()).fetchall()[0]
        if outdated or abs(self.rows - old) > FEW * self.rows:
            return False
        check_keys(self.cursor, self.source.table, keys, self.source.call)
        return True

    def _find_differing(self, plan: RescorePlan) -> None:
        """The rows to score, with what is read of them; keys of the feature table are unique."""
        for statement in plan.differing(self.source.carried_columns()):
            self.cursor.execute(statement).fetchall()
        old, chosen, known = self.cursor.execute(
            f"select (select count(*) from {plan.old}), count(*), count(last_scored) from {TODO}"
        ).fetchall()[0]
        met = self.rows - chosen + known  # predictions whose row is there
        none = " limit 0" if met == old else ""
        self.cursor.execute(plan.vanished_by_join() + none).fetchall()
        self._count_vanished()
        if met + self.records[0].found["vanished"] != old:
            self._refuse_predictions(plan)

    def _ranks(self) -> bool:
        part = self.records[0].part
        return part is not None and part.version.task == "ranking"

    def _old(self) -> str:
        """The prediction table; of a history, only the span of as-of dates that the features have."""
        relation, options = self.source.request.relation, self.source.options
        name = options.as_of_column
        if name is None:
            return relation
        column = quote(self.source.columns.key[name])
        low, high = self.cursor.execute(
            f"select min({column})::varchar, max({column})::varchar from {self.source.table}"
        ).fetchall()[0]
        if low is None:
            return f"(select * from {relation} limit 0)"
        return f"(select * from {relation} where {quote(name)} between {literal(low)} and {literal(high)})"

    def _old_columns(self) -> list[str]:
        """Columns of the prediction table; those that a plan reads have to be there."""
        reader = self.cursor.sql(f"select * from {self.source.request.relation} limit 0").to_arrow_reader(1)
        reader.read_all()
        options, names = self.source.options, reader.schema.names
        wanted = [
            *options.table_key,
            *self.source.columns.group,
            "scoring_run_id",
            "scored_at",
            "feature_hash",
        ]
        wanted += ["is_vanished"] if self.rescore.vanished == "flag" else []
        lacking = [name for name in wanted if name not in names]
        if lacking or ("model_alias" in names) != options.in_parts:
            raise ConfigurationError(
                self.source.call,
                f"the prediction table has the columns {names}, and they are not those of this run"
                + (f", which lacks there {lacking}" if lacking else ", which has one version"),
                expected="the columns that the same arguments gave before",
                action="rebuild the table once with --full-refresh",
            )
        return list(names)

    def _nothing(self) -> str:
        """An empty prediction table, for a budget on the first run."""
        columns = self.source.columns
        names = {**columns.key, **columns.group}
        keys = ", ".join(f"{quote(column)} as {quote(name)}" for name, column in names.items())
        return (
            f"(select {keys}, null::uuid as scoring_run_id, null::timestamp as scored_at, "
            f"0::ubigint as feature_hash, '' as model_alias from {self.source.table} limit 0)"
        )

    def _lookback_us(self) -> int:
        lookback = self.rescore.lookback
        if isinstance(lookback, int | float):
            return round(lookback * 1_000_000)
        try:
            row = self.cursor.execute(f"select epoch(cast({literal(lookback)} as interval))").fetchall()[0]
        except duckdb.ConversionException as error:
            raise ConfigurationError(
                self.source.call,
                f"rescore has lookback {lookback!r}",
                expected="seconds, or an interval such as '2 days'",
                action="correct the argument rescore",
            ) from error
        return round(row[0] * 1_000_000)

    def _note_watermark(self) -> None:
        """The newest timestamp of this snapshot, with which later runs compare."""
        name = self.rescore.updated_at
        if name is None:
            return
        column = self._updated_at(name)
        newest = self.cursor.execute(
            f"select max(epoch_us({quote(column)})) from {self.source.table}"
        ).fetchall()[0][0]
        for record in self.records:
            if newest is not None:
                record.watermark = (datetime.fromtimestamp(0, UTC) + timedelta(microseconds=newest)).replace(
                    tzinfo=None
                )

    def _updated_at(self, name: str) -> str:
        schema = self.source.table_schema
        column = find_columns("updated_at", [name], schema.names, self.source.call)[name]
        kind = schema.field(column).type
        if not (pa.types.is_timestamp(kind) or pa.types.is_date(kind)):
            raise ConfigurationError(
                self.source.call,
                f"updated_at is {name!r}, which holds {kind}",
                expected="a column of timestamps or dates",
                action="cast it in the feature model, or use the rule 'changed'",
            )
        self.rescore = replace(self.rescore, updated_at=column)
        return column

    def _may_rescore(self) -> bool:
        """Whether predictions are there that may be scored again, or treated as vanished."""
        return self.merging and self.source.options.as_of is None

    def _find_vanished(self, plan: RescorePlan) -> None:
        if not self._may_rescore():
            return
        for statement in plan.vanished():
            self.cursor.execute(statement)
        self._count_vanished()
        if plan.both_ways:
            self._check_unique(plan)

    def _count_vanished(self) -> None:
        alias = "model_alias" if self.source.options.in_parts else "null"
        counts = Counter(
            dict(self.cursor.execute(f"select {alias}, count(*) from {VANISHED} group by all").fetchall())
        )
        for record in self.records[1:]:
            label = record.part.label if record.part else None
            record.found["vanished"] = counts[None] if self.is_wide else counts.pop(label, 0)
        self.records[0].found["vanished"] = sum(counts.values())

    def _check_unique(self, plan: RescorePlan) -> None:
        """Every prediction that did not vanish met one row, and new keys differ: keys are unique."""
        old, new, distinct = self.cursor.execute(plan.matches()).fetchall()[0]
        if new == distinct and self.rows - new == old - self.records[0].found["vanished"]:
            return
        keys = list(self.source.columns.key.values())
        check_keys(self.cursor, self.source.table, keys, self.source.call)  # tells which are not
        self._refuse_predictions(plan)

    def _refuse_predictions(self, plan: RescorePlan) -> NoReturn:
        raise RowKeyError(
            self.source.call,
            f"the key {list(plan.key)} is not unique in the prediction table {self.source.request.relation}",
            expected="one prediction a key",
            action="rebuild the table once with --full-refresh",
        )

    def _count(self) -> None:
        """Count what was found: every row of the feature table is in one of four states."""
        for number, record in zip(self.states, self.records, strict=True):
            counts = dict(
                self.cursor.execute(f"select state_{number}, count(*) from {TODO} group by all").fetchall()
            )
            found = {state: counts.get(state, 0) for state in ("new", "changed", "stale")}
            record.found = {"vanished": record.found.get("vanished", 0), **found}
            record.found["unchanged"] = self.rows - sum(found.values())

    def _limit(self, plan: RescorePlan, carries: bool) -> None:
        """Apply the budget, and tell the source what to read."""
        slices = None
        if self.rescore.has_budget:
            self.cursor.execute(plan.order(SLICE_BATCHES * self.source.options.read_rows))
        if self.rescore.max_rows is not None:
            self.cursor.execute(plan.cut(self.rescore.max_rows))
        if self.rescore.max_seconds is not None:
            slices = self.cursor.execute(f"select coalesce(max(slice), -1) + 1 from {TODO}").fetchall()[0][0]
        bits = [f"case when state_{n} <> 'unchanged' then {1 << n} else 0 end" for n in set(self.states)]
        need = f"({' + '.join(bits)})::bigint"
        self.source.chosen = ChosenRows(need, slices, carried=carries)
        wanted = ", ".join(f"count(*) filter (state_{n} <> 'unchanged')" for n in self.states)
        rows, *counts = self.cursor.execute(f"select count(*), {wanted} from {TODO}").fetchall()[0]
        for record, count in zip(self.records, counts, strict=True):
            found = record.found
            record.rows_in = count
            record.rows_left = found["new"] + found["changed"] + found["stale"] - count
        if slices is None and all(count == self.rows for count in counts) and rows == self.rows:
            self.source.chosen = None  # every row: read without a join
