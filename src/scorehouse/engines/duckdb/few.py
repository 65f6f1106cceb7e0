"""The rows to score if most rows are unchanged: found without a join of features and predictions as a whole.

The two are compared by the number of their keys and by sums (exclusive or) of two 64-bit hashes of them. If
these agree, counting the new rows that were found, then keys are unique, no other row is new, and none
vanished: predictions have each key once, and no other set of as many keys has the same sums.
"""

from __future__ import annotations

from collections.abc import Sequence

from scorehouse.engines.duckdb.lake import utc
from scorehouse.engines.duckdb.rescore_sql import TODO, VANISHED, RescorePlan
from scorehouse.engines.duckdb.source import DuckDBSource
from scorehouse.engines.duckdb.sql import column_list, literal, quote, same
from scorehouse.engines.duckdb.staging import described

FEW = 0.1  # share by which the feature table may have grown or shrunk if most rows are still the same
DIFFERING = "scorehouse_differing"
NEW_HASH = '"scorehouse:hash"'
MICROSECONDS = {  # types of times, and the distance between two of their values
    "TIMESTAMP": 1,
    "TIMESTAMP WITH TIME ZONE": 1,
    "TIMESTAMP_MS": 1_000,
    "TIMESTAMP_S": 1_000_000,
    "DATE": 86_400_000_000,
}


