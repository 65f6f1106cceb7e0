"""Merge rows into a prediction table on Spark: in one statement, partition by partition, or as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from scorehouse.engines.shared_setting import spark_setting
from scorehouse.engines.spark.source import ONE_TASK, column_list, literal, matching, quote
from scorehouse.engines.spark.storage import Storage
from scorehouse.engines.spark.tables import ATOMIC_FORMATS, SparkTables, rebalanced

OVERWRITE_SETTING = "spark.sql.sources.partitionOverwriteMode"
GONE = "scorehouse_gone"  # the column that tells a key that is gone from a new row
TOUCHED, STAYS, SIZE = "scorehouse_touched", "scorehouse_stays", "scorehouse_size"
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

    def touched(self, old: Any, parts: Sequence[str]) -> Partitions:
        """The partitions by `parts` in which a row is added, replaced, deleted or flagged, with their sizes.

        The rows `old` are looked up by their key, since they may be in another partition than the new ones.
        """
        from pyspark.sql.functions import expr

        columns, keys = list(map(quote, parts)), list(map(quote, self.keys))
        changed = self.new.selectExpr(*keys, f"false as {GONE}")
        if self.gone is not None:
            changed = changed.union(self.gone.selectExpr(*keys, f"true as {GONE}"))
        stays = f"{GONE} is null" + (f" or {GONE}" if self.vanished == "flag" else "")
        rows = matching(old, changed, self.keys, "left", [GONE])
        rows = rows.selectExpr(*columns, f"{GONE} is not null as {TOUCHED}", f"{stays} as {STAYS}")
        rows = rows.union(self.new.selectExpr(*columns, "true", "true"))
        counted = expr(f"bool_or({TOUCHED}) as {TOUCHED}"), expr(f"count_if({STAYS}) as {SIZE}")
        return Partitions.of(rows.groupBy(*columns).agg(*counted).where(TOUCHED).drop(TOUCHED), len(parts))

    def near(self, parts: Sequence[str]) -> Partitions | None:
        """The partitions of the changed keys, if those have the columns `parts`; else None.

        So it is in a history that is partitioned by its date: no older row of a key is elsewhere.
        """
        if not {name.lower() for name in parts} <= {name.lower() for name in self.keys}:
            return None
        columns = list(map(quote, parts))
        found = self.new.select(*columns)
        if self.gone is not None:
            found = found.union(self.gone.select(*columns))
        return Partitions.of(found.distinct(), len(parts))

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
    """Partitions of a table: their `values` in columns of these Spark types, and their `sizes` in rows.

    There are no sizes where they were not counted.
    """

    values: pa.Table
    types: Any
    sizes: Sequence[int]

    @classmethod
    def of(cls, found: Any, columns: int) -> Partitions:
        """Those in the first `columns` of a DataFrame, which are collected; their sizes may come next."""
        from pyspark.sql.types import StructType

        rows = found.toArrow()
        sizes = rows.column(columns).to_pylist() if rows.num_columns > columns else []
        types = StructType(found.schema.fields[:columns])
        return cls(rows.select(list(range(columns))), types, sizes)

    def where(self, prefix: str = "") -> str:
        """SQL that is true in these partitions, with a prefix before each column; empty if none are named.

        Those are named that are few, and of types that have plain literals.
        """
        fields = [(prefix + quote(field.name), field.dataType.simpleString()) for field in self.types]
        if len(self.values) > NAMED_PARTITIONS or not {kind for _, kind in fields} <= set(NAMED_TYPES):
            return ""
        each = (" and ".join(map(_is_value, fields, row.values())) for row in self.values.to_pylist())
        return f"({' or '.join(f'({one})' for one in each) or 'false'})"

    def inside(self, rows: Any) -> Any:
        """Those of the rows of a table that are in these partitions."""
        if where := self.where():
            return rows.where(where)
        found = rows.sparkSession.createDataFrame(self.values, self.types)
        return matching(rows, found, found.columns, "left_semi")


def _is_value(field: tuple[str, str], value: Any) -> str:
    column, kind = field
    return f"{column} is null" if value is None else f"{column} = cast({literal(str(value))} as {kind})"


def _merge_into(tables: SparkTables, change: Change, written: int) -> None:
    """Merge in one statement, so that readers see the whole change or nothing of it."""
    tables.write(change.source(), tables.merged, Storage())
    parts = tables.storage.partition_by
    touched = (change.near(parts) or change.touched(change.old, parts)) if parts else None
    where = touched.where("old_rows.") if touched else ""
    tables.session.sql(merge_statement(tables, change, where))
    # afterwards, the rows of this run are where the new rows say
    new = Partitions.of(change.new.select(*parts).distinct(), len(parts)).where() if parts else ""
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
    tables.write(change.kept(change.old).unionByName(change.new), tables.merged, tables.storage)
    tables.check_lost(tables.merged, written)
    tables.replace(tables.merged, tables.seen)


def _overwrite_partitions(tables: SparkTables, change: Change, written: int) -> None:
    """Rewrite the partitions with new rows, with older rows of their keys, or with rows that are gone."""
    parts, near = list(tables.storage.partition_by), change.near(tables.storage.partition_by)
    touched = change.touched(near.inside(change.old) if near else change.old, parts)
    if 0 in touched.sizes:
        # a partition loses its last row, and an overwrite would not change it: rewrite the whole table
        _rewrite(tables, change, written)
        return
    rows = change.kept(touched.inside(change.old)).unionByName(change.new)
    # as a setting, since insertInto ignores the writer's option. Without it, Spark would refuse to overwrite
    # a table with its own rows; with it, the partitions change once all of them are written
    with spark_setting(tables.session, OVERWRITE_SETTING, "dynamic"):
        rows = rebalanced(rows, parts).select(*map(quote, change.old.columns))
        rows.write.mode("overwrite").insertInto(tables.relation)
    expected, now = sum(touched.sizes), touched.inside(tables.session.table(tables.relation))
    if expected <= 100 * ONE_TASK and len(touched.sizes) <= NAMED_PARTITIONS:
        now = now.coalesce(1)  # no column is read
    found = now.count()
    if found != expected:
        problem = f"{found} rows are in the partitions of {tables.relation} that were overwritten"
        raise tables.lost(problem, f"{expected} rows")
