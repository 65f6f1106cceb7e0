"""What more cores and more of dbt's threads bring, on whatever this machine has: rows per second.

    python benchmarks/threads.py                                 1, 2, 4, 8 ... cores, as far as there are any
    python benchmarks/threads.py --rows 50_000_000 --cores 8 16 32 --models boosting

A process may use so many cores, and DuckDB as many threads; dbt has one. Then all cores build as many
prediction tables as there are dbt threads, on 1, 2, 4 ... of these. Seconds are those of the run log, for
dbt's threads those of the command. Medians of the repeats. Also writes a file to be sent on,
target/benchmarks/threads_<host>_<date>.json.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import yaml

sys.path.insert(0, str(Path(__file__).parent / "scoring"))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "python" / "support"))
from models import MODELS, REPOSITORY, make_feature_table, training

from project import NAME, DbtProject

DBT = str(Path(sys.executable).with_name("dbt"))
CORES = sorted(os.sched_getaffinity(0))
DOUBLED = [2**power for power in range(10) if 2**power <= len(CORES)]


def make_project(folder: Path, names: list[str], rows: int, tables: int) -> DbtProject:
    """A project with a feature table, and with `tables` prediction tables of each ML model."""
    project = DbtProject(folder / f"threads_{time.time_ns()}")
    make_feature_table(project.database, MODELS["boosting"], rows)
    project.write("models/features.sql", "{{ config(materialized='view') }} select * from drawn")
    for name in names:
        X, y = training(MODELS[name])
        project.register(MODELS[name].estimator().fit(X, y), name, X, y, task=MODELS[name].task)
        for number in range(tables):
            project.python_model(f"{name}_{number}", name, key="id")
    project.dbt("seed").check()
    project.dbt("run", "--select", "features").check()
    return project


def seconds(project: DbtProject, names: list[str], cores: int, threads: int) -> tuple[float, float, float]:
    """Seconds of the command and of the slowest table, and the peak memory in MiB."""
    output = {"type": "duckdb", "path": project.database.name, "threads": threads}
    output["settings"] = {"threads": cores}
    project.write("profiles.yml", yaml.safe_dump({NAME: {"target": "dev", "outputs": {"dev": output}}}))
    with duckdb.connect(project.database) as connection:
        for name in names:
            connection.execute(f"drop table if exists {name}")
    allowed = ",".join(map(str, CORES[:cores]))
    words = ["taskset", "--cpu-list", allowed, DBT, "--quiet", "run", "--select", *names]
    began = time.perf_counter()
    subprocess.run(words, cwd=project.folder, env=project.environment, check=True)
    clock = time.perf_counter() - began
    runs = [project.runs(name)[-1] for name in names]
    return clock, max(run["seconds"] for run in runs), max(run["peak_memory_mib"] for run in runs)


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--models", nargs="+", default=["logistic", "boosting", "forest"])
    parser.add_argument("--cores", type=int, nargs="+", default=DOUBLED)
    parser.add_argument("--threads", type=int, nargs="+", default=DOUBLED, help="dbt's")
    parser.add_argument("--repeat", type=int, default=3)
    asked = parser.parse_args()
    target = REPOSITORY / "target" / "benchmarks"
    target.mkdir(parents=True, exist_ok=True)
    tables = max(asked.threads)
    project = make_project(target, asked.models, asked.rows, tables)
    found: list[dict[str, Any]] = []
    print("| model | tables | cores | dbt threads | seconds | rows per second | peak MiB |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    for name in asked.models:
        cases = [(1, cores, 1) for cores in asked.cores]
        cases += [(tables, len(CORES), threads) for threads in asked.threads if tables > 1]
        for count, cores, threads in cases:
            of = [f"{name}_{number}" for number in range(count)]
            ran = [seconds(project, of, cores, threads) for _ in range(asked.repeat)]
            clock, slowest, peak = (statistics.median(values) for values in zip(*ran, strict=True))
            taken = slowest if count == 1 else clock
            row = {"model": name, "tables": count, "cores": cores, "dbt_threads": threads}
            row |= {"seconds": taken, "rows_per_second": asked.rows * count / taken, "peak_mib": peak}
            found.append(row)
            print(
                f"| {name} | {count} | {cores} | {threads} | {taken:.2f} | {row['rows_per_second']:,.0f} "
                f"| {peak:,.0f} |",
                flush=True,
            )
    now = datetime.now(UTC)
    facts = {"at": now.isoformat(), "rows": asked.rows, "cores": len(CORES), "machine": platform.platform()}
    file = target / f"threads_{platform.node()}_{now:%Y-%m-%d}.json"
    file.write_text(json.dumps({**facts, "duckdb": duckdb.__version__, "cases": found}, indent=1))
    print(f"written: {file}")


if __name__ == "__main__":
    main()
