"""`scorehouse forget` in a project that dbt has built: who is forgotten is nowhere, all others stay valid."""

from __future__ import annotations

import html
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import markupsafe
import pytest
from click.testing import CliRunner, Result

from project import DbtProject
from scorehouse.cli.main import main
from scorehouse.evidence.canonical import digest
from scorehouse.forgetting.files import forget_in_exports
from scorehouse.forgetting.people import People, people_of
from scorehouse.forgetting.tables import hold
from scorehouse.project.forgotten import SECRET_FILE, is_listed
from scorehouse.report.words import breakable
from small_churn import X, Y, classifier

PERSON = "person-0007-bonne"
TARGET = ("--target", "dev")
FEATURES = """
select 'person-' || lpad(i::varchar, 4, '0') || '-bonne' as person_id, i::double as age,
    (i % 7)::bigint as visits, date '2026-01-01' + (i % 3)::int as day
from range(40) as numbers(i)
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> DbtProject:
    project = DbtProject(tmp_path_factory.mktemp("forget") / "house")
    project.writes_files = True
    project.features(FEATURES)
    project.register(classifier(), "churn", X, Y, task="classification")
    project.sql_model("scores", "churn", key="person_id", rescore="changed")
    project.sql_model("history", "churn", key="person_id", as_of="day", rescore="new")
    project.write(
        "models/mart.sql",
        "{{ config(materialized='table') }}\nselect person_id, score from {{ ref('scores') }}\n",
    )
    project.build().check()
    return project


@pytest.fixture
def house(built: DbtProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DbtProject]:
    copy = built.copy(tmp_path / "house")
    monkeypatch.chdir(copy.folder)
    yield copy


def call(*words: str, code: int = 0) -> Result:
    ended = CliRunner().invoke(main, list(words), catch_exceptions=False)
    assert ended.exit_code == code, ended.output
    return ended


def forget(*words: str, code: int = 0) -> dict[str, Any]:
    return dict(json.loads(call("forget", *words, *TARGET, "--json", code=code).stdout))


def traces(folder: Path, value: str) -> list[str]:
    """The files with the bytes of a value, and the tables with it, but for what is in packages."""
    found = [
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and "dbt_packages" not in path.parts and value.encode() in path.read_bytes()
    ]
    with duckdb.connect(str(folder / "house.duckdb"), read_only=True) as connection:
        for (table,) in connection.execute("select table_name from duckdb_tables()").fetchall():
            text = str(connection.execute(f'select * from "{table}"').fetchall())
            found += [table] if value in text else []
    return found


def run_id(house: DbtProject, node: str) -> str:
    return str(house.runs(node)[-1]["run_id"])


def test_a_person_is_nowhere_and_all_others_stay_valid(house: DbtProject) -> None:
    call("evidence", "seal", *TARGET)
    call("export", "predictions", "scores", *TARGET, "--to", "out")
    call("export", "predictions", "scores", *TARGET, "--to", "text", "--format", "csv")
    (house.folder / "pages").mkdir()  # a folder of the user, which stays
    call("explain", "churn", "--key", PERSON, "--table", "scores", *TARGET, "--html", "pages/why.html")
    call(
        "explain", "churn", "--key", "person-0008-bonne", "--table", "scores", *TARGET, "--html", "other.html"
    )
    for key in (PERSON, "person-0008-bonne"):
        call("answer", "churn", "--key", key, "--table", "scores", *TARGET, "--output", f"letters/{key}")
    letter = {"key": "a", "payload": {"text": f"{PERSON} is odd"}}
    house.write("undelivered_alerts.jsonl", json.dumps(letter) + "\n")
    assert set(traces(house.folder, PERSON)) >= {
        "features",
        "scores",
        "history",
        "mart",
        "house.duckdb",
        "pages/why.html",
        f"letters/{PERSON}/answer.json",
    }
    house.query("delete from features where person_id = 'person-0007-bonne'")
    done = forget("--key", PERSON)
    assert traces(house.folder, PERSON) == []
    assert traces(house.folder, "person-0008-bonne")
    assert sum(done["runs"].values()) == 2 and done["persons"] == 1
    assert "written" in done and Path(done["written"]).is_file()
    assert (house.folder / "other.html").is_file() and not any((house.folder / "pages").iterdir())
    assert [path.name for path in (house.folder / "letters").iterdir()] == ["person-0008-bonne"]
    assert (
        "nothing was altered" in call("evidence", "verify", "letters/person-0008-bonne", "--unsigned").stdout
    )
    for node in ("scores", "history"):
        replayed = json.loads(call("replay", run_id(house, node), *TARGET, "--json").stdout)
        assert (replayed["rows_compared"], replayed["rows_different"], replayed["same_input"]) == (
            39,
            0,
            True,
        )
        assert replayed["rows_forgotten"] == 1
    assert "rows forgotten: 1" in call("replay", run_id(house, "scores"), *TARGET).output
    assert "since they were scored: 2" in call("evidence", "seal", *TARGET, "--check").stdout
    call("evidence", "pack", "churn", *TARGET, "--output", "pack")
    assert "nothing was altered" in call("evidence", "verify", "pack", "--unsigned").stdout
    for folder in ("out", "text"):
        written = call("export", "predictions", "scores", *TARGET, "--to", folder).stdout
        assert "nothing to write" in written and "39 unchanged" in written


def test_letters_and_pages_are_known_by_the_whole_key(house: DbtProject) -> None:
    """Also by one with a comma, and not as that of another person whose name begins it."""
    for name, place in (("Smith", 8), ("Smith, Ann Mary", 7)):
        for table in ("features", "scores"):
            house.query(
                f"update {table} set person_id = '{name}' where person_id = 'person-000{place}-bonne'"
            )
        call("explain", "churn", "--key", name, "--table", "scores", *TARGET, "--html", f"why_{place}.html")
        call("answer", "churn", "--key", name, "--table", "scores", *TARGET, "--output", f"letter_{place}")
    files = ("MANIFEST.json", "answer.json", "letter.html", "letter.md")
    for name, place in (("Smith", 8), ("Smith, Ann Mary", 7)):
        done = forget("--key", name, "--dry-run")
        pages = [each["place"] for each in done["places"] if each["kind"] in ("explanation", "letter")]
        assert pages == [f"why_{place}.html", *(f"letter_{place}/{file}" for file in files)]


@pytest.mark.slow
def test_who_is_forgotten_does_not_return(house: DbtProject) -> None:
    """The feature table still has the person, as it is when its source was not cleaned yet."""
    done = forget("--key", PERSON, code=3)
    left = {place["place"]: place["why"] for place in done["places"] if place["remaining"]}
    assert list(left) == ["house.main.features"]
    backfill = "{scorehouse_backfill: {from: 2026-01-01, to: 2026-01-09}}"
    for words in ((), ("--full-refresh",), ("--full-refresh", "--select", "history", "--vars", backfill)):
        house.build(*words).check()
        for table in ("scores", "history"):
            there = f"select count(*) from {table} where person_id = '{PERSON}'"
            assert house.query(there) == [(0,)]
    before, first, second, *slices = (run["rows_barred"] for run in house.runs("history"))
    assert (before, first, second, sum(slices)) == (0, 1, 1, 1)
    assert house.runs("scores")[-1]["rows_barred"] == 1
    replayed = json.loads(call("replay", run_id(house, "scores"), *TARGET, "--json").stdout)
    assert (replayed["rows_compared"], replayed["same_input"]) == (39, True)
    (house.folder / SECRET_FILE).unlink()
    failed = house.build("--select", "scores")
    assert not failed.success and "forgotten persons would return" in failed.messages["scores"]
    assert "If it is lost: drop table " in failed.messages["scores"]
    house.query("drop table scorehouse_forgotten")
    forget("--key", PERSON, code=3)
    house.build().check()
    assert house.query(f"select count(*) from scores where person_id = '{PERSON}'") == [(0,)]


def guarded_by(table: str) -> dict[str, Any]:
    every = {"features": "ref('features')", "key": "person_id"}
    tests = [
        {"one_prediction_per_row": {"name": f"rows_of_{table}", "arguments": every}},
        {
            "one_prediction_per_row": {
                "name": f"scored_rows_of_{table}",
                "arguments": every,
                "config": {"where": "row_status = 'scored'"},
            }
        },
        {"predictions_up_to_date": {}},
        {"predictions_fresh": {"arguments": {"max_age_hours": 24}}},
        {"rejected_share_below": {"arguments": {"max_share": 0}}},
        {"volume_in_range": {"arguments": {"min_rows": 1, "max_rows": 40}}},
    ]
    named = [{f"scorehouse.{test}": given for test, given in each.items()} for each in tests]
    return {"name": table, "data_tests": named}


@pytest.mark.slow
def test_tests_stay_green_until_another_row_is_missing(house: DbtProject) -> None:
    """The feature table still has the person: as many rows as the newest run left out may be missing."""
    tests = {"version": 2, "models": [guarded_by("scores"), guarded_by("history")]}
    house.write("models/tests.yml", json.dumps(tests))
    forget("--key", PERSON, code=3)
    for words in ((), (), ("--full-refresh",)):
        house.build(*words).check()
    house.query("delete from scores where person_id = 'person-0008-bonne'")
    failed = house.dbt("test")
    red = {name: failed.messages[name] for name, status in failed.statuses.items() if status == "fail"}
    assert set(red) == {"rows_of_scores", "scored_rows_of_scores"}
    assert all("Got 2 results" in message for message in red.values())  # the forgotten one is among them
    house.query("update scorehouse_run_log set rows_barred = 0 where node like '%.history'")
    house.query(  # a later run of another table, whose name without quotes is a part of this one's
        "update scorehouse_run_log set prediction_table = 'history', rows_barred = 40, "
        "started_at = started_at + interval 1 day where node like '%.scores'"
    )
    failed = house.dbt("test", "--select", "rows_of_history")
    assert "Got 1 result" in failed.messages["rows_of_history"]


@pytest.mark.slow
def test_a_preview_leaves_them_out(house: DbtProject) -> None:
    forget("--key", PERSON, code=3)  # the feature table has the person
    words = (
        "score",
        "churn",
        "--table",
        "features",
        "--key",
        "person_id",
        "--limit",
        "40",
        *TARGET,
        "--json",
    )
    rows = json.loads(call(*words).stdout)["rows"]
    assert len(rows) == 39 and PERSON not in str(rows)


@pytest.mark.slow
def test_runs_of_several_versions_in_both_layouts(house: DbtProject) -> None:
    """Rows that versions share, and a row per version: replays of all runs stay valid."""
    house.register(classifier(0.1), "churn", X, Y, task="classification", alias="challenger")
    both = {"key": "person_id", "alias": ["champion", "challenger"]}
    house.sql_model("long", "churn", rescore="changed", **both)
    house.sql_model("wide", "churn", rescore="changed", layout="wide", **both)
    house.build("--select", "long", "wide", "+tag:ml_churn", "tag:ml_churn").check()
    forget("--key", PERSON, code=3)
    for node in ("long", "wide"):
        for run in house.runs(node):
            replayed = json.loads(call("replay", str(run["run_id"]), *TARGET, "--json").stdout)
            assert (replayed["rows_compared"], replayed["rows_different"]) == (39, 0)
            assert replayed["same_input"] and replayed["rows_forgotten"] == 1


@pytest.mark.slow
def test_what_of_a_run_could_be_traced_is_gone(house: DbtProject) -> None:
    """A run of one row alone, an error that names the key, and a digest that nobody can guess any more."""
    house.features(FEATURES + "union all select 'person-0099-bonne', 99, 1, date '2026-01-01'")
    house.build("--select", "features", "scores").check()
    house.query("insert into features select * from features where person_id = 'person-0099-bonne'")
    assert not house.build("--select", "scores").success
    failed = house.runs("scores")[-1]
    assert "person-0099-bonne" in failed["error"]
    call("evidence", "seal", *TARGET)
    one, mean = house.runs("scores")[1], house.runs("scores")[0]["score_mean"]
    assert one["rows_scored"] == 1 and one["score_mean"] and one["input_fingerprint"].startswith("1:")
    forget("--key", "person-0099-bonne", code=3)
    _, after, again = house.runs("scores")
    assert after["input_fingerprint"].startswith("0:0000000000000000:0000000000000000:")
    assert (after["score_min"], after["score_mean"], after["score_max"]) == (None, None, None)
    assert after["digest_salt"] != one["digest_salt"] and after["rows_forgotten"] == 1
    assert "[forgotten]" in again["error"] and "0099" not in again["error"]
    assert house.runs("scores")[0]["score_mean"] == mean
    replayed = json.loads(call("replay", str(one["run_id"]), *TARGET, "--json").stdout)
    assert (replayed["rows_forgotten"], replayed["shows_nothing"]) == (1, False)
    call("evidence", "seal", *TARGET, "--check")


def test_an_altered_run_log_is_not_sealed_anew(house: DbtProject) -> None:
    call("evidence", "seal", *TARGET)
    house.query("update scorehouse_run_log set rows_rejected = 7")
    before, seal = house.content("scores"), (house.folder / "evidence/run_log.dev.jsonl").read_bytes()
    assert "was changed after its seal" in call("forget", "--key", PERSON, *TARGET, code=1).output
    assert house.content("scores") == before
    assert (house.folder / "evidence/run_log.dev.jsonl").read_bytes() == seal


@pytest.mark.slow
def test_a_forgotten_line_excuses_no_other_change(house: DbtProject) -> None:
    call("evidence", "seal", *TARGET)
    forget("--key", PERSON, code=3)
    call("evidence", "seal", *TARGET, "--check")
    house.query("update scorehouse_run_log set rows_scored = rows_scored - 1 where node like '%scores'")
    assert "was changed after its seal" in call("evidence", "seal", *TARGET, "--check", code=3).stdout


@pytest.mark.slow
@pytest.mark.parametrize("where", ("before the file is written anew", "before the files"))
def test_a_killed_call_is_done_again(house: DbtProject, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    call("evidence", "seal", *TARGET)
    call("export", "predictions", "scores", *TARGET, "--to", "out")
    house.query(f"delete from features where person_id = '{PERSON}'")
    name = "_rewrite" if "anew" in where else "_forget_in_files"
    with monkeypatch.context() as patch:
        patch.setattr(f"scorehouse.forgetting.forget.{name}", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            call("forget", "--key", PERSON, *TARGET)
    assert traces(house.folder, PERSON)
    done = forget("--key", PERSON)
    assert traces(house.folder, PERSON) == []
    known = {run_id(house, node): 1 for node in ("scores", "history")}
    assert (done["runs"], done["listed_before"], done["runs_before"]) == ({}, 1, known)
    said = call("forget", "--key", PERSON, *TARGET, "--dry-run").stdout
    assert "forgotten before: 1 of 1 person, by the list; " in said and ": 2 rows of 2 runs\n" in said
    assert forget("--key", "person-0008-bonne", "--dry-run")["listed_before"] == 0
    call("evidence", "seal", *TARGET, "--check")
    assert house.query("select count(*) from scorehouse_forgotten") == [(1,)]


def test_a_file_that_was_renamed(house: DbtProject) -> None:
    """The run log names its prediction tables, and dbt's manifest all tables, by the file's former name."""
    house.query("create table notes as select person_id, 'own' as scoring_run_id from features")
    house.query(  # a table of another file, which has the name of one that is not ours
        "insert into scorehouse_run_log by name select * replace (uuid() as run_id, uuid() as parent_run_id, "
        """'"elsewhere"."main"."notes"' as prediction_table) from scorehouse_run_log limit 1"""
    )
    first = house.runs("scores")[0]
    profiles = (house.folder / "profiles.yml").read_text()
    house.write("profiles.yml", profiles.replace("house.duckdb", "home.duckdb"))
    house.database.rename(house.folder / "home.duckdb")
    done = forget("--key", PERSON, code=3)
    left = {place["place"]: place["why"] for place in done["places"] if place["remaining"]}
    assert list(left) == ["home.main.features", "home.main.mart", "home.main.notes"]
    assert "run `dbt parse`" in left["home.main.mart"] and "dbt parse" not in left["home.main.notes"]
    assert sum(done["runs"].values()) == 2
    house.dbt("parse").check()
    done = forget("--key", PERSON, code=3)
    left = {place["place"]: place["why"] for place in done["places"] if place["remaining"]}
    assert list(left) == ["home.main.features", "home.main.notes"]
    (house.folder / "home.duckdb").rename(house.database)
    (after,) = (run for run in house.runs("scores") if run["run_id"] == first["run_id"])
    assert first["input_fingerprint"].startswith("40:") and after["input_fingerprint"].startswith("39:")


def test_a_renamed_file_whose_rows_were_all_written_anew(house: DbtProject) -> None:
    """What the runs under its former name knew of the person is in no table any more, and in the run log."""
    (first,) = house.runs("scores")
    profiles = (house.folder / "profiles.yml").read_text()
    house.write("profiles.yml", profiles.replace("house.duckdb", "home.duckdb"))
    house.database.rename(house.folder / "home.duckdb")
    house.dbt("run", "--full-refresh", "--select", "scores").check()
    forget("--key", PERSON, code=3)
    (house.folder / "home.duckdb").rename(house.database)
    before, after = house.runs("scores")
    assert first["input_fingerprint"].startswith("40:") and after["input_fingerprint"].startswith("39:")
    assert (before["run_id"], before["input_fingerprint"]) == (first["run_id"], None)


@pytest.mark.slow
def test_who_asks_for_a_forgotten_key_is_told(house: DbtProject) -> None:
    forget("--key", PERSON, code=3)
    house.write("asked.csv", f"person_id\n{PERSON}\nperson-0008-bonne\nperson-8888\n")
    asked = ("--table", "scores", *TARGET)
    for secret_is_here in (True, False):
        for word in ("explain", "answer"):
            said = call(word, "churn", "--key", PERSON, *asked, code=1).stderr
            assert ("is on the list of forgotten keys" in said) == secret_is_here
            assert ("there are no rows in" in said) != secret_is_here
            said = call(word, "churn", "--key", "person-8888", *asked, code=1).stderr
            assert "there are no rows in" in said
        call("answer", "churn", "--keys", "asked.csv", *asked, "--output", "told.csv")
        statuses = [line.split(",")[1] for line in Path("told.csv").read_text().splitlines()[1:]]
        assert statuses == ["forgotten" if secret_is_here else "not found", "answered", "not found"]
        key = {"DAY": "2026-01-01", "Person_ID": f"{PERSON} "}  # of a history
        with duckdb.connect(str(house.database), read_only=True) as connection:
            assert is_listed(connection, "main.scorehouse_run_log", key, house.folder) == secret_is_here
            assert not is_listed(connection, "main.scorehouse_run_log", {"day": PERSON}, house.folder)
        (house.folder / SECRET_FILE).unlink(missing_ok=True)


def test_a_name_of_several_tables_is_refused(house: DbtProject) -> None:
    """Else rows of a table that was not meant would go too."""
    house.query("create schema raw")
    for schema in ("main", "raw"):
        house.query(f"create table {schema}.days as select '{PERSON}' as person_id")
    said = call("forget", "--key", PERSON, *TARGET, "--also", "days", code=1).stderr
    assert "--also days is the name of 2 tables: house.main.days, house.raw.days" in said
    forget("--key", PERSON, "--also", "raw.days", "--also", "features", code=3)  # some is left
    left = "select (select count(*) from main.days), (select count(*) from raw.days)"
    assert house.query(left) == [(1, 0)]


@pytest.mark.slow
def test_keys_of_other_types_and_of_several_columns(house: DbtProject) -> None:
    house.query("create table as_number as select 7 as id, 1.0::double as x union all select 77, 2")
    house.query("create table as_text as select '7' as ID, 'a' as shop union all select '007', 'b'")
    house.query("create table as_decimal as select 7.00::decimal(9, 2) as id union all select 7.50")
    tables = ("--also", "as_number", "--also", "as_text", "--also", "as_decimal")
    done = forget("--key", "id=7", *tables)
    assert {place["place"].split(".")[-1]: place["found"] for place in done["places"]} == {
        "as_number": 1,
        "as_text": 1,
        "as_decimal": 1,
    }
    rows = [house.query(f"select id::varchar from {name}") for name in ("as_number", "as_text", "as_decimal")]
    assert rows == [[("77",)], [("007",)], [("7.50",)]]
    forget("--key", "id=007", "--key", "shop=b", "--also", "as_text")
    assert house.query("select count(*) from as_text") == [(0,)]


BAD = (
    (("--key", "person-8888"), "the key is in none of"),
    (("--key", "persn_id=person-0007-bonne"), "no table has the columns persn_id; did you mean"),
    (("--key", "a=1", "--key", "2"), "column=value for each column"),
    (("--key", "person_id="), "a key of person_id is empty"),
    (("--keys", "nowhere.csv"), "cannot be read"),
    (("--keys", "no_rows.csv"), "has no keys"),
    (("--keys", "ragged.csv"), "another number of values"),
    (("--key", PERSON, "--also", "nowhere.csv"), "--also nowhere.csv is neither a table nor a file"),
    (("--key", PERSON, "--also", "core"), "--also core is neither"),
    (("--keys", "some.csv"), "1 of 2 keys are in none of"),
)


@pytest.mark.parametrize(("words", "why"), BAD, ids=[" ".join(words) for words, _ in BAD])
def test_bad_input_changes_nothing(house: DbtProject, words: tuple[str, ...], why: str) -> None:
    house.write("no_rows.csv", "person_id\n")
    house.write("ragged.csv", "person_id\na,b\n")
    house.write("some.csv", f"person_id\n{PERSON}\nperson-9999\n")
    before = house.database.read_bytes()
    said = call("forget", *words, *TARGET, code=1).output
    assert why in said and "Expected: " in said and "What to do: " in said
    assert house.database.read_bytes() == before
    assert not (house.folder / SECRET_FILE).exists()


def test_a_target_that_cannot_be_written(house: DbtProject) -> None:
    before = house.database.read_bytes()
    code = f"import duckdb, time; c = duckdb.connect({str(house.database)!r}); print(1, flush=True); "
    code += "time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as other:
        assert other.stdout
        other.stdout.readline()
        said = call("forget", "--key", PERSON, *TARGET, code=1).output
        other.kill()
    assert "which writes to it" in said
    profiles = (house.folder / "profiles.yml").read_text()
    house.write("profiles.yml", profiles.replace("house.duckdb", "ducklake:lake.ducklake"))
    (house.folder / "lake.ducklake").touch()
    assert "whose snapshots keep deleted rows" in call("forget", "--key", PERSON, *TARGET, code=1).output
    house.write("profiles.yml", profiles.replace("type: duckdb", "type: postgres"))
    said = call("forget", "--key", PERSON, *TARGET, code=1).output
    assert "is of type 'postgres'" in said and "delete the rows by SQL: first from the features" in said
    assert house.database.read_bytes() == before


def test_columns_whose_names_differ_in_case_are_one_key() -> None:
    people = people_of([PERSON], None, [("Person_ID",), ("person_id",)], "scorehouse forget")
    assert (people.columns[0].lower(), people.keys) == ("person_id", ((PERSON,),))


def test_only_persons_are_named_by_text() -> None:
    people = People(("customer_id",), (("15098",), ("C-7x",), ("1000000001",)))
    for text, left in (
        ("id 15098 of 15098 rows", "id 15098 of 15098 rows"),
        ('{"customer_id": 15098, "n": 150981}', '{"customer_id": 0, "n": 150981}'),
        (
            "key ['customer_id']: such as 15098 (2 times), 15098.5",
            "key ['customer_id']: such as 0 (2 times), 15098.5",
        ),
        ("C-7x, C-7xy, AC-7x and (C-7x).", "[forgotten], C-7xy, AC-7x and ([forgotten])."),
        ("1000000001 and 10000000011", "0 and 10000000011"),
        (r'"\n1000000001, \u0001C-7x"', r'"\n0, \u0001[forgotten]"'),
        (r'"customer_id\t15098 \\nC-7x"', r'"customer_id\t0 \\n[forgotten]"'),
        (r'"\u00c4C-7x \nAC-7x"', r'"\u00c4C-7x \nAC-7x"'),
        (r"C:\n1000000001 C:\bC-7x", r"C:\n0 C:\b[forgotten]"),
    ):
        assert people.redacted(text)[0] == left
    people = People(("name",), (("nadia",), ("\u00c9ric",)))
    for keys in ((("anna",), ("anna@x.de",)), (("anna@x.de",), ("anna",))):
        assert People(("name",), keys).redacted("see anna@x.de now") == ("see [forgotten] now", 1)
    people = People(("name",), (("north",), ("a_b",), ("O'Neill_jr",)))
    for text, left in (
        ("predictions_<wbr>north", "predictions_<wbr>north"),
        ("a_<wbr>b", "a_<wbr>b"),
        ("name a_<wbr>b", "name [forgotten]"),
        (breakable(str(markupsafe.escape("O'Neill_jr"))), "[forgotten]"),
    ):
        assert people.redacted(text)[0] == left
    people = People(("name",), (("nadia",), ("\u00c9ric",)))
    twice = json.dumps({"payload": json.dumps({"name": "\u00c9ric"})})
    assert people.redacted(r"C:\nadia")[0] == r"C:\[forgotten]"
    assert json.loads(people.redacted(twice)[0]) == {"payload": '{"name": "[forgotten]"}'}


def test_a_value_is_found_however_it_is_quoted() -> None:
    """JSON with its letters as they are, JSON in JSON, SQL such as a log's, and a CSV file's text."""
    key = """ "Jos\u00e9" O'Neill\\jr #23 """.strip()
    people = People(("name",), ((key,),))
    forms = [key, key.replace("'", "''"), key.replace('"', '""'), html.escape(key)]
    plain = [json.dumps(key, ensure_ascii=is_ascii)[1:-1] for is_ascii in (True, False)]
    forms += [
        *plain,
        *(json.dumps(one, ensure_ascii=is_ascii)[1:-1] for one in plain for is_ascii in (True, False)),
    ]
    for form in forms:
        assert people.redacted(f"<'{form}'>, not {form}0") == (f"<'[forgotten]'>, not {form}0", 1), form


