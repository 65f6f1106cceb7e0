"""What a small run costs above an empty dbt Python model: by a program, and by the estimator.

    python benchmarks/programs.py --rows 10000 --repeat 5

Each figure is of `dbt run` of one model in a process of its own, in seconds of processor and clock;
medians of the repeats, whose order alternates.
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
from commands import DbtProject, run_models
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

COLUMNS = [f"f{number}" for number in range(20)]
EMPTY = """
def model(dbt, session):
    dbt.config(materialized="table")
    return dbt.ref("features")
"""


def project_of(folder: Path, rows: int) -> DbtProject:
    """Features, a linear model, one of trees, and an empty Python model."""
    project = DbtProject(folder)
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(5_000, len(COLUMNS))), columns=COLUMNS)
    y = X.f0 + X.f1 > 0
    linear = make_pipeline(StandardScaler(), LogisticRegression())
    for name, estimator in (("linear", linear), ("trees", HistGradientBoostingClassifier())):
        project.register(estimator.fit(X, y), name, X, y, task="classification")
        for backend in ("auto", "estimator"):
            project.python_model(f"{name}_{backend}", name, key="id", backend=backend)
    columns = ", ".join(f"sin(i * {n + 1}) as f{n}" for n in range(len(COLUMNS)))
    project.features(f"select i as id, {columns} from range({rows}) as t(i)")
    project.write("python_models/empty.py", EMPTY)
    project.build().check()
    return project


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--repeat", type=int, default=5)
    asked = parser.parse_args(arguments)
    models = ["empty", "linear_auto", "linear_estimator", "trees_auto", "trees_estimator"]
    with tempfile.TemporaryDirectory() as folder:
        project = project_of(Path(folder) / "house", asked.rows)
        found: dict[str, list[tuple[float, float]]] = {model: [] for model in models}
        for number in range(asked.repeat):
            for model in models if number % 2 else reversed(models):
                found[model].append(run_models(project, model))
        backends = {model: project.runs(model)[-1]["backend"] for model in models[1:]}
    empty = [statistics.median(times) for times in zip(*found["empty"], strict=True)]
    print(f"{asked.rows:,} rows        processor     clock   above the empty model")
    for model in models:
        processor, clock = (statistics.median(times) for times in zip(*found[model], strict=True))
        above = f"{processor - empty[0]:8.2f} s {clock - empty[1]:8.2f} s" if model != "empty" else ""
        print(f"{model:<18} {processor:8.2f} s {clock:8.2f} s {above}  {backends.get(model, '')}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
