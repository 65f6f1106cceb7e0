"""What skrub takes as missing, and which of its steps are refused, and scored by the estimator."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from project import MakeKernel
from scorehouse.errors import CompileError
from scorehouse.program.proof import TOLERANCE, compare, kernel_rows
from scorehouse.program.sql.compile import compile_sql
from scorehouse.program.sql.in_duckdb import duckdb_rows
from scorehouse.registry.version import CERTIFICATE

skrub = pytest.importorskip("skrub", reason="the extra `skrub` is not installed")
pytestmark = pytest.mark.heavy
ROWS = 400
PLANS = ["basic", "pro", "Zürich", "it's"]


def table(rng: np.random.Generator) -> pd.DataFrame:
    gaps = np.where(rng.random(ROWS) < 0.1, None, rng.choice(PLANS, ROWS))
    return pd.DataFrame({"amount": rng.normal(size=ROWS), "plan": pd.Series(gaps, dtype=object)})


def answers(frame: pd.DataFrame) -> np.ndarray:
    return ((frame["amount"] > 0) ^ frame["plan"].isna()).to_numpy().astype(int)


def texts() -> list[str]:
    """Every text that skrub takes as missing, and what is next to one."""
    from skrub._clean_null_strings import STR_NA_VALUES

    spaces = [chr(code) for code in range(0x110000) if chr(code).isspace()]
    missing = [*STR_NA_VALUES, *spaces, "".join(spaces), "\n\n"]
    near = [" basic", "basic ", "NAN", "Null", "N/A ", " ?", "\u200b", "\ufeff", " x "]
    return [*PLANS, *missing, *near]


ESTIMATORS = {
    "linear": lambda: LogisticRegression(),
    "forest": lambda: RandomForestClassifier(8, max_depth=4, random_state=0),
    "histogram": lambda: HistGradientBoostingClassifier(max_iter=8, categorical_features="from_dtype"),
}


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_a_text_is_missing_where_skrub_says_so(kind: str, make_kernel: MakeKernel) -> None:
    rng = np.random.default_rng(0)
    frame = table(rng)
    estimator = skrub.tabular_pipeline(ESTIMATORS[kind]()).fit(frame, answers(frame))
    kernel = make_kernel(estimator, frame, answers(frame), task="classification")
    compiled = compile_sql(kernel.estimator, kernel.version, kernel.signature, "duckdb")
    tried = texts()
    rows = pa.table({"amount": [0.5] * len(tried), "plan": tried})
    expected = kernel_rows(kernel, rows)
    parity = compare(expected, duckdb_rows(compiled, rows), tolerance=1e-6 if compiled.single else TOLERANCE)
    assert parity.proven, parity
    assert parity.reason_differences == 0, parity
    scores = dict(zip(tried, expected["score"].to_pylist(), strict=True))
    assert scores["N/A"] == scores["\u2003"] == scores[""]
    if kind != "histogram":  # for which an unseen text is a missing one
        assert scores["N/A"] != scores[" x "]
    certificate = kernel.version.program[CERTIFICATE]
    why = "it computes in float32" if kind == "linear" else "the step TableVectorizer is not read"
    assert why in certificate["on_rows"]["sql"]
    assert {*certificate["certified"]} <= {"inputs", "trees", "links"}


def many(frame: pd.DataFrame, rng: np.random.Generator) -> pd.Series:
    return pd.Series([f"{word} {i}" for i, word in enumerate(rng.choice(PLANS, ROWS))])


REFUSED = {
    "StringEncoder: it computes with substrings": many,
    "ToFloat: it parses numbers by rules": lambda frame, rng: frame["amount"].round(2).astype(str),
    "ToDatetime: it parses times by rules": lambda frame, rng: pd.Series(
        pd.date_range("2020-01-01", periods=ROWS).strftime("%Y-%m-%d")
    ),
    "DatetimeEncoder: the parts of 'more' are those of a time zone": lambda frame, rng: pd.Series(
        pd.date_range("2020-01-01", periods=ROWS, tz="Europe/Paris")
    ),
}


@pytest.mark.parametrize("problem", REFUSED)
def test_what_no_database_has_is_refused_and_scored(problem: str, make_kernel: MakeKernel) -> None:
    rng = np.random.default_rng(0)
    frame = table(rng)
    frame["more"] = REFUSED[problem](frame, rng)
    forest = RandomForestClassifier(5, max_depth=4, random_state=0)
    estimator = skrub.tabular_pipeline(forest).fit(frame, answers(frame))
    kernel = make_kernel(estimator, frame, answers(frame), task="classification")
    for backend, why in kernel.version.program["refused"].items():
        assert problem in why, (backend, why)
    assert {"sql", "native"} <= kernel.version.program["refused"].keys()
    with pytest.raises(CompileError, match="tablevectorizer > more > " + problem.split(":")[0]):
        compile_sql(kernel.estimator, kernel.version, kernel.signature, "duckdb")
    scores = kernel_rows(kernel, pa.Table.from_pandas(frame, preserve_index=False))["score"].to_numpy()
    assert np.allclose(scores, estimator.predict_proba(frame)[:, 1], rtol=0, atol=1e-12)


def test_a_database_without_float32_has_the_trees(make_kernel: MakeKernel) -> None:
    rng = np.random.default_rng(0)
    frame = table(rng)
    for kind, make in ESTIMATORS.items():
        estimator: Any = skrub.tabular_pipeline(make()).fit(frame, answers(frame))
        kernel = make_kernel(estimator, frame, answers(frame), task="classification", program=False)
        asked = kernel.estimator, kernel.version, kernel.signature, "bigquery"
        if kind == "linear":
            with pytest.raises(CompileError, match="'amount' in float32"):
                compile_sql(*asked)
        else:
            assert "replace(" in compile_sql(*asked).text or kind == "histogram"


def test_native_code_reads_what_float32_is(make_kernel: MakeKernel) -> None:
    rng = np.random.default_rng(0)
    frame = table(rng).assign(amount=64.0 + rng.integers(0, 40, ROWS) * 2.0**-17)  # neighbours in float32
    frame["seen"] = pd.to_datetime(1_700_000_000 + rng.integers(0, 40, ROWS) * 32, unit="s")
    frame.loc[0, "plan"] = None
    target = ((frame["amount"] > frame["amount"].median()) ^ frame["plan"].isna()).to_numpy().astype(int)
    estimator = skrub.tabular_pipeline(ESTIMATORS["histogram"]()).fit(frame, target)
    kernel = make_kernel(estimator, frame, target, task="classification")
    assert {"native", "sql"} <= kernel.version.program.keys(), kernel.version.program.get("refused")
