"""Metrics with a weight per row: scikit-learn's `sample_weight`, and rows that are repeated."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from monitoring.warehouse import MonitoredWarehouse, values
from project import DbtProject

pytestmark = pytest.mark.slow

N = 1200
HEAD = "'m' as model_name, 1 as model_version, 'scored' as row_status, timestamp '2026-01-01' as scored_at"
CLASSES = ["low", "middle", "high"]


def rows() -> pd.DataFrame:
    rng = np.random.default_rng(4)
    score = np.round(rng.beta(2, 3, N), 2)  # with ties
    label = (rng.random(N) < score).astype(int)
    target = rng.gamma(2, 30, N).round(1)
    shares = rng.dirichlet([1.0, 1.0, 1.0], N)
    return pd.DataFrame(
        {
            "id": np.arange(N),
            "day": pd.to_datetime(np.where(np.arange(N) % 2, "2026-01-10", "2026-02-10")),
            "region": np.where(rng.random(N) < 0.5, "north", "south"),
            "score": score,
            "prediction": (score > 0.4).astype(int),
            "y": label,
            "target": np.where(rng.random(N) < 0.05, 0.0, target),
            "forecast": target * rng.normal(1, 0.3, N),
            "grade": rng.choice(CLASSES, N, p=[0.5, 0.3, 0.2]),
            "guess": np.array(CLASSES)[shares.argmax(axis=1)],
            **{f"score_{name}": shares[:, place] for place, name in enumerate(CLASSES)},
            "weight": rng.exponential(2, N),
            "times": rng.integers(0, 4, N),
        }
    )


ROWS = rows()
TASKS = {
    "binary": ("y", "{{'weight': '{0}'}}"),
    "numbers": (
        "target",
        "{{'weight': '{0}', 'prediction': 'forecast', 'lower': 'low_end', 'upper': 'high_end'}}",
    ),
    "grades": ("grade", f"{{{{'weight': '{{0}}', 'prediction': 'guess', 'classes': {CLASSES}}}}}"),
}


def call(source: str, task: str, weight: str | None) -> str:
    label, options = TASKS[task]
    given = options.format(weight)
    if weight is None:
        given = given.replace("'weight': 'None', ", "").replace("'weight': 'None'", "")
    kind = "regression" if task == "numbers" else "classification"
    return (
        f"{{{{ scorehouse.performance(source('raw', '{source}'), source('raw', '{source}_labels'), key='id', "
        f"label='{label}', task='{kind}', day='day', segments=['region'], options={given}) }}}}"
    )


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MonitoredWarehouse]:
    warehouse = MonitoredWarehouse(tmp_path_factory.mktemp("weights") / "house")
    frame = ROWS
    labels = "y, target, grade"
    columns = (
        f"* exclude ({labels}), forecast - 30 as low_end, forecast + 20 as high_end, 'r' as scoring_run_id"
    )
    warehouse.table("weighted", f"select {columns}, {HEAD} from frame", frame=frame)
    warehouse.table("weighted_labels", f"select id, {labels} from frame", frame=frame)
    repeated = frame.loc[frame.index.repeat(frame["times"])].assign(id=lambda own: np.arange(len(own)))
    warehouse.table("repeated", f"select {columns}, {HEAD} from frame", frame=repeated)
    warehouse.table("repeated_labels", f"select id, {labels} from frame", frame=repeated)
    warehouse.table(
        "rejected", "select * replace (null as weight, 'rejected' as row_status) from raw.weighted"
    )
    warehouse.table("rejected_labels", "from raw.weighted_labels")
    for task in TASKS:
        warehouse.model(f"{task}_performance", call("weighted", task, "weight"))
        warehouse.model(f"{task}_times_performance", call("weighted", task, "times"))
        warehouse.model(f"{task}_repeated_performance", call("repeated", task, None))
    warehouse.model("rejected_performance", call("rejected", "binary", "weight"))
    warehouse.build().check()
    yield warehouse


def of_binary(own: pd.DataFrame) -> dict[str, float]:
    y, score, guess, w = own["y"], own["score"], own["prediction"], own["weight"]
    tn, fp, fn, tp = metrics.confusion_matrix(y, guess, sample_weight=w).ravel()
    false_positive, true_positive, _ = metrics.roc_curve(y, score, sample_weight=w)
    return {
        "roc_auc": metrics.roc_auc_score(y, score, sample_weight=w),
        "average_precision": metrics.average_precision_score(y, score, sample_weight=w),
        "score_ks": (true_positive - false_positive).max(),
        "log_loss": metrics.log_loss(y, score, sample_weight=w),
        "brier": metrics.brier_score_loss(y, score, sample_weight=w),
        "precision": metrics.precision_score(y, guess, sample_weight=w),
        "recall": metrics.recall_score(y, guess, sample_weight=w),
        "f1": metrics.f1_score(y, guess, sample_weight=w),
        "accuracy": metrics.accuracy_score(y, guess, sample_weight=w),
        "mcc": metrics.matthews_corrcoef(y, guess, sample_weight=w),
        **{"tp": tp, "fp": fp, "fn": fn, "tn": tn},
        "mean_score": np.average(score, weights=w),
        "positive_rate": np.average(y, weights=w),
        "selection_rate": np.average(guess, weights=w),
        "false_positive_rate": fp / (fp + tn),
        "bias": np.average(score - y, weights=w),
    }


def of_numbers(own: pd.DataFrame) -> dict[str, float]:
    y, forecast, w = own["target"], own["forecast"], own["weight"]
    some = y != 0
    inside = (y >= forecast - 30) & (y <= forecast + 20)
    return {
        "mae": metrics.mean_absolute_error(y, forecast, sample_weight=w),
        "mse": metrics.mean_squared_error(y, forecast, sample_weight=w),
        "rmse": metrics.root_mean_squared_error(y, forecast, sample_weight=w),
        "r2": metrics.r2_score(y, forecast, sample_weight=w),
        "mape": metrics.mean_absolute_percentage_error(y[some], forecast[some], sample_weight=w[some]),
        "median_absolute_error": metrics.median_absolute_error(y, forecast, sample_weight=w),
        "max_error": metrics.max_error(y, forecast),
        "wape": ((y - forecast).abs() * w).sum() / (y.abs() * w).sum(),
        "bias": np.average(forecast - y, weights=w),
        "zero_share": np.average(y == 0, weights=w),
        "coverage": np.average(inside, weights=w),
        "interval_width": 50.0,
    }


def of_grades(own: pd.DataFrame) -> dict[str, float]:
    y, guess, w = own["grade"], own["guess"], own["weight"]
    order = sorted(CLASSES)
    scores = own[[f"score_{name}" for name in order]].to_numpy()
    found = {
        "accuracy": metrics.accuracy_score(y, guess, sample_weight=w),
        "log_loss": metrics.log_loss(y, scores, labels=order, sample_weight=w),
        "weighted_f1": metrics.f1_score(y, guess, average="weighted", sample_weight=w),
        "balanced_accuracy": metrics.balanced_accuracy_score(y, guess, sample_weight=w),
        "mcc": metrics.matthews_corrcoef(y, guess, sample_weight=w),
        "cohen_kappa": metrics.cohen_kappa_score(y, guess, sample_weight=w),
        "top_k_accuracy": metrics.top_k_accuracy_score(y, scores, k=2, labels=order, sample_weight=w),
    }
    for kind in ("precision", "recall", "f1"):
        measured = getattr(metrics, f"{kind}_score")
        found[f"macro_{kind}"] = measured(y, guess, average="macro", sample_weight=w)
        each = measured(y, guess, average=None, labels=order, sample_weight=w)
        found |= {f"{kind}_of_{name}": value for name, value in zip(order, each, strict=True)}
    for name, average in (("roc_auc_ovr", "macro"), ("roc_auc_ovr_weighted", "weighted")):
        found[name] = metrics.roc_auc_score(
            y, scores, multi_class="ovr", average=average, labels=order, sample_weight=w
        )
    pairs = []  # scikit-learn knows no weights here
    for place, other in permutations(range(len(order)), 2):
        rows = y.isin([order[place], order[other]])
        told = (y == order[place])[rows], scores[rows, place]
        pairs.append(metrics.roc_auc_score(*told, sample_weight=w[rows]))
    found["roc_auc_ovo"] = sum(pairs) / len(pairs)
    for place, name in enumerate(order):
        found[f"roc_auc_of_{name}"] = metrics.roc_auc_score(y == name, scores[:, place], sample_weight=w)
        found[f"labels_of_{name}"] = w[y == name].sum()
    return found


@pytest.mark.parametrize("segment", ["all", "region=north"])
@pytest.mark.parametrize("task", TASKS)
def test_metrics_equal_scikit_learn(task: str, segment: str, warehouse: MonitoredWarehouse) -> None:
    own = ROWS[ROWS["day"] == "2026-01-10"]
    own = own if segment == "all" else own[own["region"] == "north"]
    expected = {"binary": of_binary, "numbers": of_numbers, "grades": of_grades}[task](own)
    found = values(warehouse, task, 1, segment)
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-9, abs=1e-12)
    unweighted = {"labels_arrived", "rejected_share", "ece", "mce"}
    assert set(found) - set(expected) - unweighted == {
        name for name in found if name.startswith("lift_decile_")
    }


@pytest.mark.parametrize("task", TASKS)
def test_a_whole_weight_repeats_the_row(task: str, warehouse: MonitoredWarehouse) -> None:
    """All metrics, also those that scikit-learn does not have; a weight of 0 leaves a row out."""
    found, expected = (values(warehouse, f"{task}_{kind}", 2) for kind in ("times", "repeated"))
    del found["labels_arrived"], expected["labels_arrived"]
    assert found.keys() == expected.keys() and len(found) > 10
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_intervals_are_those_of_fewer_rows(warehouse: MonitoredWarehouse) -> None:
    """Kish's number of rows of equal weight, or fewer; repeated rows would say that there are more."""
    own = ROWS[ROWS["day"] == "2026-01-10"]
    w = own["weight"]
    is_right = own["prediction"] == own["y"]
    share = np.average(is_right, weights=w)
    spread = (w**2 * (is_right - share) ** 2).sum() / (share * (1 - share))
    kish = w.sum() ** 2 / (w**2).sum()
    n = min(kish, w.sum() ** 2 / spread)
    ((value, low, high),) = warehouse.query(
        "select value, value_low, value_high from binary_performance "
        "where metric = 'accuracy' and segment = 'all' and month(window_start) = 1"
    )
    z = 1.959963984540054
    half = z * np.sqrt(value * (1 - value) / n + z**2 / 4 / n**2) / (1 + z**2 / n)
    middle = (value + z**2 / 2 / n) / (1 + z**2 / n)
    assert (low, high) == pytest.approx((middle - half, middle + half), rel=1e-9)
    mean = np.average(own["score"], weights=w)
    half = z * np.sqrt((w**2 * (own["score"] - mean) ** 2).sum() / w.sum() ** 2 * kish / (kish - 1))
    ((low, high),) = warehouse.query(
        "select value_low, value_high from binary_performance "
        "where metric = 'mean_score' and segment = 'all' and month(window_start) = 1"
    )
    assert (low, high) == pytest.approx((mean - half, mean + half), rel=1e-9)


