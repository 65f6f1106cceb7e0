"""What is the same in all rows is stored once, and reads as if it stood in each."""

from __future__ import annotations

import json
import re
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from project import DbtProject
from scorehouse.engines.duckdb.staging import hold_all_columns

pytestmark = pytest.mark.slow

ROWS = 500
AUDIT = {"row_status", "model_name", "model_version", "model_digest", "scoring_run_id", "scored_at"}


def _register(project: DbtProject, seed: int) -> Any:
    random = np.random.default_rng(seed)
    X = pd.DataFrame(random.normal(size=(200, 2)), columns=["a", "b"])
    y = (X.a + seed * X.b > 0).astype(int)
    return project.register(LogisticRegression().fit(X, y), "toy", X, y, task="classification")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> DbtProject:
    project = DbtProject(tmp_path_factory.mktemp("staging") / "house")
    _register(project, 0)
    project.features(
        "select i as id, case when i % 9 = 0 then null else sin(i) end as a, cos(i) as b "
        f"from range({ROWS}) as t(i)"
    )
    project.python_model("scores", "toy", key="id", passthrough="a", decision={"threshold": 0.4})
    project.python_model("merged", "toy", key="id", passthrough="a", rescore="changed")
    project.build().check()
    return project


def _generated(project: DbtProject, table: str) -> set[str]:
    ((text,),) = project.query(f"select sql from duckdb_tables() where table_name = '{table}'")
    return set(re.findall(r'(\w+)"? (?:ENUM\([^)]*\)|\w+) GENERATED ALWAYS', text))


def test_a_table_that_is_rebuilt_stores_its_audit_columns_once(project: DbtProject) -> None:
    assert _generated(project, "scores") == {*AUDIT, "decision_policy"}
    assert _generated(project, "merged") == set()
    (run,), (version,) = project.runs("scores"), project.query("select sha256 from ml_toy")
    found = project.query(
        "select row_status, model_name, model_version, model_digest, scoring_run_id, count(*) "
        "from scores group by all order by all"
    )
    made = ("toy", 1, version[0], run["run_id"])
    rejected = len(range(0, ROWS, 9))
    assert found == [("rejected", *made, rejected), ("scored", *made, ROWS - rejected)]
    types = {name: kind for name, kind in project.columns("merged").items() if name in AUDIT}
    assert {name: kind for name, kind in project.columns("scores").items() if name in AUDIT} == types


def test_rows_of_another_version_are_merged_into_such_a_table(project: DbtProject) -> None:
    """As after `rescore` was changed, without a full refresh."""
    (before,) = project.query("select sha256 from ml_toy")
    second = _register(project, 1)
    arguments = {"key": "id", "passthrough": "a", "decision": {"threshold": 0.4}}
    project.python_model("scores", "toy", **arguments, rescore={"rule": "changed", "max_rows": 100})
    project.build("--select", "ml_toy scores").check()
    assert project.runs("scores")[-1]["write_mode"] == "merge"
    counts = dict(project.query("select model_digest, count(*) from scores group by all"))
    assert counts == {before[0]: ROWS - 100, second.sha256: 100}
    assert _generated(project, "scores") == set()
    assert json.loads(project.runs("scores")[-1]["reject_reasons"]) != {}


def test_only_generated_columns_are_made_real() -> None:
    with duckdb.connect() as connection:
        connection.execute("create table plain (a integer primary key)")
        connection.execute("""create table "odd ""name" (a integer, b integer generated always as (a + 1))""")
        connection.execute("""insert into "odd ""name" values (1)""")
        hold_all_columns(connection, '"memory"."main"."plain"')
        hold_all_columns(connection, '"memory"."main"."odd ""name"')
        kept = connection.execute("select sql from duckdb_tables() order by table_name desc").fetchall()
        assert "PRIMARY KEY" in kept[0][0] and "GENERATED" not in kept[1][0]
        assert connection.execute("""select * from "odd ""name" """).fetchall() == [(1, 2)]
