"""The rules of rescoring as SQL: which rows are scored, why, and in which order.

Every statement is built only from names; the engine runs it in the snapshot that it reads.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from scorehouse.engines.duckdb.sql import column_list, literal, quote, same
from scorehouse.scoring.options import Rescore

TODO = "scorehouse_todo"
VANISHED = "scorehouse_vanished"


def _equal(left: str, right: str, names: Iterable[tuple[str, str]]) -> str:
    """SQL that is true if two rows agree in columns that may be NULL; names are already quoted."""
    return " and ".join(f"{left}.{one} is not distinct from {right}.{other}" for one, other in names)


@dataclass(frozen=True)
class PlanPart:
    """One version in the plan: its alias (NULL: the only version), its basis, the hash of its features.

    `hash_kind` identifies the hash function and the types of the hashed columns.
    """

    alias: str | None
    basis: str
    feature_hash: str
    hash_kind: str

    def has_kind(self, rule: str) -> str:
        """SQL over the run log, true if a run's features had the same types (and hash function).

        The rule `updated_at` compares no hashes, so the function may differ.
        """
        if rule == "updated_at":
            return f"split_part(feature_hash_kind, ':', -1) = {literal(self.hash_kind.rpartition(':')[2])}"
        return f"feature_hash_kind = {literal(self.hash_kind)}"


@dataclass(frozen=True)
class RescorePlan:
    """Finds the rows of a feature table that have to be scored, given a prediction table.

    `features` is the relation to select from; `key` and `group` map names in the prediction table to columns
    of the feature table; `old` is the prediction table; `lookback_us` is in microseconds; `flags`: `old` has
    the column `is_vanished`. With `both_ways`, one join also finds the vanished rows; this needs a single
    version.
    """

    features: str
    old: str
    run_log: str
    key: Mapping[str, str]
    group: Mapping[str, str]
    parts: Sequence[PlanPart]
    rescore: Rescore
    lookback_us: int = 0
    flags: bool = False
    both_ways: bool = False

    def todo(self) -> str:
        """Creates the table of keys to score, with `state_<part>`, `last_scored` and groups."""
        numbers = range(len(self.parts))
        states = [f"{self._state(number)} as state_{number}" for number in numbers]
        ages = [f"old_{number}.scored_at" for number in numbers]
        never = " or ".join(f"{age} is null" for age in ages)
        key = "coalesce(features.{0}, old_0.{0}) as {0}" if self.both_ways else "features.{0}"
        keys = [key.format(quote(name)) for name in self.key]
        groups = [f"features.{quote('group:' + name)}" for name in self.group]
        age = f"case when {never} then null else least({', '.join(ages)}) end as last_scored"
        parts = [*keys, *groups, *states, age, *([self._was_flagged("old_0")] if self.both_ways else [])]
        kind = "full" if self.both_ways else "left"
        joins = [f"{kind} join old_{n} on {same('features', f'old_{n}', self.key)}" for n in numbers]
        wanted = " or ".join(f"state_{number} <> 'unchanged'" for number in numbers)
        inputs = ", ".join(self._inputs())
        return (
            f"create or replace temp table {TODO} as with {inputs} select * from "
            f"(select {', '.join(parts)} from features {' '.join(joins)}) where {wanted}"
        )

    def _inputs(self) -> list[str]:
        columns = self._keys_and_groups()
        if self.rescore.rule == "changed":
            columns += [f"{part.feature_hash} as hash_{n}" for n, part in enumerate(self.parts)]
        if self.rescore.updated_at:
            columns.append(f"epoch_us({quote(self.rescore.updated_at)}) as updated_us")
        runs = (
            f"select run_id, scoring_basis, feature_hash_kind, epoch_us(watermark) as seen_us "
            f"from {self.run_log} where status = 'success'"
        )
        inputs = [
            f"features as (select {', '.join(columns)} from {self.features} as features)",
            f"runs as ({runs})",
        ]
        for number, part in enumerate(self.parts):
            where = f" where model_alias = {literal(part.alias)}" if part.alias is not None else ""
            facts = (
                f"select run_id, seen_us, scoring_basis = {literal(part.basis)} as has_basis, "
                f"{part.has_kind(self.rescore.rule)} as has_kind from runs"
            )
            inputs.append(
                f"old_{number} as (select old.*, has_basis, has_kind, seen_us from {self.old} as old "
                f"left join ({facts}) as runs on runs.run_id = old.scoring_run_id{where})"
            )
        return inputs

    def _state(self, number: int) -> str:
        """`new`, `stale`, `changed` or `unchanged`, for one version and a row of the feature table."""
        old = f"old_{number}"
        whens = [f"when {old}.scoring_run_id is null then 'new'"]
        if self.both_ways:
            whens.insert(0, f"when features.{quote(next(iter(self.key)))} is null then 'vanished'")
        if self.flags:
            whens.append(f"when {old}.is_vanished then 'new'")
        if self.rescore.rule != "new":
            whens.append(f"when {old}.has_basis is not true then 'stale'")
        if self.rescore.rule == "changed":
            whens.append(
                f"when {old}.has_kind is not true "
                f"or {old}.feature_hash is distinct from features.hash_{number} then 'changed'"
            )
        if self.rescore.rule == "updated_at":
            whens.append(
                f"when {old}.has_kind is not true or {old}.seen_us is null or features.updated_us is null "
                f"or features.updated_us > {old}.seen_us - {self.lookback_us} then 'changed'"
            )
        return f"case {' '.join(whens)} else 'unchanged' end"

    @property
    def live(self) -> str:
        """The predictions whose row has not vanished."""
        return f"(select * from {self.old}{' where is_vanished is not true' if self.flags else ''})"

    def named(self) -> str:
        """The key of `features`, as the prediction table names it."""
        return ", ".join(f"features.{quote(column)} as {quote(name)}" for name, column in self.key.items())

    def is_key(self, features: str, named: str) -> str:
        """SQL that is true for the same key in features and in a relation with the names of predictions."""
        return " and ".join(
            f"{features}.{quote(column)} = {named}.{quote(name)}" for name, column in self.key.items()
        )

    def vanished(self) -> list[str]:
        """Creates the table of keys whose row is no longer in the feature table."""
        if not self.both_ways:
            return [self.vanished_by_join()]
        return [
            f"create or replace temp table {VANISHED} as "
            f"select {column_list(self.key)}, was_flagged from {TODO} where state_0 = 'vanished'",
            f"delete from {TODO} where state_0 = 'vanished'",
        ]

    def vanished_by_join(self) -> str:
        gone = f"features.{quote(next(iter(self.key)))} is null"
        if self.parts[0].alias is not None:
            aliases = ", ".join(literal(part.alias or "") for part in self.parts)
            gone += f" or old.model_alias not in ({aliases})"
        return (
            f"create or replace temp table {VANISHED} as select {self.vanished_columns()} "
            f"from {self.old} as old "
            f"left join (select {self.named()} from {self.features} as features) as features "
            f"on {same('old', 'features', self.key)} where {gone}"
        )

    def vanished_columns(self) -> str:
        """The columns of the table of vanished keys, from predictions named `old`."""
        columns = [f"old.{quote(name)}" for name in self.key]
        columns += ["old.model_alias"] if self.parts[0].alias is not None else []
        return ", ".join([*columns, self._was_flagged("old")])

    def _was_flagged(self, old: str) -> str:
        return f"{f'coalesce({old}.is_vanished, false)' if self.flags else 'false'} as was_flagged"

    def matches(self) -> str:
        """Counts predictions, those that vanished, new keys, and different new keys."""
        new = "state_0 = 'new' and last_scored is null"
        return (
            f"select (select count(*) from {self.old}), (select count(*) from {VANISHED}), count(*), "
            f"count(distinct ({column_list(self.key)})) from {TODO} where {new}"
        )

    def whole_groups(self) -> list[str]:
        """Adds, for each version, the other rows of each group whose ranks may change.

        These are the groups with a row to score, and the groups that lost a row, to another group or from
        the feature table, or got one back, which has no rank. Ranks run from 1 without a gap, so the ranks of
        the rows that are there show it, in whichever run it happened. A group without a row needs nothing.
        """
        after = [quote("group:" + name) for name in self.group]
        now = [f"{column} as {quote(name)}" for column, name in zip(after, self.group, strict=True)]
        scored = f"select {', '.join(now)} from {TODO}"
        touched = [
            f"({scored} where state_{number} <> 'unchanged' union {self._gaps(part)})"
            for number, part in enumerate(self.parts)
        ]
        states = [f"'unchanged' as state_{number}" for number in range(len(self.parts))]

        def of(table: str) -> str:
            groups = zip(after, (quote(name) for name in self.group), strict=True)
            return _equal(table, "touched", groups)

        insert = (
            f"insert into {TODO} by name select features.*, {', '.join(states)}, "
            f"'9999-12-31'::timestamp as last_scored "
            f"from {self._grouped()} semi join ({' union '.join(touched)}) as touched on {of('features')} "
            f"anti join {TODO} as todo on {same('features', 'todo', self.key)}"
        )
        # a row that one version scores may be one of the other rows for another version
        updates = [
            f"update {TODO} as todo set state_{number} = 'changed' where state_{number} = 'unchanged' "
            f"and exists (select 1 from {groups} as touched where {of('todo')})"
            for number, groups in enumerate(touched)
        ]
        return [insert, *updates]

    def _grouped(self) -> str:
        """The keys and groups in the feature table."""
        return f"(select {', '.join(self._keys_and_groups())} from {self.features}) as features"

    def _keys_and_groups(self) -> list[str]:
        named = {**self.key, **{f"group:{name}": column for name, column in self.group.items()}}
        return [f"{quote(column)} as {quote(name)}" for name, column in named.items()]

    def _gaps(self, part: PlanPart) -> str:
        """Groups of one version in which the ranks of the remaining rows have a gap."""
        groups = [quote(name) for name in self.group]
        stays = _equal("features", "old", ((quote("group:" + name), quote(name)) for name in self.group))
        where = f" where model_alias = {literal(part.alias)}" if part.alias is not None else ""
        return (
            f"select {', '.join(groups)} from {self.old} as old semi join {self._grouped()} "
            f"on {same('features', 'old', self.key)} and {stays}{where} "
            f"group by {', '.join(groups)} "
            "having count(*) filter (row_status = 'scored') <> coalesce(max(\"rank\"), 0)"
        )

    def order(self, slice_rows: int) -> str:
        """Orders the rows to score: never scored first, then the oldest, with groups kept together.

        Adds `unit_end`, the position of the last row of a row's group, and `slice`.
        """
        keys = column_list(self.key)
        group = column_list("group:" + name for name in self.group) or keys
        return (
            f"create or replace temp table {TODO} as with aged as (select *, "
            f"bool_or(last_scored is null) over unit as is_new, min(last_scored) over unit as oldest "
            f"from {TODO} window unit as (partition by {group})), "
            f"placed as (select * exclude (is_new, oldest), row_number() over "
            f"(order by is_new desc, oldest, {group}, {keys}) as place from aged), "
            f"ended as (select *, max(place) over (partition by {group}) as unit_end from placed) "
            f"select *, (unit_end - 1) // {slice_rows} as slice from ended"
        )

    def cut(self, max_rows: int) -> str:
        """Leaves rows beyond `max_rows` for later runs; the first group is scored even if it is larger."""
        return (
            f"delete from {TODO} where unit_end > {max_rows} "
            f"and unit_end > (select min(unit_end) from {TODO})"
        )
