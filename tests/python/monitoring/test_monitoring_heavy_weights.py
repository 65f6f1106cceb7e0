"""Intervals where weights are heavy and go with the errors, by linearisation."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from monitoring.warehouse import MonitoredWarehouse

pytestmark = pytest.mark.slow

WINDOWS, LARGE = 400, 1_000_000
HEAD = "'m' as model_name, 1 as model_version, 'scored' as row_status, timestamp '2026-01-01' as scored_at"
CALL = """{{{{ scorehouse.performance(
    source('raw', 'rows'), source('raw', 'labels'), key='id', label='{label}', task='{task}', day='day',
    period='day', options={{'weight': 'weight', 'prediction': '{prediction}'{more}}}
) }}}}"""


def rows(count: int, rng: np.random.Generator) -> pd.DataFrame:
    """Heavy rows are wrong more often; the heaviest 5 % weigh 37 times the lightest, at least."""
    heavy = rng.normal(size=count)
    logit = rng.normal(size=count)
    score = 1 / (1 + np.exp(-logit))
    label = rng.random(count) < 1 / (1 + np.exp(-logit * np.exp(-0.7 * heavy)))
    forecast = rng.normal(10, 2, count)
    scores = rng.dirichlet([1.0, 1.0, 1.0], count)
    is_right = rng.random(count) < 0.8 / (1 + np.exp(heavy))
    kind = np.where(is_right, scores.argmax(axis=1), rng.choice(3, count, p=[0.4, 0.3, 0.3]))
    return pd.DataFrame(
        {
            "score": score,
            "prediction": (score > 0.5).astype(int),
            "y": label.astype(int),
            "forecast": forecast,
            "target": forecast + rng.normal(size=count) * np.exp(0.15 * heavy),
            "weight": np.exp(1.1 * heavy),
            "kind": np.array(list("abc"))[kind],
            "guess": np.array(list("abc"))[scores.argmax(axis=1)],
            **{f"score_{name}": scores[:, k] for k, name in enumerate("abc")},
        }
    )


def truth(own: pd.DataFrame) -> dict[str, float]:
    from sklearn import metrics

    y, guess, w = own["y"], own["prediction"], own["weight"]
    return {
        "accuracy": metrics.accuracy_score(y, guess, sample_weight=w),
        "precision": metrics.precision_score(y, guess, sample_weight=w),
        "recall": metrics.recall_score(y, guess, sample_weight=w),
        "f1": metrics.f1_score(y, guess, sample_weight=w),
        "roc_auc": metrics.roc_auc_score(y, own["score"], sample_weight=w),
        "brier": metrics.brier_score_loss(y, own["score"], sample_weight=w),
        "log_loss": metrics.log_loss(y, own["score"], sample_weight=w),
        "mae": metrics.mean_absolute_error(own["target"], own["forecast"], sample_weight=w),
        "bias": float(np.average(own["forecast"] - own["target"], weights=w)),
        **truth_of_classes(own, w),
    }


def truth_of_classes(own: pd.DataFrame, w: pd.Series) -> dict[str, float]:
    from sklearn import metrics

    y, guess, scores = own["kind"], own["guess"], own[["score_a", "score_b", "score_c"]]
    areas = [metrics.roc_auc_score(y == name, own[f"score_{name}"], sample_weight=w) for name in "abc"]
    pairs = [
        metrics.roc_auc_score(y[among] == one, own.loc[among, f"score_{one}"], sample_weight=w[among])
        for one, other in itertools.permutations("abc", 2)
        for among in [y.isin([one, other])]
    ]
    averaged = {
        f"{average}_f1": metrics.f1_score(y, guess, average=average, sample_weight=w)
        for average in ("macro", "weighted")
    }
    return averaged | {
        "macro_recall": metrics.recall_score(y, guess, average="macro", sample_weight=w),
        "macro_precision": metrics.precision_score(y, guess, average="macro", sample_weight=w),
        "recall_of_a": metrics.recall_score(y, guess, labels=["a"], average="macro", sample_weight=w),
        "mcc_of_classes": metrics.matthews_corrcoef(y, guess, sample_weight=w),
        "cohen_kappa": metrics.cohen_kappa_score(y, guess, sample_weight=w),
        "accuracy_of_classes": metrics.accuracy_score(y, guess, sample_weight=w),
        "top_k_accuracy": metrics.top_k_accuracy_score(y, scores, k=2, sample_weight=w),
        "roc_auc_ovr": float(np.mean(areas)),
        "roc_auc_ovr_weighted": float(np.average(areas, weights=[w[y == name].sum() for name in "abc"])),
        "roc_auc_ovo": float(np.mean(pairs)),
    }


@pytest.mark.parametrize("labels", [50, pytest.param(300, marks=pytest.mark.soak)])
def test_intervals_hold_the_truth_as_often_as_they_say(labels: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    expected = truth(rows(LARGE, rng))
    frame = rows(WINDOWS * labels, rng).assign(
        id=np.arange(WINDOWS * labels),
        day=np.datetime64("2020-01-01", "us")
        + np.repeat(np.arange(WINDOWS), labels).astype("timedelta64[D]"),
    )
    warehouse = MonitoredWarehouse(tmp_path / "house")
    warehouse.table(
        "rows", f"select * exclude (y, target, kind), 'r' as scoring_run_id, {HEAD} from frame", frame=frame
    )
    warehouse.table("labels", "select id, y, target, kind from frame", frame=frame)
    given = {
        "two_classes": ("y", "classification", "prediction", ""),
        "several": ("kind", "classification", "guess", ", 'classes': ['a', 'b', 'c']"),
        "numbers": ("target", "regression", "forecast", ""),
    }
    for name, (label, task, prediction, more) in given.items():
        warehouse.model(name, CALL.format(label=label, task=task, prediction=prediction, more=more))
    warehouse.build().check()
    found = warehouse.query(
        "select metric, list((value_low, value_high)) from (select * from two_classes where metric <> 'bias' "
        "union all select * replace (case when metric in ('accuracy', 'mcc') then metric || '_of_classes' "
        "else metric end as metric) from several where metric <> 'log_loss' "
        "union all select * from numbers) as every where value is not null group by metric"
    )
    for metric, ends in ((metric, ends) for metric, ends in found if metric in expected):
        held = np.mean([low <= expected[metric] <= high for low, high in ends])
        assert len(ends) == WINDOWS and 0.92 <= held <= 0.985, (metric, held)
    assert {metric for metric, _ in found} >= set(expected)
