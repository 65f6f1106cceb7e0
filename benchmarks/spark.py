"""The same scored table on DuckDB, on Spark local[2] and on a cluster of two workers, in one run.

    .venv-spark/bin/python benchmarks/spark.py --rows 5000000

Writes rows of 20 doubles as Parquet, in as many files as there are partitions, registers a logistic
regression and a HistGradientBoosting classifier, and builds one prediction table per engine with dbt. Seconds
are the duration of the scoring run in the run log: resolve, check the key, read, score, write, count. The
backend that scored is shown too. The kernel's share is the time that the kernel alone, by the backend that
Spark runs, takes for these rows on two cores, divided by those seconds.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import duckdb
import yaml
from spark_tables import (
    BATCH_ROWS,
    built,
    estimators,
    features,
    register_models,
    spark_project,
    write_features,
)

from spark.cluster import Cluster, environment
from spark.project import SparkProject

CORES = 2
MODELS = list(estimators())


def kernel_rate(kernel: Any, place: Path, rows: int) -> float:
    """Rows per second of the kernel alone, on one core."""
    reader = duckdb.sql(f"select * exclude (id) from '{place}/*.parquet' limit {rows}").to_arrow_reader(
        BATCH_ROWS
    )
    batches = list(reader)
    kernel(batches[0])
    start = time.perf_counter()
    for batch in batches:
        kernel(batch)
    return sum(batch.num_rows for batch in batches) / (time.perf_counter() - start)


Run = tuple[float, str]  # seconds of a scoring run, and the backend that scored


def build(project: SparkProject) -> dict[str, Run]:
    """Build the project in a process of its own, and return the scoring run of each model."""
    built(project, environment())
    runs = {name: project.runs(f"by_{name}")[-1] for name in MODELS}
    return {name: (run["seconds"], run["backend"]) for name, run in runs.items()}


def by_duckdb(folder: Path, source: Path, place: Path) -> dict[str, Run]:
    """The same models with a DuckDB target."""
    project = spark_project(folder, source, place, {}, MODELS)
    database = folder / "house.duckdb"
    output = {"type": "duckdb", "path": str(database), "threads": 1}
    profile = {"scorehouse": {"target": "dev", "outputs": {"dev": output}}}
    project.write("profiles.yml", yaml.safe_dump(profile))
    features(project, f"select * from '{place}/*.parquet'")
    project.build_apart({**os.environ})
    with duckdb.connect(str(database), read_only=True) as connection:
        rows = connection.sql(
            "select model_name, seconds, backend from scorehouse_run_log where status = 'success'"
        )
        return {name: (seconds, backend) for name, seconds, backend in rows.fetchall()}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--partitions", type=int, nargs="+", default=[1, 2, 4], help="partitions a core")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = folder / "source"
        source.mkdir()
        kernels = register_models(source, options.rows)
        places = {n: write_features(folder, options.rows, n * CORES) for n in options.partitions}
        first = places[options.partitions[0]]
        rates = {name: kernel_rate(kernel, first, 1_000_000) for name, kernel in kernels.items()}
        print(f"{options.rows:,} rows x 20, load {os.getloadavg()[0]:.1f} at the start", flush=True)
        show(
            "kernel alone, one core",
            0,
            options.rows,
            {n: (options.rows / rate, "") for n, rate in rates.items()},
            rates,
        )
        show("DuckDB", 0, options.rows, by_duckdb(folder / "duckdb", source, first), rates)
        for n, place in places.items():
            here = {"spark.master": f"local[{CORES}]"}
            project = spark_project(folder / f"local{n}", source, place, here, MODELS)
            show(f"Spark local[{CORES}]", n, options.rows, build(project), rates)
        (folder / "cluster").mkdir()
        cluster = Cluster(folder / "cluster")
        try:
            cluster.start(CORES)
            for n, place in places.items():
                there = {"spark.master": cluster.url}
                project = spark_project(folder / f"two{n}", source, place, there, MODELS)
                show("Spark, two workers", n, options.rows, build(project), rates)
        finally:
            cluster.stop()


def show(engine: str, partitions: int, rows: int, runs: dict[str, Run], rates: dict[str, float]) -> None:
    cells = [f"{engine:24}", f"{partitions or '-':>3}"]
    for name, rate in rates.items():
        took, backend = runs[name]
        share = f", kernel {rows / (rate * CORES) / took:4.0%}" if partitions else ""
        cells.append(f"{name} {took:7.1f} s {rows / took:12,.0f} rows/s {backend}{share}")
    print(" | ".join(cells), flush=True)


if __name__ == "__main__":
    main()
