"""The macro `scorehouse.predict` in a dbt project on DuckDB: what it selects, and what it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from project import DbtProject
from scorehouse.kernel.scorer import Kernel
from scorehouse.kernel.training_batch import training_batch
from scorehouse.program.sql.compile import compile_sql
from scorehouse.program.sql.macros import SqlSettings, macro_file, write_macros
from scorehouse.registration.find_backends import find_backends
from scorehouse.registry.artifact import load
from scorehouse.registry.policy import LoadPolicy

PLANS = ["basic", "it's", "{{ braces }}", "{% raw %}", "{# note #}", "back\\slash"]
PLANS += ["{{{ braces }}}", "two\n  lines", "\r\nreturn\r", "form\x0bfeed\u2028"]
FEATURES = """
select range as customer_id, (range % 9)::double as visits,
    ['basic', 'it''s', '{' || '{ braces }}', '{' || '% raw %}', '{' || '# note #}', 'back\\slash',
     '{' || '{' || '{ braces }}}', 'two' || chr(10) || '  lines', chr(13) || chr(10) || 'return' || chr(13),
     'form' || chr(11) || 'feed' || chr(8232)][range % 10 + 1] as plan
from range(60)
union all
select 60, null, 'basic'
union all
select 61, 1.0, 'gold'
"""


def estimator(weight: float) -> Any:
    """Refuses a missing number and an unknown plan; `weight` makes versions differ."""
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"visits": rng.integers(0, 9, 300) * weight, "plan": rng.choice(PLANS, 300)})
    y = (frame["visits"] + (frame["plan"] == "it's") * 4 + rng.normal(size=300) > 5).astype(int)
    encoder = ColumnTransformer([("plan", OneHotEncoder(), ["plan"])], remainder="passthrough")
    return make_pipeline(encoder, LogisticRegression()).fit(frame, y), frame, y


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> DbtProject:
    """Two versions of `churn`, compiled, and a feature table; everything but the models is built."""
    project = DbtProject(tmp_path_factory.mktemp("predict") / "house")
    for weight, alias in ((1.0, None), (2.0, "champion")):
        fitted, frame, y = estimator(weight)
        project.register(fitted, "churn", frame, y, task="classification", alias=alias)
    project.features(FEATURES)
    project.write(
        "models/renamed.sql", "select customer_id, visits as \"VISITS\", plan from {{ ref('features') }}"
    )
    project.sql_model("by_python", "churn", key="customer_id")
    project.build().check()
    return project


def model(project: DbtProject, sql: str, name: str = "scored") -> Any:
    project.write(f"models/{name}.sql", f"select * from {{{{ {sql} }}}} as scored\n")
    return project.dbt("run", "--select", name)


@pytest.mark.slow
def test_equals_the_python_door(project: DbtProject) -> None:
    model(project, "scorehouse.predict('churn', relation=ref('features'))").check()
    columns = "customer_id, prediction, row_status, reject_reason"
    assert project.query(f"from (select {columns} from scored except select {columns} from by_python)") == []
    off = project.query(
        "select max(abs(scored.score - by_python.score)), count(scored.score) "
        "from scored join by_python using (customer_id)"
    )
    assert off[0][0] < 1e-12
    assert off[0][1] == 60
    rejected = project.query("select reject_reason from scored where customer_id >= 60 order by customer_id")
    assert rejected == [("null:visits",), ("unseen_category:plan=gold",)]
    names = [row[0] for row in project.query("describe scored")]
    kept = ["customer_id", "visits", "plan"]
    assert names == [*kept, "prediction", "score", "row_status", "reject_reason"]


@pytest.mark.parametrize(
    "call",
    [
        "scorehouse.predict('churn', relation=ref('features'), version=1, keep=['customer_id'])",
        "scorehouse.predict('churn', relation=ref('features'), version=1, keep='customer_id')",
        "scorehouse.predict('churn', relation=ref('renamed'), version=1, keep=['CUSTOMER_ID'])",
    ],
)
def test_a_version_by_number(call: str, project: DbtProject) -> None:
    model(project, call).check()
    second = project.query(
        "select count(*) from scored join by_python using (customer_id) where scored.score = by_python.score"
    )
    assert second[0][0] < 60
    assert [row[0] for row in project.query("describe scored")][:2] == ["customer_id", "prediction"]


def test_inside_a_model(project: DbtProject) -> None:
    project.write(
        "models/scored.sql",
        "with few as (select * from {{ ref('features') }} where customer_id < 7)\n"
        "select count(*) as n, avg(score) as score\n"
        "from {{ scorehouse.predict('churn', relation='few', keep=[]) }} as scored\n",
    )
    project.dbt("run", "--select", "scored").check()
    assert project.query("select n from scored") == [(7,)]


REFUSED = [
    ("scorehouse.predict('churn', relation=ref('features'), alias='nobody')", "(alias='nobody')", "champion"),
    (
        "scorehouse.predict('churn', relation=ref('features'), version=9)",
        "version 9 has no SQL",
        "of version 9",
    ),
    ("scorehouse.predict('churn', relation='features')", "(keep=null)", "of a CTE cannot be looked up"),
    ("scorehouse.predict('churn', relation=none)", "(relation=null)", "ref('customer_features')"),
    ("scorehouse.predict('', relation=ref('features'))", "(name='')", "the name of a registered"),
    ("scorehouse.predict('churn', relation=ref('features'), version='1')", "(version='1')", "the number"),
    ("scorehouse.predict('churn', relation=ref('by_python'))", "lacks visits", "add or rename"),
    ("scorehouse.predict('churn', relation=ref('odd'))", "(keep='score')", "not used for the outputs"),
]


@pytest.mark.parametrize(("call", "begins", "goes_on"), REFUSED, ids=[case[1] for case in REFUSED])
def test_refuses(call: str, begins: str, goes_on: str, project: DbtProject) -> None:
    if "odd" in call:
        project.write("models/odd.sql", "select *, 1 as score from {{ ref('features') }}")
        project.dbt("run", "--select", "odd").check()
    ended = model(project, call)
    message = ended.messages.get("scored") or ended.problem
    project.write("models/scored.sql", "select 1 as nothing")
    assert begins in message
    assert goes_on in message


def test_what_does_not_compile_is_refused_with_the_step(project: DbtProject) -> None:
    """Nothing is run: `dbt compile` says which step of the pipeline is in the way."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"visits": rng.normal(size=80), "plan": rng.normal(size=80)})
    y = (X["visits"] > 0).astype(int)
    project.register(
        make_pipeline(PCA(1), LogisticRegression()).fit(X, y), "blocked", X, y, task="classification"
    )
    project.dbt("seed").check()
    project.write(
        "models/blocked.sql", "select * from {{ scorehouse.predict('blocked', ref('features')) }} as s"
    )
    ended = project.dbt("compile", "--select", "blocked")
    (project.folder / "models" / "blocked.sql").unlink()
    message = ended.messages.get("blocked") or ended.problem
    assert "version 1 has no SQL for duckdb" in message
    assert "an ML model with compiled SQL of version 1" in message
    assert "pca > PCA: this transformer has no equivalent in SQL" in message


