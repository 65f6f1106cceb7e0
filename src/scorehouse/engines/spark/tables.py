"""Tables of a scoring run on Spark, which has no transaction over two of them.

Everything is written to staging tables first. The prediction table then changes in one step if its format
supports that (Delta, Iceberg). A Parquet table is moved aside and the new table takes its name; a run that
finds only the table that was moved aside puts it back. Staging tables are dropped once their run has ended,
or is older than the lease, so that a backfill can run beside a nightly run.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from scorehouse.engines.base import APPEND, SYNC, ColumnChange
from scorehouse.engines.spark.source import column_list, literal, quote, type_text
from scorehouse.engines.spark.storage import Storage
from scorehouse.errors import ConfigurationError, ConservationError, listed
from scorehouse.project.log import logger

STAGING = "__scorehouse_new_"
ASIDE = "__scorehouse_old_"
ATOMIC_FORMATS = ("delta", "iceberg")
ADAPTIVE_SETTING = "spark.sql.adaptive.enabled"
MADE_BY = "scorehouse_run"  # the table property that says which run made a table


def short_id(run_id: str) -> str:
    """What of a run's id is in the names of its tables."""
    return re.sub("[^0-9a-z]", "", run_id)[:8]


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
        self.storage = self.staged = storage  # of the prediction table, and of those that may become it
        self.call = call
        self.own = short_id(run_ids[0])
        self.staging = f"{relation}{STAGING}{self.own}"
        self.merged, self.todo, self.placed, self.chosen, self.decided = (
            f"{self.staging}_{name}" for name in ("merged", "todo", "placed", "chosen", "decided")
        )
        self.aside = f"{relation}{ASIDE}{self.own}"  # of one run, so that no other run drops it
        self.seen = ""  # the run that made the table that this run merges into

    def recover(self, alive: Callable[[], Collection[str]] = frozenset) -> None:
        """Restore the table that a killed run moved aside, and drop the staging tables of runs that ended.

        `alive` returns the ids of the runs that may still be at work; it is called if there are staging
        tables. Raises ConservationError where runs at once have moved several tables aside: which one counts
        is not known.
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
            self.drop(aside)
        if left := self._left(STAGING):
            kept = {short_id(run_id) for run_id in alive()} - {self.own}
            for staging in left:
                if staging.rpartition(STAGING)[2][:8] not in kept:
                    self.drop(staging)

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
        """Append a DataFrame to a table in this storage, by default that of staging tables.

        The table is made first: if Spark made it after a job that fails, the job's folder would belong to no
        table, and nothing would ever drop it.
        """
        storage = storage or self.staged
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

    def check_partitions(self) -> None:
        """Refuse to overwrite partitions that are not those of the table: other rows would go with them."""
        if self.storage.file_format in ATOMIC_FORMATS or self.storage.strategy != "insert_overwrite":
            return
        wanted = list(self.storage.partition_by)
        # unlike catalog.listColumns, this takes no job; partition columns come again, after a heading
        names = [row["col_name"] for row in self.session.sql(f"describe table {self.relation}").collect()]
        heading = "# col_name"
        found = names[names.index(heading) + 1 :] if heading in names else []
        if {name.lower() for name in found} != {name.lower() for name in wanted}:
            raise ConfigurationError(
                self.call,
                f"{self.relation} is partitioned by {listed(found)}, and partition_by is {listed(wanted)}",
                expected="the partitions of the table, of which insert_overwrite replaces some",
                action="rebuild the table once with --full-refresh",
            )

    def add_columns(self, setting: str) -> None:
        """Give the prediction table the columns that only the staging table has, if the setting says so."""
        if setting not in (APPEND, SYNC):
            return
        there = {name.lower() for name in self.session.table(self.relation).columns}
        for column in self.session.table(self.staging).schema:
            if column.name.lower() not in there:
                kind = column.dataType.simpleString()
                self.session.sql(f"alter table {self.relation} add columns ({quote(column.name)} {kind})")

    def made_by(self, table: str = "") -> str:
        """What tells the present table, or one moved aside, from those that other runs put in its place."""
        if self.storage.file_format in ATOMIC_FORMATS:
            return ""  # it is never replaced by a merge
        # all of them: asked for one that is not there, Spark answers with a sentence that names the table
        rows = self.session.sql(f"show tblproperties {table or self.relation}").collect()
        return next((str(row["value"]) for row in rows if row["key"] == MADE_BY), "")

    def check_lost(self, table: str, written: int, condition: str = "") -> None:
        """Check that all rows of this run, `written` of them, are in `table`, once each.

        The rows are among those for which `condition` is true, so that only their partitions are read.
        """
        runs = ", ".join(literal(run_id) for run_id in self.run_ids)
        rows = self.session.table(table).where(f"scoring_run_id in ({runs})")
        found = (rows.where(condition) if condition else rows).count()
        if found != written:
            problem = f"{written} rows were scored, and {found} of them are in {table}"
            raise self.lost(problem, "every row exactly once")

    def lost(self, problem: str, expected: str) -> ConservationError:
        action = "rebuild the table with --full-refresh, and report this as a bug in scorehouse"
        return ConservationError(self.call, problem, expected=expected, action=action)

    def replace(self, table: str, seen: str | None = None) -> None:
        """A table of the run becomes the prediction table; a merge replaces only the one it has `seen`.

        Raises ConservationError if another run has replaced that one.
        """
        file_format, parts = self.storage.file_format, self.storage.partition_by
        if file_format in ATOMIC_FORMATS:
            partitioned = f" partitioned by ({column_list(parts)})" if parts else ""
            self.session.sql(
                f"create or replace table {self.relation} using {file_format}{partitioned} "
                f"as select * from {table}"
            )
            return
        self.session.sql(f"alter table {table} set tblproperties ('{MADE_BY}' = {literal(self.own)})")
        is_table = self.exists()
        if not is_table:
            if seen is not None:
                raise self._was_replaced()
            self.session.sql(f"drop view if exists {self.relation}")
        is_moved = False
        try:
            if is_table:
                self.session.sql(f"alter table {self.relation} rename to {self.aside}")
                is_moved = True
                # not before: another run could replace it in between, and no other run moves what is aside
                if seen is not None and self.made_by(self.aside) != seen:
                    raise self._was_replaced()
            self.session.sql(f"alter table {table} rename to {self.relation}")
        except Exception:  # which may have come after the rename was done
            if not (is_moved and self._took_its_place(table)):
                self._put_back(self.aside)
                raise
        self._sweep(self.aside)

    def _was_replaced(self) -> ConservationError:
        return ConservationError(
            self.call,
            f"another run has replaced {self.relation} while this one merged its rows into it",
            expected="one run of a table at a time; the table has the rows of the other run",
            action="run again",
        )

    def _took_its_place(self, table: str) -> bool:
        """Whether a rename was done though it ended in an error, whatever is aside by now."""
        is_there = [self.session.catalog.tableExists(name) for name in (table, self.relation)]
        return is_there == [False, True] and self.made_by() == self.own

    def clean(self) -> None:
        """Drop the run's own staging tables."""
        for table in (self.staging, self.decided, self.merged, self.todo, self.placed, self.chosen):
            self._sweep(table)

    def _sweep(self, table: str) -> None:
        """Drop a table that nothing needs; where that fails, the next run drops it."""
        try:
            self.drop(table)
        except Exception as error:
            logger.warning(f"{self.call}: {table} could not be dropped, the next run does it ({error})")

    def drop(self, table: str) -> None:
        self.session.sql(f"drop table if exists {table}")
