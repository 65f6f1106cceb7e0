"""Tables of a scoring run on Spark, which has no transaction over two of them.

Everything is written to staging tables first. The prediction table then changes in one step if its format
supports that (Delta, Iceberg). A Parquet table is moved aside and the new table takes its name; a run that
finds only the table that was moved aside puts it back.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from scorehouse.engines.base import APPEND, SYNC, ColumnChange
from scorehouse.engines.shared_setting import spark_setting
from scorehouse.engines.spark.source import column_list, literal, matching, quote, type_text
from scorehouse.engines.spark.storage import GONE, Change, Storage
from scorehouse.errors import ConfigurationError, ConservationError
from scorehouse.project.log import logger

STAGING = "__scorehouse_new_"
ASIDE = "__scorehouse_old_"
ATOMIC_FORMATS = ("delta", "iceberg")
ADAPTIVE_SETTING = "spark.sql.adaptive.enabled"
OVERWRITE_SETTING = "spark.sql.sources.partitionOverwriteMode"


def rebalanced(frame: Any, parts: Sequence[str]) -> Any:
    """The rows, moved so that a task has those of few partitions: it writes a file for each that it has.

    A session that plans adaptively gives a large partition to several tasks, and joins small ones.
    """
    names = [quote(name) for name in parts]
    if names and frame.sparkSession.conf.get(ADAPTIVE_SETTING, "true") == "true":
        return frame.hint("rebalance", *names)
    return frame.repartition(*names) if names else frame


class SparkTables:
    """The prediction table `relation` and the tables of a run; the first of `run_ids` is the live one."""

    def __init__(
        self, session: Any, relation: str, run_ids: Sequence[str], storage: Storage, call: str
    ) -> None:
        self.session = session
        self.relation = relation
        self.run_ids = run_ids
        self.storage = storage
        self.call = call
        own = re.sub("[^0-9a-z]", "", run_ids[0])[:8]
        self.staging = f"{relation}{STAGING}{own}"
        self.merged, self.todo, self.chosen, self.decided = (
            f"{self.staging}_{name}" for name in ("merged", "todo", "chosen", "decided")
        )
        self.aside = f"{relation}{ASIDE}{own}"  # of one run, so that no other run drops it

    def recover(self) -> None:
        """Restore the table that a killed run moved aside, and drop its staging tables.

        Raises ConservationError where runs at once have moved several aside: which one counts is not known.
        """
        asides = self._left(ASIDE)
        if len(asides) > 1 and not self.session.catalog.tableExists(self.relation):
            raise ConservationError(
                self.call,
                f"runs at once have moved {self.relation} aside, and left {' and '.join(asides)}",
                expected="one run of a table at a time",
                action=f"rename the one to keep to {self.relation}, drop the others, and run again",
            )
        for aside in asides:
            self._put_back(aside)
            self._drop(aside)
        for staging in self._left(STAGING):
            self._drop(staging)

    def _left(self, ending: str) -> list[str]:
        """Tables of this and other runs beside the prediction table."""
        schema, _, table = self.relation.rpartition(".")
        found = self.session.sql(f"show tables in {schema} like '{table}{ending}*'").collect()
        return [f"{schema}.{row['tableName']}" for row in found]

    def _put_back(self, aside: str) -> None:
        """What was moved aside becomes the prediction table again, where there is none."""
        catalog = self.session.catalog
        if catalog.tableExists(aside) and not catalog.tableExists(self.relation):
            self.session.sql(f"alter table {aside} rename to {self.relation}")

    def exists(self) -> bool:
        """Whether there is a prediction table to merge into; a view does not count."""
        if not self.session.catalog.tableExists(self.relation):
            return False
        return str(self.session.catalog.getTable(self.relation).tableType).upper() != "VIEW"

    def write(self, frame: Any, table: str, storage: Storage | None = None) -> None:
        """Append a DataFrame to a table in this storage, by default the requested one.

        The table is made first: if Spark made it after a job that fails, the job's folder would belong to no
        table, and nothing would ever drop it.
        """
        storage = storage or self.storage
        columns = ", ".join(f"{quote(field.name)} {type_text(field.dataType)}" for field in frame.schema)
        options = ", ".join(f"{literal(name)} = {literal(value)}" for name, value in storage.options.items())
        parts = storage.partition_by
        self.session.sql(
            f"create table if not exists {table} ({columns}) using {storage.file_format}"
            + (f" options ({options})" if options else "")
            + (f" partitioned by ({column_list(parts)})" if parts else "")
        )
        rows = rebalanced(frame, parts)
        writer = rows.write.format(storage.file_format).options(**storage.options).mode("append")
        (writer.partitionBy(*parts) if parts else writer).saveAsTable(table)

    def check_columns(self, made: Sequence[str], kept: Mapping[str, str], setting: str) -> ColumnChange:
        """Refuse a table whose columns are not the ones `made`, unless on_schema_change allows it.

        `kept` has the types of the columns that bypass the kernel. Here, a table can gain columns but not
        lose any.
        """
        schema = self.session.table(self.relation).schema
        table = {field.name: field.dataType.simpleString() for field in schema}
        change = ColumnChange.between(table, {name: kept.get(name, table.get(name, "")) for name in made})
        change.check_names(self.relation, setting, self.call)
        found = [
            f"{name!r} is {old} in the table and {new} in this run"
            for name, (old, new) in change.retyped.items()
        ]
        if setting == SYNC:
            found += [f"{name!r} is in the table and not in this run" for name in change.has]
        if found:
            raise ConfigurationError(
                self.call,
                f"{self.relation} cannot take the columns of this run: {'; '.join(found)}",
                expected="existing columns that stay as they are: on Spark they cannot be dropped or retyped",
                action="rebuild the table once with --full-refresh",
            )
        return change

    def add_columns(self, setting: str) -> None:
        """Give the prediction table the columns that only the staging table has, if the setting says so."""
        if setting not in (APPEND, SYNC):
            return
        there = {name.lower() for name in self.session.table(self.relation).columns}
        for column in self.session.table(self.staging).schema:
            if column.name.lower() not in there:
                kind = column.dataType.simpleString()
                self.session.sql(f"alter table {self.relation} add columns ({quote(column.name)} {kind})")

    def merge(self, rows: str, keys: Sequence[str], gone: Any = None, vanished: str = "keep") -> None:
        """Merge: the rows of the table `rows` replace rows with the same key; others are added.

        `gone` has the keys of predictions to `flag` or `delete`, as `vanished` says.
        """
        old, new = self.session.table(self.relation), self.session.table(rows)
        # columns that only the table has are NULL in new rows
        made = {name.lower() for name in new.columns}
        columns = (
            quote(field.name)
            if field.name.lower() in made
            else f"cast(null as {field.dataType.simpleString()}) as {quote(field.name)}"
            for field in old.schema
        )
        change = Change(old, new.selectExpr(*columns), tuple(keys), gone, vanished)
        if self.storage.file_format in ATOMIC_FORMATS:
            self._merge_into(change)
        elif self.storage.strategy == "insert_overwrite":
            self._overwrite_partitions(change)
        else:
            self._rewrite(change)

    def _merge_into(self, change: Change) -> None:
        """Merge in one statement, so that readers see the whole change or nothing of it."""
        self.write(change.source(), self.merged, Storage())
        same = " and ".join(f"old_rows.{quote(key)} = new_rows.{quote(key)}" for key in change.keys)
        values = ", ".join(f"new_rows.{quote(name)}" for name in change.old.columns)
        pairs = ", ".join(f"{quote(name)} = new_rows.{quote(name)}" for name in change.old.columns)
        gone = {"delete": "delete", "flag": "update set is_vanished = true"}.get(change.vanished)
        self.session.sql(
            f"merge into {self.relation} as old_rows using {self.merged} as new_rows on {same} "
            + (f"when matched and new_rows.{GONE} then {gone} " if gone else "")
            + f"when matched then update set {pairs} "
            f"when not matched then insert ({column_list(change.old.columns)}) values ({values})"
        )
        self._check_written(self.relation)

    def _rewrite(self, change: Change) -> None:
        self.write(change.kept(change.old).unionByName(change.new), self.merged)
        self._check_written(self.merged)
        self.replace(self.merged)

    def _check_written(self, table: str) -> None:
        """Check that every row of this run is in `table` once."""
        runs = ", ".join(literal(run_id) for run_id in self.run_ids)
        written = self.session.table(self.staging).count()
        found = self.session.table(table).where(f"scoring_run_id in ({runs})").count()
        if found != written:
            problem = f"{written} rows were scored, and {found} of them are in {table}"
            raise self._lost(problem, "every row exactly once")

    def _lost(self, problem: str, expected: str) -> ConservationError:
        action = "rebuild the table with --full-refresh, and report this as a bug in scorehouse"
        return ConservationError(self.call, problem, expected=expected, action=action)

    def _overwrite_partitions(self, change: Change) -> None:
        """Rewrite the partitions with new rows, with older rows of their keys, or with rows that are gone."""
        parts = list(self.storage.partition_by)
        old, touched = change.old, change.touched(parts)
        self.write(
            change.kept(matching(old, touched, parts, "left_semi")).unionByName(change.new), self.merged
        )
        done = self.session.table(self.merged)
        if matching(touched, done, parts, "left_anti").limit(1).count():
            # a partition lost its last row, and an overwrite would not change it: rewrite the whole table
            self._drop(self.merged)
            self._rewrite(change)
            return
        expected = matching(old, touched, parts, "left_anti").count() + done.count()
        # as a setting, since insertInto ignores the writer's option and would empty the table
        with spark_setting(self.session, OVERWRITE_SETTING, "dynamic"):
            rows = rebalanced(done, parts).select(*old.columns)
            rows.write.mode("overwrite").insertInto(self.relation)
        found = self.session.table(self.relation).count()
        if found != expected:
            problem = f"{found} rows are in {self.relation} after its partitions were overwritten"
            raise self._lost(problem, f"{expected} rows")

    def replace(self, table: str) -> None:
        """A table of the run becomes the prediction table."""
        file_format, parts = self.storage.file_format, self.storage.partition_by
        if file_format in ATOMIC_FORMATS:
            partitioned = f" partitioned by ({column_list(parts)})" if parts else ""
            self.session.sql(
                f"create or replace table {self.relation} using {file_format}{partitioned} "
                f"as select * from {table}"
            )
            return
        is_table = self.exists()
        if not is_table:
            self.session.sql(f"drop view if exists {self.relation}")
        is_moved = False
        try:
            if is_table:
                self.session.sql(f"alter table {self.relation} rename to {self.aside}")
                is_moved = True
            self.session.sql(f"alter table {table} rename to {self.relation}")
        except Exception:  # which may have come after the rename was done
            if not (is_moved and self._took_its_place(table)):
                self._put_back(self.aside)
                raise
        self._sweep(self.aside)

    def _took_its_place(self, table: str) -> bool:
        """Whether a rename was done though it ended in an error; another run had put the table back."""
        catalog = self.session.catalog
        is_there = [catalog.tableExists(name) for name in (table, self.aside, self.relation)]
        return is_there == [False, True, True]

    def clean(self) -> None:
        """Drop the run's own staging tables."""
        for table in (self.staging, self.decided, self.merged, self.todo, self.chosen):
            self._sweep(table)

    def _sweep(self, table: str) -> None:
        """Drop a table that nothing needs; where that fails, the next run drops it."""
        try:
            self._drop(table)
        except Exception as error:
            logger.warning(f"{self.call}: {table} could not be dropped, the next run does it ({error})")

    def _drop(self, table: str) -> None:
        self.session.sql(f"drop table if exists {table}")
