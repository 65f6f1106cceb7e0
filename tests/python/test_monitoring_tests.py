"""The generic tests of monitoring find the rows that they should find, and refuse wrong arguments."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest
import yaml
from dbt.cli.main import dbtRunner
from sklearn import metrics

from monitoring.house import House

DRIFT = """
    select 'm' as ml_model, 1 as version, 'r' || week as run_id, * from (values
        (1, 'feature', 'a', 'all', 'psi', 0.30e0, 0.1e0, 'drift', 1e-9, 0.01e0),
        (2, 'feature', 'a', 'all', 'psi', 0.15e0, 0.1e0, 'drift', 1e-9, 0.01e0),
        (2, 'feature', 'b', 'all', 'psi', 0.05e0, 0.1e0, 'ok', 1e-9, 0.01e0),
        (2, 'feature', 'b', 'all', 'js', 0.20e0, null, 'info', 1e-9, null),
        (2, 'feature', 'c', 'all', 'psi', 0.15e0, 0.1e0, 'too_small', 0.3e0, 0.20e0),
        (2, 'feature', 'a', 'region=north', 'psi', 0.5e0, 0.1e0, 'drift', 1e-9, 0.01e0),
        (2, 'output', 'score', 'all', 'psi', 0.40e0, 0.1e0, 'drift', 1e-9, 0.01e0),
        (2, 'output', 'prediction', 'all', 'psi', 0.01e0, 0.1e0, 'ok', 0.5e0, 0.01e0)
    ) as t (week, part, feature, segment, metric, value, threshold, status, p_value, floor_value),
    lateral (select timestamp '2026-01-05' + interval (7 * week) day as window_start,
        timestamp '2026-01-12' + interval (7 * week) day as window_end,
        1000 as n_reference, 1000 as n_current,
        1e0 as importance, 1 as place)
