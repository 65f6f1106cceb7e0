"""How often the 95 % intervals of `performance` hold the true value, by metric and number of labels.

    python benchmarks/intervals.py [--windows 400] [--labels 50 300] [--task ranking]
        [--folder target/intervals]

Windows of an ML model that never changes; the true value is that of one window of a million labels, or of a
hundred thousand queries. A ranking counts its queries. Every figure is read from performance tables that dbt
builds in a project of its own.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).parent
sys.path[0] = str(HERE.parent / "tests" / "python" / "support")

from monitoring.warehouse import MonitoredWarehouse  # noqa: E402

LABELS = [30, 50, 100, 300, 1_000, 10_000]
TRUTH = 1_000_000
QUERIES = 100_000
CLASSES = ["a", "b", "c"]
Draw = Callable[[np.random.Generator, int], pd.DataFrame]


def two_classes(rng: np.random.Generator, rows: int) -> pd.DataFrame:
    """A fifth is positive; the area under the curve is 0.80."""
    y = (rng.random(rows) < 0.2).astype(int)
    score = 1 / (1 + np.exp(1 - rng.normal(size=rows) - 1.2 * y))
    return pd.DataFrame({"y": y, "score": score, "prediction": (score >= 0.45).astype(int)})


def several(rng: np.random.Generator, rows: int) -> pd.DataFrame:
    """Shares of 50, 30 and 20 %; three fifths of the predictions are right."""
    y = rng.choice(3, rows, p=[0.5, 0.3, 0.2])
    guess = np.where(rng.random(rows) < 0.4, y, rng.choice(3, rows))
    scores = rng.dirichlet([1.0, 1.0, 1.0], rows)
    scores[np.arange(rows), guess] += 0.8
    scores /= scores.sum(axis=1, keepdims=True)
    names = np.array(CLASSES)
    frame = pd.DataFrame({"y": names[y], "prediction": names[scores.argmax(axis=1)]})
    return frame.assign(**{f"score_{name}": scores[:, k] for k, name in enumerate(CLASSES)})


def weighted(rng: np.random.Generator, rows: int) -> pd.DataFrame:
    """Three classes; heavy rows are wrong more often, and all say as much as a third of equal weight."""
    heavy = rng.normal(size=rows)
    scores = rng.dirichlet([1.0, 1.0, 1.0], rows)
    guess = scores.argmax(axis=1)
    is_right = rng.random(rows) < 0.8 / (1 + np.exp(heavy))
    names = np.array(CLASSES)
    frame = pd.DataFrame({"prediction": names[guess], "weight": np.exp(1.1 * heavy)})
    frame["y"] = names[np.where(is_right, guess, rng.choice(3, rows, p=[0.4, 0.3, 0.3]))]
    return frame.assign(**{f"score_{name}": scores[:, k] for k, name in enumerate(CLASSES)})


def numbers(rng: np.random.Generator, rows: int, tail: bool = False) -> pd.DataFrame:
    """Labels around 20; errors are normal, or of Student's t with four degrees of freedom."""
    size = rng.normal(size=rows)
    noise = rng.standard_t(4, rows) if tail else rng.normal(size=rows)
    return pd.DataFrame({"y": 20 + 3 * size + noise, "prediction": 20 + 2.9 * size})


def tailed(rng: np.random.Generator, rows: int) -> pd.DataFrame:
    """Numbers with heavy tails."""
    return numbers(rng, rows, tail=True)


def ranked(rng: np.random.Generator, rows: int) -> pd.DataFrame:
    """Ten items per query, of which some are relevant; `rows` counts queries."""
    query = np.repeat(np.arange(rows), 10)
    y = (rng.random(len(query)) < 0.15).astype(float)
    return pd.DataFrame({"y": y, "query": query.astype(str), "score": rng.normal(size=len(query)) + y})


TASKS: dict[str, tuple[Draw, str]] = {
    "two classes": (two_classes, ""),
    "several classes": (several, f", options={{'classes': {CLASSES}}}"),
    "several classes, heavy weights": (weighted, f", options={{'classes': {CLASSES}, 'weight': 'weight'}}"),
    "regression": (numbers, ", task='regression'"),
    "regression, heavy tails": (tailed, ", task='regression'"),
    "ranking": (ranked, ", task='ranking', options={'query': 'query', 'k': 5}"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--windows", type=int, default=400, help="of each size; a quarter of the largest")
    parser.add_argument("--folder", help="keep the project here")
    parser.add_argument("--labels", type=int, nargs="+", default=LABELS, help="of a window")
    parser.add_argument("--task", nargs="+", choices=TASKS, default=list(TASKS), help="of the ML model")
    asked = parser.parse_args()
    LABELS[:] = asked.labels
    with tempfile.TemporaryDirectory(prefix="intervals-") as temporary:
        warehouse = MonitoredWarehouse(Path(asked.folder or temporary) / "house")
        for task in asked.task:
            draw, given = TASKS[task]
            truth = QUERIES if task == "ranking" else TRUTH
            for labels in (*LABELS, truth):
                count = 1 if labels == truth else max(1, asked.windows // (4 if labels == LABELS[-1] else 1))
                add(warehouse, name_of(task, labels), draw, given, labels, count)
        warehouse.build().check()
        for task in asked.task:
            print(f"\n{task}\n\n| metric | {' | '.join(f'{n:,}' for n in LABELS)} |")
            print(f"|---|{'--:|' * len(LABELS)}")
            for metric, shares in covered(warehouse, task).items():
                print(f"| `{metric}` | {' | '.join(f'{share:.1%}' for share in shares)} |")


def name_of(task: str, labels: int) -> str:
    return f"{''.join(letter if letter.isalpha() else '_' for letter in task)}_{labels}"


def add(warehouse: MonitoredWarehouse, name: str, draw: Draw, given: str, labels: int, count: int) -> None:
    """A table of `count` windows, a month each, and its performance."""
    rng = np.random.default_rng([labels, len(name)])
    month = np.datetime64("1950-01", "M")
    parts = []
    for window in range(count):
        part = draw(rng, labels)
        if "query" in part:
            part["query"] = f"{window} " + part["query"]
        parts.append(part.assign(day=(month + window).astype("datetime64[us]")))
    warehouse.performance(name, pd.concat(parts, ignore_index=True), given)


def covered(warehouse: MonitoredWarehouse, task: str) -> dict[str, list[float]]:
    """By metric: the share of windows whose interval holds the true value, for each number of labels."""
    true = f"{name_of(task, QUERIES if task == 'ranking' else TRUTH)}_performance"
    found: dict[str, list[float]] = {}
    for labels in LABELS:
        for metric, share in warehouse.query(
            "select metric, avg((truth.value between windows.value_low and windows.value_high)::int) "
            f"from {name_of(task, labels)}_performance as windows join {true} as truth using (metric) "
            "where truth.value_low is not null and metric not in ('labels_arrived', 'rejected_share') "
            "group by metric order by metric"
        ):
            found.setdefault(metric, []).append(share if share is not None else float("nan"))
    return found


if __name__ == "__main__":
    main()
