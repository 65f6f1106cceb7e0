"""Reasons: made from a backend, proven to add up to the estimator's score, and stored; some in SQL too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from scorehouse.errors import CompileError
from scorehouse.kernel.rows import check_batch
from scorehouse.kernel.scorer import REJECT_REASON, Kernel
from scorehouse.program.hard_rows import PLAIN
from scorehouse.program.matrix.layers import StoredMatrix
from scorehouse.program.native.stored import StoredTrees
from scorehouse.program.proof import Trial
from scorehouse.program.reasons.background import FACT, Background, canonical_columns
from scorehouse.program.reasons.kernel import asked_outputs, score_columns
from scorehouse.program.reasons.linear import LinearReasons
from scorehouse.program.reasons.make import linear_reasons, tree_reasons
from scorehouse.program.reasons.prove_reasons import proof_of, prove, prove_trees
from scorehouse.program.reasons.stored_reasons import StoredReasons
from scorehouse.program.reasons.trees import TreeReasons
from scorehouse.program.sql.compiled import CompiledSql
from scorehouse.program.sql.dialects import LIMITS
from scorehouse.program.sql.macros import ReasonMacros
from scorehouse.program.sql.reasons import compile_reasons, prove_reasons_sql
from scorehouse.program.sql.stages import check_size
from scorehouse.program.store import reasons_in, to_bytes
from scorehouse.registration.proven_backend import ProvenBackend, why_refused
from scorehouse.registry.storage import sha256
from scorehouse.registry.version import PROOF_SHA256


def proven_reasons(
    trial: Trial, scores: StoredTrees | StoredMatrix, rows_of: str, background: Background | None
) -> ProvenBackend:
    """The reasons of a backend that was proven: made, read back as they are stored, and proven as well."""
    kernel, tried, expected = trial.kernel, trial.tried, trial.expected
    made = to_bytes(scores, reasons=_made(trial, scores, background))
    backend = reasons_in(made, kernel.version)
    rows, worst = prove(backend, kernel, tried, expected)
    if isinstance(backend, TreeReasons):
        worst = max(worst, prove_trees(backend, kernel, tried, expected))
    scored = tried.rows.filter(expected.column(REJECT_REASON).is_null())
    proof = proof_of(backend, kernel, scored)
    fact = {"rows": rows, "rows_of": rows_of, "largest_difference": worst, "unit": backend.unit}
    fact[PROOF_SHA256] = sha256(proof)
    if background is not None:
        fact[FACT] = background.facts()
    return ProvenBackend(fact, backend, proof)


def _made(trial: Trial, scores: StoredTrees | StoredMatrix, background: Background | None) -> StoredReasons:
    """Reasons against the background, or else the training rows; of a linear model, those that are scored."""
    kernel, tried, rows = trial.kernel, trial.tried, background.rows if background else None
    about = (kernel.version, kernel.signature, kernel.call, rows)
    if isinstance(scores, StoredTrees):
        return tree_reasons(scores, *about)
    if rows is not None:
        return linear_reasons(scores, scores.numbers(canonical_columns(rows)), *about)
    plain = tried.rows.filter(pa.array(tried.kinds == PLAIN)).combine_chunks().to_batches()[0]
    checked = check_batch(kernel.signature, plain, frozenset())
    return linear_reasons(scores, [np.asarray(column) for column in scores.numbers(checked.accepted)], *about)


def reasons_in_sql(
    kernel: Kernel,
    backend: LinearReasons,
    gate: CompiledSql,
    sql: Sequence[CompiledSql],
    rows: pa.Table,
) -> tuple[ReasonMacros | None, dict[str, str]]:
    """The macros of reasons for the databases of `sql`, and why others of them have none.

    `gate` is the compiled SQL that DuckDB runs; `rows` are rows that the estimator scores.
    """
    made: dict[tuple[bool, bool], CompiledSql] = {}
    found: list[CompiledSql] = []
    refused: dict[str, str] = {}

    def compiled(like: CompiledSql) -> CompiledSql:
        key = like.dialect.arithmetic
        if key not in made:
            made[key] = compile_reasons(backend, like, kernel.call)
        spelled = replace(made[key], dialect=like.dialect)
        check_size(spelled, LIMITS[like.dialect.name], kernel.call)
        return spelled

    try:
        prove_reasons_sql(compiled(gate), backend, rows)
    except Exception as error:  # such as one of the database
        return None, {"reasons in SQL": why_refused(error, "they")}
    for like in sql:
        name, dialect = f"reasons in SQL for {like.dialect.name}", like.dialect.name
        if like.stages:
            refused[name] = (
                f"its SQL is {len(like.stages) + 1} statements on {dialect}; expected: one statement"
            )
            continue
        try:
            found.append(compiled(like))
        except CompileError as error:
            refused[name] = why_refused(error, "they")
    facts = reason_facts(kernel, backend, gate.columns)
    return ReasonMacros(tuple(found), facts) if found else None, refused


def reason_facts(kernel: Kernel, backend: LinearReasons, columns: Sequence[str]) -> dict[str, Any]:
    """What turns contributions into reasons, as `ReasonMacros` has it; `columns` are those of the select."""
    version = kernel.version
    outputs = asked_outputs(version, None, kernel.call)
    names = list(version.outputs.items())
    scores = score_columns(version, outputs)
    return {
        "columns": list(columns),
        "unit": backend.unit,
        "scores": [field.name for field in kernel.schema if pa.types.is_floating(field.type)],
        "outputs": [
            {"name": names[place][1], "column": names[place][0], "ending": ending, "score": score}
            for (place, ending), score in zip(outputs, scores, strict=True)
        ],
        "per_class": backend.is_per_class and not outputs,
    }
