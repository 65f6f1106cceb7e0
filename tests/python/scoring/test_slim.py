"""After a promotion `state:modified+` selects what depends on that ML model; a gate may stand before."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from sklearn.linear_model import LogisticRegression

from challengers import labelled
from challengers import make_project as make_challenger
from project import DbtProject
from rescoring import execute, last_run, make_project, register_version, training
from scorehouse import ScorehouseError, promote
from scorehouse.cli.main import main
from scorehouse.registration.promote import require_test

HOOKS = {"scorehouse-on-run-start-0", "scorehouse-on-run-end-0"}


def keep_state(project: DbtProject) -> str:
    state = project.folder / "state"
    shutil.rmtree(state, ignore_errors=True)
    shutil.copytree(project.folder / "target", state)
    return str(state)


@pytest.mark.slow
def test_a_promotion_rescores_what_depends_on_it(tmp_path: Path) -> None:
    project = make_project(tmp_path / "p", rescore="changed")
    project.writes_files = True
    frame, labels = training(0)
    for strength in (1.0, 0.01):
        other = LogisticRegression(C=strength).fit(frame, labels)
        alias = "champion" if strength == 1.0 else "challenger"
        project.register(other, "other", frame, labels, task="classification", alias=alias)
    register_version(project, 1, alias="challenger")
    project.python_model("others", "other", key="id")
    project.write("models/mart.sql", "select * from {{ ref('scores') }}")
    project.write("models/other_mart.sql", "select * from {{ ref('others') }}")
    project.build().check()
    state = keep_state(project)
    assert project.build("--select", "state:modified+", "--state", state).statuses.keys() <= HOOKS
    promote("toy", 2, project_dir=project.folder)
    build = project.build("--select", "state:modified+", "--state", state).check()
    assert build.statuses.keys() - HOOKS == {"ml_toy", "scores", "mart"}
    run = last_run(project)
    assert (run["rows_stale"], run["model_version"], len(project.runs("others"))) == (100, 2, 1)
    state = keep_state_of(project)
    promote("other", 2, project_dir=project.folder)
    build = project.build("--select", "state:modified+", "--state", state).check()
    assert build.statuses.keys() - HOOKS == {"ml_other", "others", "other_mart"}


def keep_state_of(project: DbtProject) -> str:
    project.dbt("parse").check()
    return keep_state(project)


@pytest.fixture(scope="module")
def gated(tmp_path_factory: pytest.TempPathFactory) -> DbtProject:
    project = make_challenger(tmp_path_factory.mktemp("gated") / "p")
    project.writes_files = True
    labelled(project)
    declare(project, margin=0.9)
    project.build().check()
    return project


def declare(project: DbtProject, **arguments: Any) -> None:
    values = {"labels": "ref('labels')", "key": "id", "label": "happened", **arguments}
    gate = {"scorehouse.challenger_not_worse": {"name": "gate", "arguments": values}}
    far = {"unique": {"name": "elsewhere", "arguments": {"column_name": "id"}}}
    models = [{"name": "scores", "data_tests": [gate]}, {"name": "labels", "data_tests": [far]}]
    project.write("models/_models.yml", yaml.safe_dump({"version": 2, "models": models}))


def refused(project: DbtProject, version: int, test: str, message: str) -> None:
    with pytest.raises(ScorehouseError) as caught:
        require_test("toy", version, test, project_dir=project.folder)
    assert message in str(caught.value)


@pytest.mark.slow
def test_promotion_may_require_a_test(gated: DbtProject) -> None:
    project = gated
    project.dbt("test").check()
    assert require_test("toy", 2, "gate", project_dir=project.folder).startswith("gate passed at 2")
    asked = ["promote", "toy", "2", "--alias", "challenger", "--require", "gate"]
    told = CliRunner().invoke(main, [*asked, "--project-dir", str(project.folder)])
    assert (told.exit_code, "gate passed" in told.output) == (0, True)
    refused(project, 1, "gate", "tests the alias 'challenger', which toy version 1 does not have")
    refused(project, 2, "gat", "the project has no test 'gat'; did you mean 'gate'?")
    refused(project, 2, "missing", "the project has no test 'missing'")
    refused(project, 2, "elsewhere", "'elsewhere' does not depend on the seed ml_toy".replace("'", ""))
    promote("toy", 1, alias="second", project_dir=project.folder)
    refused(project, 2, "gate", "the registry of toy changed after gate ran")
    project.build("--exclude", "test_type:data").check()
    refused(project, 2, "gate", "the last dbt command did not run it")
    declare(project, margin=0, min_rows=5000)
    assert not project.dbt("test").success
    refused(project, 2, "gate", "gate ended with 'fail' and found 1 row.")
    shutil.rmtree(project.folder / "target")
    refused(project, 2, "gate", "cannot be read")


def judged(project: DbtProject) -> dict[str, str]:
    statuses = project.dbt("test", "--select", "scores").statuses
    return {name: status for name, status in statuses.items() if name not in HOOKS}


@pytest.mark.slow
def test_tests_know_what_a_budget_left(tmp_path: Path) -> None:
    project = make_project(tmp_path / "p", rescore={"rule": "changed", "max_rows": 40})
    registry = {"registry": "ref('ml_toy')"}
    tests = [
        {"scorehouse.predictions_by_alias": {"name": "strict", "arguments": registry}},
        {
            "scorehouse.predictions_by_alias": {
                "name": "patient",
                "arguments": {**registry, "allow_rows_left": True},
            }
        },
        {"scorehouse.predictions_up_to_date": {"name": "paid", "arguments": {"max_age_hours": 1}}},
        {
            "scorehouse.predictions_up_to_date": {
                "name": "owing",
                "arguments": {"max_age_hours": 1, "max_rows_left": 60},
            }
        },
    ]
    models = [{"name": "scores", "data_tests": tests}]
    project.write("models/_models.yml", yaml.safe_dump({"version": 2, "models": models}))
    for _ in range(2):
        project.build("--exclude", "test_type:data").check()
    assert judged(project) == dict.fromkeys(["strict", "patient", "paid", "owing"], "pass")
    register_version(project, 1)
    project.build("--exclude", "test_type:data").check()
    assert judged(project) == {"strict": "fail", "patient": "pass", "paid": "fail", "owing": "pass"}
    execute(project, "update scorehouse_run_log set rows_left = 59 where rows_left = 60 and rows_stale > 0")
    assert judged(project)["patient"] == "fail"
    execute(project, "update scorehouse_run_log set finished_at = finished_at - interval '2 hours'")
    assert judged(project)["owing"] == "fail"
    execute(project, "delete from scorehouse_run_log")
    assert judged(project)["owing"] == "fail"
