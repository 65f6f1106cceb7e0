"""The outbox of predictions: only what changed, whole batches, and the same rows in every destination."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from click.testing import CliRunner, Result

from scorehouse.cli.main import main

if TYPE_CHECKING:
    from postgres.server import Server

ROWS = """
create or replace table scores as select
    i as id, 'shop ' || (i % 3) as "the Shop", i / 7e0 as score, i % 2 = 0 as is_late,
    case when i = 6 then '' when i = 7 then 'a "quoted", é' || chr(10) when i <> 5 then 'n' end as note,
    case when i = 8 then 'NaN'::double when i = 9 then '-Infinity'::double else i / 3e0 end as odd,
    (case when i % 5 = 0 then 'rejected' else 'scored' end)::enum('rejected', 'scored') as row_status,
    (i / 100)::decimal(12, 3) as price, timestamptz '2026-03-01 06:00:00.123456+02' as seen,
    date '2026-03-01' + i::integer as day, uuid() as scoring_run_id, now()::timestamp as scored_at,
    hash(i) as feature_hash
from range(40) as numbers(i)
"""
LOG = """
create table scorehouse_run_log as select
    'success' as status, 'model.shop.scores' as node, '"house"."main"."scores"' as prediction_table,
    '["id", "the Shop"]' as key_columns, now()::timestamp as started_at, uuid() as run_id
"""


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A DuckDB file with a prediction table of many types and its run log, in the working folder."""
    monkeypatch.chdir(tmp_path)
    change(ROWS, LOG)
    return tmp_path


def change(*statements: str) -> None:
    with duckdb.connect("house.duckdb") as connection:
        for statement in statements:
            connection.execute(statement)


def export(*words: str, code: int = 0, node: str = "scores") -> Result:
    ended = CliRunner().invoke(
        main, ["export", "predictions", node, "--database", "house.duckdb", *words], catch_exceptions=False
    )
    assert ended.exit_code == code, ended.output
    return ended


def exported(*words: str) -> dict[str, Any]:
    return dict(json.loads(export(*words, "--json").stdout))


def replayed(folder: Path, file_format: str) -> list[str]:
    """The table as a consumer has it who applied all batches, in order."""
    read = {
        "parquet": "read_parquet('{0}')",
        "csv": "read_csv('{0}', all_varchar = true, nullstr = '', allow_quoted_nulls = false)",
    }[file_format]
    with duckdb.connect("house.duckdb", read_only=True) as connection:
        connection.execute("create temp table copied as from scores limit 0")
        columns = connection.execute("describe copied").fetchall()
        cast = ", ".join(f'cast("{row[0]}" as {row[1]}) as "{row[0]}"' for row in columns)
        for batch in sorted(folder.glob("batch-*")):
            rows = read.format(batch / f"rows.{file_format}")
            same = 'copied.id = batch.id::bigint and copied."the Shop" = batch."the Shop"'
            connection.execute(f"delete from copied using {rows} as batch where {same}")
            there = f"select {cast} from {rows} where scorehouse_change <> 'vanished'"
            connection.execute(f"insert into copied {there}")
        return in_the_table(connection, "copied")


def in_the_table(connection: Any = None, table: str = "scores") -> list[str]:
    """The rows as text, since NaN is not equal to itself; without what every run writes anew."""
    if connection is None:
        with duckdb.connect("house.duckdb", read_only=True) as opened:
            return in_the_table(opened)
    rows = connection.execute(f"select * exclude (scoring_run_id, scored_at) from {table} order by id")
    return list(map(repr, rows.fetchall()))


