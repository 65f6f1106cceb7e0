"""Trees as Python functions of a warehouse: DuckDB calls the same texts, and the sums are those of SQL."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from click.testing import CliRunner

from compile_cases import CASES
from compile_kernel import kernel_of
from forests import forest
from proved import compared, sql_parity
from scorehouse import register
from scorehouse.cli.main import main
from scorehouse.errors import CompileError, ConfigurationError
from scorehouse.program.sql import functions, stages
from scorehouse.program.sql.compile import compile_sql
from scorehouse.program.sql.compiled import CompiledSql
from scorehouse.program.sql.dialects import LIMITS
from scorehouse.program.sql.expression import TreeFunction
from scorehouse.program.sql.functions import WITH_FUNCTIONS, called
from scorehouse.registry.version import CERTIFICATE, Version

NAMES = [
    "HistGradientBoostingClassifier 2",
    "HistGradientBoostingClassifier 3",
    "RandomForestClassifier 3",
    "DecisionTreeClassifier 2",
    "GradientBoostingClassifier 2",
    "HistGradientBoostingRegressor poisson",
    "GradientBoostingRegressor huber",
    "OrdinalEncoder unknown nan",
    "TargetEncoder 3",
    "trees behind a scaler",
    "exponential loss",
    "categories of a frame",
    "categories by name",
    "LightGBM numbers as categories",
    "trees behind an imputer, float32",
    "days before trees",
    "quantiles",
    "two labels, RandomForestClassifier",
    "CalibratedClassifierCV isotonic 3",
    "LightGBM 3",
    "LightGBM zero",
    "LightGBM forest",
    "LightGBM Poisson",
]
IN_FLOAT32 = ["XGBoost 2", "XGBoost 3", "XGBoost number", "XGBoost Poisson", "XGBRFClassifier"]
QUICK = [NAMES[0], "categories by name", "two labels, RandomForestClassifier"]


def in_functions(kernel: Any, dialect: str = "duckdb") -> CompiledSql:
    return compile_sql(kernel.estimator, kernel.version, kernel.signature, dialect, in_functions=True)


def marked(names: list[str], quick: list[str]) -> list[Any]:
    slow = [
        pytest.param(name, marks=pytest.mark.slow) for name in names if name in CASES and name not in quick
    ]
    return [*quick, *slow]


@pytest.mark.parametrize("name", marked(NAMES, QUICK))
def test_functions_equal_sql_bit_by_bit(name: str, cases: Path) -> None:
    """And the estimator, within the tolerance of SQL; a warehouse gets the texts that DuckDB called."""
    frame, kernel = kernel_of(name, cases, program=False)
    plain = compile_sql(kernel.estimator, kernel.version, kernel.signature, "duckdb")
    compiled = replace(in_functions(kernel), probes=plain.probes)  # the edges, for hard rows
    parity, _, found = compared(compiled, kernel, frame)
    assert parity.proven, parity.problem
    _, _, expected = compared(plain, kernel, frame)
    assert found.equals(expected)
    if "float32" not in name:  # of which these databases have no type
        for database in WITH_FUNCTIONS:
            assert in_functions(kernel, database).functions == compiled.functions != ()


@pytest.mark.parametrize("name", marked(IN_FLOAT32, []))
def test_sums_in_float32_are_exact_and_links_within_their_tolerance(name: str, cases: Path) -> None:
    """So XGBoost scores where SQL refuses it for lack of such a type."""
    frame, kernel = kernel_of(name, cases, program=False)
    parity = sql_parity(in_functions(kernel), kernel, frame)
    assert parity.proven and parity.tolerance == 1e-6, parity.problem
    with pytest.raises(CompileError, match="it adds in float32"):
        compile_sql(kernel.estimator, kernel.version, kernel.signature, "snowflake")
    assert in_functions(kernel, "snowflake").functions


def test_a_text_that_is_too_long_is_cut_between_trees(cases: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frame, kernel = kernel_of("GradientBoostingClassifier 2", cases, program=False)
    (whole,) = in_functions(kernel).functions
    _, _, expected = compared(in_functions(kernel), kernel, frame)
    monkeypatch.setattr(functions, "LONGEST_TEXT", len(whole.text) - 1)
    parts = in_functions(kernel)
    assert len(parts.functions) > 1 and max(len(one.text) for one in parts.functions) < len(whole.text)
    parity, _, found = compared(parts, kernel, frame)
    assert parity.proven and found.equals(expected)
    called_in_order = re.findall(r"_v1_(\d+)_[0-9a-f]{32}\(", parts.text)
    assert called_in_order == [str(place + 1) for place in range(len(parts.functions))]

    monkeypatch.setattr(functions, "MOST_FUNCTIONS", len(parts.functions) - 1)
    with pytest.raises(CompileError, match=f"take more than {len(parts.functions) - 1} functions"):
        in_functions(kernel)
    monkeypatch.setattr(functions, "LONGEST_TEXT", 100)
    with pytest.raises(CompileError, match=r"a tree: it takes [\d,]+ bytes, and a function at most 100"):
        in_functions(kernel)


def test_other_arrays_are_refused_where_they_run(cases: Path) -> None:
    _, kernel = kernel_of("GradientBoostingClassifier 2", cases, program=False)
    (one,) = in_functions(kernel).functions
    rows = pd.DataFrame(np.zeros((3, one.arguments)))
    assert called(one)(rows).nunique() == 1
    start = one.text.index('ARRAYS = """\n') + 60
    other = "A" if one.text[start] != "A" else "B"
    changed = replace(one, text=one.text[:start] + other + one.text[start + 1 :])
    with pytest.raises(ValueError, match="not the trees that scorehouse proved"):
        called(changed)(rows)


