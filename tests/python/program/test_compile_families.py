"""Each family of estimators and transformers, compiled and proven equal to the kernel on DuckDB and on Arrow.

The rows tried are training rows and the probes of the gate: one step around every split, missing
values, NaN, infinities, extremes and unseen categories.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.linear_model import Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import PolynomialFeatures

from compile_case import ROWS
from compile_cases import CASES
from compile_kernel import kernel_of
from compile_kinds import LINEAR_KINDS, TREE_KINDS, rest_marked
from project import MakeKernel
from proved import compared, sql_parity
from scorehouse.errors import CompileError
from scorehouse.kernel.scorer import Kernel
from scorehouse.program.proof import kernel_rows
from scorehouse.program.sql.builder import name_of
from scorehouse.program.sql.compile import compile_sql
from scorehouse.program.sql.compiled import CompiledSql
from scorehouse.program.sql.in_duckdb import ArrowKernel
from scorehouse.program.sql.registers import PREDICTORS, TRANSFORMERS
from scorehouse.registry.version import CERTIFICATE

# what the reader of the certificate lacks: steps, estimators around others, several labels
NOT_CERTIFIED = ("Polynomial", "days", "dates", "Function", "OneVsRest", "GaussianNB", "Calibrated", "KMeans")
NOT_CERTIFIED += ("Spline", "Normalizer", "Power", "Voting", "Stacking", "Threshold", "Bagging", "AdaBoost")
NOT_CERTIFIED += ("CatBoost", "Chain", "MultiOutput", "quantiles", "two labels", "scaler 1", "loat32")
NOT_CERTIFIED += ("segments", "skrub")
KINDS = LINEAR_KINDS | TREE_KINDS
NAMES = rest_marked([name for name in CASES if not name.startswith("skrub")], KINDS, pytest.mark.slow)
NAMES += rest_marked([name for name in CASES if name.startswith("skrub")], KINDS, pytest.mark.soak)


@pytest.mark.parametrize("name", NAMES)
def test_equals_the_kernel(name: str, cases: Path) -> None:
    frame, kernel = kernel_of(name, cases)
    compiled = compile_sql(kernel.estimator, kernel.version, kernel.signature, "duckdb")
    parity, trial, by_database = compared(compiled, kernel, frame)
    assert parity.proven, parity
    assert parity.reason_differences == 0, parity
    assert parity.rows > ROWS
    # the registry's digest was taken before the estimator was saved and loaded
    assert kernel.version.program["sql"]["sha256"] == compiled.sha256
    assert_same_on_arrow(kernel, compiled, trial.tried.rows, by_database)
    refused = kernel.version.program.get("refused", {})
    assert not any(reason.startswith("it is not the estimator") for reason in refused.values()), refused
    certified = kernel.version.program[CERTIFICATE]["certified"]
    wanted = {"sql", "checks of sql", *({"reasons"} & kernel.version.program.keys())}
    assert wanted <= {*certified} or any(word in name for word in NOT_CERTIFIED), name


def assert_same_on_arrow(
    kernel: Kernel, compiled: CompiledSql, rows: pa.Table, by_database: pa.Table
) -> None:
    """Arrow gives the same rows as the database, to the last bit and letter, or has no sums in float32."""
    if compiled.single and not isinstance(kernel.estimator, Pipeline):  # XGBoost
        with pytest.raises(CompileError, match=r"outside a database: it needs cast to real"):
            ArrowKernel(kernel, compiled)
        return
    found = kernel_rows(ArrowKernel(kernel, compiled), rows)
    assert found.num_rows == by_database.num_rows
    for field in kernel.schema:
        expected = by_database[field.name].combine_chunks().cast(field.type)
        assert found[field.name].combine_chunks().equals(expected), field.name


def parts_of(estimator: Any) -> set[str]:
    """The names of all estimators inside, by which the compiler knows them."""
    found = {name_of(estimator)}
    for value in (estimator.get_params() if hasattr(estimator, "get_params") else {}).values():
        if hasattr(value, "get_params"):
            found.add(name_of(value))
    return found


def test_every_class_that_the_compiler_knows_is_tried() -> None:
    known = {name for name in {**TRANSFORMERS, **PREDICTORS} if importlib.util.find_spec(name.split(".")[0])}
    assert known - set().union(*(parts_of(case.make()) for case in CASES.values())) == set()


def test_products_of_features_round_as_those_of_the_estimator(make_kernel: MakeKernel) -> None:
    rows = np.random.default_rng(0).normal(size=(400, 3))
    frame = pd.DataFrame(rows, columns=["a", "b", "c"])
    estimator = make_pipeline(PolynomialFeatures(3), Ridge()).fit(frame, rows[:, 0])
    powers, ridge = estimator[0].powers_, estimator[-1]
    for place in np.flatnonzero(powers.sum(axis=1) == 3):
        ridge.coef_, ridge.intercept_ = np.eye(len(powers))[place], 0.0
        kernel = make_kernel(estimator, frame, rows[:, 0], task="regression", program=False)
        compiled = compile_sql(kernel.estimator, kernel.version, kernel.signature, "duckdb")
        assert sql_parity(compiled, kernel, frame).max_difference == 0.0, powers[place]
