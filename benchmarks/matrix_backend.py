"""The matrix backend against what scikit-learn itself is called with, on the same batches.

    python benchmarks/matrix_backend.py --rows 3000000

The backend is timed as a run uses it: from a record batch, through its checks, to labels and scores in Arrow.
scikit-learn gets the same rows as a frame that is ready. `for the same` is what a run needs of it: labels
and distances for k-means. Each side has one thread, as in a run, where workers share the cores; the two
take turns, batch by batch.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "python" / "support"))
from project import registered_kernel
from scorehouse.kernel.frames import estimator_input
from scorehouse.program.choose import ProgramFiles, choose_backend
from scorehouse.registry.policy import LoadPolicy

COLUMNS = [f"f{number}" for number in range(20)]
BATCH = 65_536
BATCHES = 4  # that differ, over and over
FITTED = 5_000
ESTIMATORS: dict[str, tuple[Any, str, dict[str, tuple[str, ...]]]] = {
    "k-means, 8 clusters": (
        KMeans(8, n_init=1, random_state=0),
        "clustering",
        {"predict": ("predict",), "for the same": ("predict", "transform")},
    ),
    "network, 2 layers of 32": (
        MLPClassifier((32, 32), max_iter=20, random_state=0),
        "two",
        {"for the same": ("predict_proba",)},
    ),
    "scaler and network": (
        make_pipeline(StandardScaler(), MLPClassifier((32, 32), max_iter=20, random_state=0)),
        "two",
        {"for the same": ("predict_proba",)},
    ),
    "scaler, PCA to 8, logistic": (
        make_pipeline(StandardScaler(), PCA(8), LogisticRegression()),
        "two",
        {"for the same": ("predict_proba",)},
    ),
    "multinomial, 20 classes": (LogisticRegression(), "twenty", {"for the same": ("predict_proba",)}),
}


def measured(calls: dict[str, Callable[[int], Any]], rows: int) -> dict[str, float]:
    """Rows per second of each call, which takes the number of a batch."""
    spent = dict.fromkeys(calls, 0.0)
    times = -(-rows // BATCH)
    for turn in range(times):
        for name in calls if turn % 2 else reversed(calls):
            begun = time.perf_counter()
            calls[name](turn % BATCHES)
            spent[name] += time.perf_counter() - begun
    return {name: times * BATCH / seconds for name, seconds in spent.items()}


def calls_of(name: str, folder: Path) -> dict[str, Callable[[int], Any]]:
    """The backend, and the methods of the estimator."""
    estimator, kind, methods = ESTIMATORS[name]
    draw = np.random.default_rng(0)
    X = pd.DataFrame(draw.normal(size=(FITTED, len(COLUMNS))), columns=COLUMNS)
    raw = X.f0 + X.f1**2 - X.f2 * X.f3
    y = {"clustering": None, "two": raw > 1, "twenty": pd.qcut(raw, 20, labels=False)}[kind]
    task = "clustering" if y is None else "classification"
    kernel = registered_kernel(folder, estimator.fit(X, y), X, y, task=task)
    backend = choose_backend(kernel, "matrix", FITTED, ProgramFiles(folder, LoadPolicy()))
    blocks = [draw.normal(size=(BATCH, len(COLUMNS))) for _ in range(BATCHES)]
    batches = [pa.RecordBatch.from_arrays([pa.array(c) for c in b.T.copy()], names=COLUMNS) for b in blocks]
    frames = [estimator_input(kernel.signature, batch.columns) for batch in batches]

    def calling(names: tuple[str, ...]) -> Callable[[int], Any]:
        return lambda number: [getattr(estimator, method)(frames[number]) for method in names]

    own = {f"scikit-learn, {what}": calling(names) for what, names in methods.items()}
    return {"matrix backend": lambda number: backend.kernel(batches[number]), **own}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, default=3_000_000)
    asked = parser.parse_args(arguments)
    warnings.simplefilter("ignore")  # networks that have not converged
    for name in ESTIMATORS:
        with tempfile.TemporaryDirectory() as folder, threadpool_limits(1):
            calls = calls_of(name, Path(folder))
            for call in calls.values():
                call(0)
            found = measured(calls, asked.rows)
        print(f"{name}, {asked.rows:,} rows", flush=True)
        for what, speed in found.items():
            ratio = (
                ""
                if what == "matrix backend"
                else f"   the backend is {found['matrix backend'] / speed:4.1f} x as fast"
            )
            print(f"  {what:<28} {speed / 1e6:6.2f} M rows/s{ratio}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
