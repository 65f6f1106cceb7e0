"""Tables in which something is wrong, and what each dbt test of monitoring must find there."""

from __future__ import annotations

import math
from typing import Any

DRIFT = """
    select 'm' as ml_model, 1 as version, 'r' || week as run_id, * from (values
        (1, 'feature', 'a', 'all', 'psi', 0.30e0, 0.1e0, 'drift', 1e-9, 0.01e0),
        (2, 'feature', 'a', 'all', 'psi', 0.15e0, 0.1e0, 'drift', 1e-9, 0.01e0),
        (2, 'feature', 'b', 'all', 'psi', 0.05e0, 0.1e0, 'ok', 1e-9, 0.01e0),
        (2, 'feature', 'b', 'all', 'js', 0.20e0, null, 'info', 1e-9, null),
        (2, 'feature', 'c', 'all', 'psi', 0.15e0, 0.1e0, 'too_small', 0.3e0, 0.20e0),
        (2, 'feature', 'a', 'region=north', 'psi', 0.5e0, 0.1e0, 'drift', 1e-9, 0.01e0),
        (2, 'output', 'score', 'all', 'psi', 0.40e0, 0.1e0, 'drift', 1e-9, 0.01e0),
        (2, 'output', 'prediction', 'all', 'psi', 0.01e0, 0.1e0, 'ok', 0.5e0, 0.01e0),
        (2, 'feature', 'd', 'all', 'mean_shift', 0.2e0, 0.3e0, 'small_drift', 1e-6, null)
    ) as t (week, part, feature, segment, metric, value, threshold, status, p_value, floor_value),
    lateral (select timestamp '2026-01-05' + interval (7 * week) day as window_start,
        timestamp '2026-01-12' + interval (7 * week) day as window_end,
        1000 as n_reference, 1000 as n_current,
        1e0 as importance, 1 as place, 0.5e0 as q_value)
"""
# Of a segment in the newest window: `e` is at fault there, `f` was as far before, and an output has moved.
SEGMENT_DRIFT = f"""
    select parts.* replace (
        part_of as part, feature_of as feature, counted as metric, said as status,
        case counted when 'psi' then floor_value end as floor_value
    )
    from ({DRIFT}) as parts, (values
        ('feature', 'e', 'missing_share', 'drift'), ('feature', 'f', 'missing_share', 'not_judged'),
        ('feature', 'f', 'unseen_share', 'too_small'), ('feature', 'e', 'psi', 'drift'),
        ('output', 'prediction', 'unseen_share', 'drift')
    ) as faults (part_of, feature_of, counted, said)
    where segment = 'region=north'
"""
# Of a small segment, whose other verdicts were 0: the table does not have them, but `q_value` counts them.
QUIET_SEGMENT = f"""
    select * from ({DRIFT}) where segment = 'all'
    union all
    select north.* replace (
        'e' as feature, 'missing_share' as metric, 0.6e0 as threshold, 'ok' as status, 0.005e0 as p_value,
        null as floor_value
    )
    from ({DRIFT}) as north
    where segment = 'region=north'
"""
# Days until 20 March, which the run `r9` scored with others of them; `of_late` has days of several runs.
DAILY_DRIFT = f"""
    select drift.* replace (
        model as ml_model, run as run_id, said as status,
        timestamp '2026-03-01' + interval (day - 1) day as window_start,
        timestamp '2026-03-01' + interval (day) day as window_end
    )
    from ({DRIFT}) as drift, (values
        ('m', 6, 'r8', 'drift'), ('m', 7, 'r9', 'drift'), ('m', 10, 'r8', 'drift'), ('m', 17, null, 'drift'),
        ('m', 18, 'r8', 'drift'), ('m', 19, 'r9', 'ok'), ('m', 20, 'r9', 'ok'),
        ('scores_all', 6, 'r9', 'drift'), ('scores_all', 17, 'r9', 'drift'),
        ('scores_all', 18, 'r9', 'drift'), ('scores_all', 20, 'r9', 'ok')
    ) as days (model, day, run, said)
    where part = 'feature' and segment = 'all' and feature = 'b' and metric = 'psi'
"""
# Weekdays until Tuesday, 3 February. Friday, 30 January is missing, and of Monday most rows are.
DAYS = """
    select timestamp '2026-01-01' + interval (day) day as day, n
    from range(33) as days (day), range(10) as rows (n)
    where day % 7 not in (2, 3) and day <> 29 and (day <> 32 or n < 2)
"""
# In the newest window, outputs drift alone. Scores of rejected rows and of a segment do not count.
OUTPUT_DRIFT = f"""
    select * from ({DRIFT}) where feature = 'b' or run_id = 'r1'
    union all
    select scores.* replace (column_name as feature, counted as metric, part_of as segment)
    from ({DRIFT}) as scores, (values
        ('prediction_late', 'psi', 'all'), ('score_late', 'psi', 'all'), ('score_lost', 'mean_shift', 'all'),
        ('score', 'psi', 'all'), ('prediction', 'js', 'all'), ('score_broken', 'missing_share', 'all'),
        ('prediction_week_1', 'psi', 'region=north')
    ) as names (column_name, counted, part_of)
    where scores.feature = 'score'
"""
FAULTY_DRIFT = f"""
    select * from ({DRIFT})
    union all
    select odd.* replace (counted as metric, shown as value, said as status)
    from ({DRIFT}) as odd, (values
        ('a', 'missing_share', 0.3e0, 'drift'), ('a', 'mean_shift', 2.4e0, 'drift'),
        ('b', 'out_of_range_share', 0.2e0, 'drift'), ('b', 'tvd', 0.4e0, 'info'),
        ('c', 'out_of_range_share', 0.02e0, 'ok'), ('c', 'tvd', 0.4e0, 'info')
    ) as faults (of_feature, counted, shown, said)
    where odd.feature = of_feature and odd.segment = 'all' and odd.metric = 'psi' and odd.run_id = 'r2'
    union all
    select odd.* replace (
        step_of as feature, 'spread_shift' as metric,
        case run_id when 'r1' then before else 0.8e0 end as value
    )
    from ({DRIFT}) as odd, (values ('aged', 0.6e0), ('broken', 0.1e0)) as steps (step_of, before)
    where odd.feature = 'a' and odd.segment = 'all'
"""
REFIT = "select 'm' as ml_model, 1 as version, '{day}' as measured_on, 'is not certain to help' as verdict"
PERFORMANCE = """
    select 'm' as ml_model, 1 as version, 'all' as segment, * exclude (month),
        make_timestamp(2026, month, 1, 0, 0, 0) as window_start,
        make_timestamp(2026, month + 1, 1, 0, 0, 0) as window_end, 500 as n_reference
    from (values
        (1, 'roc_auc', 0.80e0, 'info', 500), (1, 'log_loss', 0.40e0, 'info', 500),
        (1, 'ece', 0.02e0, 'info', 500),
        (2, 'roc_auc', 0.70e0, 'info', 500), (2, 'log_loss', 0.60e0, 'info', 500),
        (2, 'ece', 0.09e0, 'info', 500),
        (3, 'roc_auc', null, 'immature', 100), (3, 'ece', null, 'immature', 100),
        (1, 'labels_arrived', 1e0, 'info', 500), (2, 'labels_arrived', 0.5e0, 'info', 500),
        (3, 'labels_arrived', 0.1e0, 'info', 100)
    ) as t (month, metric, value, status, n_current)
"""
REGISTRY = """
    select 'm' as name, 1 as version, 'champion' as aliases,
        '{{"roc_auc": 0.79, "log_loss": 0.45, "roc_auc_it_s": 0.91, "roc_auc_week_1": 0.81}}' as metrics,
        '2025-12-31' as trained_to, '2026-01-02T00:00:00Z' as registered_at
"""
RUNS = """
    select 'run ' || run as scoring_run_id, timestamp '2026-01-01' + interval (run) day as scored_at,
        'm' as model_name,
        1 as model_version, case when n % 10 = 0 then 'rejected' else 'scored' end as row_status
    from range(1, 7) as runs (run), range(100) as rows (n)
    where run < 5 or (run = 5 and n < 20) or run = 6
"""
# Table, test, its name, its arguments, the columns to compare and the rows.
CASES: list[tuple[str, str, str, dict[str, Any], str, list[tuple[Any, ...]]]] = [
    (
        "weekly_drift",
        "no_drift",
        "drift_latest",
        {},
        "feature, metric, value, threshold, floor_value",
        [("a", "psi", 0.15, 0.1, 0.01)],
    ),
    (
        "weekly_drift",
        "no_drift",
        "drift_ever",
        {"latest": False},
        "feature, run_id",
        [("a", "r1"), ("a", "r2")],
    ),
    (
        "daily_drift",
        "no_drift",
        "drift_of_new_days",
        {},
        "ml_model, extract(day from window_start)",
        [("m", 7), ("scores_all", 18)],
    ),
    ("weekly_drift", "no_drift", "drift_of_others", {"features": ["b", "c"]}, "feature", []),
    ("weekly_drift", "no_drift", "drift_by_feature", {"thresholds": {"a": {"psi": 0.2}}}, "feature", []),
    (
        "weekly_drift",
        "no_drift",
        "drift_by_metric",
        {"thresholds": {"js": 0.1}},
        "feature, metric",
        [("a", "psi"), ("b", "js")],
    ),
    ("weekly_drift", "no_drift", "drift_strict", {"thresholds": {"psi": 0.04}}, "feature", [("a",), ("b",)]),
    (
        "weekly_drift",
        "no_drift",
        "drift_too_small",
        {"too_small_fails": True},
        "feature, problem",
        [("a", "drift"), ("c", "too_small")],
    ),
    (
        "weekly_drift",
        "no_drift",
        "drift_segments",
        {"segments": True},
        "feature, segment",
        [("a", "all"), ("a", "region=north")],
    ),
    (
        "segment_drift",
        "no_drift",
        "fault_of_segment",
        {"too_small_fails": True},
        "feature, metric, problem",
        [("e", "missing_share", "drift")],
    ),
    (
        "segment_drift",
        "no_drift",
        "no_fault_of_segment",
        {"thresholds": {"missing_share": 0.6}},
        "feature",
        [],
    ),
    (
        "segment_drift",
        "no_drift",
        "drift_segments_own",
        {"segments": True, "too_small_fails": True, "thresholds": {"missing_share": 0.2}},
        "feature, metric, problem",
        [
            ("e", "missing_share", "drift"),
            ("e", "psi", "drift"),
            ("f", "missing_share", "not_judged"),
            ("f", "unseen_share", "too_small"),
        ],
    ),
    (
        "quiet_segment",
        "no_drift",
        "chance_in_quiet_segment",
        {"segments": True, "thresholds": {"missing_share": 0.2}},
        "feature",
        [("a",)],
    ),
    (
        "segment_drift",
        "no_score_drift",
        "no_score_fault",
        {"too_small_fails": True},
        "problem",
        [("no_rows",)],
    ),
    (
        "weekly_drift",
        "no_drift",
        "drift_small",
        {"small_fails": True},
        "feature, problem",
        [("a", "drift"), ("d", "small_drift")],
    ),
    (
        "weekly_drift",
        "no_drift",
        "drift_small_own",
        {"thresholds": {"mean_shift": 0.15}},
        "feature, metric",
        [("a", "psi"), ("d", "mean_shift")],
    ),
    ("no_drift_rows", "no_drift", "drift_of_nothing", {}, "feature, problem", [(None, "no_rows")]),
    (
        "no_drift_rows",
        "no_score_drift",
        "score_drift_of_nothing",
        {},
        "feature, problem",
        [(None, "no_rows")],
    ),
    (
        "weekly_drift",
        "no_drift",
        "drift_of_unknown",
        {"features": ["b", "gone"], "thresholds": {"psi": 0.2}},
        "feature, problem",
        [("gone", "no_rows")],
    ),
    ("weekly_drift", "no_score_drift", "score_drift", {}, "feature, value", [("score", 0.4)]),
    ("weekly_drift", "no_score_drift", "label_drift", {"outputs": "prediction"}, "feature", []),
    (
        "performance",
        "performance_at_least",
        "at_least",
        {"metrics": {"roc_auc": 0.75, "log_loss": 0.5}},
        "extract(month from window_start), metric, value, threshold",
        [(2, "roc_auc", 0.7, 0.75), (2, "log_loss", 0.6, 0.5)],
    ),
    ("performance", "performance_at_least", "at_least_held", {"metrics": {"roc_auc": 0.7}}, "metric", []),
    (
        "performance",
        "performance_at_least",
        "at_least_nothing",
        {"metrics": {"mcc": 0.7}, "require_rows": True},
        "problem",
        [("no_rows",)],
    ),
    (
        "performance",
        "performance_not_below_reference",
        "not_below",
        {"registry": "source('raw', 'registry')", "metrics": {"roc_auc": 0.05, "log_loss": 0.2}},
        "extract(month from window_start), metric, threshold, problem",
        [(2, "roc_auc", 0.74, "below_reference")],
    ),
    (
        "performance",
        "performance_not_below_reference",
        "not_below_held",
        {"registry": "source('raw', 'registry')", "metrics": {"log_loss": 0.2}},
        "metric",
        [],
    ),
    (
        "performance",
        "performance_not_below_reference",
        "not_told",
        {"registry": "source('raw', 'registry')", "metrics": {"ece": 0.2}},
        "extract(month from window_start), problem",
        [(1, "no_reference"), (2, "no_reference")],
    ),
    (
        "performance",
        "labels_arrive",
        "labels_late",
        {"min_share": 0.9, "after_days": 30, "as_of": "2026-04-02"},
        "extract(month from window_start), value",
        [(2, 0.5)],
    ),
    (
        "performance",
        "labels_arrive",
        "labels_young",
        {"min_share": 0.9, "after_days": 60, "as_of": "2026-04-02"},
        "metric",
        [],
    ),
    (
        "performance",
        "calibrated",
        "calibrated_no_more",
        {},
        "extract(month from window_start), value, threshold",
        [(2, 0.09, 0.05)],
    ),
    ("performance", "calibrated", "calibrated_widely", {"max_ece": 0.1}, "metric", []),
    (
        "runs",
        "volume_in_range",
        "volume_low",
        {"min_rows": 50},
        "run_id, value, threshold, problem",
        [("run 5", 20, 50, "too_few")],
    ),
    ("runs", "volume_in_range", "volume_high", {"max_rows": 99, "day": "scored_at"}, "count(*)", [(5,)]),
    (
        "runs",
        "volume_in_range",
        "volume_changed",
        {"max_change": 0.5},
        "run_id, problem",
        [("run 5", "fewer_than_usual")],
    ),
    ("runs", "volume_in_range", "volume_held", {"min_rows": 20, "max_rows": 100}, "run_id", []),
    (
        "days",
        "volume_in_range",
        "volume_by_day",
        {"max_change": 0.5, "day": "day", "latest": True},
        "extract(day from window_start), value, problem",
        [(30, 0, "missing_day"), (2, 2, "fewer_than_usual")],
    ),
    ("days", "volume_in_range", "volume_of_a_day", {"max_age_days": 10**5, "day": "day"}, "problem", []),
    ("no_runs", "volume_in_range", "volume_none", {"min_rows": 20}, "value, problem", [(0, "no_rows")]),
]
WARNING = ("no_drift", "no_score_drift")
TABLES = {
    "weekly_drift": DRIFT,
    "daily_drift": DAILY_DRIFT,
    "segment_drift": SEGMENT_DRIFT,
    "quiet_segment": QUIET_SEGMENT,
    "days": DAYS,
    "output_drift": OUTPUT_DRIFT,
    "faulty_drift": FAULTY_DRIFT,
    "performance": PERFORMANCE,
    "runs": RUNS,
    "no_drift_rows": f"select * from ({DRIFT}) where false",
    "no_runs": f"select * from ({RUNS}) where false",
    "registry": REGISTRY,
    # two registries with a seed of refits beside them, one from before the newest window of drift
    **{name: REGISTRY for name in ("measured", "measured_before")},
    "measured__refit": REFIT.format(day="2026-01-20"),
    "measured_before__refit": REFIT.format(day="2026-01-18"),
}
REFITTED = "{{{{ scorehouse.retraining_signals(source('raw', '{}'), source('raw', 'weekly_drift')) }}}}"
# Sources, since `dbt build` skips what stands behind a failing test.
OF_M = "source('raw', 'weekly_drift'), source('raw', 'performance'), source('raw', 'runs')"
SIGNALS = {
    "signals": f"{{{{ scorehouse.retraining_signals(source('raw', 'registry'), {OF_M}, "
    "limits={'age_days': 30}, as_of='2026-03-01') }}",
    "no_signals": f"{{{{ scorehouse.retraining_signals(source('raw', 'registry'), {OF_M}, "
    "limits={'drifted_features': 2, 'decay': 0.1, 'rejected_share': 0.1}) }}",
    # values of a are missing, and those of b beyond the range of training are half of what has moved;
    # one spread has jumped, and another has grown
    "at_fault": "{{ scorehouse.retraining_signals(source('raw', 'registry'), source('raw', 'faulty_drift'), "
    "predictions=source('raw', 'runs'), recent_drift=source('raw', 'weekly_drift'), "
    "as_of='2026-04-09') }}",
    "age_only": "{{ scorehouse.retraining_signals(source('raw', 'registry'), limits={'age_days': 30}, "
    "as_of='2026-02-01') }}",
    "no_gain": REFITTED.format("measured"),
    "gain_before": REFITTED.format("measured_before"),
    # the third output has no value at registration, so it gives no reason
    "of_outputs": "{{ scorehouse.retraining_signals(source('raw', 'registry'), performance={"
    "'week_1': source('raw', 'performance'), 'it_s': source('raw', 'performance'), "
    "'none': source('raw', 'performance')}, limits={'decay': {'week_1': 0.1, 'it_s': 0.2}}) }}",
}
for _name, _table, _limits in (
    ("outputs_off", "output_drift", "{}"),
    ("outputs_alone", "output_drift", "{'drifted_outputs': 1}"),
    ("outputs_few", "output_drift", "{'drifted_outputs': 4}"),
    ("outputs_moved", "weekly_drift", "{'drifted_outputs': 1}"),
    ("outputs_instead", "weekly_drift", "{'drifted_features': 2, 'drifted_outputs': 1}"),
    ("outputs_only", "weekly_drift", "{'drifted_features': none, 'drifted_outputs': 1}"),
):
    SIGNALS[_name] = (
        f"{{{{ scorehouse.retraining_signals(source('raw', 'registry'), source('raw', '{_table}'), "
        f"limits={_limits}) }}}}"
    )
