"""An estimator per segment against one estimator, in a scoring run of the same feature table.

    python benchmarks/segments.py --segments 2000 --rows 1000000
    python benchmarks/segments.py --inner trees --segments 200 --rows 200000

Scored are linear models behind a scaler, or small boosted trees, of 20 columns. `one` is an ML model of one
such estimator, `segments` of one per segment; both run as `auto` chooses. `one by matrix` is the backend that
segments have, for one. Seconds are dbt's time for the node, medians of the repeats, whose order alternates.
`processor` is of the whole command, less that of a command that scores no row, which is dbt's start.
Registration is of the segments alone.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from commands import DbtProject, node_seconds, run_models
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from scorehouse import SegmentedRegressor

COLUMNS = [f"f{number}" for number in range(20)]
ROWS_PER_SEGMENT = 40  # of training
INNER: dict[str, Any] = {
    "linear": make_pipeline(StandardScaler(), Ridge()),
    "trees": HistGradientBoostingRegressor(max_iter=10, max_leaf_nodes=15, early_stopping=False),
}


def register_both(project: DbtProject, inner: str, segments: int) -> None:
    """Register both ML models, and print what that of the segments takes."""
    draw = np.random.default_rng(0)
    rows = segments * ROWS_PER_SEGMENT
    X = pd.DataFrame(draw.normal(size=(rows, len(COLUMNS))), columns=COLUMNS)
    store = np.arange(rows) % segments
    y = X.f0 * (1 + store / segments) + X.f1 + draw.normal(size=rows) / 9
    project.register(INNER[inner].fit(X, y), "one", X, y, task="regression")
    X["store"] = [f"store {number}" for number in store]
    fitted = SegmentedRegressor(INNER[inner], "store").fit(X, y)
    clock, spent = time.perf_counter(), time.process_time()
    version = project.register(fitted, "segments", X, y, task="regression")
    took, processor = time.perf_counter() - clock, time.process_time() - spent
    sizes = {
        file.name: file.stat().st_size
        for file in sorted((project.folder / version.artifact).parent.iterdir())
    }
    print(f"registered {segments:,} segments in {took:.1f} s ({processor:.1f} s of the processor)")
    print("  " + ", ".join(f"{name} {size / 1e6:.2f} MB" for name, size in sizes.items()), flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--inner", choices=sorted(INNER), default="linear")
    parser.add_argument("--segments", type=int, default=2_000)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeat", type=int, default=3)
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        project = DbtProject(Path(folder) / "house")
        project.writes_files = True
        register_both(project, asked.inner, asked.segments)
        models = {"one": ("one", "auto"), "segments": ("segments", "auto")}
        if asked.inner == "linear":
            models["one_by_matrix"] = ("one", "matrix")
        models["no_rows"] = ("one", "auto")
        for name, (model, asked) in models.items():
            table = "none" if name == "no_rows" else "features"
            project.python_model(f"scored_{name}", model, key="id", backend=asked, features=table)
        drawn = ", ".join(f"sin(i * {n + 1}) as {name}" for n, name in enumerate(COLUMNS))
        store = f"'store ' || (hash(i) % {asked.segments}) as store"
        project.features(f"select i as id, {store}, {drawn} from range({asked.rows}) as t(i)")
        project.features("select * from {{ ref('features') }} limit 0", "none")
        project.dbt("seed").check()
        project.dbt("run", "--select", "features", "none").check()
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in models}
        for number in range(asked.repeat):
            for name in models if number % 2 else reversed(models):
                spent, _ = run_models(project, f"scored_{name}")
                found[name].append((node_seconds(project, f"scored_{name}"), spent))
        medians = {
            name: [statistics.median(column) for column in zip(*times, strict=True)]
            for name, times in found.items()
        }
        start = medians.pop("no_rows")[1]
        base = medians["one"]
        print(f"dbt's start: {start:.2f} s of the processor")
        for name, (seconds, spent) in medians.items():
            backend = project.runs(f"scored_{name}")[-1]["backend"]
            print(
                f"{name:14} {backend:9} {seconds:6.2f} s, {seconds / base[0]:5.2f} x one"
                f"   processor {spent - start:6.2f} s, {(spent - start) / (base[1] - start):5.2f} x one",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
