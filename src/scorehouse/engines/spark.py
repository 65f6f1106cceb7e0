"""The engine `spark`: the kernel runs in the executors, and the rows never pass through the dbt machine.

The artifact is verified here, travels once an executor, and is verified there again before it is loaded.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa

from scorehouse import artifact
from scorehouse.engines.conservation import check_conserved
from scorehouse.engines.first_batch import FIRST_ROWS, checked_native
from scorehouse.engines.output import added_columns
from scorehouse.engines.progress import logger
from scorehouse.engines.spark_errors import translated
from scorehouse.engines.spark_plan import SparkPlanner
from scorehouse.engines.spark_runs import insert_run, read_statistics
from scorehouse.engines.spark_source import (
    FEATURE_HASH,
    KEPT,
    SparkSource,
    literal,
    names,
    quote,
    registry_versions,
)
from scorehouse.engines.spark_tables import SparkTables, Storage
from scorehouse.engines.spark_worker import WorkerTask, batch_function
from scorehouse.errors import ConfigurationError, ConservationError
from scorehouse.forms import Form, choose_form
from scorehouse.options import ScoreOptions
from scorehouse.parts import resolve_parts
from scorehouse.request import Request
from scorehouse.runlog import RunRecord
from scorehouse.scorer import REJECT_REASON, Kernel

# A closure is sent with every task; from this size on the artifact goes as a file, once an executor.
CLOSURE_BYTES = 1 << 20
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
        (part,) = resolve_parts(registry_versions(self.session, model, self.call), options, self.call)
        record.part, record.scoring_basis = part, part.basis(options)
        self.version = part.version
        loaded = artifact.load(request.project_root, self.version, request.load_policy, self.call)
        estimator, self.signature, warnings = loaded
        for warning in warnings:
            logger.warning(f"{self.call}: {warning}")
        self.kernel = Kernel(estimator, self.version, self.signature, strict=options.strict, call=self.call)
        tables = SparkTables(self.session, request.relation, request.run_id, Storage(), self.call)
        tables.recover()
        if options.rescore.rule != "all" and tables.exists() and not request.full_refresh:
            record.write_mode = "merge"
        self.source = SparkSource(self.session, features, options, self.call)
        outputs = self.kernel.schema.names
        rows = self.source.check(self.signature, [*outputs, *added_columns(options, outputs, [record])])
        record.feature_hash_kind = self.source.hash_kind()
        self.plan = SparkPlanner(self.source, record, tables.todo)
        self.plan.run(rows)
        self.form = self._choose_form()
        self.batch_rows = arguments.get("batch_rows")

    def _choose_form(self) -> Form:
        """The estimator, or native code that equals it on the first rows of this run."""
        record = self.record
        form = choose_form(self.kernel, self.options.engine, record.rows_in, served=("native",))
        if form.name == "native":
            first = self.source.select().select(*map(quote, self.signature.names)).limit(FIRST_ROWS)
            for batch in first.toArrow().combine_chunks().to_batches():
                form = checked_native(form, self.kernel, batch)
        record.form, record.form_reason = form.name, form.reason
        return form

    def write(self, storage: Storage) -> None:
        """Score into the staging table, check it, put it in place, and then log the run."""
        request, record = self.record.request, self.record
        tables = SparkTables(self.session, request.relation, request.run_id, storage, self.call)
        limit = self.session.conf.get(BATCH_SETTING)
        try:
            if self.batch_rows:
                self.session.conf.set(BATCH_SETTING, str(self.batch_rows))
            tables.write(self.rows(), tables.staging)
            self._check_staging(tables.staging)
            self._put_in_place(tables)
        finally:
            self.session.conf.set(BATCH_SETTING, limit)
            tables.clean()
        insert_run(self.session, record)
        logger.info(record.summary())

    def _put_in_place(self, tables: SparkTables) -> None:
        if self.record.write_mode != "merge":
            tables.replace()
            return
        gone = self.plan.vanished()
        if self.record.rows_in or gone is not None:
            tables.merge(self.options.row_key, gone, self.options.rescore.vanished)

    def failed(self, error: Exception) -> Exception:
        """Log the failed run; returns the error to raise."""
        told = translated(error, self.call)
        try:
            insert_run(self.session, self.record, told)
        except Exception as second:  # the run log must not hide what went wrong
            told.add_note(f"(the run log could not be written either: {second})")
        return told

    def rows(self) -> Any:
        """The finished rows as a DataFrame."""
        selected = self.source.select()
        kept = tuple(name for name in selected.columns if name.startswith(KEPT))
        sql = [(name, selected.schema[name].dataType) for name in kept]
        sql += [(field.name, _spark_type(field.type)) for field in self.kernel.schema]
        task = WorkerTask(
            version=self.version,
            signature=self.signature,
            policy=self.record.request.load_policy,
            strict=self.options.strict,
            call=self.call,
            kept=kept,
            schema=self._arrow_schema(selected, kept),
            native=self.form.name == "native",
            **self._artifact(),
        )
        scored = selected.mapInArrow(batch_function(task), _struct(sql))
        return scored.selectExpr(*self._final_columns())

    def _artifact(self) -> dict[str, Any]:
        """The artifact's bytes for the closure; or sent as a file, where they are many."""
        request = self.record.request
        data = artifact.read_version(request.project_root, self.version, request.load_policy, self.call)
        name = f"scorehouse-{self.version.sha256}"
        if len(data) < CLOSURE_BYTES:
            return {"data": data, "file": name}
        path = _sent_files() / name
        path.write_bytes(data)
        self.session.addArtifacts(str(path), file=True)
        return {"data": None, "file": name}

    def _arrow_schema(self, selected: Any, kept: tuple[str, ...]) -> pa.Schema:
        columns = selected.select(*(quote(name) for name in kept)).limit(0).toArrow().schema
        return pa.schema([*columns, *self.kernel.schema])

    def _final_columns(self) -> list[str]:
        source, version, record = self.source, self.version, self.record
        shown = [*source.key, *source.passthrough]
        columns = [f"{quote(KEPT + name)} as {quote(name)}" for name in shown]
        columns += [quote(name) for name in self.kernel.schema.names if name != REJECT_REASON]
        if version.task == "ranking":
            columns.append(self._rank())
        return [
            *columns,
            f"case when {REJECT_REASON} is null then 'scored' else 'rejected' end as row_status",
            REJECT_REASON,
            f"{literal(version.name)} as model_name",
            f"cast({version.version} as int) as model_version",
            f"{literal(version.sha256)} as model_digest",
            f"{literal(record.request.run_id)} as scoring_run_id",
            f"cast({literal(record.started_at.isoformat(sep=' ')[:26])} as timestamp_ntz) as scored_at",
            f"{quote(KEPT + FEATURE_HASH)} as {FEATURE_HASH}",
            *(["false as is_vanished"] if self.options.rescore.vanished == "flag" else []),
        ]

    def _rank(self) -> str:
        """Rank within the group, best score first, ties broken by the key; NULL for rejected rows."""
        group = names([KEPT + name for name in self.source.group])
        order = names([KEPT + name for name in self.source.key])
        return (
            f"case when {REJECT_REASON} is null then row_number() over (partition by {group}, "
            f"{REJECT_REASON} is null order by score desc, {order}) end as rank"
        )

    def _check_staging(self, staging: str) -> None:
        record = self.record
        record.note_memory()
        read_statistics(self.session, staging, list(self.source.key), record)
        written = record.rows_scored + record.rows_rejected
        if written != record.rows_in:
            raise ConservationError(
                self.call,
                f"{record.rows_in} rows went in and {written} were written",
                expected="every row exactly once",
                action="see whether the feature table changed meanwhile, or is not the same at each reading",
            )
        check_conserved(record, self.options.max_rejected_share, self.call)


