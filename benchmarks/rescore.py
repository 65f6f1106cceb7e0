"""The time of rescoring compared with a full run: 1 % of rows changed, none changed, three versions per scan.

    python benchmarks/rescore.py --rows 10000000 --repeat 3
    .venv-duckdb15/bin/python benchmarks/rescore.py --lake --rows 10000000 --repeat 3

The second command puts the feature table into a DuckLake beside the DuckDB file of the predictions, and
compares the rules `changed`, `updated_at` and `feed`; and `changed` with one statement that reads, hashes and
compares all rows and does nothing else. `./run test duckdb15` makes its environment.

Every figure is for the dbt node (read, score, write, merge and commit), in one process: a pair of wall-clock
seconds and processor seconds, which other work on the machine disturbs less. Figures are medians of the
repeats.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
from commands import DbtProject
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

FEATURES = [f"f{number}" for number in range(20)]
ALIASES = ["champion", "second", "third"]
LAYOUTS = ("long", "wide")
KINDS = ("linear", "tree")
BARS = {"linear": 0.25, "tree": 0.08}
BAR_NONE_SECONDS, BAR_TOGETHER = 3.0, 0.60
RULES = {
    "changed": "'changed'",
    "updated_at": "{'updated_at': 'updated_at'}",
    "feed": "'feed'",
}
BAR_ALONE = 1.3
LAKE_BARS = {"changed": 0.24, "updated_at": 0.08, "feed": 0.03}


@dataclass(frozen=True)
class Measured:
    """The time of one node, in wall-clock and processor seconds."""

    clock: float
    processor: float

    def share_of(self, other: Measured) -> str:
        shares = self.clock / other.clock, self.processor / other.processor
        return f"{shares[0]:.1%} of the time, {shares[1]:.1%} of the processor"

    def __str__(self) -> str:
        return f"{self.clock:.2f} s ({self.processor:.2f} s of the processor)"


def median(found: Sequence[Measured]) -> Measured:
    """The median of each time."""
    clocks, processors = [m.clock for m in found], [m.processor for m in found]
    return Measured(statistics.median(clocks), statistics.median(processors))


def added(found: Sequence[Measured]) -> Measured:
    """The sum of each time."""
    return Measured(sum(m.clock for m in found), sum(m.processor for m in found))


def estimator(kind: str, strength: float) -> object:
    """A linear pipeline, or 100 trees of 31 leaves."""
    if kind == "tree":
        return HistGradientBoostingClassifier(max_iter=100, early_stopping=False, l2_regularization=strength)
    return make_pipeline(StandardScaler(), LogisticRegression(C=strength))


def make_project(folder: Path, rows: int, kinds: Sequence[str] = KINDS) -> DbtProject:
    """A feature table, and a linear model with three versions and a tree model with one."""
    project = DbtProject(folder)
    generator = np.random.default_rng(0)
    frame = pd.DataFrame(generator.random((20_000, 20)), columns=FEATURES)
    labels = (frame["f0"] + frame["f1"] * frame["f2"] + generator.normal(0, 0.3, 20_000) > 0.8).astype(int)
    for kind in kinds:
        for number, alias in enumerate(ALIASES if kind == "linear" else ALIASES[:1]):
            fitted = estimator(kind, 10.0**-number).fit(frame, labels)
            project.register(fitted, kind, frame, labels, task="classification", alias=alias)
    columns = ", ".join(f"random() as {name}" for name in FEATURES)
    with duckdb.connect(project.database) as connection:
        connection.execute(f"create table features as select i as id, {columns} from range({rows}) as t(i)")
    return project


def measure(project: DbtProject, model: str, *, full: bool = False) -> Measured:
    """One run of a model, from the start of its node to its end."""
    from dbt.cli.main import dbtRunner

    marks: dict[str, tuple[float, float]] = {}

    def note(event: object) -> None:
        marks[event.info.name] = (time.perf_counter(), time.process_time())  # type: ignore[attr-defined]

    places = ["--project-dir", str(project.folder), "--profiles-dir", str(project.folder)]
    more = ["--full-refresh"] if full else []
    with contextlib.chdir(project.folder):  # the path of the database is relative to it
        ended = dbtRunner(callbacks=[note]).invoke(["--quiet", "run", "--select", model, *more, *places])
    if not ended.success:
        raise SystemExit(f"{model} failed")
    (began, used_before), (done, used_after) = marks["NodeStart"], marks["NodeFinished"]
    return Measured(done - began, used_after - used_before)


def prediction_table(
    project: DbtProject, name: str, model: str, arguments: str, features: str = "features"
) -> None:
    """A prediction table over the features, which are not a dbt model here, so nothing rebuilds them."""
    call = f"scorehouse.scored('{model}', key='id', {arguments})"
    project.write(f"models/{name}.sql", f"{{{{ {call} }}}}\nselect * from {features}\n")


def main() -> None:
    """Print one line per figure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--kinds", default=",".join(KINDS), help="linear, tree or both")
    parser.add_argument("--lake", action="store_true", help="put the features into a DuckLake")
    parser.add_argument("--backend", default="auto", help="the backend that scores; auto takes the fastest")
    asked = parser.parse_args()
    kinds = [kind for kind in KINDS if kind in asked.kinds.split(",")]
    with tempfile.TemporaryDirectory() as folder:
        project = make_project(Path(folder) / "house", asked.rows, kinds)
        backend = f"backend='{asked.backend}'"
        if asked.lake:
            report_lake(project, kinds, asked.rows, asked.repeat, backend)
            return
        for kind in kinds:
            prediction_table(project, f"{kind}_scores", kind, f"rescore='changed', {backend}")
        for layout in LAYOUTS:
            prediction_table(project, layout, "linear", f"alias={ALIASES}, layout='{layout}', {backend}")
        for alias in ALIASES:
            prediction_table(project, f"alone_{alias}", "linear", f"alias='{alias}', {backend}")
        project.dbt("seed").check()
        for kind in kinds:
            report_rescore(project, kind, asked.rows, asked.repeat)
        if "linear" in kinds:
            report_versions(project, asked.repeat)


