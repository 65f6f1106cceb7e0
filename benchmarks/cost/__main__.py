"""What a million rows cost: the same Parquet and the same model, scored by several tools from start to end.

    .venv-all/bin/python benchmarks/cost                       5,200,000 rows of 48 doubles
    .venv-all/bin/python benchmarks/cost --rows 100000 --models logistic --sides pandas,scorehouse
    .venv-all/bin/python benchmarks/cost --rows 26000000 --models xgboost --sides ray,scorehouse

The last is the case that Ray's documentation publishes; pandas would need 33 GB of memory for it.

Each side is a command of its own, whose start counts: dbt's, its full parse too, a JVM's, a cluster's on
this machine. `scorehouse_kept` is scorehouse where dbt's target folder stands since an earlier build, as on
a machine that runs each night. Not counted is what is done once per model: to register and seed, to
convert. All but scorehouse, which makes a table in DuckDB with its audit columns, write an id and a number
as Parquet. Prints for each the seconds of clock and cores, those of 1,000 rows, which are its start, the
peak memory of all its processes together, the bytes that it read and wrote, how far its values are from
those of the first side, and dollars per billion rows: the clock times what a machine of so many cores costs
(`prices.csv`), with and without the start. Medians of runs by turns. Writes
target/benchmarks/cost/results.json too.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import shutil
import statistics
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import duckdb
import joblib
import numpy as np
import pandas as pd
import xgboost
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import scorehouse

sys.path.append(str(Path(__file__).parents[1] / "scoring"))

from environments import python_of
from measure import Measured, measure
from models import REPOSITORY

HERE = Path(__file__).parent
TARGET = REPOSITORY / "target" / "benchmarks"
FOLDER = TARGET / "cost"
COLUMNS = [f"f{number}" for number in range(48)]
TRAINING_ROWS = 20_000
FEW = 1_000  # rows, to measure how long a side takes to start
CORES = len(os.sched_getaffinity(0))
MODELS = {
    "xgboost": lambda: xgboost.XGBClassifier(n_estimators=100, max_depth=6, random_state=0),
    "boosting": lambda: HistGradientBoostingClassifier(max_iter=100, early_stopping=False, random_state=0),
    "logistic": lambda: make_pipeline(StandardScaler(), LogisticRegression()),
}
OURS = ("scorehouse", "scorehouse_kept")
SIDES = ("pandas", "onnx", "ray", *OURS, "spark", "sql")

PROJECT = """
name: scorehouse
config-version: 2
profile: cost
model-paths: [models, python_models]
flags: {send_anonymous_usage_stats: false}
on-run-start: "{{ scorehouse.ensure_run_log() }}"
on-run-end: "{{ scorehouse.close_runs(results) }}"
"""
PROFILE = "cost:\n  target: dev\n  outputs:\n    dev: {type: duckdb, path: '%s', threads: 1}\n"
PREDICTIONS = """
from scorehouse import score


def model(dbt, session):
    dbt.config(materialized="predictions")
    return score(dbt, session, features=dbt.ref("features"), model=dbt.ref("ml_{name}"), key="id")
