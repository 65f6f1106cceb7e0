"""The number of rows from which native trees take less time than the estimator, everything included.

    OMP_NUM_THREADS=1 python benchmarks/native_crossover.py

For native code, the figures include what comes before its first row: laying out the trees. Figures are
milliseconds of processor time, the lowest of the repeats; with more threads, threads of histogram boosting
that wait for each other would count. The figures set `NATIVE_FROM_ROWS` in `scorehouse.forms.choose`.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from sklearn.datasets import make_classification
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
)
from sklearn.tree import DecisionTreeClassifier

from scorehouse.forms.native.make import compile_native

ROWS = (1, 100, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000)
COLUMNS = 20
FITTED = 10_000

ESTIMATORS: dict[str, Callable[[], Any]] = {
    "one tree": lambda: DecisionTreeClassifier(max_depth=8, random_state=0),
    "boosting of 20 trees": lambda: GradientBoostingClassifier(n_estimators=20, random_state=0),
    "histogram boosting of 100 trees": lambda: HistGradientBoostingClassifier(random_state=0),
    "histogram boosting of 500 trees": lambda: HistGradientBoostingClassifier(max_iter=500, random_state=0),
    "forest of 100 trees": lambda: RandomForestClassifier(100, max_depth=10, random_state=0),
    "forest of 500 deep trees": lambda: RandomForestClassifier(500, random_state=0),
    "isolation forest": lambda: IsolationForest(random_state=0),
}


def scored(file: Path, X: np.ndarray, *, native: bool) -> float:
    """Milliseconds of processor time from the estimator, as a run loads it, to the scores of X."""
    estimator = joblib.load(file)
    method = "predict_proba" if hasattr(estimator, "predict_proba") else "decision_function"
    begun = time.process_time()
    if native:
        estimator = compile_native(estimator, call="native_crossover")
    getattr(estimator, method)(X)
    return (time.process_time() - begun) * 1_000


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--repeat", type=int, default=5)
    asked = parser.parse_args(arguments)
    X, y = make_classification(50_000, COLUMNS, n_informative=8, random_state=0)
    with tempfile.TemporaryDirectory() as folder:
        for name, make in ESTIMATORS.items():
            file = Path(folder) / "model.joblib"
            joblib.dump(make().fit(X[:FITTED], y[:FITTED]), file)
            print(f"{name}\n{'rows':>8} {'estimator':>11} {'native':>11}", flush=True)
            for rows in ROWS:
                own, native = (
                    min(scored(file, X[:rows], native=native) for _ in range(asked.repeat))
                    for native in (False, True)
                )
                print(f"{rows:8,} {own:8.1f} ms {native:8.1f} ms", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
