"""Reasons: made from a backend, proven to add up to the estimator's score, and stored; some in SQL too.

The background rows of a registration: drawn from the training rows, or given; checked either way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from scorehouse.errors import CompileError, ConfigurationError, SignatureError, did_you_mean, listed
from scorehouse.kernel import arrays
from scorehouse.kernel.rows import check_batch
from scorehouse.kernel.scorer import REJECT_REASON, Kernel
from scorehouse.kernel.training_batch import training_batch
from scorehouse.program.matrix.layers import StoredMatrix
from scorehouse.program.native.stored import StoredTrees
from scorehouse.program.prove import Trial
from scorehouse.program.reasons.kernel import asked_outputs, score_columns, why_none
from scorehouse.program.reasons.make import linear_reasons, tree_reasons
from scorehouse.program.reasons.prove_reasons import proof_of, prove, prove_trees
from scorehouse.program.reasons.stored_reasons import (
    FACT,
    MOST_ROWS,
    Background,
    StoredReasons,
    canonical_columns,
    canonical_rows,
)
from scorehouse.program.reasons.trees import LinearReasons, TreeReasons
from scorehouse.program.sql.compiled import CompiledSql
from scorehouse.program.sql.dialects import LIMITS
from scorehouse.program.sql.macros import ReasonMacros
from scorehouse.program.sql.reasons import compile_reasons, prove_reasons_sql
from scorehouse.program.sql.stages import check_size
from scorehouse.program.store import reasons_in, to_bytes
from scorehouse.registration.proven_backend import ProvenBackend, why_refused
from scorehouse.registration.training import training_frame
from scorehouse.registry.storage import sha256
from scorehouse.registry.version import PROOF_SHA256, Version

FEWEST_DRAWN = 10  # fewer rows, drawn by chance, are no picture of the training rows
SEED = 0
SHOWN = 5
EXPECTED = (
    f"a number of training rows to draw ({FEWEST_DRAWN} to {MOST_ROWS:,}, such as 100), or a frame of 1 to "
    f"{MOST_ROWS:,} rows with the features of the fit"
)


def is_background(value: Any) -> bool:
    """Whether a value may be a background at all: a whole number, or something with rows."""
    if isinstance(value, bool | str | bytes | Mapping | set):
        return False
    return isinstance(value, int | np.integer) or hasattr(value, "__len__") or hasattr(value, "num_rows")


def background_of(given: Any, kernel: Kernel, training: pa.RecordBatch) -> Background | None:
    """The rows that reasons compare with; None if none are asked for.

    `given` is a number of rows to draw from `training`, or a frame of features. Raises ConfigurationError for
    too few or too many rows and for rows that the estimator in `kernel` does not score, SignatureError for
    other columns.
    """
    if given is None:
        return None
    if isinstance(given, int | np.integer):
        return Background(_drawn(int(given), kernel, training), is_drawn=True)
    return Background(_given(given, kernel), is_drawn=False)


def _drawn(count: int, kernel: Kernel, training: pa.RecordBatch) -> pa.RecordBatch:
    """So many different training rows that the estimator scores; the same ones each time."""
    if not FEWEST_DRAWN <= count <= MOST_ROWS:
        raise _refused(kernel, f"background is {count:,} rows", "choose another number")
    order = np.random.default_rng(SEED).permutation(training.num_rows)
    found: list[pa.RecordBatch] = []
    for start in range(0, len(order), 2 * count):
        rows = training.take(arrays.of_numpy(order[start : start + 2 * count]))
        found.append(rows.filter(kernel(rows).column(REJECT_REASON).is_null()))
        if sum(each.num_rows for each in found) >= count:
            break
    drawn = pa.Table.from_batches(found).slice(0, count).combine_chunks()
    if drawn.num_rows < count:
        raise _refused(
            kernel,
            f"background is {count:,} rows, and {drawn.num_rows:,} of the training rows are scored",
            f"draw at most {drawn.num_rows:,}, or pass rows"
            if drawn.num_rows >= FEWEST_DRAWN
            else "pass rows of features, or leave background out",
        )
    return canonical_rows(kernel.signature, drawn.to_batches()[0])


def _given(given: Any, kernel: Kernel) -> pa.RecordBatch:
    count = given.num_rows if hasattr(given, "num_rows") else len(given)
    if not 1 <= count <= MOST_ROWS:
        raise _refused(kernel, f"background has {count:,} rows", "pass some of them, or a number to draw")
    names = kernel.signature.names
    frame = training_frame(given, None, names, kernel.call, "background")
    missing = [name for name in names if name not in frame.columns]
    if missing:
        known = [str(name) for name in frame.columns]
        raise SignatureError(
            kernel.call,
            f"background lacks the features {listed(missing)}{did_you_mean(missing[0], known)}",
            expected=f"rows with the columns {listed(names)}",
            action="pass rows with the features of the fit",
        )
    batch = training_batch(frame[names], kernel.call)
    reasons = kernel(batch).column(REJECT_REASON)
    rejected = np.flatnonzero(reasons.is_valid().to_numpy(zero_copy_only=False))
    if len(rejected):
        row = int(rejected[0])
        more = "" if len(rejected) <= SHOWN else " and others"
        raise _refused(
            kernel,
            f"{len(rejected):,} of {count:,} background rows are rejected: rows "
            f"{rejected[:SHOWN].tolist()}{more}; row {row}: {reasons[row].as_py()}",
            "leave these rows out, or fill their values",
            "rows that the estimator scores",
        )
    return canonical_rows(kernel.signature, batch)


def require_reasons(background: Background | None, version: Version, call: str) -> None:
    """Raise ConfigurationError for a version that was given a background, and has no reasons to use it."""
    if background is None or FACT in (version.program.get("reasons") or {}):
        return
    raise ConfigurationError(
        call,
        f"background is given, but there are no reasons that compare with it: {why_none(version)}",
        expected="trees or a linear model, behind steps that compute each column from one feature",
        action="leave background out, or replace the step and register again",
    )


def _refused(kernel: Kernel, problem: str, action: str, expected: str = EXPECTED) -> ConfigurationError:
    return ConfigurationError(kernel.call, problem, expected=expected, action=action)


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
    proof = proof_of(backend, kernel, tried, expected)
    fact = {"rows": rows, "rows_of": rows_of, "largest_difference": worst, "unit": backend.unit}
    fact[PROOF_SHA256] = sha256(proof)
    if background is not None:
        fact[FACT] = background.facts()
    return ProvenBackend(fact, backend, proof)


def _made(trial: Trial, scores: StoredTrees | StoredMatrix, background: Background | None) -> StoredReasons:
    """Reasons against the background, or else the training rows; of a linear model, those that are scored."""
    kernel, rows = trial.kernel, background.rows if background else None
    about = (kernel.version, kernel.signature, kernel.call, rows)
    if isinstance(scores, StoredTrees):
        return tree_reasons(scores, *about)
    if rows is not None:
        return linear_reasons(scores, canonical_columns(rows), *about)
    checked = check_batch(kernel.signature, trial.training, frozenset())
    return linear_reasons(scores, checked.accepted, *about)


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
        if like.dialect.transact:  # they are steps around a step
            refused[name] = f"{dialect} takes no `with` inside a statement; expected: another database"
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
