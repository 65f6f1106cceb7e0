"""A DuckLake as the target database, and as a source: replaced, merged, rolled back, refused beside."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from churn import FEATURES, ROWS
from lake import LakeProject, needs_lake
from monitored import run as command
from project import DbtProject, Row
from sql_alone import (
    ARGUMENTS,
    TABLES,
    TRIED,
    Told,
    check_nights,
    ml_model_of,
    register_others,
    told,
    told_by_duckdb,
)

pytestmark = needs_lake
KEY = {"key": "id", "passthrough": ["shop"]}


@pytest.fixture
def lake(tmp_path: Path) -> LakeProject:
    return LakeProject(tmp_path / "house")


@pytest.mark.parametrize("asked", ["auto", "estimator"])
def test_tables_of_a_lake_are_replaced(asked: str, lake: LakeProject) -> None:
    lake.sql_model("scored", "churn", backend=asked, **KEY)
    lake.python_model("scored_python", "churn", backend=asked, **KEY)
    for _ in range(2):
        lake.build().check()
    counts = "select row_status, count(*) from {} group by 1 order by 1"
    for name in ("scored", "scored_python"):
        assert lake.query(counts.format(name)) == [("rejected", 10), ("scored", 490)]
    assert lake.logged() == [("success", "replace", ROWS)] * 4
    assert lake.columns("scored")["row_status"] == "VARCHAR"


@pytest.mark.parametrize("rule", ["given", "new", "changed"])
def test_rows_are_merged_into_a_lake(rule: str, lake: LakeProject) -> None:
    lake.sql_model("scored", "churn", rescore=rule, **KEY)
    lake.build().check()
    lake.features(f"select * replace (id + 20 as id) from ({FEATURES})")
    lake.build().check()
    assert lake.query("select count(*), count(distinct id) from scored") == [(ROWS + 20, ROWS + 20)]
    assert lake.logged()[-1][:2] == ("success", "merge")


def test_rows_vanish_from_a_lake(lake: LakeProject) -> None:
    lake.sql_model("scored", "churn", rescore={"rule": "changed", "vanished": "delete"}, **KEY)
    lake.sql_model("flagged", "churn", rescore={"rule": "changed", "vanished": "flag"}, **KEY)
    lake.build().check()
    lake.features(f"select * from ({FEATURES}) where id >= 100")
    lake.build().check()
    assert lake.query("select count(*) from scored") == [(ROWS - 100,)]
    assert lake.query("select is_vanished, count(*) from flagged group by 1 order by 1") == [
        (False, 400),
        (True, 100),
    ]


def test_a_history_in_a_lake(lake: LakeProject) -> None:
    lake.sql_model("scored", "churn", as_of="day", **KEY)
    for day in ("2025-01-01", "2025-01-02"):
        lake.features(f"select *, date '{day}' as day from ({FEATURES})")
        lake.build().check()
    assert lake.query("select day::varchar, count(*) from scored group by 1 order by 1") == [
        ("2025-01-01", ROWS),
        ("2025-01-02", ROWS),
    ]


@pytest.mark.parametrize("rule", ["all", "given"])
def test_a_failing_hook_leaves_the_lake_as_it_was(rule: str, lake: LakeProject) -> None:
    lake.sql_model("scored", "churn", rescore=rule, **KEY)
    lake.build().check()
    before = lake.content("scored")
    lake.sql_model("scored", "churn", rescore=rule, config="post_hook=\"select error('no')\"", **KEY)
    assert not lake.build("--select", "scored").success
    assert lake.content("scored") == before
    assert [row[0] for row in lake.logged()] == ["success", "failed"]


@pytest.mark.parametrize("catalog", ["ducklake:{}/lake.ducklake", "ducklake:lake.ducklake"])
def test_commands_read_a_lake(catalog: str, lake: LakeProject) -> None:
    """One row per run; its replay gives the same values; a relative path is one from the project."""
    lake.sql_model("scored", "churn", **KEY)
    lake.build().check()
    profile = (lake.folder / "profiles.yml").read_text()
    before = f"ducklake:{lake.folder}/lake.ducklake"
    assert before in profile
    lake.write("profiles.yml", profile.replace(before, catalog.format(lake.folder)))
    place = ("--target", "dev", "--project-dir", lake.folder)
    (run,) = json.loads(command("runs", *place, "--json").output)
    assert (run["rows_in"], run["status"]) == (ROWS, "success")
    ended = command("replay", run["run_id"], *place)
    assert ended.exit_code == 0, ended.output
    os.remove(lake.folder / "lake.ducklake")
    ended = command("runs", *place)
    assert "there is no DuckDB file" in ended.output


def test_forgetting_in_a_lake_is_refused(lake: LakeProject) -> None:
    """Its older snapshots keep deleted rows; the words say what to do, and nothing changes."""
    lake.sql_model("scored", "churn", **KEY)
    lake.build().check()
    snapshots = "select count(*) from ducklake_snapshots('lake')"
    before = lake.query(snapshots)
    for words in ((), ("--dry-run",)):
        ended = command("forget", "--key", "id=7", "--target", "dev", "--project-dir", lake.folder, *words)
        assert ended.exit_code == 1
        assert "the target is the lake 'ducklake:" in ended.output
        assert "What to do: delete the rows there, and expire the older snapshots" in ended.output
    assert lake.query(snapshots) == before
    assert not (lake.folder / ".scorehouse_forget_secret").exists()


@pytest.mark.parametrize("threads", [1, 2])
def test_a_build_warns_of_several_writers_to_a_lake(
    threads: int, lake: LakeProject, capfd: pytest.CaptureFixture[str]
) -> None:
    profile = (lake.folder / "profiles.yml").read_text()
    lake.write("profiles.yml", profile.replace("threads: 1", f"threads: {threads}"))
    ended = lake.dbt("--warn-error", "seed", "--select", "ml_churn")
    assert ended.success == (threads == 1)
    assert ended.success or "write `threads: 1` in profiles.yml" in capfd.readouterr().out


def beside(lake: LakeProject, folder: Path) -> LakeProject:
    """Another project with the same names on the same lake, in the schema `other`."""
    another = LakeProject(folder)
    profile = yaml.safe_load((another.folder / "profiles.yml").read_text())
    output = profile["house"]["outputs"]["dev"]
    output |= {
        "schema": "other",
        "attach": [{"path": f"ducklake:{lake.folder}/lake.ducklake", "alias": "lake"}],
    }
    another.write("profiles.yml", yaml.safe_dump(profile))
    return another


def test_two_projects_on_one_lake(lake: LakeProject, tmp_path: Path) -> None:
    """Each in a schema of its own: the other's commits are none of its changes, and no row of its run log."""
    another = beside(lake, tmp_path / "another")
    fed = {"rule": "changed", "vanished": "delete"}
    lake.sql_model("scored", "churn", rescore="feed", **KEY)
    another.sql_model("scored", "churn", rescore=fed, **KEY)
    for project in (lake, another, lake, another):
        project.build().check()
    lake.features(f"select * replace (id + 20 as id) from ({FEATURES})")
    another.features(f"select * from ({FEATURES}) where id >= 100")
    for project in (another, lake):
        project.build().check()
    keys = "select count(*), min(id), max(id) from {}.scored"
    assert lake.query(keys.format("main")) == [(ROWS + 20, 0, ROWS + 19)]  # vanished ones stay
    assert lake.query(keys.format("other")) == [(ROWS - 100, 100, ROWS - 1)]
    log = "select write_mode, rows_in from {}.scorehouse_runs where status = 'success' order by started_at"
    assert lake.query(log.format("main")) == [("replace", ROWS), ("merge", 0), ("merge", ROWS)]
    assert lake.query(log.format("other")) == [("replace", ROWS), ("merge", 0), ("merge", 0)]


