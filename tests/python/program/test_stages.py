"""SQL that is too large for one statement is cut into stages, which compute the same numbers."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeRegressor

from compile_cases import CASES
from compile_kernel import kernel_of
from forests import forest
from project import MakeKernel
from scorehouse import register
from scorehouse.errors import CompileError, ConfigurationError
from scorehouse.kernel.training_batch import training_batch
from scorehouse.program.hard_rows import hard_rows
from scorehouse.program.sql import in_duckdb
from scorehouse.program.sql.compile import compile_sql
from scorehouse.program.sql.compiled import NEXT
from scorehouse.program.sql.dialects import LIMITS
from scorehouse.program.sql.in_duckdb import differ_in_stages

pytestmark = pytest.mark.slow

MOST = 10_000
CUT = {  # case -> a database that has it, and the fewest stages
    "RandomForestClassifier 3": ("snowflake", 10),
    "GradientBoostingClassifier 2": ("bigquery", 2),
    "XGBoost 2": ("postgres", 2),
    "CalibratedClassifierCV isotonic 3": ("postgres", 5),
}


@pytest.mark.parametrize("name", [name for name in CUT if name in CASES])
def test_stages_equal_one_statement(name: str, cases: Path) -> None:
    """To the last bit, on training rows and on those that the gate makes to break a backend."""
    database, fewest = CUT[name]
    frame, kernel = kernel_of(name, cases, program=False)
    asked = (kernel.estimator, kernel.version, kernel.signature, database)
    assert compile_sql(*asked).stages == ()
    backend = compile_sql(*asked, statement_bytes=MOST)
    texts = backend.statements([f"stage_{number}" for number in range(len(backend.stages))])
    assert len(texts) >= fewest and max(len(text.encode()) for text in texts) <= MOST < backend.size_bytes
    assert backend.macro_body().count(NEXT) == len(texts) - 1
    training = training_batch(frame, "test")
    tried = [training, hard_rows(backend.signature, backend.probes, training)]
    assert not differ_in_stages(backend, pa.Table.from_batches(tried).combine_chunks())


def test_a_database_that_runs_no_stages_refuses(cases: Path) -> None:
    _, kernel = kernel_of("GradientBoostingClassifier 2", cases, program=False)
    for database in ("redshift", "databricks", "clickhouse"):
        with pytest.raises(CompileError, match=f"bytes of SQL.*\n.*at most 10,000 on {database}"):
            compile_sql(kernel.estimator, kernel.version, kernel.signature, database, statement_bytes=MOST)


def test_one_tree_cannot_be_cut(make_kernel: MakeKernel) -> None:
    X = pd.DataFrame({"x": range(3000)})
    estimator = DecisionTreeRegressor(random_state=0).fit(X, X.x % 1009)
    kernel = make_kernel(estimator, X, X.x, task="regression", program=False)
    with pytest.raises(CompileError, match="at most 10,000 on snowflake"):
        compile_sql(kernel.estimator, kernel.version, kernel.signature, "snowflake", statement_bytes=MOST)


def test_a_forest_beyond_the_limits_is_registered_in_stages(
    empty_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without being asked for, where one statement does not do; not registered if the stages differ."""
    estimator, X = forest(20, 270)
    nodes = sum(tree.tree_.node_count for tree in estimator[-1].estimators_)
    assert LIMITS["bigquery"].nodes < nodes < LIMITS["snowflake"].nodes
    variable = "vars: {scorehouse_compiled_sql: {dialects: [duckdb, snowflake, bigquery, redshift]}}"
    (empty_project / "dbt_project.yml").write_text(f"name: house\n{variable}\n")
    version = register(estimator, "large", X, task="classification")
    facts = version.program["sql"]
    assert facts["dialects"] == ["duckdb", "snowflake", "bigquery", "redshift"]
    assert facts["stages"] == {"bigquery": 2}
    macro = (empty_project / "macros/ml/large.sql").read_text()
    assert macro.count(NEXT) == 1

    monkeypatch.setattr(
        in_duckdb, "duckdb_rows_in_stages", lambda compiled, rows, connection: rows.slice(0, 1)
    )
    version = register(estimator, "unequal", X, task="classification")
    assert version.program["sql"]["dialects"] == ["duckdb", "snowflake", "redshift"]
    assert version.program["refused"] == {"sql for bigquery": "its 2 stages differ from one statement"}


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("{statement_bytes: 9999}", "statement_bytes is 9999"),
        ("{statement_bytes: '20000'}", "statement_bytes is '20000'"),
        ("{statement_bytes: true}", "statement_bytes is True"),
        ("{statement_size: 20000}", "it is {'statement_size': 20000}"),
    ],
)
def test_what_is_wrong_with_the_setting_is_said(empty_project: Path, value: str, problem: str) -> None:
    (empty_project / "dbt_project.yml").write_text(
        f"name: house\nvars: {{scorehouse_compiled_sql: {value}}}\n"
    )
    X = pd.DataFrame({"x": [1.0, 2.0, 3.0, 4.0]})
    with pytest.raises(ConfigurationError) as caught:
        register(LogisticRegression().fit(X, X.x > 2), "line", X, task="classification")
    assert problem in str(caught.value) and "correct it" in str(caught.value)