"""


class NotConverted(Exception):
    """No such form of this model exists; the message says why."""


def prepare(names: list[str], rows: int) -> Path:
    """The features as Parquet, the models, and a project with them; work of earlier calls is reused."""
    features = FOLDER / f"features_{rows}.parquet"
    FOLDER.mkdir(parents=True, exist_ok=True)
    if not features.exists():
        drawn = ", ".join(
            f"(hash(i * {len(COLUMNS)} + {number}) % 1000000) / 250000.0e0 - 2 as {column}"
            for number, column in enumerate(COLUMNS)
        )
        duckdb.sql(f"copy (select i as id, {drawn} from range({rows}) as t(i)) to '{features}'")
    random = np.random.default_rng(0)
    X = pd.DataFrame(random.normal(size=(TRAINING_ROWS, len(COLUMNS))), columns=COLUMNS)
    y = (X["f0"] + X["f1"] * X["f2"] + random.normal(size=len(X)) > 0).astype(int)
    project = FOLDER / "project"
    for part in ("models", "python_models", "seeds"):
        (project / part).mkdir(parents=True, exist_ok=True)
    (project / "dbt_project.yml").write_text(PROJECT)
    (project / "profiles.yml").write_text(PROFILE % (FOLDER / "cost.duckdb"))
    (project / "models/features.sql").write_text(
        f"{{{{ config(materialized='view') }}}}\nselect * from '{features}'\n"
    )
    shutil.rmtree(project / "macros", ignore_errors=True)  # no SQL of models is among them: DuckDB needs none
    shutil.copytree(REPOSITORY / "macros", project / "macros", ignore=shutil.ignore_patterns("ml"))
    for name in names:
        if not (FOLDER / f"{name}.joblib").exists():
            estimator = MODELS[name]().fit(X, y)
            scorehouse.register(
                estimator, name, X, y, task="classification", alias="champion", project_dir=project
            )
            joblib.dump(estimator, FOLDER / f"{name}.joblib")
        (project / f"python_models/scored_{name}.py").write_text(PREDICTIONS.format(name=name).lstrip())
    _dbt(project, "seed", "--full-refresh")
    _dbt(project, "run", "--select", "features")
    return features


def _dbt(project: Path, *arguments: str) -> None:
    subprocess.run(dbt_command(project, *arguments), check=True)


def dbt_command(project: Path, *arguments: str) -> list[str]:
    """dbt on the project of the benchmark."""
    dbt = str(Path(sys.executable).with_name("dbt"))
    return [dbt, "--quiet", *arguments, "--project-dir", str(project), "--profiles-dir", str(project)]


def command_of(side: str, name: str, features: Path, output: Path) -> list[str]:
    """The command of a side. Raises NotConverted."""
    if side in OURS:
        return dbt_command(FOLDER / "project", "run", "--select", f"scored_{name}")
    python = python_of(side, TARGET) if side in ("ray", "spark") else sys.executable
    model = {"onnx": _onnx, "sql": _sql}.get(side, _joblib)(name)
    return [python, str(HERE / "sides.py"), side, str(model), str(features), str(output), *COLUMNS]


def _joblib(name: str) -> Path:
    return FOLDER / f"{name}.joblib"


def _onnx(name: str) -> Path:
    from skl2onnx import to_onnx

    made = FOLDER / f"{name}.onnx"
    try:
        given = np.zeros((1, len(COLUMNS)), dtype=np.float32)
        onnx = to_onnx(joblib.load(_joblib(name)), given, options={"zipmap": False})
    except Exception as error:  # converters raise what they like
        raise NotConverted(f"skl2onnx: {type(error).__name__}") from error
    made.write_bytes(onnx.SerializeToString())
    return made


def _sql(name: str) -> Path:
    made = FOLDER / f"{name}.sql"
    script = [python_of("orbital", TARGET), str(HERE.parent / "scoring/orbital_sql.py")]
    kinds = [f"{column}=double" for column in COLUMNS]
    done = subprocess.run(
        [*script, str(_joblib(name)), "features", str(made), "output_probability.1", *kinds],
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise NotConverted(f"orbital: {done.stderr.strip().splitlines()[-1][:60]}")
    made.write_text(made.read_text().partition("\n")[2])  # the first line is a dbt config
    return made


def run(sides: list[str], name: str, features: Path, repeat: int) -> dict[str, dict[str, Any]]:
    """What each side takes: medians of runs by turns; and its values beside those of the first."""
    commands, found = {}, {side: {} for side in sides}
    for side in sides:
        try:
            commands[side] = command_of(side, name, features, FOLDER / f"{name}.{side}.parquet")
        except NotConverted as error:
            found[side] = {"refused": str(error)}
    runs: dict[str, list[Measured]] = {side: [] for side in commands}
    for _ in range(repeat):
        for side in list(commands):
            try:
                runs[side].append(_once(side, name, commands[side]))
            except RuntimeError as error:
                found[side] = {"refused": str(error).strip().splitlines()[-1][:80]}
                del commands[side]
            else:
                print(name, side, runs[side][-1], file=sys.stderr, flush=True)
    for side in commands:
        facts = [asdict(one) for one in runs[side]]
        found[side] = {fact: statistics.median(each[fact] for each in facts) for fact in facts[0]}
        found[side]["largest_difference"] = _difference(side, name, sides[0])
    return found


def _once(side: str, name: str, command: list[str]) -> Measured:
    shutil.rmtree(FOLDER / f"{name}.{side}.parquet", ignore_errors=True)
    (FOLDER / "cost.duckdb.wal").unlink(missing_ok=True)
    if side == "scorehouse":  # as in a new container; the other has what dbt has parsed before
        shutil.rmtree(FOLDER / "project/target", ignore_errors=True)
    if side in OURS:
        with duckdb.connect(FOLDER / "cost.duckdb") as connection:
            connection.execute(f"drop table if exists scored_{name}")
    return measure(command, PYSPARK_PYTHON=command[0], RAY_DEDUP_LOGS="0")


def _values(side: str, name: str) -> str:
    """What a side has written, as a relation of DuckDB."""
    if side in OURS:
        return f"(select id, score as value from scored_{name})"
    output = FOLDER / f"{name}.{side}.parquet"
    files = sorted(output.rglob("*.parquet")) if output.is_dir() else [output]
    return f"read_parquet({[str(file) for file in files]})"


def _difference(side: str, name: str, reference: str) -> float:
    """The largest difference of a value from that of the reference, of which every row has to be there."""
    with duckdb.connect(FOLDER / "cost.duckdb", read_only=True) as connection:
        wanted = _values(reference, name)
        largest, alike, all_rows = connection.execute(
            f"select max(abs(a.value - b.value)), count(a.value), (select count(*) from {wanted}) "
            f"from {_values(side, name)} as a join {wanted} as b using (id)"
        ).fetchall()[0]
    if alike != all_rows:
        raise SystemExit(f"{side} has {alike:,} of {all_rows:,} values of {name}")
    return float(largest)


def dollars_per_billion(seconds: float, rows: int) -> float:
    """The clock of a machine with this many cores, at the price of its kind."""
    price = next(row for row in csv.DictReader((HERE / "prices.csv").open()) if row["unit"] == "machine hour")
    return seconds / 3600 * float(price["dollars"]) * CORES / 2 / rows * 1e9


def table(found: dict[str, dict[str, Any]], rows: int) -> str:
    """The results as Markdown."""
    lines = [
        "| model | side | seconds | start | core seconds | peak MiB | MB read | MB written | off by "
        "| dollars per billion rows | without the start |",
        "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for case, facts in found.items():
        name, side = case.split(".")
        if "refused" in facts:
            lines.append(f"| {name} | {side} | {facts['refused']} | | | | | | | | |")
            continue
        off = f"{facts['largest_difference']:.0e}"
        cells = [f"{facts[name]:.1f}" for name in ("seconds", "start", "core_seconds")]
        cells += [f"{facts['peak_mib']:,.0f}"]
        cells += [f"{facts['read']:,.0f}", f"{facts['written']:,.0f}", off]
        for seconds, without in ((facts["seconds"], 0), (facts["seconds"] - facts["start"], FEW)):
            cells.append(f"{dollars_per_billion(seconds, rows - without):.3f}")
        lines.append(f"| {name} | {side} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Measure all sides of all models, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, default=5_200_000)
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--sides", default=",".join(SIDES))
    parser.add_argument("--repeat", type=int, default=3)
    asked = parser.parse_args()
    names, sides = asked.models.split(","), asked.sides.split(",")
    few = prepare(names, FEW)
    starts = {name: run(sides, name, few, asked.repeat) for name in names}
    features, found = prepare(names, asked.rows), {}
    with features.open("rb") as file:  # so that no side is the one that fills the system's cache
        while file.read(1 << 24):
            pass
    for name in names:
        for side, facts in run(sides, name, features, asked.repeat).items():
            found[f"{name}.{side}"] = {**facts, "start": starts[name][side].get("seconds")}
        (FOLDER / "results.json").write_text(json.dumps({"rows": asked.rows, **found}, indent=1))
    print(table(found, asked.rows))


if __name__ == "__main__":
    main()