def _refuse_what_is_not_done_here(request: Request, options: ScoreOptions, call: str) -> None:
    rescore = options.rescore
    for is_asked, what, action in (
        (not request.staging, "another materialization", 'set materialized="predictions"'),
        (options.several, "several versions in one model", "make one model for each version"),
        (options.as_of is not None, "as_of", "keep a history on DuckDB, or by dbt snapshots"),
        (options.decision is not None, "decision", "decide in a SQL model on the prediction table"),
        (rescore.has_budget, "budget", "leave out max_rows and max_seconds"),
    ):
        if is_asked:
            raise ConfigurationError(
                call, f"the engine spark has no {what}", expected="what it has", action=action
            )


@cache
def _sent_files() -> Path:
    """A folder that lives as long as this process: a classic session sends files from it to new executors."""
    folder = Path(tempfile.mkdtemp(prefix="scorehouse-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _spark_type(arrow_type: pa.DataType) -> Any:
    from pyspark.sql import types

    known = {
        pa.string(): types.StringType(),
        pa.float64(): types.DoubleType(),
        pa.int64(): types.LongType(),
        pa.bool_(): types.BooleanType(),
    }
    return known[arrow_type]


def _struct(fields: list[tuple[str, Any]]) -> Any:
    from pyspark.sql.types import StructField, StructType

    return StructType([StructField(name, kind) for name, kind in fields])
