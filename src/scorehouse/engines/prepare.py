"""What a scoring run decides before it reads a row, the same on every engine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid5

import pyarrow as pa

from scorehouse.errors import ConfigurationError
from scorehouse.kernel.scorer import Kernel, Unopened
from scorehouse.program.choose import ProgramFiles
from scorehouse.program.reasons.asked import Asked, asked_outputs, score_columns
from scorehouse.project.log import logger
from scorehouse.registry import artifact
from scorehouse.registry.label_rule import check_label_rule
from scorehouse.registry.version import Version
from scorehouse.scoring.options import ScoreOptions
from scorehouse.scoring.parts import Part, scoring_bases
from scorehouse.scoring.request import Request
from scorehouse.scoring.runlog import RunRecord


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
    from scorehouse.program.reasons.kernel import ReasonedKernel
    from scorehouse.program.reasons.read import read_reasons

    reasoned: list[Kernel] = []
    for kernel in kernels:
        backend, data = read_reasons(kernel, files)
        reasoned.append(ReasonedKernel(kernel, backend, asked_rows(kernel, options), data))
    return reasoned


def asked_rows(kernel: Kernel, options: ScoreOptions) -> Asked:
    """The rows to explain; refused if the column that says so is no score."""
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
            expected=f"a column of scores among {scores}",
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
                f"{kernel.version.label} gives the columns {kernel.schema.names}, and "
                f"{kernels[0].version.label} gives {schema.names}",
                expected="versions with the same task and outputs in one scan",
                action="score them into separate tables",
            )
    policy = options.decision
    decides = [policy.score, *policy.per] if policy else []
    known = {*schema.names, *options.row_key, *options.passthrough}
    if unknown := sorted(set(decides) - known):
        raise ConfigurationError(
            call,
            f"decision names columns that the prediction table will not have: {unknown}",
            expected=f"columns among {sorted(known)}",
            action="name the score column of this task, and add the columns in `per` to passthrough",
        )
    return list(schema.names)