"""
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
        '{{"roc_auc": 0.79, "log_loss": 0.45}}' as metrics,
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
        "drift",
        "no_drift",
        "drift_latest",
        {},
        "feature, metric, value, threshold, floor_value",
        [("a", "psi", 0.15, 0.1, 0.01)],
    ),
    ("drift", "no_drift", "drift_ever", {"latest": False}, "feature, run_id", [("a", "r1"), ("a", "r2")]),
    ("drift", "no_drift", "drift_of_others", {"features": ["b", "c"]}, "feature", []),
    ("drift", "no_drift", "drift_by_feature", {"thresholds": {"a": {"psi": 0.2}}}, "feature", []),
    (
        "drift",
        "no_drift",
        "drift_by_metric",
        {"thresholds": {"js": 0.1}},
        "feature, metric",
        [("a", "psi"), ("b", "js")],
    ),
    ("drift", "no_drift", "drift_strict", {"thresholds": {"psi": 0.04}}, "feature", [("a",), ("b",)]),
    (
        "drift",
        "no_drift",
        "drift_too_small",
        {"too_small_fails": True},
        "feature, problem",
        [("a", "drift"), ("c", "too_small")],
    ),
    (
        "drift",
        "no_drift",
        "drift_segments",
        {"segments": True},
        "feature, segment",
        [("a", "all"), ("a", "region=north")],
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
        "drift",
        "no_drift",
        "drift_of_unknown",
        {"features": ["b", "gone"], "thresholds": {"psi": 0.2}},
        "feature, problem",
        [("gone", "no_rows")],
    ),
    ("drift", "no_score_drift", "score_drift", {}, "feature, value", [("score", 0.4)]),
    ("drift", "no_score_drift", "label_drift", {"outputs": "prediction"}, "feature", []),
    (
        "performance",
        "performance_at_least",
        "at_least",
        {"metrics": {"roc_auc": 0.75, "log_loss": 0.5}},
        "month(window_start), metric, value, threshold",
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
        "month(window_start), metric, round(threshold, 9), problem",
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
        "month(window_start), problem",
        [(1, "no_reference"), (2, "no_reference")],
    ),
    (
        "performance",
        "labels_arrive",
        "labels_late",
        {"min_share": 0.9, "after_days": 30, "as_of": "2026-04-02"},
        "month(window_start), value",
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
        "month(window_start), value, threshold",
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
    ("no_runs", "volume_in_range", "volume_none", {"min_rows": 20}, "value, problem", [(0, "no_rows")]),
]
WARNING = ("no_drift", "no_score_drift")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[House, dict[str, str]]]:
    house = House(tmp_path_factory.mktemp("tests") / "house")
    tables = {
        "drift": DRIFT,
        "performance": PERFORMANCE,
        "runs": RUNS,
        "no_drift_rows": f"select * from ({DRIFT}) where false",
        "no_runs": f"select * from ({RUNS}) where false",
        "registry": REGISTRY,
    }
    for name, sql in tables.items():
        house.table(name, sql)
        if name != "registry":
            house.model(f"the_{name}", f"select * from {{{{ source('raw', '{name}') }}}}")
    document: dict[str, Any] = {}
    for table, test, name, arguments, _, _ in CASES:
        case = {
            f"scorehouse.{test}": {"name": name, "arguments": arguments, "config": {"store_failures": True}}
        }
        document.setdefault(f"the_{table}", []).append(case)
    house.tests(
        {"version": 2, "models": [{"name": name, "data_tests": cases} for name, cases in document.items()]}
    )
    # Sources, since `dbt build` skips what stands behind a failing test.
    registry = "source('raw', 'registry')"
    tables_of_m = "source('raw', 'drift'), source('raw', 'performance'), source('raw', 'runs')"
    house.model(
        "signals",
        f"{{{{ scorehouse.retraining_signals({registry}, {tables_of_m}, "
        "limits={'age_days': 30}, as_of='2026-03-01') }}",
    )
    house.model(
        "no_signals",
        f"{{{{ scorehouse.retraining_signals({registry}, {tables_of_m}, "
        "limits={'drifted_features': 2, 'decay': 0.1, 'rejected_share': 0.1}) }}",
    )
    house.model(
        "age_only",
        f"{{{{ scorehouse.retraining_signals({registry}, limits={{'age_days': 30}}, as_of='2026-02-01') }}}}",
    )
    built = house.build()
    assert not built.problem
    yield house, built.statuses


@pytest.mark.parametrize("case", CASES, ids=[case[2] for case in CASES])
def test_finds_exactly(case: tuple[Any, ...], house: tuple[House, dict[str, str]]) -> None:
    _, test, name, _, columns, rows = case
    built, statuses = house
    assert sorted(built.query(f"select {columns} from main_dbt_test__audit.{name}")) == sorted(rows)
    assert statuses[name] == (("warn" if test in WARNING else "fail") if rows else "pass")


def test_retraining_signals(house: tuple[House, dict[str, str]]) -> None:
    built, _ = house
    assert built.query(
        "select retrain, reasons, n_drifted, drifted_features, round(decay, 9), age_days, rejected_share "
        "from signals"
    ) == [
        (
            True,
            "drift of a; roc_auc worse by 0.0900; days since training: 60; share of rejected rows: 0.1000",
            1,
            "a",
            0.09,
            60,
            0.1,
        )
    ]
    assert built.query("select retrain, reasons from no_signals") == [(False, None)]
    assert built.query("select retrain, reasons from age_only") == [(True, "days since training: 32")]


REFUSED: list[tuple[str, dict[str, Any], str, str]] = [
    ("test_no_drift", {"thresholds": {"pse": 0.1}}, "no_drift(thresholds='pse')", "one of the metrics psi"),
    ("test_no_drift", {"thresholds": {"a": {"psi": -1}}}, "no_drift(thresholds=-1)", "not below 0"),
    ("test_no_drift", {"features": []}, "no_drift(features=[])", "a list of such names"),
    ("test_no_drift", {"latest": "no"}, "no_drift(latest='no')", "true or false"),
    ("test_no_score_drift", {"outputs": {"a": 1}}, "no_score_drift(outputs={'a': 1})", "a list of such"),
    (
        "test_performance_at_least",
        {"metrics": "roc_auc"},
        "performance_at_least(metrics='roc_auc')",
        "limits by",
    ),
    (
        "test_performance_not_below_reference",
        {"registry": "ml", "metrics": {"a": 1}},
        "performance_not_below_reference(registry='ml')",
        "Expected: a relation",
    ),
    ("test_labels_arrive", {"min_share": 2, "after_days": 1}, "labels_arrive(min_share=2)", "from 0 to 1"),
    ("test_calibrated", {"max_ece": "low"}, "calibrated(max_ece='low')", "from 0 to 1"),
    ("test_volume_in_range", {}, "volume_in_range(min_rows=null)", "at least one of"),
    ("profile", {"predictions": "p", "reference": "r"}, "profile(predictions='p')", "Expected: a relation"),
    ("drift", {"profiles": "p"}, "drift(profiles='p')", "Expected: a relation"),
    (
        "performance",
        {"predictions": "p", "labels": "l", "key": "k", "label": "y", "task": "guess"},
        "performance(task='guess')",
        "one of classification, regression",
    ),
    (
        "exact_drift",
        {"current": "c", "reference": "r", "columns": ["a"]},
        "exact_drift(current='c')",
        "a relation",
    ),
    ("retraining_signals", {"registry": "r"}, "retraining_signals(registry='r')", "a relation"),
    (
        "calibration_table",
        {"predictions": "p", "labels": "l", "key": "k", "label": "y"},
        "calibration_table(predictions='p')",
        "a relation",
    ),
    ("estimated_performance", {"predictions": "p"}, "estimated_performance(predictions='p')", "a relation"),
]


@pytest.mark.parametrize(
    ("macro", "arguments", "begins", "goes_on"), REFUSED, ids=[case[2] for case in REFUSED]
)
def test_refuses(
    macro: str,
    arguments: dict[str, Any],
    begins: str,
    goes_on: str,
    house: tuple[House, dict[str, str]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    if macro.startswith("test_"):
        arguments = {"model": "any_table", **arguments}
    folder = str(house[0].project.folder)
    operation = ["run-operation", f"scorehouse.{macro}", "--args", yaml.safe_dump(arguments)]
    assert (
        not dbtRunner()
        .invoke(["--quiet", *operation, "--project-dir", folder, "--profiles-dir", folder])
        .success
    )
    message = capsys.readouterr().out
    assert f"scorehouse.{begins}" in message
    assert goes_on in message.partition(begins)[2]


def test_estimates_before_labels(tmp_path: Any) -> None:
    """Of a calibrated model, the estimates are what comes about; of one that is not, after calibration."""
    rng = np.random.default_rng(3)
    n = 20_000
    truth = rng.beta(2, 3, 2 * n)
    y = (rng.random(2 * n) < truth).astype(int)
    frame = pd.DataFrame(
        {
            "id": np.arange(2 * n),
            "day": pd.to_datetime(np.where(np.arange(2 * n) < n, "2026-01-10", "2026-02-10")),
            "score": truth**2,  # ranks as the truth does, and is far too low
            "prediction": (truth**2 >= 0.25).astype(int),
            "honest": truth,
        }
    )
    house = House(tmp_path / "house")
    head = (
        "'m' as model_name, 1 as model_version, 'scored' as row_status, timestamp '2026-03-01' as scored_at"
    )
    house.table("predictions", f"select *, {head} from frame", frame=frame)
    house.table("labels", "select id, y from frame", frame=frame.assign(y=y))
    arguments = "source('raw', 'predictions'), source('raw', 'labels'), key='id', label='y'"
    house.model(
        "calibration",
        f"{{{{ scorehouse.calibration_table({arguments}, options={{'day': 'day'}}, "
        "date_to='2026-02-01') }}",
    )
    house.model(
        "estimates",
        "{{ scorehouse.estimated_performance(source('raw', 'predictions'), ref('calibration'), day='day') }}",
    )
    house.model(
        "estimates_of_honest",
        "{{ scorehouse.estimated_performance(source('raw', 'predictions'), day='day', "
        "options={'score': 'honest'}) }}",
    )
    house.model("realised", f"{{{{ scorehouse.performance({arguments}, day='day') }}}}")
    house.build().check()
    with duckdb.connect(house.project.database) as connection:
        ((bins, labelled),) = connection.sql("select count(*), sum(n_labelled) from calibration").fetchall()
    assert (bins, labelled) == (20, n)

    def february(table: str) -> dict[str, float]:
        rows = house.query(f"select metric, value from {table} where month(window_start) = 2")
        return {metric.removeprefix("estimated_"): value for metric, value in rows}

    realised = february("realised")
    for table in ("estimates", "estimates_of_honest"):
        estimated = february(table)
        for name in ("roc_auc", "precision", "recall", "f1", "accuracy", "positive_rate"):
            assert estimated[name] == pytest.approx(realised[name], abs=0.02), name

    # The estimator itself, for a calibrated score: the expectation over labels drawn from it.
    held = truth[n:]
    weights = np.concatenate([held, 1 - held])
    labels = np.concatenate([np.ones(n), np.zeros(n)])
    scores = np.concatenate([held, held])
    expected = metrics.roc_auc_score(labels, scores, sample_weight=weights)
    assert february("estimates_of_honest")["roc_auc"] == pytest.approx(expected, abs=1e-9)
