"""Merge rows into a prediction table on Spark: in one statement, partition by partition, or as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from scorehouse.engines.shared_setting import spark_setting
from scorehouse.engines.spark.source import column_list, literal, matching, quote
from scorehouse.engines.spark.storage import Storage
from scorehouse.engines.spark.tables import ATOMIC_FORMATS, SparkTables, rebalanced

OVERWRITE_SETTING = "spark.sql.sources.partitionOverwriteMode"
GONE = "scorehouse_gone"  # the column that tells a key that is gone from a new row
# so many changed partitions are named in a condition, with which Spark reads no others
NAMED_PARTITIONS = 200
NAMED_TYPES = ("tinyint", "smallint", "int", "bigint", "date", "boolean", "string")


@dataclass(frozen=True)
class Change:
    """What a merge changes: rows of `new` replace rows of `old` with the same `keys`; others are added.

    `gone` has the keys of old rows to `flag` or `delete`, as `vanished` says; None: there are none.
    """

    old: Any
    new: Any
    keys: tuple[str, ...]
    gone: Any = None
    vanished: str = "keep"

    @classmethod
    def of(cls, old: Any, rows: Any, keys: Sequence[str], gone: Any, vanished: str) -> Change:
        """The change by `rows`; columns that only the table `old` has are NULL in them."""
        made = {name.lower() for name in rows.columns}
        columns = (
            quote(field.name)
            if field.name.lower() in made
            else f"cast(null as {field.dataType.simpleString()}) as {quote(field.name)}"
            for field in old.schema
        )
        return cls(old, rows.selectExpr(*columns), tuple(keys), gone, vanished)

    def kept(self, rows: Any) -> Any:
        """The given old rows that stay, with their flag."""
        stays = matching(rows, self.new, self.keys, "left_anti")
        if self.gone is None:
            return stays
        others = matching(stays, self.gone, self.keys, "left_anti")
        if self.vanished == "delete":
            return others
        flagged = matching(stays, self.gone, self.keys, "left_semi")
        columns = (
            "true as is_vanished" if name == "is_vanished" else quote(name) for name in self.old.columns
        )
        return others.unionByName(flagged.selectExpr(*columns))

    def touched(self, parts: Sequence[str]) -> Any:
        """The values of the columns `parts` in which a row is added, replaced, deleted or flagged.

        Old rows are looked up by their key, since they may be in another partition than the new ones; not if
        the key has the columns, as that of a history partitioned by its date.
        """
        changed = [self.new] if self.gone is None else [self.new, self.gone]
        found = self.new.select(*parts)
        if not {name.lower() for name in parts} <= {name.lower() for name in self.keys}:
            for rows in changed:
                found = found.union(matching(self.old, rows, self.keys, "left_semi").select(*parts))
        elif self.gone is not None:
            found = found.union(self.gone.select(*parts))
        return found.distinct()

    def source(self) -> Any:
        """New rows, and keys that are gone, distinguished by the column GONE."""
        new = self.new.selectExpr("*", f"false as {GONE}")
        if self.gone is None:
            return new
        return new.unionByName(self.gone.selectExpr("*", f"true as {GONE}"), allowMissingColumns=True)


def merge(tables: SparkTables, change: Change, written: int) -> None:
    """Put the change into the prediction table; `written` is the number of rows that this run scored.

    Raises ConservationError if a row was lost, or if another run has replaced the table in the meantime.
    """
    if tables.storage.file_format in ATOMIC_FORMATS:
        _merge_into(tables, change, written)
    elif tables.storage.strategy == "insert_overwrite":
        _overwrite_partitions(tables, change, written)
    else:
        _rewrite(tables, change, written)


@dataclass(frozen=True)
class Partitions:
    """Partitions of a table: a DataFrame of their values, and the values as text if they can be named."""

    frame: Any
    values: Sequence[Sequence[str | None]] | None

    @classmethod
    def of(cls, frame: Any) -> Partitions:
        """Partitions that are few, and of types that have plain literals, can be named."""
        if not {field.dataType.simpleString() for field in frame.schema} <= set(NAMED_TYPES):
            return cls(frame, None)
        texts = (f"cast({quote(name)} as string) as {quote(name)}" for name in frame.columns)
        values = frame.selectExpr(*texts).limit(NAMED_PARTITIONS + 1).collect()
        return cls(frame, values if len(values) <= NAMED_PARTITIONS else None)

    def count(self) -> int:
        """How many they are."""
        return int(self.frame.count()) if self.values is None else len(self.values)

    def where(self, prefix: str = "") -> str:
        """SQL that is true in these partitions, with a prefix before each column; empty if none are named."""
        if self.values is None:
            return ""
        fields = [(prefix + quote(field.name), field.dataType.simpleString()) for field in self.frame.schema]
        each = (" and ".join(map(_is_value, fields, value)) for value in self.values)
        return f"({' or '.join(f'({one})' for one in each) or 'false'})"


def _is_value(field: tuple[str, str], text: str | None) -> str:
    column, kind = field
    return f"{column} is null" if text is None else f"{column} = cast({literal(text)} as {kind})"


def _merge_into(tables: SparkTables, change: Change, written: int) -> None:
    """Merge in one statement, so that readers see the whole change or nothing of it."""
    tables.write(change.source(), tables.merged, Storage())
    parts = tables.storage.partition_by
    where = Partitions.of(change.touched(parts)).where("old_rows.") if parts else ""
    tables.session.sql(merge_statement(tables, change, where))
    # afterwards, the rows of this run are where the new rows say
    new = Partitions.of(change.new.select(*parts).distinct()).where() if parts else ""
    tables.check_lost(tables.relation, written, new)
    if where:
        _check_once(tables, change)


def _check_once(tables: SparkTables, change: Change) -> None:
    """Check the new keys in all partitions: another run may have moved a row out of those that were named."""
    if {name.lower() for name in tables.storage.partition_by} <= {name.lower() for name in change.keys}:
        return
    expected = change.new.count()
    found = matching(tables.session.table(tables.relation), change.new, change.keys, "left_semi").count()
    if found > expected:
        raise tables.lost(
            f"{found} rows of {tables.relation} have the {expected} keys of this run", "one of each"
        )


def merge_statement(tables: SparkTables, change: Change, where: str = "") -> str:
    """The statement that merges `tables.merged` into the old rows for which `where` is true."""
    same = " and ".join(f"old_rows.{quote(key)} = new_rows.{quote(key)}" for key in change.keys)
    values = ", ".join(f"new_rows.{quote(name)}" for name in change.old.columns)
    pairs = ", ".join(f"{quote(name)} = new_rows.{quote(name)}" for name in change.old.columns)
    gone = {"delete": "delete", "flag": "update set is_vanished = true"}.get(change.vanished)
    return (
        f"merge into {tables.relation} as old_rows using {tables.merged} as new_rows on {same} "
        + (f"and {where} " if where else "")
        + (f"when matched and new_rows.{GONE} then {gone} " if gone else "")
        + f"when matched then update set {pairs} "
        f"when not matched then insert ({column_list(change.old.columns)}) values ({values})"
    )


def _rewrite(tables: SparkTables, change: Change, written: int) -> None:
    tables.write(change.kept(change.old).unionByName(change.new), tables.merged)
    tables.check_lost(tables.merged, written)
    tables.replace(tables.merged, tables.seen)


def _overwrite_partitions(tables: SparkTables, change: Change, written: int) -> None:
    """Rewrite the partitions with new rows, with older rows of their keys, or with rows that are gone."""
    touched = change.touched(tables.storage.partition_by).persist()
    try:
        is_whole = _overwrite(tables, change, touched)
    finally:
        touched.unpersist()
    if not is_whole:
        # a partition lost its last row, and an overwrite would not change it: rewrite the whole table
        tables.drop(tables.merged)
        _rewrite(tables, change, written)


def _overwrite(tables: SparkTables, change: Change, touched: Any) -> bool:
    """Rewrite these partitions, unless one of them would be left without a row."""
    session, parts, old = tables.session, list(tables.storage.partition_by), change.old
    partitions = Partitions.of(touched)
    where = partitions.where()

    def inside(rows: Any, found: Any) -> Any:
        return rows.where(where) if where else matching(rows, found, parts, "left_semi")

    def outside_is_empty(rows: Any) -> bool:
        rest = rows.where(f"{where} is not true") if where else matching(rows, done, parts, "left_anti")
        return bool(rest.isEmpty())

    tables.write(change.kept(inside(old, touched)).unionByName(change.new), tables.merged)
    done = session.table(tables.merged)
    sizes = done.groupBy(*parts).count().selectExpr("count(*)", "coalesce(sum(count), 0)")
    filled, expected = sizes.collect()[0]
    if filled < partitions.count():
        return False
    was_empty = outside_is_empty(old)
    # as a setting, since insertInto ignores the writer's option and would empty the table
    with spark_setting(session, OVERWRITE_SETTING, "dynamic"):
        rows = rebalanced(done, parts).select(*old.columns)
        rows.write.mode("overwrite").insertInto(tables.relation)
    now = session.table(tables.relation)
    found = inside(now, done).count()  # since what is `touched` would be found anew, in the new table
    if found != expected or outside_is_empty(now) != was_empty:
        problem = f"{found} rows are in the partitions of {tables.relation} that were overwritten"
        rest = "" if was_empty else ", and the rows of the others"
        raise tables.lost(problem, f"{expected} rows{rest}")
    return True
