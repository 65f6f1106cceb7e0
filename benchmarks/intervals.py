"""What intervals cost: a scoring run alone, with intervals as a view, and with them as a second table.

    python benchmarks/intervals.py                        # ten million rows, 20 columns, a linear regression
    python benchmarks/intervals.py --rows 1000000 --repeats 3

Processor seconds of one `dbt run` each, dbt's start included. The fourth figure reads the low ends of all
intervals from the view, as a mart would; the fifth reads the predictions.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.linear_model import LinearRegression

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "python" / "support"))
from processor import DBT, processor_seconds

from project import DbtProject

COLUMNS = 20
INTERVALS = (
    "{{{{ config(materialized='{kind}') }}}}\n"
    "{{{{ scorehouse.prediction_intervals(ref('scored'), ref('ml_demand__calibration'), level=0.9) }}}}\n"
)
READ = "select sum({}) from {}"


def made_project(folder: Path, rows: int) -> DbtProject:
    """A calibrated model, a feature table, its prediction table, and both kinds of intervals."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(20_000, COLUMNS)), columns=[f"f{i:02d}" for i in range(COLUMNS)])
    y = X.f00 * 3 + X.f01.abs() + rng.normal(size=len(X))
    fitted, held = X[:10_000], X[10_000:]
    project = DbtProject(folder)
    project.register(
        LinearRegression().fit(fitted, y[:10_000]),
        "demand",
        fitted,
        y[:10_000],
        task="regression",
        calibration=(held, y[10_000:]),
        intervals="split",
        levels=[0.9],
    )
    drawn = ", ".join(f"sqrt(-2 * ln(random())) * cos(2 * pi() * random()) as {name}" for name in X)
    project.features(f"select i as id, {drawn} from range({rows}) as t(i)")
    project.python_model("scored", "demand", key="id")
    for kind in ("view", "table"):
        project.write(f"models/in_{kind}.sql", INTERVALS.format(kind=kind))
    project.build("--select", "ml_demand", "ml_demand__calibration", "features").check()
    return project


def measured(project: DbtProject, repeats: int) -> dict[str, float]:
    """The median of each way, in processor seconds."""
    reading = "import duckdb, sys; duckdb.connect(sys.argv[1], read_only=True).sql(sys.argv[2]).fetchall()"
    database = str(project.database)
    ways = {
        "run": (DBT, "--quiet", "run", "--select", "scored"),
        "run, intervals as a view": (DBT, "--quiet", "run", "--select", "scored", "in_view"),
        "run, intervals as a table": (DBT, "--quiet", "run", "--select", "scored", "in_table"),
        "read the intervals of the view": (
            *(sys.executable, "-c", reading, database),
            READ.format("prediction_low", "in_view"),
        ),
        "read the predictions": (
            *(sys.executable, "-c", reading, database),
            READ.format("prediction", "scored"),
        ),
    }
    found: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(repeats):
        for way, command in ways.items():
            found[way].append(processor_seconds(project, *command))
    return {way: round(statistics.median(taken), 2) for way, taken in found.items()}


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--repeats", type=int, default=1)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measured(made_project(Path(folder) / "house", asked.rows), asked.repeats)
    ratios = {way: round(found[way] / found["run"], 2) for way in list(found)[1:3]}
    print(json.dumps({"processor seconds": found, "times the run alone": ratios}, indent=2))


if __name__ == "__main__":
    main()