SIGNAL_COLUMNS = "retrain, reasons, n_drifted, drifted_features, decay, age_days, rejected_share, data_faults"
EXPECTED_SIGNALS: dict[str, tuple[Any, ...]] = {
    "signals": (  # rejected rows are a data fault: they come first
        False,
        "drift of a; roc_auc worse by 0.0900; days since training: 60",
        1,
        "a",
        0.09,
        60,
        0.1,
        "share of rejected rows: 0.1000",
    ),
    "at_fault": (
        False,
        "drift of aged",
        1,
        "aged",
        None,
        99,
        0.1,
        "missing_share of a, out_of_range_share of b, spread_shift of broken; share of rejected rows: 0.1000",
    ),
    "no_signals": (False, None),
    "no_gain": (False, "drift of a"),
    "gain_before": (True, "drift of a"),
    "age_only": (True, "days since training: 32"),
    "of_outputs": (
        True,
        "roc_auc of week_1 worse by 0.1100; roc_auc of it_s worse by 0.2100",
        None,
        None,
        0.21,
    ),
    "outputs_off": (False, None, 0, None),
    "outputs_alone": (True, "drift of output late, lost, score", 0, None),
    "outputs_few": (False, None, 0, None),
    "outputs_moved": (True, "drift of a", 1, "a"),
    "outputs_instead": (True, "drift of output score", 1, "a"),
    "outputs_only": (True, "drift of output score", 1, "a"),
}


