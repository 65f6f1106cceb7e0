"""Reasons of linear models on a PostgreSQL server, which computes them alone."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from linear_reasons import FEATURES, ROWS, columns_of, explained_rows, frame, kinds
from postgres.one_table import OneTableProject, built_project
from postgres.server import Server
from scorehouse import register
from scorehouse.registration.groups import grouped

pytest.importorskip("dbt.adapters.postgres", reason="the extra `postgres` is not installed")
pytestmark = [pytest.mark.foreign, pytest.mark.postgres, pytest.mark.capability("reasons")]
KINDS = kinds()
SCORED = "{{{{ scorehouse.scored('{name}', key='id', {more}) }}}}\nselect * from {{{{ ref('rows') }}}}\n"
PREDICT = """{{ config(materialized='view') }}
select * from {{ scorehouse.predict('churn_2', ref('rows'), keep=['id'], reasons=3) }} as made
"""
SELECT = "select {} from {} order by id"


@pytest.fixture(scope="module")
def project(server: Server, tmp_path_factory: pytest.TempPathFactory) -> OneTableProject:
    project = built_project(server, tmp_path_factory.mktemp("reasons") / "house", "reasons")
    X = frame()
    for name, kind in KINDS.items():
        name = f"{name}_2" if name == "churn" else name  # the project has one of that name
        facts: dict[str, Any] = {"task": kind.task, "alias": "champion", "project_dir": project.folder}
        register(kind.estimator, name, X[kind.features], kind.y, **grouped(facts))
        project.write(f"models/{name}_scored.sql", SCORED.format(name=name, more="reasons=3"))
    numbers = f"generate_series(0, {ROWS - 1}) as numbers (i)"
    rows = FEATURES.format(double="double precision", numbers=numbers)
    project.write("models/rows.sql", "{{ config(materialized='table') }}" + rows)
    project.write("models/churn_view.sql", PREDICT)
    tables = [f"{'churn_2' if name == 'churn' else name}_scored" for name in KINDS] + ["churn_view"]
    tests = [{"name": name, "data_tests": ["scorehouse.reasons_add_up"]} for name in tables]
    project.write("models/_tests.yml", yaml.safe_dump({"models": tests}))
    assert project.build("--exclude", "scored") == ""
    return project


@pytest.mark.parametrize("name", KINDS)
def test_each_row_says_what_the_runtime_says(name: str, project: OneTableProject) -> None:
    kind, table = KINDS[name], "churn_2" if name == "churn" else name
    listed = ", ".join(f'"{column}"' for ending in kind.endings for column in columns_of(ending))
    tables = [f"{table}_scored", *(["churn_view"] if name == "churn" else [])]
    for each in tables:
        made = project.query(SELECT.format(listed, each))
        assert explained_rows(project.folder, table, frame()[kind.features], made, kind.endings) == ROWS


def test_other_reasons_are_other_rows(project: OneTableProject) -> None:
    """Under `changed`, a row whose reasons are asked for anew is written again; else it is not."""
    some = "reasons={'top': 2, 'where': {'at_least': %s, 'below': none}}, rescore='changed'"
    rows = []
    for low in ("0.2", "0.20", "0.6"):
        project.write("models/partly.sql", SCORED.format(name="churn_2", more=some % low))
        assert project.build("--select", "partly") == ""
        rows.append(project.runs()[-1][1])
        ((wrong,),) = project.query(
            f"select count(*) from partly where (reason_total is not null) <> (score >= {low})"
        )
        assert wrong == 0
    assert rows == [ROWS, 0, ROWS]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (
            "reasons={'top': 1, 'where': {'decision': 'yes'}}",
            "no decision follows from the score of a row alone",
        ),
        ("reasons=3.5", "a number of reasons, or a mapping"),
        ("passthrough=['reason_1'], reasons=1", "nor begin with sh_ or reason_"),
    ],
)
def test_refusals(more: str, message: str, project: OneTableProject) -> None:
    select = "select * from {{ ref('rows') }}"
    text = SCORED.format(name="churn_2", more=more).replace(select, select.replace("*", "*, 1 as reason_1"))
    project.write("models/refused.sql", text)
    assert message in project.build("--select", "refused")
    assert project.query("select to_regclass('reasons.refused')") == [(None,)]
