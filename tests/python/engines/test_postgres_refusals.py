"""What `scorehouse.scored` refuses on a real PostgreSQL server; the table is left as it was."""

from __future__ import annotations

import json

import pytest
import yaml

from edited_registry import check_edit
from postgres.one_table import FEATURES, KEY, ONE, OneTableProject, built_project
from postgres.server import Server

pytest.importorskip("dbt.adapters.postgres", reason="the extra `postgres` is not installed")
pytestmark = [pytest.mark.foreign, pytest.mark.postgres]


@pytest.fixture(scope="module")
def built(server: Server, tmp_path_factory: pytest.TempPathFactory) -> OneTableProject:
    return built_project(server, tmp_path_factory.mktemp("refusals") / "house", "refusals")


@pytest.fixture
def project(built: OneTableProject) -> OneTableProject:
    return built.reset()


CHANGED = "rescore={'rule': 'changed', "
WHEN_IT_PARSES = [
    (f"{KEY}, alias=[]", "an alias, or a list of aliases, each once"),
    (f"{KEY}, alias=['champion', 'champion']", "an alias, or a list of aliases, each once"),
    (f"{KEY}, layout='broad'", "one of long, wide"),
    (f"{KEY}, strict=['null']", "(strict="),
    (f"{KEY}, as_of='2024-01-01', rescore='changed'", "a history (as_of) is only added to"),
    (f"{KEY}, group=['shop']", "the name of one column, without a history (as_of) and max_rows"),
    (f"{KEY}, group='shop', as_of='2024-01-01'", "without a history (as_of) and max_rows"),
    (f"{KEY}, group='shop', {CHANGED}'max_rows': 3}}", "without a history (as_of) and max_rows"),
    (f"{KEY}, backend='native'", "(backend="),
    (f"{KEY}, rescore='updated_at'", "(rescore="),
    (
        f"{KEY}, rescore={{'updated_at': 'id', 'lookback': 'a while'}}",
        "lookback (seconds, or such as '2 days')",
    ),
    (f"{KEY}, rescore={{'rule': 'changed', 'updated_at': 'id'}}", "the last one with the column updated_at"),
    (f"{KEY}, as_of='2024-01-01', rescore={{'updated_at': 'id'}}", "a history (as_of) is only added to"),
    (f"{KEY}, rescore='feed'", "(rescore="),
    (f"{KEY}, {CHANGED}'max_rows': 0}}", "(rescore="),
    (f"{KEY}, {CHANGED}'max_seconds': 5}}", "(rescore="),
    (f"{KEY}, {CHANGED}'vanished': 'drop'}}", "the last three with vanished (keep, flag or delete)"),
    (f"{KEY}, rescore={{'rule': 'given', 'vanished': 'flag'}}", "(rescore="),
    (f"{KEY}, rescore=['changed']", "the name of a rule"),
    (f"{KEY}, version='2'", "the number of a version"),
    (f"{KEY}, version=[1, 1]", "the number of a version, or a list of numbers, each once"),
    (f"{KEY}, batch_rows=1.5", "a positive number of rows"),
    (f"{KEY}, max_rejected_share=true", "a number from 0 to 1"),
    (f"{KEY}, alais='champion'", "arguments among key, alias"),
    ("key=5", "the name of a column"),
    ("key=['id', 'id']", "names of columns, each once"),
    ("key='id', passthrough=7", "the name of a column"),
    (f"{KEY}, decision='threshold'", "(decision='threshold')"),
    (f"{KEY}, decision={{}}", "threshold, top_n or bands"),
    (f"{KEY}, decision={{'thresholds': 0.5}}", "one of the keys score, threshold"),
    (f"{KEY}, decision={{'threshold': 'high'}}", "a finite number"),
    (f"{KEY}, decision={{'threshold': true}}", "a finite number"),
    (f"{KEY}, decision={{'top_n': 0}}", "top_n as a whole number of rows from 1"),
    (f"{KEY}, decision={{'top_n': 1.5}}", "top_n as a whole number of rows from 1"),
    (f"{KEY}, decision={{'per': 'shop', 'threshold': 0.5}}", "top_n together with per"),
    (f"{KEY}, decision={{'top_n': 1, 'abstain': [0.6, 0.4]}}", "a lower and a higher score"),
    (f"{KEY}, decision={{'top_n': 1, 'abstain': 0.5}}", "a lower and a higher score"),
    (f"{KEY}, decision={{'bands': {{'a': 0}}, 'abstain': [0.4, 0.6]}}", "the scores in doubt as a band"),
    (f"{KEY}, decision={{'bands': {{'high': 0.7, 'low': 0.1}}}}", "bounds that increase"),
    (f"{KEY}, decision={{'bands': [0.1, 0.2]}}", "bands as a mapping to them"),
    (f"{KEY}, decision={{'top_n': 1, 'labels': ['yes']}}", "two or three labels"),
    (f"{KEY}, decision={{'top_n': 1, 'labels': 'ab'}}", "two or three labels"),
    (f"{KEY}, decision={{'top_n': 1, 'labels': 5}}", "two or three labels"),
    (f"{KEY}, decision={{'top_n': 1, 'per': 5}}", "names of columns as score and per"),
    (f"{KEY}, decision={{'top_n': 1, 'abstain': 'high'}}", "a lower and a higher score"),
    (f"{KEY}, decision={{'top_n': 1, 'abstain': {{'a': 1}}}}", "a lower and a higher score"),
]
WHEN_IT_RUNS = [
    ("key='shop'", '500 share their key "shop" with another row and 0 have NULL in it'),
    (
        f"{KEY}, rescore={{'updated_at': 'at'}}",
        "updated_at among the columns of the select, which are id, amount",
    ),
    (f"{KEY}, rescore={{'updated_at': 'plan'}}", 'updated_at is the column "plan" of type text'),
    ("key='nobody'", "columns of the select, which are id, amount, visits, plan, shop"),
    (f"{KEY}, max_rejected_share=0.01", "10 of 500 rows are rejected"),
    (f"{KEY}, alias='nobody'", "an alias that one version has; the aliases are champion"),
    (f"{KEY}, reasons={{'top': 1, 'where': {{'band': 'high'}}}}", "at_least or below, since no band follows"),
    (
        f"{KEY}, reasons={{'top': 1, 'where': {{'decision': 'maybe'}}}}, decision={{'threshold': 0.5}}",
        "one of no, yes, or a list of them",
    ),
    (f"{KEY}, group='shop'", "the task of version 1 is classification: correct the call"),
    (f"{KEY}, version=7", "version 7 has no compiled SQL that was proven for postgres"),
    (
        f"{KEY}, decision={{'top_n': 1, 'per': 'plan'}}",
        "pass the column through in the prediction table (`passthrough=['plan']`)",
    ),
]
STATE = "select count(*), min(scoring_run_id::text), (select count(*) from scorehouse_run_log{}) from scored"