@pytest.mark.slow
def test_background_rows_in_git_are_named(house: DbtProject) -> None:
    """The background of reasons has real rows of features: a person's stands in the repository."""
    house.register(classifier(), "churn", X, Y, task="classification", background=X.iloc[5:9])
    done = forget("--key", PERSON, code=3)
    (found,) = [place for place in done["places"] if place["kind"] == "background"]
    assert found["place"] == "artifacts/churn/2/program.npz, background"
    assert (found["found"], found["remaining"]) == (1, 1)
    assert "register a version without" in found["why"]
    other = forget("--key", "person-0020-bonne", code=3)
    assert (
        "artifacts/churn/2/program.npz, background"
        in other["without"]["by the features of the person's rows"]
    )


@pytest.mark.slow
def test_a_thousand_persons_are_nowhere(house: DbtProject) -> None:
    """Of 3,000: no byte of any file and no row of any table has one of the 1,000, and the others replay."""
    many = FEATURES.replace("range(40)", "range(3000)").replace("i::double", "(i % 40)::double")
    house.features(many)
    house.build("--select", "features", "scores", "history", "mart", "--full-refresh").check()
    call("evidence", "seal", *TARGET)
    call("export", "predictions", "scores", *TARGET, "--to", "out")
    keys = [f"person-{3 * number:04}-bonne" for number in range(1000)]
    house.write("persons.csv", "\n".join(["person_id", *keys]) + "\n")
    house.query("delete from features where substr(person_id, 8, 4)::int % 3 = 0")
    done = forget("--keys", "persons.csv", code=3)
    assert [place["place"] for place in done["places"] if place["remaining"]] == ["persons.csv"]
    (house.folder / "persons.csv").unlink()
    assert done["persons"] == 1000 and len(done["keys"]) == 1000
    whole = b"".join(
        path.read_bytes()
        for path in house.folder.rglob("*")
        if path.is_file() and "dbt_packages" not in path.parts
    )
    assert [key for key in keys if key.encode() in whole] == []
    assert house.query(
        "select count(*), count(*) filter (substr(person_id, 8, 4)::int % 3 = 0) from scores"
    ) == [(2000, 0)]
    for node in ("scores", "history"):
        replayed = json.loads(call("replay", run_id(house, node), *TARGET, "--json").stdout)
        assert replayed["rows_different"] == 0
        assert replayed["same_input"] is (node == "scores") and replayed["rows_compared"] > 1900
    call("evidence", "seal", *TARGET, "--check")
    house.features(many)
    house.build("--select", "features", "scores").check()
    assert house.runs("scores")[-1]["rows_barred"] == 1000
    assert house.query("select count(*) from scores") == [(2000,)]


