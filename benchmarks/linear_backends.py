"""A linear model by its SQL, by its matrix backend and by its estimator, for several widths and sizes.

    python benchmarks/linear_backends.py --repeat 3
    python benchmarks/linear_backends.py --widths 20,400 --sizes 5000

Each figure is dbt's time for the node of a scoring run, in seconds: everything that a run does is in it.
Medians of the repeats, whose order alternates. They set `MATRIX_BELOW_ROWS` in `scorehouse.program.choose`.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from commands import DbtProject, node_seconds, run_models
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

BACKENDS = ("sql", "matrix", "estimator", "auto")
TRAINING_ROWS = 2_000


def add_width(project: DbtProject, width: int) -> None:
    """Register a logistic regression of so many columns, with a dbt model per backend."""
    columns = [f"f{number}" for number in range(width)]
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(TRAINING_ROWS, width)), columns=columns)
    y = X.f0 + X.f1 > 0
    linear = make_pipeline(StandardScaler(), LogisticRegression())
    project.register(linear.fit(X, y), f"wide_{width}", X, y, task="classification")
    for backend in BACKENDS:
        project.python_model(f"{backend}_{width}", f"wide_{width}", key="id", backend=backend)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--widths", default="5,20,100,400")
    parser.add_argument("--sizes", default="5000,100000,1000000")
    parser.add_argument("--cells", type=int, default=100_000_000, help="skip larger feature tables")
    parser.add_argument("--repeat", type=int, default=3)
    asked = parser.parse_args(arguments)
    widths = [int(width) for width in asked.widths.split(",")]
    print(
        f"{'columns':>8} {'rows':>10} " + " ".join(f"{backend:>10}" for backend in BACKENDS) + "  auto took"
    )
    with tempfile.TemporaryDirectory() as folder:
        project = DbtProject(Path(folder) / "house")
        for width in widths:
            add_width(project, width)
        for width in widths:
            for rows in (int(rows) for rows in asked.sizes.split(",")):
                if rows * width > asked.cells:
                    continue
                drawn = ", ".join(f"sin(i * {n + 1}) as f{n}" for n in range(width))
                project.features(f"select i as id, {drawn} from range({rows}) as t(i)")
                project.dbt("run", "--select", "features").check()
                project.dbt("seed").check()
                found: dict[str, list[float]] = {backend: [] for backend in BACKENDS}
                for number in range(asked.repeat):
                    for backend in BACKENDS if number % 2 else reversed(BACKENDS):
                        run_models(project, f"{backend}_{width}")
                        found[backend].append(node_seconds(project, f"{backend}_{width}"))
                medians = " ".join(f"{statistics.median(found[backend]):9.2f}s" for backend in BACKENDS)
                took = project.runs(f"auto_{width}")[-1]["backend"]
                print(f"{width:8,} {rows:10,} {medians}  {took}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
