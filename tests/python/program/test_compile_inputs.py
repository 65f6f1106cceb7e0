"""How compiled SQL keeps bad numbers away from the estimator, at the least cost."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, PolynomialFeatures, StandardScaler

from project import MakeKernel
from scorehouse.program.sql.compile import compile_sql
from scorehouse.program.sql.compiled import CompiledSql
from scorehouse.program.sql.dialects import LARGEST_WHERE_OVERFLOW_RAISES

SMALLEST = repr(1.0 / LARGEST_WHERE_OVERFLOW_RAISES)


def in_two_dialects(estimator: Any, make_kernel: MakeKernel) -> tuple[CompiledSql, CompiledSql]:
    """The SQL for DuckDB and for PostgreSQL of an estimator of four numbers, none missing."""
    X = pd.DataFrame(np.random.default_rng(0).normal(1, 1, size=(200, 4)), columns=list("abcd"))
    y = X.sum(axis=1) > 4
    kernel = make_kernel(estimator.fit(X, y), X, y, task="classification", program=False)
    duckdb, postgres = (
        compile_sql(kernel.estimator, kernel.version, kernel.signature, name)
        for name in ("duckdb", "postgres")
    )
    return duckdb, postgres


@pytest.mark.parametrize(
    ("estimator", "held"),
    [
        (LogisticRegression(), True),
        (make_pipeline(MinMaxScaler(), LogisticRegression()), True),
        (make_pipeline(SimpleImputer(), LogisticRegression()), True),
        (make_pipeline(PolynomialFeatures(2), LogisticRegression()), True),
        (make_pipeline(StandardScaler(with_mean=False), LogisticRegression()), True),
        (make_pipeline(StandardScaler(), LogisticRegression()), False),
        (make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression()), False),
        (make_pipeline(StandardScaler(), PolynomialFeatures(2), LogisticRegression()), False),
        (GradientBoostingClassifier(n_estimators=3), False),
    ],
    ids=str,
)
def test_only_factors_are_kept_off_zero(estimator: Any, held: bool, make_kernel: MakeKernel) -> None:
    duckdb, postgres = in_two_dialects(estimator, make_kernel)
    assert (SMALLEST in postgres.text) is held
    assert SMALLEST not in duckdb.text


def test_one_condition_for_all_numbers(make_kernel: MakeKernel) -> None:
    """No step looks at each feature again: what is computed of them stands behind that one condition."""
    for compiled in in_two_dialects(make_pipeline(StandardScaler(), LogisticRegression()), make_kernel):
        lines = [line.strip() for line in compiled.text.splitlines()]
        assert (
            len([line for line in lines if line.endswith("as sh_all_fit,") or line.endswith("as sh_all_fit")])
            == 1
        )
        assert [line for line in lines if line.startswith("case when sh_all_fit then (")]
        assert "sh_a," not in compiled.text
