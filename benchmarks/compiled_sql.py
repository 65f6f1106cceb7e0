"""Compiled SQL compared with scikit-learn: seconds on DuckDB and PostgreSQL, size, and parity by family.

    python benchmarks/compiled_sql.py                 # seconds for 1 M rows and the parity of each family
    python benchmarks/compiled_sql.py --rows 100000 --no-parity

Needs the extra `postgres` (without it, PostgreSQL is left out). Everything runs in one thread. Of three runs,
the one with the least processor time counts: on a busy machine, processor time stays the same, wall-clock
time does not.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from proved import sql_parity
from scorehouse.program.sql.compile import compile_sql

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "python" / "support"))
from compile_cases import CASES
from compile_kernel import kernel_of
from project import registered_kernel

FEATURES = [f"x{i}" for i in range(20)]
TRAINING = 20_000
RUNS = 3
MODELS: dict[str, Callable[[], Any]] = {
    "scaler, logistic regression": lambda: make_pipeline(StandardScaler(), LogisticRegression()),
    "gradient boosting 100 x depth 3": lambda: GradientBoostingClassifier(n_estimators=100, max_depth=3),
    "histogram boosting 100 x 31 leaves": lambda: HistGradientBoostingClassifier(max_iter=100),
    "random forest 20 x depth 8": lambda: RandomForestClassifier(20, max_depth=8, random_state=0),
}


def data(rows: int) -> pd.DataFrame:
    return pd.DataFrame(np.random.default_rng(0).normal(size=(rows, len(FEATURES))), columns=FEATURES)


def least(work: Callable[[], Any], clock: Callable[[], float] = time.process_time) -> tuple[float, float]:
    """Wall-clock and processor seconds of the run with the least processor time."""
    times = []
    for _ in range(RUNS):
        wall, cpu = time.perf_counter(), clock()
        work()
        times.append((clock() - cpu, time.perf_counter() - wall))
    cpu, wall = min(times)
    return wall, cpu


def processor_of(pid: int) -> float:
    """Processor seconds used by another process (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def postgres() -> Iterator[Any]:
    """A connection to a server of its own, or None."""
    try:
        from postgres.server import running_server
    except ImportError as error:
        print(f"PostgreSQL is left out: {error}")
        yield None
        return
    with running_server() as server, server.connect() as connection:
        yield connection


def seconds(count: int, only: str, server: Any) -> None:
    frame = data(count)
    rows = pa.Table.from_pandas(frame)
    training = frame.iloc[:TRAINING]
    noise = np.random.default_rng(1).normal(size=len(training))
    y = (training["x0"] + training["x1"] * training["x2"] + noise > 0).astype(int)
    connection = duckdb.connect(config={"threads": 1})
    connection.execute("create table features as from rows")
    if server is not None:
        from postgres.server import load

        load(server, "features", rows)
        with server.cursor() as cursor:
            cursor.execute("analyze features; set max_parallel_workers_per_gather = 0")
    print(f"{count:,} rows x {len(FEATURES)} doubles, create table as select, one thread: wall / processor s")
    print(f"{RUNS} runs; load of the machine at the begin {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    heads = ("scikit-learn", "DuckDB", "PostgreSQL", "with JIT", "kB of SQL")
    print(f"{'':36}" + "".join(f"{head:>16}" for head in heads))
    for name, make in MODELS.items():
        if only not in name:
            continue
        with tempfile.TemporaryDirectory() as folder, threadpool_limits(1):
            kernel = registered_kernel(
                Path(folder), make().fit(training, y), training, y, task="classification", program=False
            )
            asked = (kernel.estimator, kernel.version, kernel.signature)
            backend = compile_sql(*asked, "duckdb")
            make_table = f"create or replace table scored as {backend.render('features')}"
            found = [
                least(functools.partial(kernel.estimator.predict_proba, frame)),
                least(functools.partial(connection.execute, make_table)),
                *postgres_seconds(server, compile_sql(*asked, "postgres").render("features")),
            ]
        cells = "".join(f"{f'{wall:.2f} / {cpu:.2f}':>16}" for wall, cpu in found)
        print(f"{name:36}{cells}{backend.size_bytes / 1e3:16.0f}", flush=True)
    print(f"load at the end {os.getloadavg()[0]:.1f}")


def postgres_seconds(server: Any, sql: str) -> list[tuple[float, float]]:
    """Without and with PostgreSQL's just-in-time compiler."""
    if server is None:
        return [(float("nan"), float("nan"))] * 2
    clock = functools.partial(processor_of, server.get_backend_pid())

    def run(jit: str) -> None:
        with server.cursor() as cursor:
            cursor.execute(f"set jit = {jit}")
            cursor.execute(f"drop table if exists scored; create unlogged table scored as {sql}")

    return [least(functools.partial(run, jit), clock) for jit in ("off", "on")]


def parity(server: Any) -> None:
    """Each family on DuckDB, and on PostgreSQL if there is a server."""
    print("\nrows, largest difference, other labels, other statuses; on DuckDB, then on PostgreSQL")
    for name in CASES:
        with tempfile.TemporaryDirectory() as folder:
            make_kernel = functools.partial(registered_kernel, Path(folder), program=False)
            frame, kernel = kernel_of(name, make_kernel)
        backend = compile_sql(kernel.estimator, kernel.version, kernel.signature, "duckdb")
        found = [sql_parity(backend, kernel, frame)]
        if server is not None:
            from postgres.parity import postgres_parity

            found.append(postgres_parity(server, frame, kernel))
        numbers = " |".join(
            f"{p.rows:8,}{p.max_difference:10.1e}{p.label_flips:4}{p.status_flips:4}" for p in found
        )
        print(f"{name:48.48}{numbers}{backend.size_bytes / 1e3:8.0f} kB", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows to score (default: %(default)s)")
    parser.add_argument("--only", default="", help="part of a model's name: time this one alone")
    parser.add_argument("--no-parity", action="store_true", help="print the seconds only")
    parser.add_argument("--no-seconds", action="store_true", help="print the parity only")
    options = parser.parse_args()
    with postgres() as server:
        if not options.no_seconds:
            seconds(options.rows, options.only, server)
        if not options.no_parity:
            parity(server)


if __name__ == "__main__":
    main()
