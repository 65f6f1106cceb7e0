"""The materialization `predictions` on a second build: tables are swapped, merged, or left alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from churn import FEATURES, OF_THE_RUN, ROWS, classifier, table, training, without
from project import DbtProject, Row


@pytest.fixture
def house(tmp_path: Path) -> DbtProject:
    project = DbtProject(tmp_path / "house")
    project.register(classifier(), "churn", training(), task="classification")
    project.features(FEATURES)
    return project


def by_key(rows: list[Row]) -> dict[Any, Row]:
    return {row[0]: row for row in rows}


def test_a_second_build_swaps_the_table(house: DbtProject) -> None:
    house.python_model("scored", "churn", key="id")
    house.build().check()
    first = house.runs("scored")[0]
    house.features(f"select * from ({FEATURES}) where id < 100 order by hash(id)")
    house.build().check()
    assert house.query("select count(*), count(distinct scoring_run_id) from scored") == [(100, 1)]
    second = house.runs("scored")[1]
    assert second["input_fingerprint"] != first["input_fingerprint"]
    house.features(f"select * from ({FEATURES}) where id < 100 order by id desc")
    house.build().check()
    third = house.runs("scored")[2]
    assert third["input_fingerprint"] == second["input_fingerprint"]
    assert {run["write_mode"] for run in house.runs("scored")} == {"replace"}


def test_given_rows_are_merged_by_key(house: DbtProject) -> None:
    house.python_model("scored", "churn", key="id", rescore="given")
    house.sql_model("scored_sql", "churn", key="id", rescore="given")
    house.build().check()
    before = by_key(house.content("scored"))
    house.features(f"select * replace (id + {ROWS - 10} as id) from ({FEATURES}) where id < 30")
    house.build().check()
    after = by_key(house.content("scored"))
    assert len(after) == ROWS + 20 == len(house.content("scored"))
    assert all(after[key] == before[key] for key in range(ROWS - 10))
    assert all(after[key] != before[key] for key in range(ROWS - 10, ROWS))
    runs = house.runs("scored")
    assert [(run["write_mode"], run["rows_in"]) for run in runs] == [("replace", ROWS), ("merge", 30)]
    one, two = (without(table(house, name), OF_THE_RUN) for name in ("scored", "scored_sql"))
    assert one == two
    house.build("--full-refresh").check()
    assert house.query("select count(*) from scored") == [(30,)]
    assert house.runs("scored")[2]["write_mode"] == "replace"


def test_new_rows_are_those_whose_key_is_not_there(house: DbtProject) -> None:
    house.python_model("scored", "churn", key=["id", "shop"], rescore="new")
    house.build().check()
    before = house.content("scored")
    house.features(
        f"select * from ({FEATURES}) union all select * replace (id + 1000 as id) from ({FEATURES})"
    )
    house.build().check()
    after = house.content("scored")
    assert len(after) == 2 * ROWS and set(before) < set(after)
    assert house.runs("scored")[1]["rows_in"] == ROWS
    house.build("--select", "scored").check()
    assert house.content("scored") == after
    assert house.runs("scored")[2]["rows_in"] == 0


def test_merging_into_other_columns_is_refused(house: DbtProject) -> None:
    house.python_model("scored", "churn", key="id", rescore="given")
    house.build().check()
    before = house.content("scored")
    house.python_model("scored", "churn", key="id", rescore="given", passthrough="note")
    ended = house.build("--select", "scored")
    assert not ended.success
    assert "--full-refresh" in ended.messages["scored"]
    assert house.content("scored") == before
    house.build("--select", "scored", "--full-refresh").check()
    assert "note" in house.columns("scored")


def test_a_view_gives_way(house: DbtProject) -> None:
    house.features("select 1 as id", name="other")
    house.write("models/scored.sql", "{{ config(materialized='view') }} select * from {{ ref('other') }}")
    house.build().check()
    (house.folder / "models/scored.sql").unlink()
    house.python_model("scored", "churn", key="id", rescore="given")
    house.build().check()
    assert house.query("select count(*) from scored") == [(ROWS,)]


def test_a_failing_post_hook_takes_table_and_log_back(house: DbtProject) -> None:
    house.sql_model("scored", "churn", key="id")
    house.build().check()
    before, runs = house.content("scored"), house.runs("scored")
    house.features(f"select * from ({FEATURES}) where id < 100")
    house.sql_model("scored", "churn", key="id", config="post_hook='select no_such_column from {{ this }}'")
    ended = house.build()
    assert not ended.success and "no_such_column" in ended.messages["scored"]
    assert house.content("scored") == before
    succeeded = [run for run in house.runs("scored") if run["status"] == "success"]
    assert succeeded == runs


def test_too_many_rejected_rows_fail_the_run(house: DbtProject) -> None:
    house.python_model("scored", "churn", key="id", max_rejected_share=0.02)
    house.python_model("plain", "churn", key="id", max_rejected_share=0.02, config="materialized='table'")
    house.build().check()
    before = house.content("scored"), house.content("plain")
    house.features(FEATURES.replace("i % 50 = 0", "i % 40 = 0"))
    ended = house.build()
    assert not ended.success
    assert (house.content("scored"), house.content("plain")) == before
    for name in ("scored", "plain"):
        assert "13 of 500 rows were rejected" in ended.messages[name]
        assert "What to do: fix the feature table, or raise max_rejected_share" in ended.messages[name]
        failed = house.runs(name)[-1]
        assert failed["status"] == "failed" and "13 of 500 rows were rejected" in failed["error"]


def test_strict_makes_rejected_rows_of_scored_ones(house: DbtProject) -> None:
    house.sql_model("scored", "churn", key="id", strict=["out_of_range"])
    house.features(FEATURES.replace("(i * 7 % 100)::double", "i::double"))
    house.build().check()
    counted = house.query(
        "select split_part(reject_reason, '=', 1) as why, count(*) from scored where id % 50 != 0 group by 1"
    )
    assert dict(counted)["out_of_range:amount"] > 300


def test_a_promoted_version_scores_the_next_build(house: DbtProject) -> None:
    house.python_model("scored", "churn", key="id")
    house.python_model("pinned", "churn", key="id", version=1)
    house.python_model("challenged", "churn", key="id", alias="challenger")
    X = training()
    other = classifier().fit(X, X.amount > 20)
    house.register(other, "churn", X, task="classification", alias="challenger")
    house.build().check()
    versions = "select any_value(model_version) from scored union all select any_value(model_version) from "
    assert house.query(versions + "challenged") == [(1,), (2,)]
    house.register(other, "churn", X, task="classification", alias="champion")
    house.build().check()
    assert house.query(versions + "pinned") == [(2,), (1,)]


def test_plain_incremental_merges_by_its_own_key(house: DbtProject) -> None:
    house.python_model(
        "scored", "churn", key="id", config="materialized='incremental', unique_key='id'", rescore="all"
    )
    house.build().check()
    house.features(f"select * replace (id + {ROWS - 10} as id) from ({FEATURES}) where id < 30")
    house.build().check()
    assert house.query("select count(*), count(distinct id) from scored") == [(ROWS + 20, ROWS + 20)]
    assert [run["rows_in"] for run in house.runs("scored")] == [ROWS, 30]


def test_features_of_warehouse_types(house: DbtProject) -> None:
    house.python_model("scored", "churn", key="id")
    house.build().check()
    plain = without(table(house, "scored"), [*OF_THE_RUN, "feature_hash"])
    house.features(
        "select id::hugeint as id, amount::decimal(10, 2) as amount, visits::hugeint as visits, "
        f"plan::enum('free', 'paid', 'ZZ') as plan from ({FEATURES})"
    )
    house.build().check()
    typed = without(table(house, "scored"), [*OF_THE_RUN, "feature_hash"])
    assert typed == plain
