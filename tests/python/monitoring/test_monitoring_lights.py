"""Every light of a drift table can turn red, or says that it is not judged and what is missing."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from monitoring.planted_flights import UNCHANGED, lights, planted_flights, plants
from monitoring.warehouse import MonitoredWarehouse

pytestmark = pytest.mark.slow

HANDFUL = (
    "Mondays only", "heat wave", "temp +2 sd", "pressure +2 sd", "wind_speed +2 sd", "day_of_week collapsed",
    "pressure 30 % NULL",
)  # fmt: skip
SHORT = (
    "training is too short to know a usual month, and its weeks differ as if the mean had moved by 2.6 "
    "standard deviations"
)
BEFORE = 26  # weeks of training


@pytest.fixture(scope="module")
def flights(tmp_path_factory: pytest.TempPathFactory) -> MonitoredWarehouse:
    chosen = {name: plants()[name] for name in HANDFUL}
    return planted_flights(tmp_path_factory.mktemp("flights") / "house", chosen, "2013-11-01", ("month",))


@pytest.mark.parametrize("plant", HANDFUL)
def test_a_planted_change_is_never_green(plant: str, flights: MonitoredWarehouse) -> None:
    """Six months of training know days and weeks, not months: December two deviations warmer is like June."""
    feature, _ = plants()[plant]
    assert lights(flights, "month")[plant, feature] == ["red", "grey" if plant == "temp +2 sd" else "red"]


def test_a_light_that_nothing_turns_red_is_grey_and_says_why(flights: MonitoredWarehouse) -> None:
    december = "window_start = timestamp '2013-12-01' and segment = 'all'"
    rows = flights.query(
        f"select feature, list(metric order by metric) from by_month where ml_model = '{UNCHANGED}' "
        f"and {december} and status = 'blind' and reason = '{SHORT}' group by all order by all"
    )
    assert rows == [("temp", ["mean_shift", "psi"])]
    ((threshold,),) = flights.query(
        f"select threshold from by_month where ml_model = '{UNCHANGED}' and {december} "
        "and feature = 'day_of_week' and metric = 'psi'"
    )
    assert 0.1 < threshold < 0.3  # a month of days is quieter than a day, whose limit is 8.33
    over = flights.query("select count(*) from by_month where value >= threshold and status = 'ok'")
    assert over == [(0,)]


def test_a_design_effect_does_not_make_a_segment_small(tmp_path: Path) -> None:
    """Each origin has 9,000 flights in December, and is compared with its own flights in November."""
    chosen = {name: plants()[name] for name in ("Mondays only", "heat wave")}
    flights = planted_flights(tmp_path / "house", chosen, "2013-11-01", ("month",), planted="2013-12-01")
    rows = flights.query(
        "select feature, metric, status, count(*) from by_month where segment <> 'all' "
        "and window_start = timestamp '2013-12-01' and status = 'too_small' group by all"
    )
    assert rows == []
    for segment in ("origin=EWR", "origin=JFK", "origin=LGA"):
        found = lights(flights, "month", segment)
        for plant, (feature, _) in chosen.items():
            assert found[plant, feature][-1] in ("red", "grey"), (segment, plant, found[plant, feature])


@pytest.mark.soak
def test_no_planted_change_is_green_in_any_month_or_week(tmp_path: Path) -> None:
    made = planted_flights(
        tmp_path / "house", plants(), os.environ.get("SINCE", "2013-07-01"), ("month", "week")
    )
    for unit in ("month", "week"):
        every = lights(made, unit)
        found = {plant: every[plant, feature] for plant, (feature, _) in plants().items()}
        windows = [light for plant in found for light in found[plant]]
        assert {plant for plant, own in found.items() if "green" in own} == set(), unit
        assert windows.count("red") >= 0.9 * len(windows)


def shop(days: int, rows: int, seed: int, start: str = "2025-01-06") -> pd.DataFrame:
    """Clean days with a weekly pattern: twice the basket at weekends, and another mix of channels."""
    rng = np.random.default_rng(seed)
    day = np.repeat(np.arange(days), rows)
    weekend = day % 7 >= 5
    return pd.DataFrame(
        {
            "weekday": (day % 7 + 1).astype("int32"),
            "basket": rng.lognormal(3, 0.5, len(day)) * np.where(weekend, 2, 1),
            "traffic": rng.normal(size=len(day)),
            "channel": np.where(rng.random(len(day)) < np.where(weekend, 0.6, 0.2), "app", "web"),
            "day": pd.Timestamp(start) + pd.to_timedelta(day, unit="D"),
        }
    )


@pytest.fixture(scope="module")
def weekly(tmp_path_factory: pytest.TempPathFactory) -> MonitoredWarehouse:
    made = MonitoredWarehouse(tmp_path_factory.mktemp("weekly") / "house")
    made.table("training", "from frame", frame=shop(7 * BEFORE, 300, 1))
    query = {(1, "feature"): "select * exclude (day) from raw.training"}
    made.reference("ml_shop__reference", query, time="select day from raw.training")
    head = "'m' as model_name, 1 as model_version, timestamp '2026-01-01' as scored_at, 'r' as scoring_run_id"
    # The last week has three days, the last month nine.
    scored = shop(101, 300, 2, "2026-01-05")
    dearer = scored.assign(traffic=scored["traffic"] + 1)
    for name, frame in (("clean", scored), ("dearer", dearer)):
        made.table(name, f"select *, {head} from frame", frame=frame)
        reference = "source('raw', 'ml_shop__reference')"
        profile = f"source('raw', '{name}'), {reference}, day='day'"
        made.model(f"{name}_profiles", f"{{{{ scorehouse.profile({profile}) }}}}")
        for unit in ("day", "week", "month"):
            drift = f"ref('{name}_profiles'), {reference}, window='{unit}'"
            made.model(f"{name}_{unit}", f"{{{{ scorehouse.drift({drift}) }}}}")
    strict = {
        "name": "nothing_unjudged",
        "arguments": {"latest": False, "too_small_fails": True, "thresholds": {"traffic": {"psi": 0.2}}},
        "config": {"store_failures": True},
    }
    made.tests(
        {"version": 2, "models": [{"name": "clean_day", "data_tests": [{"scorehouse.no_drift": strict}]}]}
    )
    made.build().check()
    return made


@pytest.mark.parametrize("unit", ["day", "week", "month"])
def test_clean_windows_with_a_weekly_pattern_do_not_alarm(unit: str, weekly: MonitoredWarehouse) -> None:
    """Not even the first days of a week or a month, which have not all weekdays yet."""
    ((alarms, windows),) = weekly.query(
        "select count(*) filter (where alarmed), count(*) from (select bool_or(status in ('drift', "
        f"'small_drift')) as alarmed from clean_{unit} group by window_start)"
    )
    assert alarms <= 0.02 * windows
    ((shifted,),) = weekly.query(
        f"select count(distinct window_start) from dearer_{unit} "
        "where feature = 'traffic' and status = 'drift'"
    )
    assert shifted == windows


def test_no_drift_names_what_is_not_judged(weekly: MonitoredWarehouse) -> None:
    rows = weekly.query(
        "select feature, metric, problem, count(*) from main_dbt_test__audit.nothing_unjudged "
        "where feature in ('weekday', 'traffic') group by all order by all"
    )
    assert rows == [("weekday", "constant_value", "not_judged", 101), ("weekday", "psi", "blind", 101)]


def test_the_weekday_is_not_judged_by_day(weekly: MonitoredWarehouse) -> None:
    rows = weekly.query(
        "select distinct status, reason from clean_day where feature = 'weekday' and metric = 'psi'"
    )
    assert rows == [("blind", "days of training differ as if all rows had one value")]
    by_month = weekly.query(
        "select status, count(*) from clean_month where feature = 'weekday' and metric = 'psi' group by all"
    )
    assert by_month == [("ok", 4)]