@pytest.mark.parametrize("rows", [0, 1, 2, 5000])
def test_a_row_does_not_depend_on_its_batch(rows: int, cases: Path) -> None:
    """A row alone takes several trees at a time, a large batch comes in blocks: the same bits."""
    _, kernel = kernel_of("HistGradientBoostingClassifier 2", cases, program=False)
    (one,) = in_functions(kernel).functions
    numbers = np.random.default_rng(0).normal(scale=50, size=(rows, one.arguments))
    numbers[numbers > 60] = np.nan
    frame = pd.DataFrame(numbers, index=range(7, 7 + rows))
    frame[0] = 0.25
    trees = called(one)
    found = trees(frame)
    assert found.index.equals(frame.index)
    alone = [trees(frame.iloc[place : place + 1]).iloc[0] for place in range(0, rows, 500)]
    assert found.iloc[::500].tolist() == alone


def test_a_text_has_nothing_that_its_way_would_change(cases: Path) -> None:
    """dbt renders it as Jinja, and the adapters put it between $$ or three single quotes."""
    _, kernel = kernel_of("HistGradientBoostingClassifier 2", cases, program=False)
    (one,) = in_functions(kernel).functions
    assert not re.search(r"\{\{|\{%|\{#|\$\$|'''", one.text)
    imports = set(re.findall(r"^(?:import|from) (\w+)", one.text, re.MULTILINE))
    assert imports == {"base64", "functools", "hashlib", "json", "typing", "zlib", "numpy", "pandas"}


def registered(project: Path, name: str, **settings: Any) -> Version:
    """A forest that is beyond a statement of BigQuery."""
    estimator, X = forest(20, 270)
    variables = {"scorehouse_compiled_sql": settings}
    (project / "dbt_project.yml").write_text(yaml.safe_dump({"name": "house", "vars": variables}))
    return register(estimator, name, X, task="classification")


@pytest.mark.slow
def test_a_forest_beyond_a_statement_is_registered_with_functions(empty_project: Path) -> None:
    dialects = ["duckdb", "snowflake", "bigquery"]
    version = registered(empty_project, "large", dialects=dialects, functions=True)
    facts = version.program["sql"]
    assert facts["dialects"] == dialects and facts["functions"] == {"bigquery": 1} and "stages" not in facts
    assert version.program[CERTIFICATE]["on_rows"]["functions"] == "the arrays in their texts are not read"
    (file,) = (empty_project / "functions").glob("*.py")
    (node,) = yaml.safe_load((empty_project / "functions/scorehouse_large_v1.yml").read_text())["functions"]
    assert node["name"] == file.stem and "'bigquery'" in node["config"]["enabled"]
    macro = (empty_project / "macros/ml/large.sql").read_text()
    assert macro.count(f"decision['{file.stem}']") == 1
    check = ["check", "--project-dir", str(empty_project)]
    assert CliRunner().invoke(main, check).exit_code == 0
    text = file.read_text()
    file.write_text(text.replace("BLOCK = 4096", "BLOCK = 2048"))
    assert f"{file.name} is not the function that was proven" in CliRunner().invoke(main, check).output
    file.unlink()
    assert f"{file.name}, which its compiled SQL calls, is missing" in CliRunner().invoke(main, check).output

    compiled = ["compile", "large", "--project-dir", str(empty_project)]
    assert "bigquery with 1 function" in CliRunner().invoke(main, compiled).output
    assert file.read_text() == text, "the same trees have the same name"
    registered(empty_project, "other", dialects=dialects)
    assert "bigquery in 2 stages" in CliRunner().invoke(main, compiled).output
    assert not list((empty_project / "functions").iterdir())


