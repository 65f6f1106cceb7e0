"""Merges and cuts on Spark, on tables made by hand: which partitions are read, and which rows are left."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest

pytest.importorskip("pyspark", reason="needs the extra `spark`")
from scorehouse.dialect import SPARK
from scorehouse.engines.spark import merge as merges
from scorehouse.engines.spark.decided import with_cut
from scorehouse.engines.spark.merge import Change, Partitions, merge, merge_statement
from scorehouse.engines.spark.source import ONE_TASK
from scorehouse.engines.spark.statistics import check_written_keys, read_statistics
from scorehouse.engines.spark.storage import Storage
from scorehouse.engines.spark.tables import SparkTables
from scorehouse.errors import ConservationError, RowKeyError
from scorehouse.scoring.decision import DecisionPolicy
from spark.project import SparkProject, session_of

pytestmark = pytest.mark.foreign

OLD = "select id, 'before' as scoring_run_id, cast(id % 5 as int) as part from range(10)"
# one row moves from partition 0 to 7, one is new and has no partition, one stays in partition 4
NEW = (
    "values (0L, 'aaaaaaaa', 7), (100L, 'aaaaaaaa', null), (4L, 'aaaaaaaa', 4) as t(id, scoring_run_id, part)"
)
GONE = "select 3L as id"
MERGED = [(0, 7), (1, 1), (2, 2), (4, 4), (5, 0), (6, 1), (7, 2), (8, 3), (9, 4), (100, None)]


@pytest.fixture(scope="module")
def session(spark_project: SparkProject) -> Iterator[Any]:
    session = session_of(spark_project)
    session.sql("create schema if not exists merges")
    yield session
    session.sql("drop schema merges cascade")


@pytest.fixture
def tables(session: Any) -> Iterator[SparkTables]:
    storage = Storage(partition_by=("part",), strategy="insert_overwrite")
    session.sql(f"create table merges.parted using parquet partitioned by (part) as {OLD}")
    yield SparkTables(session, "merges.parted", ["aaaaaaaa"], storage, "test")
    session.sql("drop table merges.parted")


def change_of(session: Any) -> Change:
    new = session.sql(f"select id, 'aaaaaaaa' as scoring_run_id, part from {NEW}")
    return Change.of(session.table("merges.parted"), new, ["id"], session.sql(GONE), "delete")


def test_the_partitions_of_a_merge_are_named(
    tables: SparkTables, session: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also those that a row leaves; the statement changes what it changes without naming them."""
    change = change_of(session)
    touched = change.touched(change.old, ["part"])
    sizes = dict(zip(touched.values.column("part").to_pylist(), touched.sizes, strict=True))
    assert sizes == {None: 1, 0: 1, 7: 1, 4: 2, 3: 1}
    statement = merge_statement(tables, change, touched.where("old_rows."))
    named = re.findall(r"old_rows\.`part` (?:is (null)|= cast\('(\d+)' as int\))", statement)
    assert {null or value for null, value in named} == {"null", "0", "7", "4", "3"}
    read = change.old.where(touched.where()).inputFiles()
    assert {path.rpartition("part=")[2][0] for path in read} == {"0", "3", "4"}
    monkeypatch.setattr(merges, "NAMED_PARTITIONS", 4)
    assert touched.where() == ""
    with duckdb.connect() as connection:
        rows = {"merges.parted": change.old, tables.merged: change.source()}
        connection.execute("create schema merges")
        for name, frame in rows.items():
            arrow = frame.toArrow()
            connection.execute(f"create table {name} as select * from arrow")
            assert arrow.num_rows > 3
        connection.execute(statement.replace("`", '"'))
        assert connection.execute("select id, part from merges.parted order by id").fetchall() == MERGED


class Moving:
    """A session in which another run moves key 4 before a MERGE that does not look there.

    Spark alone has no format with MERGE: what this one does then is written out.
    """

    def __init__(self, session: Any) -> None:
        self.session = session

    def __getattr__(self, name: str) -> Any:
        return getattr(self.session, name)

    def sql(self, text: str) -> Any:
        if not text.startswith("merge into"):
            return self.session.sql(text)
        for rows in ("select 4L, 'bbbbbbbb', 5", f"select id, scoring_run_id, part from {NEW}"):
            self.session.sql(f"insert into merges.moved {rows}")
        return None


def test_a_key_that_another_run_moves_is_not_there_twice(session: Any) -> None:
    storage = Storage(file_format="delta", partition_by=("part",))
    tables = SparkTables(Moving(session), "merges.moved", ["aaaaaaaa"], storage, "test")
    session.sql(
        f"create table merges.moved using parquet partitioned by (part) as {OLD} where id not in (0, 4)"
    )
    new = session.sql(f"select id, 'aaaaaaaa' as scoring_run_id, part from {NEW}")
    change = Change.of(session.table("merges.moved"), new, ["id"], None, "keep")
    with pytest.raises(ConservationError, match=r"4 rows of .* have the 3 keys of this run"):
        merge(tables, change, 3)
    tables.clean()
    session.sql("drop table merges.moved")


