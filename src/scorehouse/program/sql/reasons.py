"""Contributions of linear models as SQL: what `LinearReasons` computes, in the steps of compiled SQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa

from scorehouse.errors import CompileError
from scorehouse.kernel import arrays
from scorehouse.program.reasons.law import TOLERANCE
from scorehouse.program.reasons.linear import LinearReasons
from scorehouse.program.reasons.proof_rows import explained
from scorehouse.program.sql.builder import Builder, Value
from scorehouse.program.sql.compiled import CompiledSql
from scorehouse.program.sql.dialects import DUCKDB, LIMITS
from scorehouse.program.sql.expression import (
    Arith,
    Column,
    Expr,
    Feature,
    multiply,
    number,
    rewritten,
)
from scorehouse.program.sql.in_duckdb import duckdb_rows
from scorehouse.program.sql.inputs import inputs_of
from scorehouse.program.sql.linear import weighted_sum
from scorehouse.program.sql.lookups import is_coded, with_lookups
from scorehouse.program.sql.registers import CONVERTERS
from scorehouse.program.sql.sizes import check_size
from scorehouse.program.sql.underflow import without_underflow

PART, BASE, TOTAL = "sh_part_{output}_{feature}", "sh_base_{output}", "sh_total_{output}"
MOST_ROWS = 4_096  # of a proof


def compile_reasons(backend: LinearReasons, like: CompiledSql, largest: float, call: str) -> CompiledSql:
    """The contributions in the dialect of `like`, the version's compiled SQL: PART, BASE and TOTAL columns.

    `largest` is the largest magnitude of a feature in that dialect. Rows that are rejected have NULL. Raises
    CompileError where the statement would pass a limit, or the database has no type for a feature.
    """
    dialect = like.dialect
    b = Builder(like.signature, call, CONVERTERS, has_real="real" in dialect.types, largest=largest)
    values = _columns(b, backend)
    outputs: list[tuple[str, Expr]] = []
    for k, (weights, intercept) in enumerate(zip(backend.weights, backend.intercepts, strict=True)):
        for feature in range(backend.features):
            own = [i for i, owner in enumerate(backend.owners) if owner == feature and weights[i] != 0.0]
            part = _part(b, [values[i] for i in own], weights[own], backend.means[own])
            name = PART.format(output=k, feature=feature)
            outputs.append((name, b.bind(part, name.removeprefix("sh_"))))
        total = weighted_sum(b, values, weights, float(intercept))
        outputs.append((BASE.format(output=k), number(float(weights @ backend.means + intercept))))
        outputs.append((TOTAL.format(output=k), b.bind(total, f"total {k}")))
    program = b.finish(outputs)
    if not dialect.ieee:
        program = without_underflow(program, 1.0 / largest)
    made = CompiledSql(like.version, dialect, like.signature, program, tuple(name for name, _ in outputs))
    check_size(made, LIMITS[dialect.name], call)
    return made


def _columns(b: Builder, backend: LinearReasons) -> list[Value]:
    """The columns that are weighted, computed from features as the compiled SQL checks them."""
    checked, _ = inputs_of(b)
    known: dict[str, Expr] = {}

    def leaf(part: Column | Feature) -> Expr:
        if isinstance(part, Column):
            return known[part.name]
        feature = b.signature.features[part.position]
        if part.type != "double":
            return b.bind(part, feature.name)
        return b.rounded(checked[part.position]).expr

    for step in backend.columns.steps:
        for name, expr in step.made:
            known[name] = b.bind(rewritten(expr, leaf), name.removeprefix("sh_"))
    made = [Value(rewritten(expr, leaf), name) for name, expr in backend.columns.outputs]
    return [value if is_coded(value.expr) else b.bound(value) for value in made]


def _part(b: Builder, values: Sequence[Value], weights: np.ndarray, means: np.ndarray) -> Expr:
    """The sum of weight times distance from the mean. All columns of an encoded text are one lookup."""
    coded = [i for i, value in enumerate(values) if is_coded(value.expr)]
    terms, _ = with_lookups([(values[i].expr, float(weights[i])) for i in coded])
    shift = -float(weights[coded] @ means[coded])
    if shift != 0.0:
        terms.append(number(shift))
    for i, value in enumerate(values):
        if i not in coded:
            mean = float(means[i])
            distance = Arith("-", value.expr, number(mean)) if mean != 0.0 else value.expr
            terms.append(multiply(distance, float(weights[i])))
    return b.sum(terms, "part") if terms else number(0.0)


def prove_reasons_sql(compiled: CompiledSql, backend: LinearReasons, rows: pa.Table) -> float:
    """The largest difference of parts and totals from those of `backend`, on rows that are scored.

    It is relative to the largest of parts, base and total above 1. Raises CompileError where it is more than
    TOLERANCE.
    """
    places = np.unique(np.linspace(0, rows.num_rows - 1, min(rows.num_rows, MOST_ROWS), dtype=np.int64))
    some = rows.take(arrays.of_numpy(places))
    found = explained(backend, compiled.signature, some)
    made = duckdb_rows(replace(compiled, dialect=DUCKDB), some)
    scale = found.scale()
    worst = 0.0
    for k in range(len(backend.weights)):
        parts = [made.column(PART.format(output=k, feature=j)).to_numpy() for j in range(backend.features)]
        total = made.column(TOTAL.format(output=k)).to_numpy()
        off = np.abs(np.column_stack(parts) - found.parts[:, k]).max(axis=1, initial=0.0)
        off = np.maximum(off, np.abs(total - found.totals[:, k])) / scale[:, k]
        worst = float(np.maximum(worst, off.max(initial=0.0)))  # NaN stays NaN, which `max` would lose
    if not worst <= TOLERANCE:
        raise CompileError(
            f"reasons of {compiled.version.label}",
            f"the SQL of its contributions is off by up to {worst:.3g}",
            expected=f"contributions that differ by at most {TOLERANCE:g}",
            action="score this version with reasons on an engine with Python",
        )
    return worst