@pytest.mark.parametrize("file_format", ["parquet", "csv"])
def test_only_what_changed_is_written_and_all_batches_make_the_table(file_format: str, house: Path) -> None:
    to = ("--to", "out", "--format", file_format)
    assert exported(*to)["rows"] == {"new": 40, "changed": 0, "vanished": 0, "unchanged": 0}
    assert exported(*to)["written"] is None
    change(
        "update scores set scoring_run_id = uuid(), scored_at = now()::timestamp"
    )  # scored again, the same
    assert exported(*to)["written"] is None and len(list(house.glob("out/batch-*"))) == 1
    change(
        "update scores set note = '' where id = 5",
        "update scores set odd = 'Infinity' where id = 9",
        "delete from scores where id in (1, 2)",
        "insert into scores by name select * replace (100 as id) from scores where id = 3",
    )
    second = exported(*to)
    assert second["rows"] == {"new": 1, "changed": 2, "vanished": 2, "unchanged": 36}
    assert len(second["run_ids"]) == 3 and second["key"] == ["id", "the Shop"]
    assert replayed(house / "out", file_format) == in_the_table()
    batch = Path(second["written"])
    digests = {name: sha256((batch / name).read_bytes()).hexdigest() for name in second["files"]}
    assert digests == {name: facts["sha256"] for name, facts in second["files"].items()}
    before = (house / "out/batch-000001/manifest.json").read_bytes()
    assert second["previous"] == sha256(before).hexdigest()
    assert not (house / "out/batch-000001/state.parquet").exists()
    if file_format == "csv":
        lines = list(csv.DictReader((batch / "rows.csv").open(newline="")))
        assert {line["scorehouse_change"] for line in lines if line["id"] in ("1", "2")} == {"vanished"}
        assert {line["score"] for line in lines if line["id"] in ("1", "2")} == {""}  # the key alone


def test_columns_that_changed_export_all_rows(house: Path) -> None:
    exported("--to", "out")
    change("alter table scores add column band varchar", "delete from scores where id = 0")
    second = exported("--to", "out")
    assert second["columns_changed"] and second["rows"]["changed"] == 39 and second["rows"]["vanished"] == 1
    assert exported("--to", "out")["written"] is None


KILLED = """
import os, signal, sys
import scorehouse.outbox.files as files

count = 0


def counted(function):
    def called(*args, **kwargs):
        global count
        count += 1
        if count == int(sys.argv[1]):
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*args, **kwargs)
    return called


files._copy, files._digest, files._on_disk = map(counted, (files._copy, files._digest, files._on_disk))
files.os.rename = counted(files.os.rename)
from scorehouse.cli.main import main

main(["export", "predictions", "scores", "--database", "house.duckdb", "--to", "out"], prog_name="scorehouse")
"""


@pytest.mark.slow
def test_a_killed_export_leaves_no_half_batch_and_is_done_again(house: Path) -> None:
    """Killed before each step: the digest of the state, both files, three digests, the flush, the rename."""
    exported("--to", "out")
    change("update scores set score = score + 1 where id < 10")
    for step in range(1, 9):
        ended = subprocess.run([sys.executable, "-c", KILLED, str(step)], cwd=house, capture_output=True)
        assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
        assert [path.name for path in house.glob("out/batch-*")] == ["batch-000001"]
    assert exported("--to", "out")["rows"]["changed"] == 10
    assert sorted(path.name for path in house.glob("out/*")) == ["batch-000001", "batch-000002"]
    assert replayed(house / "out", "parquet") == in_the_table()


def test_what_cannot_be_exported_is_refused(house: Path) -> None:
    def refused(why: str, *words: str, code: int = 1, node: str = "scores") -> None:
        said = export(*words, code=code, node=node).output
        assert why in said and (code == 2 or ("Expected: " in said and "What to do: " in said)), said

    refused("did you mean 'scores'?", "--to", "out", node="score")
    refused("--table needs the URL", "--to", "out", "--table", "t", code=2)
    Path("file").write_text("")
    refused("is a file", "--to", "file")
    Path("full").mkdir()
    Path("full/other").write_text("")
    refused("has other files, such as 'other'", "--to", "full")
    exported("--to", "out")
    other = "select * replace ('model.shop.other' as node) from scorehouse_run_log"
    change(f"insert into scorehouse_run_log by name {other}")
    refused("has exports of model.shop.scores", "--to", "out", node="other")
    state = Path("out/batch-000001/state.parquet")
    state.write_bytes(state.read_bytes()[:-1] + b"x")
    refused("is not as it was written", "--to", "out")
    change("update scorehouse_run_log set prediction_table = 'read_csv(''/etc/passwd'')'")
    refused("nothing from this row was executed", "--to", "new")
    change("""update scorehouse_run_log set prediction_table = '"house"."main"."gone"'""")
    refused("cannot be read", "--to", "new")