@pytest.mark.slow
def test_runs_that_may_have_had_a_person_lose_their_traces(house: DbtProject) -> None:
    """The person's row is of the second run; others than the person's of the first are gone too."""
    both = "('person-0007-bonne', 'person-0008-bonne')"
    house.query(f"update features set age = age + 1 where person_id in {both}")
    house.build("--select", "scores").check()
    call("evidence", "seal", *TARGET)
    first, second = house.runs("scores")
    assert first["score_mean"] and first["input_fingerprint"] and second["rows_scored"] == 2
    forget("--key", PERSON, code=3)
    after, again = house.runs("scores")
    traced = ("input_fingerprint", "score_min", "score_mean", "score_max")
    assert [after[name] for name in traced] == [None] * 4
    assert after["digest_salt"] != first["digest_salt"]
    ((score,),) = house.query("select score from scores where person_id = 'person-0008-bonne'")
    assert (again["score_min"], again["score_max"]) == (score, score)
    house.query("update features set age = age + 1 where person_id = 'person-0008-bonne'")
    house.build("--select", "scores").check()
    forget("--key", "person-0009-bonne", code=3)
    assert house.runs("scores")[1]["score_mean"] is None
    call("evidence", "seal", *TARGET, "--check")


@pytest.mark.slow
@pytest.mark.parametrize("killed_at", (2, 4, 7))
def test_a_killed_rewrite_of_exports_loses_no_batch(
    house: DbtProject, monkeypatch: pytest.MonkeyPatch, killed_at: int
) -> None:
    """Of three batches, the third has nothing of the person; its digest of the second one has to follow."""
    for change in ("", f"delete from scores where person_id = '{PERSON}'", "update scores set score = 0.5"):
        if change:
            house.query(change)
        call("export", "predictions", "scores", *TARGET, "--to", "out")
    renamed, rename = [], os.rename

    def dies(*names: Path) -> None:
        renamed.append(names)
        if len(renamed) == killed_at:
            raise KeyboardInterrupt
        rename(*names)

    people = People(("person_id",), ((PERSON,),))
    with duckdb.connect() as connection, monkeypatch.context() as patch:
        hold(connection, people)
        patch.setattr("os.rename", dies)
        with pytest.raises(KeyboardInterrupt):
            forget_in_exports(connection, Path("out"), people)
    if killed_at != 4:  # an export undoes it too
        call("export", "predictions", "scores", *TARGET, "--to", "out")
    forget("--key", PERSON, code=3)
    batches = sorted(batch for batch in Path("out").iterdir() if batch.is_dir())
    assert [batch.name for batch in batches] == ["batch-000001", "batch-000002", "batch-000003"]
    manifests = [(batch / "manifest.json").read_bytes() for batch in batches]
    assert [json.loads(each)["previous"] for each in manifests] == [None, *map(digest, manifests[:2])]
    rows = "select count(*) from read_parquet('out/*/*.parquet', union_by_name = true) where person_id = ?"
    with duckdb.connect() as connection:
        assert connection.execute(rows, [PERSON]).fetchall() == [(0,)]


