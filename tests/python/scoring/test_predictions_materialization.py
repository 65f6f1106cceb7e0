"""The materialization `predictions` on a second build: tables are swapped, merged, or left alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from churn import FEATURES, OF_THE_RUN, ROWS, classifier, table, training, without
from project import DbtProject, Row


@pytest.fixture
def project(tmp_path: Path) -> DbtProject:
    project = DbtProject(tmp_path / "house")
    project.register(classifier(), "churn", training(), task="classification")
    project.features(FEATURES)
    return project


def by_key(rows: list[Row]) -> dict[Any, Row]:
    return {row[0]: row for row in rows}


def test_a_second_build_swaps_the_table(project: DbtProject) -> None:
    project.python_model("scored", "churn", key="id")
    project.build().check()
    first = project.runs("scored")[0]
    project.features(f"select * from ({FEATURES}) where id < 100 order by hash(id)")
    project.build().check()
    assert project.query("select count(*), count(distinct scoring_run_id) from scored") == [(100, 1)]
    second = project.runs("scored")[1]
    assert second["input_fingerprint"] != first["input_fingerprint"]
    project.features(f"select * from ({FEATURES}) where id < 100 order by id desc")
    project.build().check()
    third = project.runs("scored")[2]
    assert third["input_fingerprint"] == second["input_fingerprint"]
    assert {run["write_mode"] for run in project.runs("scored")} == {"replace"}


@pytest.mark.slow
def test_given_rows_are_merged_by_key(project: DbtProject) -> None:
    project.python_model("scored", "churn", key="id", rescore="given")
    project.sql_model("scored_sql", "churn", key="id", rescore="given")
    project.build().check()
    before = by_key(project.content("scored"))
    project.features(f"select * replace (id + {ROWS - 10} as id) from ({FEATURES}) where id < 30")
    project.build().check()
    after = by_key(project.content("scored"))
    assert len(after) == ROWS + 20 == len(project.content("scored"))
    assert all(after[key] == before[key] for key in range(ROWS - 10))
    assert all(after[key] != before[key] for key in range(ROWS - 10, ROWS))
    runs = project.runs("scored")
    assert [(run["write_mode"], run["rows_in"]) for run in runs] == [("replace", ROWS), ("merge", 30)]
    one, two = (without(table(project, name), OF_THE_RUN) for name in ("scored", "scored_sql"))
    assert one == two
    project.build("--full-refresh").check()
    assert project.query("select count(*) from scored") == [(30,)]
    assert project.runs("scored")[2]["write_mode"] == "replace"


@pytest.mark.slow
def test_new_rows_are_those_whose_key_is_not_there(project: DbtProject) -> None:
    project.python_model("scored", "churn", key=["id", "shop"], rescore="new")
    project.build().check()
    before = project.content("scored")
    project.features(
        f"select * from ({FEATURES}) union all select * replace (id + 1000 as id) from ({FEATURES})"
    )
    project.build().check()
    after = project.content("scored")
    assert len(after) == 2 * ROWS and set(before) < set(after)
    assert project.runs("scored")[1]["rows_in"] == ROWS
    project.build("--select", "scored").check()
    assert project.content("scored") == after
    assert project.runs("scored")[2]["rows_in"] == 0


@pytest.mark.slow
def test_a_view_gives_way(project: DbtProject) -> None:
    project.features("select 1 as id", name="other")
    project.write("models/scored.sql", "{{ config(materialized='view') }} select * from {{ ref('other') }}")
    project.build().check()
    (project.folder / "models/scored.sql").unlink()
    project.python_model("scored", "churn", key="id", rescore="given")
    project.build().check()
    assert project.query("select count(*) from scored") == [(ROWS,)]


@pytest.mark.slow
def test_a_failing_post_hook_takes_table_and_log_back(project: DbtProject) -> None:
    project.sql_model("scored", "churn", key="id")
    project.build().check()
    before, runs = project.content("scored"), project.runs("scored")
    project.features(f"select * from ({FEATURES}) where id < 100")
    project.sql_model("scored", "churn", key="id", config="post_hook='select no_such_column from {{ this }}'")
    ended = project.build()
    assert not ended.success and "no_such_column" in ended.messages["scored"]
    assert project.content("scored") == before
    succeeded = [run for run in project.runs("scored") if run["status"] == "success"]
    assert succeeded == runs


@pytest.mark.slow
def test_too_many_rejected_rows_fail_the_run(project: DbtProject) -> None:
    project.python_model("scored", "churn", key="id", max_rejected_share=0.02)
    project.python_model("plain", "churn", key="id", max_rejected_share=0.02, config="materialized='table'")
    project.build().check()
    before = project.content("scored"), project.content("plain")
    project.features(FEATURES.replace("i % 50 = 0", "i % 40 = 0"))
    ended = project.build()
    assert not ended.success
    assert (project.content("scored"), project.content("plain")) == before
    for name in ("scored", "plain"):
        assert "13 of 500 rows were rejected" in ended.messages[name]
        assert "What to do: fix the feature table, or raise max_rejected_share" in ended.messages[name]
        failed = project.runs(name)[-1]
        assert failed["status"] == "failed" and "13 of 500 rows were rejected" in failed["error"]


@pytest.mark.slow
def test_strict_makes_rejected_rows_of_scored_ones(project: DbtProject) -> None:
    project.sql_model("scored", "churn", key="id", strict=["out_of_range"])
    project.features(FEATURES.replace("(i * 7 % 100)::double", "i::double"))
    project.build().check()
    counted = project.query(
        "select split_part(reject_reason, '=', 1) as why, count(*) from scored where id % 50 != 0 group by 1"
    )
    assert dict(counted)["out_of_range:amount"] > 300


@pytest.mark.slow
def test_a_promoted_version_scores_the_next_build(project: DbtProject) -> None:
    project.python_model("scored", "churn", key="id")
    project.python_model("pinned", "churn", key="id", version=1)
    project.python_model("challenged", "churn", key="id", alias="challenger")
    X = training()
    other = classifier().fit(X, X.amount > 20)
    project.register(other, "churn", X, task="classification", alias="challenger")
    project.build().check()
    versions = "select any_value(model_version) from scored union all select any_value(model_version) from "
    assert project.query(versions + "challenged") == [(1,), (2,)]
    project.register(other, "churn", X, task="classification", alias="champion")
    project.build().check()
    assert project.query(versions + "pinned") == [(2,), (1,)]


@pytest.mark.slow
def test_plain_incremental_merges_by_its_own_key(project: DbtProject) -> None:
    project.python_model(
        "scored", "churn", key="id", config="materialized='incremental', unique_key='id'", rescore="all"
    )
    project.build().check()
    project.features(f"select * replace (id + {ROWS - 10} as id) from ({FEATURES}) where id < 30")
    project.build().check()
    assert project.query("select count(*), count(distinct id) from scored") == [(ROWS + 20, ROWS + 20)]
    assert [run["rows_in"] for run in project.runs("scored")] == [ROWS, 30]


@pytest.mark.slow
def test_features_of_warehouse_types(project: DbtProject) -> None:
    project.python_model("scored", "churn", key="id")
    project.build().check()
    plain = without(table(project, "scored"), [*OF_THE_RUN, "feature_hash"])
    project.features(
        "select id::hugeint as id, amount::decimal(10, 2) as amount, visits::hugeint as visits, "
        f"plan::enum('free', 'paid', 'ZZ') as plan from ({FEATURES})"
    )
    project.build().check()
    typed = without(table(project, "scored"), [*OF_THE_RUN, "feature_hash"])
    assert typed == plain
