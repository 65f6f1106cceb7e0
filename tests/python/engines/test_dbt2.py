"""The package under dbt's second engine: parsed without a warning, and scored by SQL alone on DuckDB."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import duckdb
import pandas as pd
import pytest
import yaml

import forests
from churn import FEATURES, OF_THE_RUN, ROWS
from contracts import ON_DUCKDB_2, check_contract
from dbt2 import DATABASE, PROGRAM, Dbt2Project, made_project, warnings
from edited_registry import check_edit, problem_of
from emulated_models import MODELS
from linear_reasons import columns_of, explained_rows
from project import DbtProject
from scorehouse import register
from scorehouse.project.forgotten import COLUMNS
from sql_alone import (
    TABLES,
    TRIED,
    Told,
    call_of,
    check_nights,
    ml_model_of,
    register_others,
    told,
    told_by_duckdb,
)

pytestmark = [
    pytest.mark.foreign,
    pytest.mark.skipif(PROGRAM not in os.environ, reason="run `./run test dbt2`, which installs this engine"),
]
KEY = "key='id', passthrough=['shop']"
PREDICT = "scorehouse.predict('leaving', relation=ref('customers'), keep=['id', 'shop'])"
TABLE = "{{ config(materialized='table') }}\n"
REFERENCE = "reference=ref('ml_leaving__reference')"
PROFILE = f"scorehouse.profile(ref('scored'), features=ref('customers'), key='id', {REFERENCE})"
DRIFT = f"scorehouse.drift(ref('profiles'), {REFERENCE})"
TESTS = [
    {"scorehouse.one_prediction_per_row": {"arguments": {"features": "ref('customers')", "key": "id"}}},
    {"scorehouse.predictions_registered": {"arguments": {"registry": "ref('ml_leaving')"}}},
    {"scorehouse.predictions_fresh": {"arguments": {"max_age_hours": 24}}},
    {"scorehouse.predictions_up_to_date": {"arguments": {"max_age_hours": 24}}},
    {"scorehouse.rejected_share_below": {"arguments": {"max_share": 0.5}}},
]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Dbt2Project:
    """A project with a prediction table, a table of `predict`, generic tests, a profile and drift, built."""
    project = made_project(tmp_path_factory.mktemp("dbt2") / "shop", FEATURES)
    project.scored("scored", KEY)
    project.scored("explained", f"{KEY}, reasons=3")
    project.write("models/predicted.sql", f"{TABLE}select * from {{{{ {PREDICT} }}}} as rows_of")
    project.write("models/profiles.sql", f"{TABLE}{{{{ {PROFILE} }}}}")
    project.write("models/drift.sql", f"{TABLE}{{{{ {DRIFT} }}}}")
    for name in ("labels", "widths", "intervals"):
        project.write(f"models/{name}.sql", TABLE + MODELS[name])
    costs = "{{ scorehouse.scoring_costs(ref('scorehouse_runs')) }}\n"
    costs += "-- depends_on: {{ ref('scored') }} {{ ref('explained') }}"
    project.write("models/costs.sql", f"{TABLE}{costs}")
    added = {"name": "explained", "data_tests": ["scorehouse.reasons_add_up"]}
    described = {"version": 2, "models": [{"name": "scored", "data_tests": TESTS}, added]}
    project.write("models/_scored.yml", yaml.safe_dump(described))
    said = project.dbt("build")
    assert warnings(said) == []
    return project


@pytest.fixture
def project(built: Dbt2Project) -> Dbt2Project:
    """The same project, with its features as they were and a prediction table of another test."""
    built.features(FEATURES)
    return built


def test_the_package_is_parsed_without_a_warning(built: Dbt2Project) -> None:
    assert warnings(built.dbt("parse", "--no-partial-parse")) == []


def test_scores_are_those_of_the_first_engine(built: Dbt2Project, tmp_path: Path) -> None:
    """Equal to the last bit, in `scored` and in `predict`."""
    first = DbtProject(tmp_path / "house")
    for part in ("seeds", "artifacts", "macros"):
        shutil.copytree(built.folder / part, first.folder / part, dirs_exist_ok=True)
    first.features(FEATURES)
    first.sql_model("scored", "leaving", backend="estimator", key="id", passthrough=["shop"])
    first.build().check()
    names = ["id", "shop", "prediction", "score", "row_status", "reject_reason", "model_digest"]
    select = f"select {', '.join(names)} from {{}} order by id"
    wanted = first.query(select.format("scored"))
    assert len(wanted) == ROWS and {row[4] for row in wanted} == {"scored", "rejected"}
    exact = [row[:3] + row[4:] for row in wanted]
    for table, columns in (("scored", names), ("predicted", names[:-1])):
        found = built.query(f"select {', '.join(columns)} from {table} order by id")
        assert [row[:3] + row[4:] for row in found] == [row[: len(columns) - 1] for row in exact]
        pairs = [(a[3], b[3]) for a, b in zip(found, wanted, strict=True) if a[3] is not None]
        assert max(abs(a - b) for a, b in pairs) < 1e-12
    columns = {row[0] for row in built.query("describe scored")}
    assert columns == set(first.columns("scored"))
    assert set(OF_THE_RUN) < columns


@pytest.mark.capability("reasons")
def test_reasons_are_those_of_the_first_engine(built: Dbt2Project) -> None:
    rows = built.query("select amount, visits, plan from customers order by id")
    customers = pd.DataFrame(rows, columns=["amount", "visits", "plan"])
    made = built.query(f"select {', '.join(columns_of(''))} from explained order by id")
    assert explained_rows(built.folder, "leaving", customers, made) == ROWS - 10


def test_a_run_is_logged(built: Dbt2Project) -> None:
    assert built.runs("scored") == [("success", "replace", ROWS, "all")]
    facts = "rows_scored, rows_rejected, reject_reasons, backend, finished_at >= started_at"
    ((scored, rejected, reasons, backend, finished),) = built.query(
        f"select {facts} from scorehouse_runs where node like '%.scored'"
    )
    assert (scored, rejected, backend, finished) == (490, 10, "sql", True)
    assert reasons == '{"unseen_category:plan": 10}'
    assert built.query("select model_name, runs, rows_scored from costs") == [("leaving", 1, 490)] * 2


def test_monitoring_judges_what_was_scored(built: Dbt2Project) -> None:
    assert built.query("select count(distinct feature) from profiles") >= [(5,)]
    psi = "select count(*) > 0, bool_and(value >= 0) from drift where metric = 'psi'"
    assert built.query(psi) == [(True, True)]


@pytest.mark.capability("intervals")
def test_intervals(built: Dbt2Project) -> None:
    """Half a width is the error that 0.8 of (n + 1) labels of the shop do not exceed, as a sort finds it."""
    rank = "cast(ceil(0.8 * (count(*) + 1)) as integer)"
    error = "abs(score - case when amount > 50 then 1 else 0 end)"
    widths = (
        f"select shop, list_sort(list({error}))[{rank}] as width from scored join customers using (id, shop) "
    )
    widths += "where row_status = 'scored' group by shop"
    differs = (
        "select count(*), count(*) filter (where abs(prediction_low - greatest(score - width, 0)) < 1e-12 "
        "and abs(prediction_high - least(score + width, 1)) < 1e-12) "
        f"from intervals join ({widths}) using (shop) where row_status = 'scored'"
    )
    assert built.query(differs) == [(ROWS - 10, ROWS - 10)]


def test_a_list_of_forgotten_keys_is_not_passed_over(project: Dbt2Project) -> None:
    """SQL alone cannot compare their digests; an empty list stops nothing."""
    with duckdb.connect(str(project.folder / DATABASE)) as connection:
        connection.execute(f"create table scorehouse_forgotten ({COLUMNS})")
    project.dbt("run", "--select", "scored")
    with duckdb.connect(str(project.folder / DATABASE)) as connection:
        connection.execute("insert into scorehouse_forgotten (key_digest) values ('a')")
    before = project.query("select max(scored_at) from scored")
    assert "forgotten persons would return" in project.dbt("run", "--select", "scored", code=1)
    assert project.query("select max(scored_at) from scored") == before
    with duckdb.connect(str(project.folder / DATABASE)) as connection:
        connection.execute("drop table scorehouse_forgotten")


@pytest.mark.parametrize(("rule", "rows"), [("given", ROWS), ("new", 20), ("changed", 20 + 96)])
def test_rules_of_rescoring(rule: str, rows: int, project: Dbt2Project) -> None:
    """20 new customers; every fifth of the old ones, but for those that are new, spends more."""
    project.scored(rule, f"{KEY}, rescore='{rule}'")
    project.dbt("build", "--select", "customers", rule)
    more = "case when i % 5 = 0 and i < 500 then 1 else 0 end"
    project.features(
        FEATURES.replace(f"range({ROWS})", f"range(20, {ROWS + 20})").replace(
            "(i * 7 % 100)", f"(i * 7 % 100 + {more})"
        )
    )
    project.dbt("run", "--select", "customers", rule)
    assert project.query(f"select count(*), count(distinct id), min(id), max(id) from {rule}") == [
        (ROWS + 20, ROWS + 20, 0, ROWS + 19)
    ]
    assert project.runs(rule) == [("success", "replace", ROWS, rule), ("success", "merge", rows, rule)]
    project.dbt("run", "--select", rule, "--full-refresh")
    assert project.query(f"select count(*) from {rule}") == [(ROWS,)]


def test_an_edit_of_the_registry_decides_or_is_refused(project: Dbt2Project) -> None:
    project.scored("edited", f"{KEY}, rescore='changed'")
    project.dbt("build", "--select", "customers", "edited")
    labels = "select prediction, score from edited where row_status = 'scored'"
    seed = partial(project.dbt, "seed", "--select", "ml_leaving")
    build = problem_of(partial(project.dbt, "run", "--select", "edited"))
    check_edit(project.folder, "leaving", seed, build, lambda: project.query(labels))
    assert project.runs("edited")[-1] == ("success", "merge", ROWS, "changed")


@pytest.mark.capability("contracts")
def test_a_contract_is_held(project: Dbt2Project) -> None:
    project.scored("agreed", f"{KEY}, rescore='given'")
    project.dbt("build", "--select", "customers")
    build = problem_of(partial(project.dbt, "run", "--select", "agreed"))
    rows = "select id, score, scored_at from agreed order by id"
    write = partial(project.write, "models/_agreed.yml")
    check_contract("agreed", ON_DUCKDB_2, write, build, lambda: project.query(rows))
    (project.folder / "models/_agreed.yml").unlink()


@pytest.mark.capability("on_schema_change")
def test_a_changed_list_of_columns(project: Dbt2Project) -> None:
    """Refused before a row is scored; appended and dropped where the config says so."""
    project.scored("columns_of", f"{KEY}, rescore='changed'")
    project.dbt("build", "--select", "customers", "columns_of")
    more = "key='id', passthrough=['visits'], rescore='changed'"
    project.scored("columns_of", more)
    said = project.dbt("run", "--select", "columns_of", code=1)
    assert "which this run does not write" in said
    project.scored("columns_of", more, "on_schema_change='append_new_columns'")
    project.dbt("run", "--select", "columns_of")
    found = project.query("select count(*), count(visits), count(shop) from columns_of")
    assert found == [(ROWS, ROWS, 0)]
    project.scored("columns_of", more, "on_schema_change='sync_all_columns'")
    project.dbt("run", "--select", "columns_of")
    columns = {row[0] for row in project.query("describe columns_of")}
    assert "visits" in columns and "shop" not in columns


@pytest.mark.parametrize("rule", ["all", "given"])
def test_a_run_that_fails_last_changes_nothing(rule: str, project: Dbt2Project) -> None:
    """A post-hook fails after everything else: table, run log and what the first hook did are as they were.

    The next model, on the same connection, is built all the same.
    """
    table = f"failing_{rule}"
    project.scored(table, f"{KEY}, rescore='{rule}'")
    project.dbt("build", "--select", "customers", table)
    before = project.query(f"select * from {table} order by id")
    hooks = '["create table hooked as select 1 as x", "select error(\'the hook failed\')"]'
    project.scored(table, f"{KEY}, rescore='{rule}'", f"post_hook={hooks}")
    project.features(FEATURES.replace("(i * 7 % 100)", "(i * 3 % 100)"))
    project.features("select 1 as x", name="unrelated")
    said = project.dbt("build", "--select", "customers", table, "unrelated", code=1)
    assert "the hook failed" in said
    assert project.query(f"select * from {table} order by id") == before
    assert [row[0] for row in project.runs(table)] == ["success", "failed"]
    assert project.query("select count(*) from duckdb_tables() where table_name = 'hooked'") == [(0,)]
    assert project.query("from unrelated") == [(1,)]
    project.scored(table, f"{KEY}, rescore='{rule}'")
    project.dbt("run", "--select", table)
    assert [row[0] for row in project.runs(table)] == ["success", "failed", "success"]
    left = "select table_name from duckdb_tables() where table_name like '%\\_\\_scorehouse\\_%' escape '\\'"
    assert project.query(left) == []
    project.features("select error('no rows came') as id")  # what it needs fails: the night scores nothing
    project.dbt("build", "--select", "customers", table, code=1)
    said = f"select status, error, prediction_table from scorehouse_run_log where node like '%.{table}'"
    ((*_, one), *_, (status, error, other)) = project.query(f"{said} order by started_at")
    assert (status, other) == ("skipped", one) and error.startswith("model customers: ")


@pytest.mark.parametrize(
    ("arguments", "refused"),
    [
        (f"{KEY}, rescore='feed'", "scorehouse.scored(rescore='feed')"),
        (f"{KEY}, decision={{'threshold': 'high'}}", "a finite number"),
        (f"{KEY}, alias=['champion', 'champion']", "scorehouse.scored(alias="),
        ("key='shop'", "500 share their key"),
        (f"{KEY}, max_rejected_share=0.01", "10 of 500 rows are rejected"),
        ("key='id', passthrough=['nowhere']", "columns of the select, which are id, amount"),
    ],
)
def test_what_is_wrong_is_refused_in_words(arguments: str, refused: str, project: Dbt2Project) -> None:
    project.scored("refused", arguments)
    said = project.dbt("build", "--select", "customers", "refused", code=1)
    assert refused in said and "What to do:" in said
    assert project.query("select count(*) from duckdb_tables() where table_name = 'refused'") == [(0,)]
    (project.folder / "models/refused.sql").unlink()


def test_empty_makes_the_tables_and_nothing_in_them(project: Dbt2Project) -> None:
    project.scored("emptied", KEY)
    project.dbt("build", "--select", "customers", "emptied", "predicted", "ml_leaving", "--empty")
    assert project.query("select (select count(*) from emptied), (select count(*) from predicted)") == [
        (0, 0)
    ]
    project.dbt("build", "--select", "customers", "emptied", "predicted", "ml_leaving")
    assert project.query("select count(*) from emptied") == [(ROWS,)]


@pytest.fixture(scope="module")
def both(built: Dbt2Project, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Told], list[Told]]:
    """What the tables of three nights hold after each, here and by the first engine."""
    register_others(built.folder, "leaving")
    built.dbt("seed", "--select", "tag:ml_leaving", "tag:ml_leaving_ranked")
    for name in TABLES:
        built.scored(name, call_of(name), ml_model=ml_model_of(name, "leaving"))

    def build(select: str) -> None:
        built.features(select)
        built.dbt("run", "--select", "customers", *TABLES)

    theirs = told_by_duckdb(tmp_path_factory.mktemp("told") / "house", built.folder, "leaving")
    return told(build, built.query), theirs


@pytest.mark.parametrize("table", TRIED)
def test_three_nights_are_those_of_the_first_engine(
    table: str, both: tuple[list[Told], list[Told]], record_property: Callable[[str, object], None]
) -> None:
    check_nights(*both, table, record_property)


def test_a_column_of_a_type_that_does_not_fit_is_refused(project: Dbt2Project) -> None:
    project.scored("misfit", KEY)
    project.features(FEATURES.replace("end as plan", "end as word, i as plan"))
    said = project.dbt("build", "--select", "customers", "misfit", code=1)
    (project.folder / "models/misfit.sql").unlink()
    assert "'plan' is bigint where string was trained" in said
    assert project.query("select count(*) from duckdb_tables() where table_name = 'misfit'") == [(0,)]


LEFT = "select count(*) from duckdb_tables() where table_name like '%\\_\\_scorehouse\\_%' escape '\\'"


@pytest.mark.capability("stages")
def test_a_forest_is_scored_in_stages(project: Dbt2Project) -> None:
    """Statements are kept short while it is registered, so that a small forest is too long for one."""
    settings = project.folder / "dbt_project.yml"
    before = settings.read_text()
    settings.write_text(before.replace("dialects:", "statement_bytes: 10000\n    dialects:"))
    estimator, X = forests.forest(12, 30)
    version = register(
        estimator, "forest", X, task="classification", alias="champion", project_dir=project.folder
    )
    settings.write_text(before)
    assert version.program["sql"]["stages"]["duckdb"] >= 4
    call = "{{ scorehouse.scored('forest', key='id', rescore='given') }}\n"
    project.write("models/in_stages.sql", f"{call}select * from {{{{ ref('customers') }}}}\n")
    selected = ("--select", "customers", "ml_forest", "in_stages")
    project.dbt("build", *selected)
    rows = project.query(f"select {forests.FEATURES} from customers order by id")
    predictions = f"select {forests.OUTPUTS} from in_stages order by id"
    forests.assert_scored_by(estimator, rows, project.query(predictions))
    reason = (
        "select backend_reason from scorehouse_run_log where node like '%.in_stages' and status = 'success'"
    )
    assert project.query(reason)[0][0].endswith(" stages, since one statement would be too long")
    scored = project.query(predictions)
    project.write(
        "models/in_stages.sql",
        f"{call.replace('key=', 'max_rejected_share=0.001, key=')}select * from {{{{ ref('customers') }}}}\n",
    )
    project.dbt("build", *selected, code=1)
    assert project.query(predictions) == scored
    assert project.query(LEFT) == [(0,)]