@pytest.mark.slow
def test_files_are_searched_as_they_are_written(house: DbtProject) -> None:
    """A number as 7.0, odd lines, packed files, escapes of HTML and JSON, and a name in a path."""
    house.query("create table shops as select '15098' as id")
    others = "".join(f"{number},2\n" for number in range(190_000, 150_980, -1))
    house.write("as_number.csv", f"id,x\n15098.0,1\n{others}")
    house.write("odd.csv", "id,x\n" + "1,2\n" * 30_000 + '"15098 id 15098,5\n7,8,9,"x\n')
    house.write("packed.csv.gz", "id 1")
    house.write("of_15098.txt", "nothing")
    said = call("forget", "--key", "id=15098", *TARGET, "--dry-run").stdout
    assert "not searched, it is packed: packed.csv.gz\n" in said
    done = forget("--key", "id=15098", "--also", "shops", "--also", "as_number.csv", code=3)
    found = {place["place"]: (place["found"], place["searched"]) for place in done["places"]}
    assert found["as_number.csv"] == (1, "by its columns") and found["odd.csv"] == (1, "by its text")
    assert Path("as_number.csv").read_text() == f"id,x\n{others}"
    assert "packed.csv.gz" in done["without"]["not: it is packed"]
    key = "O'Neill_jr \u00e9 & Co"
    house.query(f"insert into shops values ('{key.replace(chr(39), chr(39) * 2)}')")
    written = html.escape(key)
    house.write("target/page.html", f"<p>{written}</p><b>{breakable(written)}</b>")
    house.write("logs/own.log", json.dumps({"key": key}))
    house.write(f"of_{key}_mine.txt", "nothing")
    done = forget("--key", f"id={key}", "--also", "shops", code=3)
    assert Path("target/page.html").read_text() == "<p>[forgotten]</p><b>[forgotten]</b>"
    assert json.loads(Path("logs/own.log").read_text()) == {"key": "[forgotten]"}
    left = {place["place"]: place["why"] for place in done["places"] if place["remaining"]}
    assert left == {"of_[forgotten]_mine.txt": "the key is in its name: rename it"}
    assert key not in Path(done["written"]).read_text()


