"""Reasons in SQL: the contributions of a linear model, compiled and compared with its stored reasons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa

from scorehouse.errors import CompileError
from scorehouse.kernel.scorer import Kernel
from scorehouse.program.reasons.asked import asked_outputs, score_columns
from scorehouse.program.reasons.linear import LinearReasons
from scorehouse.program.sql.compiled import CompiledSql
from scorehouse.program.sql.dialects import LIMITS
from scorehouse.program.sql.macros import ReasonMacros
from scorehouse.program.sql.reasons import compile_reasons, prove_reasons_sql
from scorehouse.program.sql.sizes import check_size
from scorehouse.registration.proven_backend import why_refused


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
        try:
            if like.stages:
                raise _in_stages(like)
            found.append(compiled(like))
        except CompileError as error:
            refused[f"reasons in SQL for {like.dialect.name}"] = why_refused(error, "they")
    return (
        ReasonMacros(tuple(found), reason_facts(kernel, backend, gate.columns)) if found else None
    ), refused


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


def _in_stages(like: CompiledSql) -> CompileError:
    return CompileError(
        like.version.label,
        f"its SQL is {len(like.stages) + 1} statements on {like.dialect.name}",
        expected="one statement",
        action="score it with reasons on an engine with Python",
    )