@pytest.fixture
def scored(built: OneTableProject) -> OneTableProject:
    """The project with its table, which is built if it is not there."""
    (built.folder / "models/_scored.yml").unlink(missing_ok=True)
    built.features()
    built.scored()
    if not built.query("select to_regclass('refusals.scored') is not null")[0][0]:
        assert built.build(*ONE) == ""
    return built


@pytest.mark.parametrize(("arguments", "message"), WHEN_IT_PARSES, ids=[case[0] for case in WHEN_IT_PARSES])
def test_refuses_when_dbt_parses(arguments: str, message: str, scored: OneTableProject) -> None:
    """Nothing is run, and nothing logged."""
    before = scored.query(STATE.format(""))
    scored.scored(arguments)
    said = scored.build("--select", "features")
    assert message in said and "What to do:" in said and "={'" not in said and "got {" not in said
    assert scored.query(STATE.format("")) == before


def test_a_model_that_is_not_enabled_here_is_not_refused(scored: OneTableProject) -> None:
    """As the refusal says."""
    settings = scored.folder / "dbt_project.yml"
    before = settings.read_text()
    scored.scored(f"{KEY}, rescore='updated_at'")
    enabled = "{{ target.type == 'duckdb' }}"
    assert f'set `+enabled: "{enabled}"` for the model in dbt_project.yml' in scored.build()
    document = yaml.safe_load(before)
    document["models"] = {document["name"]: {"scored": {"+enabled": enabled}}}
    settings.write_text(yaml.safe_dump(document))
    try:
        assert scored.build("--select", "features") == ""
    finally:
        settings.write_text(before)


