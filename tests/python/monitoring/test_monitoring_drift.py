"""Drift that was put in is found and named, chance is not, and no outlier hides it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime

import pytest
from scipy import stats

from monitoring.warehouse import MonitoredWarehouse

pytestmark = pytest.mark.slow

HEAD = "'flight_delay' as model_name, 1 as model_version, timestamp '2026-01-01' as scored_at"
COLUMNS = """
    dep_delay::double as dep_delay, distance::double as distance, (sched_dep_time // 100)::double as hour,
    (sched_arr_time // 100)::integer as arrival_hour, carrier, origin
"""
TRAINING = f"select {COLUMNS} from '{{data}}/flights.parquet' where month(flight_date) <= 6"
# Name of the run, what one feature became, and the metric that has to say so.
INJECTED = {
    "shifted": ("dep_delay", "dep_delay + 15", "psi"),
    "scaled": ("distance", "distance * 1.609344e0", "psi"),
    "emptied": ("dep_delay", "case when hash(n) % 5 = 0 then null else dep_delay end", "missing_share"),
    "not_a_number": (
        "distance",
        "case when hash(n) % 5 = 0 then 'nan'::double else distance end",
        "missing_share",
    ),
    "new_category": ("carrier", "case when carrier = 'UA' then 'ZZ' else carrier end", "unseen_share"),
    "frozen": ("hour", "14e0", "psi"),
    "out_of_range": (
        "distance",
        "case when hash(n) % 20 = 0 then 1e9 else distance end",
        "out_of_range_share",
    ),
}
BATCHES, BATCH_ROWS = 200, 1000
FAILURES = "main_dbt_test__audit.nothing_was_injected"


def runs() -> str:
    """One run for each injection, and one in which nothing was put in."""
    selects = ["select 'untouched' as scoring_run_id, * from sample"]
    for name, (feature, expression, _) in INJECTED.items():
        selects.append(f"select '{name}', * replace ({expression} as {feature}) from sample")
    return f"""
        with numbered as (select row_number() over () as n, * from raw.flights_training),
        sample as (select * from numbered where hash(n + 1) % 8 = 0)
        select *, {HEAD} from ({" union all ".join(selects)})
    """


def batches() -> str:
    """Samples of the training rows with replacement, each a run of its own."""
    return f"""
        with numbered as (select row_number() over () as n, * from raw.flights_training),
        drawn as (
            select
                'batch ' || draw // {BATCH_ROWS} as scoring_run_id,
                1 + hash(draw * 7919 + 3) % (select count(*) from numbered) as n
            from range({BATCHES * BATCH_ROWS}) as draws (draw)
        )
        select scoring_run_id, numbered.*, {HEAD} from drawn inner join numbered using (n)
    """


def models(warehouse: MonitoredWarehouse, name: str, drift: str = "") -> None:
    profile = "source('raw', 'ml_flights__reference'), signature=source('raw', 'ml_flights__signature')"
    warehouse.model(f"{name}_profiles", f"{{{{ scorehouse.profile(source('raw', '{name}'), {profile}) }}}}")
    warehouse.model(
        f"{name}_drift",
        f"{{{{ scorehouse.drift(ref('{name}_profiles'), source('raw', 'ml_flights__reference'){drift}) }}}}",
    )


NO_DRIFT = {
    "scorehouse.no_drift": {
        "name": "nothing_was_injected",
        "arguments": {"latest": False},
        "config": {"store_failures": True},
    }
}
# Clusters and distances of three runs, a week between them: in the last one the clusters have other sizes.
CLUSTERED = """
    select 'c' as model_name, 1 as model_version, 'run ' || run as scoring_run_id,
        timestamp '2026-01-01' + interval (7 * run) day as scored_at,
        case when run = 3 and i % 4 = 0 then 0 else i % 3 end as prediction,
        (hash(i * 5 + run) % 1000) / 1000e0 as distance
    from range(1, 4) as runs (run), range(3000) as rows (i)
"""


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MonitoredWarehouse]:
    warehouse = MonitoredWarehouse(tmp_path_factory.mktemp("drift") / "house")
    warehouse.table("flights_training", TRAINING)
    warehouse.reference("ml_flights__reference", {(1, "feature"): "select * from raw.flights_training"})
    warehouse.table(
        "ml_flights__signature",
        """
        select 1 as version, feature, minimum, maximum
        from (
            select unnest(['dep_delay', 'distance', 'hour']) as feature,
                unnest([min(dep_delay), min(distance), min(hour)]) as minimum,
                unnest([max(dep_delay), max(distance), max(hour)]) as maximum
            from raw.flights_training
        )
        """,
    )
    warehouse.table("injected", runs())
    warehouse.table("resampled", batches())
    # A standard normal, one moved by three deviations, and the same with one value of 1e9.
    radius, angle = "(hash(i) % 1000003 + 1) / 1000004", "(hash(i + 77777) % 1000003) / 1000003"
    gauss = f"sqrt(-2 * ln({radius})) * cos(2 * pi() * {angle})"
    warehouse.reference(
        "ml_gauss__reference", {(1, "feature"): f"select {gauss} as x from range(5000) t (i)"}
    )
    warehouse.table(
        "gauss",
        f"""
        select 'g' as model_name, 1 as model_version, timestamp '2026-01-01' as scored_at, *
        from (
            select 'moved' as scoring_run_id, 3 + {gauss} as x from range(5000, 10000) t (i)
            union all select 'outlier', 3 + {gauss} from range(5000, 10000) t (i)
            union all select 'outlier', 1e9
        )
        """,
    )
    warehouse.table("clustered", CLUSTERED)
    warehouse.reference(
        "ml_c__reference",
        {(1, "output"): "select prediction, distance from raw.clustered where scoring_run_id = 'run 1'"},
    )
    warehouse.model(
        "clustered_profiles",
        "{{ scorehouse.profile(source('raw', 'clustered'), source('raw', 'ml_c__reference')) }}",
    )
    for name, arguments in (
        ("reference", "source('raw', 'ml_c__reference')"),
        ("previous", "against='previous', window='run'"),
    ):
        warehouse.model(
            f"against_{name}", f"{{{{ scorehouse.drift(ref('clustered_profiles'), {arguments}) }}}}"
        )
    models(warehouse, "injected")
    models(warehouse, "resampled")
    warehouse.model(
        "gauss_profiles",
        "{{ scorehouse.profile(source('raw', 'gauss'), source('raw', 'ml_gauss__reference')) }}",
    )
    warehouse.model(
        "gauss_drift", "{{ scorehouse.drift(ref('gauss_profiles'), source('raw', 'ml_gauss__reference')) }}"
    )
    warehouse.tests({"version": 2, "models": [{"name": "injected_drift", "data_tests": [NO_DRIFT]}]})
    built = warehouse.build()
    assert built.success, (built.problem, built.messages)
    assert built.statuses["nothing_was_injected"] == "warn"
    yield warehouse


@pytest.mark.parametrize("run", INJECTED)
def test_injected_drift_is_found_and_named(run: str, warehouse: MonitoredWarehouse) -> None:
    feature, _, metric = INJECTED[run]
    found = warehouse.query(
        "select feature, metric, value >= threshold, value > coalesce(floor_value, 0), window_start "
        f"from {FAILURES} where run_id = '{run}'"
    )
    assert (feature, metric, True, True, datetime(2026, 1, 1)) in found
    assert {name for name, *_ in found} == {feature}


def test_nothing_is_found_where_nothing_was_put_in(warehouse: MonitoredWarehouse) -> None:
    assert warehouse.query(f"select distinct run_id from {FAILURES} order by 1") == [
        (run,) for run in sorted(INJECTED)
    ]


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ("against_reference", [("run 1", "ok"), ("run 2", "ok"), ("run 3", "drift")]),
        ("against_previous", [("run 1", "too_small"), ("run 2", "ok"), ("run 3", "drift")]),
    ],
)
def test_predicted_labels_drift_by_run(
    table: str, expected: list[tuple[str, str]], warehouse: MonitoredWarehouse
) -> None:
    found = warehouse.query(
        f"select run_id, status from {table} where part = 'output' and feature = 'prediction' "
        "and metric = 'psi' order by run_id"
    )
    assert found == expected
    assert warehouse.query(f"select * from {table} where feature = 'distance' and status = 'drift'") == []


def test_batches_without_drift_are_left_alone(warehouse: MonitoredWarehouse) -> None:
    ((alarmed, judged),) = warehouse.query(
        "select count(distinct run_id) filter (where status = 'drift'), count(distinct run_id) "
        "from resampled_drift"
    )
    assert judged == BATCHES
    assert alarmed <= BATCHES * 0.02


def test_no_drift_psi_is_its_floor(warehouse: MonitoredWarehouse) -> None:
    ((ratio, mean_p),) = warehouse.query(
        "select avg(value) / avg(floor_value), avg(p_value) from resampled_drift "
        "where metric = 'psi' and feature = 'dep_delay'"
    )
    assert ratio == pytest.approx(1, abs=0.1)
    assert mean_p == pytest.approx(0.5, abs=0.07)


def test_one_outlier_hides_nothing(warehouse: MonitoredWarehouse) -> None:
    found = warehouse.query("select value, status from gauss_drift where metric = 'psi' order by run_id")
    assert [status for _, status in found] == ["drift", "drift"]
    assert found[0][0] == pytest.approx(found[1][0], rel=0.02)


def test_p_values_equal_scipy(warehouse: MonitoredWarehouse) -> None:
    rows = warehouse.query(
        "select p_value, value / (1e0 / n_reference + 1e0 / n_current), n_bins from resampled_drift "
        "where metric = 'psi' union all "
        "select p_value, value, n_bins from injected_drift where metric = 'chi2' and value is not null"
    )
    assert len(rows) > 1000
    for p_value, statistic, n_bins in rows:
        expected = float(stats.chi2.sf(statistic, n_bins - 1))
        assert math.isclose(p_value, expected, rel_tol=1e-9, abs_tol=1e-300)


def test_ranks_by_distance(warehouse: MonitoredWarehouse) -> None:
    first = warehouse.query("select run_id, feature from injected_drift where place = 1 and metric = 'psi'")
    for run in ("shifted", "scaled", "frozen", "new_category"):
        assert (run, INJECTED[run][0]) in first
