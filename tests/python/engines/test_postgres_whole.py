"""Three nights on a real PostgreSQL server, by SQL alone: tables and run log are those of DuckDB."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from churn import classifier, training
from postgres.one_table import OneTableProject, built_project
from postgres.server import Server
from scorehouse import register
from scorehouse.registration.groups import grouped
from sql_alone import (
    TABLES,
    TRIED,
    Told,
    call_of,
    check_nights,
    customers,
    ml_model_of,
    register_others,
    told,
    told_by_duckdb,
)

pytest.importorskip("dbt.adapters.postgres", reason="the extra `postgres` is not installed")
pytestmark = [pytest.mark.foreign, pytest.mark.postgres]
CALL = "{{{{ scorehouse.scored('{}', {}) }}}}\nselect * from {{{{ ref('features') }}}}\n"


@pytest.fixture(scope="module")
def nights(server: Server, tmp_path_factory: pytest.TempPathFactory) -> OneTableProject:
    project = built_project(server, tmp_path_factory.mktemp("whole") / "house", "whole")
    register_others(project.folder, "churn")
    assert project.build("--select", "tag:ml_churn", "tag:ml_churn_ranked") == ""
    for name in TABLES:
        project.write(f"models/{name}.sql", CALL.format(ml_model_of(name, "churn"), call_of(name)))
    return project


@pytest.fixture(scope="module")
def both(nights: OneTableProject, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Told], list[Told]]:
    """What the tables hold after each night, here and on DuckDB."""

    def build(select: str) -> None:
        nights.features(select)
        assert nights.build("--select", "features", *TABLES) == ""

    theirs = told_by_duckdb(tmp_path_factory.mktemp("told") / "house", nights.folder, "churn")
    return told(build, nights.query), theirs


@pytest.mark.parametrize("table", TRIED)
def test_three_nights_are_those_of_duckdb(
    table: str, both: tuple[list[Told], list[Told]], record_property: Callable[[str, object], None]
) -> None:
    check_nights(*both, table, record_property)


MISFITS = {
    "amount": ("plan as amount", "'amount' is text where double was trained"),
    "visits": ("true as visits", "'visits' is boolean where integer was trained"),
    "plan": ("shop as plan", "'plan' is integer where string was trained"),
}
FITS = [
    "cast(plan as varchar(5)) as plan",
    "cast(plan as whole.plans) as plan",
    "cast(visits as whole.whole) as visits",
    "cast(amount as real) as amount",
    "cast(visits as smallint) as visits",
]


def test_columns_of_types_that_do_not_fit_are_refused(nights: OneTableProject) -> None:
    """In DuckDB's words, and before anything is written; a type that it accepts is accepted."""
    nights.query("create type whole.plans as enum ('free', 'paid'); create domain whole.whole as bigint")
    rows = customers([("a", 50.0, "3.00", "free", 1), ("b", 60.0, "4.00", "paid", 2)])

    def build(*changed: str) -> str:
        names = [change.rpartition(" ")[2] for change in changed]
        kept = [name for name in ("id", "amount", "visits", "plan", "shop") if name not in names]
        nights.features(f"select {', '.join([*kept, *changed])} from ({rows}) as rows_of")
        return nights.build("--select", "features", "scored")

    for fitting in FITS:
        assert build(fitting) == "", fitting
    before = nights.query("select * from scored order by id")
    assert [row[4] for row in before] == ["scored", "scored"]
    for misfit, words in MISFITS.values():
        assert f"1 feature columns have a type that does not fit: {words}" in build(misfit)
    assert "3 feature columns have a type" in build(*(misfit for misfit, _ in MISFITS.values()))
    assert nights.query("select * from scored order by id") == before


ROWS_OF_THREE = customers(
    [("a", 50.0, "3.00", "free", 1), ("b", 60.0, "4.00", "paid", 2), ("c", 70.0, "5.00", "paid", 2)]
)


def build_one(
    nights: OneTableProject, arguments: str, more: str = "1 as one", ml_model: str = "churn", head: str = ""
) -> str:
    """Build the table `one` of three rows that have one more column."""
    nights.features(f"select *, {more} from ({ROWS_OF_THREE}) as rows_of")
    nights.write("models/one.sql", head + CALL.format(ml_model, arguments))
    return nights.build("--select", "features", "one")


