"""Performance of more than two classes equals scikit-learn."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats
from sklearn import metrics

from monitoring.cohorts import CLASSES, SEVERAL
from monitoring.warehouse import MonitoredWarehouse, intervals, values


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MonitoredWarehouse]:
    warehouse = MonitoredWarehouse(tmp_path_factory.mktemp("classes") / "house")
    columns = (
        "'m' as model_name, 1 as model_version, 'scored' as row_status, timestamp '2026-01-01' as scored_at"
    )
    warehouse.table("several", f"select * exclude (y), {columns} from frame", frame=SEVERAL)
    warehouse.table("several_labels", "select id, y from frame", frame=SEVERAL)
    warehouse.model(
        "several_performance",
        "{{ scorehouse.performance(source('raw', 'several'), source('raw', 'several_labels'), key='id', "
        f"label='y', day='day', options={{'classes': {CLASSES}}}) }}}}",
    )
    # a tenth of the rows is scored without a class
    unsaid = (
        f"select * exclude (y) replace (case when id % 10 > 0 then prediction end as prediction), {columns}"
    )
    warehouse.table("unsaid", f"{unsaid} from frame", frame=SEVERAL)
    warehouse.model(
        "unsaid_performance",
        "{{ scorehouse.performance(source('raw', 'unsaid'), source('raw', 'several_labels'), key='id', "
        f"label='y', day='day', options={{'classes': {CLASSES}}}) }}}}",
    )
    warehouse.build().check()
    yield warehouse


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
        "balanced_accuracy": metrics.recall_score(y, predicted, labels=np.unique(y), average="macro"),
        "mcc": metrics.matthews_corrcoef(y, predicted),
        "cohen_kappa": metrics.cohen_kappa_score(y, predicted),
        "top_k_accuracy": ((scores > own[:, None]).sum(axis=1) < 2).mean(),
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


def averages_of(y: np.ndarray, predicted: np.ndarray, weights: np.ndarray) -> tuple[float, ...]:
    """Macro and weighted F1, kappa and the correlation, where each row counts as often as its weight says."""
    told = {"sample_weight": weights, "zero_division": 0}
    return (
        *(metrics.f1_score(y, predicted, average=average, **told) for average in ("macro", "weighted")),
        metrics.cohen_kappa_score(y, predicted, sample_weight=weights),
        metrics.matthews_corrcoef(y, predicted, sample_weight=weights),
    )


def test_intervals_of_averages_are_what_rows_move(warehouse: MonitoredWarehouse) -> None:
    """The derivative of each average by the weight of each row, of scikit-learn's own values."""
    month = SEVERAL[(SEVERAL["day"].dt.month == 1) & SEVERAL["y"].notna()]
    y, predicted = month["y"].astype(str).to_numpy(), month["prediction"].to_numpy()
    n, step = len(month), 1e-4
    value = np.array(averages_of(y, predicted, np.ones(n)))
    moved = {}
    for cell in {*zip(y, predicted, strict=True)}:
        row = np.flatnonzero((y == cell[0]) & (predicted == cell[1]))[0]
        weights = np.ones(n)
        weights[row] += step
        moved[cell] = (np.array(averages_of(y, predicted, weights)) - value) / step
    error = np.sqrt(sum(moved[cell] ** 2 for cell in zip(y, predicted, strict=True)))
    found = intervals(warehouse, "several", 1)
    names = ("macro_f1", "weighted_f1", "cohen_kappa", "mcc")
    for name, of_name, deviation in zip(names, value, error, strict=True):
        span, lowest = (1, 0) if name.endswith("f1") else (2, -1)
        middle = (of_name - lowest) / span
        half = 1.959963984540054 * deviation / span / (middle * (1 - middle))
        expected = lowest + span * special.expit(special.logit(middle) + np.array([-half, half]))
        assert found[name] == pytest.approx(tuple(expected), rel=2e-3), name
    for name, of in (("macro_precision", predicted), ("macro_recall", y)):
        hits = np.array([((y == one) & (predicted == one)).sum() for one in CLASSES])
        all_of = np.array([(of == one).sum() for one in CLASSES])
        deviation = np.sqrt(((hits + 1) * (all_of - hits + 1) / (all_of + 2.0) ** 3).sum()) / len(CLASSES)
        deviation *= 1 + 1.21 / (n - 1)  # what Student's t adds
        middle = (hits / all_of).mean()
        half = 1.959963984540054 * deviation / (middle * (1 - middle))
        expected = special.expit(special.logit(middle) + np.array([-half, half]))
        assert found[name] == pytest.approx(tuple(expected), rel=1e-9), name
    share = stats.binomtest(int(hits[0]), int(all_of[0] + (predicted == CLASSES[0]).sum() - hits[0]))
    low, high = share.proportion_ci(method="wilson")
    assert found[f"f1_of_{CLASSES[0]}"] == pytest.approx((2 * low / (1 + low), 2 * high / (1 + high)))


