"""Which rows a run on Spark scores: features and predictions are joined on their key, in the cluster.

The keys to score, and those that vanished, are written into a table of the run, so that counting and
scoring see the same rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from scorehouse.engines.columns import find_columns
from scorehouse.engines.spark_source import SparkSource, literal, matching, quote
from scorehouse.errors import ConfigurationError
from scorehouse.runlog import RunRecord

EPOCH = "timestamp '1970-01-01 00:00:00'"


class SparkPlanner:
    """Chooses the rows of one run by the rule of its options, and counts what was found.

    `todo` is the table to write into: the key columns as `key_0`, `key_1` and so on, `state`, and
    `was_flagged`; a row for each key that is not unchanged.
    """

    def __init__(self, source: SparkSource, record: RunRecord, todo: str) -> None:
        self.session = source.session
        self.source = source
        self.record = record
        self.rescore = source.options.rescore
        self.todo = todo
        self.keys = [f"key_{number}" for number in range(len(source.key))]

    def run(self, rows: int) -> None:
        """Set `source.rows` to the rows to score; `rows` is how many the feature table has."""
        record = self.record
        self._note_watermark()
        record.rows_in = rows
        if record.write_mode != "merge" or self.rescore.rule == "given":
            if self.rescore.rule != "given":
                record.found = {"new": rows, "changed": 0, "stale": 0, "unchanged": 0, "vanished": 0}
            return
        self._write(self._states())
        if record.part and record.part.version.task == "ranking":
            self._write(self._rest_of_groups())
        self._count(rows)
        pairs = zip(self.keys, self.source.key.values(), strict=True)
        keys = [f"{key} as {quote(column)}" for key, column in pairs]
        todo = self.session.table(self.todo).where("state <> 'vanished'").selectExpr(*keys)
        self.source.rows = matching(self.source.table, todo, todo.columns, "left_semi")

    def vanished(self) -> Any:
        """Keys of predictions to flag or delete, by their names in the prediction table; None: none."""
        if not self.record.found.get("vanished") or self.rescore.vanished == "keep":
            return None
        gone = self.session.table(self.todo).where("state = 'vanished' and not was_flagged")
        pairs = zip(self.keys, self.source.key, strict=True)
        return gone.selectExpr(*(f"{key} as {quote(name)}" for key, name in pairs))

    def _write(self, rows: Any) -> None:
        rows.write.format("parquet").mode("append").saveAsTable(self.todo)

    def _count(self, rows: int) -> None:
        """Count what was found: every row of the feature table is in one of four states."""
        record = self.record
        counted = self.session.table(self.todo).groupBy("state").count().collect()
        counts = {row["state"]: int(row["count"]) for row in counted}
        found = {state: counts.get(state, 0) for state in ("new", "changed", "stale")}
        record.rows_in = sum(found.values())
        record.found = {
            **found,
            "unchanged": rows - record.rows_in,
            "vanished": counts.get("vanished", 0),
        }

    # --- both tables, joined on the key ---

    def _states(self) -> Any:
        features, old = self._features(), self._old()
        on = [features[key] == old[f"old_{key}"] for key in self.keys]
        either = [f"coalesce({key}, old_{key}) as {key}" for key in self.keys]
        flagged = "coalesce(was_flagged, false) as was_flagged"
        joined = features.join(old, on, "full")
        return joined.selectExpr(*either, f"{self._state()} as state", flagged).where("state <> 'unchanged'")

    def _features(self) -> Any:
        columns = self._feature_keys()
        if self.rescore.rule == "changed":
            columns.append(f"{self.source.feature_hash()} as hash")
        if self.rescore.updated_at:
            columns.append(f"unix_micros(cast({quote(self.updated_at)} as timestamp)) as updated_us")
        return self.source.table.selectExpr(*columns)

    def _feature_keys(self) -> list[str]:
        pairs = zip(self.keys, self.source.key.values(), strict=True)
        return [f"{quote(column)} as {key}" for key, column in pairs]

    def _old_keys(self) -> list[str]:
        return [f"{quote(name)} as old_{key}" for key, name in zip(self.keys, self.source.key, strict=True)]

    def _old(self) -> Any:
        """Predictions, with what the run log says of the runs that made them."""
        table = self.session.table(self.record.request.relation)
        self._check_columns(table.columns)
        flag = "is_vanished" if "is_vanished" in table.columns else "false"
        columns = ["scoring_run_id", "feature_hash as old_hash", f"{flag} as was_flagged"]
        old = table.selectExpr(*self._old_keys(), *columns)
        seen = "unix_micros(cast(watermark as timestamp)) as seen_us"
        runs = self.session.table(self.record.request.run_log).where("status = 'success'")
        facts = runs.selectExpr("run_id", "scoring_basis", "feature_hash_kind", seen)
        return old.join(facts, old["scoring_run_id"] == facts["run_id"], "left")

    def _check_columns(self, found: Sequence[str]) -> None:
        source = self.source
        wanted = [*source.key, *source.group, "scoring_run_id", "feature_hash"]
        wanted += ["is_vanished"] if self.rescore.vanished == "flag" else []
        lacking = [name for name in wanted if name not in found]
        if lacking:
            raise ConfigurationError(
                source.call,
                f"the prediction table has the columns {list(found)}, and lacks {lacking}",
                expected="the columns that the same arguments gave before",
                action="rebuild the table once with --full-refresh",
            )

    def _state(self) -> str:
        """`new`, `stale`, `changed`, `unchanged` or `vanished`."""
        whens = ["when key_0 is null then 'vanished'"]
        whens.append("when scoring_run_id is null or was_flagged then 'new'")
        if self.rescore.rule != "new":
            whens.append(f"when not scoring_basis <=> {literal(self.record.scoring_basis)} then 'stale'")
        if self.rescore.rule == "changed":
            kind = literal(self.record.feature_hash_kind)
            whens.append(f"when not feature_hash_kind <=> {kind} or not old_hash <=> hash then 'changed'")
        if self.rescore.rule == "updated_at":
            late = f"updated_us > seen_us - {self._lookback_us()}"
            whens.append(f"when seen_us is null or updated_us is null or {late} then 'changed'")
        return f"case {' '.join(whens)} else 'unchanged' end"

    # --- rankings ---

    def _rest_of_groups(self) -> Any:
        """The other rows of each group whose ranks may change.

        These are the groups in which a row is scored, and those that lost one: ranks run from 1 without
        a gap, so that the ranks of the rows that are still there tell it.
        """
        from pyspark.sql.functions import expr

        ((name, column),) = self.source.group.items()
        todo = self.session.table(self.todo).select(*self.keys, "state")
        grouped = self.source.table.selectExpr(*self._feature_keys(), f"{quote(column)} as in_group")
        old = self.session.table(self.record.request.relation).selectExpr(
            *self._old_keys(), f"{quote(name)} as old_group", "rank"
        )
        on = [grouped[key] == old[f"old_{key}"] for key in self.keys]
        stays = grouped.join(old, on).where("in_group <=> old_group")
        ranked = stays.groupBy("in_group").agg(expr("count(rank) as ranks"), expr("max(rank) as last"))
        gaps = ranked.where("ranks <> coalesce(last, 0)").select("in_group")
        scored = grouped.join(todo, self.keys, "left_semi").select("in_group")
        touched = matching(grouped, scored.union(gaps), ["in_group"], "left_semi")
        rest = touched.join(todo.where("state <> 'vanished'"), self.keys, "left_anti")
        return rest.selectExpr(*self.keys, "'changed' as state", "false as was_flagged")

    # --- timestamps ---

    def _note_watermark(self) -> None:
        """The newest timestamp of the feature table, with which later runs compare."""
        name = self.rescore.updated_at
        if name is None:
            return
        source = self.source
        self.updated_at = find_columns("updated_at", [name], source.table.columns, source.call)[name]
        kind = source.table.schema[self.updated_at].dataType.simpleString()
        if kind not in ("date", "timestamp", "timestamp_ntz"):
            raise ConfigurationError(
                source.call,
                f"updated_at is {name!r}, which holds {kind}",
                expected="a column of timestamps or dates",
                action="cast it in the feature model, or use the rule 'changed'",
            )
        newest = f"max(cast({quote(self.updated_at)} as timestamp))"
        # as a text: a value would be turned into the time zone of this process
        text = source.table.selectExpr(f"date_format({newest}, 'yyyy-MM-dd HH:mm:ss.SSSSSS')").collect()[0][0]
        self.record.watermark = datetime.fromisoformat(text) if text else None

    def _lookback_us(self) -> int:
        lookback = self.rescore.lookback
        if isinstance(lookback, int | float):
            return round(lookback * 1_000_000)
        later = f"{EPOCH} + cast({literal(lookback)} as interval)"
        try:
            found = self.session.sql(f"select unix_micros({later}) - unix_micros({EPOCH})").collect()[0][0]
        except Exception:  # in ANSI mode an interval that is none is an error, else NULL
            found = None
        if found is None:
            raise ConfigurationError(
                self.source.call,
                f"rescore has lookback {lookback!r}",
                expected="seconds, or an interval such as '2 days'",
                action="correct the argument rescore",
            )
        return int(found)
