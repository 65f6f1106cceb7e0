"""The compiler's parts: literals, thresholds, dialects, limits, refusals, and a gate that can fail."""

from __future__ import annotations

import math
import struct
from dataclasses import replace
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.cluster import KMeans
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.ensemble import GradientBoostingClassifier, IsolationForest, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from project import MakeKernel
from proved import sql_parity
from scorehouse.errors import CompileError
from scorehouse.kernel.scorer import Kernel
from scorehouse.program.sql.builder import Builder, Step
from scorehouse.program.sql.compile import compile_sql
from scorehouse.program.sql.dialects import BIGQUERY, DIALECTS, DUCKDB, LIMITS, POSTGRES
from scorehouse.program.sql.expression import Case, Column, Compare, Literal, Sum, number
from scorehouse.program.sql.printer import Printer
from scorehouse.program.sql.registers import CONVERTERS
from scorehouse.program.trees import float32_edge
from scorehouse.registry.signature import Signature

pytestmark = pytest.mark.slow

FLOATS = st.floats(allow_nan=False) | st.floats(3.4e38, 3.5e38) | st.floats(-3.5e38, -3.4e38)


@given(FLOATS, FLOATS)
def test_float32_edge_is_exact(threshold: float, value: float) -> None:
    edge = float32_edge(threshold)
    for tried in (
        value,
        edge,
        float(np.nextafter(edge, np.inf)),
        float(np.nextafter(edge, -np.inf)),
        threshold,
    ):
        with np.errstate(over="ignore"):
            single = float(np.float32(tried))
        assert (single <= threshold) == (tried <= edge)


@given(st.floats(allow_nan=False))
def test_a_double_reads_back(value: float) -> None:
    text = Printer(DUCKDB, []).double(value)
    with duckdb.connect() as connection:
        found, kind = connection.sql(f"select {text}, typeof({text})").fetchall()[0]
    assert kind == "DOUBLE"
    assert struct.pack("d", found) == struct.pack("d", value) or found == value == 0


@pytest.mark.parametrize(
    ("dialect", "value", "expected"),
    [
        (DUCKDB, 0.94, "0.94e0"),
        (DUCKDB, 1e-05, "1e-05"),
        (POSTGRES, -0.94, "'-0.94e0'::float8"),
        (POSTGRES, math.inf, "cast('Infinity' as double precision)"),
        (BIGQUERY, math.nan, "cast('NaN' as float64)"),
    ],
)
def test_literals(dialect: Any, value: float, expected: str) -> None:
    assert Printer(dialect, []).double(value) == expected


def test_texts_are_escaped() -> None:
    assert Printer(DUCKDB, []).text("it's \\ {{x}}") == "'it''s \\ {{x}}'"
    assert Printer(BIGQUERY, []).text("it's \\") == "'it\\'s \\\\'"
    assert Printer(DUCKDB, [], jinja=True).text("{{x}}") == "'{{ '{' }}{x}}'"


def test_steps_share_and_drop() -> None:
    b = Builder(Signature((), "array"), "test", CONVERTERS, has_real=True, largest=1.0)
    first = b.bind(number(1.0), "constant")
    assert first == number(1.0)
    one = b.bind(Sum((number(1.0), number(2.0))), "One Two")
    again = b.bind(Sum((number(1.0), number(2.0))), "other")
    assert one == again == Column("sh_one_two")
    b.bind(Sum((one, number(9.0))), "unread")
    two = b.bind(Sum((one, number(3.0))), "two")
    program = b.finish([("result", Sum((one, two)))])
    expected = (
        Step((("sh_one_two", Sum((number(1.0), number(2.0)))),), ()),
        Step((("sh_two", Sum((one, number(3.0)))),), ("sh_one_two",)),
    )
    assert program.steps == expected


def fitted(make_kernel: MakeKernel, estimator: Any, rows: int = 300) -> tuple[pd.DataFrame, Kernel]:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"a": rng.normal(size=rows).round(2), "b": 1.7e9 + rng.integers(0, 10**7, rows)})
    y = (frame["a"] + (frame["b"] - 1.705e9) / 1e7 > 0).astype(int)
    return frame, make_kernel(estimator.fit(frame, y), frame, y, task="classification")


def compiled(kernel: Kernel, dialect: str = "duckdb") -> Any:
    return compile_sql(kernel.estimator, kernel.version, kernel.signature, dialect)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("model", ["linear", "trees"])
