"""Performance in SQL equals scikit-learn, and says nothing where nothing can be said."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from monitoring.cohorts import CLASSES, FRAMES, MATURITY, SEVERAL, TASKS, N
from monitoring.house import House

KEYS = ("roc_auc", "average_precision", "log_loss", "brier", "precision", "recall", "f1", "accuracy", "mcc")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    house = House(tmp_path_factory.mktemp("performance") / "house")
    for name, frame in FRAMES.items():
        house.table(
            name,
            """
            select * exclude (y), 'm' as model_name, 1 as model_version, 'scored' as row_status,
                'r' as scoring_run_id, timestamp '2026-01-01' as scored_at
            from frame
            """,
            frame=frame,
        )
        house.table(
            f"{name}_labels", "select id, case when not isnan(y) then y end as y from frame", frame=frame
        )
        house.model(
            f"{name}_performance",
            f"{{{{ scorehouse.performance(source('raw', '{name}'), source('raw', '{name}_labels'), "
            f"key='id', label='y', day='day', {MATURITY}, {TASKS[name]}) }}}}",
        )
    # A key that was scored twice, and one whose last prediction was made after the label was known.
    columns = (
        "'m' as model_name, 1 as model_version, 'scored' as row_status, timestamp '2026-01-01' as scored_at"
    )
    house.table("several", f"select * exclude (y), {columns} from frame", frame=SEVERAL)
    house.table("several_labels", "select id, y from frame", frame=SEVERAL)
    house.model(
        "several_performance",
        "{{ scorehouse.performance(source('raw', 'several'), source('raw', 'several_labels'), key='id', "
        f"label='y', day='day', options={{'classes': {CLASSES}}}) }}}}",
    )
    house.table(
        "twice",
        """
        select *, 'm' as model_name, 1 as model_version, 'scored' as row_status, date '2026-01-01' as day
        from (values
            (1, 0.1e0, 0, timestamp '2026-01-01'), (1, 0.9e0, 1, timestamp '2026-01-02'),
            (2, 0.2e0, 0, timestamp '2026-01-01'), (2, 0.8e0, 1, timestamp '2026-02-02')
        ) as t (id, score, prediction, scored_at)
        """,
    )
    house.table(
        "twice_labels",
        "select id, y, timestamp '2026-02-01' as known_at from (values (1, 1), (2, 0)) as t (id, y)",
    )
    house.model(
        "twice_performance",
        "{{ scorehouse.performance(source('raw', 'twice'), source('raw', 'twice_labels'), key='id', "
        "label='y', day='day', maturity={'label_time': 'known_at'}) }}",
    )
    # The challenger scored the same keys, later and better.
    house.table(
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
    house.model(
        "contested_performance",
        "{{ scorehouse.performance(source('raw', 'contested'), source('raw', 'twice_labels'), key='id', "
        "label='y', day='day') }}",
    )
    house.table("nothing", "select * from raw.classified where false")
    house.model(
        "nothing_performance",
        "{{ scorehouse.performance(source('raw', 'nothing'), source('raw', 'classified_labels'), "
        "key='id', label='y') }}",
    )
    house.model(
        "cluster_performance",
        "{{ scorehouse.performance(source('raw', 'classified'), none, key=none, label=none, "
        "task='clustering', day='day', options={'score': 'score'}) }}",
    )
    house.build().check()
    yield house


def values(house: House, name: str, month: int, segment: str = "all") -> dict[str, float | None]:
    return dict(
        house.query(
            f"select metric, value from {name}_performance "
            f"where segment = '{segment}' and month(window_start) = {month}"
        )
    )


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
        "ece": ece(y.to_numpy(), score.to_numpy()),
    }
    if both:
        expected["roc_auc"] = metrics.roc_auc_score(y, score)
    if tp_any:
        expected["average_precision"] = metrics.average_precision_score(y, score)
    return expected


def ece(y: Any, score: Any) -> float:
    bins = np.searchsorted(np.linspace(0, 1, 11)[1:-1], score)
    return sum(
        (bins == b).mean() * abs(score[bins == b].mean() - y[bins == b].mean()) for b in np.unique(bins)
    )


@pytest.mark.parametrize("month", range(1, 7))
def test_classification_equals_sklearn(month: int, house: House) -> None:
    frame = FRAMES["classified"]
    expected = expected_classification(frame[frame["day"].dt.month == month])
    found = values(house, "classified", month)
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=0, abs=1e-9)
    for name in KEYS:
        assert name in expected or found[name] is None


def expected_of_several(frame: pd.DataFrame) -> dict[str, float | None]:
    columns = ["score_low", "score_mid_dle", "score_high"]
    usable = np.isfinite(frame[columns]).all(axis=1) & frame["y"].notna()
    frame = frame[usable]
    y, predicted, scores = frame["y"].astype(str), frame["prediction"], frame[columns].to_numpy()
    places = y.map(CLASSES.index).to_numpy()
    own = scores[np.arange(len(y)), places]
    areas = [
        metrics.roc_auc_score(places == k, scores[:, k]) if 0 < (places == k).sum() < len(y) else None
        for k in range(3)
    ]
    expected = {
        "accuracy": metrics.accuracy_score(y, predicted),
        "macro_f1": metrics.f1_score(y, predicted, average="macro", zero_division=0),
        "weighted_f1": metrics.f1_score(y, predicted, average="weighted", zero_division=0),
        "macro_precision": metrics.precision_score(y, predicted, average="macro", zero_division=0),
        "macro_recall": metrics.recall_score(y, predicted, average="macro", zero_division=0),
        # scikit-learn's own log_loss is of scores that sum to one, which rounded ones do not
        "log_loss": -np.log(np.maximum(own, np.finfo(float).eps)).mean(),
        "roc_auc_ovr": None if None in areas else float(np.mean(areas)),
    }
    for name, area in zip(CLASSES, areas, strict=True):
        expected[f"roc_auc_of_{name}"] = area
        mine, theirs = y == name, predicted == name
        expected[f"f1_of_{name}"] = metrics.f1_score(mine, theirs, zero_division=0)
        expected[f"recall_of_{name}"] = metrics.recall_score(mine, theirs, zero_division=0)
        expected[f"labels_of_{name}"] = float(mine.sum())
    return expected


@pytest.mark.parametrize("month", range(1, 6))
def test_several_classes_equal_sklearn(month: int, house: House) -> None:
    frame = SEVERAL[SEVERAL["day"].dt.month == month]
    found, expected = values(house, "several", month), expected_of_several(frame)
    for name, value in expected.items():
        if value is None:
            assert found[name] is None, name
        else:
            assert found[name] == pytest.approx(value, rel=0, abs=1e-9), name
    if month == 1:
        columns = ["score_low", "score_mid_dle", "score_high"]
        scores = frame[columns].div(frame[columns].sum(axis=1), axis=0).to_numpy()
        order = np.argsort(CLASSES)
        y, ordered = frame["y"], scores[:, order]
        labels = np.array(CLASSES)[order]
        assert found["log_loss"] == pytest.approx(metrics.log_loss(y, ordered, labels=labels), abs=1e-8)
        for average, name in (("macro", "roc_auc_ovr"), ("weighted", "roc_auc_ovr_weighted")):
            told = metrics.roc_auc_score(y, ordered, multi_class="ovr", average=average, labels=labels)
            assert found[name] == pytest.approx(told, abs=1e-8)


@pytest.mark.parametrize("classes", ["low", ["low"]])
def test_classes_are_a_list(tmp_path: Path, classes: Any) -> None:
    house = House(tmp_path / "house")
    house.table("t", "select 1 as id")
    house.model(
        "m",
        "{{ scorehouse.performance(source('raw', 't'), source('raw', 't'), key='id', label='y', "
        f"options={{'classes': {classes!r}}}) }}}}",
    )
    assert "a list of two classes or more" in str(house.build())


@pytest.mark.parametrize("region", ["north", "south"])
def test_segments_equal_sklearn(region: str, house: House) -> None:
    frame = FRAMES["classified"]
    chosen = frame[(frame["day"].dt.month == 1) & (frame["region"] == region)]
    found = values(house, "classified", 1, f"region={region}")
    expected = expected_classification(chosen)
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=0, abs=1e-9)


def test_small_groups_are_pooled(house: House) -> None:
    rows = house.query(
        "select distinct segment, n_current from classified_performance where month(window_start) = 2"
    )
    assert ("region=(small groups)", 20) in rows
    assert ("region=tiny", 20) not in rows


def test_lift_adds_up(house: House) -> None:
    for month in (1, 2, 3):
        lifts = [
            value for name, value in values(house, "classified", month).items() if name.startswith("lift")
        ]
        assert len(lifts) == 10
        assert sum(lifts) == pytest.approx(10, abs=1e-9)
    frame = FRAMES["classified"]
    january = frame[frame["day"].dt.month == 1].sort_values("score", ascending=False)
    top = january["y"].head(N // 10).mean() / january["y"].mean()
    assert values(house, "classified", 1)["lift_decile_1"] == pytest.approx(top, abs=1e-9)


@pytest.mark.parametrize(
    ("month", "status", "arrived"),
    [(7, "immature", 0.5), (8, "immature", 1.0), (9, "immature", 1.0)],
)
def test_nothing_is_claimed_of_young_cohorts(month: int, status: str, arrived: float, house: House) -> None:
    rows = house.query(
        "select distinct status from classified_performance where segment = 'all' "
        f"and month(window_start) = {month} and status <> 'info'"
    )
    assert rows == [(status,)]
    found = values(house, "classified", month)
    assert found.pop("labels_arrived") == arrived
    assert found.pop("rejected_share") == 0
    assert set(found.values()) == {None}


def test_one_class_is_undefined_and_limits_are_judged(house: House) -> None:
    rows = dict(
        house.query(
            "select metric, status from classified_performance where segment = 'all' "
            "and month(window_start) = 4"
        )
    )
    assert rows["roc_auc"] == rows["average_precision"] == "undefined"
    judged = house.query(
        "select metric, status from classified_performance where segment = 'all' and month(window_start) = 1 "
        "and threshold is not null order by metric"
    )
    assert judged == [("brier", "ok"), ("roc_auc", "below")]


def test_regression_equals_sklearn(house: House) -> None:
    for month in (1, 2):
        frame = FRAMES["regressed"]
        frame = frame[frame["day"].dt.month == month]
        y, predicted = frame["y"], frame["score"]
        expected = {
            "mae": metrics.mean_absolute_error(y, predicted),
            "rmse": metrics.root_mean_squared_error(y, predicted),
            "r2": metrics.r2_score(y, predicted),
            "median_absolute_error": metrics.median_absolute_error(y, predicted),
            "max_error": metrics.max_error(y, predicted),
            "wape": np.abs(y - predicted).sum() / np.abs(y).sum(),
            "bias": (predicted - y).mean(),
            "mape": metrics.mean_absolute_percentage_error(y[y != 0], predicted[y != 0]),
            "coverage": ((y >= frame["lower"]) & (y <= frame["upper"])).mean(),
        }
        found = values(house, "regressed", month)
        assert {name: found[name] for name in expected} == pytest.approx(expected, rel=0, abs=1e-9)


def test_ranking_equals_sklearn(house: House) -> None:
    frame = FRAMES["ranked"]
    y = frame["y"].to_numpy().reshape(-1, 30)
    score = frame["score"].to_numpy().reshape(-1, 30)
    found = values(house, "ranked", 1)
    assert found["ndcg"] == pytest.approx(metrics.ndcg_score(y, score, k=5), abs=1e-9)
    # Ties by the key as text, as the macro breaks them.
    frame = frame.assign(item=frame["id"].astype(str)).sort_values(
        ["query", "score", "item"], ascending=[True, False, True]
    )
    reciprocal, average, hit = [], [], []
    for _, group in frame.groupby("query"):
        relevant = (group["y"] >= 1).to_numpy()
        places = np.flatnonzero(relevant[:5]) + 1
        reciprocal.append(1 / places[0] if len(places) else 0.0)
        hit.append(float(len(places) > 0))
        if relevant.any():
            average.append(sum((i + 1) / place for i, place in enumerate(places)) / min(relevant.sum(), 5))
    assert found["mrr"] == pytest.approx(np.mean(reciprocal), abs=1e-9)
    assert found["hit_rate"] == pytest.approx(np.mean(hit), abs=1e-9)
    assert found["map"] == pytest.approx(np.mean(average), abs=1e-9)


def test_the_prediction_that_was_live_is_judged(house: House) -> None:
    found = values(house, "twice", 1)
    assert (found["tp"], found["tn"], found["fp"], found["fn"]) == (1, 1, 0, 0)


def test_of_champion_and_challenger_the_live_one_is_judged(house: House) -> None:
    found = values(house, "contested", 1)
    assert (found["tp"], found["tn"], found["fp"], found["fn"]) == (0, 0, 1, 1)
    assert house.query("select distinct version from contested_performance") == [(1,)]


def test_no_predictions_no_rows(house: House) -> None:
    assert house.query("select * from nothing_performance") == []


def test_clusters(house: House) -> None:
    frame = FRAMES["classified"]
    january = frame[frame["day"].dt.month == 1]
    found = values(house, "cluster", 1)
    assert found["n_clusters"] == 2
    assert found["share_of_1"] == pytest.approx(january["prediction"].mean(), abs=1e-12)
    assert found["mean_distance"] == pytest.approx(january["score"].mean(), abs=1e-12)
