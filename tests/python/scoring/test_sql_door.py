"""What dbt gives to a SQL model holds for one that is scored: contract, docs, hooks, --empty, --sample."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from churn import FEATURES, OF_THE_RUN, ROWS, classifier, table, training, without
from contracts import CHURN, ON_DUCKDB
from project import Build, DbtProject

pytestmark = pytest.mark.slow

KEY = {"key": "id", "passthrough": ["shop"]}


@pytest.fixture
def project(tmp_path: Path) -> DbtProject:
    project = DbtProject(tmp_path / "house")
    project.register(classifier(), "churn", training(), task="classification", program=False)
    project.features(FEATURES)
    return project


def describe(project: DbtProject, columns: dict[str, Any], **model: Any) -> None:
    """The YAML of `scored`: columns by name, each a type or a mapping."""
    listed = [
        {"name": name, **(facts if isinstance(facts, dict) else {"data_type": facts})}
        for name, facts in columns.items()
    ]
    document = {"version": 2, "models": [{"name": "scored", "columns": listed, **model}]}
    project.write("models/_scored.yml", yaml.safe_dump(document))


CONTRACT = {"id": "bigint", **CHURN, **ON_DUCKDB, **CHURN}
ENFORCED = {"config": {"contract": {"enforced": True}}}


@pytest.mark.parametrize("rescore", ["all", "given"])
def test_a_contract_that_matches(rescore: str, project: DbtProject) -> None:
    project.sql_model("scored", "churn", rescore=rescore, **KEY)
    text = (project.folder / "models/scored.sql").read_text()
    project.write("models/scored.sql", text + "-- where shop > 3; a comment at the end of all features\n")
    describe(project, CONTRACT, **ENFORCED)
    project.build().check()
    project.build("--select", "scored").check()
    assert project.query("select count(*) from scored") == [(ROWS,)]
    assert project.runs("scored")[-1]["write_mode"] == ("merge" if rescore == "given" else "replace")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"score": "float"}, "data type mismatch"),
        ({"score": None}, "missing in contract"),
        ({"extra": "integer"}, "missing in definition"),
    ],
)
def test_a_contract_that_does_not_match(change: dict[str, Any], message: str, project: DbtProject) -> None:
    project.sql_model("scored", "churn", **KEY)
    project.build().check()
    before = project.content("scored")
    columns = {name: kind for name, kind in {**CONTRACT, **change}.items() if kind}
    describe(project, columns, **ENFORCED)
    ended = project.build("--select", "scored")
    assert not ended.success
    assert "This model has an enforced contract that failed" in ended.messages["scored"]
    assert message in ended.messages["scored"]
    assert project.content("scored") == before
    assert len([run for run in project.runs("scored") if run["status"] == "success"]) == 1
    assert not [t for (t,) in project.query("select table_name from duckdb_tables()") if "__scorehouse" in t]


def test_constraints_of_a_contract_hold(project: DbtProject) -> None:
    project.sql_model("scored", "churn", rescore="given", **KEY)
    columns = {
        **CONTRACT,
        "id": {"data_type": "bigint", "constraints": [{"type": "not_null"}]},
        "model_version": {
            "data_type": "integer",
            "constraints": [{"type": "check", "expression": "model_version > 0"}],
        },
    }
    describe(project, dict(reversed(columns.items())), **ENFORCED)
    project.build().check()
    kinds = project.query("select constraint_type from duckdb_constraints() where table_name = 'scored'")
    assert {kind for (kind,) in kinds} >= {"NOT NULL", "CHECK"}
    assert list(project.columns("scored")) == list(reversed(columns))
    project.build("--select", "scored").check()
    assert project.query("select count(*) from scored where id is not null") == [(ROWS,)]
    columns["score"] = {"data_type": "double", "constraints": [{"type": "not_null"}]}
    describe(project, columns, **ENFORCED)
    before = project.content("scored")
    ended = project.build("--select", "scored", "--full-refresh")
    assert not ended.success and "NOT NULL constraint failed" in ended.messages["scored"]
    assert project.content("scored") == before


def test_grants_are_for_databases_that_have_them(project: DbtProject) -> None:
    """dbt-duckdb runs a model with grants and gives none, since DuckDB has none."""
    project.sql_model("scored", "churn", config="grants={'select': ['reporter']}", **KEY)
    project.build().check()
    project.build("--select", "scored").check()
    assert project.query("select count(*) from scored") == [(ROWS,)]


def test_docs_are_persisted(project: DbtProject) -> None:
    project.sql_model("scored", "churn", config="persist_docs={'relation': true, 'columns': true}", **KEY)
    columns = {"score": {"description": 'Chance to leave; it\'s a "probability"'}}
    describe(project, columns, description="Customers, scored")
    project.build().check()
    project.build("--select", "scored").check()
    assert project.query("select comment from duckdb_tables() where table_name = 'scored'") == [
        ("Customers, scored",)
    ]
    assert project.query(
        "select comment from duckdb_columns() where table_name = 'scored' and column_name = 'score'"
    ) == [('Chance to leave; it\'s a "probability"',)]


def test_hooks_run_around_the_scoring(project: DbtProject) -> None:
    note = (
        "insert into notes select {0!r}, (select count(*) from scorehouse_run_log where status = 'success')"
    )
    pre, post = (note.format(when) for when in ("before", "after"))
    late = f"{{'sql': \"{note.format('late')}\", 'transaction': false}}"
    hooks = f'pre_hook=["create table if not exists notes (moment varchar, runs bigint)", "{pre}"], '
    project.sql_model("scored", "churn", config=f'{hooks}post_hook=["{post}", {late}]', **KEY)
    project.build().check()
    assert project.query("from notes") == [("before", 0), ("after", 1), ("late", 1)]


DOORS = ["scored", "scored_sql", "scored_plain", "predicted"]


def every_door(project: DbtProject) -> None:
    """Prediction tables through both doors, one under dbt's own `table`, and a table of `predict`."""
    project.register(classifier(), "leaving", training(), task="classification")
    both_doors(project, **KEY)
    project.python_model("scored_plain", "churn", config="materialized='table'", **KEY)
    call = "scorehouse.predict('leaving', relation=ref('features'), keep=['id'])"
    project.write(
        "models/predicted.sql", f"{{{{ config(materialized='table') }}}}\nselect * from {{{{ {call} }}}}"
    )


