"""Numbers and names that stand in more than one place are the same in all of them."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import yaml

import scorehouse
from project import REPOSITORY, DbtProject
from scorehouse.registry.policy import LoadPolicy
from scorehouse.scoring.request import Request, RunRecord


def test_one_version_in_all_manifests() -> None:
    manifest = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    project = yaml.safe_load((REPOSITORY / "dbt_project.yml").read_text())
    macro = (REPOSITORY / "macros/scoring/_request/_package_version.sql").read_text()
    (told,) = re.findall(r"return\('([^']+)'\)", macro)
    assert manifest["project"]["version"] == project["version"] == scorehouse.__version__ == told


def test_the_changelog_tells_of_this_version() -> None:
    assert scorehouse.__version__ in (REPOSITORY / "CHANGELOG.md").read_text()


def test_the_run_log_is_made_with_the_columns_that_are_written(project: DbtProject) -> None:
    project.features("select 1 as id")
    project.build("--select", "features").check()
    places = {"relation": "", "run_log": "", "project_root": Path(), "load_policy": LoadPolicy()}
    record = RunRecord(Request(run_id="", invocation_id="", node="", **places))
    assert list(project.columns("scorehouse_run_log")) == list(record.to_row())


def test_a_run_log_of_an_earlier_release_gets_the_new_columns(project: DbtProject) -> None:
    project.features("select 1 as id")
    project.query("create table scorehouse_run_log (run_id uuid, status varchar)")
    project.query("insert into scorehouse_run_log values (uuid(), 'success')")
    project.build("--select", "features").check()
    assert "error" in project.columns("scorehouse_run_log")
    assert project.query("select status, error from scorehouse_run_log") == [("success", None)]
