"""`minimum_detectable` keeps its word: a change of that size is found in 80 % of windows."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest

from monitoring.warehouse import MonitoredWarehouse
from scorehouse.registry.detectable import monthly_shifts

pytestmark = pytest.mark.slow

TRAINING, LIVE, ROWS = 7 * 26, 7 * 40, 120
FACTORS, UNITS = (0.5, 1.0, 1.2), ("day", "week")
JUDGED = dict.fromkeys(("steady", "stormy", "skewed", "scarce"), "mean_shift") | {"colour": "psi"}


def days(count: int, seed: int, start: str) -> pd.DataFrame:
    """Independent rows; rows that share a weather per day, also with few values, or a long tail; a season."""
    rng = np.random.default_rng(seed)
    day = np.repeat(np.arange(count), ROWS)
    return pd.DataFrame(
        {
            "steady": rng.normal(size=len(day)),
            "stormy": rng.normal(size=len(day)) + rng.normal(0, 0.4, count)[day],
            "skewed": rng.lognormal(0, 0.6, len(day)) * rng.lognormal(0, 0.3, count)[day],
            "scarce": np.where(
                rng.random(len(day)) < 0.5, np.nan, rng.normal(rng.normal(0, 0.5, count)[day])
            ),
            "season": np.sin(2 * np.pi * day / 364) + rng.normal(0, 0.1, len(day)),
            "colour": rng.choice(["red", "green", "blue"], len(day), p=[0.5, 0.3, 0.2]),
            "day": pd.Timestamp(start) + pd.to_timedelta(day, unit="D"),
        }
    )


def drift(warehouse: MonitoredWarehouse, frame: pd.DataFrame) -> None:
    """Build tables of drift, `by_day`, `by_week` and `by_month`, of a frame with one ML model per change."""
    head = "1 as model_version, timestamp '2026-01-01' as scored_at, 'r' as scoring_run_id"
    warehouse.table("scored", f"select *, {head} from frame", frame=frame)
    reference = "source('raw', 'ml_shop__reference')"
    profile = f"source('raw', 'scored'), {reference}, day='day'"
    warehouse.model("profiles", f"{{{{ scorehouse.profile({profile}) }}}}")
    for unit in (*UNITS, "month"):
        options = f"ref('profiles'), {reference}, window='{unit}'"
        warehouse.model(f"by_{unit}", f"{{{{ scorehouse.drift({options}) }}}}")
    warehouse.build().check()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> MonitoredWarehouse:
    """Unchanged windows, then, per unit, feature and factor, with a change of that many stated minima."""
    warehouse = MonitoredWarehouse(tmp_path_factory.mktemp("visible") / "house")
    warehouse.table("training", "from frame", frame=days(TRAINING, 1, "2025-01-06"))
    query = {(1, "feature"): "select * exclude (day) from raw.training"}
    warehouse.reference("ml_shop__reference", query, time="select day from raw.training")
    live = days(LIVE, 2, "2026-01-05")
    drift(warehouse, live.assign(model_name="unchanged"))
    chance = np.random.default_rng(3).random(len(live))
    changed = []
    for unit, feature in product(UNITS, JUDGED):
        stated = warehouse.query(
            f"select window_start, minimum_detectable from by_{unit} "
            f"where feature = '{feature}' and metric = '{JUDGED[feature]}'"
        )
        starts = live["day"].dt.to_period("W").dt.start_time if unit == "week" else live["day"]
        minimum = starts.map(dict(stated))
        for factor in FACTORS:
            if feature == "colour":  # half of the rows are red already: the hardest value to see growing
                moved = live["colour"].mask(chance < factor * np.sqrt(minimum) / 2 / 0.5, "red")
            else:
                deviation = warehouse.query(f"select stddev_pop({feature}) from raw.training")[0][0]
                moved = live[feature] + factor * minimum * deviation
            changed.append(live.assign(model_name=f"{unit} {feature} {factor}", **{feature: moved}))
    drift(warehouse, pd.concat(changed))
    return warehouse


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("feature", JUDGED)
def test_a_change_of_the_stated_size_is_found(shop: MonitoredWarehouse, unit: str, feature: str) -> None:
    rows = shop.query(
        f"select ml_model, avg(cast(status = 'drift' as integer)) from by_{unit} where feature = '{feature}' "
        f"and metric = '{JUDGED[feature]}' and starts_with(ml_model, '{unit} {feature}') "
        "group by 1 order by 1"
    )
    half, whole, more = (share for _, share in rows)
    assert half <= 0.3 and whole >= 0.75 and more >= 0.85


@pytest.mark.parametrize("unit", UNITS)
def test_a_light_that_sees_less_than_a_feature_can_do_is_blind(shop: MonitoredWarehouse, unit: str) -> None:
    """Half a year of training has one summer: days and weeks of it differ as much as a feature can change."""
    told = f"{unit}s of training differ as if the mean had moved by _._ standard deviations"
    rows = shop.query(
        f"select distinct feature, reason like '{told}', minimum_detectable > 2 from by_{unit} "
        "where metric = 'mean_shift' and status = 'blind'"
    )
    assert rows == [("season", True, True)]
    hidden = shop.query(
        f"select count(*) from by_{unit} "
        "where metric = 'mean_shift' and minimum_detectable > 2 and status = 'ok'"
    )
    assert hidden == [(0,)]


def test_a_version_shows_what_its_months_will_find(shop: MonitoredWarehouse) -> None:
    """`scorehouse show` knows it from the reference alone, though training has too few months."""
    columns = ("part", "name", "kind", "lower", "upper", "category", "row_count")
    reference = shop.query(f"select {', '.join(columns)} from raw.ml_shop__reference")
    rows = [dict(zip(columns, map(str, row), strict=True)) for row in reference]
    shifts = monthly_shifts(rows)
    stated = shop.query(
        "select feature, median(minimum_detectable), any_value(r.upper) from by_month as d "
        "inner join raw.ml_shop__reference as r on r.name = d.feature and r.kind = 'moments' "
        "where metric = 'mean_shift' and ml_model = 'day colour 0.5' group by 1"
    )
    found = {feature: float(minimum) * float(deviation) for feature, minimum, deviation in stated}
    assert found.keys() == shifts.keys() == {"steady", "stormy", "skewed", "scarce", "season"}
    assert shifts.pop("season") is None  # blind
    assert shifts == {feature: pytest.approx(found[feature], rel=0.1) for feature in shifts}


def test_what_is_beyond_training_is_neither_steady_nor_small(shop: MonitoredWarehouse) -> None:
    """Not even where few rows would make it small: fewer than a hundred."""
    rows = shop.query(
        "select n_current < 100, status, count(*) from by_day where metric = 'mean_shift' "
        "and value >= threshold group by all"
    )
    found = {(few, status) for few, status, _ in rows}
    assert {(True, "drift"), (True, "not_judged")} <= found
    assert {status for _, status in found} <= {"drift", "blind", "not_judged"}
