"""One scoring run, the same on every engine: decide what scores which rows by which backend, then write."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid5

import pyarrow as pa

from scorehouse.engines.base import ColumnChange, Engine, Scan
from scorehouse.engines.output import Output, added_columns, wide_suffixes
from scorehouse.errors import ConfigurationError, listed
from scorehouse.kernel.scorer import Kernel, Unopened
from scorehouse.load_lock import collector_paused
from scorehouse.program.choose import Backend, ProgramFiles, choose_backend, in_batches
from scorehouse.project.log import logger
from scorehouse.registry import artifact
from scorehouse.registry.label_rule import check_label_rule
from scorehouse.registry.version import Version
from scorehouse.scoring.options import ScoreOptions
from scorehouse.scoring.parts import Part, resolve_parts, scoring_bases
from scorehouse.scoring.request import Request, RunRecord

if TYPE_CHECKING:
    from scorehouse.program.reasons.kernel import Asked


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
        each.feature_query, each.rows_barred = source.query, source.rows_barred
        each.feature_snapshot, each.feature_snapshot_at = source.snapshot, source.snapshot_at
    output = Output(source.columns, source.types, outputs, options, records, engine.spelling)
    change = ColumnChange()
    if record.write_mode == "merge" and request.staging:  # dbt's own materializations do this themselves
        change = engine.check_table(source, output, kernels)
    plan = engine.planner(source, records)
    plan.run()
    backends = _backends(engine, source, kernels, records, files)
    return Scan(source, output, plan, kernels, backends, change, records, wide_suffixes(options, records))


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


def write_mode(request: Request, options: ScoreOptions, call: str, *, exists: bool) -> str:
    """Whether the run replaces the table or is merged into it; refused if it cannot be done.

    `exists` says whether there is a prediction table to merge into.
    """
    if not exists or options.rescore.rule == "all":
        return "replace"
    if request.full_refresh and options.as_of is None:
        return "replace"
    if request.full_refresh:
        logger.warning(f"{call}: a prediction history is not rebuilt: --full-refresh only adds to it")
    top_n = options.ranks_by_score
    if not request.staging and (options.rescore.vanished != "keep" or top_n):
        raise ConfigurationError(
            call,
            f"vanished is {options.rescore.vanished!r} and top_n of decision is {top_n}, with "
            f"materialized={request.materialization!r}",
            expected="vanished='keep' and no top_n, since dbt's own merge changes only the rows of this run",
            action='use materialized="predictions"',
        )
    return "merge"


def records_of(record: RunRecord, parts: Sequence[Part], options: ScoreOptions) -> list[RunRecord]:
    """A record for each version; `record` becomes the record of the live version."""
    records = [record, *(replace(record, reject_reasons=Counter(), found={}) for _ in parts[1:])]
    for part, own, basis in zip(parts, records, scoring_bases(parts, options), strict=True):
        own.part, own.scoring_basis = part, basis
        if not part.is_live:
            own.run_id = str(uuid5(UUID(record.request.run_id), part.label))
    return records


def kernel_of(
    version: Version,
    files: ProgramFiles,
    strict: frozenset[str],
    call: str,
    warn: Callable[[str], object] = logger.warning,
) -> Kernel:
    """The kernel of one version, which verifies and opens the estimator when it is first asked."""

    def opened() -> Any:
        estimator, warnings = artifact.load_estimator(files.root, version, files.policy, call)
        for warning in warnings:
            warn(f"{call}: {warning}")
        return estimator

    check_label_rule(version, call)
    signature = artifact.read_signature(files.root, version, files.policy, call)
    return Kernel(Unopened(opened), version, signature, strict=strict, call=call)


def with_reasons(kernels: Sequence[Kernel], files: ProgramFiles, options: ScoreOptions) -> list[Kernel]:
    """The kernels, which also give the reasons that were asked for."""
    if options.reasons is None:
        return list(kernels)
    from scorehouse.program.reasons.kernel import ReasonedKernel, read_reasons

    reasoned: list[Kernel] = []
    for kernel in kernels:
        backend, data = read_reasons(kernel, files)
        reasoned.append(ReasonedKernel(kernel, backend, asked_rows(kernel, options), data))
    return reasoned


def asked_rows(kernel: Kernel, options: ScoreOptions) -> Asked:
    """The rows to explain; refused if the column that says so is no score."""
    from scorehouse.program.reasons.kernel import Asked, asked_outputs, score_columns

    reasons, policy = options.reasons, options.decision
    assert reasons is not None
    scores = [field.name for field in kernel.schema if pa.types.is_floating(field.type)]
    outputs = asked_outputs(kernel.version, reasons.output, kernel.call)
    of_one = score_columns(kernel.version, outputs) if len(outputs) == 1 else scores
    column = reasons.column(policy, of_one)
    ranges = reasons.ranges(kernel.call, policy)
    if ranges is not None and column not in scores:
        raise ConfigurationError(
            kernel.call,
            f"where of reasons compares {column!r}, which {kernel.version.label} does not give as a number",
            expected=f"a column of scores among {listed(scores)}",
            action="name one of these as `score` in where",
        )
    return Asked(reasons.top, column, ranges, outputs)


def output_names(kernels: Sequence[Kernel], options: ScoreOptions, call: str) -> list[str]:
    """The kernels' columns; they must be the same for all versions and include the score that decides."""
    schema = kernels[0].schema
    for kernel in kernels[1:]:
        if kernel.schema != schema or kernel.version.task != kernels[0].version.task:
            raise ConfigurationError(
                call,
                f"{kernel.version.label} gives the columns {listed(kernel.schema.names)}, and "
                f"{kernels[0].version.label} gives {listed(schema.names)}",
                expected="versions with the same task and outputs in one scan",
                action="score them into separate tables",
            )
    policy = options.decision
    decides = [policy.score, *policy.per] if policy else []
    known = {*schema.names, *options.row_key, *options.passthrough}
    if unknown := sorted(set(decides) - known):
        raise ConfigurationError(
            call,
            f"decision names columns that the prediction table will not have: {listed(unknown)}",
            expected=f"columns among {listed(sorted(known))}",
            action="name the score column of this task, and add the columns in `per` to passthrough",
        )
    return list(schema.names)
