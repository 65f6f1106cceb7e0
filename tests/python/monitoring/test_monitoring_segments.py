"""What a drift table says of segments that have few rows per day: faults, and no alarm without one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from monitoring.warehouse import HEAD, MonitoredWarehouse
from scorehouse.metrics import of_drift

pytestmark = pytest.mark.slow

DAYS, TRAINING = 160, 90
SIZES = {"a": 15, "b": 15, "c": 15, "d": 15, "e": 40, "lasting": 20, "large": 220, "tiny": 6}
# On the newest day: the segment, the feature and the metric that shows it.
PLANTED = [
    ("a", "calls", "constant_value"),
    ("a", "x", "constant_value"),
    ("b", "x", "missing_share"),
    ("c", "colour", "unseen_share"),
    ("d", "x", "out_of_range_share"),
    ("large", "calls", "constant_value"),
]
MOVED = pd.Timestamp("2026-05-01")  # `x` of all small places
LASTING = 12  # days until the newest one
SHADOWED = 17  # the same, where two versions score each day
FEW_ROWS = tuple(of_drift("few_rows"))
MODELS = {
    "profiles": "{{ scorehouse.profile(source('raw', 'scored'), source('raw', 'ml_m__reference'), day='day', "
    "segments=['place'], signature=source('raw', 'ranges')) }}",
    "daily": "{{ scorehouse.drift(ref('profiles'), source('raw', 'ml_m__reference'), window='day') }}",
    "promoted_profiles": "{{ scorehouse.profile(source('raw', 'promoted'), source('raw', 'ml_m__reference'), "
    "day='day', segments=['place']) }}",
    "promoted_daily": "{{ scorehouse.drift(ref('promoted_profiles'), source('raw', 'ml_m__reference'), "
    "window='day') }}",
    "shadowed_profiles": "{{ scorehouse.profile(source('raw', 'shadowed'), source('raw', 'ml_m__reference'), "
    "day='day', segments=['place']) }}",
    "shadowed_daily": "{{ scorehouse.drift(ref('shadowed_profiles'), source('raw', 'ml_m__reference'), "
    "window='day') }}",
}
NIGHTLY = """
{{ config(materialized='incremental', **scorehouse.replace_windows()) }}
select * from {{ ref('daily') }}
{% if is_incremental() %}where window_start = (select max(window_start) from {{ ref('daily') }}){% endif %}
"""
NEWEST = "window_start = (select max(window_start) from daily)"


def drawn(days: int, seed: int) -> pd.DataFrame:
    """Rows of each place and day. `weather` has one value per place and day; `bakery` none on Sundays."""
    rng = np.random.default_rng(seed)
    frames = []
    for day in range(days):
        for place, rows in SIZES.items():
            frame = pd.DataFrame({"place": place, "x": rng.normal(10, 2, rows)})
            frame["calls"] = rng.poisson(1.2, rows)
            frame["colour"] = rng.choice(["red", "green", "blue"], rows, p=[0.6, 0.3, 0.1])
            frame["weather"] = round(rng.normal(15, 8), 1)
            frame["station"] = rng.normal(size=rows) if rng.random() > 0.1 else np.nan
            frame["bakery"] = np.nan if day % 7 == 6 else rng.poisson(3, rows)
            frames.append(frame.assign(day=pd.Timestamp("2026-01-01") + pd.Timedelta(days=day)))
    return pd.concat(frames, ignore_index=True)


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> MonitoredWarehouse:
    warehouse = MonitoredWarehouse(tmp_path_factory.mktemp("segments") / "house")
    warehouse.table("training", "select * from frame", frame=drawn(TRAINING, 0))
    trained_on = "select * exclude (place, day) from raw.training"
    warehouse.reference(
        "ml_m__reference",
        {(1, "feature"): trained_on, (2, "feature"): trained_on},
        time="select day from raw.training",
    )
    warehouse.table(
        "ranges",
        "select 1 as version, 'x' as feature, min(x) as minimum, max(x) as maximum from raw.training",
    )
    frame = drawn(DAYS, 1)
    frame.loc[(frame.day == MOVED) & (frame.place != "large"), "x"] += 4
    newest = frame.day == frame.day.max()
    lasting = (frame.day.max() - frame.day).dt.days < LASTING
    frame.loc[lasting & (frame.place == "lasting"), "calls"] = 0
    for place, feature, metric in PLANTED:
        value = {"constant_value": 0, "missing_share": np.nan, "unseen_share": "mauve"}.get(metric, -40.0)
        frame.loc[newest & (frame.place == place), feature] = value
    warehouse.table("scored", f"select *, {HEAD} from frame", frame=frame)
    promoted = HEAD.replace(
        "1 as model_version", "case when day < '2026-05-31' then 1 else 2 end as model_version"
    )
    warehouse.table(
        "promoted", f"select *, {promoted} from frame where place in ('a', 'b', 'c')", frame=frame
    )
    warehouse.table(
        "shadowed",
        "select * exclude (model_version) replace (case when day > "
        f"'{frame.day.max()}'::date - {SHADOWED} then 0 else calls end as calls), version as model_version "
        "from raw.scored, (values (1), (2)) as versions(version) where place = 'lasting'",
    )
    for name, sql in MODELS.items():
        warehouse.model(name, sql)
    warehouse.project.write("models/nightly.sql", NIGHTLY)
    warehouse.tests({"version": 2, "models": [{"name": "daily", "data_tests": ["scorehouse.no_drift"]}]})
    warehouse.build().check()
    return warehouse


@pytest.mark.parametrize(("place", "feature", "metric"), PLANTED)
def test_a_fault_in_a_segment_is_found(
    place: str, feature: str, metric: str, warehouse: MonitoredWarehouse
) -> None:
    assert warehouse.query(
        f"select status from daily where segment = 'place={place}' and feature = '{feature}' "
        f"and metric = '{metric}' and window_start = (select max(window_start) from daily)"
    ) == [("drift",)]


def test_windows_without_a_fault_have_no_alarm(warehouse: MonitoredWarehouse) -> None:
    rows = warehouse.query(
        f"select window_start, segment, feature, metric from daily where metric in {FEW_ROWS} "
        "and segment not in ('all', 'place=lasting') and status = 'drift' "
        f"and window_start < (select max(window_start) from daily) and window_start <> '{MOVED}'"
    )
    assert len({day for day, *_ in rows}) <= 0.02 * DAYS, rows


def test_a_lasting_fault_is_found_on_each_day(warehouse: MonitoredWarehouse) -> None:
    rows = warehouse.query(
        "select status from daily where segment = 'place=lasting' and feature = 'calls' "
        "and metric = 'constant_value' order by window_start"
    )
    assert rows == [("drift",)] * LASTING


def test_windows_of_all_versions_tell_missing_and_constant_values(warehouse: MonitoredWarehouse) -> None:
    found = warehouse.query(
        "select segment, feature, metric, status from promoted_daily where version = 2 "
        "and window_start = (select max(window_start) from promoted_daily)"
    )
    statuses = {(segment.removeprefix("place="), *shown): status for segment, *shown, status in found}
    assert [statuses[fault] for fault in PLANTED[:4]] == ["drift", "drift", "drift", "too_small"]


def test_two_versions_of_a_window_are_one_in_the_memory_of_a_segment(warehouse: MonitoredWarehouse) -> None:
    assert warehouse.query(
        "select version, status, count(*) from shadowed_daily where segment = 'place=lasting' "
        "and feature = 'calls' and metric = 'constant_value' group by version, status order by all"
    ) == [(1, "drift", SHADOWED), (2, "drift", SHADOWED)]


def test_what_a_segment_reached_before_is_said(warehouse: MonitoredWarehouse) -> None:
    assert warehouse.query(
        "select distinct status, reason from daily where segment = 'place=a' and feature = 'bakery' "
        "and metric = 'missing_share' and value = 1 and window_start > '2026-03-01'"
    ) == [("not_judged", "windows of this segment before reached as much")]


def test_few_rows_tell_faults_alone(warehouse: MonitoredWarehouse) -> None:
    metrics = "select list(distinct metric order by metric) from daily where segment = '{}'"
    assert warehouse.query(metrics.format("place=a")) == [(sorted(FEW_ROWS),)]
    assert warehouse.query(metrics.format("place=tiny")) == [(None,)]
    assert "psi" in warehouse.query(metrics.format("place=large"))[0][0]
    assert warehouse.query(
        "select distinct status from daily where segment = 'place=a' and window_start < '2026-01-20'"
    ) == [("too_small",)]


def test_small_places_together_are_judged_by_all_metrics(warehouse: MonitoredWarehouse) -> None:
    assert warehouse.query(
        "select window_start, metric from daily where segment = 'place=(small groups)' and feature = 'x' "
        "and metric in ('psi', 'mean_shift') and status = 'drift' "
        "and window_start < (select max(window_start) from daily) order by all"
    ) == [(MOVED, "mean_shift"), (MOVED, "psi")]


def test_small_segments_have_no_rows_with_nothing_to_tell(warehouse: MonitoredWarehouse) -> None:
    told = "select distinct segment from daily where value = 0 and status = 'ok' order by segment"
    assert warehouse.query(told) == [("all",), ("place=(small groups)",), ("place=large",)]
    # windows without a row have counted as 0
    assert warehouse.query(
        "select status, count(*) > 20 from daily where segment = 'place=b' and feature = 'x' "
        "and metric = 'missing_share' group by status order by min(window_start)"
    ) == [("too_small", True), ("drift", False)]


def test_a_segment_is_sound_again_where_its_rows_were_mended(
    warehouse: MonitoredWarehouse, tmp_path: Path
) -> None:
    project = warehouse.project.copy(tmp_path / "mended")
    fault = (
        f"select status from nightly where segment = 'place=b' and feature = 'x' and {NEWEST} order by all"
    )
    assert project.query(fault) == [("drift",)]
    project.query("update raw.scored set x = 8 + rowid % 5 where place = 'b' and x is null")
    project.build("--select", "profiles", "daily", "nightly").check()
    assert project.query(fault) == []
    assert project.query("select count(*) > 0 from nightly where segment = 'place=c' and " + NEWEST) == [
        (True,)
    ]
