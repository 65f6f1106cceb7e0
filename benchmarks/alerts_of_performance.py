"""How often the tests of performance fail where nothing changed, and where something did.

    python benchmarks/alerts_of_performance.py [--windows 300] [--folder target/alerts_of_performance]

Windows of a classifier and of a regression, with 50 to 1,000 labels; registered is what a million labels say.
A window fails if any metric does. Segments have 200 rows each. Every figure is read from the failing rows of
dbt tests, in a project of its own.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn import metrics

HERE = Path(__file__).parent
sys.path[0] = str(HERE.parent / "tests" / "python" / "support")

from monitoring.warehouse import MonitoredWarehouse  # noqa: E402

LABELS = (50, 100, 200, 500, 1_000)
SEGMENTS = (2, 5, 10, 50)
SEGMENT_ROWS = 200
TRUTH = 1_000_000


def classified(rng: np.random.Generator, rows: int, lost: float) -> pd.DataFrame:
    """Scores whose calibration is off by 0.010; of the share `lost`, the score says nothing of the label."""
    score = rng.beta(1.2, 2.2, rows)
    true = np.clip(score + 0.010 * np.where(np.floor(score * 10) % 2 == 0, 1, -1), 0, 1)
    true = np.where(rng.random(rows) < lost, 1.2 / 3.4, true)
    y = (rng.random(rows) < true).astype(int)
    return pd.DataFrame({"y": y, "score": score, "prediction": (score >= 0.5).astype(int)})


def measured(rng: np.random.Generator, rows: int, lost: float) -> pd.DataFrame:
    """Labels around 20 with errors of one; of the share `lost`, the prediction says nothing of the label."""
    size = rng.normal(size=rows)
    told = np.where(rng.random(rows) < lost, rng.normal(size=rows), size)
    return pd.DataFrame({"y": 20 + 3 * size + rng.normal(size=rows), "prediction": 20 + 2.7 * told})


def of_classes(frame: pd.DataFrame) -> dict[str, float]:
    """What is registered of a classifier."""
    y, score, predicted = (frame[name].to_numpy() for name in ("y", "score", "prediction"))
    return {
        "roc_auc": metrics.roc_auc_score(y, score),
        "average_precision": metrics.average_precision_score(y, score),
        "f1": metrics.f1_score(y, predicted),
        "mcc": metrics.matthews_corrcoef(y, predicted),
        "precision": metrics.precision_score(y, predicted),
        "recall": metrics.recall_score(y, predicted),
        "accuracy": metrics.accuracy_score(y, predicted),
        "log_loss": metrics.log_loss(y, score),
        "brier": metrics.brier_score_loss(y, score),
    }


def of_errors(frame: pd.DataFrame) -> dict[str, float]:
    """What is registered of a regression."""
    y, told = frame["y"].to_numpy(), frame["prediction"].to_numpy()
    return {
        "mae": metrics.mean_absolute_error(y, told),
        "rmse": metrics.root_mean_squared_error(y, told),
        "r2": metrics.r2_score(y, told),
        "wape": np.abs(y - told).sum() / np.abs(y).sum(),
        "median_absolute_error": metrics.median_absolute_error(y, told),
    }


# by task: how it is drawn and registered, the share that is lost where a model became worse, the tolerance
Draw = Callable[[np.random.Generator, int, float], pd.DataFrame]
TASKS: dict[str, tuple[Draw, Callable[[pd.DataFrame], dict[str, float]], float, float]] = {
    "classification": (classified, of_classes, 0.55, 0.05),
    "regression": (measured, of_errors, 0.1, 0.05),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--windows", type=int, default=300, help="of each number of labels")
    parser.add_argument("--folder", help="keep the project here")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="alerts-") as temporary:
        warehouse = MonitoredWarehouse(Path(asked.folder or temporary) / "house")
        models = [
            entry
            for task in TASKS
            for lost in (False, True)
            for labels in LABELS
            for entry in window_tests(warehouse, task, labels, asked.windows, lost)
        ]
        models += [gap_test(warehouse, count, asked.windows) for count in SEGMENTS]
        registered(warehouse)
        warehouse.tests({"version": 2, "models": models})
        warehouse.build()  # the tests that find something do not end the build
        report(warehouse, asked.windows)


def window_tests(
    warehouse: MonitoredWarehouse, task: str, labels: int, count: int, lost: bool
) -> list[dict[str, Any]]:
    """Windows of a month each, their performance and the tests of it."""
    draw, _, share, tolerance = TASKS[task]
    name = f"{task}{'_worse' if lost else ''}_{labels}"
    rng = np.random.default_rng([labels, len(name)])
    frame = draw(rng, count * labels, share if lost else 0.0).assign(day=months(count, labels))
    warehouse.performance(name, frame, f", task='{task}'")
    known = of_known(task)
    below = {"registry": f"source('raw', 'registry_{task}')", "metrics": dict.fromkeys(known, tolerance)}
    tests = [failing(f"below_{name}", "performance_not_below_reference", below | {"min_labels": 0})]
    if task == "classification":
        tests.append(failing(f"calibrated_{name}", "calibrated", {"min_labels": 0}))
    return [{"name": f"{name}_performance", "data_tests": tests}]


def gap_test(warehouse: MonitoredWarehouse, count: int, windows: int) -> dict[str, Any]:
    """Windows of segments that do not differ, and a test that they do not, with the limit 0."""
    rows = count * SEGMENT_ROWS
    frame = classified(np.random.default_rng([count, 5]), windows * rows, 0.0).assign(
        day=months(windows, rows)
    )
    frame["part"] = np.char.add("p", (np.arange(len(frame)) % count).astype(str))
    name = f"segments_{count}"
    warehouse.performance(name, frame, ", segments=['part'], options={'min_segment_rows': 1}")
    limits = {"column": "part", "metrics": {"recall": 0, "accuracy": 0}, "latest": False}
    return {"name": f"{name}_performance", "data_tests": [failing(f"gap_{count}", "gap_at_most", limits)]}


def months(count: int, rows: int) -> np.ndarray:
    return (np.datetime64("1950-01", "M") + np.repeat(np.arange(count), rows)).astype("datetime64[us]")


def of_known(task: str) -> dict[str, float]:
    draw, registered_of, *_ = TASKS[task]
    return registered_of(draw(np.random.default_rng(1), TRUTH, 0.0))


def registered(warehouse: MonitoredWarehouse) -> None:
    """A registry for each task."""
    for task in TASKS:
        text = ", ".join(f'"{name}": {value}' for name, value in of_known(task).items())
        warehouse.table(f"registry_{task}", f"select 'm' as name, 1 as version, '{{{{{text}}}}}' as metrics")


def failing(name: str, test: str, arguments: dict[str, Any]) -> dict[str, Any]:
    kept = {"store_failures": True, "severity": "warn"}
    return {f"scorehouse.{test}": {"name": name, "arguments": arguments, "config": kept}}


def report(warehouse: MonitoredWarehouse, windows: int) -> None:
    print(f"| windows that fail, in % | {' | '.join(f'{n:,} labels' for n in LABELS)} |")
    print(f"|---|{'--:|' * len(LABELS)}")
    for title, test in [
        (f"{task}, {'worse' if lost else 'unchanged'}{what}", f"{test}_{task}{lost}")
        for task in TASKS
        for test, what in (("below", ""), ("calibrated", ", calibration"))
        if task == "classification" or test == "below"
        for lost in ("", "_worse")
    ]:
        shares = [share(warehouse, f"{test}_{labels}", windows) for labels in LABELS]
        print(f"| {title} | {' | '.join(f'{one:.1f}' for one in shares)} |")
    print(f"\n| | {' | '.join(f'{n} segments' for n in SEGMENTS)} |\n|---|{'--:|' * len(SEGMENTS)}")
    shares = [share(warehouse, f"gap_{count}", windows) for count in SEGMENTS]
    print(f"| windows with a gap, in % | {' | '.join(f'{one:.1f}' for one in shares)} |")


def share(warehouse: MonitoredWarehouse, test: str, windows: int) -> float:
    ((failed,),) = warehouse.query(f"select count(distinct window_start) from main_dbt_test__audit.{test}")
    return 100 * float(failed) / windows


if __name__ == "__main__":
    main()