def report_rescore(project: DbtProject, kind: str, rows: int, repeat: int) -> None:
    """Full, one in a hundred changed, none changed."""
    model = f"{kind}_scores"
    found: dict[str, list[Measured]] = {"full": [], "changed": [], "none": []}
    measure(project, model, full=True)  # imports, and the first read of the file
    for number in range(repeat):
        found["full"].append(measure(project, model, full=True))
        with duckdb.connect(project.database) as connection:
            connection.execute(f"update features set f0 = f0 + 0.001 where id % 100 = {number}")
        found["changed"].append(measure(project, model))
        found["none"].append(measure(project, model))
    full, changed, none = (median(found[name]) for name in ("full", "changed", "none"))
    runs = project.runs(model)[-3:]
    peaks = ", ".join(f"{run['peak_memory_mib']:,.0f}" for run in runs)
    print(f"{kind}, {rows:,} rows, backend {runs[0]['backend']}: full run {full}")
    print(f"  1 % changed: {changed}, {changed.share_of(full)} (bar {BARS[kind]:.0%})")
    print(f"  none changed: {none} (bar {BAR_NONE_SECONDS:.0f} s)")
    print(f"  rows scored {[run['rows_in'] for run in runs]}; peak MiB {peaks}", flush=True)


def report_versions(project: DbtProject, repeat: int) -> None:
    """Three versions in one scan, in both layouts, compared with three runs."""
    models = [*LAYOUTS, *(f"alone_{alias}" for alias in ALIASES)]
    found: dict[str, list[Measured]] = {model: [] for model in models}
    for _ in range(repeat):
        for model in models:
            found[model].append(measure(project, model))
    alone = added([median(found[f"alone_{alias}"]) for alias in ALIASES])
    peak = max(project.runs(f"alone_{alias}")[-1]["peak_memory_mib"] for alias in ALIASES)
    print(f"linear, three versions apart: {alone}; peak MiB {peak:,.0f}")
    for layout in LAYOUTS:
        together = median(found[layout])
        own = max(run["peak_memory_mib"] for run in project.runs(layout))
        share = f"{together.share_of(alone)} (bar {BAR_TOGETHER:.0%})"
        print(f"  {layout}: {together}, {share}; peak MiB {own:,.0f}")