@pytest.mark.slow
def test_a_call_that_was_killed_after_it_wrote_the_seal(house: DbtProject) -> None:
    call("evidence", "seal", *TARGET)
    before = house.database.read_bytes()
    forget("--key", PERSON, code=3)
    for change, code in (("update scorehouse_run_log set rows_rejected = 7", 1), ("select 1", 3)):
        house.database.write_bytes(before)  # as the transaction that was not committed leaves it
        house.query(change)
        said = call("forget", "--key", PERSON, *TARGET, code=code).output
        assert ("was changed after its seal" in said) == (code == 1)
    assert "since they were scored: 2" in call("evidence", "seal", *TARGET, "--check").stdout


def test_a_run_log_in_another_database_is_refused(house: DbtProject) -> None:
    with duckdb.connect("Logs.duckdb") as connection:
        connection.execute(f"attach '{house.database}' as house (read_only)")
        connection.execute("create table scorehouse_run_log as from house.scorehouse_run_log")
    before = Path("Logs.duckdb").read_bytes(), house.database.read_bytes()
    profiles = (house.folder / "profiles.yml").read_text()
    house.write("profiles.yml", profiles.replace("path:", "attach: [{path: Logs.duckdb}]\n      path:"))
    house.settings({"scorehouse_run_log_database": "logs"})
    said = call("forget", "--key", PERSON, *TARGET, code=1).output
    assert "the run log is in another database, 'logs'" in said
    assert (Path("Logs.duckdb").read_bytes(), house.database.read_bytes()) == before