def test_columns_of_any_type_pass_through(nights: OneTableProject) -> None:
    """The catalog names no type of an array, and none that a user made, which may be in the key too."""
    nights.query("create type whole.kinds as enum ('paid', 'free')")
    more = "array[shop] as tags, cast(plan as whole.kinds) as kind"
    for call in ("key='id', passthrough=['tags', 'kind']", "key=['kind', 'id'], passthrough=['tags']"):
        assert build_one(nights, f"{call}, decision={{'top_n': 1}}", more) == ""
        found = nights.query("select id, tags, kind::text from one order by id")
        assert found == [("a", [1], "free"), ("b", [2], "paid"), ("c", [2], "paid")]
    assert nights.query(
        "select score_max = (select max(score) from one) from scorehouse_run_log where node like '%.one' "
        "order by started_at desc limit 1"
    ) == [(True,)]


def test_rows_whose_score_is_null_take_no_places(nights: OneTableProject) -> None:
    """They come last, as on DuckDB; where some scores are in doubt, they are among themselves."""
    worth = "case id when 'b' then null when 'a' then 0.5e0 else 0.9e0 end as worth"
    decided = "select id, decision from one order by id"
    call = "key='id', passthrough=['worth'], decision={{'score': 'worth', 'top_n': 1{}}}"
    assert build_one(nights, call.format(""), worth) == ""
    assert nights.query(decided) == [("a", "no"), ("b", "no"), ("c", "yes")]
    assert build_one(nights, call.format(", 'abstain': [0.4, 0.6]"), worth) == ""
    assert nights.query(decided) == [("a", "abstain"), ("b", "yes"), ("c", "yes")]


@pytest.mark.parametrize("key", ["'id'", "['id', 'day']", "['day', 'id']"])
def test_each_date_of_a_history_has_places_of_its_own(key: str, nights: OneTableProject) -> None:
    nights.query("drop table if exists one")
    assert build_one(nights, f"key={key}, as_of='day', decision={{'top_n': 1}}") == ""
    found = nights.query("select day::text, count(*) from one where decision = 'yes' group by 1 order by 1")
    assert found == [("2024-01-01", 1), ("2024-01-02", 1)]


@pytest.mark.parametrize("vanished", ["keep", "flag"])
def test_what_left_long_ago_is_not_written_again(vanished: str, nights: OneTableProject) -> None:
    nights.query("drop table if exists one")
    call = f"key='id', rescore={{'rule': 'changed', 'vanished': {vanished!r}}}, decision={{'top_n': 1}}"
    assert build_one(nights, call) == ""
    written = []
    for _ in range(3):
        nights.features(f"select *, 1 as one from ({ROWS_OF_THREE}) as rows_of where id <> 'c'")
        assert nights.build("--select", "features", "one") == ""
        written += nights.query("select xmin::text from one where id = 'c'")
    assert written[0] == written[1] == written[2]
    assert nights.query("select decision from one where id = 'b'") == [("yes",)]


SLICES = "select slice_from, slice_to, rows_in, write_mode from scorehouse_run_log where node like '%.one' "
SLICES += "and status = 'success' and slice_from is not null order by started_at"
FROM_MONDAY = ("--event-time-start", "2024-01-01", "--event-time-end")


@pytest.mark.capability("given")
def test_each_batch_replaces_its_window(nights: OneTableProject) -> None:
    """A row that left the window of a batch is deleted; what is outside of the window stays."""
    nights.query("drop table if exists one; delete from scorehouse_run_log where node like '%.one'")
    batches = "incremental_strategy='microbatch', event_time='day', begin='2024-01-01', batch_size='day'"
    call = CALL.format("churn", "key='id', passthrough=['day'], rescore='given'")
    nights.write("models/one.sql", f"{{{{ config({batches}) }}}}\n{call}")
    nights.features(ROWS_OF_THREE)
    assert nights.build("--select", "features", "one", *FROM_MONDAY, "2024-01-03") == ""
    days = [f"2024-01-0{day} 00:00:00" for day in (1, 2, 3)]
    first = [(days[0], days[1], 1, "replace"), (days[1], days[2], 2, "merge")]
    assert nights.query(SLICES) == first
    before = nights.query("select * from one where id = 'a'")
    nights.features(f"select * from ({ROWS_OF_THREE}) as rows_of where id <> 'c'")
    window = ("--event-time-start", "2024-01-02", "--event-time-end", "2024-01-03")
    assert nights.build("--select", "features", "one", *window) == ""
    assert nights.query("select id from one order by id") == [("a",), ("b",)]
    assert nights.query("select * from one where id = 'a'") == before
    assert nights.query(SLICES) == [*first, (days[1], days[2], 1, "merge")]


