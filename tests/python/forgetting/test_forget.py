"""`scorehouse forget` in a project that dbt has built: who is forgotten is nowhere, all others stay valid."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner, Result

from project import DbtProject
from scorehouse.cli.main import main
from scorehouse.project.forgotten import SECRET_FILE
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
    call("explain", "churn", "--key", PERSON, "--table", "scores", *TARGET, "--html", "why.html")
    call(
        "explain", "churn", "--key", "person-0008-bonne", "--table", "scores", *TARGET, "--html", "other.html"
    )
    letter = {"key": "a", "payload": {"text": f"{PERSON} is odd"}}
    house.write("undelivered_alerts.jsonl", json.dumps(letter) + "\n")
    assert set(traces(house.folder, PERSON)) >= {
        "features",
        "scores",
        "history",
        "mart",
        "house.duckdb",
        "why.html",
    }
    house.query("delete from features where person_id = 'person-0007-bonne'")
    done = forget("--key", PERSON)
    assert traces(house.folder, PERSON) == []
    assert traces(house.folder, "person-0008-bonne")
    assert sum(done["runs"].values()) == 2 and done["persons"] == 1
    assert "written" in done and Path(done["written"]).is_file()
    assert (house.folder / "other.html").is_file() and not (house.folder / "why.html").exists()
    for node in ("scores", "history"):
        replayed = json.loads(call("replay", run_id(house, node), *TARGET, "--json").stdout)
        assert (replayed["rows_compared"], replayed["rows_different"], replayed["same_input"]) == (
            39,
            0,
            True,
        )
        assert replayed["rows_forgotten"] == 1
    assert "rows forgotten: 1" in call("replay", run_id(house, "scores"), *TARGET).output
    assert "no longer speak of: 2" in call("evidence", "seal", *TARGET, "--check").stdout
    for folder in ("out", "text"):
        written = call("export", "predictions", "scores", *TARGET, "--to", folder).stdout
        assert "nothing to write" in written and "39 unchanged" in written


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
