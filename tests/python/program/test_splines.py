"""Splines in expressions: those of scipy to the last bit, and a changed number in them shows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, SplineTransformer

from project import registered_kernel
from scorehouse.errors import CompileError
from scorehouse.program.in_arrow import ArrowProgram
from scorehouse.program.preprocessing import begun, ended
from scorehouse.program.proof import TOLERANCE, differs_here
from scorehouse.program.sql.builder import Program
from scorehouse.program.sql.expression import Expr, Literal, rewritten, walk
from scorehouse.program.sql.scale import normalizer
from scorehouse.program.sql.splines import splines
from scorehouse.program.store import scores_of
from scorehouse.registry.artifact import PROGRAM_FILE, PROOF_FILE
from scorehouse.registry.signature import Feature, Signature

ROWS = 300
DRAW = np.random.default_rng(0)
X = pd.DataFrame({"money": np.round(DRAW.lognormal(3, 1, ROWS), 2), "hour": DRAW.integers(0, 24, ROWS) + 0.0})


def compiled(estimator: Any, step: Any = splines, columns: int = 2) -> Program:
    names = X.columns[:columns]
    features = tuple(Feature(name, "double", "float64", accepts_null=step is splines) for name in names)
    b, values = begun(Signature(features, "frame"), "test")
    return ended(b, step(b, estimator, values), lambda problem: AssertionError(problem))


@pytest.mark.parametrize("norm", ["l1", "l2", "max"])
@pytest.mark.parametrize("columns", [1, 2])
def test_rows_next_to_nothing_keep_their_length(norm: str, columns: int) -> None:
    """What a scaler leaves of a constant, for one: scikit-learn takes so short a length as none."""
    rows = X.iloc[:, :columns] * np.logspace(-20, 0, ROWS)[:, None]
    estimator = Normalizer(norm).fit(rows)
    found = ArrowProgram(compiled(estimator, normalizer, columns))([pa.array(rows[name]) for name in rows])
    expected = estimator.transform(rows)
    np.testing.assert_allclose(np.column_stack([one.to_numpy() for one in found]), expected, rtol=1e-15)
    assert (np.abs(expected).max(axis=1) < 1e-14).sum() > 10


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"degree": 1, "n_knots": 3},
        {"degree": 5, "n_knots": 2},
        {"knots": "quantile", "n_knots": 12},
        {"knots": "quantile", "n_knots": 6, "extrapolation": "linear", "include_bias": False},
        {"extrapolation": "continue", "handle_missing": "zeros"},
    ],
    ids=str,
)
def test_they_are_those_of_scipy_to_the_last_bit(options: dict[str, Any]) -> None:
    estimator = SplineTransformer(**options).fit(X)
    knots = np.concatenate([spline.t for spline in estimator.bsplines_])
    tried = [*knots, *np.nextafter(knots, np.inf), *np.nextafter(knots, -np.inf), *DRAW.normal(0, 300, 500)]
    tried += [0.0, -0.0, 5e-324, -1e9, 1e9, *([np.nan] if "handle_missing" in options else [])]
    rows = pd.DataFrame({name: DRAW.permutation(tried) for name in X})
    columns = [pa.array(rows[name], from_pandas=True) for name in rows]
    found = np.column_stack([column.to_numpy() for column in ArrowProgram(compiled(estimator))(columns)])
    np.testing.assert_array_equal(found, estimator.transform(rows))


@pytest.mark.parametrize(
    ("options", "frame", "why"),
    [
        ({"extrapolation": "periodic"}, X, "extrapolation is 'periodic', which has no equivalent"),
        ({"degree": 0}, X, "degree is 0"),
        ({"degree": 1, "extrapolation": "linear"}, X, "only one feature has the linear extrapolation"),
        ({}, X.assign(hour=1.0), "the last knots of 'hour' are equal"),
    ],
)
def test_refusals(options: dict[str, Any], frame: pd.DataFrame, why: str) -> None:
    with pytest.raises(CompileError, match=why):
        compiled(SplineTransformer(**options).fit(frame))


def test_a_changed_number_is_found_by_the_proof_rows(tmp_path: Path) -> None:
    estimator = make_pipeline(SplineTransformer(4, knots="quantile"), Ridge(0.01))
    y = np.sin(X["hour"] / 4) * 10 + np.sqrt(X["money"])
    kernel = registered_kernel(tmp_path, estimator.fit(X, y), X, y, task="regression")
    assert {"sql", "matrix"} <= set(kernel.version.program)
    file = tmp_path / kernel.version.artifact
    backend: Any = scores_of(file.with_name(PROGRAM_FILE).read_bytes(), kernel.version)
    proof = file.with_name(PROOF_FILE).read_bytes()

    def problem(program: Program) -> str:
        scoring = kernel.holding(replace(backend, columns=program)).with_strict(frozenset())

        def at_once(rows: pa.Table) -> pa.Table:
            return pa.Table.from_batches([scoring(rows.combine_chunks().to_batches()[0])])

        return differs_here(proof, kernel, at_once, TOLERANCE)

    assert problem(backend.columns) == ""
    numbers = {one.value for expr in exprs_of(backend.columns) for one in walk(expr) if is_knot(one)}
    assert len(numbers) > 12
    for number in sorted(numbers):
        assert problem(changed(backend.columns, number, number * 1.01)), number


def exprs_of(program: Program) -> list[Expr]:
    return [expr for step in program.steps for _, expr in step.made]


def is_knot(part: Expr) -> bool:
    """Whether it is a number but for those of spans, and the 0 that stands for none."""
    return isinstance(part, Literal) and part.type == "double" and part.value not in range(10)


def changed(program: Program, number: float, other: float) -> Program:
    def change(part: Expr) -> Expr | None:
        return replace(part, value=other) if is_knot(part) and part.value == number else None

    steps = tuple(
        replace(step, made=tuple((name, rewritten(expr, change)) for name, expr in step.made))
        for step in program.steps
    )
    return replace(program, steps=steps)
