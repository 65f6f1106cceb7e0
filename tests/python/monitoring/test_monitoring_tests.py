"""The generic tests of monitoring find the rows that they should find, and refuse wrong arguments."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from monitoring.findings import (
    CASES,
    EXPECTED_SIGNALS,
    SIGNAL_COLUMNS,
    TABLES,
    document,
    models,
    same_rows,
    status_of,
)
from monitoring.warehouse import MonitoredWarehouse


@pytest.fixture(scope="module")
def warehouse(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[MonitoredWarehouse, dict[str, str]]]:
    warehouse = MonitoredWarehouse(tmp_path_factory.mktemp("tests") / "house")
    for name, sql in TABLES.items():
        warehouse.table(name, sql)
    for name, sql in models().items():
        warehouse.model(name, sql)
    warehouse.tests(document())
    built = warehouse.build()
    assert not built.problem
    yield warehouse, built.statuses


@pytest.mark.parametrize("case", CASES, ids=[case[2] for case in CASES])
def test_finds_exactly(case: tuple[Any, ...], warehouse: tuple[MonitoredWarehouse, dict[str, str]]) -> None:
    _, test, name, _, columns, rows = case
    built, statuses = warehouse
    assert same_rows(built.query(f"select {columns} from main_dbt_test__audit.{name}"), rows)
    assert statuses[name] == status_of(test, rows)


def test_no_difference_of_rows_would_be_missed() -> None:
    assert not same_rows([(1, 0.5)], [(1, 0.5 + 1e-9)]) and not same_rows([], [(1,)])
    assert not same_rows([(1, None)], [(1, 0.5)]) and same_rows([(2,), (1,)], [(1,), (2,)])


@pytest.mark.parametrize("name", EXPECTED_SIGNALS)
def test_retraining_signals(name: str, warehouse: tuple[MonitoredWarehouse, dict[str, str]]) -> None:
    (found,) = warehouse[0].query(f"select {SIGNAL_COLUMNS} from {name}")
    expected = EXPECTED_SIGNALS[name]
    assert same_rows([found[: len(expected)]], [expected])


def test_signals_list_drifted_outputs(warehouse: tuple[MonitoredWarehouse, dict[str, str]]) -> None:
    for name, expected in {"outputs_alone": (3, "late, lost, score"), "outputs_moved": (1, "score")}.items():
        assert warehouse[0].query(f"select n_drifted_outputs, drifted_outputs from {name}") == [expected]
    columns = warehouse[0].query("select column_name from (describe outputs_off)")
    assert not {("n_drifted_outputs",), ("drifted_outputs",)} & {*columns}


REFUSED: list[tuple[str, dict[str, Any], str, str]] = [
    ("test_no_drift", {"thresholds": {"pse": 0.1}}, "no_drift(thresholds='pse')", "one of the metrics psi"),
    ("test_no_drift", {"thresholds": {"a": {"psi": -1}}}, "no_drift(thresholds=-1)", "not below 0"),
    ("test_no_drift", {"features": []}, "no_drift(features=[])", "a list of such names"),
    ("test_no_drift", {"latest": "no"}, "no_drift(latest='no')", "true or false"),
    ("test_no_score_drift", {"outputs": {"a": 1}}, "no_score_drift(outputs={...})", "a list of such"),
    (
        "test_performance_at_least",
        {"metrics": "roc_auc"},
        "performance_at_least(metrics='roc_auc')",
        "limits by",
    ),
    (
        "test_performance_at_least",
        {"metrics": {"lift_decile_1": 2}},
        "performance_at_least(metrics='lift_decile_1')",
        "a metric with an interval",
    ),
    (
        "retraining_signals",
        {"registry": {"identifier": "r"}, "performance": {"identifier": "p"}, "limits": {"metric": "mce"}},
        "retraining_signals(limits='mce')",
        "a metric with an interval",
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
        "_performance_spec",
        {
            "call": "performance",
            "task": "classification",
            "options": {"thresholds": {"mce": 0.1}},
            "has_labels": False,
        },
        "performance(options='mce')",
        "metrics with an interval",
    ),
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
        "retraining_signals",
        {"registry": {"identifier": "r"}, "limits": {"drifted_outputs": 0}},
        "retraining_signals(limits=0)",
        "not below 1",
    ),
    (
        "_judged_outputs",
        {"call": "retraining_signals", "performance": {}, "limits": {"output": None, "decay": 0.1}},
        "retraining_signals(performance={})",
        "for several outputs the table of each",
    ),
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
    warehouse: tuple[MonitoredWarehouse, dict[str, str]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    if macro.startswith("test_"):
        arguments = {"model": "any_table", **arguments}
    assert not warehouse[0].project.operation(f"scorehouse.{macro}", **arguments)
    message = capsys.readouterr().out
    assert f"scorehouse.{begins}" in message
    assert goes_on in message.partition(begins)[2]