@pytest.mark.parametrize(("arguments", "message"), WHEN_IT_RUNS, ids=[case[1] for case in WHEN_IT_RUNS])
def test_refuses_and_leaves_the_table(arguments: str, message: str, scored: OneTableProject) -> None:
    state = STATE.format(" where status = 'success'")
    before = scored.query(state)
    scored.scored(arguments)
    scored.query("delete from scorehouse_run_log where status <> 'success'")
    assert message in scored.build("--select", "scored")
    assert scored.query(state) == before
    ((status, error),) = scored.query(
        "select status, error from scorehouse_run_log where status <> 'success'"
    )
    assert status == "failed" and message in error


def test_a_date_beside_a_column_of_dates_is_refused(project: OneTableProject) -> None:
    project.features(FEATURES.replace("i % 5 as shop", "i % 5 as shop, date '2024-01-01' as as_of"))
    project.scored(f"{KEY}, as_of='2024-01-31'")
    assert "since the select has a column as_of" in project.build(*ONE)


def test_a_column_that_is_missing_is_said_of_the_model(project: OneTableProject) -> None:
    project.features(f"select id, amount, plan, shop from ({FEATURES}) as complete")
    said = project.build(*ONE)
    assert "scorehouse.scored('churn') in scored: the select lacks visits" in said
    assert "add or rename these columns in the feature model" in said and "scorehouse.predict(" not in said


BATCHES = "incremental_strategy='microbatch', event_time='day', begin='2024-01-01', batch_size='day'"
BACKFILL = "{scorehouse_backfill: {from: 2024-01-01, to: 2024-01-03}}"
SLICED = {
    "a backfill of no history": ("rescore='given'", "", "as_of as the name of a column"),
    "a backfill of one date": ("as_of='2024-01-01'", "", "as_of as the name of a column"),
    "no event time": ("rescore='given'", BATCHES.replace("'day', b", "'when', b"), "event_time as a column"),
    "a history": ("as_of='day'", BATCHES, "no as_of"),
    "a rebuild": ("rescore='all'", BATCHES, "rescore='given' (a batch replaces its window)"),
    "vanished": ("rescore={'vanished': 'flag'}", BATCHES, "vanished='keep'"),
    "places": ("rescore='changed', decision={'top_n': 1}", BATCHES, "neither group nor top_n"),
    "no window": ("rescore='given'", BATCHES, "event_time in passthrough"),
    "nothing to begin with": ("rescore='given'", BATCHES.replace("begin=", "before="), "begin (a date)"),
}


@pytest.mark.parametrize(("arguments", "config", "expected"), SLICED.values(), ids=SLICED)
def test_what_makes_no_sense_slice_by_slice(
    arguments: str, config: str, expected: str, scored: OneTableProject
) -> None:
    """Refused before anything is written, in words that say where it was asked for."""
    state = STATE.format(" where status = 'success'")
    before = scored.query(state)
    scored.features(FEATURES.replace("i % 5 as shop", "i % 5 as shop, date '2024-01-01' as day"))
    scored.scored(f"key='id', {arguments}", config)
    said = scored.build(*ONE, *([] if config else ["--vars", BACKFILL]))
    assert expected in said and "What to do:" in said
    where = "incremental_strategy='microbatch' on the model" if config else "variable scorehouse_backfill"
    assert where in said
    assert scored.query(state) == before