@pytest.mark.slow
def test_a_run_log_whose_database_is_named_in_other_case(house: DbtProject) -> None:
    house.settings({"scorehouse_run_log_database": "HOUSE"})
    house.query(f"delete from features where person_id = '{PERSON}'")
    forget("--key", PERSON)
    call("forget", "--key", PERSON, *TARGET, "--dry-run")  # it is in the list
    assert traces(house.folder, PERSON) == []


def test_what_a_key_of_several_columns_cannot_find_is_not_called_searched(house: DbtProject) -> None:
    """A table with one of the columns, and texts."""
    house.query("create table shops as select 'person-0007-bonne' as person_id, 'north' as shop")
    house.query("copy (select person_id from shops) to 'part.parquet'")
    house.query("copy (select 1 as one) to 'none.parquet'")
    house.write("broken.parquet", "PAR1")
    house.query("copy (select *, 'x' as text from shops) to 'pages.parquet' (compression uncompressed)")
    pages = (house.folder / "pages.parquet").read_bytes()
    (house.folder / "pages.parquet").write_bytes(pages[:4] + b"\xff" * 60 + pages[64:])
    house.write("notes.txt", f"{PERSON}, north")
    keys = ("--key", f"person_id={PERSON}", "--key", "shop=north")
    without = forget(*keys, "--also", "shops", "--dry-run")["without"]
    assert {"house.main.scores", "part.parquet"} <= {*without["not: it has only person_id of the key"]}
    assert "none.parquet" in without["not: it has no such column"]
    assert without["not: it is damaged"] == ["broken.parquet", "pages.parquet"]
    in_texts = without["not: a text is searched only for a key of one column"]
    assert "notes.txt" in in_texts and "run log, error" in in_texts and "by its text" not in without
    said = call("forget", *keys, "--also", "shops", *TARGET, "--dry-run").stdout
    assert "not searched, it has only person_id of the key: " in said


