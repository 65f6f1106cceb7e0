"""Contributions of linear models as SQL: what `LinearReasons` computes, in the steps of compiled SQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa

from scorehouse.errors import CompileError
from scorehouse.kernel import arrays
from scorehouse.program.matrix.layers import dot
from scorehouse.program.reasons.prove_reasons import explained
from scorehouse.program.reasons.stored_reasons import TOLERANCE
from scorehouse.program.reasons.trees import LinearReasons
from scorehouse.program.sql.builder import Builder, Value
from scorehouse.program.sql.compile import builder_of, finished
from scorehouse.program.sql.compiled import CompiledSql
from scorehouse.program.sql.dialects import DUCKDB
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
from scorehouse.program.sql.linear import is_coded, weighted_sum, with_lookups

PART, BASE, TOTAL = "sh_part_{output}_{feature}", "sh_base_{output}", "sh_total_{output}"
MOST_ROWS = 4_096  # of a proof


def compile_reasons(backend: LinearReasons, like: CompiledSql, call: str) -> CompiledSql:
    """The contributions in the dialect of `like`, the version's compiled SQL: PART, BASE and TOTAL columns.

    Rows that are rejected have NULL. Raises CompileError where the database has no type for a feature. The
    size of the statement is not checked.
    """
    b = builder_of(like.signature, like.dialect, call)
    values = _columns(b, backend)
    outputs: list[tuple[str, Expr]] = []
    for k, (weights, intercept) in enumerate(zip(backend.weights, backend.intercepts, strict=True)):
        for feature in range(backend.features):
            own = [i for i, owner in enumerate(backend.owners) if owner == feature and weights[i] != 0.0]
            part = _part(b, [values[i] for i in own], weights[own], backend.means[own])
            name = PART.format(output=k, feature=feature)
            outputs.append((name, b.bind(part, name.removeprefix("sh_"))))
        total = weighted_sum(b, values, weights, float(intercept))
        outputs.append((BASE.format(output=k), number(dot(weights, backend.means) + float(intercept))))
        outputs.append((TOTAL.format(output=k), b.bind(total, f"total {k}")))
    program, names = finished(b, outputs, like.dialect), tuple(name for name, _ in outputs)
    return CompiledSql(like.version, like.dialect, like.signature, program, names)


def _columns(b: Builder, backend: LinearReasons) -> list[Value]:
    """The columns that are weighted, computed from features as the compiled SQL checks them."""
    checked, _ = inputs_of(b)
    known: dict[str, Expr] = {}

    def computed(part: Expr) -> Expr | None:
        if isinstance(part, Column):
            return known[part.name]
        if not isinstance(part, Feature):
            return None
        feature = b.signature.features[part.position]
        if part.type != "double":
            return b.bind(part, feature.name)
        return b.rounded(checked[part.position]).expr

    for step in backend.columns.steps:
        for name, expr in step.made:
            known[name] = b.bind(rewritten(expr, computed), name.removeprefix("sh_"))
    made = [Value(rewritten(expr, computed), name) for name, expr in backend.columns.outputs]
    return [value if is_coded(value.expr) else b.bound(value) for value in made]


def _part(b: Builder, values: Sequence[Value], weights: np.ndarray, means: np.ndarray) -> Expr:
    """The sum of weight times distance from the mean. All columns of an encoded text are one lookup."""
    coded = [i for i, value in enumerate(values) if is_coded(value.expr)]
    terms, _ = with_lookups([(values[i].expr, float(weights[i])) for i in coded])
    shift = -dot(weights[coded], means[coded])
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
    outputs, features = range(len(backend.weights)), range(backend.features)
    totals = np.column_stack([made.column(TOTAL.format(output=k)).to_numpy() for k in outputs])
    off = np.abs(totals - found.totals)
    for k in outputs:
        for j in features:
            part = made.column(PART.format(output=k, feature=j)).to_numpy()
            off[:, k] = np.maximum(off[:, k], np.abs(part - found.parts[:, k, j]))
    worst = float((off / found.scale()).max(initial=0.0))
    if not worst <= TOLERANCE:
        raise CompileError(
            f"reasons of {compiled.version.label}",
            f"the SQL of its contributions is off by up to {worst:.3g}",
            expected=f"contributions that differ by at most {TOLERANCE:g}",
            action="score this version with reasons on an engine with Python",
        )
    return worst
