"""Features that training held in float32, in a table of doubles: which side of a split each value is on.

Estimators get each double rounded to float32. So do stored programs; SQL compares the double itself, with
the last one that is rounded to the left.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from project import MakeKernel
from proved import trees_of
from scorehouse.errors import CompileError
from scorehouse.kernel.training_batch import training_batch
from scorehouse.program.proof import kernel_rows
from scorehouse.program.prove import trial_of
from scorehouse.program.sql import ensembles
from scorehouse.program.sql.compile import compile_sql
from scorehouse.program.sql.in_duckdb import duckdb_rows
from scorehouse.registry.version import CERTIFICATE

BASE, STEP = 64.0, 2.0**-17  # and between its neighbours in float32
LIGHTGBM = pytest.mark.skipif(find_spec("lightgbm") is None, reason="needs lightgbm")
TINY = float(np.float32(1e-35))  # up to here, LightGBM takes a value as 0


def estimator_of(kind: str) -> Any:
    if kind == "forest":
        return RandomForestClassifier(8, random_state=0)
    if kind in ("histogram", "behind an imputer"):
        trees = HistGradientBoostingClassifier(max_iter=6, min_samples_leaf=2, random_state=0)
        return trees if kind == "histogram" else make_pipeline(SimpleImputer(), trees)
    from lightgbm import LGBMClassifier

    settings = {"zero_as_missing": True} if kind == "zero is missing" else {}
    return LGBMClassifier(n_estimators=6, min_child_samples=2, verbose=-1, random_state=0, **settings)


def dense(rng: np.random.Generator, dtype: str) -> pd.DataFrame:
    """Training values that are neighbours in float32, between which the splits lie."""
    near = BASE + STEP * rng.integers(0, 40, (600, 1))
    small = TINY * rng.choice([-2.0, -1.0, 0.0, 1.0, 1.0000001, 1.0000002, 3.0], (600, 1))
    return pd.DataFrame(np.hstack([near, small]), columns=["near", "small"]).astype("float32").astype(dtype)


def between(rng: np.random.Generator) -> pa.Table:
    """Doubles at and beside the middle of each two neighbours, where they are rounded apart."""
    neighbours = np.float32(BASE) + np.float32(STEP) * np.arange(-1, 41, dtype=np.float32)
    zero = np.float32(TINY)
    zeros = [zero, np.nextafter(zero, np.float32(1)), np.nextafter(zero, np.float32(0)), np.float32(0)]
    columns = {}
    for name, singles in (("near", neighbours), ("small", np.array([*zeros, *(-one for one in zeros)]))):
        singles = np.sort(singles).astype(np.float64)
        middles = (singles[1:] + singles[:-1]) / 2
        values = np.concatenate([singles, middles])
        values = np.concatenate([values, np.nextafter(values, np.inf), np.nextafter(values, -np.inf)])
        columns[name] = rng.choice(values, 4_000)
    return pa.table(columns)


@pytest.mark.parametrize("dtype", ["float32", "Float32"])
@pytest.mark.parametrize(
    "kind",
    [
        "forest",
        "histogram",
        "behind an imputer",
        pytest.param("lightgbm", marks=[LIGHTGBM, pytest.mark.heavy]),
        pytest.param("zero is missing", marks=[LIGHTGBM, pytest.mark.heavy]),
    ],
)
def test_a_double_goes_where_its_float32_goes(kind: str, dtype: str, make_kernel: MakeKernel) -> None:
    rng = np.random.default_rng(1)
    frame = dense(rng, dtype)
    label = (frame["near"].astype(float) > BASE + 20 * STEP) ^ (frame["small"].astype(float) > TINY)
    label ^= pd.Series(rng.random(600) < 0.1)
    kernel = make_kernel(estimator_of(kind).fit(frame, label), frame, label, task="classification")
    rows = between(rng)
    expected = kernel_rows(kernel, rows)
    assert len(expected["score"].unique()) > 10
    compiled = compile_sql(kernel.estimator, kernel.version, kernel.signature, "duckdb")
    found = duckdb_rows(compiled, rows)
    np.testing.assert_allclose(found["score"].to_numpy(), expected["score"].to_numpy(), rtol=0, atol=1e-12)
    stored = trees_of(kernel).backend
    assert stored.singles == (0, 1)
    certificate = kernel.version.program[CERTIFICATE]
    assert {"sql", "checks of sql", "trees"} <= {*certificate["certified"]} or kind == "behind an imputer"


def test_what_no_split_reads_is_rounded(make_kernel: MakeKernel) -> None:
    """A regression of features with a mask, for which scikit-learn computes in doubles."""
    rng = np.random.default_rng(2)
    frame = dense(rng, "Float32")
    label = frame["near"].astype(float) > BASE + 20 * STEP
    estimator = make_pipeline(StandardScaler(), LogisticRegression()).fit(frame, label)
    kernel = make_kernel(estimator, frame, label, task="classification")
    beyond = [1e-50, -1e-50, 2.0**-150, 2.0**-149, 1e-44, 3.4e38, 3.5e38, 1e39, None, float("nan"), -0.0]
    rows = pa.concat_tables([between(rng), pa.table({"near": beyond, "small": beyond[::-1]})])
    expected = kernel_rows(kernel, rows)
    made = {
        dialect: compile_sql(estimator, kernel.version, kernel.signature, dialect)
        for dialect in ("duckdb", "postgres", "clickhouse")
    }
    found = duckdb_rows(made["duckdb"], rows)
    assert found["reject_reason"].to_pylist() == expected["reject_reason"].to_pylist()
    scores, wanted = (table["score"].to_numpy().astype(float) for table in (found, expected))
    np.testing.assert_allclose(scores, wanted, rtol=0, atol=1e-12)
    assert len({*scores.tolist()}) < 500, "of 4,000 doubles, those that are one number in float32 score alike"
    with pytest.raises(CompileError, match="training held the feature 'near' in float32"):
        compile_sql(estimator, kernel.version, kernel.signature, "bigquery")


def test_columns_that_pass_by_are_not_rounded(make_kernel: MakeKernel) -> None:
    """A frame of float32 and text: what the encoder leaves is compared as it is, also beyond float32."""
    rng = np.random.default_rng(3)
    frame = dense(rng, "float32").assign(city=rng.choice(["a", "b"], 600))
    label = (frame["near"].astype(float) > BASE + 20 * STEP) ^ (frame["city"] == "a")
    encoder = make_column_transformer((OneHotEncoder(sparse_output=False), ["city"]), remainder="passthrough")
    estimator = make_pipeline(encoder, estimator_of("histogram")).fit(frame, label)
    kernel = make_kernel(estimator, frame, label, task="classification")
    beyond = pa.table({"near": [1e39, -1e39, None, float("inf")], "small": [1e-50, 0.0, -1e300, 1.0]})
    rows = pa.concat_tables([between(rng), beyond])
    rows = rows.append_column("city", pa.array(rng.choice(["a", "b"], rows.num_rows)))
    expected = kernel_rows(kernel, rows)
    compile_sql(estimator, kernel.version, kernel.signature, "bigquery")  # which has no float32
    found = duckdb_rows(compile_sql(estimator, kernel.version, kernel.signature, "duckdb"), rows)
    assert found["score"].null_count == expected["score"].null_count == 0
    np.testing.assert_allclose(found["score"].to_numpy(), expected["score"].to_numpy(), rtol=0, atol=1e-12)


def test_how_other_steps_round_is_not_certified(make_kernel: MakeKernel) -> None:
    frame = pd.DataFrame({"a": np.repeat(np.array([0.1, 0.2, 0.3], dtype=np.float32), 50)})
    label = np.repeat([0, 1, 1], 50)
    encoder = OneHotEncoder(handle_unknown="ignore")
    estimator = make_pipeline(encoder, RandomForestClassifier(4, random_state=0)).fit(frame, label)
    kernel = make_kernel(estimator, frame, label, task="classification")
    reason = "how 'a' becomes a float32 is not read in SQL"
    assert kernel.version.program[CERTIFICATE]["on_rows"] == {"sql": reason, "checks of sql": reason}
    rows = pa.table({"a": [0.1, 0.2, 0.3, 0.25]})  # of doubles, none of which is a float32
    compiled = compile_sql(estimator, kernel.version, kernel.signature, "duckdb")
    assert duckdb_rows(compiled, rows)["score"].to_pylist() == kernel_rows(kernel, rows)["score"].to_pylist()


def test_sql_that_does_not_round_is_not_proven(
    make_kernel: MakeKernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proof rows are doubles, so that registration sees it."""
    monkeypatch.setattr(ensembles, "float32_edge", lambda threshold: threshold)
    frame = dense(np.random.default_rng(5), "float32")
    label = frame["near"].astype(float) > BASE + 21 * STEP  # the middle to the next is rounded up, to 22
    kernel = make_kernel(estimator_of("histogram").fit(frame, label), frame, label, task="classification")
    assert kernel.version.program["refused"]["sql"].startswith("it is not equal to the estimator")


def test_some_proof_rows_are_no_float32(make_kernel: MakeKernel) -> None:
    frame = dense(np.random.default_rng(4), "float32")
    label = frame["near"] > BASE + 20 * STEP
    estimator = estimator_of("histogram").fit(frame, label)
    kernel = make_kernel(estimator, frame, label, task="classification")
    tried = (
        trial_of(kernel, training_batch(frame, "test"), trees_of(kernel).edges).tried.rows["near"].to_numpy()
    )
    assert tried.dtype == np.float64
    known = tried[np.isfinite(tried) & (np.abs(tried) < 1e30)]
    assert (known != known.astype(np.float32)).sum() > 20
