"""Dates in the program of a version: exact at every edge, on every type of column, without an estimator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OrdinalEncoder, StandardScaler

from project import registered_kernel
from scorehouse import CalendarParts, DaysSinceEpoch, Storage, days_since_epoch, register
from scorehouse.errors import CompileError, EstimatorError, LoadRefusedError
from scorehouse.kernel.frames import estimator_input
from scorehouse.kernel.rows import LARGEST, check_batch
from scorehouse.kernel.scorer import Kernel
from scorehouse.program.in_arrow import ArrowProgram
from scorehouse.program.preprocessing import begun, ended
from scorehouse.program.proof import kernel_rows
from scorehouse.program.sql.builder import Builder
from scorehouse.program.sql.compile import compile_sql
from scorehouse.program.sql.dialects import DUCKDB
from scorehouse.program.sql.in_duckdb import ArrowKernel
from scorehouse.program.sql.inputs import inputs_of
from scorehouse.program.sql.printer import Printer
from scorehouse.program.sql.registers import CONVERTERS
from scorehouse.registry import artifact
from scorehouse.registry.policy import LoadPolicy
from scorehouse.registry.signature import Feature, Signature

ROWS = 400
TYPES = {  # of DuckDB's columns, by the feature that they are given to
    "us": ["TIMESTAMP", "DATE", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"],
    "ns": ["TIMESTAMP", "DATE", "TIMESTAMP_NS"],
    "ms": ["TIMESTAMP", "DATE", "TIMESTAMP_NS"],
    "s": ["TIMESTAMP", "TIMESTAMP_S"],
    "day": ["TIMESTAMP", "DATE", "TIMESTAMP_NS"],
    "paris": ["TIMESTAMPTZ"],
}
EDGES = [
    *("0001-01-01 00:00:00", "1677-09-22 00:00:00.000001", "1899-12-31 23:59:59.999999"),
    *("1969-12-31 23:59:59.999999", "1970-01-01 00:00:00", "1970-01-01 00:00:00.000001"),
    *("1969-12-31 00:00:00", "2000-02-29 12:30:15.000001", "2024-02-29 23:59:59.999999"),
    *("2023-03-26 01:30:00", "2023-10-29 00:30:00", "2262-04-11 23:47:16.854775"),
    *("2262-04-11 23:47:16.854776", "2300-01-01 00:00:00.000001", "9999-12-31 23:59:59.999999"),
    *("infinity", "-infinity"),
]
NANOSECONDS = [
    "1969-12-31 23:59:59.999999999",
    "1969-12-31 23:59:59.000000001",
    "2020-02-29 00:00:00.000000999",
]


def frame() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    year = 365 * 86_400 * 10**6
    micros = rng.integers(-10 * year, 60 * year, ROWS).astype("datetime64[us]")
    made = {unit: rng.permutation(micros).astype(f"datetime64[{unit}]") for unit in ("us", "ns", "ms", "s")}
    found = pd.DataFrame(made)
    found["day"] = pd.Series(rng.permutation(micros)).dt.date
    found["paris"] = pd.Series(rng.permutation(micros)).dt.tz_localize("UTC").dt.tz_convert("Europe/Paris")
    found.loc[rng.random(ROWS) < 0.1, "us"] = pd.NaT
    return found


def target(times: pd.DataFrame) -> np.ndarray:
    return np.nan_to_num(days_since_epoch(times)).sum(axis=1) / 1000


@pytest.fixture(scope="module")
def kernels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Kernel]:
    """Trees that take a missing date, and a linear model behind a scaler."""
    X = frame()
    before = {"trees": [DaysSinceEpoch()], "linear": [DaysSinceEpoch(), SimpleImputer(), StandardScaler()]}
    last = {"trees": HistGradientBoostingRegressor(max_iter=40), "linear": LinearRegression()}
    made = {}
    for name, steps in before.items():
        estimator = make_pipeline(*steps, last[name]).fit(X, target(X))
        folder = tmp_path_factory.mktemp(name)
        made[name] = registered_kernel(folder, estimator, X, target(X), task="regression")
    return made


def test_every_backend_is_proven(kernels: dict[str, Kernel]) -> None:
    assert {"native", "sql", "reasons"} <= set(kernels["trees"].version.program)
    assert "refused" not in kernels["trees"].version.program
    assert {"sql", "reasons"} <= set(kernels["linear"].version.program)
    for kernel in kernels.values():
        assert "refused" not in kernel.version.program


def days_in_sql(signature: Signature, step: DaysSinceEpoch) -> str:
    """The select of the days of all features, and of why a row is rejected, over `rows_of`."""
    b = Builder(signature, "test", CONVERTERS, has_real=True, largest=LARGEST)
    values, reason = inputs_of(b)
    assert reason is not None
    days = [(f"days_{value.name}", value.expr) for value in b.transform(step, values)]
    program = b.finish([*days, ("reason", b.bind(reason, "reason"))])
    return Printer(DUCKDB, [f'"{name}"' for name in signature.names]).program(program, "rows_of", "n,")


@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
@pytest.mark.parametrize("feature", TYPES)
def test_every_type_of_column_at_every_edge(feature: str, zone: str, kernels: dict[str, Kernel]) -> None:
    """SQL makes of the database's own columns what the step makes of what the kernel reads: bit for bit."""
    kernel = kernels["trees"]
    step = kernel.estimator[0]
    usual = pa.Table.from_pandas(frame().iloc[[1]], preserve_index=False)
    for kind in TYPES[feature]:
        edges = [*EDGES, *(NANOSECONDS if kind.endswith("_NS") else []), None]
        with duckdb.connect() as connection:
            connection.execute(f"set timezone = '{zone}'")
            connection.register("usual", usual)
            connection.execute("create table edges (n bigint, edge varchar)")
            connection.executemany("insert into edges values (?, ?)", list(enumerate(edges)))
            zoned = "if(edge like '%infinity', edge, edge || '+00')" if kind == "TIMESTAMPTZ" else "edge"
            made = f"try_cast({zoned} as {kind}) as {feature}"
            given = f"select n, usual.* replace ({made}) from usual, edges"
            connection.execute(f"create table rows_of as {given}")
            rows = connection.sql("select * exclude (n) from rows_of order by n").to_arrow_table()
            sql = days_in_sql(kernel.signature, step)
            found = connection.sql(f"from ({sql}) order by n").to_arrow_table()
        checked = check_batch(kernel.signature, rows.combine_chunks().to_batches()[0], frozenset())
        reasons = checked.reasons or pa.nulls(len(edges), pa.string())
        assert found["reason"].to_pylist() == reasons.to_pylist(), kind
        expected = step.transform(estimator_input(kernel.signature, checked.columns))
        for number, name in enumerate(kernel.signature.names):
            days = found[f"days_{name}"].to_numpy()
            assert np.array_equal(days, expected[:, number], equal_nan=True), (kind, name)
        assert f"out_of_type:{feature}" in reasons.to_pylist(), kind