@pytest.mark.slow
def test_a_second_column_that_names_the_person_is_a_second_call(house: DbtProject) -> None:
    """An e-mail that is passed through, in a mart that has nothing else of the person."""
    features = f"select *, person_id || '@example.org' as email from ({FEATURES})"
    house.features(features)
    house.sql_model("scores", "churn", key="person_id", passthrough=["email"])
    house.write(
        "models/mart.sql",
        "{{ config(materialized='table') }}\nselect email, score from {{ ref('scores') }}\n",
    )
    house.build("--full-refresh").check()
    there = f"select count(*) from mart where email = '{PERSON}@example.org'"
    searched = forget("--key", PERSON, "--also", "features")["without"]
    (told,) = [why for why, places in searched.items() if "house.main.mart" in places]
    assert told.startswith("not: made from predictions without the key") and len(searched[told]) == 1
    assert house.query(there) == [(1,)]
    done = forget("--key", f"email={PERSON}@example.org", "--also", "features")
    assert house.query(there) == [(0,)] and traces(house.folder, PERSON) == []
    assert [place["place"] for place in done["places"] if place["kind"] == "table made from predictions"]
    house.build().check()
    assert house.query(there) == [(0,)]
    house.features(features)  # as the source has it again
    house.build().check()
    assert house.query(there) == [(0,)] and house.runs("scores")[-1]["rows_barred"] == 1


