"""How old the newest scores of each prediction table are, and the newest rows that they were made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from scorehouse.project.run_log_place import runs_of_log
from scorehouse.report import limits
from scorehouse.report.warehouse import Row, Table, Warehouse
from scorehouse.report.words import number

NEWEST = 60
# A run has new input if what it read differs from what the run before it read. One that compares rows reads
# those to score, which may be there for another version. Backfills say nothing about the rhythm, and runs in
# the future were logged before the clock was set back.
RUNS = """
with runs as (
    select
        prediction_table,
        node,
        started_at,
        coalesce(input_fingerprint <> lag(input_fingerprint) over one_table, true)
        and (rescore_rule in ('all', 'given') or coalesce(rows_new + rows_changed > 0, true)) as has_new_input
    from {log}
    where model_name = ? and started_at <= ?
        and status = 'success' and is_live is not false and slice_from is null
    window one_table as (partition by prediction_table order by started_at)
)
select
    prediction_table,
    max(node) as node,
    cast(started_at as date) as day,
    max(started_at) as scored_at,
    max(started_at) filter (has_new_input) as new_at
from runs
group by all
order by prediction_table, day desc
"""
COLUMNS = {"rescore_rule", "rows_new", "rows_changed", "input_fingerprint", "is_live", "slice_from"}


@dataclass(frozen=True)
class Rhythm:
    """When a prediction table was scored, or when what it is scored from had new rows or values.

    `newest` is the time of the run, in UTC; `gap` says how often that is usual, or how old it may be.
    """

    table: str
    node: str
    newest: datetime
    gap: limits.Gap
    is_input: bool

    @property
    def usual(self) -> str:
        """How often this is expected, in words."""
        days = f"every {number(self.gap.days)} days" if self.gap.days != 1 else "every day"
        if self.gap.is_limit:
            return f"a test of the project allows {number(24 * self.gap.days)} hours"
        return f"usually {days}" if self.gap.known else "too few runs to know how often it is scored"

    def age(self, now: datetime) -> float:
        """Days since the newest one; 0 for a run in the future."""
        return max((now - self.newest).total_seconds(), 0.0) / 86400

    def state(self, now: datetime) -> str:
        """`ok`, `warn` or `bad`. Input that has no rhythm, as that of an example, is not judged."""
        if self.is_input and not self.gap.known:
            return "ok"
        return limits.lateness(self.age(now), self.gap)


def runs_of(warehouse: Warehouse, log: Table, ml_model: str, now: datetime) -> list[Row]:
    """The newest runs of an ML model; those in the future come last."""
    runs = runs_of_log(log.quoted)
    sql = f"select * from {runs} where model_name = ? order by started_at > ?, started_at desc"
    return warehouse.rows(f"{sql} limit {NEWEST}", [ml_model, now])


def rhythms_of(
    warehouse: Warehouse, log: Table, ml_model: str, declared: Mapping[str, float | None], now: datetime
) -> list[Rhythm]:
    """Two per prediction table of an ML model: of its runs, and of its input.

    `declared` are the ages in hours that the project's tests allow, by node; they replace what is usual.
    """
    if not log.columns >= COLUMNS:
        return []
    by_table: dict[str, list[Row]] = {}
    for row in warehouse.rows(RUNS.format(log=log.quoted), [ml_model, now]):
        by_table.setdefault(str(row["prediction_table"]), []).append(row)
    found = []
    for table, rows in by_table.items():
        node = str(rows[0]["node"])
        hours, gap = declared.get(node), limits.usual_gap([row["day"] for row in rows])
        if hours is not None:
            gap = limits.Gap(hours / 24, known=True, is_limit=True)
        found.append(Rhythm(table, node, rows[0]["scored_at"], gap, is_input=False))
        new = [row for row in rows if row["new_at"] is not None]
        if new and new[0]["new_at"] < rows[0]["scored_at"]:
            gap = limits.usual_gap([row["day"] for row in new])
            found.append(Rhythm(table, node, new[0]["new_at"], gap, is_input=True))
    return found