def test_trees_split_between_two_microseconds(kernels: dict[str, Kernel]) -> None:
    """Arrow computes the days before the trees of both backends."""
    kernel = kernels["trees"]
    compiled = compile_sql(kernel.estimator, kernel.version, kernel.signature, "duckdb")
    edges = np.array(sorted(compiled.probes[0])).round().astype(np.int64)
    near = np.concatenate([edges - 1, edges, edges + 1]).astype("datetime64[us]")
    rows = frame().iloc[[1] * len(near)].assign(us=near)
    batch = pa.Table.from_pandas(rows, schema=pa.Schema.from_pandas(frame(), preserve_index=False))
    expected = kernel_rows(kernel, batch)
    assert len(set(expected["prediction"].to_pylist())) > 5
    assert kernel_rows(ArrowKernel(kernel, compiled), batch).equals(expected)


def test_parts_are_those_of_the_calendar() -> None:
    """Of the first and last microsecond of each day for centuries, and of years from 1 to 9999."""
    days = np.arange("1582-10-15", "2101-01-01", dtype="datetime64[D]").astype("datetime64[us]")
    years = np.arange("0001", "10000", dtype="datetime64[Y]").astype("datetime64[us]")
    leaps = years + np.timedelta64(59, "D")
    midnights = np.concatenate([days, years, leaps])
    times = np.concatenate([midnights, midnights + np.timedelta64(86_399_999_999, "us")])
    X = pd.DataFrame({"t": np.append(times, np.datetime64("NaT"))})
    step = CalendarParts(["year", "month", "day", "weekday", "hour"]).fit(X)
    made = step.transform(X)
    assert list(step.get_feature_names_out()) == ["t_year", "t_month", "t_day", "t_weekday", "t_hour"]
    own = "year(t), month(t), day(t), isodow(t) - 1, hour(t)"
    table = pa.table({"t": X["t"]})
    with duckdb.connect() as connection:
        connection.register("rows_of", table)
        expected = connection.sql(f"select {own} from rows_of").to_arrow_table()
        assert np.array_equal(made, columns(expected), equal_nan=True) and np.isnan(made[-1]).all()
        signature = Signature((Feature("t", "timestamp", "datetime64[us]", accepts_null=True),), "frame")
        b, values = begun(signature, "test")
        program = ended(
            b, b.transform(step, values), lambda problem: CompileError("", problem, expected="", action="")
        )
        found = connection.sql(Printer(DUCKDB, ['"t"']).program(program, "rows_of", "")).to_arrow_table()
    assert np.array_equal(made, columns(found), equal_nan=True)
    by_arrow = ArrowProgram(program)([table.column("t").combine_chunks()])
    assert np.array_equal(made, columns(pa.table(by_arrow, [str(i) for i in range(5)])), equal_nan=True)