@pytest.mark.slow
def test_empty_makes_the_tables_and_nothing_in_them(project: DbtProject) -> None:
    every_door(project)
    project.build("--empty").check()
    empty = {name: project.columns(name) for name in DOORS}
    assert [project.query(f"select count(*) from {name}") for name in DOORS] == [[(0,)]] * 4
    for name in DOORS[:3]:
        (run,) = project.runs(name)
        assert (run["status"], run["rows_in"]) == ("success", 0)
    project.build().check()
    assert {name: project.columns(name) for name in DOORS} == empty
    assert [project.query(f"select count(*) from {name}") for name in DOORS] == [[(ROWS,)]] * 4


@pytest.mark.slow
def test_empty_scores_nothing_with_a_registry_that_empty_emptied(project: DbtProject) -> None:
    """As dbt-core 1.12 leaves it: the file has versions, the table of the seed has none."""
    every_door(project)
    project.build().check()
    project.query("delete from ml_churn; delete from ml_leaving")
    project.build("--select", *DOORS, "--empty").check()
    assert [project.query(f"select count(*) from {name}") for name in DOORS] == [[(0,)]] * 4
    ended = project.build("--select", *DOORS)
    assert {ended.statuses[name] for name in DOORS} == {"error"}
    assert all("run `dbt seed --select tag:ml_" in ended.messages[name] for name in DOORS), ended.messages


RESCORE = {"rule": "changed", "vanished": "delete"}


@pytest.mark.slow
def test_empty_does_not_make_predictions_vanish(project: DbtProject) -> None:
    project.sql_model("scored", "churn", rescore=RESCORE, **KEY)
    project.build().check()
    before = project.content("scored")
    project.build("--select", "scored", "--empty").check()
    assert project.content("scored") == before
    project.features(f"select * from ({FEATURES}) where id < 100")
    project.build().check()
    assert project.query("select count(*) from scored") == [(100,)]


TIMED = f"select *, timestamp '2024-01-01' + to_hours(id::integer) as seen_at from ({FEATURES})"


def timed(project: DbtProject) -> None:
    """Features with an event time: an hour a row from 2024 on."""
    project.write("models/features.sql", "{{ config(materialized='table', event_time='seen_at') }}\n" + TIMED)


WINDOW = "{start: '2024-01-03', end: '2024-01-05'}"


@pytest.mark.slow
@pytest.mark.parametrize("rescore", ["all", RESCORE], ids=["all", "vanished"])
def test_sample_scores_the_window(rescore: Any, project: DbtProject) -> None:
    timed(project)
    project.sql_model("scored", "churn", rescore=rescore, **KEY)
    project.build().check()
    project.build("--select", "scored", "--sample", WINDOW).check()
    left = project.query("select count(*), min(id), max(id) from scored")
    assert left == ([(48, 48, 95)] if rescore == "all" else [(ROWS, 0, ROWS - 1)])
    assert project.runs("scored")[-1]["rows_in"] == (48 if rescore == "all" else 0)


def both_doors(project: DbtProject, config: str = "", **arguments: Any) -> None:
    python = "materialized='predictions'" + (f", {config}" if config else "")
    project.python_model("scored", "churn", config=python, **arguments)
    project.sql_model("scored_sql", "churn", config=config, **arguments)


def agree(project: DbtProject) -> None:
    one, two = (without(table(project, name), OF_THE_RUN) for name in ("scored", "scored_sql"))
    assert one == two
    assert project.columns("scored") == project.columns("scored_sql")


@pytest.mark.slow
@pytest.mark.parametrize("rule", ["given", "new", "changed"])
def test_both_doors_score_again_by_the_same_rules(rule: str, project: DbtProject) -> None:
    both_doors(project, rescore=rule, **KEY)
    project.build().check()
    agree(project)
    project.features(f"select * replace (id + 20 as id, amount + id % 2 as amount) from ({FEATURES})")
    project.build().check()
    agree(project)
    runs = [project.runs(name)[1] for name in ("scored", "scored_sql")]
    facts = [{k: run[k] for k in ("write_mode", "rows_in", "rows_new", "rows_changed")} for run in runs]
    assert facts[0] == facts[1]
    assert project.query("select count(*) from scored") == [(ROWS + 20,)]
    project.build("--full-refresh").check()
    agree(project)
    assert project.query("select count(*) from scored") == [(ROWS,)]


def test_the_materialization_needs_the_macro(project: DbtProject) -> None:
    project.write("models/scored.sql", "{{ config(materialized='predictions') }} select 1 as id")
    ended: Build = project.build("--select", "scored")
    assert "no ML model is named" in ended.messages["scored"]
