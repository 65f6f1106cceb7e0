"""Features that no longer go together are seen, while each by itself is as before."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy import stats

from monitoring.warehouse import MonitoredWarehouse
from scorehouse.registration.reference import with_pairs
from scorehouse.registration.reference_windows import Windows

HEAD = "'m' as model_name, 1 as model_version, timestamp '2026-01-01' as scored_at, 'r' as scoring_run_id"
TRAINING, ROWS, MONTHS = 8000, 1000, 36
BROKEN = 30  # from this month on, x and y have nothing to do with each other


def drawn(rows: int, seed: int, correlation: float = 0.8) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x, other = rng.normal(size=(2, rows))
    y = correlation * x + math.sqrt(1 - correlation**2) * other
    frame = pd.DataFrame({"x": x, "y": np.exp(y), "z": rng.exponential(size=rows) + 0.5 * np.abs(x)})
    frame.loc[rng.random(rows) < 0.03, "y"] = np.nan
    return frame


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> MonitoredWarehouse:
    made = MonitoredWarehouse(tmp_path_factory.mktemp("joint") / "house")
    made.table("training", "from frame", frame=drawn(TRAINING, 1))
    made.reference("ml_m__reference", {(1, "feature"): "from raw.training"}, paired=["x", "y", "z"])
    made.reference("ml_bare__reference", {(1, "feature"): "from raw.training"})
    frames = []
    for month in range(MONTHS):
        frame = drawn(ROWS, month + 10, 0.0 if month >= BROKEN else 0.8)
        frame.loc[5, "z"] = 1e9  # one absurd value says nothing about pairs
        frames.append(frame.assign(day=pd.Timestamp("2023-01-05") + pd.DateOffset(months=month)))
    scored = pd.concat(frames, ignore_index=True)
    scored["id"] = np.arange(len(scored))
    made.table("scored", f"select id, day, {HEAD} from frame", frame=scored)
    made.table("features", "select id, x, y, z from frame", frame=scored)
    joint = "source('raw', 'scored'), source('raw', 'ml_m__reference'), features=source('raw', 'features')"
    made.model("joint", f"{{{{ scorehouse.joint_drift({joint}, key='id', day='day') }}}}")
    made.table(
        "ml_half__reference",
        "from raw.ml_m__reference union all select * replace (2 as version) from raw.ml_m__reference "
        "where not starts_with(kind, 'pair')",
    )
    made.table(
        "few",
        "select * replace (1 + (month(day) = 2)::int as model_version) from raw.scored "
        "where year(day) = 2023 and (month(day) = 2 or month(day) = 1 and id % 50 = 0)",
    )
    few = "source('raw', 'few'), source('raw', 'ml_half__reference'), features=source('raw', 'features')"
    made.model("joint_of_few", f"{{{{ scorehouse.joint_drift({few}, key='id', day='day') }}}}")
    made.tests({"version": 2, "models": [{"name": "joint", "data_tests": ["scorehouse.no_drift"]}]})
    made.build().check()
    return made


@pytest.mark.slow
def test_broken_correlations_are_found_and_others_are_not(warehouse: MonitoredWarehouse) -> None:
    rows = warehouse.query(
        "select feature, window_start >= timestamp '2025-07-01' as broken, status, count(*) from joint "
        "group by all order by all"
    )
    assert rows == [
        ("x and y", False, "ok", BROKEN),
        ("x and y", True, "drift", MONTHS - BROKEN),
        ("x and z", False, "ok", BROKEN),
        ("x and z", True, "ok", MONTHS - BROKEN),
        ("y and z", False, "ok", BROKEN),
        ("y and z", True, "ok", MONTHS - BROKEN),
    ]
    statuses = warehouse.project.dbt("test", "--select", "joint").statuses
    assert [status for name, status in statuses.items() if "no_drift" in name] == ["warn"]


def test_what_cannot_be_judged_says_why(warehouse: MonitoredWarehouse) -> None:
    rows = warehouse.query(
        "select version, status, reason, count(*) from joint_of_few group by all order by all"
    )
    assert rows == [
        (1, "too_small", "fewer than 50 rows have both values", 3),
        (
            2,
            "not_judged",
            "the reference of this version has no pairs: learn it again by `scorehouse reference`",
            3,
        ),
    ]


def test_correlation_and_p_are_those_of_numpy(warehouse: MonitoredWarehouse) -> None:
    training = drawn(TRAINING, 1)
    edges = {name: np.unique(np.nanquantile(training[name], np.arange(1, 10) / 10)) for name in "xy"}

    def codes(frame: pd.DataFrame) -> np.ndarray:
        kept = frame.dropna(subset=["x", "y"])
        return np.array([np.searchsorted(edges[name], kept[name]) for name in "xy"])

    a, b = codes(training)
    u, v = (a - a.mean()) / a.std(), (b - b.mean()) / b.std()
    before = np.corrcoef(a, b)[0, 1]
    factor = (((u * v - before * (u**2 + v**2) / 2) / (1 - before**2)) ** 2).mean()
    for month in (3, BROKEN):
        frame = drawn(ROWS, month + 10, 0.0 if month >= BROKEN else 0.8)
        now = np.corrcoef(codes(frame))[0, 1]
        n = codes(frame).shape[1]
        day = pd.Timestamp("2023-01-01") + pd.DateOffset(months=month)
        (found,) = warehouse.query(
            "select correlation, value, p_value, n_current, n_reference from joint "
            f"where feature = 'x and y' and window_start = timestamp '{day}'"
        )
        z = abs(math.atanh(now) - math.atanh(before)) / math.sqrt(factor * (1 / n + 1 / len(a)))
        assert found[:2] == pytest.approx((now, abs(now - before)), abs=1e-6)  # the reference has six digits
        assert found[2] == pytest.approx(2 * stats.norm.sf(z), rel=1e-3)
        assert found[3:] == (n, len(a))


def test_windows_of_training_that_differ_count() -> None:
    """In each window, x and y share a shift of their own: rows are far from independent."""
    rng = np.random.default_rng(3)
    windows = np.repeat(np.arange(50), 200)
    shift = rng.normal(size=50)[windows]
    frame = pd.DataFrame({"x": rng.normal(size=10_000) + shift, "y": rng.normal(size=10_000) + shift})
    batch = pa.RecordBatch.from_pandas(frame, preserve_index=False)
    bins = [
        {"version": "1", "part": "feature", "name": name, "kind": "numeric", "upper": upper}
        for name in "xy"
        for upper in ("-1.0", "0.0", "1.0", "")
    ]
    given = [Windows("week", windows), Windows("cluster", np.arange(10_000))]
    found = with_pairs(bins, batch, {"x": 0.5, "y": 0.5, "gone": 0.1}, given)[len(bins) :]
    assert [(row["kind"], row["category"], row["bin"]) for row in found] == [
        ("pair", "y", "4"),
        ("pair_window", "week y", "5"),
        ("pair_window", "cluster y", "6"),
    ]
    assert float(found[1]["lower"]) > 20 and float(found[2]["lower"]) == 1
    assert int(found[1]["row_count"]) == 200


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("source('raw', 'ml_bare__reference')", "a reference with correlations of pairs"),
        ("source('raw', 'ml_m__reference'), period='hour'", "joint_drift(period='hour')"),
        ("source('raw', 'ml_m__reference'), thresholds={'psi': 1}", "joint_drift(thresholds='psi')"),
    ],
)
def test_refuses(given: str, said: str, warehouse: MonitoredWarehouse) -> None:
    call = f"{{{{ scorehouse.joint_drift(source('raw', 'scored'), {given}) }}}}"
    warehouse.project.write("models/wrong.sql", call)
    try:
        assert said in warehouse.project.dbt("compile", "--select", "wrong").problem
    finally:
        (warehouse.project.folder / "models" / "wrong.sql").unlink()
