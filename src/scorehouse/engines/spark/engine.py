"""The engine `spark`: the executors score, and the rows never pass through the dbt machine.

They compute SQL, or run kernels in Python workers. What those score with is verified here, sent once per
executor, and verified there again before it is loaded. The run log is a table of files, only appended to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from scorehouse.dialect import SPARK
from scorehouse.engines.base import ColumnChange, Engine, Scan
from scorehouse.engines.output import Output
from scorehouse.engines.shared_setting import spark_setting
from scorehouse.engines.source import not_a_registry
from scorehouse.engines.spark.contract import check_contract
from scorehouse.engines.spark.decided import LIMIT_SETTING, decided, decided_again, decides_later, task_limit
from scorehouse.engines.spark.errors import translated
from scorehouse.engines.spark.merge import Change, merge
from scorehouse.engines.spark.plan import SparkPlanner
from scorehouse.engines.spark.scan import SparkScan, session_rows
from scorehouse.engines.spark.source import SparkSource, literal, quote
from scorehouse.engines.spark.statistics import check_written_keys, read_statistics
from scorehouse.engines.spark.storage import Storage
from scorehouse.engines.spark.tables import SparkTables
from scorehouse.errors import ConservationError
from scorehouse.kernel import arrays
from scorehouse.kernel.scorer import Kernel
from scorehouse.program.sql.compiled import CompiledSql
from scorehouse.project.run_log_place import FAILED, STARTED, SUCCESS
from scorehouse.registry import registry_file
from scorehouse.registry.version import Version
from scorehouse.scoring.arguments import refuse
from scorehouse.scoring.options import ScoreOptions
from scorehouse.scoring.request import Request, RunRecord

BATCH_SETTING = "spark.sql.execution.arrow.maxRecordsPerBatch"
# HotSpot never compiles methods above 8,000 bytes. The SQL of a linear model can make longer ones, which take
# 3 times as long as the short methods that Spark makes instead.
METHOD_SETTING, METHOD_BYTES = "spark.sql.codegen.hugeMethodLimit", "8000"


class SparkEngine(Engine[SparkSource]):
    """One scoring run on a Spark session, classic or Spark Connect."""

    name = "spark"
    backends = ("sql", "native", "matrix")
    batch_backends = ("native", "matrix")
    spelling = SPARK
    plans_long = False

    def log_start(self, record: RunRecord) -> None:
        insert_runs(self.session, self.request.run_log, [record.to_row(STARTED, is_ended=False)])

    def refuse(self, options: ScoreOptions) -> None:
        refused = "the engine spark does not support"
        rules = [
            (
                not self.request.staging,
                f"{refused} other materializations",
                'materialized="predictions"',
                'set materialized="predictions"',
            ),
            (
                options.rescore.max_seconds is not None,
                f"{refused} max_seconds, because a Spark job cannot stop between slices",
                "a budget of rows",
                "set max_rows",
            ),
            (
                options.rescore.slice_rows is not None,
                f"{refused} slice_rows, since Spark repeats lost tasks by itself",
                "a run in one piece",
                "leave out slice_rows",
            ),
            (
                options.rescore.rule == "feed",
                f"{refused} the rule 'feed', which reads the change feed of a DuckLake",
                "rescore='changed', or the rule 'updated_at'",
                "correct the argument rescore",
            ),
        ]
        refuse(self.call, rules)

    def table_exists(self) -> bool:
        tables = self._tables()
        tables.recover(lambda: runs_alive(self.session, self.request))
        return tables.exists()

    def versions(self, model: Any) -> list[Version]:
        frame = self.session.table(model) if isinstance(model, str) else model
        if not hasattr(frame, "mapInArrow"):
            raise not_a_registry(model, self.call)
        found = list(self.request.registries)
        if len(found) > 1:
            found = [each for each in found if frame.sameSemantics(self.session.table(each.relation))]
        registry = registry_file.only(found, "a DataFrame", self.call)
        # dbt-spark's session loads a NULL in a seed as the string `None`, which no registry column contains
        rows = (
            {name: None if value == "None" else value for name, value in row.asDict().items()}
            for row in frame.collect()
        )
        return registry.compared(rows, self.call, may_be_empty=self.request.is_empty)

    def open(self, features: Any, options: ScoreOptions) -> SparkSource:
        return SparkSource(self.session, features, options, self.request, self.call)

    def sql_rows(self, compiled: CompiledSql, rows: pa.Table) -> pa.Table:
        return session_rows(self.session, compiled, rows)

    def check_table(self, source: SparkSource, output: Output, kernels: Sequence[Kernel]) -> ColumnChange:
        kept = {**source.columns.key, **source.columns.passthrough}
        types = {name: source.table_types[column] for name, column in kept.items()}
        setting = self.request.on_schema_change
        return self._tables().check_columns(list(output.values()), types, setting)

    def planner(self, source: SparkSource, records: list[RunRecord]) -> SparkPlanner:
        return SparkPlanner(source, records, self._tables())

    def write(self, scan: Scan[SparkSource], storage: Mapping[str, Any]) -> None:
        """Score into the staging table, check it, put it in place, and then log the run."""
        run_ids = [record.row_run_id for record in scan.records]
        tables = self._tables(Storage.checked(self.call, storage), run_ids)
        batch_rows = scan.options.batch_rows
        if scan.record.write_mode == "merge":
            tables.check_partitions()
            tables.staged = Storage()
        try:
            with (
                spark_setting(self.session, BATCH_SETTING, str(batch_rows) if batch_rows else None),
                spark_setting(self.session, METHOD_SETTING, METHOD_BYTES),
                spark_setting(self.session, LIMIT_SETTING, task_limit(scan.options.decision)),
            ):
                rows = SparkScan(scan).rows()
                check_contract(rows, tables.storage.contract, self.request.relation, self.call)
                tables.write(rows, tables.staging)
                self._check_staging(scan, tables.staging)
                self._put_in_place(scan, tables)
        finally:
            tables.clean()
        log_success(self.session, self.request.run_log, [record.to_row() for record in scan.records])

    def log_failure(self, record: RunRecord, error: Exception) -> Exception:
        told = translated(error, self.call)
        try:
            insert_runs(self.session, self.request.run_log, [record.to_row(FAILED, error=told)])
        except Exception as second:  # the run log must not hide the error
            told.add_note(f"(the run log could not be written either: {second})")
        return told

    def _tables(self, storage: Storage | None = None, run_ids: Sequence[str] = ()) -> SparkTables:
        run_ids = run_ids or [self.request.run_id]
        return SparkTables(self.session, self.request.relation, run_ids, storage or Storage(), self.call)

    def _check_staging(self, scan: Scan[SparkSource], staging: str) -> None:
        scan.record.note_memory()
        counts = read_statistics(self.session, staging, scan)
        for record in scan.records:
            record.peak_memory_mib = scan.record.peak_memory_mib
            written = record.rows_scored + record.rows_rejected
            if written != record.rows_in:
                raise ConservationError(
                    self.call,
                    f"{record.rows_in} rows went in and {written} were written",
                    expected="every row exactly once",
                    action="check whether the feature table changed during the run, or differs on each read",
                )
        check_written_keys(self.session, staging, scan, counts)
        scan.check_conserved()

    def _put_in_place(self, scan: Scan[SparkSource], tables: SparkTables) -> None:
        options, rows, is_merge = scan.options, tables.staging, scan.record.write_mode == "merge"
        # versions that share a row have the same number of them
        written = sum(record.rows_in for record in scan.records[: 1 if options.is_wide else None])
        is_again = is_merge and bool(options.decision or scan.plan.unplaced) and options.as_of is None
        if decides_later(options.decision) and not is_again:
            rows = tables.decided
            tables.write(decided(scan, self.session.table(tables.staging)), rows)
            tables.check_lost(rows, written)
        if not is_merge:
            tables.replace(rows)
            return
        tables.seen = tables.made_by()
        tables.add_columns(self.request.on_schema_change)
        gone = scan.plan.vanished()
        is_changed = gone is not None or written > 0
        if is_again:
            rows = tables.decided
            tables.write(decided_again(scan, tables, gone), rows)
            gone = None if scan.plan.unplaced else gone
            is_changed = gone is not None or not self.session.table(rows).isEmpty()
        if is_changed:
            old, new = self.session.table(tables.relation), self.session.table(rows)
            change = Change.of(old, new, options.table_key, gone, options.rescore.vanished)
            merge(tables, change, written)


ENGINE = SparkEngine


def insert_runs(session: Any, run_log: str, rows: Sequence[dict[str, Any]]) -> None:
    """Write `rows` of one run. Every value is passed as text and cast to its column's type.

    They are passed as Arrow: a classic session would start a Python worker for tuples.
    A table of files is only appended to: the row that a run began with stays, and the view `scorehouse_runs`
    leaves it out once the run has another row.
    """
    texts = {
        name: arrays.array([None if row[name] is None else str(row[name]) for row in rows], pa.string())
        for name in rows[0]
    }
    values = (
        f"cast({quote(field.name) if field.name in rows[0] else 'null'} as {field.dataType.simpleString()}) "
        f"as {quote(field.name)}"
        for field in session.table(run_log).schema
    )
    frame = session.createDataFrame(pa.table(texts)).selectExpr(*values)
    frame.write.insertInto(run_log)


def log_success(session: Any, run_log: str, rows: Sequence[dict[str, Any]]) -> None:
    """Write the rows of a run whose table is in its place; once more those that an error has kept out."""
    try:
        insert_runs(session, run_log, rows)
    except Exception:  # which may have come after they were written
        session.catalog.refreshTable(run_log)
        ids = ", ".join(literal(str(row["run_id"])) for row in rows)
        kept = session.table(run_log).where(f"run_id in ({ids}) and status = {literal(SUCCESS)}")
        known = {row["run_id"] for row in kept.select("run_id").collect()}
        if missing := [row for row in rows if str(row["run_id"]) not in known]:
            insert_runs(session, run_log, missing)


def runs_alive(session: Any, request: Request) -> set[str]:
    """The runs of a prediction table that may still be at work: begun within the lease, and not ended.

    A run that was killed leaves no row that says so, and counts until the lease is over.
    """
    session.catalog.refreshTable(request.run_log)  # other sessions write it too
    begun = datetime.now(UTC).replace(tzinfo=None) - timedelta(hours=request.lease_hours)
    rows = session.table(request.run_log).where(
        f"prediction_table = {literal(request.relation)} "
        f"and started_at > cast({literal(begun.isoformat(sep=' '))} as timestamp)"
    )
    found = rows.select("parent_run_id", "status").distinct().collect()
    ended = {row["parent_run_id"] for row in found if row["status"] != STARTED}
    return {row["parent_run_id"] for row in found} - ended