def columns(table: pa.Table) -> np.ndarray:
    return np.column_stack([column.to_numpy() for column in table.columns]).astype(float)


def test_another_step_is_refused_for_dates_by_name(empty_project: Path) -> None:
    X = frame()[["us", "s"]]
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    steps = ColumnTransformer([("days", DaysSinceEpoch(), ["us"]), ("codes", encoder, ["s"])])
    estimator = make_pipeline(steps, HistGradientBoostingRegressor(max_iter=3)).fit(X, target(X))
    refused = register(estimator, "tried", X, task="regression").program["refused"]
    assert refused["sql"].startswith(
        "columntransformer > codes > OrdinalEncoder: the column 's' is a date or timestamp"
    )


def test_files_of_skops_hold_the_step_as_data(empty_project: Path) -> None:
    """No type has to be trusted, as for a function."""
    pytest.importorskip("skops", reason="the extra `skops` is not installed")
    X = frame()[["s"]]
    by = {"step": DaysSinceEpoch(), "function": FunctionTransformer(days_since_epoch)}
    made = {name: make_pipeline(step, LinearRegression()).fit(X, target(X)) for name, step in by.items()}
    version = register(made["step"], "tried", X, task="regression", storage=Storage(format="skops"))
    estimator, _, _ = artifact.load(empty_project, version, LoadPolicy(), "test")
    assert np.array_equal(estimator.predict(X), made["step"].predict(X))
    with pytest.raises(LoadRefusedError, match="days_since_epoch"):
        register(made["function"], "other", X, task="regression", storage=Storage(format="skops"))


class TestTheStep:
    def test_days_are_those_of_the_function(self) -> None:
        X = frame()
        step = DaysSinceEpoch().fit(X)
        assert np.array_equal(step.transform(X), days_since_epoch(X), equal_nan=True)
        assert list(step.get_feature_names_out()) == list(X.columns) and clone(step).get_params() == {}
        assert list(step.set_output(transform="pandas").transform(X).columns) == list(X.columns)

    @pytest.mark.parametrize(
        ("column", "held"),
        [([1, 2], "int64"), ([1.5, None], "float64"), (["2020-01-01", None], "str"), ([True, None], "bool")],
    )
    def test_what_is_no_date_is_refused_by_name(self, column: list[Any], held: str) -> None:
        with pytest.raises(EstimatorError, match=rf"fit\(\): the column 'a' holds {held}") as error:
            DaysSinceEpoch().fit(pd.DataFrame({"a": column}))
        assert "make_column_selector" in str(error.value)

    def test_an_unknown_part_is_refused(self) -> None:
        with pytest.raises(EstimatorError, match="parts has 'wekday'") as error:
            CalendarParts(["month", "wekday"]).fit(frame())
        assert "did you mean 'weekday'?" in str(error.value)

    def test_another_number_of_columns_is_refused(self) -> None:
        step = DaysSinceEpoch().fit(frame())
        with pytest.raises(EstimatorError, match=r"X has 1 columns\.\n  Expected: the 6 columns"):
            step.transform(frame()[["us"]])
