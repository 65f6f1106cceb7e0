"""The engine `spark`: the kernels run in the executors, and the rows never pass through the dbt machine.

Artifacts are verified here, travel once an executor, and are verified there again before they are loaded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from scorehouse.dialect import SPARK
from scorehouse.engines.conservation import check_conserved
from scorehouse.engines.duckdb.first_batch import FIRST_ROWS, checked_native
from scorehouse.engines.output import Output, added_columns
from scorehouse.engines.prepare import load_kernels, output_names, records_of, write_mode
from scorehouse.engines.shared_setting import spark_setting
from scorehouse.engines.spark.decision import decided_again
from scorehouse.engines.spark.errors import translated
from scorehouse.engines.spark.plan import SparkPlanner
from scorehouse.engines.spark.run_rows import insert_runs, read_statistics
from scorehouse.engines.spark.scan import SparkScan
from scorehouse.engines.spark.source import SparkSource, quote, registry_versions
from scorehouse.engines.spark.tables import SparkTables, Storage
from scorehouse.errors import ConfigurationError, ConservationError
from scorehouse.forms.choose import Form, choose_form
from scorehouse.kernel.scorer import Kernel
from scorehouse.log import logger
from scorehouse.scoring.options import ScoreOptions
from scorehouse.scoring.parts import resolve_parts
from scorehouse.scoring.request import Request
from scorehouse.scoring.runlog import FAILED, STARTED, RunRecord

BATCH_SETTING = "spark.sql.execution.arrow.maxRecordsPerBatch"


def is_session(session: Any) -> bool:
    """Whether dbt runs on Spark: a classic session or one of Spark Connect."""
    return type(session).__module__.startswith("pyspark.")


def start(
    session: Any, features: Any, model: Any, request: Request, arguments: dict[str, Any], call: str
) -> SparkRun:
    """Resolve, verify, load and check; nothing is scored before `write`."""
    run = SparkRun(session, RunRecord(request, engine="spark"), call)
    try:
        insert_runs(session, request.run_log, [run.record.to_row(STARTED, is_ended=False)])
        run.prepare(features, model, arguments)
    except Exception as error:
        raise run.failed(error) from error
    return run


def write(run: Any, storage: Mapping[str, Any]) -> None:
    """Carry out what a model under `materialized="predictions"` returned; called by compiled code."""
    if not isinstance(run, SparkRun):
        raise ConfigurationError(
            'materialized="predictions"',
            f"the model returned a {type(run).__name__}",
            expected="what score() returned",
            action='end the model with `return score(...)`, or use materialized="table"',
        )
    try:
        run.write(Storage.checked(run.call, storage))
    except Exception as error:
        raise run.failed(error) from error


class SparkRun:
    """One scoring run under the materialization `predictions`."""

    def __init__(self, session: Any, record: RunRecord, call: str) -> None:
        self.session = session
        self.record = record
        self.call = call

    def prepare(self, features: Any, model: Any, arguments: dict[str, Any]) -> None:
        request, record = self.record.request, self.record
        options = ScoreOptions.checked(self.call, **arguments).of_request(partial=request.is_partial)
        self.options = record.options = options
        _refuse_what_is_not_done_here(request, options, self.call)
        tables = SparkTables(self.session, request.relation, [request.run_id], Storage(), self.call)
        parts = resolve_parts(registry_versions(self.session, model, request, self.call), options, self.call)
        self.records = records_of(record, parts, options)
        kernels = load_kernels(parts, request, options, self.call)
        tables.recover()
        self.source = SparkSource(self.session, features, options, request, self.call)
        outputs = output_names(kernels, options, self.call)
        added = added_columns(options, outputs, self.records)
        rows = self.source.check([kernel.signature for kernel in kernels], [*outputs, *added])
        mode = write_mode(request, options, self.call, exists=tables.exists())
        function = self.source.hash_function()
        for part, own in enumerate(self.records):
            own.write_mode, own.feature_hash_kind = mode, f"{function}:{self.source.hash_types(part)}"
            own.input_types = self.source.input_types(part)
        if mode == "merge":
            made = Output(self.source.columns, {}, outputs, options, self.records, SPARK).values()
            tables.check_columns(list(made), self.source.kept_types, request.on_schema_change)
        self.plan = SparkPlanner(self.source, self.records, tables)
        self.plan.run(rows)
        self.scan = SparkScan(self.source, kernels, self._choose_forms(kernels), self.records)
        self.batch_rows = arguments.get("batch_rows")

    def _choose_forms(self, kernels: Sequence[Kernel]) -> list[Form]:
        """For each version the estimator, or native code that equals it on the first rows of this run."""
        forms = [
            choose_form(kernel, self.options.engine, record.rows_in, served=("native",))
            for kernel, record in zip(kernels, self.records, strict=True)
        ]
        if any(form.name == "native" for form in forms):
            columns = self.source.columns
            first = self.source.select().select(*map(quote, columns.used)).limit(FIRST_ROWS)
            for batch in first.toArrow().combine_chunks().to_batches():
                for number, (kernel, form) in enumerate(zip(kernels, forms, strict=True)):
                    if form.name == "native":
                        found = [batch.column(columns.features[number][n]) for n in kernel.signature.names]
                        own = pa.RecordBatch.from_arrays(found, names=kernel.signature.names)
                        forms[number] = checked_native(form, kernel, own)
        for form, record in zip(forms, self.records, strict=True):
            record.form, record.form_reason = form.name, form.reason
        return forms

    def write(self, storage: Storage) -> None:
        """Score into the staging table, check it, put it in place, and then log the run."""
        request = self.record.request
        run_ids = [record.row_run_id for record in self.records]
        tables = SparkTables(self.session, request.relation, run_ids, storage, self.call)
        try:
            with spark_setting(self.session, BATCH_SETTING, self.batch_rows and str(self.batch_rows)):
                tables.write(self.scan.rows(), tables.staging)
                self._check_staging(tables.staging)
                self._put_in_place(tables)
        finally:
            tables.clean()
        insert_runs(self.session, request.run_log, [record.to_row() for record in self.records])
        for record in self.records:
            logger.info(record.summary())

    def _put_in_place(self, tables: SparkTables) -> None:
        if self.record.write_mode != "merge":
            tables.replace()
            return
        tables.add_columns(self.record.request.on_schema_change)
        options, gone, rows = self.options, self.plan.vanished(), tables.staging
        is_changed = gone is not None or any(record.rows_in for record in self.records)
        if options.decision and options.as_of is None:
            old, staged = self.session.table(tables.relation), self.session.table(tables.staging)
            rows = tables.decided
            tables.write(decided_again(options, old, staged, gone), rows)
            is_changed = is_changed or self.session.table(rows).limit(1).count() > 0
        if is_changed:
            tables.merge(rows, options.table_key, gone, options.rescore.vanished)

    def failed(self, error: Exception) -> Exception:
        """Log the failed run; returns the error to raise."""
        told = translated(error, self.call)
        try:
            insert_runs(self.session, self.record.request.run_log, [self.record.to_row(FAILED, error=told)])
        except Exception as second:  # the run log must not hide what went wrong
            told.add_note(f"(the run log could not be written either: {second})")
        return told

    def _check_staging(self, staging: str) -> None:
        self.record.note_memory()
        read_statistics(self.session, staging, self.scan, self.records)
        for record in self.records:
            record.peak_memory_mib = self.record.peak_memory_mib
            written = record.rows_scored + record.rows_rejected
            if written != record.rows_in:
                raise ConservationError(
                    self.call,
                    f"{record.rows_in} rows went in and {written} were written",
                    expected="every row exactly once",
                    action="see whether the feature table changed meanwhile, or differs at each reading",
                )
            check_conserved(record, self.options.max_rejected_share, self.call)


def _refuse_what_is_not_done_here(request: Request, options: ScoreOptions, call: str) -> None:
    for is_asked, what, action in (
        (not request.staging, "another materialization", 'set materialized="predictions"'),
        (
            options.rescore.max_seconds is not None,
            "max_seconds: a job of Spark has no place to stop between slices",
            "set max_rows",
        ),
    ):
        if is_asked:
            raise ConfigurationError(
                call, f"the engine spark has no {what}", expected="what it has", action=action
            )