@pytest.mark.capability("history")
def test_a_backfill_is_made_in_slices(nights: OneTableProject) -> None:
    """Each is committed by itself; a second one finds that all is there."""
    nights.query("drop table if exists one; delete from scorehouse_run_log where node like '%.one'")
    assert build_one(nights, "key='id', as_of='day', decision={'top_n': 1}", "1 as one") == ""
    nights.query("drop table one")
    asked = "{scorehouse_backfill: {from: 2024-01-01, to: 2024-01-02, slice_days: 1}}"
    for _ in range(2):
        assert nights.build("--select", "one", "--vars", asked) == ""
    days = ["2024-01-01", "2024-01-02", "2024-01-03"]
    slices = [(days[0], days[1], 1, "replace"), (days[1], days[2], 2, "merge")]
    again = [(*each[:2], 0, "merge") for each in slices]
    assert nights.query(SLICES) == [*slices, *again]
    assert nights.query("select day::text, decision from one order by id") == [
        (days[0], "yes"), (days[1], "no"), (days[1], "yes"),
    ]  # fmt: skip


def test_versions_with_other_outputs_are_not_scored_together(nights: OneTableProject) -> None:
    """And an alias without a version is left out, unless it is the first."""
    facts = {"task": "classification", "alias": "named", "project_dir": nights.folder}
    labels = ["stays", "goes"]
    estimator = classifier().set_params()
    estimator.fit(training(), [labels[value > 50] for value in training().amount])
    register(estimator, "churn", training(), **grouped(facts))
    assert nights.build("--select", "tag:ml_churn") == ""
    said = build_one(nights, "key='id', alias=['champion', 'named']")
    assert "version 3 gives prediction, score" in said and "whose labels are text" in said
    assert "score them into separate tables" in said
    assert "an alias that one version has" in build_one(nights, "key='id', alias=['nobody', 'champion']")


def test_a_column_that_the_table_has_itself_is_not_passed_through(nights: OneTableProject) -> None:
    said = build_one(nights, "key='id', passthrough=['feature_hash']", "1 as feature_hash")
    assert "scorehouse.scored(passthrough='feature_hash')" in said and "rename the column" in said


def test_another_group_ranks_all_rows_again(nights: OneTableProject) -> None:
    """And a table without ranks gets them once columns may be added."""
    nights.query("drop table if exists one")
    call = "key='id', passthrough=['shop', 'state'], rescore='changed', group='{}'"
    last = (
        "select rows_new, rows_stale from scorehouse_run_log where node like '%.one' and status = 'success' "
    )
    for group, ranks, counts in [("shop", [1, 2, 1], (3, 0)), ("state", [3, 2, 1], (0, 3))]:
        assert build_one(nights, call.format(group), ml_model="churn_ranked") == ""
        assert nights.query("select rank from one order by id") == [(rank,) for rank in ranks]
        assert nights.query(f"{last} order by started_at desc limit 1") == [counts]
    nights.query("alter table one drop column rank")
    assert "it lacks rank" in build_one(nights, call.format("state"), ml_model="churn_ranked")
    head = "{{ config(on_schema_change='append_new_columns') }}\n"
    assert build_one(nights, call.format("state"), ml_model="churn_ranked", head=head) == ""
    assert nights.query("select rank from one order by id") == [(3,), (2,), (1,)]
    nights.query("drop table one")


def test_a_python_model_is_refused_in_words(nights: OneTableProject) -> None:
    body = "    dbt.config(materialized='predictions')\n    return dbt.ref('features')\n"
    nights.write("models/by_python.py", f"def model(dbt, session):\n{body}")
    try:
        said = nights.build("--select", "by_python")
    finally:
        (nights.folder / "models/by_python.py").unlink()
    assert "there are no prediction tables of Python models on postgres" in said and "What to do:" in said


def test_dbt_show_previews_scores(nights: OneTableProject) -> None:
    """As `scorehouse score` does where Python reads the database; nothing is written."""
    nights.features(ROWS_OF_THREE)
    assert nights.build("--select", "features") == ""
    logged = nights.query("select count(*) from scorehouse_run_log")
    call = "scorehouse.predict('churn', ref('features'), alias='challenger', keep=['id'])"
    inline = f"select * from {{{{ {call} }}}} as scored order by id"
    shown = nights.dbt("show", "--limit", "2", "--inline", inline)
    (result,) = shown.result.results
    assert [row["id"] for row in result.agate_table.rows] == ["a", "b"]
    assert {"prediction", "score", "row_status"} <= set(result.agate_table.column_names)
    assert nights.query("select count(*) from scorehouse_run_log") == logged