@pytest.mark.parametrize("most", [200, 1])
def test_partitions_are_overwritten(
    most: int, tables: SparkTables, session: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merges, "NAMED_PARTITIONS", most)
    merge(tables, change_of(session), 3)
    rows = session.table("merges.parted").orderBy("id").collect()
    assert [(row["id"], row["part"]) for row in rows] == MERGED
    tables.clean()
    assert [row["tableName"] for row in session.sql("show tables in merges").collect()] == ["parted"]


def test_partitions_that_have_no_literals_are_joined(session: Any) -> None:
    rows = session.sql(
        "select id, timestamp '2024-03-10 01:30:00' + make_interval(0, 0, 0, cast(id % 3 as int)) as at, "
        "if(id = 0, null, id % 2 + 0.5D) as half from range(12)"
    )
    found = Partitions.of(rows.where("id < 2").select("at", "half").distinct(), 2)
    assert found.where() == ""
    assert sorted(row["id"] for row in found.inside(rows).collect()) == [0, 1, 7]


def test_other_partitions_are_not_overwritten(
    tables: SparkTables, session: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the mode in which an overwrite empties the whole table, Spark refuses it."""
    monkeypatch.setattr(merges, "spark_setting", lambda *_: nullcontext())
    with pytest.raises(Exception, match="UNSUPPORTED_OVERWRITE"):
        merge(tables, change_of(session), 3)
    assert session.table("merges.parted").count() == 10


def test_a_history_does_not_look_up_its_old_rows(tables: SparkTables, session: Any) -> None:
    change = change_of(session)
    assert change.near(["part"]) is None
    by_date = Change(change.old, change.new, ("id", "part")).near(["part"])
    assert by_date is not None
    assert {path.rpartition("part=")[2][0] for path in by_date.inside(change.old).inputFiles()} == {"4"}


@pytest.mark.parametrize("within", [[], ["kind"]])
@pytest.mark.parametrize("top_n", [1, 7, 60, 1000])
@pytest.mark.parametrize("more", [{}, {"abstain": [0.3, 0.5], "threshold": 0.1}])
def test_the_best_rows_are_those_of_a_window(
    within: list[str], top_n: int, more: dict[str, Any], session: Any
) -> None:
    """Ties are broken by the whole key, and a NULL comes last; no task sorts more than it has."""
    rows = session.sql(
        "select id % 60 as id, cast(id div 60 as string) as `k 2`, if(id % 3 = 0, 'b', 'a') as kind, "
        "if(id % 11 = 0, null, (id * 7919 % 13) / 13.0D) as score, id % 7 = 0 as is_rejected "
        "from range(0, 180, 1, 4)"
    )
    policy = DecisionPolicy.checked("test", {"score": "score", "top_n": top_n, **more})
    key = ["`id`", "`k 2`"]
    cut, beyond = with_cut(rows, policy, "not is_rejected", key, within)
    window, compared = (
        policy.expressions("not is_rejected", key, within, SPARK, sql)["decision"] for sql in ("", beyond)
    )
    assert "over" not in compared
    found = cut.selectExpr(*key, f"{compared} as decision")
    expected = rows.selectExpr(*key, f"{window} as decision")
    assert sorted(map(tuple, found.collect()), key=str) == sorted(map(tuple, expected.collect()), key=str)
    if top_n < 180:
        assert {row["decision"] for row in found.collect()} >= {"yes", "no", None}
        plan = cut._jdf.queryExecution().executedPlan().toString()
        assert ("WindowGroupLimit" if within or policy.abstain else "TakeOrderedAndProject") in plan


@pytest.mark.parametrize("rows_in", [2, ONE_TASK])
@pytest.mark.parametrize(("ids", "says"), [([1, 2, 2], r"2 \(2 times\)"), ([1, None], "1 of 2 feature rows")])
def test_keys_are_checked_where_they_were_written(
    ids: list[int | None], says: str, rows_in: int, session: Any
) -> None:
    """Of the second of two versions, whose rows stand among those of the first."""
    rows = [(1, "first"), (2, "first"), *((key, "second") for key in ids)]
    written = session.createDataFrame(rows, "id long, scoring_run_id string")
    written.selectExpr(
        "*", "1L as feature_hash", "cast(null as string) as reject_reason"
    ).createOrReplaceTempView("written")
    records = [
        SimpleNamespace(row_run_id=run, rows_in=rows_in, input_types="") for run in ("first", "second")
    ]
    source = SimpleNamespace(columns=SimpleNamespace(key={"id": "id"}), call="test")
    scan: Any = SimpleNamespace(source=source, records=records, suffixes=[])
    counts = read_statistics(session, "written", scan)
    assert [record.rows_scored for record in records] == [2, len(ids)]
    with pytest.raises(RowKeyError, match=says):
        check_written_keys(session, "written", scan, counts)
    session.sql("select * from written where scoring_run_id = 'first'").createOrReplaceTempView("of_first")
    check_written_keys(session, "of_first", scan, read_statistics(session, "of_first", scan))