def test_sqlglot_reads_every_dialect(dialect: str, model: str, make_kernel: MakeKernel) -> None:
    sqlglot = pytest.importorskip("sqlglot", reason="the extra `sql` is not installed")
    from printed_sql import READ_AS

    linear = make_pipeline(StandardScaler(), LogisticRegression())
    trees = GradientBoostingClassifier(n_estimators=3, max_depth=2)
    _, kernel = fitted(make_kernel, linear if model == "linear" else trees)
    sql = compiled(kernel, dialect).render("features", ["id"])
    (parsed,) = sqlglot.parse(sql, read=READ_AS.get(dialect, dialect))
    assert [column.alias_or_name for column in parsed.selects] == [
        "id", "prediction", "score", "row_status", "reject_reason"
    ]  # fmt: skip
    assert not list(parsed.find_all(sqlglot.exp.Command))


def test_the_gate_finds_another_estimator(make_kernel: MakeKernel) -> None:
    frame, kernel = fitted(make_kernel, GradientBoostingClassifier(n_estimators=5))
    good = compiled(kernel)
    assert sql_parity(good, kernel, frame).proven
    other = GradientBoostingClassifier(n_estimators=5, max_depth=1).fit(frame, frame["a"] > 0)
    bad = compile_sql(other, kernel.version, kernel.signature, "duckdb")
    parity = sql_parity(bad, kernel, frame)
    assert not parity.proven
    assert parity.label_flips > 0
    assert parity.max_difference > 0.01


def test_the_gate_finds_one_ulp(make_kernel: MakeKernel) -> None:
    """A split that is one double too high differs on no training row, and the probes find it."""
    frame, kernel = fitted(make_kernel, GradientBoostingClassifier(n_estimators=3))
    good = compiled(kernel)
    moved = replace(good, program=_moved(good.program))
    parity = sql_parity(moved, kernel, frame)
    assert parity.max_difference > 1e-3
    assert not parity.proven


def _moved(program: Any) -> Any:
    """Every split one double higher."""

    def move(expr: Any) -> Any:
        if isinstance(expr, Case):
            whens = tuple((move(when), move(then)) for when, then in expr.whens)
            return Case(whens, None if expr.default is None else move(expr.default))
        if isinstance(expr, Sum):
            return Sum(tuple(move(term) for term in expr.terms))
        if isinstance(expr, Compare) and expr.op == "<=" and isinstance(expr.right, Literal):
            return replace(expr, right=number(float(np.nextafter(expr.right.value, np.inf))))
        return expr

    steps = [
        Step(tuple((n, move(e) if n == "sh_raw" else e) for n, e in step.made), step.carried)
        for step in program.steps
    ]
    return replace(program, steps=tuple(steps))


def test_the_gate_finds_another_status(make_kernel: MakeKernel) -> None:
    frame, kernel = fitted(make_kernel, LogisticRegression())
    features = tuple(replace(f, accepts_null=True) for f in kernel.signature.features)
    wrong = replace(kernel.signature, features=features)
    parity = sql_parity(compile_sql(kernel.estimator, kernel.version, wrong, "duckdb"), kernel, frame)
    assert parity.reason_differences > 0 or parity.status_flips > 0


@pytest.mark.parametrize("function", [np.log1p, np.log, np.sqrt])
@pytest.mark.parametrize("after", [[], [StandardScaler()], [SimpleImputer()]], ids=["", "scaled", "filled"])
def test_numbers_without_a_logarithm_have_the_estimators_reason(
    function: Any, after: list[Any], make_kernel: MakeKernel
) -> None:
    """Most estimators raise where a function gave no number, unless an imputer stands between."""
    frame = pd.DataFrame({"a": np.linspace(0.1, 5, 60), "b": np.arange(60.0) % 7 + 0.1})
    labels = {"regression": frame.a, "clustering": None, "classification": frame.a > 2}
    lasts = (Ridge(), KMeans(3, n_init=1, random_state=0), GaussianNB())
    for last, (task, y) in zip(lasts, labels.items(), strict=True):
        estimator = make_pipeline(FunctionTransformer(function), *after, last)
        with np.errstate(all="ignore"):
            kernel = make_kernel(estimator.fit(frame, y), frame, y, task=task, program=False)
            compiled = compile_sql(kernel.estimator, kernel.version, kernel.signature, "duckdb")
            parity = sql_parity(compiled, kernel, frame)
        assert parity.problem == "", last


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        (make_pipeline(PCA(1), LogisticRegression()), "pca > PCA: this transformer has no equivalent in SQL"),
        (
            make_pipeline(FunctionTransformer(np.cbrt), LogisticRegression()),
            "functiontransformer > FunctionTransformer: its function 'cbrt' is code",
        ),
        (GradientBoostingClassifier(init=LogisticRegression()), "its init is a LogisticRegression"),
    ],
)
def test_refuses_naming_the_step(estimator: Any, message: str, make_kernel: MakeKernel) -> None:
    _, kernel = fitted(make_kernel, estimator)
    with pytest.raises(CompileError) as caught:
        compiled(kernel)
    assert message in str(caught.value)
    assert str(caught.value).startswith("compile_sql(tried version 1, 'duckdb'): ")


