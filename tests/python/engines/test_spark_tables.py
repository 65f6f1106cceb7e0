"""The tables of runs on Spark when an answer is lost or two runs meet: the orders of tests/state_model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pyspark", reason="needs the extra `spark`")
from scorehouse.engines.spark.engine import log_success, runs_alive
from scorehouse.engines.spark.merge import Change, merge
from scorehouse.engines.spark.storage import Storage
from scorehouse.engines.spark.tables import SparkTables
from scorehouse.errors import ConservationError
from scorehouse.registry.policy import LoadPolicy
from scorehouse.scoring.request import Request
from spark.project import SparkProject, session_of

pytestmark = pytest.mark.foreign


@pytest.fixture(scope="module")
def session(spark_project: SparkProject) -> Iterator[Any]:
    session = session_of(spark_project)
    session.sql("create schema if not exists swaps")  # of this file: others keep theirs in one catalog
    yield session
    session.sql("drop schema swaps cascade")


def left(session: Any) -> list[str]:
    """The tables that are there."""
    return [row["tableName"] for row in session.sql("show tables in swaps").collect()]


class Losing:
    """A session that loses the answer to a statement: it is done, and ends in an error."""

    def __init__(self, session: Any, statement: str) -> None:
        self.session, self.statement = session, statement

    def __getattr__(self, name: str) -> Any:
        return getattr(self.session, name)

    def sql(self, text: str) -> Any:
        done = self.session.sql(text)
        if self.statement and self.statement in text:
            self.statement = ""
            raise RuntimeError("the answer was lost")
        return done


class Overtaken(Losing):
    """A session in which another run does something right before a statement."""

    def __init__(self, session: Any, statement: str, other: Callable[[], object]) -> None:
        super().__init__(session, statement)
        self.other = other

    def sql(self, text: str) -> Any:
        if self.statement and self.statement in text:
            self.statement = ""
            self.other()
        return self.session.sql(text)


@pytest.mark.parametrize(
    ("statement", "rows"), [("_aaaaaaaa rename to swaps.swapped", [2]), ("swaps.swapped rename to", [1])]
)
def test_a_rename_whose_answer_is_lost(statement: str, rows: list[int], session: Any) -> None:
    """The new table takes its place as if nothing had been; the old one comes back from aside."""
    session.sql("drop table if exists swaps.swapped")
    tables = SparkTables(Losing(session, statement), "swaps.swapped", ["aaaaaaaa"], Storage(), "test")
    session.sql("create table swaps.swapped using parquet as select 1 as id")
    session.sql(f"create table {tables.staging} using parquet as select 2 as id")
    if rows == [2]:
        tables.replace(tables.staging)
    else:
        with pytest.raises(RuntimeError, match="the answer was lost"):
            tables.replace(tables.staging)
    tables.clean()
    assert [row["id"] for row in session.table("swaps.swapped").collect()] == rows
    assert left(session) == ["swapped"]
    session.sql("drop table swaps.swapped")


def test_a_job_that_fails_leaves_nothing_behind(session: Any, tmp_path: Path) -> None:
    """Also no folder, which a failing `saveAsTable` of a new table would leave without a table."""
    session.sql(f"create schema halves location '{tmp_path}'")
    tables = SparkTables(session, "halves.scored", ["aaaaaaaa"], Storage(), "test")
    rows = session.range(1000).selectExpr("if(id = 999, raise_error('the job ends here'), id) as id")
    with pytest.raises(Exception, match="the job ends here"):
        tables.write(rows, tables.staging)
    tables.clean()
    tables.recover()
    assert [*tmp_path.iterdir()] == []
    session.sql("drop schema halves cascade")


def test_no_run_drops_what_another_has_moved_aside(session: Any) -> None:
    """As two runs at once would: the first has not dropped the old table when the second begins."""
    for run, rows in (("aaaaaaaa", 1), ("bbbbbbbb", 2)):
        tables = SparkTables(session, "swaps.twice", [run], Storage(), "test")
        tables.recover()
        if rows == 1:
            session.sql("create table swaps.twice using parquet as select 0 as id")
        session.sql(f"create table {tables.staging} using parquet as select {rows} as id")
        session.sql(f"alter table swaps.twice rename to {tables.aside}")
        if rows == 1:
            session.sql(f"alter table {tables.staging} rename to swaps.twice")
            first = tables
    first.drop(first.aside)
    SparkTables(session, "swaps.twice", ["cccccccc"], Storage(), "test").recover()
    assert [row["id"] for row in session.table("swaps.twice").collect()] == [1]
    assert left(session) == ["twice"]
    session.sql("drop table swaps.twice")


def test_which_of_two_tables_counts_is_asked(session: Any) -> None:
    tables = SparkTables(session, "swaps.asked", ["cccccccc"], Storage(), "test")
    for run in ("aaaaaaaa", "bbbbbbbb"):
        session.sql(f"create table swaps.asked__scorehouse_old_{run} using parquet as select 1 as id")
    with pytest.raises(ConservationError, match="runs at once have moved"):
        tables.recover()
    session.sql("drop table swaps.asked__scorehouse_old_bbbbbbbb")
    tables.recover()
    assert session.table("swaps.asked").count() == 1
    session.sql("drop table swaps.asked")


def test_a_run_keeps_its_staging_tables_while_it_can_be_alive(session: Any) -> None:
    """Of other runs that began within the lease and have not ended; its own from before are dropped."""
    request = Request(
        "0000aaaa", "", "", "swaps.beside", "swaps.runs_beside", Path(), LoadPolicy(), lease_hours=2
    )
    now = datetime.now(UTC).replace(tzinfo=None)
    runs = [("a11ve000", 1, ["started"]), ("fa11ed00", 1, ["started", "failed"])]
    runs += [("k111ed00", 3, ["started"]), ("an07her0", 1, ["started"]), ("0000aaaa", 0, ["started"])]
    session.sql(
        f"create table {request.run_log} "
        "(parent_run_id string, status string, prediction_table string, started_at timestamp) using parquet"
    )
    for run_id, hours, statuses in runs:
        table = "swaps.another" if run_id == "an07her0" else request.relation
        for status in statuses:
            session.sql(
                f"insert into {request.run_log} values "
                f"('{run_id}', '{status}', '{table}', timestamp '{now - timedelta(hours=hours)}')"
            )
    for run_id in (*(run[0] for run in runs), "unkn0wn0"):
        for table in ("", "_todo"):
            name = SparkTables(session, request.relation, [run_id], Storage(), "test").staging + table
            session.sql(f"create table {name} using parquet as select 1 as id")
    tables = SparkTables(session, request.relation, [request.run_id], Storage(), "test")
    tables.recover(lambda: runs_alive(session, request))
    kept = "beside__scorehouse_new_a11ve000"
    assert [name for name in left(session) if name.startswith("beside")] == [kept, f"{kept}_todo"]
    tables.recover()
    assert left(session) == ["runs_beside"]
    session.sql(f"drop table {request.run_log}")


def test_a_merge_does_not_take_back_what_another_run_wrote(session: Any) -> None:
    first, second = (
        SparkTables(session, "swaps.both", [run], Storage(), "test") for run in ("aaaaaaaa", "bbbbbbbb")
    )
    session.sql("create table swaps.both using parquet as select 1 as id, 'before' as scoring_run_id")
    rows = {"aaaaaaaa": 2, "bbbbbbbb": 3}

    def merged(tables: SparkTables) -> None:
        (run,) = tables.run_ids
        new = session.sql(f"select {rows[run]} as id, '{run}' as scoring_run_id")
        merge(tables, Change.of(session.table("swaps.both"), new, ["id"], None, "keep"), 1)

    first.seen, second.seen = first.made_by(), second.made_by()
    moves = f"swaps.both rename to {first.aside}"
    first.session = Overtaken(session, moves, lambda: merged(second))
    with pytest.raises(ConservationError, match="another run has replaced"):
        merged(first)
    first.clean()
    assert sorted(row["id"] for row in session.table("swaps.both").collect()) == [1, 3]
    first.seen = first.made_by()
    away = f"alter table swaps.both rename to {second.aside}"
    first.session = Overtaken(session, "set tblproperties", lambda: session.sql(away))
    with pytest.raises(ConservationError, match="another run has replaced"):
        merged(first)
    first.session = session
    first.clean()
    first.recover()
    assert sorted(row["id"] for row in session.table("swaps.both").collect()) == [1, 3]
    first.seen = first.made_by()
    merged(first)
    assert sorted(row["id"] for row in session.table("swaps.both").collect()) == [1, 2, 3]
    assert left(session) == ["both"]
    session.sql("drop table swaps.both")


@pytest.mark.parametrize("is_written", [True, False])
def test_the_row_of_a_success_is_there_once(
    is_written: bool, session: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    session.sql("drop table if exists swaps.runs_told")
    session.sql("create table swaps.runs_told (run_id string, status string) using parquet")
    calls: list[int] = []

    def insert(session: Any, run_log: str, rows: Sequence[dict[str, Any]]) -> None:
        calls.append(len(rows))
        if is_written or len(calls) > 1:
            session.sql(f"insert into {run_log} values ('{rows[0]['run_id']}', 'success')")
        if len(calls) == 1:
            raise RuntimeError("the answer was lost")

    monkeypatch.setattr("scorehouse.engines.spark.engine.insert_runs", insert)
    log_success(session, "swaps.runs_told", [{"run_id": "one"}])
    assert [tuple(row) for row in session.table("swaps.runs_told").collect()] == [("one", "success")]
    assert len(calls) == (1 if is_written else 2)
    session.sql("drop table swaps.runs_told")