def test_two_projects_that_build_at_once(lake: LakeProject, tmp_path: Path) -> None:
    """The catalog is a file that one process has open: the other project is told which process."""
    another = beside(lake, tmp_path / "another")
    another.sql_model("scored", "churn", **KEY)
    another.build().check()
    reads = f"import duckdb, time; c = duckdb.connect(config={lake.settings_of_duckdb!r}); "
    reads += (
        f"c.execute(\"attach 'ducklake:{lake.folder}/lake.ducklake' as lake\"); print('open', flush=True); "
    )
    with subprocess.Popen(
        [sys.executable, "-c", reads + "time.sleep(600)"], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == "open\n"
        refused = another.build()
        holder.kill()
    assert f"PID {holder.pid}" in refused.problem
    another.build().check()
    log = "select count(*) from other.scorehouse_runs where status = 'success'"
    assert lake.query(log) == [(2,)]


def test_features_are_read_from_a_lake_beside(tmp_path: Path) -> None:
    project = LakeProject(tmp_path / "house", beside=True)
    with project.connect() as connection:
        connection.execute(f"create table customers as {FEATURES}")
    project.features("select * from lake.main.customers")
    project.sql_model("scored", "churn", **KEY)
    project.build().check()
    assert DbtProject.query(project, "select count(*) from scored") == [(ROWS,)]


@pytest.mark.parametrize("door", ["sql", "python"])
def test_a_table_in_a_lake_beside_is_refused_before_anything_is_scored(door: str, tmp_path: Path) -> None:
    project = LakeProject(tmp_path / "house", beside=True)
    arguments: dict[str, Any] = {**KEY}
    if door == "sql":
        project.sql_model("scored", "churn", config="database='lake'", **arguments)
    else:
        config = "materialized='predictions', database='lake'"
        project.python_model("scored", "churn", config=config, **arguments)
    ended = project.build()
    assert "its database is 'lake', but the run log is in 'house'" in ended.messages["scored"]
    assert project.query("select count(*) from duckdb_tables() where table_name like 'scored%'") == [(0,)]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Told], list[Told]]:
    """What the tables of a lake hold after each of three nights, and those of a DuckDB file."""
    lake = LakeProject(tmp_path_factory.mktemp("nights") / "house")
    register_others(lake.folder, "churn")
    for table, arguments in TABLES.items():
        lake.sql_model(table, ml_model_of(table, "churn"), **{**ARGUMENTS, **arguments})

    def build(select: str) -> None:
        lake.features(select)
        lake.build("--select", "ml_churn", "ml_churn_ranked", "features", *TABLES).check()

    def query(select: str) -> list[Row]:
        # the row that a run began with stays in a lake
        ended = "(select * from scorehouse_run_log where status <> 'started')"
        return lake.query(select.replace("scorehouse_run_log", ended))

    theirs = told_by_duckdb(tmp_path_factory.mktemp("told") / "house", lake.folder, "churn")
    return told(build, query), theirs


@pytest.mark.parametrize("table", TRIED)
def test_three_nights_are_those_of_a_file(
    table: str, both: tuple[list[Told], list[Told]], record_property: Callable[[str, object], None]
) -> None:
    check_nights(*both, table, record_property)
