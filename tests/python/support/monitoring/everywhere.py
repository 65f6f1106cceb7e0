"""The monitoring that is tried on every engine: its tables, its models, and what of them is compared."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from monitoring.cohorts import CLASSES, FRAMES, MATURITY, SEVERAL, TASKS
from monitoring.findings import TABLES
from monitoring.warehouse import MonitoredWarehouse, Row

HEAD = "'m' as model_name, 1 as model_version, 'scored' as row_status, timestamp '2026-01-01' as scored_at"
FLIGHTS = """
    select row_number() over (order by time_hour, carrier, flight) as id,
        cast(flight_date as timestamp) as day,
        cast(dep_delay as double) as dep_delay, cast(distance as double) as distance, carrier, origin,
        cast(flight_date - cast(distance / 10 as integer) as date) as booked
    from '{data}/flights.parquet' where month(flight_date) %s and day(flight_date) < 4
"""
EXPLAINED = """
    'log-odds' as reason_unit, -1e0 as reason_base, 0e0 as reason_rest,
    case when id % 7 > 0 then -1e0 + coalesce(dep_delay, 0e0) / 1e2 + distance / 1e4 end as reason_total,
    case when id % 7 > 0 and dep_delay is not null then 'dep_delay' end as reason_1,
    case when id % 7 > 0 then dep_delay / 1e2 end as reason_1_contribution,
    case when id % 7 > 0 then 'distance' end as reason_2,
    case when id % 7 > 0 then distance / 1e4 end as reason_2_contribution
