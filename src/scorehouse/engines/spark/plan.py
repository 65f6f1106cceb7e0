"""Which rows a run on Spark scores: what the states say, cut to the budget.

Keys and their states are written into a table of the run, so that counting and scoring see the same rows.
"""

from __future__ import annotations

from typing import Any

from scorehouse.engines.duckdb.source import NEED
from scorehouse.engines.spark.source import SparkSource, matching, quote
from scorehouse.engines.spark.states import SparkStates
from scorehouse.engines.spark.tables import SparkTables
from scorehouse.engines.spark.watermark import note_watermark
from scorehouse.scoring.runlog import RunRecord

SCORES = "state <> 'vanished'"


class SparkPlanner:
    """Chooses the rows of one run by the rule of its options, and counts what was found for each version."""

    def __init__(self, source: SparkSource, records: list[RunRecord], tables: SparkTables) -> None:
        self.session = source.session
        self.source = source
        self.records = records
        self.rescore = source.options.rescore
        self.tables = tables
        self.merging = records[0].write_mode == "merge"
        # a history is never scored again, and nothing vanishes from it
        self.may_rescore = self.merging and source.options.as_of is None
        # the part of the states that tells of each record: versions that share a row are one part
        self.parts = [0 if source.options.is_wide else number for number in range(len(records))]

    def run(self, rows: int) -> None:
        """Set `source.rows` to the rows to score; `rows` is how many the feature table has."""
        note_watermark(self.source, self.records)
        if self.rescore.rule == "given" or not (self.merging or self.rescore.has_budget):
            for record in self.records:
                record.rows_in = rows
                if self.rescore.rule != "given":
                    record.found = {"new": rows, "changed": 0, "stale": 0, "unchanged": 0, "vanished": 0}
            return
        self.states = SparkStates(self.source, self.records, merging=self.merging, both=self.may_rescore)
        self._write(self.states.found(), self.tables.todo)
        if self.states.group and self.may_rescore:
            todo = self.session.table(self.tables.todo)
            self._write(self.states.rest_of_groups(todo), self.tables.todo)
        self._count(rows)
        self._choose()

    def vanished(self) -> Any:
        """Keys of predictions to flag or delete, by their names in the prediction table; None: none."""
        if self.rescore.vanished == "keep" or not any(r.found.get("vanished") for r in self.records):
            return None
        gone = self.session.table(self.tables.todo).where("state = 'vanished' and not was_flagged")
        columns = [f"{key} as {quote(name)}" for key, name in self._keys()]
        columns += ["model_alias"] if self.source.options.in_parts else []
        return gone.selectExpr(*columns)

    def _keys(self) -> list[tuple[str, str]]:
        return list(zip(self.states.keys, self.source.columns.key, strict=True))

    def _write(self, rows: Any, table: str) -> None:
        rows.write.format("parquet").mode("append").saveAsTable(table)

    def _count(self, rows: int) -> None:
        """Count what was found: every row of the feature table is in one of four states."""
        counted = self.session.table(self.tables.todo).groupBy("part", "state").count().collect()
        counts = {(row["part"], row["state"]): int(row["count"]) for row in counted}
        gone = {part: count for (part, state), count in counts.items() if state == "vanished"}
        for part, record in zip(self.parts, self.records, strict=True):
            found = {state: counts.get((part, state), 0) for state in ("new", "changed", "stale")}
            vanished = gone.get(part, 0) if part or self.source.options.is_wide else 0
            record.found = {**found, "unchanged": rows - sum(found.values()), "vanished": vanished}
        if not self.source.options.is_wide:  # of the live version, and of aliases that score no more
            others = sum(record.found["vanished"] for record in self.records)
            self.records[0].found["vanished"] = sum(gone.values()) - others

    def _choose(self) -> None:
        """Apply the budget, and tell the source what to read."""
        todo = self.session.table(self.tables.todo).where(SCORES)
        if self.rescore.max_rows is not None:
            self._write(self._within(todo, max(1, int(self.rescore.max_rows))), self.tables.chosen)
            todo = self.session.table(self.tables.chosen)
            counted = {row["part"]: int(row["count"]) for row in todo.groupBy("part").count().collect()}
        for part, record in zip(self.parts, self.records, strict=True):
            found = sum(record.found[state] for state in ("new", "changed", "stale"))
            record.rows_in = found if self.rescore.max_rows is None else counted.get(part, 0)
            record.rows_left = found - record.rows_in
        pairs = zip(self.states.keys, self.source.columns.key.values(), strict=True)
        chosen = todo.selectExpr(*(f"{key} as {quote(column)}" for key, column in pairs), "part")
        self.source.rows = self._chosen_rows(chosen)

    def _chosen_rows(self, chosen: Any) -> Any:
        table, keys = self.source.table, list(self.source.columns.key.values())
        if not self.source.options.in_parts:
            return matching(table, chosen, keys, "left_semi")
        from pyspark.sql.functions import expr

        need = chosen.groupBy(*map(quote, keys)).agg(expr(f"bit_or(shiftleft(1L, part)) as {NEED}"))
        return matching(table, need, keys, "inner", also=[NEED])

    def _within(self, todo: Any, max_rows: int) -> Any:
        """Of the rows to score those that come first: never scored, then the oldest, groups unbroken.

        A first group is scored even if it is larger than the budget.
        """
        from pyspark.sql.functions import expr

        is_new, oldest = "bool_or(last_scored is null) as is_new", "min(last_scored) as oldest"
        group = ["in_group"] if self.states.group else []
        rows = todo.groupBy(*self.states.keys, *group).agg(expr(is_new), expr(oldest))
        if not group:
            order = [rows["is_new"].desc(), rows["oldest"].asc_nulls_last(), *self.states.keys]
            return matching(todo, rows.orderBy(*order).limit(max_rows), self.states.keys, "left_semi")
        units = rows.groupBy("in_group").agg(
            expr("bool_or(is_new) as is_new"), expr("min(oldest) as oldest"), expr("count(*) as size")
        )
        placed = "is_new desc, oldest asc nulls last, in_group asc nulls last"
        ended = units.selectExpr(
            "in_group", "size", f"sum(size) over (order by {placed} rows unbounded preceding) as unit_end"
        )
        first = ended.where(f"unit_end <= {max_rows} or unit_end = size")
        return matching(todo, first, ["in_group"], "left_semi")
