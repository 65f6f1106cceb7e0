"""The package on a warehouse that an emulator plays: a stranger's project, by dbt's own adapter.

`./run test snowflake` and `./run test bigquery` run this file, each in its own environment. Both emulators
compute with DuckDB: what is proven is syntax, types, names and plumbing, not how the warehouse rounds.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pandas as pd
import pytest
import yaml

from churn import ROWS
from contracts import EMULATED, check_contract
from edited_registry import check_edit, problem_of
from emulated import CUSTOMERS, KIND, EmulatedProject, emulator, later, made_project
from emulated_models import (
    FINDING,
    KEY,
    MODELS,
    TABLE,
    TESTS,
    describe,
    listed,
    same_as_the_estimator,
    scored_in_stages,
)
from linear_reasons import columns_of, explained_rows
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
    pytest.mark.skipif(KIND not in os.environ, reason="run `./run test snowflake` or `./run test bigquery`"),
]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatedProject]:
    """A project with a prediction table, a table of `predict`, generic tests and monitoring, built."""
    folder = tmp_path_factory.mktemp("emulated")
    with emulator(os.environ[KIND], folder) as warehouse:
        project = made_project(folder / "shop", warehouse)
        project.scored("scored", KEY)
        project.scored("explained", f"{KEY}, reasons={{'top': 3}}")
        adds_up = {"name": "explained", "data_tests": ["scorehouse.reasons_add_up"]}
        project.write("models/_explained.yml", yaml.safe_dump({"version": 2, "models": [adds_up]}))
        for name, sql in MODELS.items():
            project.write(f"models/{name}.sql", TABLE + sql)
        describe(project, listed(TESTS) + listed(FINDING, error_if="=0", warn_if="=0"))
        project.dbt("build")
        yield project


@pytest.fixture
def project(built: EmulatedProject) -> EmulatedProject:
    """The same project, with its features as they were."""
    built.features(CUSTOMERS)
    return built


@pytest.mark.capability("parses")
def test_the_package_is_parsed(built: EmulatedProject) -> None:
    built.dbt("--warn-error", "parse", "--no-partial-parse")


@pytest.mark.capability("predict")
def test_predict_equals_the_estimator(built: EmulatedProject) -> None:
    same_as_the_estimator(built, "predicted")


@pytest.mark.capability("scored")
def test_scored_equals_the_estimator(built: EmulatedProject) -> None:
    same_as_the_estimator(built, "scored")


@pytest.mark.capability("reasons")
@pytest.mark.parametrize("table", ["explained", "reasons"])
def test_reasons_are_those_of_the_runtime(table: str, built: EmulatedProject) -> None:
    rows = built.query("select amount, visits, plan from marts.customers order by id")
    customers = pd.DataFrame(rows, columns=["amount", "visits", "plan"])
    customers = customers.astype({"amount": "float64", "visits": "int64"})
    made = built.query(f"select {', '.join(columns_of(''))} from marts.{table} order by id")
    assert explained_rows(built.folder, "leaving", customers, made) == 490


@pytest.mark.capability("run log")
def test_a_run_is_logged(built: EmulatedProject) -> None:
    assert built.runs("scored")[0] == ("success", "replace", ROWS, "all")
    facts = "rows_scored, rows_rejected, reject_reasons, backend, finished_at >= started_at, seconds < 600"
    (found,) = built.query(f"select {facts} from marts.scorehouse_run_log where node like '%.scored'")
    assert found == (490, 10, '{"unseen_category:plan": 10}', "sql", True, True)
    assert built.query("select model_name, runs, rows_scored from marts.costs") == [("leaving", 1, 490)] * 2


@pytest.mark.capability("generic tests")
def test_generic_tests_pass_and_find(built: EmulatedProject) -> None:
    """Each passes, or finds something where `error_if` says that it must."""
    built.dbt("test", "--select", "scored")
    describe(built, listed(FINDING))
    said = built.dbt("test", "--select", "scored", code=1)
    assert all(next(iter(test)) in said for test in FINDING)
    (built.folder / "models/_scored.yml").unlink()


@pytest.mark.capability("monitoring")
def test_profile(built: EmulatedProject) -> None:
    rows = built.query(
        "select feature, sum(row_count), max(mean) from marts.profiles "
        "where kind = 'all' and segment = 'all' group by feature order by feature"
    )
    assert [(row[0], int(row[1])) for row in rows] == [
        ("(all features)", ROWS), ("amount", ROWS), ("plan", ROWS), ("prediction", ROWS), ("score", ROWS),
        ("visits", ROWS),
    ]  # fmt: skip
    ((mean,),) = built.query("select avg(amount) from marts.customers")
    assert float(rows[1][2]) == pytest.approx(float(mean))


@pytest.mark.capability("monitoring")
def test_drift(built: EmulatedProject) -> None:
    found = built.query(
        "select feature, metric, value, p_value, status from marts.drift "
        "where metric in ('psi', 'unseen_share') and segment = 'all' order by feature, metric"
    )
    assert {row[0] for row in found} == {"amount", "plan", "prediction", "score", "visits"}
    values = {(row[0], row[1]): row[2:] for row in found}
    assert float(values["plan", "unseen_share"][0]) == pytest.approx(0.02)
    assert all(0 <= float(row[3]) <= 1 for row in found)


@pytest.mark.capability("monitoring")
def test_exact_drift(built: EmulatedProject) -> None:
    found = dict(built.query("select feature, value from marts.exact where metric = 'ks'"))
    assert float(found["amount"]) > 0.3 and float(found["visits"]) < 0.05
    found = dict(built.query("select feature, value from marts.exact where metric = 'ks_p'"))
    assert float(found["amount"]) < 1e-6 and 0.05 < float(found["visits"]) <= 1


@pytest.mark.capability("monitoring")
def test_performance(built: EmulatedProject) -> None:
    found = dict(
        built.query(
            "select metric, value from marts.performance where metric in ('accuracy', 'tp', 'n', 'fn')"
        )
    )
    tp, fn = built.query(
        "select sum(case when prediction and gone = 1 then 1 else 0 end), "
        "sum(case when not prediction and gone = 1 then 1 else 0 end) "
        "from marts.scored inner join marts.labels on scored.id = labels.id where row_status = 'scored'"
    )[0]
    assert (float(found["tp"]), float(found["fn"])) == (float(tp), float(fn))


@pytest.mark.capability("monitoring")
def test_estimates(built: EmulatedProject) -> None:
    assert built.query("select count(*) from marts.estimates where value is not null")[0][0] > 0


@pytest.mark.capability("intervals")
def test_intervals(built: EmulatedProject) -> None:
    ((rows, inside),) = built.query(
        "select count(*), "
        "sum(case when prediction_low <= score and score <= prediction_high then 1 else 0 end) "
        "from marts.intervals where row_status = 'scored'"
    )
    assert (rows, int(inside)) == (490, 490)


@pytest.mark.capability("intervals")
def test_adaptive_levels_equal_the_loop(built: EmulatedProject) -> None:
    """A window asks for more where the one before it held less than 80 % of its labels, else for less."""
    found = built.query("select asked_level, coverage from marts.levels order by window_start")
    assert len(found) == 10 and found[-1][1] is None  # nine weeks, and the next
    level = 0.8
    for asked, coverage in found:
        assert float(asked) == pytest.approx(level, abs=1e-9)
        level = 1 - min(max(1 - level + 0.5 * (0.2 - (1 - float(coverage or 0))), 0), 1)
    assert len({round(float(asked), 6) for asked, _ in found}) > 3


RULES = [("given", ROWS), ("new", 20), ("changed", 20 + 96)]


@pytest.mark.parametrize(
    ("rule", "rows"), [pytest.param(*one, marks=pytest.mark.capability(one[0])) for one in RULES]
)
def test_rules_of_rescoring(rule: str, rows: int, project: EmulatedProject) -> None:
    """20 new customers; 20 are gone; every fifth of the others spends more."""
    project.scored(rule, f"{KEY}, rescore='{rule}'")
    project.dbt("build", "--select", "customers", rule)
    project.features(later())
    project.dbt("run", "--select", "customers", rule)
    assert project.query(f"select count(*), count(distinct id), min(id), max(id) from marts.{rule}") == [
        (ROWS + 20, ROWS + 20, 0, ROWS + 19)
    ]
    assert project.runs(rule) == [("success", "replace", ROWS, rule), ("success", "merge", rows, rule)]
    project.dbt("run", "--select", rule, "--full-refresh")
    assert project.query(f"select count(*) from marts.{rule}") == [(ROWS,)]


@pytest.mark.capability("changed")
def test_nothing_changed(project: EmulatedProject) -> None:
    project.scored("still", f"{KEY}, rescore='changed'")
    project.dbt("build", "--select", "customers", "still")
    project.dbt("run", "--select", "still")
    assert [row[1:3] for row in project.runs("still")] == [("replace", ROWS), ("merge", 0)]


@pytest.mark.capability("changed")
def test_an_edit_of_the_registry_decides_or_is_refused(project: EmulatedProject) -> None:
    project.scored("edited", f"{KEY}, rescore='changed'")
    project.dbt("build", "--select", "customers", "edited")
    labels = "select prediction, score from marts.edited where row_status = 'scored'"
    seed = partial(project.dbt, "seed", "--select", "ml_leaving")
    build = problem_of(partial(project.dbt, "run", "--select", "edited"))
    check_edit(project.folder, "leaving", seed, build, lambda: project.query(labels))
    assert project.runs("edited")[-1] == ("success", "merge", ROWS, "changed")


@pytest.mark.capability("on_schema_change")
def test_a_changed_list_of_columns(project: EmulatedProject) -> None:
    """Refused before a row is scored; appended and dropped where the config says so."""
    project.scored("columns_of", f"{KEY}, rescore='changed'")
    project.dbt("build", "--select", "customers", "columns_of")
    more = "key='id', passthrough=['visits'], rescore='changed'"
    project.scored("columns_of", more)
    said = project.dbt("run", "--select", "columns_of", code=1)
    assert "which this run does not write" in said
    project.scored("columns_of", more, "on_schema_change='append_new_columns'")
    project.dbt("run", "--select", "columns_of")
    found = project.query("select count(*), count(visits), count(shop) from marts.columns_of")
    assert found == [(ROWS, ROWS, 0)]
    if project.warehouse.kind == "bigquery":
        pytest.skip("appended; not synced, since the emulator shows an altered table with its old columns")
    project.scored("columns_of", more, "on_schema_change='sync_all_columns'")
    project.dbt("run", "--select", "columns_of")
    assert project.query("select count(visits) from marts.columns_of") == [(ROWS,)]


@pytest.mark.capability("contracts")
def test_a_contract_is_held(project: EmulatedProject) -> None:
    project.scored("agreed", f"{KEY}, rescore='given'")
    project.dbt("build", "--select", "customers")
    is_made_anew = project.warehouse.kind != "bigquery"
    if not is_made_anew:
        project.dbt("run", "--select", "agreed")
    build = problem_of(partial(project.dbt, "run", "--select", "agreed"))
    rows = "select id, score, scored_at from marts.agreed order by id"
    columns = EMULATED[project.warehouse.kind]
    write = partial(project.write, "models/_agreed.yml")
    check_contract("agreed", columns, write, build, lambda: project.query(rows))
    (project.folder / "models/_agreed.yml").unlink()
    if not is_made_anew:
        pytest.skip("not made anew: the emulator has no `create table (...) as`")


WHEN_IT_PARSES = {
    "feed": (f"{KEY}, rescore='feed'", "scorehouse.scored(rescore='feed')"),
    "versions twice": (f"{KEY}, alias=['champion', 'champion']", "scorehouse.scored(alias="),
    "decisions": (f"{KEY}, decision={{'threshold': 'high'}}", "a finite number"),
}
WHEN_IT_RUNS = {
    "double keys": ("key='shop'", "500 share their key"),
    "too many rejected": (f"{KEY}, max_rejected_share=0.01", "10 of 500 rows are rejected"),
    "unknown column": ("key='id', passthrough=['nowhere']", "columns of the select"),
}


def refusal(project: EmulatedProject, arguments: str) -> tuple[str, int]:
    """What dbt says of the table `refused`, and how many more of its runs are logged as failed."""
    logged = "select count(*) from marts.scorehouse_run_log where node like '%.refused' and status = 'failed'"
    ((before,),) = project.query(logged)
    project.scored("refused", arguments)
    said = project.dbt("build", "--select", "customers", "refused", code=1)
    (project.folder / "models/refused.sql").unlink()
    return said, project.query(logged)[0][0] - before


@pytest.mark.parametrize(("arguments", "refused"), WHEN_IT_PARSES.values(), ids=WHEN_IT_PARSES)
@pytest.mark.capability("refusals")
def test_refuses_when_dbt_parses(arguments: str, refused: str, project: EmulatedProject) -> None:
    said, logged = refusal(project, arguments)
    assert refused in said and "What to do:" in said and logged == 0


@pytest.mark.parametrize(("arguments", "refused"), WHEN_IT_RUNS.values(), ids=WHEN_IT_RUNS)
@pytest.mark.capability("refusals")
def test_what_is_refused_when_it_runs_is_logged(
    arguments: str, refused: str, project: EmulatedProject
) -> None:
    said, logged = refusal(project, arguments)
    assert refused in said and "What to do:" in said and logged == 1


@pytest.mark.capability("refusals")
def test_a_column_of_a_type_that_does_not_fit_is_refused(project: EmulatedProject) -> None:
    project.features(CUSTOMERS.replace("plan, shop", "shop as plan, shop"))
    said, logged = refusal(project, KEY)
    assert "1 feature columns have a type that does not fit: 'plan' is " in said and logged == 1


@pytest.fixture(scope="module")
def both(built: EmulatedProject, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Told], list[Told]]:
    """What the tables of three nights hold after each, here and on DuckDB."""
    register_others(built.folder, "leaving")
    built.dbt("seed", "--select", "tag:ml_leaving", "tag:ml_leaving_ranked")
    for name in TABLES:
        built.scored(name, call_of(name), ml_model=ml_model_of(name, "leaving"))

    def build(select: str) -> None:
        built.features(select)
        built.dbt("run", "--select", "customers", *TABLES)

    def query(sql: str) -> list[Any]:
        # dbt writes '''o\'neill''' for BigQuery; the emulator's parser keeps that backslash
        rows = built.query(sql)
        if built.warehouse.kind != "bigquery":
            return rows
        return [tuple(v.replace("\\'", "'") if isinstance(v, str) else v for v in row) for row in rows]

    theirs = told_by_duckdb(tmp_path_factory.mktemp("told") / "house", built.folder, "leaving")
    return told(build, query, "marts."), theirs


@pytest.mark.parametrize("table", TRIED)
def test_three_nights_are_those_of_duckdb(
    table: str, both: tuple[list[Told], list[Told]], record_property: Callable[[str, object], None]
) -> None:
    check_nights(*both, table, record_property)


@pytest.mark.capability("atomic")
def test_a_run_that_fails_while_it_scores_changes_nothing(project: EmulatedProject) -> None:
    """The table is as it was, the run is logged as failed, and the next run starts anew."""
    project.scored("steady", f"{KEY}, rescore='given'")
    project.dbt("build", "--select", "customers", "steady")
    before = project.query("select * from marts.steady order by id")
    project.features(later())
    project.scored("steady", f"{KEY}, rescore='given', max_rejected_share=0.001")
    project.dbt("build", "--select", "customers", "steady", code=1)
    assert project.query("select * from marts.steady order by id") == before
    assert [row[0] for row in project.runs("steady")] == ["success", "failed"]
    project.scored("steady", f"{KEY}, rescore='given'")
    project.dbt("run", "--select", "steady")
    assert [row[0] for row in project.runs("steady")] == ["success", "failed", "success"]


@pytest.mark.capability("scored")
def test_empty_makes_the_table_and_nothing_in_it(project: EmulatedProject) -> None:
    project.scored("emptied", KEY)
    project.dbt("build", "--select", "customers", "emptied", "--empty")
    assert project.query("select count(*) from marts.emptied") == [(0,)]
    project.dbt("build", "--select", "customers", "emptied")
    assert project.query("select count(*) from marts.emptied") == [(ROWS,)]


@pytest.fixture(scope="module")
def staged(built: EmulatedProject) -> tuple[EmulatedProject, Any, str]:
    """Statements are kept short while a small forest is registered, so that it is too long for one."""
    built.features(CUSTOMERS)
    settings = built.folder / "dbt_project.yml"
    before = settings.read_text()
    short = yaml.safe_load(before)
    short["vars"]["scorehouse_compiled_sql"]["statement_bytes"] = 10_000
    settings.write_text(yaml.safe_dump(short))
    estimator, told = scored_in_stages(built, "small_forest", 12, 30)
    settings.write_text(before)
    return built, estimator, told


@pytest.mark.capability("stages")
def test_stages_score_as_the_estimator(staged: tuple[EmulatedProject, Any, str]) -> None:
    project, estimator, told = staged
    same_as_the_estimator(project, "by_small_forest", estimator)
    assert "; in " in told and told.endswith(" stages, since one statement would be too long")


@pytest.mark.capability("stages")
def test_no_stage_is_left_behind_a_run_that_fails(staged: tuple[EmulatedProject, Any, str]) -> None:
    project, estimator, _ = staged
    call = f"{{{{ scorehouse.scored('small_forest', {KEY}, rescore='given', max_rejected_share=0.001) }}}}"
    project.write("models/by_small_forest.sql", f"{call}\nselect * from {{{{ ref('customers') }}}}\n")
    said = project.dbt("run", "--select", "by_small_forest", code=1)
    assert "10 of 500 rows are rejected" in said
    same_as_the_estimator(project, "by_small_forest", estimator)
    assert [name for name in project.tables() if "by_small_forest__" in name.lower()] == []


@pytest.mark.capability("stages")
def test_predict_refuses_stages_in_words(staged: tuple[EmulatedProject, Any, str]) -> None:
    project, _, _ = staged
    called = "scorehouse.predict('small_forest', ref('customers'), keep=['id'])"
    project.write("models/too_long.sql", f"select * from {{{{ {called} }}}} as rows_of")
    said = project.dbt("compile", "--select", "too_long", code=1)
    (project.folder / "models/too_long.sql").unlink()
    assert "version 1 is compiled as " in said and f" statements on {project.warehouse.kind}" in said


@pytest.mark.capability("stages")
def test_a_forest_beyond_the_limit_of_the_warehouse(project: EmulatedProject) -> None:
    """A few trees more than one statement may have; an emulator needs a minute of processor time for it."""
    trees = {"snowflake": 27, "bigquery": 18}[project.warehouse.kind]
    estimator, told = scored_in_stages(project, "large_forest", trees, 300)
    assert told.endswith("; in 2 stages, since one statement would be too long")
    same_as_the_estimator(project, "by_large_forest", estimator)
