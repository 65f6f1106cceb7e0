"""Predictions of tables that a run does not score anew, and of projects where something is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from predicted import impact, promoted, refused, registered, scorehouse
from project import DbtProject

FEATURES = """
select i as id, 'r' || (i % 4) as region, (i * 7919 % 1000) / 100.0e0 as a, (i * 31 % 977) / 97.0e0 as b
from range({}) as t(i)
"""
DAYS = "select features.*, date '2026-01-01' + nth::int as day from ({}) as features, range({}) as t(nth)"
MAX_ROWS = 150
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> DbtProject:
    """`fresh` scores a key once, `ranked`, too, `days` is a history, `scores` has a budget for each run."""
    project = registered(tmp_path_factory.mktemp("rules") / "house")
    load(project, 200, 1)
    project.python_model("fresh", "toy", key="id", rescore="new")
    project.python_model("days", "toy", features="dated", key="id", as_of="day")
    project.python_model("scores", "toy", key="id", rescore={"rule": "changed", "max_rows": MAX_ROWS})
    project.python_model("ranked", "toy", key="id", rescore="new", decision={"top_n": 50})
    project.build().check()
    return project


def load(project: DbtProject, rows: int, days: int) -> None:
    features = FEATURES.format(rows).strip()
    project.features(features)
    project.features(DAYS.format(features, days), name="dated")


@pytest.fixture
def project(made: DbtProject, tmp_path: Path) -> DbtProject:
    return made.copy(tmp_path / "house")


def test_of_several_tables_the_last_scored_is_taken_and_the_others_are_named(project: DbtProject) -> None:
    ended = scorehouse(project, "impact", "toy", "2", "--target", "dev")
    last = project.query("select split_part(node, '.', 3) from scorehouse_run_log order by started_at desc")
    (table, *_), others = last[0], [name for (name,) in last[1:]]
    assert ended.stdout.splitlines()[1].startswith(f"{table}, ")
    assert f"the last scored table that champion decides; for another: --table {' or '.join(others)}" in (
        ended.stdout
    )
    assert ended.stdout.endswith(
        f"after the run: scorehouse impact toy --check --table {table} --target dev\n"
    )
    found = impact(project, "2", "--table", others[0])
    assert (found["table"], found["other_tables"]) == (others[0], [])
    assert "name the --table or --folder" in refused(project, "--check", "--table", others[-1])


def test_a_table_that_keeps_its_rows_is_told_apart(project: DbtProject) -> None:
    for table in ("fresh", "days"):
        found = impact(project, "2", "--table", table)
        assert found["what_if"] and found["keys"] == 200 and found["cost"]["rows"] == 0
    text = scorehouse(project, "impact", "toy", "2", "--table", "fresh", "--target", "dev").stdout
    assert "this is what version 2 would say of them" in text
    promoted(project)
    assert "rescore 'new' scores none again" in refused(project, "--check", "--table", "days")


@pytest.mark.parametrize("words", [("2",), ("1", "--threshold", "0.3")])
def test_rows_that_a_rule_leaves_are_not_judged(project: DbtProject, words: tuple[str, ...]) -> None:
    load(project, 260, 2)
    project.build("--select", "features", "dated").check()
    for table, keys in (("fresh", 60), ("days", 60 + 260)):
        found = impact(project, *words, "--table", table)
        assert (found["keys"], found["what_if"], found["cost"]["rows"]) == (keys, False, keys)
    promoted(project, *words)
    for table, keys in (("fresh", 60), ("days", 60 + 260)):
        found = impact(project, "--check", "--table", table)
        assert found["came_true"] and found["same_input"] and found["keys_compared"] == keys
        assert found["keys_new"] == found["keys_gone"] == found["keys_waiting"] == 0


def test_a_rank_among_rows_that_stay_is_not_judged(project: DbtProject) -> None:
    load(project, 260, 1)
    project.build("--select", "features").check()
    found = impact(project, "2", "--table", "ranked")
    assert (found["keys"], found["what_if"], found["cost"]["rows"]) == (260, True, 60)
    promoted(project)
    assert "rescore 'new' scores none again" in refused(project, "--check", "--table", "ranked")
    project.build("--full-refresh").check()
    assert impact(project, "--check", "--table", "ranked")["came_true"]


def test_a_row_that_left_before_is_not_new(project: DbtProject) -> None:
    project.build("--select", "scores").check()  # the rest
    project.features(FEATURES.format(199).strip())
    project.build("--select", "features", "scores").check()
    assert impact(project, "2", "--table", "scores")["keys"] == 199
    promoted(project)
    first = impact(project, "--check", "--table", "scores")
    assert (first["keys_compared"], first["keys_waiting"], first["keys_new"]) == (MAX_ROWS, 49, 0)
    text = scorehouse(project, "impact", "toy", "--check", "--table", "scores", "--target", "dev").stdout
    assert "not compared: 49 keys not scored by version 2 since" in text


def test_cost_counts_runs_by_their_budget_and_learns_from_none_that_was_small(project: DbtProject) -> None:
    cost = impact(project, "2", "--table", "scores")["cost"]
    assert (cost["rows"], cost["runs"], cost["of_rows"]) == (200, 2, MAX_ROWS)
    project.query("update scorehouse_run_log set rows_in = 14, seconds = 2")
    assert impact(project, "2", "--table", "scores")["cost"]["seconds"] is None


def test_a_segment_of_the_features_is_counted_without_the_forgotten(project: DbtProject) -> None:
    scorehouse(project, "forget", "--key", "id=7", "--target", "dev")
    found = impact(project, "2", "--table", "scores", "--segment", "region")
    by = [one for one in found["changes"] if one["segment"] == "region" and one["outcome"] == "prediction"]
    assert found["keys"] == 199 and sum(one["keys"] for one in by if one["segment_value"] == "r3") == 49


def test_what_cannot_be_read_or_written_is_told(project: DbtProject) -> None:
    (project.folder / "file").write_text("")
    told = refused(project, "2", "--table", "scores", "--folder", str(project.folder / "file" / "below"))
    assert "tables or files cannot be read or written" in told
    impact(project, "2", "--table", "scores")
    promoted(project)
    kept = project.folder / "target" / "impact" / "toy.champion.scores.parquet"
    whole = kept.read_bytes()
    kept.write_bytes(whole[: len(whole) // 2])
    assert "cannot be read or written" in refused(project, "--check", "--table", "scores")
    kept.write_bytes(whole)
    project.query("drop table scores")
    assert "cannot be read or written" in refused(project, "--check", "--table", "scores")