@pytest.fixture(scope="module")
def database(request: pytest.FixtureRequest) -> Iterator[tuple[str, Any]]:
    """The URL of a real server, and the server."""
    server: Server = request.getfixturevalue("server")
    yield f"postgresql://postgres@127.0.0.1:{server.port}/postgres", server


def asked(server: Any, sql: str) -> list[tuple[Any, ...]]:
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute("set timezone = 'UTC'")
        cursor.execute(sql)
        return list(cursor.fetchall()) if cursor.description else []


# in both databases the same text: booleans, times and numbers, each with all its digits
COMPARED = """
select id, "the Shop", score, case when is_late then 1 else 0 end as is_late, note, odd, row_status,
    cast(price as varchar) as price, extract(epoch from seen) as seen, cast(day as varchar) as day,
    cast(feature_hash as varchar) as feature_hash
from {} order by id
"""


def both(server: Any, table: str) -> tuple[list[str], list[str]]:
    def told(rows: list[tuple[Any, ...]]) -> list[str]:
        return [
            repr([float(value) if place == 8 else value for place, value in enumerate(row)]) for row in rows
        ]

    with duckdb.connect("house.duckdb", read_only=True) as connection:
        ours = connection.execute(COMPARED.format("scores")).fetchall()
    return told(asked(server, COMPARED.format(table))), told(ours)


@pytest.mark.foreign
@pytest.mark.postgres
def test_a_postgres_table_is_brought_in_line(house: Path, database: tuple[str, Any]) -> None:
    url, server = database
    to = ("--to", url)
    assert exported(*to)["rows"]["new"] == 40
    theirs, ours = both(server, "scores")
    assert theirs == ours
    assert exported(*to)["rows"]["unchanged"] == 40
    change(
        "update scores set note = null, odd = 0.1e0 + 0.2e0 where id = 7", "delete from scores where id = 2"
    )
    asked(server, "update scores set score = -1 where id = 11")  # by somebody else
    assert exported(*to)["rows"] == {"new": 0, "changed": 2, "vanished": 1, "unchanged": 37}
    theirs, ours = both(server, "scores")
    assert theirs == ours
    noted = asked(
        server, "select rows_new, rows_changed, rows_vanished, node from scorehouse_exports order by 1"
    )
    assert noted == [(0, 2, 1, "model.shop.scores"), (40, 0, 0, "model.shop.scores")]
    asked(server, "create table other (id bigint)")
    for words, why in (
        ((*to, "--table", "other"), "lacks the columns"),
        ((*to, "--table", "Bad name"), "cannot be used"),
        (("--to", "postgresql://postgres@127.0.0.1:1/x"), "nothing was exported"),
    ):
        said = export(*words, code=1).output
        assert why in said and "What to do: " in said
    change("alter table scores add column parts integer[]")
    assert "has the type INTEGER[]" in export(*to, code=1).output


@pytest.mark.foreign
@pytest.mark.postgres
def test_an_export_that_fails_half_way_changes_nothing_in_postgres(
    house: Path, database: tuple[str, Any]
) -> None:
    """The rows were deleted already when the server refuses the new ones."""
    url, server = database
    to = ("--to", url, "--table", "checked")
    exported(*to)
    before = list(map(repr, asked(server, "select * from checked order by id")))
    asked(server, "alter table checked add check (score < 100)")
    change("delete from scores where id = 3", "update scores set score = 100 where id = 4")
    assert "nothing was exported" in export(*to, code=1).output
    assert list(map(repr, asked(server, "select * from checked order by id"))) == before
