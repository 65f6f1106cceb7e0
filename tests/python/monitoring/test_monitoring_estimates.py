"""Estimates before the labels come are what comes about, as far as scores can tell."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from monitoring.warehouse import MonitoredWarehouse

N, WINDOWS = 20_000, 40
HEAD = "'m' as model_name, 1 as model_version, 'scored' as row_status, timestamp '2026-03-01' as scored_at"


def regressed() -> pd.DataFrame:
    """Errors that grow with the prediction; after January, forty days with other predictions."""
    rng = np.random.default_rng(5)
    later = np.arange(N + WINDOWS * 500) >= N
    prediction = np.where(later, rng.gamma(2.4, 5, len(later)), rng.gamma(2, 5, len(later)))
    window = np.maximum(0, (np.arange(len(later)) - N) // 500)
    day = pd.Timestamp("2026-01-10") + pd.to_timedelta(np.where(later, 31 + window, 0), unit="D")
    y = prediction + rng.normal(0, 1 + 0.3 * prediction)
    return pd.DataFrame({"id": np.arange(len(y)), "day": day, "prediction": prediction, "y": y})


def three_classes() -> pd.DataFrame:
    rng = np.random.default_rng(8)
    scores = rng.dirichlet([1, 2, 3], 2 * N)
    y = np.array(["a", "b", "c"])[(scores.cumsum(axis=1) < rng.random((2 * N, 1))).sum(axis=1)]
    frame = pd.DataFrame(scores, columns=["score_a", "score_b", "score_c"])
    frame["prediction"] = np.array(["a", "b", "c"])[scores.argmax(axis=1)]
    day = pd.to_datetime(np.where(np.arange(2 * N) < N, "2026-01-10", "2026-02-10"))
    return frame.assign(id=np.arange(2 * N), day=day, y=y)


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> MonitoredWarehouse:
    """A regression and a classification of three classes, estimated and realised."""
    warehouse = MonitoredWarehouse(tmp_path_factory.mktemp("estimates") / "house")
    classes = "'classes': ['a', 'b', 'c']"
    cases = {
        "amounts": (regressed(), "task='regression'", "'day': 'day'", "", "period='day', "),
        "kinds": (three_classes(), "task='classification'", f"'day': 'day', {classes}", classes, ""),
    }
    for name, (frame, task, calibrating, options, period) in cases.items():
        warehouse.table(name, f"select * exclude (y), {HEAD} from frame", frame=frame)
        warehouse.table(f"{name}_labels", "select id, y from frame", frame=frame)
        both = f"source('raw', '{name}'), source('raw', '{name}_labels'), key='id', label='y', {task}"
        bins = 20 if name == "amounts" else 200  # within a bin, the outer ones are taken as constant
        until = f"options={{{calibrating}}}, bins={bins}, date_to='2026-02-01'"
        warehouse.model(f"{name}_calibration", f"{{{{ scorehouse.calibration_table({both}, {until}) }}}}")
        asked = f"day='day', {period}options={{{options}}}"
        warehouse.model(
            f"{name}_estimates",
            f"{{{{ scorehouse.estimated_performance(source('raw', '{name}'), ref('{name}_calibration'), "
            f"{task}, {asked}) }}}}",
        )
        warehouse.model(f"{name}_realised", f"{{{{ scorehouse.performance({both}, {asked}) }}}}")
    warehouse.build().check()
    return warehouse


@pytest.mark.slow
def test_errors_of_a_regression_are_those_of_its_predictions(others: MonitoredWarehouse) -> None:
    """Larger predictions come, so errors are larger; 95 % of the intervals hold what is realised."""
    frame = regressed()
    known, later = frame[frame.day < "2026-02-01"], frame[frame.day == frame.day.max()]
    edges = dict(others.query("select bin, lowest_score from amounts_calibration"))
    lower = np.array([edges[number] for number in range(2, 21)])
    error = (known.prediction - known.y).to_numpy()
    bins = np.searchsorted(lower, known.prediction, side="right")
    mae = np.array([np.abs(error[bins == b]).mean() for b in range(20)])
    spread = np.array([np.abs(error[bins == b]).std(ddof=1) for b in range(20)])
    n = np.bincount(np.searchsorted(lower, later.prediction, side="right"), minlength=20)
    value = (n * mae).sum() / n.sum()
    error_of_it = np.sqrt((n * (1 + n / np.bincount(bins)) * spread**2).sum()) / n.sum()
    found = others.query(
        "select value, value_low, value_high from amounts_estimates "
        "where metric = 'estimated_mae' order by window_start desc limit 1"
    )
    expected = (value, value - 1.959963984540054 * error_of_it, value + 1.959963984540054 * error_of_it)
    assert found[0] == pytest.approx(expected, rel=1e-9)
    held = dict(
        others.query(
            """
            select realised.metric, avg((realised.value between value_low and value_high)::int)
            from (select window_start, 'estimated_' || metric as metric, value from amounts_realised) realised
            join (select window_start, metric, value_low, value_high from amounts_estimates) using (window_start, metric)
            where month(window_start) > 1 group by 1
            """  # noqa: E501
        )
    )
    assert set(held) == {"estimated_mae", "estimated_mse", "estimated_rmse", "estimated_bias"}
    assert min(held.values()) >= 0.85, held


def test_several_classes_are_estimated_one_by_one(others: MonitoredWarehouse) -> None:
    rows = others.query(
        """
        select estimated.metric, estimated.value, value_low, value_high, realised.value
        from (select 'estimated_' || metric as metric, window_start, value from kinds_realised) realised
        join (select window_start, metric, value, value_low, value_high from kinds_estimates) estimated
            using (window_start, metric)
        where month(window_start) = 2
        """
    )
    assert {"estimated_accuracy", "estimated_macro_f1", "estimated_roc_auc_ovr"} < {row[0] for row in rows}
    assert len(rows) == 17
    assert all(row[4] == pytest.approx(row[1], abs=0.03) for row in rows), rows
    missed = [name for name, _, low, high, realised in rows if not low <= realised <= high]
    assert len(missed) <= 2, missed


@pytest.mark.slow
def test_estimates_before_labels(tmp_path: Path) -> None:
    """Of a calibrated model, the estimates are what comes about; of one that is not, after calibration."""
    rng = np.random.default_rng(3)
    n = N
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
    warehouse = MonitoredWarehouse(tmp_path / "house")
    warehouse.table("predictions", f"select *, {HEAD} from frame", frame=frame)
    warehouse.table("labels", "select id, y from frame", frame=frame.assign(y=y))
    arguments = "source('raw', 'predictions'), source('raw', 'labels'), key='id', label='y'"
    warehouse.model(
        "calibration",
        f"{{{{ scorehouse.calibration_table({arguments}, options={{'day': 'day'}}, "
        "date_to='2026-02-01') }}",
    )
    warehouse.model(
        "estimates",
        "{{ scorehouse.estimated_performance(source('raw', 'predictions'), ref('calibration'), day='day') }}",
    )
    warehouse.model(
        "estimates_of_honest",
        "{{ scorehouse.estimated_performance(source('raw', 'predictions'), day='day', "
        "options={'score': 'honest'}) }}",
    )
    warehouse.model("realised", f"{{{{ scorehouse.performance({arguments}, day='day') }}}}")
    warehouse.build().check()
    with duckdb.connect(warehouse.project.database) as connection:
        ((bins, labelled),) = connection.sql("select count(*), sum(n_labelled) from calibration").fetchall()
    assert (bins, labelled) == (20, n)

    def february(table: str) -> dict[str, float]:
        rows = warehouse.query(f"select metric, value from {table} where month(window_start) = 2")
        return {metric.removeprefix("estimated_"): value for metric, value in rows}

    realised = february("realised")
    for table in ("estimates", "estimates_of_honest"):
        estimated = february(table)
        for name in ("roc_auc", "precision", "recall", "f1", "accuracy", "positive_rate"):
            assert estimated[name] == pytest.approx(realised[name], abs=0.02), name

    # The intervals: what a share of independent rows and a slope per row give.
    (interval,) = warehouse.query(
        "select value, value_low, value_high from estimates_of_honest "
        "where month(window_start) = 2 and metric = 'estimated_accuracy'"
    )
    p = np.where(frame.prediction[n:] == 1, truth[n:], 1 - truth[n:])
    half = 1.959963984540054 * np.sqrt((p * (1 - p)).sum()) / n
    assert interval == pytest.approx((p.mean(), p.mean() - half, p.mean() + half), rel=1e-9)

    # The estimator itself, for a calibrated score: the expectation over labels drawn from it.
    held = truth[n:]
    weights = np.concatenate([held, 1 - held])
    labels = np.concatenate([np.ones(n), np.zeros(n)])
    scores = np.concatenate([held, held])
    expected = metrics.roc_auc_score(labels, scores, sample_weight=weights)
    assert february("estimates_of_honest")["roc_auc"] == pytest.approx(expected, abs=1e-9)
