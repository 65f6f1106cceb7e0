"""Time of rescoring beside a full run: one row in a hundred changed, none changed, and three versions a scan.

    python benchmarks/rescore.py --rows 5000000

Every figure is the time of the dbt node (read, score, write, merge and commit), in one process, paired.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "python"))
from project import DbtProject

FEATURES = [f"f{number}" for number in range(20)]
ALIASES = ["champion", "second", "third"]


def estimator(kind: str, strength: float) -> object:
    """A linear pipeline, or 100 trees of 31 leaves."""
    if kind == "tree":
        return HistGradientBoostingClassifier(max_iter=100, early_stopping=False, l2_regularization=strength)
    return make_pipeline(StandardScaler(), LogisticRegression(C=strength))


def make_project(folder: Path, rows: int) -> DbtProject:
    """A feature table, and a linear and a tree model with three versions each."""
    project = DbtProject(folder)
    generator = np.random.default_rng(0)
    frame = pd.DataFrame(generator.random((20_000, 20)), columns=FEATURES)
    labels = (frame["f0"] + frame["f1"] * frame["f2"] + generator.normal(0, 0.3, 20_000) > 0.8).astype(int)
    for kind in ("linear", "tree"):
        for number, alias in enumerate(ALIASES if kind == "linear" else ALIASES[:1]):
            fitted = estimator(kind, 10.0**-number).fit(frame, labels)
            project.register(fitted, kind, frame, labels, task="classification", alias=alias)
    columns = ", ".join(f"random() as {name}" for name in FEATURES)
    with duckdb.connect(project.database) as connection:
        connection.execute(f"create table features as select i as id, {columns} from range({rows}) as t(i)")
    return project


def seconds(project: DbtProject, model: str, *, full: bool = False) -> float:
    """Time of one run of a model, as dbt measures it."""
    from dbt.cli.main import dbtRunner

    places = ["--project-dir", str(project.folder), "--profiles-dir", str(project.folder)]
    more = ["--full-refresh"] if full else []
    ended = dbtRunner().invoke(["--quiet", "run", "--select", model, *more, *places])
    if not ended.success:
        raise SystemExit(f"{model} failed")
    return max(result.execution_time for result in ended.result.results if result.node.name == model)


def prediction_table(project: DbtProject, name: str, model: str, arguments: str) -> None:
    """A prediction table over the features, which are no dbt model here: nothing rebuilds them."""
    call = f"scorehouse.scored('{model}', key='id', {arguments})"
    project.write(f"models/{name}.sql", f"{{{{ {call} }}}}\nselect * from features\n")


def main() -> None:
    """Print one line a figure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=5_000_000)
    rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory() as folder:
        project = make_project(Path(folder) / "house", rows)
        for kind in ("linear", "tree"):
            prediction_table(project, f"{kind}_scores", kind, "rescore='changed'")
        prediction_table(project, "together", "linear", f"alias={ALIASES}")
        for alias in ALIASES:
            prediction_table(project, f"alone_{alias}", "linear", f"alias='{alias}'")
        project.dbt("seed").check()
        for kind in ("linear", "tree"):
            report_rescore(project, kind, rows)
        together = seconds(project, "together")
        alone = sum(seconds(project, f"alone_{alias}") for alias in ALIASES)
        print(
            f"linear, three versions: {together:.2f} s in one scan, "
            f"{alone:.2f} s apart, {together / alone:.0%}"
        )


def report_rescore(project: DbtProject, kind: str, rows: int) -> None:
    """Full, one in a hundred changed, none changed."""
    model = f"{kind}_scores"
    full = seconds(project, model, full=True)
    with duckdb.connect(project.database) as connection:
        connection.execute("update features set f0 = f0 + 0.001 where id % 100 = 7")
    changed = seconds(project, model)
    none = seconds(project, model)
    runs = project.runs(model)
    counts = [run["rows_in"] for run in runs]
    peaks = ", ".join(f"{run['peak_memory_mib']:,.0f}" for run in runs)
    print(
        f"{kind}, {rows:,} rows: full {full:.2f} s; 1 % changed {changed:.2f} s, {changed / full:.1%}; "
        f"none changed {none:.2f} s; rows scored {counts}; peak MiB {peaks}",
        flush=True,
    )


if __name__ == "__main__":
    main()