@pytest.mark.slow
def test_predictions_of_impacts_and_answers_of_many_keys_are_ours(house: DbtProject) -> None:
    """Wherever `impact --folder` and `answer --keys --output` wrote them in the project."""
    house.register(classifier(0.1), "churn", X, Y, task="classification", alias=None)
    house.write("asked.csv", f"person_id\n{PERSON}\nperson-0008-bonne\n")
    call("impact", "churn", "2", "--table", "scores", *TARGET, "--folder", "kept")
    for name in ("told.csv", "told.txt"):
        call("answer", "churn", "--keys", "asked.csv", "--table", "scores", *TARGET, "--output", name)
    house.query(f"delete from features where person_id = '{PERSON}'")
    done = forget("--key", PERSON, code=3)
    assert [place["place"] for place in done["places"] if place["remaining"]] == ["asked.csv"]
    assert traces(house.folder, PERSON) == ["asked.csv"]
    for name in ("told.csv", "told.txt"):
        told = (house.folder / name).read_text().splitlines()
        assert len(told) == 2 and told[1].startswith("person-0008-bonne,answered,")
    (kept,) = (house.folder / "kept").iterdir()
    query = f"select count(*) from '{kept}'"
    assert duckdb.sql(query).fetchall() == [(39,)]
    call("impact", "churn", "2", "--table", "scores", *TARGET, "--folder", "kept")
