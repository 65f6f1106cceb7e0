"""`scorehouse.scored` on a real PostgreSQL server: rules of rescoring, contract, grants, hooks, columns."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from postgres.one_table import FEATURES, KEY, ONE, ROWS, OneTableProject, built_project
from postgres.server import Server

pytest.importorskip("dbt.adapters.postgres", reason="the extra `postgres` is not installed")
pytestmark = [pytest.mark.foreign, pytest.mark.postgres]


@pytest.fixture(scope="module")
def built(server: Server, tmp_path_factory: pytest.TempPathFactory) -> OneTableProject:
    return built_project(server, tmp_path_factory.mktemp("door") / "house", "door")


@pytest.fixture
def project(built: OneTableProject) -> OneTableProject:
    return built.reset()


def test_a_first_build(project: OneTableProject) -> None:
    assert project.build(*ONE) == ""
    names = [
        row[0]
        for row in project.query(
            "select column_name from information_schema.columns where table_schema = 'door' "
            "and table_name = 'scored' order by ordinal_position"
        )
    ]
    audit = ["model_name", "model_version", "model_digest", "scoring_run_id", "scored_at", "feature_hash"]
    assert names == ["id", "shop", "prediction", "score", "row_status", "reject_reason", *audit]
    assert project.query(
        "select row_status, reject_reason, count(*) from scored group by 1, 2 order by 1"
    ) == [
        ("rejected", "unseen_category:plan=ZZ", 10),
        ("scored", None, 490),
    ]
    assert project.runs() == [("replace", ROWS, "all")]


# per rule, how many rows are scored, and new, changed, stale, unchanged and vanished
RULES = {
    "given": (ROWS, (None,) * 5),
    "new": (20, (20, 0, 0, ROWS - 20, 20)),
    "changed": (20 + 96, (20, 96, 0, ROWS - 20 - 96, 20)),
}
STATES = "rows_new, rows_changed, rows_stale, rows_unchanged, rows_vanished"


@pytest.mark.parametrize(
    ("rule", "rows", "states"), [(rule, *each) for rule, each in RULES.items()], ids=list(RULES)
)
def test_rules_of_rescoring(
    rule: str, rows: int, states: tuple[int | None, ...], project: OneTableProject
) -> None:
    """20 new customers, and 20 who left; every fifth of the others spends more."""
    project.scored(f"{KEY}, rescore='{rule}'")
    assert project.build(*ONE) == ""
    project.features(
        FEATURES.replace("(0, 499)", "(20, 519)").replace(
            "(i * 7 % 100)", "(i * 7 % 100 + case when i % 5 = 0 and i < 500 then 1 else 0 end)"
        )
    )
    assert project.build(*ONE) == ""
    (count,) = project.query("select count(*), count(distinct id), min(id), max(id) from scored")
    assert count == (ROWS + 20, ROWS + 20, 0, ROWS + 19)
    (mode, rows_in, logged) = project.runs()[-1]
    assert (mode, logged) == ("merge", rule)
    assert rows_in == rows
    (counted,) = project.query(f"select {STATES} from scorehouse_run_log where write_mode = 'merge'")
    assert counted == states
    assert project.build("--full-refresh", *ONE) == ""
    assert project.query("select count(*) from scored") == [(ROWS,)]


@pytest.mark.parametrize(
    ("column", "again"),
    [
        ("timestamptz '2024-10-26 16:43Z' + i * interval '1 minute'", 5),  # an hour that the zone has twice
        ("timestamp '2024-10-27 00:30' + i * interval '1 minute'", 5),
        ("date '2024-10-27' + i", 1),
    ],
)
def test_a_look_back_is_counted_in_utc(column: str, again: int, project: OneTableProject) -> None:
    """Those of the last five minutes are scored again, whatever the zone of the session."""
    name = project.query("select current_database()")[0][0]
    project.query(f"alter database {name} set timezone = 'Europe/Berlin'")
    rows = FEATURES.replace("i % 5 as shop", f"i % 5 as shop, {column} as at")
    project.features(rows)
    project.scored(f"{KEY}, rescore={{'updated_at': 'at', 'lookback': '5 minutes'}}")
    assert project.build(*ONE) == "" == project.build(*ONE)
    assert project.runs() == [("replace", ROWS, "updated_at"), ("merge", again, "updated_at")]
    newest = "select scoring_run_id from scored order by scored_at desc limit 1"
    assert project.query(f"select min(id) from scored where scoring_run_id = ({newest})") == [(ROWS - again,)]
    project.features(rows.replace("precision", "precision::real"))
    said = project.build(*ONE)
    project.query(f"alter database {name} reset timezone")
    assert (said, project.runs()[-1]) == ("", ("merge", ROWS, "updated_at"))  # of other types


def test_a_column_of_another_type_is_another_input(project: OneTableProject) -> None:
    """0.1 as real and as double precision have the same text, and are two numbers."""
    real = FEATURES.replace("(i * 7 % 100)::double precision", "(i / 10.0)::real")
    project.features(real)
    project.scored(f"{KEY}, rescore='changed'")
    assert project.build(*ONE) == ""
    project.features(real.replace("::real", "::double precision"))
    for _ in range(2):
        assert project.build(*ONE) == ""
    assert [row[1] for row in project.runs()] == [ROWS, ROWS, 0]


def test_nothing_changed(project: OneTableProject) -> None:
    project.scored(f"{KEY}, rescore='changed'")
    assert project.build(*ONE) == "" == project.build(*ONE)
    assert project.runs() == [("replace", ROWS, "changed"), ("merge", 0, "changed")]


def test_empty_makes_the_table(project: OneTableProject) -> None:
    assert project.build("--empty", *ONE) == ""
    assert project.query("select count(*) from scored") == [(0,)]
    assert project.build(*ONE) == ""
    assert project.query("select count(*) from scored") == [(ROWS,)]


BEYOND = {
    "labels": "select id, amount > 50 as is_late, case when amount > 50 then 1 else 0 end as late, "
    "timestamp '2100-01-01' as known_at from {{ ref('features') }}",
    "widths": "{{ scorehouse.interval_calibration(ref('scored'), ref('labels'), key='id', label='id', "
    "options={'prediction': 'score'}) }}",
    "intervals": "{{ scorehouse.prediction_intervals(ref('scored'), ref('widths'), "
    "options={'prediction': 'score'}) }}",
    "quantiles": "{{ scorehouse.set_calibration(ref('scored'), ref('labels'), key='id', "
    "label='is_late', classes=[false, true], levels=[0.5, 0.9], options={'positive': true}) }}",
    "sets": "{{ scorehouse.prediction_sets(ref('scored'), ref('quantiles'), [false, true], "
    "options={'positive': true, 'levels': ref('levels'), 'day': 'scored_at'}) }}",
    "levels": "{{ scorehouse.adaptive_level(ref('scored'), ref('labels'), ref('quantiles'), key='id', "
    "label='is_late', options={'classes': [false, true], 'positive': true, "
    "'maturity': {'days': 0, 'as_of': '2100-01-01'}}) }}",
    "set_coverage": "{{ scorehouse.performance(ref('sets'), ref('labels'), key='id', "
    "label='is_late', maturity={'as_of': '2100-01-01'}, "
    "options={'set': 'prediction_set', 'positive': true}) }}",
    "calibration": "{{ scorehouse.calibration_table(ref('scored'), ref('labels'), key='id', label='late') }}",
    "trained": "{{ scorehouse.training_set(ref('scored'), ref('labels'), key='id', label='late', "
    "at='scored_at', label_time='known_at', until='2101-01-01') }}",
}


@pytest.mark.capability("intervals")
def test_empty_goes_through_macros_that_join_tables(project: OneTableProject) -> None:
    """With `--empty`, dbt writes a subquery with a name of its own in place of each table."""
    for name, sql in BEYOND.items():
        project.write(f"models/{name}.sql", sql)
    told = {"key": "id", "at": "scored_at", "label_time": "known_at"}
    test = {"name": "trained", "data_tests": [{"scorehouse.no_leak_from_future": {"arguments": told}}]}
    project.write("models/_trained.yml", yaml.safe_dump({"version": 2, "models": [test]}))
    try:
        assert project.build("--empty") == ""
        assert project.query("select count(*) from intervals") == [(0,)]
        assert project.build() == ""
        assert project.query("select count(*), bool_and(label_status = 'labelled') from trained") == [
            (ROWS, True)
        ]
        assert project.query("select prediction_set is null, count(*) from sets group by 1 order by 1") == [
            (False, ROWS - 10),
            (True, 10),
        ]
        levels = "select status, coverage >= 0.9 from levels order by window_start"
        assert project.query(levels) == [("measured", True), ("next", None)]
        held = "select value >= 0.9 from set_coverage where metric = 'coverage'"
        assert project.query(held) == [(True,)]
    finally:
        for name in (*(f"{name}.sql" for name in BEYOND), "_trained.yml"):
            (project.folder / "models" / name).unlink()


def test_grants_docs_indexes_and_hooks(project: OneTableProject) -> None:
    project.query("drop role if exists reporter; create role reporter; drop table if exists notes")
    project.query("create table notes (moment text, runs bigint)")
    done = "select count(*) from door.scorehouse_run_log where status = 'success'"
    note = f"insert into door.notes select {{0!r}}, ({done})"
    project.scored(
        config="grants={'select': ['reporter']}, persist_docs={'relation': true, 'columns': true}, "
        f"indexes=[{{'columns': ['id'], 'unique': true}}], pre_hook=\"{note.format('before')}\", "
        f'post_hook="{note.format("after")}"'
    )
    columns = [{"name": "score", "description": "Chance to leave; it's one"}]
    models = [{"name": "scored", "description": "Customers, scored", "columns": columns}]
    project.write("models/_scored.yml", yaml.safe_dump({"version": 2, "models": models}))
    for _ in range(2):
        assert project.build(*ONE) == ""
    granted = "select grantee from information_schema.role_table_grants where table_name = 'scored' and "
    assert project.query(f"{granted} privilege_type = 'SELECT' and grantee = 'reporter'") == [("reporter",)]
    assert project.query("select obj_description('door.scored'::regclass)") == [("Customers, scored",)]
    assert project.query("select col_description('door.scored'::regclass, 4)") == [
        ("Chance to leave; it's one",)
    ]
    (index,) = project.query("select indexdef from pg_indexes where tablename = 'scored'")
    assert "UNIQUE" in index[0]
    assert project.query("select * from notes") == [("before", 0), ("after", 1), ("before", 1), ("after", 2)]


CONTRACT = {
    "id": "integer",
    "shop": "integer",
    "prediction": "boolean",
    "score": "double precision",
    "row_status": "text",
    "reject_reason": "text",
    "model_name": "text",
    "model_version": "integer",
    "model_digest": "text",
    "scoring_run_id": "uuid",
    "scored_at": "timestamp",
    "feature_hash": "text",
}


def test_a_contract_is_held(project: OneTableProject) -> None:
    assert project.build(*ONE) == ""
    before = project.query("select * from scored order by id")
    for score, problem in (
        ("double precision", ""),
        ("numeric", "This model has an enforced contract that failed"),
    ):
        columns: list[dict[str, Any]] = [
            {"name": name, "data_type": kind} for name, kind in {**CONTRACT, "score": score}.items()
        ]
        columns[0]["constraints"] = [{"type": "not_null"}, {"type": "primary_key"}]
        config = {"contract": {"enforced": True}}
        models = [{"name": "scored", "config": config, "columns": columns}]
        project.write("models/_scored.yml", yaml.safe_dump({"version": 2, "models": models}))
        said = project.build(*ONE)
        assert problem in said and bool(said) == bool(problem)
    kinds = project.query("select contype::text from pg_constraint where conrelid = 'door.scored'::regclass")
    assert ("p",) in kinds
    after = project.query("select * from scored order by id")
    assert [row[:6] for row in after] == [row[:6] for row in before]
    assert len(project.runs()) == 3
    assert project.query("select count(*) from scorehouse_run_log where error like '%contract%'") == [(1,)]


def test_a_changed_list_of_columns(project: OneTableProject) -> None:
    """Refused before a row is scored; appended and dropped where the config has it so."""
    project.scored(f"{KEY}, rescore='changed'")
    assert project.build(*ONE) == ""
    more = "key='id', passthrough=['visits'], rescore='changed'"
    project.scored(more)
    said = project.build(*ONE)
    assert "it lacks visits, and it has shop, which this run does not write" in said
    assert [run[0] for run in project.runs()] == ["replace", None]  # the refused run has a row that says so
    project.scored(more, "on_schema_change='append_new_columns'")
    assert project.build(*ONE) == ""
    assert project.query("select count(*), count(visits), count(shop) from scored") == [(ROWS, ROWS, 0)]
    project.scored(more, "on_schema_change='sync_all_columns'")
    assert project.build(*ONE) == ""
    assert project.query("select count(*) from information_schema.columns where table_schema = 'door' "
                       "and table_name = 'scored' and column_name = 'shop'") == [(0,)]  # fmt: skip
    project.features(FEATURES.replace("i % 9 as visits", "(i % 9)::numeric as visits"))
    assert "it has visits with another type" in project.build(*ONE)
    project.features("select 1 / 0 as id")  # what it needs fails: the night scores nothing
    assert "division by zero" in project.build(*ONE)
    ((*_, one), *_, (status, error, other)) = project.query(
        "select status, error, prediction_table from scorehouse_run_log order by started_at"
    )
    assert (status, other) == ("skipped", one) and error.startswith("model features: ")
    tests = ["scorehouse.predictions_up_to_date"]
    project.write("models/_scored.yml", yaml.safe_dump({"models": [{"name": "scored", "data_tests": tests}]}))
    assert "Got 1 result" in project.build("--select", "test_name:predictions_up_to_date")


def test_old_runs_are_pruned_but_those_that_rows_name(project: OneTableProject) -> None:
    assert project.build() == ""
    assert project.build("--select", "scored") == ""
    project.query("update scorehouse_run_log set started_at = started_at - interval '9 days'")
    project.query(
        "insert into scorehouse_run_log (run_id, status, prediction_table, started_at) "
        "select gen_random_uuid(), 'failed', prediction_table, started_at from scorehouse_run_log limit 1"
    )
    before = project.query("select count(*) from scorehouse_run_log where status = 'success'")
    for dry_run in (True, False):
        assert project.operation("prune_run_log", older_than_days=5, dry_run=dry_run)
        left = project.query("select count(*) from scorehouse_run_log where status = 'failed'")
        assert left == [(int(dry_run),)]
    named = project.query("select distinct scoring_run_id from scored")
    kept = project.query("select run_id from scorehouse_run_log")
    assert named and set(named) <= set(kept) and [(len(kept),)] <= before
