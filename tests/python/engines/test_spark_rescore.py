"""Rescoring on Spark chooses the rows, and leaves the table, that DuckDB chooses and leaves."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("pyspark", reason="needs the extra `spark`")
from spark.cluster import environment
from spark.pair import Pair
from spark.project import quick, stop_session

pytestmark = pytest.mark.foreign

START = (
    "select i as id, i % 10 / 1.0e0 as a, i % 7 / 1.0e0 as b, (i % 4)::integer as part, "
    "timestamp '2024-01-01' + to_seconds(i) as updated_at from range(60) as t(i)"
)
BY_PARTITION = "partition_by='part', incremental_strategy='insert_overwrite'"
# name: ML model, arguments, and how the table is kept on Spark
TABLES: dict[str, tuple[str, dict[str, Any], str]] = {
    "by_change": ("toy", {"rescore": {"vanished": "flag"}}, ""),
    "by_stamp": ("toy", {"rescore": {"updated_at": "updated_at", "lookback": "1 second"}}, ""),
    "by_part": ("toy", {"rescore": {"rule": "changed", "vanished": "delete"}}, BY_PARTITION),
    "by_new": ("toy", {"rescore": {"rule": "new", "vanished": "flag"}}, BY_PARTITION),
    "ranked": ("order", {"rescore": "changed", "group": "part", "decision": {"top_n": 3}}, ""),
}
# what happens to the features, run by run; each is built upon the one before
STEPS = {
    "a first run": "select * from rows",
    "changed, added, gone": (
        "select * replace (if(id in (3, 17), a + 1, a) as a, "
        "if(id = 17, updated_at + interval 1 day, updated_at) as updated_at) from rows "
        "where id not in (5, 6, 59) union all by name "
        "select 100 as id, 1.5 as a, 2.5 as b, 9 as part, timestamp '2024-01-01 00:05' as updated_at"
    ),
    "one moves to another partition, the last of one goes, one that was gone comes back": (
        "select * replace (if(id = 8, 3, part) as part) from rows where id <> 100 "
        f"union all select * from ({START}) where id = 6"
    ),
    "a feature of another type": "select * replace (a::decimal(10, 2) as a) from rows",
}


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    os.environ.update(environment())
    folder = tmp_path_factory.mktemp("pair")
    made = Pair.of(folder, quick(folder / "spark"))
    made.register(0)
    for name, table in TABLES.items():
        made.add(name, *table)
    yield made
    stop_session()


def test_the_same_rows_are_scored(pair: Pair) -> None:
    pair.follow(START, STEPS, "--exclude", "resource_type:seed")


def test_a_new_version_makes_all_stale(pair: Pair) -> None:
    pair.register(1)
    pair.build()
    pair.compare_all("a new version")
    assert pair.spark.runs("by_change")[-1]["rows_stale"] > 50
    assert pair.spark.runs("by_new")[-1]["rows_in"] == 0


def test_what_has_left_has_no_place(pair: Pair) -> None:
    """Also after a run that sees no row, and cannot tell what has left."""
    selected = ("--select", "ranked", "--empty")
    pair.build(*selected)
    pair.compare("ranked")
    places = f"select count(*), count(decision), count(rank) from {pair.spark.table('ranked')}"
    assert pair.spark.query(f"{places} where id in (5, 59)") == [(2, 0, 0)]


def test_columns_of_the_table_alone(pair: Pair) -> None:
    """A prediction that is kept without its row keeps them; a column of a run alone is left out."""
    table = pair.spark.table("ranked")
    runs = [
        ("append_new_columns", "['part', 'b']", "true"),
        ("append_new_columns", "['part']", "id <> 20"),
        ("ignore", "['part', 'a']", "id <> 24"),
    ]
    for setting, passthrough, stays in runs:
        pair.step(START, f"select * from rows where {stays}")
        more = f"rescore='changed', group='part', decision={{'top_n': 3}}, passthrough={passthrough}"
        pair.spark.python_model("ranked", "order", more, f"on_schema_change='{setting}'")
        status, message = pair.spark.build("--select", "features", "ranked")["ranked"]
        assert status == "success", message
    found = f"select id, b, decision, rank from {table} where id in (20, 21, 24) order by id"
    assert [row[:3] for row in pair.spark.query(found)] == [
        (20, 6.0, None),
        (21, None, "no"),
        (24, None, None),
    ]
    assert "a" not in {row[0] for row in pair.spark.query(f"describe select * from {table}")}


def test_a_changed_list_of_columns(pair: Pair) -> None:
    """Refused before a row is scored; a column is appended where the config has it so."""
    more = "passthrough=['part', 'b'], rescore='changed'"
    for config in ("", "on_schema_change='append_new_columns'"):
        pair.spark.python_model("by_change", "toy", more, config)
        status, message = pair.spark.build("--select", "by_change")["by_change"]
        if not config:
            assert "it lacks b, and it has is_vanished, which this run does not write" in message
            assert pair.spark.runs("by_change")[-1]["rows_scored"] == 0
    assert status == "success", message
    found = f"select count(*), count(b), count(is_vanished) from {pair.spark.table('by_change')}"
    rows = pair.spark.runs("by_change")[-1]["rows_in"]
    assert pair.spark.query(f"{found} where scoring_run_id = (select max_by(scoring_run_id, scored_at) "
                            f"from {pair.spark.table('by_change')})") == [(rows, rows, 0)]  # fmt: skip
