"""`scorehouse.scored` on a real PostgreSQL server: rules of rescoring, contract, grants, hooks, refusals."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from dbt.cli.main import dbtRunner

from churn import classifier, training
from postgres.server import Server
from project import REPOSITORY, Row
from scorehouse import register

pytest.importorskip("dbt.adapters.postgres", reason="the extra `postgres` is not installed")
pytestmark = [pytest.mark.foreign, pytest.mark.postgres]
ROWS = 500
FEATURES = """
select
    i as id, (i * 7 % 100)::double precision as amount, i % 9 as visits,
    case when i % 50 = 0 then 'ZZ' when i % 2 = 0 then 'free' else 'paid' end as plan, i % 5 as shop
from generate_series(0, 499) as numbers (i)
"""
KEY = "key='id', passthrough=['shop']"


@dataclass
class House:
    """A dbt project on the server, in a schema of its own."""

    folder: Path
    server: Server
    schema: str

    def write(self, path: str, text: str) -> None:
        (self.folder / path).write_text(text)

    def features(self, sql: str = FEATURES) -> None:
        self.write("models/features.sql", f"{{{{ config(materialized='table') }}}}\n{sql}\n")

    def scored(self, arguments: str = KEY, config: str = "") -> None:
        head = f"{{{{ config({config}) }}}}\n" if config else ""
        call = f"{{{{ scorehouse.scored('churn', {arguments}) }}}}"
        self.write("models/scored.sql", f"{head}{call}\nselect * from {{{{ ref('features') }}}} -- all\n")

    def build(self, *arguments: str) -> str:
        """Run `dbt build`; what went wrong, or nothing."""
        here = Path.cwd()
        places = ["--project-dir", str(self.folder), "--profiles-dir", str(self.folder)]
        try:
            ended = dbtRunner().invoke(["--quiet", "build", *arguments, *places])
        finally:
            os.chdir(here)
        results = list(getattr(ended.result, "results", None) or [])
        bad = [f"{r.node.name}: {r.message}" for r in results if r.status not in ("success", "pass")]
        return str(ended.exception or "") + "\n".join(bad)

    def operation(self, macro: str, **arguments: Any) -> bool:
        """Whether `dbt run-operation` succeeded."""
        here = Path.cwd()
        places = ["--project-dir", str(self.folder), "--profiles-dir", str(self.folder)]
        try:
            words = ["--quiet", "run-operation", macro, "--args", yaml.safe_dump(arguments), *places]
            return bool(dbtRunner().invoke(words).success)
        finally:
            os.chdir(here)

    def query(self, sql: str) -> list[Row]:
        with self.server.connect() as connection, connection.cursor() as cursor:
            cursor.execute(f"set search_path = {self.schema}")
            cursor.execute(sql)
            return cursor.fetchall() if cursor.description else []

    def runs(self) -> list[Row]:
        return self.query(
            "select write_mode, rows_in, rescore_rule from scorehouse_run_log order by started_at"
        )


@pytest.fixture(scope="module")
def built(server: Server, tmp_path_factory: pytest.TempPathFactory) -> House:
    folder = tmp_path_factory.mktemp("door") / "house"
    (folder / "models").mkdir(parents=True)
    shutil.copytree(REPOSITORY / "macros", folder / "macros", ignore=shutil.ignore_patterns("ml"))
    shutil.copytree(REPOSITORY / "models/installed/run_log", folder / "models" / "run_log")
    output = {"type": "postgres", "host": "127.0.0.1", "port": server.port, "user": "postgres", "pass": "x"}
    output |= {"dbname": "postgres", "schema": "door", "threads": 2}
    document = {
        "name": "scorehouse",
        "version": "0.1.0",
        "config-version": 2,
        "profile": "house",
        "flags": {"send_anonymous_usage_stats": False},
        "on-run-start": "{{ scorehouse.ensure_run_log() }}",
        "on-run-end": "{{ scorehouse.close_runs(results) }}",
        "vars": {"scorehouse_compiled_sql": {"dialects": ["duckdb", "postgres"]}},
    }
    house = House(folder, server, "door")
    house.write("dbt_project.yml", yaml.safe_dump(document))
    house.write("profiles.yml", yaml.safe_dump({"house": {"target": "p", "outputs": {"p": output}}}))
    facts: dict[str, Any] = {"task": "classification", "alias": "champion", "project_dir": folder}
    register(classifier(), "churn", training(), **facts)
    house.features()
    house.scored()
    assert house.build() == ""
    return house


@pytest.fixture
def house(built: House) -> House:
    """The project as it was made, with nothing scored and nothing logged."""
    built.query("drop table if exists scored cascade; delete from scorehouse_run_log")
    (built.folder / "models/_scored.yml").unlink(missing_ok=True)
    built.features()
    built.scored()
    return built


ONE = ("--select", "features", "scored")


def test_a_first_build(house: House) -> None:
    assert house.build(*ONE) == ""
    names = [
        row[0]
        for row in house.query(
            "select column_name from information_schema.columns where table_schema = 'door' "
            "and table_name = 'scored' order by ordinal_position"
        )
    ]
    audit = ["model_name", "model_version", "model_digest", "scoring_run_id", "scored_at", "feature_hash"]
    assert names == ["id", "shop", "prediction", "score", "row_status", "reject_reason", *audit]
    assert house.query("select row_status, reject_reason, count(*) from scored group by 1, 2 order by 1") == [
        ("rejected", "unseen_category:plan=ZZ", 10),
        ("scored", None, 490),
    ]
    assert house.runs() == [("replace", ROWS, "all")]


@pytest.mark.parametrize(
    ("rule", "rows"), [("given", ROWS), ("new", 20), ("changed", 20 + 96)], ids=["given", "new", "changed"]
)
def test_rules_of_rescoring(rule: str, rows: int, house: House) -> None:
    """20 new customers; every fifth of the old ones, but for those that are new, spends more."""
    house.scored(f"{KEY}, rescore='{rule}'")
    assert house.build(*ONE) == ""
    house.features(
        FEATURES.replace("(0, 499)", "(20, 519)").replace(
            "(i * 7 % 100)", "(i * 7 % 100 + case when i % 5 = 0 and i < 500 then 1 else 0 end)"
        )
    )
    assert house.build(*ONE) == ""
    (count,) = house.query("select count(*), count(distinct id), min(id), max(id) from scored")
    assert count == (ROWS + 20, ROWS + 20, 0, ROWS + 19)
    (mode, rows_in, logged) = house.runs()[-1]
    assert (mode, logged) == ("merge", rule)
    assert rows_in == rows
    assert house.build("--full-refresh", *ONE) == ""
    assert house.query("select count(*) from scored") == [(ROWS,)]


def test_a_column_of_another_type_is_another_input(house: House) -> None:
    """0.1 as real and as double precision have the same text, and are two numbers."""
    real = FEATURES.replace("(i * 7 % 100)::double precision", "(i / 10.0)::real")
    house.features(real)
    house.scored(f"{KEY}, rescore='changed'")
    assert house.build(*ONE) == ""
    house.features(real.replace("::real", "::double precision"))
    for _ in range(2):
        assert house.build(*ONE) == ""
    assert [row[1] for row in house.runs()] == [ROWS, ROWS, 0]


def test_nothing_changed(house: House) -> None:
    house.scored(f"{KEY}, rescore='changed'")
    assert house.build(*ONE) == "" == house.build(*ONE)
    assert house.runs() == [("replace", ROWS, "changed"), ("merge", 0, "changed")]


def test_empty_makes_the_table(house: House) -> None:
    assert house.build("--empty", *ONE) == ""
    assert house.query("select count(*) from scored") == [(0,)]
    assert house.build(*ONE) == ""
    assert house.query("select count(*) from scored") == [(ROWS,)]


def test_grants_docs_indexes_and_hooks(house: House) -> None:
    house.query("drop role if exists reporter; create role reporter; drop table if exists notes")
    house.query("create table notes (moment text, runs bigint)")
    done = "select count(*) from door.scorehouse_run_log where status = 'success'"
    note = f"insert into door.notes select {{0!r}}, ({done})"
    house.scored(
        config="grants={'select': ['reporter']}, persist_docs={'relation': true, 'columns': true}, "
        f"indexes=[{{'columns': ['id'], 'unique': true}}], pre_hook=\"{note.format('before')}\", "
        f'post_hook="{note.format("after")}"'
    )
    columns = [{"name": "score", "description": "Chance to leave; it's one"}]
    models = [{"name": "scored", "description": "Customers, scored", "columns": columns}]
    house.write("models/_scored.yml", yaml.safe_dump({"version": 2, "models": models}))
    for _ in range(2):
        assert house.build(*ONE) == ""
    granted = "select grantee from information_schema.role_table_grants where table_name = 'scored' and "
    assert house.query(f"{granted} privilege_type = 'SELECT' and grantee = 'reporter'") == [("reporter",)]
    assert house.query("select obj_description('door.scored'::regclass)") == [("Customers, scored",)]
    assert house.query("select col_description('door.scored'::regclass, 4)") == [
        ("Chance to leave; it's one",)
    ]
    (index,) = house.query("select indexdef from pg_indexes where tablename = 'scored'")
    assert "UNIQUE" in index[0]
    assert house.query("select * from notes") == [("before", 0), ("after", 1), ("before", 1), ("after", 2)]


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


def test_a_contract_is_held(house: House) -> None:
    assert house.build(*ONE) == ""
    before = house.query("select * from scored order by id")
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
        house.write("models/_scored.yml", yaml.safe_dump({"version": 2, "models": models}))
        said = house.build(*ONE)
        assert problem in said and bool(said) == bool(problem)
    kinds = house.query("select contype::text from pg_constraint where conrelid = 'door.scored'::regclass")
    assert ("p",) in kinds
    after = house.query("select * from scored order by id")
    assert [row[:6] for row in after] == [row[:6] for row in before]
    assert len(house.runs()) == 3
    assert house.query("select count(*) from scorehouse_run_log where error like '%contract%'") == [(1,)]


def test_a_changed_list_of_columns(house: House) -> None:
    """Refused before a row is scored; appended and dropped where the config has it so."""
    house.scored(f"{KEY}, rescore='changed'")
    assert house.build(*ONE) == ""
    more = "key='id', passthrough=['visits'], rescore='changed'"
    house.scored(more)
    said = house.build(*ONE)
    assert "it lacks ['visits'], it has ['shop'], which this run does not write" in said
    assert [run[0] for run in house.runs()] == ["replace", None]  # the refused run has a row that says so
    house.scored(more, "on_schema_change='append_new_columns'")
    assert house.build(*ONE) == ""
    assert house.query("select count(*), count(visits), count(shop) from scored") == [(ROWS, ROWS, 0)]
    house.scored(more, "on_schema_change='sync_all_columns'")
    assert house.build(*ONE) == ""
    assert house.query("select count(*) from information_schema.columns where table_schema = 'door' "
                       "and table_name = 'scored' and column_name = 'shop'") == [(0,)]  # fmt: skip
    house.features(FEATURES.replace("i % 9 as visits", "(i % 9)::numeric as visits"))
    assert "these have another type: ['visits']" in house.build(*ONE)


REFUSED = [
    ("key='shop'", '500 share their key "shop" with another row and 0 have NULL in it'),
    ("key='nobody'", "columns of the select, which are id, amount, visits, plan, shop"),
    (f"{KEY}, max_rejected_share=0.01", "10 of 500 rows are rejected"),
    (f"{KEY}, alias='nobody'", "an alias that one version has; the aliases are champion"),
    (f"{KEY}, version=7", "version 7 has no compiled SQL that was proven for postgres"),
    (f"{KEY}, alias=['champion', 'challenger']", "what compiled SQL can do on postgres"),
    (f"{KEY}, strict=['null']", "(strict="),
    (f"{KEY}, as_of='2024-01-01'", "(as_of="),
    (f"{KEY}, decision={{'threshold': 0.5}}", "(decision="),
    (f"{KEY}, group='shop'", "(group="),
    (f"{KEY}, engine='native'", "(engine="),
    (f"{KEY}, rescore={{'rule': 'changed', 'vanished': 'delete'}}", "(rescore="),
    (f"{KEY}, rescore='updated_at'", "(rescore="),
    (f"{KEY}, rescore=['changed']", "the name of a rule"),
    (f"{KEY}, version='2'", "the number of a version"),
    (f"{KEY}, batch_rows=1.5", "a positive number of rows"),
    (f"{KEY}, max_rejected_share=true", "a number from 0 to 1"),
    (f"{KEY}, alais='champion'", "arguments among key, alias"),
    ("key=5", "the name of a column"),
    ("key=['id', 'id']", "names of columns, each once"),
    ("key='id', passthrough=7", "the name of a column"),
]


@pytest.mark.parametrize(("arguments", "message"), REFUSED, ids=[case[1] for case in REFUSED])
def test_refuses_and_leaves_the_table(arguments: str, message: str, built: House) -> None:
    (built.folder / "models/_scored.yml").unlink(missing_ok=True)
    built.features()
    built.scored()
    if not built.query("select to_regclass('door.scored') is not null")[0][0]:
        assert built.build(*ONE) == ""
    state = (
        "select count(*), min(scoring_run_id::text), "
        "(select count(*) from scorehouse_run_log where status = 'success') from scored"
    )
    before = built.query(state)
    built.scored(arguments)
    built.query("delete from scorehouse_run_log where status <> 'success'")
    assert message in built.build("--select", "scored")
    assert built.query(state) == before
    ((status, error),) = built.query("select status, error from scorehouse_run_log where status <> 'success'")
    assert status == "failed" and message in error


NO_BATCHES = "microbatches and backfills need the Python runtime, which postgres does not have"


@pytest.mark.parametrize("existing", [True, False], ids=["table", "no table"])
def test_batches_are_refused(existing: bool, house: House) -> None:
    """With or without a table; neither the table nor the run log is touched, and the way out works."""
    if existing:
        assert house.build(*ONE) == ""
    done = "select count(*) from scorehouse_run_log where status = 'success'"
    state = f"select to_regclass('door.scored')::oid::bigint, ({done})"
    before = house.query(state)
    batches = "incremental_strategy='microbatch', event_time='seen_at', begin='2024-01-01', batch_size='day'"
    house.features(FEATURES.replace("i % 5 as shop", "i % 5 as shop, timestamp '2024-01-01' as seen_at"))
    house.scored(f"{KEY}, rescore='given'", batches)
    said = house.build(*ONE)
    assert f"scorehouse.scored() in scored: {NO_BATCHES}" in said
    assert "leave incremental_strategy and scorehouse_backfill out" in said
    house.scored(f"{KEY}, rescore='given'")
    backfill = "{scorehouse_backfill: {from: 2024-01-01, to: 2024-01-03}}"
    assert NO_BATCHES in house.build(*ONE, "--vars", backfill)
    assert house.query(state) == before
    assert house.build(*ONE) == ""


def test_a_version_that_is_not_proven_is_refused(house: House) -> None:
    house.query("update ml_churn set forms = null")
    try:
        said = house.build("--select", "scored")
    finally:
        assert house.build("--select", "ml_churn") == ""
    assert "no compiled SQL that was proven for postgres" in said
    assert "scorehouse prove churn" in said


def test_old_runs_are_pruned_but_those_that_rows_name(house: House) -> None:
    assert house.build() == ""
    assert house.build("--select", "scored") == ""
    house.query("update scorehouse_run_log set started_at = started_at - interval '9 days'")
    house.query(
        "insert into scorehouse_run_log (run_id, status, prediction_table, started_at) "
        "select gen_random_uuid(), 'failed', prediction_table, started_at from scorehouse_run_log limit 1"
    )
    before = house.query("select count(*) from scorehouse_run_log where status = 'success'")
    for dry_run in (True, False):
        assert house.operation("prune_run_log", older_than_days=5, dry_run=dry_run)
        left = house.query("select count(*) from scorehouse_run_log where status = 'failed'")
        assert left == [(int(dry_run),)]
    named = house.query("select distinct scoring_run_id from scored")
    kept = house.query("select run_id from scorehouse_run_log")
    assert named and set(named) <= set(kept) and [(len(kept),)] <= before


def test_sql_or_a_registry_that_was_changed_is_refused(house: House) -> None:
    """The macro's text is pinned, and the table of the seed is compared, before anything is scored."""
    macros = house.folder / "macros/ml/churn.sql"
    sound = macros.read_text()
    place = sound.index("0.5", sound.index('"postgres"'))
    macros.write_text(sound[:place] + "0.1" + sound[place + 3 :])
    try:
        said = house.build(*ONE)
    finally:
        macros.write_text(sound)
    assert "scorehouse_predict__churn__v1 is not the SQL that was proven" in said
    house.query("update ml_churn set sha256 = repeat('0', 64)")
    try:
        for arguments in (KEY, f"{KEY}, version=1"):
            house.scored(arguments)
            assert "version 1 has sha256 '000" in house.build(*ONE)
    finally:
        assert house.build("--select", "ml_churn") == ""
    assert house.query("select to_regclass('door.scored') is null") == [(True,)]
    assert house.query("select status, count(*) from scorehouse_run_log group by 1") == [("failed", 3)]
    house.scored()
    assert house.build(*ONE) == ""