def compared_alone(predictions: str) -> str:
    """SQL that counts the rows of the feature table whose hash is not that of their prediction."""
    now = f"select id, hash({', '.join(FEATURES)}) as feature_hash from lake.features"
    return (
        f"select count(*) from ({now}) as now anti join (select id, feature_hash from {predictions}) as old "
        "on now.id = old.id and now.feature_hash = old.feature_hash"
    )


def report_lake(project: DbtProject, kinds: Sequence[str], rows: int, repeat: int, backend: str) -> None:
    """Full, one in a hundred changed by each rule, none changed by the feed; features in a DuckLake."""
    from lake import attach
    from many_commands import close_database

    settings = attach(project, beside=True)

    def execute(*statements: str) -> Measured:
        with duckdb.connect(project.database, config=settings) as connection:
            connection.execute(f"attach if not exists 'ducklake:{project.folder}/lake.ducklake' as lake")
            clock, used = time.perf_counter(), time.process_time()
            for statement in statements:
                connection.execute(statement).fetchall()
            return Measured(time.perf_counter() - clock, time.process_time() - used)

    execute(
        "create table lake.features as select *, timestamp '2025-01-01' as updated_at from features",
        "drop table features",
    )
    for kind in kinds:
        for rule, rescore in RULES.items():
            arguments = f"rescore={rescore}, {backend}"
            prediction_table(project, f"{kind}_{rule}", kind, arguments, "lake.main.features")
    project.dbt("seed").check()
    for kind in kinds:
        found: dict[str, list[Measured]] = {name: [] for name in ("full", *RULES, "none", "alone")}
        for rule in RULES:
            measure(project, f"{kind}_{rule}", full=True)
        for number in range(repeat):
            found["full"].append(measure(project, f"{kind}_feed", full=True))
            stamp = f"timestamp '2025-01-02' + interval {number} day"
            changes = f"f0 = f0 + 0.001, updated_at = {stamp}"
            execute(f"update lake.features set {changes} where id % 100 = {number}")
            found["alone"].append(execute(compared_alone(f"{kind}_changed")))
            for rule in RULES:
                found[rule].append(measure(project, f"{kind}_{rule}"))
            found["none"].append(measure(project, f"{kind}_feed"))
        full = median(found["full"])
        close_database(project.database)  # dbt's, which is open with the settings of the lake
        runs = project.runs(f"{kind}_feed")
        print(f"{kind}, {rows:,} rows in a DuckLake, backend {runs[-1]['backend']}: full run {full}")
        for rule in RULES:
            took, last = median(found[rule]), project.runs(f"{kind}_{rule}")
            scored = last[-2 if rule == "feed" else -1]["rows_in"]
            bar = f" (bar {LAKE_BARS[rule]:.0%})" if kind == "tree" else ""
            print(f"  1 % changed, rule {rule}: {took}, {took.share_of(full)}{bar}; {scored:,} rows scored")
        alone = median(found["alone"])
        ratio = median(found["changed"]).processor / alone.processor
        print(f"  reading and comparing alone: {alone}; rule changed: {ratio:.2f} x (bar {BAR_ALONE})")
        assert runs[-1]["feed_from"] is not None, runs[-1]["feed_reason"]
        print(f"  none changed, rule feed: {median(found['none'])}", flush=True)


if __name__ == "__main__":
    main()
