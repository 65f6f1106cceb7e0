"""A feature column of another type is another input, though hash() of DuckDB gives one number for both."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from project import DbtProject
from scorehouse.cli.main import main

pytestmark = pytest.mark.slow
ROWS = 60
STAMP = "timestamp '2024-01-01' as updated_at"
# each value of AFTER has the hash of the value in the same place of BEFORE
BEFORE = (
    "select i as id, ((i * 37 % 100) / 100)::decimal(10, 2) as amount, 'a'::enum('a', 'b') as kind, "
    f"(i / 100)::decimal(10, 2) as cents, {STAMP}, i % 3 as part from range({ROWS}) as t(i)"
)
AFTER = (
    "select i as id, (i * 37 % 100)::integer as amount, 'b'::enum('b', 'a') as kind, "
    f"i::integer as cents, {STAMP}, i % 3 as part from range({ROWS}) as t(i)"
)
RULES: dict[str, Any] = {
    "by_change": "changed",
    "by_stamp": {"updated_at": "updated_at"},
    "by_new": "new",
    "of_all": "all",
}


def dbt(project: DbtProject, *arguments: str) -> None:
    """Run dbt as a user does, in a process of its own."""
    places = ["--project-dir", str(project.folder), "--profiles-dir", str(project.folder)]
    command = [str(Path(sys.executable).with_name("dbt")), "--quiet", *arguments, *places]
    ended = subprocess.run(command, cwd=project.folder, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.fixture(scope="module")
def retyped(tmp_path_factory: pytest.TempPathFactory) -> DbtProject:
    """A project whose feature columns changed their types between two runs of dbt."""
    project = DbtProject(tmp_path_factory.mktemp("types") / "house")
    random = np.random.default_rng(0)
    X = pd.DataFrame({"amount": random.uniform(0, 100, 300), "kind": random.choice(["a", "b"], 300)})
    columns = make_column_transformer((OneHotEncoder(), ["kind"]), remainder="passthrough")
    y = X.amount + 50 * (X.kind == "a") > 70
    model = make_pipeline(columns, LogisticRegression(max_iter=2000)).fit(X, y)
    project.register(model, "toy", X, y, task="classification")
    project.register(model, "order", X, y, task="ranking")
    project.features(BEFORE)
    for name, rule in RULES.items():
        project.sql_model(name, "toy", key="id", rescore=rule, passthrough=["cents"])
    ranked = {"key": "id", "group": "part", "passthrough": ["part"]}
    project.python_model("ranks", "order", **ranked, rescore="changed")
    project.python_model("ranks_of_all", "order", **ranked)
    project.build().check()
    project.features(AFTER)
    dbt(project, "run", "--exclude", "resource_type:seed")
    return project


def found(run: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(run[f"rows_{state}"] for state in ("new", "changed", "stale", "unchanged", "in"))


def test_the_hashes_do_not_show_it(retyped: DbtProject) -> None:
    assert retyped.query(
        f"select count(*) from ({BEFORE}) as b join ({AFTER}) as a using (id) "
        "where hash(b.amount, b.kind, b.cents) = hash(a.amount, a.kind, a.cents)"
    ) == [(ROWS,)]


@pytest.mark.parametrize("name", ["by_change", "by_stamp", "ranks"])
def test_rows_of_other_types_are_scored_again(name: str, retyped: DbtProject) -> None:
    assert found(retyped.runs(name)[-1]) == (0, ROWS, 0, 0, ROWS)
    whole, columns = ("ranks_of_all", "score, rank") if name == "ranks" else ("of_all", "score, cents")
    wanted = retyped.query(f"select id, {columns} from {whole} order by id")
    assert retyped.query(f"select id, {columns} from {name} order by id") == wanted


def test_the_rule_new_keeps_what_is_there(retyped: DbtProject) -> None:
    assert found(retyped.runs("by_new")[-1]) == (0, 0, 0, ROWS, 0)


def test_the_fingerprint_and_the_kind_of_hash_name_the_types(retyped: DbtProject) -> None:
    before, after = retyped.runs("of_all")
    for column in ("input_fingerprint", "feature_hash_kind"):
        assert before[column] != after[column]
        assert before[column].rpartition(":")[0] == after[column].rpartition(":")[0]  # but for the types


def replayed(project: DbtProject) -> dict[str, Any]:
    """The first run of a table whose rows are as that run left them, scored again."""
    run_id = str(project.runs("by_new")[0]["run_id"])
    places = ["--database", str(project.database), "--project-dir", str(project.folder)]
    ended = CliRunner().invoke(main, ["replay", run_id, *places, "--json"])
    return dict(json.loads(ended.output))


def test_a_replay_compares_no_row_of_other_types(retyped: DbtProject) -> None:
    """The features of the first run are gone, though every hash is still the same."""
    again = replayed(retyped)
    assert (again["rows_in_table"], again["rows_compared"], again["same_input"]) == (ROWS, 0, False)
    retyped.features(BEFORE)
    retyped.dbt("run", "--select", "features").check()
    again = replayed(retyped)
    assert (again["rows_compared"], again["rows_different"], again["same_input"]) == (ROWS, 0, True)


def test_nothing_is_scored_twice(retyped: DbtProject) -> None:
    """The last test gave back the first types: one run scores all again, the next one nothing."""
    for expected in (ROWS, 0):
        retyped.dbt("run", "--select", "by_change").check()
        assert found(retyped.runs("by_change")[-1])[4] == expected
