"""Faults of the data in segments: which are named, and the SQL of their rows."""

from __future__ import annotations

import json
import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from monitored import run
from project import DbtProject
from scorehouse.report.monitors import Long, segment_faults
from scorehouse.report.warehouse import Table

FAULT = """
insert into wide_drift by name
select * replace ('{segment}' as segment, '{metric}' as metric, 'drift' as status, 1e0 as value)
from wide_drift
where feature = '{feature}' and metric = 'psi' and segment = 'all' and window_start = '2025-04-01'
"""
POOL = "place=(small groups)"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("segment", "metric", "feature", "those"),
    [
        ("region=south", "constant_value", "f07", "region = 'south'"),
        ("region=south", "out_of_range_share", "f08", "region = 'south' and f08 > {maximum}"),
        ("region=(small groups)", "missing_share", "f09", ""),
    ],
)
def test_the_rows_are_those_of_the_segment(
    segment: str, metric: str, feature: str, those: str, monitored_project: DbtProject, tmp_path: Path
) -> None:
    database = Path(shutil.copy(monitored_project.database, tmp_path / "copy.duckdb"))
    with duckdb.connect(str(database)) as connection:
        connection.sql(
            "delete from wide_drift where feature in ('f07', 'f08', 'f09') and metric <> 'psi' "
            "or segment <> 'all'"
        )
        connection.sql(FAULT.format(segment=segment, metric=metric, feature=feature))
        # a third of all rows, of each region, leave the range of training
        connection.sql("create table came as select * replace (f08 + id % 3 as f08) from features")
        connection.sql("drop table features")
        connection.sql("alter table came rename to features")
    ended = run("export", "alerts", "wide", "--database", database)
    assert ended.exit_code == 0, ended.output
    facts = [one for alert in json.loads(ended.output)["alerts"] for one in (alert, *alert["also"])]
    sql = next(one["rows_sql"] for one in facts if (one["segment"], one["metric"]) == (segment, metric))
    if not those:
        assert sql == ""
        return
    with duckdb.connect(str(database)) as connection:
        ((maximum,),) = connection.sql(
            f"select maximum from ml_wide__signature where version = 1 and feature = '{feature}'"
        ).fetchall()
        ids = "select id from {} where {} order by id"
        found = connection.sql(f"select id from ({sql}) order by id").fetchall()
        expected = connection.sql(ids.format("features", those.format(maximum=maximum))).fetchall()
        assert len(found) > 0 and found == expected


def named(*tables: tuple[tuple[str, str], ...]) -> list[list[str]]:
    """By table: the segments that are named, of those with a fault of `x` or only a PSI."""
    window = {"window_start": datetime(2026, 1, 1), "window_end": datetime(2026, 1, 2)}
    longs = []
    for segments in tables:
        rows: list[dict[str, Any]] = [
            {**window, "part": "feature", "feature": "x", "segment": segment, "metric": metric}
            | {"status": "ok" if metric == "psi" else "drift"}
            for segment, metric in segments
        ]
        longs.append(Long(Table(None, "main", "drift", frozenset()), rows))
    return [[row["segment"] for row in rows] for rows in segment_faults(longs)]


def test_a_pool_is_named_only_where_no_member_is() -> None:
    member, pool, its_psi = ("place=a", "constant_value"), (POOL, "constant_value"), (POOL, "psi")
    assert named((member, pool, its_psi)) == [["place=a"]]
    assert named((pool, its_psi)) == named((pool,)) == [[POOL]]
    assert named((pool, its_psi), (member,)) == [[], ["place=a"]]  # too small to judge in one of the tables
    for others in (
        [("place=a", "missing_share")],
        [("shop=a", "constant_value")],
        [("place=large", "constant_value"), ("place=large", "psi")],
    ):
        assert named((*others, pool)) == [[others[0][0], POOL]]


def test_the_segment_that_costs_most_is_the_one_named(monitored_project: DbtProject, tmp_path: Path) -> None:
    """Not a small part of it that is worse still."""
    database = Path(shutil.copy(monitored_project.database, tmp_path / "copy.duckdb"))
    with duckdb.connect(str(database)) as connection:
        connection.sql("create temp table one as from wide_segments limit 1; delete from wide_segments")
        connection.sql(
            "insert into wide_segments by name select one.* replace (named as segment, number as place, "
            "'worse' as status, 0.02 as threshold, at_least as difference_low, share as share_of_rows) "
            "from one, (values ('spend from 0.5 to 1044.4505732 and place=A', 1, 0.9, 0.05), "
            "('region=south', 2, 0.6, 0.25), ('region=north', 3, 0.1, 0.3)) "
            "as segments(named, number, at_least, share)"
        )
    ended = run("export", "alerts", "wide", "--database", database)
    (worse,) = (one for one in json.loads(ended.output)["alerts"] if one["code"] == "segment_worse")
    assert worse["title"].endswith("region=south"), worse["title"]
    others = ["spend from 0.5 to 1,044 and place=A", "region=north"]
    assert [fact["segment"] for fact in worse["also"]] == [
        "spend from 0.5 to 1044.4505732 and place=A",
        others[1],
    ]
    shown = " ".join(run("status", "wide", "--database", database).output.split())
    assert f"also where {'; '.join(others)} What to do" in shown
