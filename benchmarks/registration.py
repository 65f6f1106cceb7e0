"""The time of `register` for three estimators: many columns, many trees, and many rows.

    python benchmarks/registration.py --repeat 3
    python benchmarks/registration.py --only boosting --profile 30

Every figure is for a whole registration in a new dbt project: wall-clock seconds, and processor seconds (of
this process and its child processes), which other work on the machine disturbs less. Figures are medians of
the repeats; the targets are for two idle cores.
"""

from __future__ import annotations

import argparse
import cProfile
import os
import pstats
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from scorehouse import register

SEED = 7


def rows_of(rows: int, columns: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Numbers, and labels that depend on the first three columns, with some noise."""
    random = np.random.default_rng(SEED)
    X = pd.DataFrame(random.normal(size=(rows, columns)), columns=[f"f{i}" for i in range(columns)])
    return X, (X.f0 - X.f1 + X.f2 * X.f0 + random.normal(size=rows) > 0).to_numpy()


def logistic() -> tuple[Any, pd.DataFrame, np.ndarray]:
    X, y = rows_of(4_000, 400)
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)).fit(X, y), X, y


def forest() -> tuple[Any, pd.DataFrame, np.ndarray]:
    X, y = rows_of(4_000, 20)
    return RandomForestClassifier(100, max_depth=10, random_state=0).fit(X, y), X, y


def boosting() -> tuple[Any, pd.DataFrame, np.ndarray]:
    X, y = rows_of(50_000, 20)
    return HistGradientBoostingClassifier(max_iter=100, early_stopping=False, random_state=0).fit(X, y), X, y


CASES: dict[str, tuple[Callable[[], tuple[Any, pd.DataFrame, np.ndarray]], float]] = {
    "logistic": (logistic, 5.0),  # 400 columns
    "forest": (forest, 5.0),  # 100 trees
    "boosting": (boosting, 15.0),  # 100 trees, 50,000 rows
}


def processor() -> float:
    """Processor seconds used by this process and its ended children."""
    return sum(os.times()[:4])


def measured(fitted: tuple[Any, pd.DataFrame, np.ndarray], profile: int) -> tuple[float, float]:
    """Wall-clock and processor seconds of one registration."""
    estimator, X, y = fitted
    profiler = cProfile.Profile() if profile else None
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "dbt_project.yml").write_text("name: house\n", encoding="utf-8")
        clock, spent = time.perf_counter(), processor()
        if profiler:
            profiler.enable()
        register(estimator, "tried", X, y, task="classification", project_dir=folder)
        if profiler:
            profiler.disable()
            pstats.Stats(profiler).sort_stats("cumulative").print_stats("scorehouse|predict", profile)
        return time.perf_counter() - clock, processor() - spent


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--only", choices=sorted(CASES), action="append")
    parser.add_argument("--profile", type=int, default=0, help="lines of a profile to print")
    asked = parser.parse_args(arguments)
    late = False
    for name in asked.only or list(CASES):
        make, bar = CASES[name]
        fitted = make()
        times = [measured(fitted, asked.profile) for _ in range(asked.repeat)]
        clock, spent = (statistics.median(column) for column in zip(*times, strict=True))
        print(f"{name:10} {clock:6.2f} s ({spent:.2f} s of the processor), bar {bar:.0f} s", flush=True)
        late |= clock > bar
    return int(late)


if __name__ == "__main__":
    sys.exit(main())