def test_refuses_a_subclass(make_kernel: MakeKernel) -> None:
    """It may compute something else than the class that it comes from."""
    frame, kernel = fitted(make_kernel, LogisticRegression())

    class Regression(LogisticRegression):
        pass

    other = Regression().fit(frame, frame["a"] > 0)
    with pytest.raises(CompileError, match="this estimator has no equivalent in SQL"):
        compile_sql(other, kernel.version, kernel.signature, "duckdb")


def test_refuses_anomalies(make_kernel: MakeKernel) -> None:
    frame = pd.DataFrame({"a": np.arange(50.0)})
    kernel = make_kernel(IsolationForest(n_estimators=5).fit(frame), frame, task="anomaly")
    with pytest.raises(CompileError, match="anomaly detectors have no equivalent"):
        compiled(kernel)


def test_refuses_timestamps(make_kernel: MakeKernel) -> None:
    _, kernel = fitted(make_kernel, LogisticRegression())
    feature = replace(kernel.signature.features[0], type="timestamp")
    signature = replace(kernel.signature, features=(feature, *kernel.signature.features[1:]))
    with pytest.raises(CompileError, match="is a date or timestamp"):
        compile_sql(kernel.estimator, kernel.version, signature, "duckdb")


@pytest.mark.parametrize("dialect", ["databricks", "redshift"])
def test_refuses_beyond_the_limits(
    dialect: str, make_kernel: MakeKernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, kernel = fitted(make_kernel, RandomForestClassifier(10))
    monkeypatch.setitem(LIMITS, dialect, replace(LIMITS[dialect], nodes=100))
    with pytest.raises(CompileError, match=f"at most 100 on {dialect}") as caught:
        compiled(kernel, dialect)
    assert "tree nodes" in str(caught.value)


def test_xgboost_needs_float32(make_kernel: MakeKernel) -> None:
    xgboost = pytest.importorskip("xgboost")
    _, kernel = fitted(make_kernel, xgboost.XGBClassifier(n_estimators=2))
    with pytest.raises(CompileError, match="it adds in float32"):
        compiled(kernel, "bigquery")


def test_other_column_names(make_kernel: MakeKernel) -> None:
    """Names with quotes, dots and leading digits."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(100, 3)), columns=['1 "odd', "sum", "sh_x.y"])
    y = frame.sum(axis=1)
    kernel = make_kernel(Ridge().fit(frame, y), frame, y, task="regression")
    assert sql_parity(compiled(kernel), kernel, frame).proven


@pytest.mark.parametrize("kind", ["int8", "uint8", "int16", "uint32", "int64", "uint64"])
def test_small_integers_are_proven_within_their_range(kind: str, make_kernel: MakeKernel) -> None:
    X = pd.DataFrame({"a": np.arange(100).astype(kind), "b": np.sin(np.arange(100))})
    kernel = make_kernel(Ridge().fit(X, X.b * 2 + X.a), X, task="regression")
    backend = compile_sql(kernel.estimator, kernel.version, kernel.signature, "duckdb")
    parity = sql_parity(backend, kernel, X)
    assert parity.proven and parity.rows > 4_000


def test_encoded_texts_become_one_lookup(make_kernel: MakeKernel) -> None:
    """Also where a scaler comes in between, with categories that are rare, unseen, missing or odd."""
    texts = ["it's", "a;b", "{{ x }}", "Zürich", None, "rare"]
    frame = pd.DataFrame({"t": np.array(texts, dtype=object)[np.arange(600) ** 2 % 5], "n": np.arange(600.0)})
    frame.loc[:1, "t"] = "rare"
    encoder = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=5, sparse_output=False)
    for classes in (2, 3):
        steps = make_column_transformer(
            (make_pipeline(encoder, StandardScaler()), ["t"]), ("passthrough", ["n"])
        )
        y = pd.factorize(frame.t.fillna("-"))[0] % classes
        kernel = make_kernel(
            make_pipeline(steps, LogisticRegression()).fit(frame, y), frame, task="classification"
        )
        backend = compile_sql(kernel.estimator, kernel.version, kernel.signature, "duckdb")
        assert backend.text.count("map_extract_value") == (1 if classes == 2 else 3)
        assert sql_parity(backend, kernel, frame).proven
        postgres = compile_sql(kernel.estimator, kernel.version, kernel.signature, "postgres").text
        assert "map_extract" not in postgres and "when 'it''s' then" in postgres