def models() -> dict[str, str]:
    """SQL by model: the tables that are tested, and the signals that are read from them."""
    tables = {
        f"the_{name}": f"select * from {{{{ source('raw', '{name}') }}}}"
        for name in TABLES
        if name != "registry"
    }
    return tables | SIGNALS


def document() -> dict[str, Any]:
    """The YAML that declares every case as a test which keeps its failing rows."""
    tests: dict[str, list[Any]] = {}
    for table, test, name, arguments, _, _ in CASES:
        case = {"name": name, "arguments": arguments, "config": {"store_failures": True}}
        tests.setdefault(f"the_{table}", []).append({f"scorehouse.{test}": case})
    return {"version": 2, "models": [{"name": name, "data_tests": cases} for name, cases in tests.items()]}


def status_of(test: str, rows: list[tuple[Any, ...]]) -> str:
    """How dbt ends a test that finds these rows."""
    return ("warn" if test in WARNING else "fail") if rows else "pass"


def same_rows(found: list[tuple[Any, ...]], expected: list[tuple[Any, ...]]) -> bool:
    """The same rows in any order, numbers to twelve digits."""
    if len(found) != len(expected):
        return False
    pairs = zip(sorted(found, key=str), sorted(expected, key=str), strict=True)
    return all(len(a) == len(b) and all(map(same, a, b)) for a, b in pairs)


def same(found: Any, expected: Any) -> bool:
    if isinstance(expected, float) and found is not None:
        return math.isclose(found, expected, rel_tol=1e-12)
    return bool(found == expected)