def test_a_version_that_is_not_proven_is_refused(project: OneTableProject) -> None:
    refused = json.dumps({"refused": {"sql": "KNeighborsClassifier: it has no equivalent"}})
    for program, why in (("null", ""), (f"'{refused}'", "the reason is `KNeighborsClassifier: it has no")):
        project.query(f"update ml_churn set program = {program}")
        try:
            said = project.build("--select", "scored")
        finally:
            assert project.build("--select", "ml_churn") == ""
        assert "no compiled SQL that was proven for postgres" in said and why in said
        assert "scorehouse compile churn" in said and "{'" not in said


def test_sql_or_a_registry_that_was_changed_is_refused(project: OneTableProject) -> None:
    """The macro's text is pinned, and the table of the seed is compared, before anything is scored."""
    macros = project.folder / "macros/ml/churn.sql"
    sound = macros.read_text()
    place = sound.index("1.0", sound.index('"postgres"'))
    macros.write_text(sound[:place] + "1.5" + sound[place + 3 :])
    try:
        said = project.build(*ONE)
    finally:
        macros.write_text(sound)
    assert "scorehouse_predict__churn__v1 is not the SQL that was proven" in said
    project.query("update ml_churn set sha256 = repeat('0', 64)")
    try:
        for arguments in (KEY, f"{KEY}, version=1"):
            project.scored(arguments)
            assert "version 1 has sha256 '000" in project.build(*ONE)
    finally:
        assert project.build("--select", "ml_churn") == ""
    assert project.query("select to_regclass('refusals.scored') is null") == [(True,)]
    assert project.query("select status, count(*) from scorehouse_run_log group by 1") == [("failed", 3)]
    project.scored()
    assert project.build(*ONE) == ""


def test_an_edit_of_the_registry_decides_or_is_refused(project: OneTableProject) -> None:
    project.scored(f"{KEY}, rescore='changed'")
    assert project.build(*ONE) == ""
    check_edit(
        project.folder,
        "churn",
        lambda: project.build("--select", "ml_churn"),
        lambda *more: project.build(*ONE, *more),
        lambda: project.query("select prediction, score from scored where row_status = 'scored'"),
    )
    assert project.runs()[-1] == ("merge", 500, "changed")


MONITORS = {
    "profiles": "{{ config(materialized='incremental', unique_key='run_id') }} "
    "{{ scorehouse.profile(ref('scored'), ref('ml_churn__reference'), ref('features'), key='id') }}",
    "drift": "{{ scorehouse.drift(ref('profiles'), ref('ml_churn__reference')) }}",
    "signals": "{{ scorehouse.retraining_signals(ref('ml_churn'), ref('drift'), none, ref('scored')) }}",
    "labels": "select id, date '2020-01-01' + id as day, id % 2 = 1 as churned from {{ ref('features') }}",
    "performance": "{{ scorehouse.performance(ref('scored'), ref('labels'), key='id', label='churned', "
    "options={'positive': true}, maturity={'label_time': 'day', 'as_of': '2030-01-01'}) }}",
}


def test_a_version_that_monitors_do_not_know_is_refused(project: OneTableProject) -> None:
    for name, sql in MONITORS.items():
        project.write(f"models/{name}.sql", sql)
    try:
        assert project.build("--select", "tag:ml_churn+", "features", "labels") == ""
        verdicts = project.query("select retrain is null, status, n_drifted is null from signals")
        assert verdicts == [(False, "retrain", False)]  # the features are not those of training
        project.query("update ml_churn__reference set row_count = row_count + 1")
        asks = "run `dbt build --select tag:ml_churn+`"
        refused = project.build("--select", "ml_churn+")
        assert "scored: " in refused and "in the table of ml_churn__reference as in version" in refused
        assert asks in refused and asks in project.build("--select", "profiles")
        assert project.build("--select", "drift", "signals") == ""
        verdicts = project.query("select retrain, status, not_judged from signals")
        assert verdicts == [(None, "not_judged", "drift: no window judges this version")]
        assert project.build("--select", "tag:ml_churn+") == ""
        assert project.query("select status from signals") == [("retrain",)]
    finally:
        for name in MONITORS:
            (project.folder / f"models/{name}.sql").unlink()