class Few:
    """One attempt, in temporary tables of the source's cursor; `rows` is the size of the feature table."""

    def __init__(self, source: DuckDBSource, plan: RescorePlan, rows: int) -> None:
        self.source = source
        self.plan = plan
        self.rows = rows
        self.by_time = plan.rescore.rule == "updated_at"

    def find(self) -> str:
        """Create the tables of keys to score and of vanished keys; returns a relation with the rows to score.

        Returns an empty string if more rows than a few seem to need scoring, or if a join has to find out
        which. Raises RowKeyError for a key that is NULL or not unique.
        """
        if not self._may_apply():
            return ""
        outdated, live, first_us = self.source.row(self._outdated())
        if outdated or abs(self.rows - live) > FEW * self.rows:
            return ""
        after = self._after(first_us - self.plan.lookback_us) if self.by_time and live else ""
        if self.by_time and not after:
            return ""
        nulls, untimed, *there = self._features()
        if nulls:
            self.source.check_keys()
        if untimed:
            return ""
        within = self._updated(after) if self.by_time else self._differing()
        if self._adds_up(there):
            self.source.run(self._flagged())
            return within
        if self.by_time:
            return ""
        self.source.check_keys()
        self.source.run(self.plan.vanished_by_join())
        return within

    def _may_apply(self) -> bool:
        """Whether the rule and the key allow it, and rows need not be computed for each of its statements.

        A budget or a group would change the rows afterwards. Equal values of other types have other hashes.
        """
        source, plan = self.source, self.plan
        if plan.rescore.rule not in ("changed", "updated_at") or not plan.both_ways or not source.is_stored:
            return False
        if plan.rescore.has_budget or plan.group:
            return False
        old = described(source.cursor, f"select * from {plan.old}")
        return all(old[name] == source.table_types[column] for name, column in plan.key.items())

    def _outdated(self) -> str:
        """Counts live predictions of runs with another basis or other types, and all; the first watermark.

        The watermark is in microseconds; without one, predictions are outdated under the rule `updated_at`.
        """
        part = self.plan.parts[0]
        current = f"scoring_basis = {literal(part.basis)} and {part.has_kind(self.plan.rescore.rule)}"
        current += " and watermark is not null" if self.by_time else ""
        return (
            f"select coalesce(sum(n) filter (({current}) is not true), 0), coalesce(sum(n), 0), "
            f"min(epoch_us(watermark)) from (select scoring_run_id, count(*) as n from {self.plan.live} "
            f"group by all) as old left join {self.plan.run_log} as runs "
            "on runs.run_id = old.scoring_run_id and status = 'success'"
        )

    def _after(self, microseconds: int) -> str:
        """SQL of the features after a time, in microseconds since 1970, UTC; empty if it has no literal."""
        time = str(self.plan.rescore.updated_at)
        kind = self.source.table_types[time]
        if kind not in MICROSECONDS:
            return ""
        try:
            at = utc(microseconds // MICROSECONDS[kind] * MICROSECONDS[kind])
        except OverflowError:
            return ""
        text = f"{at}+00" if kind.endswith("ZONE") else str(at)
        return f"(select * from {self.plan.features} where {quote(time)} > cast({literal(text)} as {kind}))"

    def _features(self) -> tuple[int, ...]:
        """Counts features with a NULL in the key, and without a time, and sums up their keys."""
        key = [quote(column) for column in self.plan.key.values()]
        missing = " or ".join(f"{column} is null" for column in key)
        time = f"{quote(str(self.plan.rescore.updated_at))} is null" if self.by_time else "false"
        counts = f"count(*) filter ({missing}), count(*) filter ({time})"
        return self.source.row(f"select {counts}, {_sums(key)} from {self.source.table}")

    def _adds_up(self, there: Sequence[int]) -> bool:
        """Whether live predictions and new rows have the keys of the features, whose sums are `there`."""
        key = [quote(name) for name in self.plan.key]
        old = self.source.row(f"select {_sums(key)} from {self.plan.live}")
        distinct = f"(select {', '.join(key)} from {TODO} where state_0 = 'new' group by all)"
        new = self.source.row(f"select {_sums(key)} from {distinct}")
        return tuple(there) == (old[0] + new[0], old[1] ^ new[1], old[2] ^ new[2])

    def _differing(self) -> str:
        """Create the tables of rows and keys to score under `changed`; returns the first.

        Rows that agree in key and hash are dropped first; the few others are looked up by key.
        """
        plan = self.plan
        self.source.run(
            f"create or replace temp table {DIFFERING} as select now.* exclude ({NEW_HASH}) from "
            f"(select {self.source.read_columns()}, {plan.parts[0].feature_hash} as {NEW_HASH} "
            f"from {plan.features} as features) as now "
            f"anti join (select {column_list(plan.key)}, feature_hash from {plan.live}) as old "
            f"on {plan.is_key('now', 'old')} and now.{NEW_HASH} = old.feature_hash",
            self._looked_up(f"select {plan.named()} from {DIFFERING} as features"),
        )
        return DIFFERING

    def _updated(self, after: str) -> str:
        """Create the table of keys to score under `updated_at`; returns the part of the features they are in.

        They are newer than the watermark of the run that scored them, and so all in `after`, the rows after
        the first watermark: DuckDB does not read files and row groups whose times are all before it.
        """
        plan = self.plan
        time = f"epoch_us({quote(str(plan.rescore.updated_at))}) as updated_us"
        self.source.run(
            self._looked_up(
                f"select {plan.named()}, {time} from {after} as features",
                f"now.updated_us > epoch_us(runs.watermark) - {plan.lookback_us}",
            )
        )
        (first,) = self.source.row(f"select min(updated_us) from {TODO}")
        return after if first is None else self._after(first - 1)

    def _looked_up(self, rows: str, changed: str = "true") -> str:
        """Creates the table of keys to score: those of `rows` without a prediction, or that `changed`."""
        new = "old.scoring_run_id is null" + (" or old.is_vanished" if self.plan.flags else "")
        runs = f"(select run_id, watermark from {self.plan.run_log} where status = 'success') as runs"
        return (
            f"create or replace temp table {TODO} as select now.*, old.scored_at as last_scored, "
            f"case when {new} then 'new' else 'changed' end as state_0 from ({rows}) as now "
            f"left join {self.plan.old} as old on {same('now', 'old', self.plan.key)} "
            f"left join {runs} on runs.run_id = old.scoring_run_id where {new} or {changed}"
        )

    def _flagged(self) -> str:
        """Creates the table of vanished keys if none vanished since the last run: those with a flag."""
        which = "where is_vanished" if self.plan.flags else "limit 0"
        return (
            f"create or replace temp table {VANISHED} as select old.*, true as was_flagged "
            f"from (select {column_list(self.plan.key)} from {self.plan.old} {which}) as old "
            f"anti join {TODO} as todo on {same('old', 'todo', self.plan.key)}"
        )


def _sums(key: Sequence[str]) -> str:
    """SQL of the number of keys, and of the sums of two hashes of them."""
    names = ", ".join(key)
    return f"count(*), coalesce(bit_xor(hash({names})), 0), coalesce(bit_xor(hash({names}, 1)), 0)"
