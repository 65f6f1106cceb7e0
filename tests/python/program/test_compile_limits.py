"""Estimators as large as compiled SQL may be run and equal the kernel; one more is refused by name.

The kernels are put together by hand, since registration tries hundreds of features one by one.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, PolynomialFeatures

from postgres.parity import postgres_parity
from postgres.server import Server
from project import MakeKernel
from scorehouse.errors import CompileError
from scorehouse.kernel.scorer import Kernel
from scorehouse.kernel.training_batch import training_batch
from scorehouse.program.hard_rows import hard_rows
from scorehouse.program.proof import compare, kernel_rows
from scorehouse.program.sql.compile import compile_sql
from scorehouse.program.sql.compiled import CompiledSql
from scorehouse.program.sql.dialects import LIMITS
from scorehouse.program.sql.in_duckdb import duckdb_rows

pytestmark = pytest.mark.slow
ROWS = 400
Model = tuple[pd.DataFrame, Kernel]


def by_hand(make_kernel: MakeKernel, estimator: Any, frame: pd.DataFrame, y: Any, nulls: int = 0) -> Model:
    """The kernel of an estimator of many doubles, the first `nulls` of which may be missing.

    Up to 1e30 they fit into a float32, and so do their products into a double.
    """
    task = "classification" if hasattr(estimator, "predict_proba") else "regression"
    small = LogisticRegression() if task == "classification" else Ridge()
    one = frame.iloc[:, -1:]
    like = make_kernel(small.fit(one, y), one, y, task=task, program=False)
    (double,) = like.signature.features
    double = replace(double, max_magnitude=1e30)
    names = enumerate(frame.columns)
    features = tuple(replace(double, name=name, accepts_null=place < nulls) for place, name in names)
    signature = replace(like.signature, features=features)
    return frame, Kernel(estimator, like.version, signature, strict=frozenset(), call="test")


def numbers(columns: int) -> pd.DataFrame:
    values = np.random.default_rng(0).normal(size=(ROWS, columns))
    return pd.DataFrame(values, columns=[f"f{place}" for place in range(columns)])


def of_columns(wanted: int, make_kernel: MakeKernel) -> Model:
    """Powers and products of pairs, each read by three classes: `wanted` columns in the widest step."""
    n = int((2 * wanted) ** 0.5) - 2  # of n columns come n (n + 3) / 2; two more are of the reasons
    frame = numbers(n + wanted - 2 - n * (n + 3) // 2)
    y = pd.qcut(frame.f0 + frame.f1 * frame.f2, 3, labels=False).to_numpy()
    frame.iloc[::7, 3] = np.nan
    products = make_pipeline(SimpleImputer(), PolynomialFeatures(2, include_bias=False))
    columns = make_column_transformer((products, list(frame.columns[:n])), remainder="passthrough")
    estimator = make_pipeline(columns, LogisticRegression(C=1e-3)).fit(frame, y)
    return by_hand(make_kernel, estimator, frame, y, nulls=n)


def of_nodes(wanted: int, make_kernel: MakeKernel) -> Model:
    """As many trees of 599 nodes as `wanted` nodes need."""
    frame = numbers(6)
    y = np.exp(frame.sum(axis=1)).to_numpy()
    forest = ExtraTreesRegressor(-(-wanted // 599), max_leaf_nodes=300, random_state=0).fit(frame, y)
    return by_hand(make_kernel, forest, frame, y)


def of_bytes(wanted: int, make_kernel: MakeKernel) -> Model:
    """A text of 500 categories, each of which stands in the SQL three times."""
    rng = np.random.default_rng(0)
    texts = [f"{place} {'x' * (wanted // 1500 - 60)}" for place in range(500)]
    frame = pd.DataFrame({"text": texts * 2, "number": rng.normal(size=1000)})
    columns = make_column_transformer((OneHotEncoder(), ["text"]), remainder="passthrough")
    y = rng.normal(size=1000)
    kernel = make_kernel(
        make_pipeline(columns, Ridge()).fit(frame, y), frame, y, task="regression", program=False
    )
    return frame, kernel


CASES = {
    "columns in one step": (of_columns, 0, 1),
    "tree nodes": (of_nodes, 100, 1),
    "bytes of SQL": (of_bytes, 100_000, 100_000),
}


def sizes(backend: CompiledSql) -> dict[str, int]:
    widest = max(len(step.made) + len(step.carried) for step in backend.program.steps)
    return {"columns in one step": widest, "tree nodes": backend.nodes, "bytes of SQL": backend.size_bytes}


def limit_of(what: str, database: str) -> int:
    limits = LIMITS[database]
    return {"columns in one step": limits.columns, "tree nodes": limits.nodes}.get(what, limits.sql_bytes)


def just_below(what: str, database: str, make_kernel: MakeKernel) -> tuple[pd.DataFrame, Kernel, CompiledSql]:
    make, below, _ = CASES[what]
    limit = limit_of(what, database)
    frame, kernel = make(limit - below, make_kernel)
    backend = compile_sql(kernel.estimator, kernel.version, kernel.signature, database)
    assert 0.95 * limit <= sizes(backend)[what] <= limit
    return frame, kernel, backend


@pytest.mark.parametrize("what", CASES)
def test_duckdb_runs_what_is_just_below(what: str, make_kernel: MakeKernel) -> None:
    frame, kernel, backend = just_below(what, "duckdb", make_kernel)
    training = training_batch(frame, "test")
    probes = hard_rows(backend.signature, backend.probes, training)
    rows = pa.Table.from_batches([training.slice(0, 100), probes.take(pa.array(range(0, len(probes), 7)))])
    rows = rows.combine_chunks()
    parity = compare(kernel_rows(kernel, rows), duckdb_rows(backend, rows))
    assert parity.rows > 500
    assert parity.proven and parity.reason_differences == 0, parity


@pytest.mark.foreign
@pytest.mark.postgres
@pytest.mark.parametrize("what", CASES)
def test_postgres_runs_what_is_just_below(what: str, server: Server, make_kernel: MakeKernel) -> None:
    frame, kernel, _ = just_below(what, "postgres", make_kernel)
    with server.connect() as connection:
        parity = postgres_parity(connection, frame, kernel)
    assert parity.proven and parity.reason_differences == 0, parity


@pytest.mark.parametrize("database", ["duckdb", "postgres"])
@pytest.mark.parametrize("what", CASES)
def test_what_is_just_above_is_refused(what: str, database: str, make_kernel: MakeKernel) -> None:
    make, _, above = CASES[what]
    limit = limit_of(what, database)
    _, kernel = make(limit + above, make_kernel)
    with pytest.raises(CompileError) as caught:
        compile_sql(kernel.estimator, kernel.version, kernel.signature, database)
    found = re.match(
        rf"compile_sql\(tried version 1, '{database}'\): the SQL of tried version 1 has ([0-9,]+) {what}\.\n"
        rf"  Expected: at most {limit:,} on {database}\.\n",
        str(caught.value),
    )
    assert found, caught.value
    assert limit < int(found[1].replace(",", "")) <= 1.05 * limit
    assert "score this version through a Python or SQL model" in str(caught.value)
