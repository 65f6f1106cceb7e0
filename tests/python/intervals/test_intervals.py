"""Intervals by split conformal prediction: equal to brute force, one row per prediction, and covering."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats

from monitoring.warehouse import MonitoredWarehouse

pytestmark = pytest.mark.slow

ROWS = 6_000
LEVELS = (0.55, 0.9, 0.95)
GROUPS = ["north", "south", "small"]  # `small` has three labels in the calibration
MODELS = {
    "widths": """{{ scorehouse.interval_calibration(source('raw', 'predictions'), source('raw', 'labels'),
        key='id', label='y', levels=[0.55, 0.9, 0.95], group='shop type', day='day',
        date_to='2026-02-01') }}""",
    "intervals": """{{ scorehouse.prediction_intervals(source('raw', 'predictions'), ref('widths'),
        level=0.9, group='shop type', options={'lowest': 0}) }}""",
    "whole": """{{ scorehouse.prediction_intervals(source('raw', 'predictions'), ref('widths'),
        level=0.55) }}""",
    "unknown_level": """{{ scorehouse.prediction_intervals(source('raw', 'predictions'), ref('widths'),
        level=0.8) }}""",
    "quantile_widths": """{{ scorehouse.interval_calibration(source('raw', 'predictions'),
        source('raw', 'labels'), key='id', label='y', day='day', date_to='2026-02-01',
        options={'lower': 'p05', 'upper': 'p95'}) }}""",
    "quantile_intervals": """{{ scorehouse.prediction_intervals(source('raw', 'predictions'),
        ref('quantile_widths'), options={'lower': 'p05', 'upper': 'p95'}) }}""",
    "coverage": """{{ scorehouse.performance(ref('intervals'), source('raw', 'labels'), key='id', label='y',
        task='regression', day='day', segments=['shop type'],
        options={'lower': 'prediction_low', 'upper': 'prediction_high', 'min_segment_rows': 1}) }}""",
}


def drawn() -> pd.DataFrame:
    """Three months of predictions; in March the errors are three times as large."""
    draw = np.random.default_rng(7)
    place = np.arange(ROWS)
    month = place % 3
    spread = np.where(place % 2 == 0, 1.0, 4.0) * np.where(month == 2, 3.0, 1.0)
    truth = draw.normal(20, 3, ROWS)
    frame = pd.DataFrame(
        {
            "id": place,
            "day": np.array(["2026-01-10", "2026-02-10", "2026-03-10"])[month],
            "shop type": np.array(GROUPS[:2])[place % 2],
            "prediction": truth,
            "p05": truth - 12,  # much too wide
            "p95": truth + 12,
            "y": truth + draw.normal(size=ROWS) * spread,
            "row_status": "scored",
            "model_name": "m",
            "model_version": 1,
            "scored_at": pd.Timestamp("2026-01-01"),
        }
    )
    frame.loc[[0, 3, 6], "shop type"] = "small"
    frame.loc[9, "shop type"] = None
    frame.loc[12, ["row_status", "prediction", "p05", "p95"]] = ["rejected", None, None, None]
    frame.loc[15, "y"] = None
    frame.loc[18, "y"] = math.inf
    frame.loc[21, "prediction"] = 0.01
    other = frame.tail(3).assign(id=[ROWS, ROWS + 1, ROWS + 2], model_version=2)  # one label
    return pd.concat([frame, other], ignore_index=True)


FRAME = drawn()


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> MonitoredWarehouse:
    warehouse = MonitoredWarehouse(tmp_path_factory.mktemp("intervals") / "house")
    stamped = FRAME.assign(day=pd.to_datetime(FRAME.day)).drop(columns="y")
    warehouse.table("predictions", "select * from stamped", stamped=stamped)
    warehouse.table("labels", "select id, y from labels", labels=FRAME[["id", "y"]])
    for name, sql in MODELS.items():
        warehouse.model(name, sql)
    held = {"arguments": {"level": 0.9}, "config": {"severity": "warn"}}
    kept = {"config": {"severity": "warn", "store_failures": True}}
    certain = {"name": "certain", "arguments": {"level": 0.92}, **kept}
    sample = {"name": "sample", "arguments": {"level": 0.92, "calibration": "ref('widths')"}, **kept}
    tests = [{"scorehouse.coverage_at_least": test} for test in (held, certain, sample)]
    warehouse.tests({"version": 2, "models": [{"name": "coverage", "data_tests": tests}]})
    warehouse.build().check()
    return warehouse


def half_width_of(distances: np.ndarray, level: float) -> float | None:
    """The conformal quantile by the textbook, its rank in exact arithmetic."""
    rank = math.ceil((len(distances) + 1) * Fraction(str(level)))
    return float(np.sort(distances)[rank - 1]) if rank <= len(distances) else None


def calibration_rows(version: int = 1) -> pd.DataFrame:
    january = FRAME[(FRAME.day < "2026-02-01") & (FRAME.model_version == version)]
    return january[np.isfinite(january.y) & (january.row_status == "scored")]


def test_widths_equal_brute_force(built: MonitoredWarehouse) -> None:
    rows = built.query(
        "select basis, interval_group, interval_level, n_labelled, labels_needed, half_width, status "
        "from widths where version = 1"
    )
    found = {row[:3]: row[3:] for row in rows}
    january = calibration_rows()
    parts = {("all", None): january}
    for group, part in january.groupby(january["shop type"].fillna("(null)")):
        parts["group", str(group)] = part
    assert set(found) == {(*part, level) for part in parts for level in LEVELS} and len(rows) == len(found)
    for (basis, group), part in parts.items():
        for level in LEVELS:
            expected = half_width_of(np.abs(part.y - part.prediction).to_numpy(), level)
            n, needed, value, status = found[basis, group, level]
            assert n == len(part) and value == expected
            assert status == ("too_few_labels" if expected is None else "calibrated")
            assert (
                half_width_of(np.ones(needed), level) == 1
                and half_width_of(np.ones(needed - 1), level) is None
            )
    assert (
        found["group", "small", 0.9][3] == "too_few_labels" and found["group", "small", 0.55][2] is not None
    )


def test_each_prediction_has_one_interval_or_says_why_not(built: MonitoredWarehouse) -> None:
    head = 'id, prediction, prediction_low, prediction_high, interval_level, interval_basis, "shop type"'
    rows = built.query(f"select {head}, row_status, model_version from intervals order by id")
    assert [row[0] for row in rows] == FRAME.id.tolist()
    january = calibration_rows()
    of = {
        group: half_width_of(np.abs(p.y - p.prediction).to_numpy(), 0.9)
        for group, p in january.groupby("shop type")
    }
    whole = half_width_of(np.abs(january.y - january.prediction).to_numpy(), 0.9)
    for _, prediction, low, high, level, basis, group, status, version in rows:
        assert level == 0.9
        if status == "rejected":
            assert (low, high, basis) == (None, None, None)
        elif version == 2:
            assert (low, high, basis) == (None, None, "not_calibrated")
        else:
            width = whole if group in (None, "small") else of[group]
            assert basis == ("all" if group in (None, "small") else "group")
            assert (low, high) == (max(prediction - width, 0), prediction + width)
    assert built.query("select distinct interval_basis from whole order by 1") == [
        ("all",),
        ("not_calibrated",),
        (None,),
    ]
    assert built.query("select distinct interval_basis, prediction_low from unknown_level order by 1") == [
        ("not_calibrated", None),
        (None, None),
    ]


def test_quantile_forecasts_that_are_too_wide_become_narrower_and_never_cross(
    built: MonitoredWarehouse,
) -> None:
    ((narrow,),) = built.query("select half_width from quantile_widths where version = 1")
    january = calibration_rows()
    distance = np.maximum(january.p05 - january.y, january.y - january.p95).to_numpy()
    assert narrow == half_width_of(distance, 0.9) and narrow < 0
    rows = "from quantile_intervals where prediction_low is not null"
    assert built.query(f"select count(*) {rows} and prediction_low > prediction_high") == [(0,)]
    assert built.query(
        f"select max(abs(prediction_low - (p05 - {narrow}))) {rows} and model_version = 1"
    ) == [(0.0,)]


def test_realised_coverage_is_judged_by_cohort(built: MonitoredWarehouse) -> None:
    rows = built.query(
        "select month(window_start), value from coverage where metric = 'coverage' and segment = 'all' "
        "and version = 1 order by 1"
    )
    january, february, march = (value for _, value in rows)
    assert abs(january - 0.9) < 0.01 and abs(february - 0.9) < 0.03 and march < 0.6
    failing = built.project.dbt("test", "--select", "coverage,test_name:coverage_at_least")
    assert any("Got 1 result" in message for message in failing.messages.values()), failing.messages


def test_the_chance_of_the_calibration_counts(built: MonitoredWarehouse) -> None:
    """0.90 of thousands of labels is not 0.92, unless the hundreds that the widths come from say no more."""
    read = "select month(window_start), coverage, n_labelled, p_value from main_dbt_test__audit.{} order by 1"
    certain = built.query(read.format("certain"))
    assert [month for month, *_ in certain] == [1, 3]
    for _, coverage, labels, p_value in certain:
        limit = math.exp(-labels * special.rel_entr([coverage, 1 - coverage], [0.92, 0.08]).sum())
        assert p_value == pytest.approx(limit, rel=1e-6)
        assert p_value >= stats.binom.cdf(round(coverage * labels), labels, 0.92)
    assert [month for month, *_ in built.query(read.format("sample"))] == [3]


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (
            "interval_calibration(source('raw', 'predictions'), source('raw', 'labels'), 'id', 'y', [90])",
            "levels=90",
        ),
        ("prediction_intervals(source('raw', 'predictions'), 'widths')", "calibration='widths'"),
        (
            "prediction_intervals(source('raw', 'predictions'), ref('widths'), options={'lower': 'p05'})",
            "both `lower` and `upper`",
        ),
    ],
)
def test_wrong_arguments_are_refused(call: str, said: str, built: MonitoredWarehouse, tmp_path: Path) -> None:
    project = built.project.copy(tmp_path / "house")
    project.write("models/wrong.sql", f"{{{{ scorehouse.{call} }}}}")
    problem = project.dbt("run", "--select", "wrong").problem
    assert said in problem and "Expected: " in problem, problem
