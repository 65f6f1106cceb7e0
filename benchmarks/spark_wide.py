"""What a wide table asks of a Spark cluster: processor seconds, and the memory of workers and executors.

    .venv-spark/bin/python benchmarks/spark_wide.py --rows 400000

Scores tables of 20 and of 400 doubles on a cluster of two workers of one core, in 8 partitions, by a logistic
regression, which scores as SQL, and by a HistGradientBoosting classifier, whose native code runs in Python
workers, with batches of several sizes. Each line is a dbt command of its own. Processor seconds are those of
the cluster's processes and of the driver, from the command's start to its end. Memory is the largest resident
set that the kernel recorded for one process. An executor's heap is limited to 1 GiB.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from spark_tables import built, register_models, spark_project, write_features

from spark.cluster import Cluster, descendants, environment

WORKERS, PARTITIONS = 2, 8
KINDS = {"pyspark.daemon": "worker", "CoarseGrainedExecutorBackend": "executor"}
BATCHES = {
    "65,536 rows": {"maxRecordsPerBatch": "65536"},
    "10,000 rows": {"maxRecordsPerBatch": "10000"},
    "16 MiB": {"maxRecordsPerBatch": "65536", "maxBytesPerBatch": "16777216"},
}
TICKS = os.sysconf("SC_CLK_TCK")


class Usage:
    """What processes below this one have used so far; those that ended keep what they were last seen with."""

    def __init__(self) -> None:
        self.seconds: dict[int, float] = {}
        self.mebibytes: dict[str, float] = {}

    def look(self) -> None:
        for pid, command in descendants([os.getpid()]).items():
            if pid == os.getpid():
                continue
            try:
                stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                status = Path(f"/proc/{pid}/status").read_text()
            except OSError:
                continue  # it has ended
            self.seconds[pid] = (int(stat[11]) + int(stat[12])) / TICKS
            kind = next((kind for text, kind in KINDS.items() if text in command), "")
            peak = status.partition("VmHWM:")[2].split()
            if kind and peak:
                self.mebibytes[kind] = max(self.mebibytes.get(kind, 0), int(peak[0]) / 1024)

    @property
    def total(self) -> float:
        return sum(self.seconds.values())


@contextmanager
def watched() -> Iterator[Usage]:
    """Looks five times per second until the block ends; `seconds` are those since its start."""
    before, usage, ended = Usage(), Usage(), threading.Event()
    before.look()

    def watch() -> None:
        while not ended.wait(0.2):
            usage.look()

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield usage
    finally:
        ended.set()
        thread.join()
        usage.look()
        usage.seconds = {pid: s - before.seconds.get(pid, 0) for pid, s in usage.seconds.items()}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=400_000)
    parser.add_argument("--columns", type=int, nargs="+", default=[20, 400])
    options = parser.parse_args()
    print(f"{options.rows:,} rows, {PARTITIONS} partitions, {WORKERS} workers of one core", flush=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "cluster").mkdir()
        cluster = Cluster(folder / "cluster")
        try:
            cluster.start(WORKERS)
            for columns in options.columns:
                compare(folder, cluster, options.rows, columns)
        finally:
            cluster.stop()


def compare(folder: Path, cluster: Cluster, rows: int, columns: int) -> None:
    """A line per ML model and size of batches, for a table of so many columns."""
    source = folder / f"source_{columns}"
    source.mkdir()
    register_models(source, rows, columns)
    place = write_features(folder, rows, PARTITIONS, columns)
    for model, batches in (("logistic", ["65,536 rows"]), ("hist_boosting", list(BATCHES))):
        for batch in batches:
            arrow = {f"spark.sql.execution.arrow.{key}": value for key, value in BATCHES[batch].items()}
            home = folder / f"{model}_{columns}_{len(list(folder.iterdir()))}"
            project = spark_project(home, source, place, {"spark.master": cluster.url, **arrow}, [model])
            with watched() as usage:
                built(project, environment())
            (run,) = project.runs(f"by_{model}")
            assert (run["rows_in"], run["rows_scored"]) == (rows, rows)
            show(columns, model, batch, run["backend"], usage)


def show(columns: int, model: str, batch: str, backend: str, usage: Usage) -> None:
    memory = [f"{kind} {usage.mebibytes[kind]:6,.0f} MiB" for kind in sorted(usage.mebibytes)]
    cells = [f"{columns:3} columns", f"{model:13} {backend:8}", f"{batch:>11} per batch"]
    print(" | ".join([*cells, f"{usage.total:6.0f} processor s", *memory]), flush=True)


if __name__ == "__main__":
    main()
