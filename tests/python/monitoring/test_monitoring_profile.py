"""Profiles count every row once, on the edges of the version that scored, and add up."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import pytest

from monitoring.everywhere import same_numbers
from monitoring.warehouse import MonitoredWarehouse

pytestmark = pytest.mark.slow

# Version 1 knows x as a number of many values; version 2 knows few, and takes it for categories.
MANY = "select (i % 100)::integer as x, i * 1e0 as y, ['a', 'b', 'c'][1 + i % 3] as c from range(1000) t (i)"
FEW = "select (i % 5)::integer as x, i * 2e0 as y, ['a', 'b'][1 + i % 2] as c from range(1000) t (i)"
FEATURES = """
    select * from (values
        (1, 1, 7e0, 'nan'::double, 'a', 'north'), (2, 1, 99e0, 1e9, 'z', 'north'),
        (3, 1, null, -5e0, null, 'south'),
        (4, 1, 150e0, 'inf'::double, 'a', 'south'),
        (5, 2, 3e0, 500e0, 'c', null), (6, 2, 4e0, null, 'a', 'north'),
        (7, 2, 2.5e0, 1e0, 'b', 'north')
    ) as t (id, version, x, y, c, region)
"""
PREDICTIONS = """
    select id, 'm' as model_name, version as model_version, 'run ' || version as scoring_run_id,
        timestamp '2026-01-01 06:00:00' + interval (version) day as scored_at
    from raw.features
