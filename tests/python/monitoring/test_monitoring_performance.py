"""Performance in SQL equals scikit-learn, and says nothing where nothing can be said."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from monitoring.cohorts import FRAMES, MATURITY, TASKS, N
from monitoring.warehouse import MonitoredWarehouse, values

KEYS = ("roc_auc", "average_precision", "log_loss", "brier", "precision", "recall", "f1", "accuracy", "mcc")


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MonitoredWarehouse]:
    warehouse = MonitoredWarehouse(tmp_path_factory.mktemp("performance") / "house")
    for name in ("classified", "regressed"):
        frame = FRAMES[name]
        warehouse.table(
            name,
            """
            select * exclude (y), 'm' as model_name, 1 as model_version, 'scored' as row_status,
                'r' as scoring_run_id, timestamp '2026-01-01' as scored_at
            from frame
            """,
            frame=frame,
        )
        warehouse.table(
            f"{name}_labels", "select id, case when not isnan(y) then y end as y from frame", frame=frame
        )
        warehouse.model(
            f"{name}_performance",
            f"{{{{ scorehouse.performance(source('raw', '{name}'), source('raw', '{name}_labels'), "
            f"key='id', label='y', day='day', {MATURITY}, {TASKS[name]}) }}}}",
        )
    # A key that was scored twice, and one whose last prediction was made after the label was known.
    warehouse.table(
        "twice",
        """
        select *, 'm' as model_name, 1 as model_version, 'scored' as row_status, date '2026-01-01' as day
        from (values
            (1, 0.1e0, 0, timestamp '2026-01-01'), (1, 0.9e0, 1, timestamp '2026-01-02'),
            (2, 0.2e0, 0, timestamp '2026-01-01'), (2, 0.8e0, 1, timestamp '2026-02-02')
        ) as t (id, score, prediction, scored_at)
        """,
    )
    warehouse.table(
        "twice_labels",
        "select id, y, timestamp '2026-02-01' as known_at from (values (1, 1), (2, 0)) as t (id, y)",
    )
    warehouse.model(
        "twice_performance",
        "{{ scorehouse.performance(source('raw', 'twice'), source('raw', 'twice_labels'), key='id', "
        "label='y', day='day', maturity={'label_time': 'known_at'}) }}",
    )
    # The challenger scored the same keys, later and better.
    warehouse.table(
        "contested",
        """
        select id, score, prediction, is_live, 'm' as model_name, version as model_version,
            'scored' as row_status, date '2026-01-01' as day,
            timestamp '2026-01-01' + interval (version) hour as scored_at
        from (values
            (1, 0.3e0, 0, 1, true), (1, 0.9e0, 1, 2, false), (2, 0.6e0, 1, 1, true), (2, 0.1e0, 0, 2, false)
        ) as t (id, score, prediction, version, is_live)
        """,
    )
    warehouse.model(
        "contested_performance",
        "{{ scorehouse.performance(source('raw', 'contested'), source('raw', 'twice_labels'), key='id', "
        "label='y', day='day') }}",
    )
    warehouse.table("nothing", "select * from raw.classified where false")
    warehouse.model(
        "nothing_performance",
        "{{ scorehouse.performance(source('raw', 'nothing'), source('raw', 'classified_labels'), "
        "key='id', label='y') }}",
    )
    warehouse.model(
        "cluster_performance",
        "{{ scorehouse.performance(source('raw', 'classified'), none, key=none, label=none, "
        "task='clustering', day='day', options={'score': 'score'}) }}",
    )
    warehouse.build().check()
    yield warehouse


def expected_classification(frame: pd.DataFrame) -> dict[str, float]:
    frame = frame.dropna(subset=["score", "y"])
    y, score, predicted = frame["y"], frame["score"], frame["prediction"]
    both = y.nunique() == 2
    tp_any = y.sum() > 0
    expected = {
        "log_loss": metrics.log_loss(y, score, labels=[0, 1]),
        "brier": metrics.brier_score_loss(y, score, labels=[0, 1], pos_label=1),
        "precision": metrics.precision_score(y, predicted, zero_division=0),
        "recall": metrics.recall_score(y, predicted, zero_division=0),
        "f1": metrics.f1_score(y, predicted, zero_division=0),
        "accuracy": metrics.accuracy_score(y, predicted),
        "mcc": metrics.matthews_corrcoef(y, predicted),
        "ece": sum(share * gap for share, gap in calibration(y.to_numpy(), score.to_numpy())),
        "mce": max(gap for _, gap in calibration(y.to_numpy(), score.to_numpy())),
        "mean_score": score.mean(),
        "positive_rate": y.mean(),
    }
    if both:
        false_rate, true_rate, _ = metrics.roc_curve(y, score, drop_intermediate=False)
        expected["score_ks"] = np.abs(true_rate - false_rate).max()
        expected["roc_auc"] = metrics.roc_auc_score(y, score)
    if tp_any:
        expected["average_precision"] = metrics.average_precision_score(y, score)
    return expected


def calibration(y: Any, score: Any) -> list[tuple[float, float]]:
    """Share of the rows, and distance of mean score and rate, in each tenth that holds any."""
    bins = np.searchsorted(np.linspace(0, 1, 11)[1:-1], score)
    return [((bins == b).mean(), abs(score[bins == b].mean() - y[bins == b].mean())) for b in np.unique(bins)]


@pytest.mark.parametrize("month", range(1, 7))
def test_classification_equals_sklearn(month: int, warehouse: MonitoredWarehouse) -> None:
    frame = FRAMES["classified"]
    expected = expected_classification(frame[frame["day"].dt.month == month])
    found = values(warehouse, "classified", month)
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=0, abs=1e-9)
    for name in KEYS:
        assert name in expected or found[name] is None


@pytest.mark.parametrize("region", ["north", "south"])
def test_segments_equal_sklearn(region: str, warehouse: MonitoredWarehouse) -> None:
    frame = FRAMES["classified"]
    chosen = frame[(frame["day"].dt.month == 1) & (frame["region"] == region)]
    found = values(warehouse, "classified", 1, f"region={region}")
    expected = expected_classification(chosen)
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=0, abs=1e-9)


def test_small_groups_are_pooled(warehouse: MonitoredWarehouse) -> None:
    rows = warehouse.query(
        "select distinct segment, n_current from classified_performance where month(window_start) = 2"
    )
    assert ("region=(small groups)", 20) in rows
    assert ("region=tiny", 20) not in rows


def test_lift_adds_up(warehouse: MonitoredWarehouse) -> None:
    for month in (1, 2, 3):
        lifts = [
            value for name, value in values(warehouse, "classified", month).items() if name.startswith("lift")
        ]
        assert len(lifts) == 10
        assert sum(lifts) == pytest.approx(10, abs=1e-9)
    frame = FRAMES["classified"]
    january = frame[frame["day"].dt.month == 1].sort_values("score", ascending=False)
    top = january["y"].head(N // 10).mean() / january["y"].mean()
    assert values(warehouse, "classified", 1)["lift_decile_1"] == pytest.approx(top, abs=1e-9)


@pytest.mark.parametrize(
    ("month", "status", "arrived"),
    [(7, "immature", 0.5), (8, "immature", 1.0), (9, "immature", 1.0)],
)
def test_nothing_is_claimed_of_young_cohorts(
    month: int, status: str, arrived: float, warehouse: MonitoredWarehouse
) -> None:
    rows = warehouse.query(
        "select distinct status from classified_performance where segment = 'all' "
        f"and month(window_start) = {month} and status <> 'info'"
    )
    assert rows == [(status,)]
    found = values(warehouse, "classified", month)
    assert found.pop("labels_arrived") == arrived
    assert found.pop("rejected_share") == 0
    assert found.pop("labelled_days") == {7: None, 8: 15, 9: -16}[month]  # the newest label before `as_of`
    assert set(found.values()) == {None}


def test_one_class_is_undefined_and_limits_are_judged(warehouse: MonitoredWarehouse) -> None:
    rows = dict(
        warehouse.query(
            "select metric, status from classified_performance where segment = 'all' "
            "and month(window_start) = 4"
        )
    )
    assert rows["roc_auc"] == rows["average_precision"] == "undefined"
    judged = warehouse.query(
        "select metric, status from classified_performance where segment = 'all' and month(window_start) = 1 "
        "and threshold is not null order by metric"
    )
    assert judged == [("brier", "ok"), ("roc_auc", "below")]


def test_regression_equals_sklearn(warehouse: MonitoredWarehouse) -> None:
    for month in (1, 2, 3):
        frame = FRAMES["regressed"]
        frame = frame[frame["day"].dt.month == month]
        frame = frame[np.isfinite(frame["score"]) & frame["y"].notna()]
        y, predicted = frame["y"], frame["score"]
        expected = {
            "mae": metrics.mean_absolute_error(y, predicted),
            "rmse": metrics.root_mean_squared_error(y, predicted),
            "mse": metrics.mean_squared_error(y, predicted),
            "zero_share": (y == 0).mean(),
            "interval_width": (frame["upper"] - frame["lower"]).mean(),
            "r2": metrics.r2_score(y, predicted),
            "median_absolute_error": metrics.median_absolute_error(y, predicted),
            "max_error": metrics.max_error(y, predicted),
            "wape": np.abs(y - predicted).sum() / np.abs(y).sum(),
            "bias": (predicted - y).mean(),
            "mape": metrics.mean_absolute_percentage_error(y[y != 0], predicted[y != 0]),
            "coverage": ((y >= frame["lower"]) & (y <= frame["upper"])).mean(),
        }
        found = values(warehouse, "regressed", month)
        assert {name: found[name] for name in expected} == pytest.approx(expected, rel=0, abs=1e-9)


def test_the_prediction_that_was_live_is_judged(warehouse: MonitoredWarehouse) -> None:
    found = values(warehouse, "twice", 1)
    assert (found["tp"], found["tn"], found["fp"], found["fn"]) == (1, 1, 0, 0)


def test_of_champion_and_challenger_the_live_one_is_judged(warehouse: MonitoredWarehouse) -> None:
    found = values(warehouse, "contested", 1)
    assert (found["tp"], found["tn"], found["fp"], found["fn"]) == (0, 0, 1, 1)
    assert warehouse.query("select distinct version from contested_performance") == [(1,)]


def test_no_predictions_no_rows(warehouse: MonitoredWarehouse) -> None:
    assert warehouse.query("select * from nothing_performance") == []


def test_clusters(warehouse: MonitoredWarehouse) -> None:
    frame = FRAMES["classified"]
    january = frame[frame["day"].dt.month == 1]
    found = values(warehouse, "cluster", 1)
    assert found["n_clusters"] == 2
    shares = np.array([1 - january["prediction"].mean(), january["prediction"].mean()])
    assert found["entropy"] == pytest.approx(-(shares * np.log(shares)).sum(), abs=1e-12)
    assert [found["smallest_share"], found["largest_share"]] == pytest.approx(sorted(shares), abs=1e-12)
    assert found["labels_arrived"] is None  # there are none to wait for
    assert found["mean_distance_of_1"] == pytest.approx(
        january.loc[january["prediction"] == 1, "score"].mean(), abs=1e-12
    )
    assert found["share_of_1"] == pytest.approx(january["prediction"].mean(), abs=1e-12)
    assert found["mean_distance"] == pytest.approx(january["score"].mean(), abs=1e-12)
