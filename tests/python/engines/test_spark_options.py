"""Decisions, histories, several versions and budgets on Spark make the tables that DuckDB makes of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("pyspark", reason="needs the extra `spark`")
from scorehouse.registration.promote import promote
from spark.cluster import environment
from spark.pair import Pair
from spark.project import SCHEMA, quick, session_of, stop_session

pytestmark = pytest.mark.foreign

BOTH = ["champion", "challenger"]
POLICY = {
    "threshold": 0.3,
    "abstain": [0.55, 0.7],
    "top_n": 4,
    "per": "part",
    "bands": {"low": 0, "it's \\ middling": 0.25, "high": 0.75},
    "labels": ["leave", "call `now`"],
}
START = (
    "select i as id, if(i = 4, null, i % 10 / 1.0e0) as a, i % 7 / 1.0e0 as b, (i % 4)::integer as part, "
    "date '2024-01-01' + (i % 3)::integer as day from range(48) as t(i)"
)
BY_DAY = "partition_by='day', incremental_strategy='insert_overwrite'"
TABLES: dict[str, tuple[str, dict[str, Any], str]] = {
    "decided": ("toy", {"decision": POLICY, "rescore": {"vanished": "delete"}}, ""),
    "history": ("toy", {"as_of": "day", "decision": {"top_n": 3}}, BY_DAY),
    "dated": ("order", {"as_of": "2024-03-01 12:00:00", "group": "part"}, ""),
    "long": ("toy", {"alias": BOTH, "decision": POLICY, "rescore": {"vanished": "flag"}}, ""),
    "wide": ("toy", {"alias": BOTH, "layout": "wide", "decision": POLICY, "rescore": "changed"}, ""),
    "best": (
        "toy",
        {"alias": BOTH, "decision": {"top_n": 5, "abstain": [0.5, 0.6]}, "rescore": {"vanished": "flag"}},
        "",
    ),
    "few": ("toy", {"alias": "challenger", "rescore": {"max_rows": 20}}, ""),
    "few_groups": (
        "order",
        {"alias": BOTH, "group": "part", "rescore": {"max_rows": 30, "vanished": "delete"}},
        "",
    ),
}
LATER = ["--exclude", "resource_type:seed", "resource_type:test", "dated"]  # what need not be built twice
# what happens to the features, run by run; each is built upon the one before
STEPS = {
    "a first run": "select * from rows",
    "changed, moved, added, gone": (
        "select * replace (if(id in (3, 17), a + 0.25, a) as a, if(id = 8, 3, part) as part, "
        "if(id in (17, 20), day + 7, day) as day) from rows where id not in (5, 6) union all by name "
        "select 100 as id, 9.5 as a, 2.5 as b, 1 as part, date '2024-01-02' as day"
    ),
}


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    os.environ.update(environment())
    folder = tmp_path_factory.mktemp("pair")
    made = Pair.of(folder, quick(folder / "spark"))
    made.register(0)
    made.register(3, alias="challenger")
    for name, table in TABLES.items():
        made.add(name, *table)
    yield made
    stop_session()


def test_the_tables_are_those_of_duckdb(pair: Pair) -> None:
    pair.follow(START, STEPS, *LATER)
    decided = {row[0] for row in pair.spark.query(f"select decision from {pair.spark.table('long')}")}
    assert decided == {"leave", "call `now`", "abstain", None}
    left = [run["rows_left"] for run in pair.spark.runs("few")]
    assert left == [28, 12]  # of 48 rows; then of 28, of one that is new and of three that changed
    assert pair.spark.runs("history")[-1]["rows_new"] == 3  # a new key, and two with a new date


def test_a_new_challenger_and_a_new_policy(pair: Pair) -> None:
    pair.register(1, columns=("a",), alias="challenger")  # which has feature hashes of its own
    model, arguments, config = TABLES["decided"]
    pair.add("decided", model, {**arguments, "decision": {**POLICY, "top_n": 2}}, config)
    decided_or_left = ("decided", "best", "long", "wide", "few", "few_groups")
    pair.build("--select", "resource_type:seed", *decided_or_left, "--exclude", "resource_type:test")
    pair.compare_all("a new challenger")
    assert pair.spark.runs("few")[-1]["rows_stale"] > 30
    stale = {run["alias_asked"]: run["rows_stale"] for run in pair.spark.runs("long")[-2:]}
    assert stale == {"champion": 0, "challenger": 47}
    assert pair.spark.runs("decided")[-1]["rows_in"] == 0
    assert pair.spark.runs("wide")[-1]["rows_stale"] == 47


@pytest.mark.parametrize("adaptive", ["true", "false"])
@pytest.mark.parametrize("config", [BY_DAY, "partition_by='day'"])
def test_partitions_have_few_files(pair: Pair, config: str, adaptive: str) -> None:
    """Sixteen tasks have rows of every day, in a full build and in a merge; each day has a file or two."""
    spark = pair.spark
    session_of(spark).conf.set("spark.sql.adaptive.enabled", adaptive)
    spark.python_model("in_days", "toy", "passthrough=['day'], rescore='changed'", config)
    model = spark.folder / "python_models/in_days.py"
    model.write_text(model.read_text().replace("'features'", "'scattered'"))
    for divisor in (7, 6):
        spark.write(
            "models/scattered.sql",
            "{{ config(materialized='view') }}\n"
            f"select /*+ repartition(16) */ id, id / {divisor}.0D as a, id % 5 / 1.0D as b, "
            "date_add(date '2024-01-01', cast(id % 9 as int)) as day from range(2000)",
        )
        done = spark.build(*["--full-refresh"] * (divisor == 7), "--select", "+in_days")
        assert done["in_days"][0] == "success", done
        folder = spark.folder / "warehouse" / f"{SCHEMA}.db" / "in_days"
        files = [len(list(day.glob("*.parquet"))) for day in folder.glob("day=*")]
        assert len(files) == 9 and max(files) <= 2, files
    assert spark.query(f"select count(*), count(distinct id) from {spark.table('in_days')}") == [(2000, 2000)]


def test_a_backfill_goes_in_slices(pair: Pair) -> None:
    pair.add("filled", "toy", {"as_of": "day"}, BY_DAY)
    window = "{scorehouse_backfill: {from: 2024-01-01, to: 2024-01-03, slice_days: 2}}"
    pair.build("--select", "filled", "--vars", window)
    pair.compare("filled")
    runs = pair.spark.runs("filled")
    assert [run["slice_from"] for run in runs] == ["2024-01-01", "2024-01-03"]
    assert all(run["rows_in"] > 10 for run in runs)


def test_the_registry_in_version_control_scores(pair: Pair) -> None:
    """Both doors, and a model that refs two registries, refuse a table that is not the CSV."""
    spark = pair.spark
    spark.write(
        "models/by_sql.sql", "{{ scorehouse.scored('toy', key='id') }}\nselect * from {{ ref('features') }}\n"
    )
    spark.python_model("by_two", "toy")
    text = (spark.folder / "python_models/by_two.py").read_text()
    spark.write("python_models/by_two.py", text.replace("    return", "    dbt.ref('ml_order')\n    return"))
    doors = ("by_sql", "by_two")
    pair.step(START, "select * from rows")
    spark.build("--select", "resource_type:seed", "features", "--exclude", "resource_type:test")
    promote("toy", 1, alias="challenger", project_dir=spark.folder)
    refused = spark.build("--select", *doors)
    for status, message in (refused[name] for name in doors):
        assert status == "error"
        assert "has aliases ('champion',) in the table and ('champion', 'challenger') in the file" in message
        assert "dbt seed --select tag:ml_toy" in message
    found = spark.build("--select", "ml_toy", *doors, "--exclude", "resource_type:test")
    assert {found[name][0] for name in doors} == {"success"}
