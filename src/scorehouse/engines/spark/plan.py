"""Choose the rows that a run on Spark scores, by their states and within the budget.

Keys and their states are written into a table of the run, so that counting and scoring see the same rows.
"""

from __future__ import annotations

from datetime import datetime
from functools import cached_property
from itertools import accumulate
from typing import Any

from scorehouse.engines.columns import NEED
from scorehouse.engines.source import SCORED_STATES, Planner
from scorehouse.engines.spark.source import SparkSource, key_counts, literal, matching, quote
from scorehouse.engines.spark.states import SparkStates
from scorehouse.engines.spark.tables import SparkTables
from scorehouse.scoring.request import RunRecord

SCORES = "state <> 'vanished'"
EPOCH = "timestamp '1970-01-01 00:00:00'"


class SparkPlanner(Planner[SparkSource]):
    """Chooses rows by a join of features and predictions, into staging tables of the run."""

    def __init__(self, source: SparkSource, records: list[RunRecord], tables: SparkTables) -> None:
        super().__init__(source, records)
        self.session = source.session
        self.tables = tables

    def count_rows(self) -> int:
        # the keys of all rows are checked where they are written; those of chosen rows also in `find`
        return int(self.source.table.count()) if self.scores_all else 0

    def find(self) -> None:
        self.tables.write(self.states.found(), self.tables.todo)
        if self.states.group and self.may_rescore:
            todo = self.session.table(self.tables.todo)
            self.tables.write(self.states.rest_of_groups(todo), self.tables.todo)
        self._count()
        self._choose()

    @cached_property
    def states(self) -> SparkStates:
        return SparkStates(self)

    def type_of(self, column: str) -> tuple[str, bool]:
        kind = self.source.table_types[column]
        return kind, kind in ("date", "timestamp", "timestamp_ntz")

    def newest(self, column: str) -> datetime | None:
        newest = f"max(cast({quote(column)} as timestamp))"
        # as text: a value would be converted to the time zone of this process
        read = self.source.table.selectExpr(f"date_format({newest}, 'yyyy-MM-dd HH:mm:ss.SSSSSS')")
        text = read.collect()[0][0]
        return datetime.fromisoformat(text) if text else None

    def interval_us(self, text: str) -> int | None:
        later = f"{EPOCH} + cast({literal(text)} as interval)"
        try:
            found = self.session.sql(f"select unix_micros({later}) - unix_micros({EPOCH})").collect()[0][0]
        except Exception:  # an invalid interval is an error in ANSI mode, else NULL
            return None
        return None if found is None else int(found)

    def vanished(self) -> Any:
        """The keys of predictions whose row vanished, named as in the prediction table; or None."""
        if (self.rescore.vanished == "keep" and not self.unplaced) or not any(
            r.found.get("vanished") for r in self.records
        ):
            return None
        gone = self.session.table(self.tables.todo).where("state = 'vanished' and not was_flagged")
        pairs = zip(self.states.keys, self.source.columns.key, strict=True)
        columns = [f"{key} as {quote(name)}" for key, name in pairs]
        columns += ["model_alias"] if self.source.options.in_parts else []
        return gone.selectExpr(*columns)

    def _count(self) -> None:
        """Count states, and rows of the feature table and their keys, in one pass over both tables."""
        from pyspark.sql.functions import expr

        keys = self.states.keys
        todo = self.session.table(self.tables.todo).selectExpr(
            "part", "state", *(f"null as {key}" for key in keys)
        )
        columns = map(quote, self.source.columns.key.values())
        rows = todo.union(self.source.table.selectExpr("null", "null", *columns)).groupBy("part", "state")
        counted = rows.agg(*map(expr, ["count(*)", *key_counts(keys)])).collect()
        found = {(part, state): numbers for part, state, *numbers in counted}
        self.rows = self.source.check_keys(*found.pop((None, None), [0, 0, 0]))
        counts = {of: int(number) for of, (number, *_) in found.items()}
        gone = {part: count for (part, state), count in counts.items() if state == "vanished"}
        others = [gone.get(part, 0) for part in self.parts[1:]]
        # of the live version, and of aliases that no longer score; in a wide table, versions share rows
        first = sum(gone.values()) - (0 if self.source.options.is_wide else sum(others))
        for part, record, vanished in zip(self.parts, self.records, [first, *others], strict=True):
            own = {state: count for (of, state), count in counts.items() if of == part}
            self.note_found(record, own, vanished)

    def _choose(self) -> None:
        """Apply the budget, and set what the source reads."""
        todo = self.session.table(self.tables.todo).where(SCORES)
        if self.rescore.max_rows is not None:
            self.tables.write(self._within(todo, max(1, int(self.rescore.max_rows))), self.tables.chosen)
            todo = self.session.table(self.tables.chosen)
            counted = {row["part"]: int(row["count"]) for row in todo.groupBy("part").count().collect()}
        for part, record in zip(self.parts, self.records, strict=True):
            found = sum(record.found[state] for state in SCORED_STATES)
            self.note_chosen(record, found if self.rescore.max_rows is None else counted.get(part, 0))
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
        """The first of the rows to score: never scored first, then the oldest, with groups kept together.

        The first group is scored even if it is larger than the budget. The rows are sorted in many tasks, and
        written with their place: only those of the task in which the budget ends are summed up one by one.
        """
        from pyspark.sql.functions import expr

        unit = ["in_group"] if self.states.group else self.states.keys
        rows = todo.groupBy(*self.states.keys, *(["in_group"] if self.states.group else [])).agg(
            expr("bool_or(last_scored is null) as is_new"), expr("min(last_scored) as oldest")
        )
        units = rows.groupBy(*unit).agg(
            expr("bool_or(is_new) as is_new"), expr("min(oldest) as oldest"), expr("count(*) as size")
        )
        order = [units["is_new"].desc(), *(units[name].asc_nulls_last() for name in ("oldest", *unit))]
        place = (
            "monotonically_increasing_id() as place"  # the task, in the bits from 33 on, and the row in it
        )
        self.tables.write(units.orderBy(*order).selectExpr(*unit, "size", place), self.tables.placed)
        placed = self.session.table(self.tables.placed).selectExpr("*", "shiftright(place, 33) as task")
        sizes = dict(sorted(placed.groupBy("task").agg(expr("sum(size)")).collect()))
        ends = dict(zip(sizes, accumulate(sizes.values()), strict=True))
        task = next((task for task, end in ends.items() if end > max_rows), None)
        if task is None:
            return todo
        before = ends[task] - sizes[task]
        ended = placed.where(f"task = {task}").selectExpr(
            *unit, "size", f"{before} + sum(size) over (order by place rows unbounded preceding) as unit_end"
        )
        last = ended.where(f"unit_end <= {max_rows} or unit_end = size")
        first = placed.where(f"task < {task}").select(*unit).union(last.select(*unit))
        return matching(todo, first, unit, "left_semi")