"""
PERFORMANCE = "{{{{ scorehouse.performance(source('raw', '{0}'), source('raw', '{0}_labels'), key='id', "
SOURCE = "source('raw', 'flights')"
MODELS = {
    "profiles": f"{{{{ scorehouse.profile({SOURCE}, source('raw', 'ml_f__reference'), day='day', "
    "segments=['origin'], signature=source('raw', 'ml_f__signature')) }}",
    "drift": "{{ scorehouse.drift(ref('profiles'), source('raw', 'ml_f__reference'), window='month') }}",
    "exact": f"{{{{ scorehouse.exact_drift({SOURCE}, source('raw', 'flights_training'), "
    "['dep_delay', 'distance']) }}",
    "calibration": "{{ scorehouse.calibration_table(source('raw', 'classified'), "
    "source('raw', 'classified_labels'), key='id', label='y', options={'day': 'day'}) }}",
    "estimates": "{{ scorehouse.estimated_performance(source('raw', 'classified'), ref('calibration'), "
    "day='day') }}",
    "error_calibration": "{{ scorehouse.calibration_table(source('raw', 'regressed'), "
    "source('raw', 'regressed_labels'), key='id', label='y', options={'day': 'day'}, task='regression') }}",
    "error_estimates": "{{ scorehouse.estimated_performance(source('raw', 'regressed'), "
    "ref('error_calibration'), day='day', task='regression') }}",
    "several_estimates": "{{ scorehouse.estimated_performance(source('raw', 'several'), day='day', "
    f"options={{'classes': {CLASSES}}}) }}}}",
    "joint": f"{{{{ scorehouse.joint_drift({SOURCE}, source('raw', 'ml_f__reference'), day='day') }}}}",
    "sequential": "{{ scorehouse.sequential_monitor(ref('classified_performance'), "
    "{'accuracy': 0.6, 'brier': 0.3}, segments=true) }}",
    "powered": "{{ scorehouse.prediction_powered_monitor(source('raw', 'classified'), "
    "source('raw', 'classified_labels'), key='id', label='y', day='day', period='month', "
    "limits={'accuracy': 0.6, 'brier': 0.3, 'positive_rate': 0.4}) }}",
    "segments": f"{{{{ scorehouse.worst_segments({SOURCE}, ['origin', 'carrier'], 'score_shift', "
    "numbers=['distance'], options={'score': 'dep_delay', 'day': 'day', 'compare_from': '2013-10-01'}) }}",
    "moved": "{{ scorehouse.attribution(source('raw', 'explained'), 'day', segments=['origin']) }}",
    "previous": "{{ scorehouse.drift(ref('profiles'), against='previous', window='week') }}",
    "cluster_performance": "{{ scorehouse.performance(source('raw', 'classified'), none, key=none, "
    "label=none, task='clustering', day='day', options={'score': 'score'}) }}",
    "known": f"{{{{ scorehouse.features_as_of({SOURCE}, {SOURCE}, key='carrier', at='day', event_time='day', "
    "columns=['dep_delay', 'distance'], prefix='known_', delay='1 day', ttl='3 days') }}",
    "several_performance": PERFORMANCE.format("several")
    + f"label='y', day='day', options={{'classes': {CLASSES}}}) }}}}",
    **{
        f"weighted_{name}_performance": PERFORMANCE.format(name)
        + f"label='y', day='day', task='{task}', options={{'weight': 'weight'{more}}}) }}}}"
        for name, task, more in (
            ("classified", "classification", ""),
            ("regressed", "regression", ""),
            ("several", "classification", f", 'classes': {CLASSES}"),
        )
    },
    **{
        f"{name}_performance": PERFORMANCE.format(name) + f"label='y', day='day', {MATURITY}, {task}) }}}}"
        for name, task in TASKS.items()
    },
}
# What tells a row of each table from the others; the columns of `VALUES` are compared.
KEYS = {
    "profiles": "window_start, part, feature, segment, kind, bin, category",
    "drift": "window_start, part, feature, segment, metric",
    "previous": "window_start, part, feature, segment, metric",
    "exact": "feature, metric",
    "calibration": "bin",
    "error_calibration": "bin",
    "segments": "segment",
    "moved": "window_start, segment, part, feature, metric",
    "sequential": "window_start, segment, metric",
    "powered": "window_start, segment, metric",
    "joint": "window_start, feature",
    "known": "id",
}
VALUES = {
    "profiles": "row_count, n_null, n_above, mean, deviation, minimum, maximum",
    "drift": "value, threshold, p_value, q_value, floor_value, standard_error, minimum_detectable, status, "
    "n_current, place",
    "previous": "value, threshold, p_value, floor_value, status, reason, n_reference, n_current, place",
    "exact": "value",
    "estimates": "value, value_low, value_high, threshold, status, n_current",
    "error_estimates": "value, value_low, value_high, threshold, status, n_current",
    "several_estimates": "value, value_low, value_high, threshold, status, n_current",
    "error_calibration": "mean_score, mean_absolute_error, mean_error, squared_error_deviation, n_labelled",
    "joint": "value, correlation, reference_correlation, p_value, q_value, status, n_current, place",
    "sequential": "value, threshold, status, n_current, n_reference, e_value, p_value",
    "powered": "value, value_low, value_high, threshold, status, n_current, n_scored, e_value, p_value",
    "moved": "value, reference_shift, previous_shift, explained_share, status, n_current, place",
    "segments": "value, rest_value, difference_low, p_value, q_value, status, n_current, n_reference",
    "calibration": "mean_score, positive_rate, n_labelled",
    "known": "known_dep_delay, known_distance",
}
PERFORMANCE_KEY, PERFORMANCE_VALUES = (
    "window_start, segment, metric",
    "value, threshold, status, n_current, value_low, value_high",
)


def watched(folder: Path) -> MonitoredWarehouse:
    """All of it, built on DuckDB."""
    warehouse = MonitoredWarehouse(folder)
    for name, frame in (*FRAMES.items(), ("several", SEVERAL)):
        warehouse.table(
            name, f"select * exclude (y), {HEAD}, (1 + id % 3) * 1e0 as weight from frame", frame=frame
        )
        label = "y" if name == "several" else "case when not isnan(y) then y end as y"
        warehouse.table(f"{name}_labels", f"select id, {label} from frame", frame=frame)
    warehouse.table("flights_training", FLIGHTS % "<= 6")
    warehouse.table("flights", f"select *, 'r' as scoring_run_id, {HEAD} from ({FLIGHTS % '> 6'})")
    warehouse.table("explained", f"select *, {EXPLAINED}, {HEAD} from ({FLIGHTS % '> 6'})")
    columns = "select dep_delay, distance, carrier, origin, booked from raw.flights_training"
    warehouse.reference(
        "ml_f__reference",
        {(1, "feature"): columns},
        paired=["dep_delay", "distance"],
        repeats=True,
        time="select day from raw.flights_training",
    )
    warehouse.table(
        "ml_f__signature",
        "select 1 as version, 'distance' as feature, min(distance) as minimum, max(distance) as maximum "
        "from raw.flights_training",
    )
    for name, sql in TABLES.items():
        warehouse.table(name, sql)
    for name, sql in MODELS.items():
        warehouse.model(name, sql)
    warehouse.build().check()
    return warehouse


def query(name: str) -> tuple[str, int]:
    """What is read of a model, and how many of the columns are the key."""
    key, values = KEYS.get(name, PERFORMANCE_KEY), VALUES.get(name, PERFORMANCE_VALUES)
    return f"select {key}, {values} from {{}}", len(key.split(","))


def same_numbers(expected: Sequence[Row], found: Sequence[Row], width: int) -> None:
    """Both have the same keys, which are the first `width` columns, and the same values of each."""
    wanted = {row[:width]: row[width:] for row in expected}
    got = {row[:width]: row[width:] for row in found}
    assert len(wanted) == len(found) > 0
    assert got.keys() == wanted.keys()
    for row, values in wanted.items():
        assert all(map(close, got[row], values)), (row, got[row], values)


def close(found: Any, expected: Any) -> bool:
    if isinstance(expected, float) and found is not None:
        return math.isclose(found, expected, rel_tol=1e-9, abs_tol=1e-12)
    return bool(found == expected)