def test_rejected_rows_need_no_weight(warehouse: MonitoredWarehouse) -> None:
    assert values(warehouse, "rejected", 1)["rejected_share"] == 1.0


@pytest.mark.parametrize(
    ("change", "task", "words"),
    [
        (
            "* replace (case when id < 3 then -1e0 else weight end as weight)",
            "classification",
            "3 rows have a weight that is NULL, neg",
        ),
        ("* replace (if(id > 3, weight, null) as weight)", "classification", "4 rows have a weight"),
        ("* replace (if(id = 0, 'nan'::double, weight) as weight)", "classification", "1 rows have a weight"),
        ("* exclude (weight)", "classification", "add the column to `passthrough`"),
        ("*", "clustering", "`performance` takes it, for a classification or a regression"),
    ],
)
def test_wrong_weights_are_refused(change: str, task: str, words: str, warehouse: MonitoredWarehouse) -> None:
    project: DbtProject = warehouse.project
    warehouse.table("wrong", f"select {change} from raw.weighted")
    warehouse.table("wrong_labels", "from raw.weighted_labels")
    warehouse.model("wrong_performance", call("wrong", "binary", "weight").replace("classification", task))
    try:
        ended = warehouse.build("--select", "wrong_performance")
        said = " ".join(f"{ended.problem} {ended.messages}".split())
        assert words in said and "scorehouse.performance(options=" in said
    finally:
        (project.folder / "models" / "wrong_performance.sql").unlink()


def test_other_macros_refuse_a_weight(warehouse: MonitoredWarehouse) -> None:
    warehouse.model(
        "wrong_estimates",
        "{{ scorehouse.estimated_performance(source('raw', 'weighted'), options={'weight': 'weight'}) }}",
    )
    try:
        ended = warehouse.build("--select", "wrong_estimates")
        assert "leave `weight` out of `options`" in f"{ended.problem} {ended.messages}"
    finally:
        (warehouse.project.folder / "models" / "wrong_estimates.sql").unlink()
