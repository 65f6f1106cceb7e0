"""Estimates before the labels come are what comes about, as far as scores can tell."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from monitoring.warehouse import MonitoredWarehouse


def test_estimates_before_labels(tmp_path: Path) -> None:
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
    warehouse = MonitoredWarehouse(tmp_path / "house")
    head = (
        "'m' as model_name, 1 as model_version, 'scored' as row_status, timestamp '2026-03-01' as scored_at"
    )
    warehouse.table("predictions", f"select *, {head} from frame", frame=frame)
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

    # The estimator itself, for a calibrated score: the expectation over labels drawn from it.
    held = truth[n:]
    weights = np.concatenate([held, 1 - held])
    labels = np.concatenate([np.ones(n), np.zeros(n)])
    scores = np.concatenate([held, held])
    expected = metrics.roc_auc_score(labels, scores, sample_weight=weights)
    assert february("estimates_of_honest")["roc_auc"] == pytest.approx(expected, abs=1e-9)
