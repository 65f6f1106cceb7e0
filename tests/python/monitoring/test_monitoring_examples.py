"""The performance tables of the examples equal scikit-learn, window by window, and the report shows them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from sklearn import metrics

from scorehouse.cli.main import main

pytestmark = pytest.mark.slow
MODELS = ("flight", "churn", "demand", "ranking", "segment")
# Predictions with their labels: window, segment, label and outputs.
ROWS = {
    "flight": "select date_trunc('month', p.flight_date) as w, 'origin=' || p.origin as s, "
    "arrived_late as y, prediction, score from flight_predictions p join flight_labels using (flight_id)",
    "churn": "select date_trunc('month', p.snapshot_date) as w, 'none' as s, churned as y, prediction, score "
    "from churn_predictions p join churn_labels using (customer_id, snapshot_date)",
    "demand": "select date_trunc('month', p.week_start) as w, 'none' as s, units as y, prediction "
    "from demand_predictions p join demand_labels using (stock_code, week_start)",
    "ranking": "select date_trunc('month', p.cutoff_date) as w, 'none' as s, bought as y, score, customer_id "
    "from ranking_predictions p join ranking_labels using (customer_id, stock_code, cutoff_date)",
    "segment": "select date_trunc('month', scored_at) as w, 'none' as s, prediction, distance "
    "from segment_predictions",
}


def classified(frame: pd.DataFrame) -> dict[str, float]:
    y, score, predicted = frame["y"].astype(int), frame["score"], frame["prediction"].astype(int)
    return {
        "roc_auc": metrics.roc_auc_score(y, score),
        "average_precision": metrics.average_precision_score(y, score),
        "log_loss": metrics.log_loss(y, score),
        "brier": metrics.brier_score_loss(y, score),
        "precision": metrics.precision_score(y, predicted),
        "recall": metrics.recall_score(y, predicted),
        "f1": metrics.f1_score(y, predicted),
        "accuracy": metrics.accuracy_score(y, predicted),
        "mcc": metrics.matthews_corrcoef(y, predicted),
    }


def regressed(frame: pd.DataFrame) -> dict[str, float]:
    y, predicted = frame["y"].astype(float), frame["prediction"]
    return {
        "mae": metrics.mean_absolute_error(y, predicted),
        "rmse": metrics.root_mean_squared_error(y, predicted),
        "r2": metrics.r2_score(y, predicted),
        "median_absolute_error": metrics.median_absolute_error(y, predicted),
        "bias": float((predicted - y).mean()),
    }


def ranked(frame: pd.DataFrame) -> dict[str, float]:
    """One customer at a time, since each has candidates of another number; one candidate ranks itself."""
    gains = []
    for _, own in frame.groupby("customer_id"):
        if len(own) > 1:
            gains.append(metrics.ndcg_score([own["y"]], [own["score"]], k=5))
        else:
            gains.append(float(own["y"].iloc[0] > 0))
    return {"ndcg": float(np.mean(gains))}


def clustered(frame: pd.DataFrame) -> dict[str, float]:
    shares = frame["prediction"].value_counts(normalize=True)
    return {
        "n_clusters": float(len(shares)),
        "largest_share": float(shares.max()),
        "mean_distance": float(frame["distance"].mean()),
    }


EXPECTED: dict[str, Callable[[pd.DataFrame], dict[str, float]]] = {
    "flight": classified,
    "churn": classified,
    "demand": regressed,
    "ranking": ranked,
    "segment": clustered,
}
CLAIMED = {"flight": 24, "churn": 7, "demand": 7, "ranking": 1, "segment": 1}  # windows and segments


@pytest.mark.parametrize("name", MODELS)
def test_performance_equals_scikit_learn(name: str, examples: Path) -> None:
    with duckdb.connect(str(examples), read_only=True) as connection:
        rows = connection.sql(ROWS[name]).df()
        table = connection.sql(
            f"select window_start as w, segment, metric, value from {name}_performance "
            "where value is not null and metric not in ('labels_arrived', 'labelled_days', 'rejected_share')"
        ).df()
    claimed = table.groupby(["w", "segment"])
    assert len(claimed) == CLAIMED[name]
    for (window, segment), found in claimed:
        own = rows[(rows["w"] == window) & ((rows["s"] == segment) | (segment == "all"))]
        expected = EXPECTED[name](own.dropna())
        values = dict(zip(found["metric"], found["value"], strict=True))
        assert {key: values[key] for key in expected} == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_the_report_on_the_examples(examples: Path, tmp_path: Path) -> None:
    told = ["report", "--database", str(examples), "--output", str(tmp_path / "report.html")]
    ended = CliRunner().invoke(main, told)
    assert ended.exit_code == 0 and "5 ML models" in ended.output
    page = (tmp_path / "report.html").read_text()
    for words in ("has drifted", "NDCG", "Mean absolute error", "Confusion matrix", "are waiting"):
        assert words in page
