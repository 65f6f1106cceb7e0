"""A prediction table whose columns are not those of the run any more: refused before scoring, or changed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from sklearn.linear_model import LogisticRegression

from churn import FEATURES, ROWS, classifier, training
from project import DbtProject

pytestmark = pytest.mark.slow
COUNTED = "select count(*) from scored"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> DbtProject:
    project = DbtProject(tmp_path_factory.mktemp("columns") / "house")
    project.register(classifier(), "churn", training(), task="classification")
    project.features(FEATURES)
    project.sql_model("scored", "churn", key="id", passthrough=["shop"], rescore="changed")
    project.build().check()
    return project


@pytest.fixture
def project(built: DbtProject) -> DbtProject:
    """The table as it was first made, and nothing changed."""
    built.features(FEATURES)
    built.sql_model("scored", "churn", key="id", passthrough=["shop"], rescore="changed")
    built.build("--select", "features", "scored", "--full-refresh").check()
    return built


def scored(project: DbtProject, setting: str = "", **arguments: Any) -> str:
    """Run the model; what dbt says of it where it failed."""
    config = f"on_schema_change='{setting}'" if setting else ""
    given = {"key": "id", "passthrough": ["shop"], "rescore": "changed", **arguments}
    project.sql_model("scored", "churn", config=config, **given)
    ended = project.dbt("run", "--select", "features", "scored")
    return "" if ended.success else ended.messages["scored"]


def test_a_changed_list_is_refused_before_a_row_is_scored(project: DbtProject) -> None:
    before = project.content("scored")
    for setting in ("", "fail"):
        said = scored(project, setting, passthrough=["note"])
        assert "it lacks note, and it has shop, which this run does not write" in said
        assert "on_schema_change='append_new_columns'" in said and "--full-refresh" in said
    run = project.runs("scored")[-1]
    assert (run["status"], run["rows_scored"], run["rows_new"]) == ("failed", 0, None)
    assert project.content("scored") == before


def test_columns_are_appended_without_a_rebuild(project: DbtProject) -> None:
    assert scored(project, "append_new_columns", passthrough=["shop", "note"]) == ""
    run = project.runs("scored")[-1]
    assert (run["write_mode"], run["rows_changed"]) == ("merge", ROWS)  # a hash of other columns
    assert project.query("select count(*) from scored where note = 'note ' || id") == [(ROWS,)]
    assert scored(project, "append_new_columns", passthrough=["note"], rescore="given") == ""
    assert project.query("select count(shop), count(note), count(*) from scored") == [(0, ROWS, ROWS)]


def test_of_rows_that_stay_an_appended_column_is_null(project: DbtProject) -> None:
    project.features(f"select * replace (id + 10 as id) from ({FEATURES})")
    assert scored(project, "append_new_columns", passthrough=["shop", "note"], rescore="new") == ""
    assert project.query("select count(*), count(note) from scored") == [(ROWS + 10, 10)]


def test_all_columns_are_synchronized(project: DbtProject) -> None:
    project.features(
        f"select * replace (shop::bigint as shop, i as note) from ({FEATURES}), range(1) as t(i)"
    )
    decision = {"threshold": 0.5}
    assert scored(project, "sync_all_columns", passthrough=["note", "shop"], decision=decision) == ""
    columns = project.columns("scored")
    assert (columns["shop"], columns["note"], columns["decision"]) == ("BIGINT", "BIGINT", "VARCHAR")
    assert project.query("select count(*) from scored where decision is null and score is not null") == [(0,)]
    assert scored(project, "sync_all_columns", passthrough=["shop"]) == ""
    assert not {"note", "decision", "band"} & set(project.columns("scored"))
    assert project.query(COUNTED) == [(ROWS,)]


def test_an_index_is_in_the_way_before_a_row_is_scored(project: DbtProject) -> None:
    """DuckDB neither drops nor retypes a column of a table with an index."""
    with duckdb.connect(project.database) as connection:
        connection.execute('create index "by id" on scored (id)')
    before = project.content("scored")
    said = scored(project, "sync_all_columns", passthrough=[])
    assert "must drop or retype shop" in said and "this one has by id" in said
    project.features(f"select * replace (shop::hugeint as shop) from ({FEATURES})")
    assert "must drop or retype shop" in scored(project, "sync_all_columns")
    assert project.runs("scored")[-1]["rows_scored"] == 0
    assert project.content("scored") == before
    assert scored(project, "append_new_columns", passthrough=["shop", "note"]) == ""
    dropped = "pre_hook='drop index if exists \"by id\"', on_schema_change='sync_all_columns'"
    project.sql_model("scored", "churn", config=dropped, key="id", passthrough=["note"], rescore="changed")
    project.dbt("run", "--select", "scored").check()
    assert "note" in project.columns("scored") and "shop" not in project.columns("scored")


def test_a_challenger_joins_a_table_with_its_columns(project: DbtProject) -> None:
    X = training()
    other = classifier().fit(X, X.amount > 20)
    project.register(other, "churn", X, task="classification", alias="challenger")
    project.dbt("seed").check()
    wide: dict[str, Any] = {"alias": ["champion", "challenger"], "layout": "wide"}
    assert "it lacks prediction__challenger, " in scored(project, **wide)
    assert scored(project, "append_new_columns", **wide) == ""
    assert project.runs("scored")[-1]["write_mode"] == "merge"
    assert project.query(
        "select count(*), count(score__challenger) = count(score), any_value(model_version__challenger) "
        "from scored"
    ) == [(ROWS, True, 2)]


def test_ignore_leaves_the_table_as_it_is(project: DbtProject) -> None:
    columns = project.columns("scored")
    assert scored(project, "ignore", passthrough=["note"], decision={"threshold": 0.5}) == ""
    assert project.columns("scored") == columns
    assert project.query("select count(shop), count(*) from scored") == [(0, ROWS)]
    assert "Expected: ignore, append_new_columns" in scored(project, "append")


def test_a_value_is_never_rounded_into_the_type_of_the_table(project: DbtProject) -> None:
    project.features(f"select * replace ((shop / 2)::double as shop) from ({FEATURES})")
    said = scored(project)
    assert "'shop' is BIGINT in the table and DOUBLE in this run" in said
    assert "not every value fits both types" in said
    assert "'shop' is BIGINT in the table and DOUBLE in this run" in scored(project, "append_new_columns")
    assert scored(project, "sync_all_columns") == ""
    assert project.query("select count(*) from scored where shop = 0.5") == [(ROWS // 5,)]
    project.features(FEATURES)  # the table's halves have no place in BIGINT
    assert "'shop' is DOUBLE in the table and BIGINT in this run" in scored(project, "sync_all_columns")
    assert scored(project) == ""  # while the new values have one in DOUBLE
    assert project.columns("scored")["shop"] == "DOUBLE"


# --- names, and databases, that dbt is not asked for every day ---


def test_any_name_is_a_name(tmp_path: Path) -> None:
    project = DbtProject(tmp_path / "house")
    X = training()[["amount", "visits"]].rename(columns={"amount": 'x"y', "visits": "a b"})
    model = LogisticRegression(max_iter=500).fit(X, X['x"y'] > 50)
    project.register(model, "named", X, X['x"y'] > 50, task="classification")
    project.features(
        'select i as "k""ey", (i % 100)::double as "x""y", i % 9 as "a b", i as "select", '
        'i as "Über größe" from range(100) as t(i)'
    )
    kept = ["select", "Über größe", 'x"y']
    project.sql_model("scored", "named", key='k"ey', passthrough=kept, rescore="changed")
    project.write(
        "models/predicted.sql",
        "select * from {{ scorehouse.predict('named', relation=ref('features'), keep=['k\"ey', 'select']) }}",
    )
    project.write(
        "models/all_kept.sql", "select * from {{ scorehouse.predict('named', relation=ref('features')) }}"
    )
    project.build().check()
    project.features(
        'select i as "k""ey", (i % 99)::double as "x""y", i % 9 as "a b", i as "select", '
        'i as "Über größe" from range(100) as t(i)'
    )
    project.build().check()
    assert project.runs("scored")[-1]["write_mode"] == "merge"
    for table in ("predicted", "all_kept"):
        assert project.query(
            f'select count(*) from scored join {table} as p on scored."k""ey" = p."k""ey" '
            "where abs(scored.score - p.score) < 1e-12"
        ) == [(100,)]


def profile(project: DbtProject, **output: Any) -> None:
    outputs = {"dev": {"type": "duckdb", "threads": 2, **output}}
    project.write("profiles.yml", yaml.safe_dump({"house": {"target": "dev", "outputs": outputs}}))


def dbt(project: DbtProject, *arguments: str) -> str:
    """Run dbt as a user does; what it prints where it fails."""
    ended = program(project, "dbt", "--no-use-colors", *arguments)
    return ended.stdout if ended.returncode else ""


def program(project: DbtProject, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name(name)), *arguments]
    places = {"DBT_PROJECT_DIR": str(project.folder), "DBT_PROFILES_DIR": str(project.folder)}
    return subprocess.run(
        command, cwd=project.folder, env={**os.environ, **places}, capture_output=True, text=True
    )


def scorehouse(project: DbtProject, *arguments: str) -> str:
    """What a command prints that reads the target `dev`."""
    ended = program(project, "scorehouse", *arguments, "--target", "dev")
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def check_commands_read_the_run_log(project: DbtProject, nodes: set[str]) -> None:
    """Every command that reads the run log of a target finds it where dbt has it, and all of its runs."""
    runs = json.loads(scorehouse(project, "runs", "--json"))
    assert {(run["node"].rpartition(".")[2], run["status"]) for run in runs} == {
        (node, "success") for node in nodes
    }
    for run in (run for run in runs if run["write_mode"] == "replace"):
        ended = program(project, "scorehouse", "replay", run["run_id"], "--json", "--target", "dev")
        found = json.loads(ended.stdout)
        assert (found["rows_different"], found["same_input"]) == (0, True)
        is_replaced = found["rows_in_table"] == 0  # by a later run
        assert (ended.returncode, found["shows_nothing"]) == (3 if is_replaced else 0, is_replaced)
    scorehouse(project, "report", "--output", "report.html")
    page = (project.folder / "report.html").read_text()
    assert "within the hour" in page and "No scoring run of this ML model" not in page
    assert json.loads(scorehouse(project, "export", "alerts"))


def test_a_table_in_another_database_is_refused_or_has_its_run_log_there(tmp_path: Path) -> None:
    project = DbtProject(tmp_path / "house")
    project.register(classifier(), "churn", training(), task="classification")
    project.features(FEATURES)
    project.sql_model("scored", "churn", key="id", rescore="changed", config="database='other'")
    attached = [{"path": "other.duckdb", "alias": "other"}]
    profile(project, path="house.duckdb", attach=attached)
    said = dbt(project, "build")
    assert "its database is 'other', but the run log is in 'house'" in said
    assert "set the variable scorehouse_run_log_database: other" in said and "Traceback" not in said
    project.settings({"scorehouse_run_log_database": "other"})
    project.python_model("plain", "churn", key="id", config="materialized='table', schema='extra'")
    for _ in range(2):
        assert dbt(project, "build") == ""
    check_commands_read_the_run_log(project, {"scored", "plain"})
    with duckdb.connect(str(project.folder / "other.duckdb"), read_only=True) as other:
        assert other.sql(COUNTED).fetchall() == [(ROWS,)]
        logged = other.sql(
            "select write_mode, rows_in from scorehouse_run_log where node like '%scored' order by started_at"
        ).fetchall()
    assert logged == [("replace", ROWS), ("merge", 0)]


def test_an_attached_database_is_the_target(tmp_path: Path) -> None:
    project = DbtProject(tmp_path / "house")
    project.register(classifier(), "churn", training(), task="classification")
    project.features(FEATURES)
    project.sql_model("scored", "churn", key="id", rescore="changed")
    profile(project, path=":memory:", attach=[{"path": "lake.duckdb", "alias": "lake"}], database="lake")
    for _ in range(2):
        assert dbt(project, "build") == ""
    check_commands_read_the_run_log(project, {"scored"})
    with duckdb.connect(str(project.folder / "lake.duckdb"), read_only=True) as lake:
        assert lake.sql(COUNTED).fetchall() == [(ROWS,)]
        assert lake.sql("select count(*) from scorehouse_run_log").fetchall() == [(2,)]