def test_the_file_is_kept_version_by_version(project: DbtProject) -> None:
    path: Path = macro_file(project.folder, "churn")
    text = path.read_text()
    assert text.count("{% macro scorehouse_predict__churn__v") == 8  # features, reasons and their facts
    version = project.register(*estimator(2.0)[:1], "churn", *estimator(2.0)[1:], task="classification")
    loaded, signature, _ = load(project.folder, version, LoadPolicy.from_variable({}), "test")
    backends = find_backends(
        Kernel(loaded, version, signature, strict=frozenset(), call="test"),
        training_batch(estimator(2.0)[1], "test"),
        sql=SqlSettings.of(project.folder),
    )
    write_macros(project.folder, "churn", backends.sql, backends.reasons)
    assert path.read_text() == text
    write_macros(project.folder, "churn", backends.sql)
    assert path.read_text().count("{% macro scorehouse_predict__churn__v") == 6
    write_macros(project.folder, "churn", backends.sql, backends.reasons)


@pytest.mark.slow
def test_another_database_is_refused(project: DbtProject) -> None:
    fitted, frame, y = estimator(3.0)
    version = project.register(fitted, "remote", frame, y, task="classification")
    loaded, signature, _ = load(project.folder, version, LoadPolicy.from_variable({}), "test")
    write_macros(project.folder, "remote", [compile_sql(loaded, version, signature, "snowflake")])
    project.dbt("seed").check()
    ended = model(project, "scorehouse.predict('remote', relation=ref('features'))", "elsewhere")
    (project.folder / "models" / "elsewhere.sql").unlink()
    assert "version 1 has no compiled SQL for duckdb" in (ended.messages.get("elsewhere") or ended.problem)
