"""One error rate for life: evidence is the formula, changes are seen, the unchanged hardly ever alerted.

The reference is written here from the definition (mixtures of likelihood ratios, Robbins 1970; restarts as in
Shin, Ramdas and Rinaldo 2022), since `confseq` has no wheels and needs Boost to build.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from monitoring.warehouse import MonitoredWarehouse

MODELS, WINDOWS, ROWS, LIMIT = 200, 60, 100, 0.1
CHANGED = 40  # the window from which the models called `worse` are wrong twice as often
KEPT = {"store_failures": True, "severity": "warn"}
STEPS = 0.02 * 1.65 ** np.arange(12)


def performance() -> pd.DataFrame:
    """Models at their limit, below it, and models that become worse after a long good time."""
    draw = np.random.default_rng(3)
    frames = []
    for kind, count, before, after in (("same", MODELS, 0.1, 0.1), ("worse", 20, 0.05, 0.2)):
        for number in range(count):
            rate = np.where(np.arange(WINDOWS) < CHANGED, before, after)
            errors = draw.binomial(ROWS, rate)
            start = pd.date_range("2026-01-01", periods=WINDOWS)
            frame = pd.DataFrame({"ml_model": f"{kind}{number}", "window_start": start})
            frames.append(frame.assign(metric="accuracy", value=1 - errors / ROWS, n_current=ROWS))
    frame = pd.concat(frames, ignore_index=True)
    two = frame[frame.ml_model == "same0"].assign(ml_model="two")
    other = two.assign(metric="brier", value=np.round(draw.random(len(two)) * 0.3, 3))
    late = two.assign(value=np.nan, window_start=two.window_start + pd.Timedelta(days=100))
    frame = pd.concat([frame, two, other, late], ignore_index=True)
    return frame.assign(version=1, segment="all", feature=None, status="info",
                        window_end=frame.window_start + pd.Timedelta(days=1))  # fmt: skip


FRAME = performance()


def profiles() -> pd.DataFrame:
    """A mean score that falls, and an amount from 0 to 200 that stays."""
    draw = np.random.default_rng(5)
    start = pd.date_range("2026-01-01", periods=30)
    score = np.where(np.arange(30) < 15, 0.4, 0.3) + draw.normal(0, 0.01, 30)
    frames = [pd.DataFrame({"window_start": start, "feature": "score", "mean": score})]
    frames.append(pd.DataFrame({"window_start": start, "feature": "amount", "mean": 60.0}))
    frame = pd.concat(frames, ignore_index=True)
    counts = {"row_count": 500, "n_null": 20, "n_nan": 0, "n_infinite": 0}
    return frame.assign(ml_model="m", version=1, segment="all", kind="all", window_end=frame.window_start,
                        **counts)  # fmt: skip


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> MonitoredWarehouse:
    made = MonitoredWarehouse(tmp_path_factory.mktemp("sequential") / "house")
    zone = "null::varchar as time_zone"
    typed = f"select * replace (feature::varchar as feature), {zone} from frame"
    made.table("performance", typed, frame=FRAME)
    made.table("profiles", f"select *, {zone} from frame", frame=profiles())
    made.table(
        "runs",
        "select 'm' as model_name, 1 as model_version, 'p' as prediction_table, 'success' as status, "
        "timestamp '2026-01-01' + interval (i) day as started_at, 200 as rows_in, "
        "case when i < 10 then 2 else 200 end as rows_rejected from range(12) as t (i)",
    )
    macro = "{{{{ scorehouse.sequential_monitor(source('raw', '{}'), {}) }}}}"
    made.model("shares", macro.format("performance", "{'accuracy': 0.9, 'brier': 0.2}"))
    made.model("thinned", macro.format("performance", "{'accuracy': 0.9}, options={'design_effect': 4}"))
    means = "{'score': [0.35, 0.45], 'amount': [50, 70]}, kind='profiles', "
    made.model("means", macro.format("profiles", means + "options={'bounds': {'amount': [0, 200]}}"))
    made.model("rejected", macro.format("runs", "{'rejected_share': 0.05}, kind='runs'"))
    tests = {"means": {"name": "alerted", "config": KEPT}, "thinned": {"name": "no_alert"}}
    tests["thinned"]["arguments"] = {"metrics": ["brier"]}
    listed = [{"scorehouse.no_sequential_alert": test} for test in tests.values()]
    models = [{"name": name, "data_tests": [test]} for name, test in zip(tests, listed, strict=True)]
    made.tests({"version": 2, "models": models})
    made.build().check()
    return made


def e_values(values: np.ndarray[Any, Any], n: float, limit: float) -> list[float]:
    """The evidence after each window that the mean of values from 0 to 1 is above the limit."""
    odds = limit / (1 - limit) * np.exp(STEPS)
    q = odds / (1 + odds)
    gains = n * (values[:, None] * np.log(q / limit) + (1 - values[:, None]) * np.log((1 - q) / (1 - limit)))
    found = []
    for t in range(1, len(values) + 1):
        whole = 1 / (t + 1)
        for s in range(1, t + 1):
            whole += np.exp(gains[s - 1 : t].sum(axis=0)).mean() / (s * (s + 1))
        found.append(whole)
    return found


@pytest.mark.parametrize(("table", "n"), [("shares", ROWS), ("thinned", ROWS / 4)])
def test_evidence_is_the_formula(table: str, n: float, warehouse: MonitoredWarehouse) -> None:
    for model in ("same7", "worse3"):
        own = 1 - FRAME[FRAME.ml_model == model].value.to_numpy()
        rows = warehouse.query(
            f"select e_value, p_value, status, alert_since from {table} where ml_model = '{model}' "
            "order by window_start"
        )
        expected = e_values(own, n, LIMIT)
        assert [row[0] for row in rows] == pytest.approx(expected, rel=1e-9)
        highest = np.maximum.accumulate(expected)
        assert [row[1] for row in rows] == pytest.approx(np.minimum(1, 1 / highest), rel=1e-9)
        assert [row[2] == "alert" for row in rows] == [value >= 20 for value in highest]


def test_models_at_their_limit_hardly_ever_alert(warehouse: MonitoredWarehouse) -> None:
    """At the limit itself, where false alerts are most frequent, with a look after each of sixty windows."""
    ((alerted, models),) = warehouse.query(
        "select count(distinct ml_model) filter (where status = 'alert'), count(distinct ml_model) "
        "from shares where ml_model like 'same%'"
    )
    assert models == MODELS and alerted <= 0.05 * MODELS


def test_a_change_after_a_good_time_is_seen_soon(warehouse: MonitoredWarehouse) -> None:
    rows = warehouse.query(
        "select ml_model, min(alert_since) from shares where ml_model like 'worse%' group by 1"
    )
    first = pd.Timestamp("2026-01-01") + pd.Timedelta(days=CHANGED)
    assert len(rows) == 20
    assert all(first <= since <= first + pd.Timedelta(days=8) for _, since in rows), rows


def test_series_of_a_version_share_the_error_rate(warehouse: MonitoredWarehouse) -> None:
    rows = warehouse.query(
        "select metric, side, count(*), max(e_value), min(p_value) from shares "
        "where ml_model = 'two' group by 1, 2 order by 1"
    )
    assert [(metric, side, count) for metric, side, count, *_ in rows] == [
        ("accuracy", "below", WINDOWS),
        ("brier", "above", WINDOWS),
    ]
    for *_, evidence, p in rows:
        assert p == pytest.approx(min(1, 2 / evidence), rel=1e-9)


def test_means_are_watched_on_both_sides(warehouse: MonitoredWarehouse) -> None:
    rows = warehouse.query(
        "select feature, side, threshold, status, alert_since from means "
        "where window_start = (select max(window_start) from means) order by 1, 2"
    )
    assert [(row[0], row[1], row[2], row[3]) for row in rows] == [
        ("amount", "above", 70, "ok"),
        ("amount", "below", 50, "ok"),
        ("score", "above", 0.45, "ok"),
        ("score", "below", 0.35, "alert"),
    ]
    assert pd.Timestamp("2026-01-16") <= rows[3][4] <= pd.Timestamp("2026-01-20")
    values = profiles().query("feature == 'score'")["mean"].to_numpy()
    found = warehouse.query(
        "select e_value from means where feature = 'score' and side = 'below' order by window_start"
    )
    assert [row[0] for row in found] == pytest.approx(e_values(1 - values, 480, 0.65), rel=1e-9)
    (alerted,) = warehouse.query("select feature, side, p_value from main_dbt_test__audit.alerted")
    assert alerted[:2] == ("score", "below") and alerted[2] < 0.05


def test_rejected_rows_of_runs(warehouse: MonitoredWarehouse) -> None:
    rows = warehouse.query("select status, feature, e_value from rejected order by window_start")
    assert [row[0] for row in rows] == ["ok"] * 10 + ["alert"] * 2
    assert rows[0][1] == "p" and all(math.isfinite(row[2]) for row in rows)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("{}", "sequential_monitor(limits="),
        ("{'roc_auc': 0.7}", "sequential_monitor(limits='roc_auc')"),
        ("{'accuracy': 1.5}", "sequential_monitor(limits=1.5)"),
        ("{'score': 0.5}, kind='profiles'", "two numbers"),
        ("{'accuracy': 0.5}, kind='labels'", "sequential_monitor(kind='labels')"),
        ("{'accuracy': 0.5}, alpha=2", "sequential_monitor(alpha=2)"),
        ("{'accuracy': 0.5}, options={'design_effect': 0.5}", "design_effect"),
    ],
)
def test_refuses(given: str, said: str, warehouse: MonitoredWarehouse) -> None:
    call = f"{{{{ scorehouse.sequential_monitor(ref('shares'), {given}) }}}}"
    warehouse.project.write("models/wrong.sql", call)
    try:
        assert said in warehouse.project.dbt("compile", "--select", "wrong").problem
    finally:
        (warehouse.project.folder / "models" / "wrong.sql").unlink()
