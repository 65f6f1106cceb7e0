"""`scorehouse.scored` on a real PostgreSQL server, with a forest that is cut into several statements."""

from __future__ import annotations

import re
from typing import Any

import pytest

from forests import FEATURES, OUTPUTS, assert_scored_by, forest
from postgres.one_table import KEY, ONE, ROWS, OneTableProject, built_project
from postgres.server import Server
from scorehouse import register
from scorehouse.registration.groups import grouped
from scorehouse.registry.seeds import ModelSeeds

pytest.importorskip("dbt.adapters.postgres", reason="the extra `postgres` is not installed")
pytestmark = [pytest.mark.foreign, pytest.mark.postgres, pytest.mark.capability("stages")]
SELECT = "select {} from {} order by id"
LEFT = "select count(*) from pg_class where relname like '%scorehouse\\_stage%'"


@pytest.fixture(scope="module")
def estimator() -> Any:
    return forest(12, 30)[0]


@pytest.fixture(scope="module")
def project(server: Server, tmp_path_factory: pytest.TempPathFactory) -> OneTableProject:
    """Statements are kept short, so that a small forest is too long for one."""
    folder = tmp_path_factory.mktemp("stages") / "house"
    project = built_project(server, folder, "stages", statement_bytes=10_000)
    estimator, X = forest(12, 30)
    facts: dict[str, Any] = {"task": "classification", "alias": "challenger", "project_dir": folder}
    version = register(estimator, "churn", X, **grouped(facts))
    assert version.program["sql"]["stages"]["postgres"] >= 4
    project.scored(f"{KEY}, alias='challenger', rescore='given'")
    assert project.build() == ""
    return project


def test_stages_score_as_the_estimator(project: OneTableProject, estimator: Any) -> None:
    rows = project.query(SELECT.format(FEATURES, "features"))
    assert_scored_by(estimator, rows, project.query(SELECT.format(OUTPUTS, "scored")))
    assert project.query("select count(distinct shop) from scored") == [(5,)]


def test_the_run_log_says_in_how_many_stages(project: OneTableProject) -> None:
    told = project.query(
        "select backend, backend_reason from scorehouse_run_log order by started_at desc limit 1"
    )
    ((backend, reason),) = told
    assert backend == "sql"
    assert "; in " in reason and reason.endswith(" stages, since one statement would be too long")
    assert project.query(LEFT) == [(0,)]


@pytest.mark.capability("atomic")
def test_a_merge_and_a_run_that_fails(project: OneTableProject) -> None:
    """The tables of the stages are gone after both; the second leaves the prediction table as it was."""
    assert project.build(*ONE) == ""
    assert project.runs()[-1] == ("merge", ROWS, "given")
    before = project.query("select * from scored order by id")
    project.scored(f"{KEY}, alias='challenger', rescore='given', max_rejected_share=0.001")
    assert "10 of 500 rows are rejected" in project.build(*ONE)
    assert project.query("select * from scored order by id") == before
    assert project.query(LEFT) == [(0,)]


@pytest.mark.capability("on_schema_change")
def test_another_list_of_columns_is_refused_before_anything_is_scored(project: OneTableProject) -> None:
    """What dbt has run says so: the stages over a table without rows, and none over the snapshot."""
    before = project.query("select * from scored order by id")
    project.scored("key='id', passthrough=['shop', 'plan'], alias='challenger', rescore='given'")
    log = project.folder / "logs" / "dbt.log"
    log.unlink()
    assert "from those of this run: it lacks plan. Expected" in " ".join(project.build(*ONE).split())
    made = re.split(r'create temporary table "(?=\w*_stage_\d)', log.read_text())[1:]
    stages = ModelSeeds(project.folder, "churn").versions()[-1].program["sql"]["stages"]["postgres"]
    assert len(made) == stages and "where 1 = 0" in made[0].partition("[debug]")[0]
    assert project.query("select * from scored order by id") == before
    assert project.query(LEFT) == [(0,)]


def test_predict_is_refused_in_words(project: OneTableProject) -> None:
    call = "scorehouse.predict('churn', ref('features'), alias='challenger', keep=['id'])"
    file = project.folder / "models/predicted.sql"
    file.write_text(f"select * from {{{{ {call} }}}} as rows_of")
    said = project.build("--select", "predicted")
    file.unlink()
    assert "version 2 is compiled as " in said and " statements on postgres" in said
    assert "score it with scorehouse.scored(), which runs them one after the other" in said
