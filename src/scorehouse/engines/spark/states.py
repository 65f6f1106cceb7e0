"""The state of each row, found on Spark by a join of features and predictions on their key.

The result has one row per key and version: the key columns as `key_0`, `key_1` and so on, `part` (the number
of the version), `state`, `last_scored` (the time of the key's oldest prediction; NULL if a version has none),
`was_flagged`, for a ranking `in_group`, and for versions with rows of their own `model_alias`.
"""

from __future__ import annotations

from typing import Any

from scorehouse.engines.columns import of_part
from scorehouse.engines.source import Planner
from scorehouse.engines.spark.source import SparkSource, literal, matching, quote

LAST = "cast('9999-12-31' as timestamp_ntz)"


class SparkStates:
    """Finds the rows of one run that are new, stale, changed or vanished.

    If predictions may be rescored, it also finds predictions whose row no longer exists.
    """

    def __init__(self, plan: Planner[SparkSource]) -> None:
        self.plan = plan
        self.source = plan.source
        self.session = plan.source.session
        self.options = plan.source.options
        self.rescore = plan.rescore
        self.records = plan.records if self.options.in_parts else plan.records[:1]
        self.keys = [f"key_{number}" for number in range(len(self.source.columns.key))]
        self.group = next(iter(self.source.columns.group.items())) if plan.ranks else None

    def found(self) -> Any:
        """Rows that are not unchanged."""
        columns = [*self.keys, "part", *(["in_group"] if self.group else [])]
        alias = ["model_alias"] if self.options.in_parts else []
        if not self.plan.merging:
            new = ["'new' as state", "cast(null as timestamp_ntz) as last_scored", "false as was_flagged"]
            return self._features().selectExpr(*columns, *new, *(f"'' as {name}" for name in alias))
        features, old = self._features(), self._old()
        on = [features[name] == old[f"old_{name}"] for name in (*self.keys, "part")]
        joined = features.join(old, on, "full" if self.plan.may_rescore else "left")
        either = [f"coalesce({name}, old_{name}) as {name}" for name in (*self.keys, "part")]
        stated = joined.selectExpr(
            *either,
            *columns[len(either) :],
            f"{self._state()} as state",
            "scored_at",
            "coalesce(was_flagged, false) as was_flagged",
            *alias,
        )
        found = stated.selectExpr(*columns, "state", f"{self._age()} as last_scored", "was_flagged", *alias)
        return found.where("state <> 'unchanged'")

    def _age(self) -> str:
        """The oldest time at which a version last scored the key; NULL if a version never did."""
        if not (self.options.in_parts and self.rescore.has_budget):
            return "scored_at"
        window = f"over (partition by {', '.join(self.keys)})"
        never = f"bool_or(state <> 'vanished' and scored_at is null) {window}"
        return f"case when not {never} then min(if(state = 'vanished', null, scored_at)) {window} end"

    # --- both tables ---

    def _features(self) -> Any:
        columns, hashes = self._feature_keys(), []
        if self.rescore.rule == "changed":
            hashes = [self.source.columns.hash_part(number) for number in range(len(self.records))]
            columns += [
                f"{self.source.feature_hash(number)} as hash_{number}" for number in dict.fromkeys(hashes)
            ]
        if column := self.rescore.updated_at:
            columns.append(f"unix_micros(cast({quote(column)} as timestamp)) as updated_us")
        rows = self.source.table.selectExpr(*columns, f"{self._numbers()} as part")
        if not hashes:
            return rows
        return rows.selectExpr("*", f"{of_part([f'hash_{number}' for number in hashes], 'part')} as hash")

    def _numbers(self) -> str:
        """SQL of one row per version."""
        if len(self.records) == 1:
            return "0"
        return f"explode(array({', '.join(str(number) for number in range(len(self.records)))}))"

    def _feature_keys(self) -> list[str]:
        pairs = zip(self.keys, self.source.columns.key.values(), strict=True)
        keys = [f"{quote(column)} as {key}" for key, column in pairs]
        return [*keys, f"{quote(self.group[1])} as in_group"] if self.group else keys

    def _old(self) -> Any:
        """Predictions, with the run log's facts about the runs that made them."""
        columns = ["scoring_run_id", "scored_at", "feature_hash as old_hash"]
        table = self._predictions()
        columns.append(f"{'is_vanished' if 'is_vanished' in table.columns else 'false'} as was_flagged")
        columns += ["model_alias"] if self.options.in_parts else []
        old = table.selectExpr(*self._old_keys(), *columns)
        seen = "unix_micros(cast(watermark as timestamp)) as seen_us"
        runs = self.session.table(self.records[0].request.run_log).where("status = 'success'")
        facts = runs.selectExpr("run_id", "scoring_basis", "feature_hash_kind", seen)
        return old.join(facts, old["scoring_run_id"] == facts["run_id"], "left")

    def _old_keys(self) -> list[str]:
        """Keys of a prediction, and the number of the version that made it; NULL if it no longer scores."""
        pairs = zip(self.keys, self.source.columns.key, strict=True)
        keys = [f"{quote(name)} as old_{key}" for key, name in pairs]
        if not self.options.in_parts:
            return [*keys, "0 as old_part"]
        labels = [literal(record.part.label) for record in self.records if record.part]
        whens = " ".join(f"when {label} then {number}" for number, label in enumerate(labels))
        return [*keys, f"case model_alias {whens} end as old_part"]

    def _predictions(self) -> Any:
        """The prediction table; for a history, only the range of as-of dates in the features."""
        table = self.session.table(self.records[0].request.relation)
        self.plan.check_predictions(table.columns)
        name = self.options.as_of_column
        if name is None:
            return table
        column = self.source.columns.key[name]
        kind = self.source.table.schema[column].dataType.simpleString()
        read, write = "cast({} as string)", f"cast({{}} as {kind})"
        if kind == "timestamp":  # as a number, since its text is ambiguous in the night when clocks go back
            read, write = "unix_micros({})", "timestamp_micros({})"
        low, high = self.source.table.selectExpr(
            *(read.format(f"{which}({quote(column)})") for which in ("min", "max"))
        ).collect()[0]
        if low is None:
            return table.limit(0)
        first, last = (write.format(each if kind == "timestamp" else literal(each)) for each in (low, high))
        return table.where(f"{quote(name)} between {first} and {last}")

    def _state(self) -> str:
        """`new`, `stale`, `changed`, `unchanged` or `vanished`."""
        whens = ["when key_0 is null then 'vanished'"]
        whens.append("when scoring_run_id is null or was_flagged then 'new'")
        if self.rescore.rule != "new":
            basis = of_part([literal(record.scoring_basis) for record in self.records], "part")
            whens.append(f"when not scoring_basis <=> {basis} then 'stale'")
        if self.rescore.rule == "changed":
            kind = of_part([literal(record.feature_hash_kind) for record in self.records], "part")
            whens.append(f"when not feature_hash_kind <=> {kind} or not old_hash <=> hash then 'changed'")
        if self.rescore.rule == "updated_at":
            late = f"updated_us > seen_us - {self.plan.lookback_us()}"
            types = of_part(
                [literal(record.feature_hash_kind.rpartition(":")[2]) for record in self.records], "part"
            )
            whens.append(f"when not split_part(feature_hash_kind, ':', -1) <=> {types} then 'changed'")
            whens.append(f"when seen_us is null or updated_us is null or {late} then 'changed'")
        return f"case {' '.join(whens)} else 'unchanged' end"

    # --- rankings ---

    def rest_of_groups(self, todo: Any) -> Any:
        """The other rows of each group whose ranks may change, given the rows `todo` that were found.

        These are, for each version, the groups with a row to score, and the groups that lost a row or got one
        back: ranks run from 1 without a gap, so the ranks of the remaining rows show it.
        """
        from pyspark.sql.functions import expr

        grouped = self.source.table.selectExpr(*self._feature_keys(), f"{self._numbers()} as part")
        name = self.group[0] if self.group else ""
        old = self._predictions().selectExpr(
            *self._old_keys(), f"{quote(name)} as old_group", "row_status", "rank"
        )
        on = [grouped[key] == old[f"old_{key}"] for key in (*self.keys, "part")]
        stays = grouped.join(old, on).where("in_group <=> old_group")
        ranked = stays.groupBy("part", "in_group").agg(
            expr("count_if(row_status = 'scored') as ranks"), expr("max(rank) as last")
        )
        gaps = ranked.where("ranks <> coalesce(last, 0)").select("part", "in_group")
        todo = todo.where("state <> 'vanished'")
        touched = matching(
            grouped, todo.select("part", "in_group").union(gaps), ["part", "in_group"], "left_semi"
        )
        rest = touched.join(todo.select(*self.keys, "part"), [*self.keys, "part"], "left_anti")
        return rest.selectExpr(
            *self.keys,
            "part",
            "in_group",
            "'changed' as state",
            f"{LAST} as last_scored",
            "false as was_flagged",
            *(["'' as model_alias"] if self.options.in_parts else []),
        )
