"""Windows of timestamps with a zone are cut in the session's zone, and name it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import pytest

from monitoring.warehouse import MonitoredWarehouse

pytestmark = pytest.mark.slow

ZONE = "Asia/Kolkata"  # five hours and a half ahead of UTC
HEAD = "'m' as model_name, 1 as model_version, 'scored' as row_status, 'r' as scoring_run_id"
ROWS = f"""
    select i as id, timestamptz '2026-01-01 20:00:00+00' + to_hours(cast(i as bigint) % 48) as at,
        timestamp '2026-01-01 20:00:00' + to_hours(cast(i as bigint) % 48) as plain,
        (i * 7919 % 1000) / 1e3 as x, (i % 100) / 1e2 as score, i % 2 as prediction, 'feature' as reason_1,
        timestamp '2026-01-05' as scored_at, {HEAD}
    from range(4800) as t(i)
"""
MODELS = {
    "profiles": "scorehouse.profile(source('raw', 'scored'), source('raw', 'ml_m__reference'), day={})",
    "drift": "scorehouse.drift(ref('{}_profiles'), source('raw', 'ml_m__reference'), window='day')",
    "performance": "scorehouse.performance(source('raw', 'scored'), source('raw', 'labels'), key='id', "
    "label='y', day={}, period='day')",
    "estimates": "scorehouse.estimated_performance(source('raw', 'scored'), day={}, period='day')",
    "joint": "scorehouse.joint_drift(source('raw', 'scored'), source('raw', 'ml_m__reference'), day={}, "
    "period='day')",
    "watch": "scorehouse.sequential_monitor(ref('{}_performance'), {{'accuracy': 0.1}})",
    "segments": "scorehouse.worst_segments(source('raw', 'scored'), [], 'error_rate', "
    "labels=source('raw', 'labels'), key='id', label='y', numbers=['x'], options={{'day': {}}})",
}
OF_TABLES = ("drift", "watch")
WHOLE = "segments"  # has one window, from the first row to the last


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MonitoredWarehouse]:
    warehouse = MonitoredWarehouse(tmp_path_factory.mktemp("zones") / "house")
    warehouse.table("scored", ROWS)
    warehouse.table("labels", "select id, id % 2 as y from raw.scored")
    parts = {(1, "feature"): "select x, score from raw.scored"}
    warehouse.reference("ml_m__reference", parts, paired=["x", "score"])
    for name, day in (("at", "'at'"), ("plain", "'plain'"), ("run", "none")):
        for kind, call in MODELS.items():
            sql = call.format(name if kind in OF_TABLES else day)
            if kind == "drift" and name == "run":
                sql = sql.replace("'day'", "'run'")
            hook = {"pre_hook": f"set TimeZone = '{ZONE}'"}
            warehouse.model(f"{name}_{kind}", f"{{{{ {sql} }}}}", **hook)
    warehouse.build().check()
    yield warehouse


@pytest.mark.parametrize("kind", [kind for kind in MODELS if kind != WHOLE])
def test_the_zone_is_named(kind: str, warehouse: MonitoredWarehouse) -> None:
    windows = warehouse.query(
        f"select distinct window_start, window_end, time_zone from at_{kind} order by window_start"
    )
    # 20:00 UTC is 01:30 of the next day in Kolkata: two whole days, and one hour and a half of a third
    assert windows == [(datetime(2026, 1, day), datetime(2026, 1, day + 1), ZONE) for day in (2, 3, 4)]
    days = warehouse.query(f"select distinct window_start, time_zone from plain_{kind} order by window_start")
    assert days == [(datetime(2026, 1, day), None) for day in (1, 2, 3)]
    assert {zone for (zone,) in warehouse.query(f"select distinct time_zone from run_{kind}")} == {None}


def test_segments_name_the_zone_of_their_days(warehouse: MonitoredWarehouse) -> None:
    found = {
        name: warehouse.query(f"select distinct time_zone from {name}_segments") for name in ("at", "plain")
    }
    assert found == {"at": [(ZONE,)], "plain": [(None,)]}
