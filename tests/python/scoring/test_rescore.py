"""Rescoring scores what it must and nothing else: counts, budgets, vanished rows, groups."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sklearn.linear_model import LogisticRegression

from project import DbtProject
from rescoring import execute, found, last_run, make_project, register_version, training

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("door", ["python_model", "sql_model"])
def test_only_changed_rows_are_scored(door: str, tmp_path: Path) -> None:
    project = make_project(tmp_path / "p", door=door, rescore="changed")
    assert found(project) == (100, 0, 0, 0, 0)
    project.build().check()
    assert found(project) == (0, 0, 0, 100, 0)
    assert last_run(project)["rows_in"] == 0
    execute(
        project,
        "update raw_rows set a = a + 1 where id < 3",
        "insert into raw_rows values (1000, 1, 1, 0, now()::timestamp), (1001, null, 1, 0, null)",
        "delete from raw_rows where id = 50",
    )
    project.build().check()
    run = last_run(project)
    assert found(project) == (2, 3, 0, 96, 1)
    assert (run["rows_in"], run["rows_scored"], run["rows_rejected"], run["write_mode"]) == (5, 4, 1, "merge")
    assert project.query("select count(*), count(distinct id) from scores") == [(102, 102)]
    assert len(project.query("select distinct scoring_run_id from scores")) == 2


def test_a_promotion_makes_rows_stale_and_a_same_promotion_does_not(tmp_path: Path) -> None:
    project = make_project(tmp_path / "p", rescore="changed")
    register_version(project, 1)
    project.build().check()
    assert found(project) == (0, 0, 100, 0, 0)
    assert project.query("select distinct model_version from scores") == [(2,)]
    register_version(project, 2, alias="challenger")
    project.build().check()
    assert found(project) == (0, 0, 0, 100, 0)


def test_another_threshold_or_policy_makes_rows_stale(tmp_path: Path) -> None:
    project = make_project(tmp_path / "p", rescore="changed")
    register_version(project, 0, threshold=0.9)  # the same estimator, byte for byte
    project.build().check()
    assert found(project) == (0, 0, 100, 0, 0)
    project.python_model("scores", "toy", key="id", rescore="changed", strict=["out_of_range"])
    project.build().check()
    assert found(project) == (0, 0, 100, 0, 0)


def test_another_kind_of_hash_counts_as_changed(tmp_path: Path) -> None:
    project = make_project(tmp_path / "p", rescore="changed")
    execute(project, "update scorehouse_run_log set feature_hash_kind = 'duckdb:1'")
    project.build().check()
    assert found(project) == (0, 100, 0, 0, 0)


def test_a_lost_run_log_makes_rows_stale(tmp_path: Path) -> None:
    project = make_project(tmp_path / "p", rescore="changed")
    execute(project, "drop table scorehouse_run_log cascade")
    project.build().check()
    assert found(project) == (0, 0, 100, 0, 0)


def test_a_passed_through_column_is_kept_up_to_date(tmp_path: Path) -> None:
    project = make_project(tmp_path / "p", rescore="changed", passthrough=["part"])
    execute(project, "update raw_rows set part = 99 where id = 7")
    project.build().check()
    assert found(project) == (0, 1, 0, 99, 0)
    assert project.query("select part from scores where id = 7") == [(99,)]


@pytest.mark.parametrize("vanished", ["keep", "flag", "delete"])
def test_rows_that_vanished(vanished: str, tmp_path: Path) -> None:
    project = make_project(tmp_path / "p", rescore={"rule": "changed", "vanished": vanished})
    execute(project, "create table gone as from raw_rows where id < 5", "delete from raw_rows where id < 5")
    for _ in range(2):
        project.build().check()
    assert last_run(project)["rows_vanished"] == (0 if vanished == "delete" else 5)
    expected = {"keep": 100, "flag": 100, "delete": 95}[vanished]
    assert project.query("select count(*) from scores") == [(expected,)]
    if vanished == "flag":
        assert project.query("select count(*), max(id) from scores where is_vanished") == [(5, 4)]
    execute(project, "insert into raw_rows from gone")
    project.build().check()
    assert found(project)[0] == (0 if vanished == "keep" else 5)
    assert project.query("select count(*) from scores") == [(100,)]
    if vanished == "flag":
        assert project.query("select count(*) from scores where is_vanished") == [(0,)]
    assert project.query("select count(*) from duckdb_tables() where table_name like '%scorehouse_new%'") == [
        (0,)
    ]


def test_by_updated_at(tmp_path: Path) -> None:
    rescore = {"updated_at": "updated_at", "lookback": "10 seconds"}
    project = make_project(tmp_path / "p", rescore=rescore)
    run = last_run(project)
    assert (run["rescore_rule"], str(run["watermark"])) == ("updated_at", "2024-01-01 00:01:39")
    project.build().check()
    assert found(project) == (0, 10, 0, 90, 0)  # what lies within the look-back
    execute(project, "update raw_rows set a = 9, updated_at = '2024-02-01' where id = 3")
    project.build().check()
    assert found(project) == (0, 11, 0, 89, 0)
    project.build().check()
    assert found(project) == (0, 1, 0, 99, 0)
    register_version(project, 1)
    project.build().check()
    assert found(project) == (0, 0, 100, 0, 0)


def test_a_budget_pays_a_promotion_off(tmp_path: Path) -> None:
    project = make_project(tmp_path / "p", rescore={"rule": "changed", "max_rows": 40})
    left = []
    for _ in range(3):
        run = last_run(project)
        left.append((run["rows_in"], run["rows_left"]))
        project.build().check()
    assert left == [(40, 60), (40, 20), (20, 0)]
    assert found(project) == (0, 0, 0, 100, 0)
    register_version(project, 1)
    execute(project, "insert into raw_rows values (1000, 1, 1, 0, now()::timestamp)")
    project.build().check()
    assert found(project) == (1, 0, 100, 0, 0)
    assert project.query("select count(*) from scores where model_version = 2") == [(40,)]
    assert project.query("select model_version from scores where id = 1000") == [(2,)]  # never scored: first
    for _ in range(2):
        project.build().check()
    assert last_run(project)["rows_left"] == 0
    assert project.query("select count(*) from scores where model_version = 2") == [(101,)]


def test_a_budget_of_time(tmp_path: Path) -> None:
    project = make_project(
        tmp_path / "p", rows=3000, rescore={"rule": "changed", "max_seconds": 1e-9}, batch_rows=100
    )
    run = last_run(project)
    assert (run["rows_in"], run["rows_left"]) == (0, 3000)
    project.python_model(
        "scores", "toy", key="id", batch_rows=100, rescore={"rule": "changed", "max_seconds": 600}
    )
    project.build().check()
    assert (last_run(project)["rows_in"], last_run(project)["rows_left"]) == (3000, 0)


@pytest.mark.parametrize(
    ("rescore", "message"),
    [
        ("sometimes", "rescore has 'sometimes'"),
        ({"rule": "changed", "max_row": 5}, "rescore has 'max_row'"),
        ({"rule": "changed", "max_rows": 0}, "max_rows 0"),
        ({"rule": "all", "max_rows": 5}, "the rule 'all' and a budget"),
        ({"rule": "updated_at"}, "updated_at None"),
        ({"updated_at": "a"}, "updated_at is the column 'a' of type double"),
        ({"updated_at": "update_at"}, "near: 'updated_at'"),
        ({"updated_at": "updated_at", "lookback": "soon"}, "lookback 'soon'"),
        ({"rule": "changed", "vanished": "hide"}, "rescore vanished has 'hide'"),
        ({"rule": "changed", "vanished": "flag"}, "rebuild the table once with --full-refresh"),
    ],
)
def test_what_cannot_be_asked_for(rescore: Any, message: str, shared: DbtProject) -> None:
    before = shared.content("scores")
    shared.python_model("scores", "toy", key="id", rescore=rescore)
    build = shared.build("--select", "scores")
    assert message in build.messages["scores"]
    assert shared.content("scores") == before


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> DbtProject:
    return make_project(tmp_path_factory.mktemp("shared") / "p")


def test_plain_incremental_scores_only_changed_rows(tmp_path: Path) -> None:
    project = DbtProject(tmp_path / "p")
    register_version(project, 0)
    execute(project, "create table raw_rows as select i as id, i / 1.0e0 as a, 1e0 as b from range(50) t(i)")
    project.features("select * from raw_rows")
    config = "materialized='incremental', unique_key='id'"
    project.python_model("scores", "toy", config=config, key="id", rescore="changed")
    project.build().check()
    execute(project, "update raw_rows set b = 2 where id < 4")
    project.build().check()
    assert found(project) == (0, 4, 0, 46, 0)
    assert project.query("select count(*) from scores") == [(50,)]
    project.python_model("scores", "toy", config=config, key="id", rescore={"vanished": "delete"})
    assert 'use materialized="predictions"' in project.build("--select", "scores").messages["scores"]


def test_a_changed_row_has_its_whole_group_ranked_again(tmp_path: Path) -> None:
    project = make_ranking(tmp_path / "p")
    execute(
        project,
        "update raw_rows set a = 99 where id = 0",  # group 0
        "update raw_rows set part = 2 where id = 1",  # from group 1 to group 2
    )
    project.build().check()
    assert found(project) == (0, 75, 0, 25, 0)
    assert project.content("ranks") == ranked_from_scratch(project)
    execute(project, "delete from raw_rows where id = 3")  # group 3
    project.build().check()
    assert found(project) == (0, 24, 0, 75, 1)
    project.python_model(
        "scores", "rank", key="id", group="part", passthrough=["part"],
        rescore={"rule": "changed", "max_rows": 30, "vanished": "delete"},
    )  # fmt: skip
    execute(project, "update raw_rows set a = a + 1")
    project.build().check()
    run = last_run(project)
    assert (run["rows_in"], run["rows_left"]) == (25, 74)  # whole groups only
    assert project.query("select part, count(*), max(rank) from ranks group by all order by 1") == [
        (0, 25, 25),
        (1, 24, 24),
        (2, 26, 26),
        (3, 24, 24),
    ]


def make_ranking(folder: Path, **rescore: Any) -> DbtProject:
    project = make_project(folder)
    frame, labels = training(0)
    project.register(LogisticRegression().fit(frame, labels), "rank", frame, labels, task="ranking")
    project.python_model(
        "scores", "rank", key="id", group="part", passthrough=["part"],
        rescore={"rule": "changed", "vanished": "delete", **rescore},
    )  # fmt: skip
    project.python_model("from_scratch", "rank", key="id", group="part", passthrough=["part"])
    project.write("models/ranks.sql", "select id, part, score, rank from {{ ref('scores') }}")
    project.build("--full-refresh").check()
    return project


def ranked_from_scratch(project: DbtProject) -> list[Any]:
    return project.query("select id, part, score, rank from from_scratch order by all")


@pytest.mark.parametrize(
    "vanished", ["flag", *(pytest.param(name, marks=pytest.mark.soak) for name in ("keep", "delete"))]
)
def test_a_group_that_lost_a_row_is_ranked_again_though_a_budget_left_it(
    vanished: str, tmp_path: Path
) -> None:
    project = make_ranking(tmp_path / "p", vanished=vanished, max_rows=30)
    live = {
        "keep": "where id in (select id from from_scratch)",
        "flag": "where not is_vanished",
        "delete": "",
    }[vanished]

    def settle() -> None:
        for _ in range(6):
            project.build("--select", "features", "from_scratch", "scores").check()
            if last_run(project)["rows_left"] == 0:
                break
        held = project.query(f"select id, part, score, rank from scores {live} order by id")
        assert held == project.query("select id, part, score, rank from from_scratch order by id")

    settle()
    execute(
        project,
        "delete from raw_rows where id = 3",
        "update raw_rows set part = 2 where id = 8",
        "update raw_rows set part = null where id % 10 = 5",  # NULL is a group, too
        "update raw_rows set a = a + 1 where id % 10 = 7",
    )
    settle()
    execute(project, "update raw_rows set a = 99 where id = 25")
    settle()
    assert found(project)[1] == 10
    settle()
    assert found(project)[1] == 0  # a prediction that is kept has nothing ranked again and again
    if vanished == "keep":
        assert project.query("select rank from scores where id = 3") == [(None,)]
        execute(project, "insert into raw_rows values (3, 3, 3, 3, now()::timestamp)")  # as it was
        settle()


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        (
            "insert into features select * from features where id = 3",
            "100 distinct keys, such as 3 (2 times)",
        ),
        (
            "insert into features select 500 + id // 2, a, b, part, updated_at from features where id < 4",
            "500 (2",
        ),
        (
            "insert into features select null, a, b, part, updated_at from features where id = 1",
            "have a NULL",
        ),
        ("insert into scores select * from scores where id = 3", "is not unique in the prediction table"),
    ],
)
def test_a_key_that_is_not_unique_is_found_by_the_plan(statement: str, message: str, tmp_path: Path) -> None:
    project = make_project(tmp_path / "p", rescore="changed")
    execute(project, statement)
    assert message in project.build("--select", "scores").messages["scores"]
