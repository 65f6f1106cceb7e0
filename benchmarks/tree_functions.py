"""Forests as Python functions of a warehouse: how many they take, and seconds per million rows of the body.

    python benchmarks/tree_functions.py                      # 500 trees of depth 12 on 20,000 rows
    python benchmarks/tree_functions.py --training 200000    # fuller trees

The body runs here as the warehouse gets it, on batches of the sizes below, in one thread; the warehouse's own
time to hand rows over is not in it.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestClassifier

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "python" / "support"))
from scorehouse.program.native.recipes import recipe_of
from scorehouse.program.sql.builder import Builder, Value
from scorehouse.program.sql.expression import Column
from scorehouse.program.sql.functions import called, sum_in_functions
from scorehouse.program.sql.registers import CONVERTERS
from scorehouse.registry.signature import Signature

FEATURES = [f"x{i}" for i in range(20)]
BATCHES = (1, 1_000, 10_000)
ROWS = 50_000


def data(rows: int, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Amounts with two decimals, and a label that half of them tell."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(rng.normal(size=(rows, len(FEATURES))).round(2), columns=FEATURES)
    return X, X.x0 * X.x1 + X.x2 - X.x3**2 + rng.normal(size=rows) > 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--trees", type=int, default=500)
    parser.add_argument("--depth", type=int, default=12)
    parser.add_argument("--training", type=int, default=20_000)
    asked = parser.parse_args()
    X, y = data(asked.training, 0)
    forest = RandomForestClassifier(asked.trees, max_depth=asked.depth, random_state=0).fit(X, y)
    ensemble, _ = recipe_of(forest, lambda estimator, problem: ValueError(problem))
    names = "scorehouse_forest_v1"
    signature = Signature((), container="frame")
    b = Builder(signature, "benchmark", CONVERTERS, has_real=True, largest=1e300, functions_of=names)
    start = time.perf_counter()
    sum_in_functions(b, ensemble, [Value(Column(f"sh_{name}"), name) for name in FEATURES], 1)
    nodes = sum(len(tree.left) for tree in ensemble.trees)
    sizes = [len(one.text) for one in b.functions]
    print(f"{asked.trees} trees of depth {asked.depth}, {nodes:,} nodes: {len(sizes)} functions of at most")
    print(f"{max(sizes):,} bytes, {sum(sizes):,} together, made in {time.perf_counter() - start:.1f} s")
    rows, _ = data(ROWS, 1)
    bodies = [called(one) for one in b.functions]
    frame = pd.DataFrame({0: np.zeros(ROWS), **{i + 1: rows[name] for i, name in enumerate(FEATURES)}})
    for body in bodies:
        body(frame.iloc[:1])  # decodes
    for size in BATCHES:
        most = min(ROWS, 300 * size)
        start, total = time.process_time(), np.zeros(most)
        for first in range(0, most, size):
            part = frame.iloc[first : first + size].copy()
            for body in bodies:
                part[0] = body(part)
            total[first : first + size] = part[0]
        seconds = (time.process_time() - start) / most * 1e6
        same = np.array_equal(total / asked.trees, forest.predict_proba(rows.iloc[:most])[:, 1])
        print(f"batches of {size:,}: {seconds:,.0f} s per million rows; scikit-learn's bits: {same}")


if __name__ == "__main__":
    main()
