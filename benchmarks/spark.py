"""The same scored table on DuckDB, on Spark local[2] and on a cluster of two workers, in one run.

    .venv-spark/bin/python benchmarks/spark.py --rows 5000000

Writes rows of 20 doubles as Parquet, in as many files as there are partitions, registers a logistic
regression and a HistGradientBoosting classifier, and builds one prediction table per engine with dbt. Seconds
are the duration of the scoring run in the run log: resolve, check the key, read, score, write, count. The
backend that scored is shown too. The kernel's share is the time that the kernel alone, by the backend that
Spark runs, takes for these rows on two cores, divided by those seconds.

    .venv-spark/bin/python benchmarks/spark.py --slopes 1000000 10000000 --days 10 100 1000

With --slopes: tables of so many rows in so many daily partitions on local[2], each built, and then merged
with 250 changed rows. Spark's event log says what a run did between its start and its end: jobs, tasks, bytes
shuffled, and the peak of the driver's heap, which in local mode is also the executor's. The files are those
of the prediction table. At the end, seconds = fixed + a x rows + b x partitions by least squares, and what
10,000,000,000 rows would take by it on 200 cores.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from datetime import UTC
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
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


CHANGED = 250  # rows of a merge
Did = dict[str, float]  # what one run did, by the names that are printed


def slopes(folder: Path, sizes: list[int], days: list[int], models: list[str], shuffled: int) -> None:
    """Print a line per build and merge, and what follows from them."""
    source = folder / "source"
    source.mkdir()
    register_models(source, max(sizes))
    found: dict[tuple[str, str], list[tuple[int, int, float]]] = {}
    for rows in sizes:
        place = write_features(folder, rows, 4 * CORES)
        for parts in days:
            home = folder / f"slopes_{rows}_{parts}"
            events = home / "events"
            events.mkdir(parents=True)
            logged = {"enabled": "true", "dir": str(events), "rolling.enabled": "false", "compress": "false"}
            more = {f"spark.eventLog.{name}": value for name, value in logged.items()}
            more |= {"spark.eventLog.logStageExecutorMetrics": "true", "spark.driver.memory": "4g"}
            # as Spark has them by itself: a task reads many small files, and the JVM optimises what runs long
            more |= {"spark.sql.files.maxPartitionBytes": "128m", "spark.sql.files.openCostInBytes": "4m"}
            more |= {"spark.sql.shuffle.partitions": str(shuffled)}
            more |= {"spark.driver.extraJavaOptions": f"-Dderby.system.home={home / 'derby'}"}
            project = spark_project(home, source, place, {"spark.master": f"local[{CORES}]", **more}, [])
            for model in models:
                config = "partition_by='day', incremental_strategy='insert_overwrite'"
                project.python_model(f"by_{model}", model, "passthrough=['day'], rescore='changed'", config)
            for kind, a in (("build", "f0"), ("merge", f"if(id < {CHANGED}, -f0, f0)")):
                listed = f"select * except (f0), {a} as f0, cast(id % {parts} as int) as day"
                features(project, f"{listed} from parquet.`{place}`")
                built(project, environment())
                for model in models:
                    run = project.runs(f"by_{model}")[-1]
                    did = events_of(max(events.iterdir(), key=lambda path: path.stat().st_mtime), run)
                    table = project.folder / "warehouse" / "house.db" / f"by_{model}"
                    did["files"] = len(list(table.rglob("*.parquet")))
                    found.setdefault((model, kind), []).append((rows, parts, run["seconds"]))
                    cells = [f"{rows:,} rows", f"{parts} partitions", model, kind, f"{run['seconds']:.1f} s"]
                    print(" | ".join([*cells, *(f"{v:,.0f} {k}" for k, v in did.items())]), flush=True)
    for (model, kind), runs in found.items():
        fit(model, kind, np.array(runs, dtype=float))


def events_of(log: Path, run: dict[str, Any]) -> Did:
    """What Spark did between the start and the end of a scoring run."""
    start, end = (1000 * run[name].replace(tzinfo=UTC).timestamp() for name in ("started_at", "finished_at"))
    did: Did = {"jobs": 0, "tasks": 0, "MiB shuffled": 0, "MiB of heap": 0}
    for line in log.open():
        event = json.loads(line)
        match event["Event"]:
            case "SparkListenerJobStart":
                did["jobs"] += start <= event["Submission Time"] <= end
            case "SparkListenerTaskEnd" if start <= event["Task Info"]["Launch Time"] <= end:
                did["tasks"] += 1
                written = event.get("Task Metrics", {}).get("Shuffle Write Metrics", {})
                did["MiB shuffled"] += written.get("Shuffle Bytes Written", 0) / 2**20
                heap = event.get("Task Executor Metrics", {}).get("JVMHeapMemory", 0) / 2**20
                did["MiB of heap"] = max(did["MiB of heap"], heap)
    return did


def fit(model: str, kind: str, runs: np.ndarray) -> None:
    """The cost of a run by its rows and partitions, by least squares."""
    if len(runs) < 3:
        return
    per = np.c_[np.ones(len(runs)), runs[:, :2]]
    (fixed, row, part), *_ = np.linalg.lstsq(per, runs[:, 2], rcond=None)
    text = f"{model} {kind}: seconds = {fixed:.1f} + {1e6 * row:.2f} x million rows + {part:.4f} x partitions"
    if kind == "build":
        hours = (1e10 * row * CORES / 200) / 3600
        text += (
            f"; computed, not run: 10,000,000,000 rows on 200 cores {hours:.1f} h without what does not scale"
        )
    print(text, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--partitions", type=int, nargs="+", default=[1, 2, 4], help="partitions a core")
    parser.add_argument("--slopes", type=int, nargs="+", help="rows of the tables whose cost is split")
    parser.add_argument("--days", type=int, nargs="+", default=[10, 100, 1000], help="their partitions")
    parser.add_argument("--shuffle-partitions", type=int, default=200, help="of --slopes")
    parser.add_argument("--models", nargs="+", default=MODELS, choices=MODELS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if options.slopes:
            slopes(folder, options.slopes, options.days, options.models, options.shuffle_partitions)
            return
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