"""
DAYS = """
    select 'm' as model_name, 1 as model_version, 'r' as scoring_run_id, timestamp '2026-06-01' as scored_at,
        date '2026-01-01' + (i // 1000)::integer as day,
        case when i >= 3000 then 50 + i % 50 else i % 100 end as x,
        i % 1000 * 1e0 as y, ['a', 'b', 'c'][1 + i % 3] as c,
        case when i % 100 = 0 then 'rare' else 'usual' end as kind
    from range(4000) t (i)
"""


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MonitoredWarehouse]:
    warehouse = MonitoredWarehouse(tmp_path_factory.mktemp("profile") / "house")
    warehouse.reference("reference", {(1, "feature"): MANY, (2, "feature"): FEW})
    warehouse.table(
        "signature",
        "select * from (values (1, 'x', 0e0, 99e0), (1, 'y', 0e0, 999e0), (2, 'y', 0e0, 1998e0)) "
        "as t (version, feature, minimum, maximum)",
    )
    warehouse.table("features", FEATURES)
    warehouse.table("predictions", PREDICTIONS)
    warehouse.table("days", DAYS)
    joined = (
        "source('raw', 'predictions'), source('raw', 'reference'), source('raw', 'features'), 'id', "
        "segments=['region', ['region', 'c']], signature=source('raw', 'signature')"
    )
    warehouse.model("runs", f"{{{{ scorehouse.profile({joined}) }}}}", materialized="incremental")
    by_day = "source('raw', 'days'), source('raw', 'reference'), day='day', segments='kind'"
    warehouse.model("daily", f"{{{{ scorehouse.profile({by_day}) }}}}")
    reference = "source('raw', 'reference')"
    windows = {
        "by_day": f"{reference}, window='day'",
        "by_all": f"{reference}, window='all'",
        "by_quarter": f"{reference}, window='quarter'",
        "by_year": f"{reference}, window='year'",
        "rolling": f"{reference}, window=2",
        "of_range": f"{reference}, window={{'from': '2026-01-02', 'to': '2026-01-04'}}",
        "previous": "against='previous', window='day'",
        "rolling_previous": "against='previous', window=2",
        "against_range": "against={'from': '2026-01-01', 'to': '2026-01-03'}, window='day'",
        "pooled": f"{reference}, window='day', min_segment_rows=100",
        "judged": f"{reference}, window='day', thresholds={{'psi': none, 'x': {{'psi': 0.2, 'js': 0.1}}}}",
    }
    for name, arguments in windows.items():
        warehouse.model(name, f"{{{{ scorehouse.drift(ref('daily'), {arguments}) }}}}")
    warehouse.table(
        "importance",
        "select * from (values (1, 'x', 0.1e0), (1, 'c', 0e0)) as t (version, feature, importance)",
    )
    warehouse.model(
        "ranked",
        f"{{{{ scorehouse.drift(ref('daily'), {reference}, window='day', "
        "importance=source('raw', 'importance')) }}",
    )
    warehouse.build().check()
    yield warehouse


def test_every_row_lies_in_one_bin(warehouse: MonitoredWarehouse) -> None:
    rows = warehouse.query(
        """
        select run_id, segment, feature, sum(row_count) filter (where kind <> 'all') as binned,
            sum(row_count) filter (where kind = 'all') as counted
        from runs group by all
        """
    )
    assert len(rows) > 20
    assert all(binned == counted for *_, binned, counted in rows)
    totals = warehouse.query(
        "select distinct run_id, row_count from runs where kind = 'all' and segment = 'all' order by all"
    )
    assert totals == [("run 1", 4), ("run 2", 3)]


def test_what_is_odd_is_counted(warehouse: MonitoredWarehouse) -> None:
    rows = warehouse.query(
        "select version, feature, n_null, n_nan, n_infinite, n_below, n_above, n_unseen, mean, minimum, "
        "maximum from runs where kind = 'all' and segment = 'all' and feature <> '(all features)' "
        "order by version, feature"
    )
    assert rows == [
        (1, "c", 1, None, None, None, None, 1, None, None, None),
        (1, "x", 1, 0, 0, 0, 1, 0, 256 / 3, 7, 150),
        (1, "y", 0, 1, 1, 1, 1, 0, (1e9 - 5) / 2, -5, 1e9),
        (2, "c", 0, None, None, None, None, 1, None, None, None),
        (2, "x", 0, 0, 0, 0, 0, 1, 9.5 / 3, 2.5, 4),
        (2, "y", 1, 0, 0, 0, 0, 0, 250.5, 1, 500),
    ]


def test_bins_are_those_of_the_version(warehouse: MonitoredWarehouse) -> None:
    rows = warehouse.query(
        "select version, kind, bin, category, row_count from runs where feature = 'x' and segment = 'all' "
        "and kind <> 'all' order by all"
    )
    assert rows == [
        (1, "missing", None, None, 1),
        (1, "numeric", 1, None, 1),
        (1, "numeric", 10, None, 2),
        (2, "category", 4, "3", 1),
        (2, "category", 5, "4", 1),
        (2, "unseen", None, "2.5", 1),
    ]


def test_segments_and_their_combination(warehouse: MonitoredWarehouse) -> None:
    rows = warehouse.query(
        "select distinct segment, row_count from runs where feature = 'x' and kind = 'all' and version = 2"
    )
    assert sorted(rows) == [
        ("all", 3),
        ("region+c=(null)+c", 1),
        ("region+c=north+a", 1),
        ("region+c=north+b", 1),
        ("region=(null)", 1),
        ("region=north", 2),
    ]


def test_a_run_is_profiled_once(warehouse: MonitoredWarehouse) -> None:
    before = warehouse.query("select count(*) from runs")
    warehouse.table("features", FEATURES.replace("(7, 2,", "(8, 3 - 1,"))
    warehouse.table(
        "predictions",
        PREDICTIONS.replace("'run ' || version", "'run ' || (version + (version = 2)::integer)"),
    )
    warehouse.build("--select", "runs").check()
    ((old, new),) = warehouse.query(
        "select count(*) filter (where run_id <> 'run 3'), count(*) filter (where run_id = 'run 3') from runs"
    )
    assert [(old,)] == before
    assert new > 0


def test_counts_add_up_over_days(warehouse: MonitoredWarehouse) -> None:
    ((daily, whole),) = warehouse.query(
        "select (select sum(n_current) from by_day where metric = 'psi' and segment = 'all'), "
        "(select sum(n_current) from by_all where metric = 'psi' and segment = 'all')"
    )
    assert daily == whole == 12000


def windows(warehouse: MonitoredWarehouse, table: str) -> list[tuple[int, int, int, str]]:
    return warehouse.query(
        "select day(window_start), n_reference, n_current, status "
        f"from {table} where feature = 'x' and metric = 'psi' and segment = 'all' order by window_start"
    )


def test_windows(warehouse: MonitoredWarehouse) -> None:
    assert windows(warehouse, "by_day") == [
        (1, 1000, 1000, "ok"),
        (2, 1000, 1000, "ok"),
        (3, 1000, 1000, "ok"),
        (4, 1000, 1000, "drift"),
    ]
    assert [row[2] for row in windows(warehouse, "rolling")] == [1000, 2000, 2000, 2000]
    assert windows(warehouse, "of_range") == [(2, 1000, 2000, "ok")]


def test_against_what_was_before(warehouse: MonitoredWarehouse) -> None:
    assert windows(warehouse, "previous") == [
        (1, 0, 1000, "too_small"),
        (2, 1000, 1000, "ok"),
        (3, 1000, 1000, "ok"),
        (4, 1000, 1000, "drift"),
    ]
    assert [row[1:3] for row in windows(warehouse, "rolling_previous")] == [
        (0, 1000),
        (0, 2000),
        (1000, 2000),
        (2000, 2000),
    ]
    assert [row[1] for row in windows(warehouse, "against_range")] == [2000] * 4


def test_small_groups_are_pooled(warehouse: MonitoredWarehouse) -> None:
    rows = warehouse.query(
        "select distinct segment, n_current from pooled where feature = 'x' and metric = 'psi'"
    )
    assert sorted(rows) == [("all", 1000), ("kind=(small groups)", 10), ("kind=usual", 990)]


def test_thresholds_by_feature(warehouse: MonitoredWarehouse) -> None:
    rows = warehouse.query(
        "select distinct feature, metric, threshold from judged where metric in ('psi', 'js') order by all"
    )
    assert rows == [
        ("c", "js", None),
        ("c", "psi", None),
        ("x", "js", 0.1),
        ("x", "psi", 0.2),
        ("y", "js", None),
        ("y", "psi", None),
    ]


def test_rank_by_importance(warehouse: MonitoredWarehouse) -> None:
    rows = warehouse.query(
        "select feature, importance, place from ranked "
        "where metric = 'psi' and segment = 'all' and day(window_start) = 4 order by place"
    )
    assert rows[0] == ("x", 0.1, 1)
    assert {row[:2] for row in rows[1:]} == {("c", 0.0), ("y", 0.0)}


@pytest.mark.parametrize(
    ("name", "end"), [("by_quarter", datetime(2026, 4, 1)), ("by_year", datetime(2027, 1, 1))]
)
def test_windows_of_quarters_and_years(warehouse: MonitoredWarehouse, name: str, end: datetime) -> None:
    """All days of the profile are in one quarter, so its numbers are those of all days together."""
    columns = "feature, segment, metric, value, n_current"
    told = warehouse.query(f"select {columns} from {name}")
    same_numbers(warehouse.query(f"select {columns} from by_all"), told, 3)
    assert warehouse.query(f"select distinct window_start, window_end from {name}") == [
        (datetime(2026, 1, 1), end)
    ]