@pytest.mark.slow
def test_a_forest_beyond_what_duckdb_takes_scores_by_functions(
    empty_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is no other SQL of it then; Python engines have native code."""
    few = replace(LIMITS["duckdb"], nodes=5_000)
    monkeypatch.setitem(LIMITS, "duckdb", few)
    monkeypatch.setattr(stages, "LARGEST_IN_STAGES", few)
    version = registered(empty_project, "large", dialects=["duckdb", "bigquery"], functions=True)
    facts = version.program["sql"]
    assert facts["dialects"] == ["bigquery"] and facts["nodes"] == 0 and facts["largest_difference"] < 1e-12
    assert "at most 5,000 on duckdb" in version.program["refused"]["sql for duckdb"]
    check = CliRunner().invoke(main, ["check", "--certify", "--project-dir", str(empty_project)])
    assert check.exit_code == 0, check.output


@pytest.mark.slow
def test_functions_that_differ_are_not_written(empty_project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = functions._packed

    def altered(trees: Any, *given: Any, **options: Any) -> bytes:
        (first, output), *others = trees
        return real([(replace(first, edge=first.edge + 5.0), output), *others], *given, **options)

    monkeypatch.setattr(functions, "_packed", altered)
    version = registered(empty_project, "wrong", dialects=["bigquery"], functions=True)
    assert version.program["sql"]["dialects"] == []
    assert "does not equal the estimator" in version.program["refused"]["sql for bigquery"]
    assert not (empty_project / "functions").exists()


def test_the_setting_is_true_or_false(empty_project: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"functions is 'yes'(.|\n)*true or false"):
        registered(empty_project, "large", dialects=["bigquery"], functions="yes")


def test_stored_sql_calls_no_function() -> None:
    """A program file that names one is refused: SQL would be made of the name as it is."""
    from scorehouse.program.sql.compiled import program_of_json

    document = {"steps": [], "outputs": [["score", {"Udf": ["drop_everything", []]}]]}
    with pytest.raises(ValueError, match="Udf of 'drop_everything' is nothing that the compiler writes"):
        program_of_json(document)


@pytest.mark.foreign
def test_as_a_pandas_udf_of_spark(cases: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    pyspark = pytest.importorskip("pyspark", reason="needs the extra `spark`")
    from pyspark.sql.functions import pandas_udf

    _, kernel = kernel_of("categories by name", cases, program=False)
    (one,) = in_functions(kernel).functions
    numbers = np.random.default_rng(0).integers(-2, 9, size=(500, one.arguments)).astype(float)
    numbers[numbers == 8] = np.nan
    numbers[:, 0] = 0.25  # the sum so far
    frame = pd.DataFrame(numbers, columns=[f"x{place}" for place in range(one.arguments)])
    session = pyspark.sql.SparkSession.builder.master("local[1]").getOrCreate()
    try:
        trees = pandas_udf(of_series(one), "double")
        rows = session.createDataFrame(frame).select(trees(*frame.columns).alias("sum"))
        found = [row["sum"] for row in rows.collect()]
    finally:
        session.stop()
    assert found == called(one)(frame).tolist()


def of_series(function: TreeFunction) -> Any:
    """The function of Spark's series; executors get its text, and no module of these tests."""
    made: dict[str, Any] = {"__name__": "__main__", "pandas": pd, "TEXT": function.text}
    exec(SUMS, made)
    return made["sums"]


SUMS = """
def sums(*columns: pandas.Series) -> pandas.Series:
    made = {}
    exec(TEXT, made)
    return made["trees"](pandas.concat(columns, axis=1))
"""