def test_a_row_without_a_class_is_wrong_in_the_interval_too(warehouse: MonitoredWarehouse) -> None:
    month = SEVERAL[(SEVERAL["day"].dt.month == 1) & SEVERAL["y"].notna()]
    hits = (month["y"].astype(str) == month["prediction"]) & (month["id"] % 10 > 0)
    low, high = stats.binomtest(int(hits.sum()), len(month)).proportion_ci(method="wilson")
    assert values(warehouse, "unsaid", 1)["accuracy"] == pytest.approx(hits.mean())
    assert intervals(warehouse, "unsaid", 1)["accuracy"] == pytest.approx((low, high))


def moves_of_areas(y: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means of the areas of three classes, and how much each row moves them, by its weight."""
    values, moved = np.zeros(3), np.zeros((3, len(y)))
    for k in range(3):
        own, share = y == k, (y == k).mean()
        for others, factors in [
            (y != k, (1 / 3, share, 0)),
            *((y == j, (0, 0, 1 / 6)) for j in {0, 1, 2} - {k}),
        ]:
            up, down = scores[own, k][:, None], scores[others, k]
            won = (up > down) + (up == down) / 2
            row = np.zeros(len(y))
            row[own] = (won.mean(axis=1) - won.mean()) / own.sum()
            row[others] = (won.mean(axis=0) - won.mean()) / others.sum()
            values += won.mean() * np.array(factors)
            moved += np.outer(factors, row)
            moved[1] += (
                won.mean() * (own - share) / len(y) * (factors[1] > 0)
            )  # the shares of classes move too
    return values, moved


def test_intervals_of_mean_areas_are_what_rows_move(warehouse: MonitoredWarehouse) -> None:
    """Classes of one row hang together."""
    columns = ["score_low", "score_mid_dle", "score_high"]
    month = SEVERAL[(SEVERAL["day"].dt.month == 1) & SEVERAL["y"].notna()]
    month = month[np.isfinite(month[columns]).all(axis=1)]
    y, scores = month["y"].astype(str).map(CLASSES.index).to_numpy(), month[columns].to_numpy()
    areas, moved = moves_of_areas(y, scores)
    by_class = [moved[:, y == k] for k in range(3)]
    square = sum(own.shape[1] * (own.var(axis=1, ddof=1) + own.mean(axis=1) ** 2) for own in by_class)
    found, of_month = intervals(warehouse, "several", 1), values(warehouse, "several", 1)
    for name, area, error in zip(("ovr", "ovr_weighted", "ovo"), areas, np.sqrt(square), strict=True):
        assert of_month[f"roc_auc_{name}"] == pytest.approx(area, rel=1e-9)
        half = 1.959963984540054 * error / (area * (1 - area))
        expected = special.expit(special.logit(area) + np.array([-half, half]))
        assert found[f"roc_auc_{name}"] == pytest.approx(tuple(expected), rel=1e-9), name


@pytest.mark.parametrize("month", range(1, 6))
def test_several_classes_equal_sklearn(month: int, warehouse: MonitoredWarehouse) -> None:
    frame = SEVERAL[SEVERAL["day"].dt.month == month]
    found, expected = values(warehouse, "several", month), expected_of_several(frame)
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
        told = metrics.roc_auc_score(y, ordered, multi_class="ovo", labels=labels)
        assert found["roc_auc_ovo"] == pytest.approx(told, abs=1e-8)


@pytest.mark.parametrize("classes", ["low", ["low"]])
def test_classes_are_a_list(tmp_path: Path, classes: Any) -> None:
    warehouse = MonitoredWarehouse(tmp_path / "house")
    warehouse.table("t", "select 1 as id")
    warehouse.model(
        "m",
        "{{ scorehouse.performance(source('raw', 't'), source('raw', 't'), key='id', label='y', "
        f"options={{'classes': {classes!r}}}) }}}}",
    )
    assert "a list of two classes or more" in str(warehouse.build())
