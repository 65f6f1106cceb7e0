"""One scoring run, the same on every engine: decide what scores which rows by which backend, then write."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from scorehouse.engines.base import Engine, Scan
from scorehouse.engines.column_change import ColumnChange
from scorehouse.engines.output import Output, added_columns, wide_suffixes
from scorehouse.engines.prepare import kernel_of, output_names, records_of, with_reasons, write_mode
from scorehouse.kernel.scorer import Kernel
from scorehouse.load_lock import collector_paused
from scorehouse.program.choose import Backend, ProgramFiles, choose_backend, in_batches
from scorehouse.project.log import logger
from scorehouse.scoring.options import ScoreOptions
from scorehouse.scoring.parts import resolve_parts
from scorehouse.scoring.runlog import RunRecord


@dataclass(frozen=True)
class Run:
    """A prepared run: its versions are verified and loaded, its rows are chosen, and none is scored yet."""

    engine: Engine[Any]
    scan: Scan[Any]

    @classmethod
    def settled(cls, engine: Engine[Any], features: Any, model: Any, arguments: Mapping[str, Any]) -> Run:
        """Resolve, verify, load, check, plan and choose the backends, in this order."""
        record = RunRecord(engine.request, engine=engine.name)
        with _failures_logged(engine, record):
            engine.log_start(record)
            with collector_paused():
                return cls(engine, _settle(engine, record, features, model, arguments))

    def write(self, storage: Mapping[str, Any]) -> None:
        """Score into the prediction table, and log the run."""
        with _failures_logged(self.engine, self.scan.record):
            self.engine.write(self.scan, storage)
        for record in self.scan.records:
            logger.info(record.summary())

    def stream(self) -> Any:
        """The finished rows, for dbt's own materializations; the run is logged when they end."""
        with _failures_logged(self.engine, self.scan.record):
            return self.engine.stream(self.scan)


@contextmanager
def _failures_logged(engine: Engine[Any], record: RunRecord) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        raise engine.log_failure(record, error) from error


def _settle(
    engine: Engine[Any], record: RunRecord, features: Any, model: Any, arguments: Mapping[str, Any]
) -> Scan[Any]:
    request, call = engine.request, engine.call
    options = ScoreOptions.checked(call, **arguments).of_request(partial=request.is_partial)
    record.options = options
    engine.refuse(options)
    record.write_mode = write_mode(request, options, call, exists=engine.table_exists())
    parts = resolve_parts(engine.versions(model), options, call)
    for asked in parts:
        request.check_loaded(asked.version, call)
    records = records_of(record, parts, options)
    files = ProgramFiles(request.project_root, request.load_policy)
    plain = [kernel_of(part.version, files, options.strict, call) for part in parts]
    kernels = with_reasons(plain, files, options)
    source = engine.open(features, options)
    outputs = output_names(kernels, options, call)
    added = added_columns(options, outputs, records)
    source.check([kernel.signature for kernel in kernels], [*outputs, *added])
    for part, each in enumerate(records):
        each.feature_hash_kind, each.input_types = source.hash_kind(part), source.input_types(part)
        each.feature_query = source.query
        each.feature_snapshot, each.feature_snapshot_at = source.snapshot, source.snapshot_at
    output = Output(source.columns, source.types, outputs, options, records, engine.spelling)
    change = ColumnChange()
    if record.write_mode == "merge" and request.staging:  # dbt's own materializations do this themselves
        change = engine.check_table(source, output, kernels)
    plan = engine.planner(source, records)
    plan.run()
    backends = _backends(engine, source, kernels, records, files)
    suffixes = wide_suffixes(options, records)
    return Scan(source, output, plan, kernels, backends, change, records, suffixes)


def _backends(
    engine: Engine[Any], source: Any, kernels: list[Kernel], records: list[RunRecord], files: ProgramFiles
) -> list[Backend]:
    """The backend of each version: for the rows of this run, and proven on this machine."""
    asked = source.options.backend

    def chosen(served: tuple[str, ...]) -> list[Backend]:
        return [
            choose_backend(
                kernel.alone,
                asked,
                record.rows_in,
                files,
                served,
                engine.sql_rows,
                plans_long=engine.plans_long,
            )
            for kernel, record in zip(kernels, records, strict=True)
        ]

    served = engine.backends
    if source.options.reasons and asked != "sql":  # reasons are added to batches, which SQL does not make
        served = tuple(name for name in served if name != "sql")
    backends = chosen(served)
    if source.options.reasons or not all(backend.compiled for backend in backends):
        if "sql" in engine.batch_backends:
            backends = [in_batches(backend) for backend in backends]
        elif any(backend.compiled for backend in backends):
            backends = chosen(engine.batch_backends)
    for backend, record in zip(backends, records, strict=True):
        record.backend, record.backend_reason = backend.name, backend.reason
        if backend.name == "estimator":
            backend.kernel.open()  # before the first row, so that what is wrong stops nothing half-way
    pairs = zip(backends, kernels, strict=True)
    return [replace(backend, kernel=kernel.around(backend.kernel)) for backend, kernel in pairs]
