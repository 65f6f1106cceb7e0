"""Compiled SQL beside scikit-learn: seconds on DuckDB and PostgreSQL, size, and parity by family.

    python benchmarks/compiled_sql.py                 # seconds for 1 M rows and the parity of each family
    python benchmarks/compiled_sql.py --rows 100000 --no-parity

Needs the extras `postgres` (without it PostgreSQL is left out), and is best run on a quiet machine:
each time is the least of three runs.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
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

from scorehouse.compile import compile_sql, prove

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "python"))
import test_compile_families as families
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


def least(work: Callable[[], Any]) -> float:
    """Seconds of the fastest of some runs."""
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


@contextlib.contextmanager
def postgres(rows: pa.Table) -> Iterator[Any]:
    """A cursor on a server of its own that holds the rows, or None."""
    try:
        from test_postgres_parity import load, running_server
    except ImportError as error:
        print(f"PostgreSQL is left out: {error}")
        yield None
        return
    with running_server() as server, server.connect() as connection:
        load(connection, "features", rows)
        with connection.cursor() as cursor:
            cursor.execute("analyze features")
            yield cursor


def seconds(count: int) -> None:
    frame = data(count)
    rows = pa.Table.from_pandas(frame)
    training = frame.iloc[:TRAINING]
    noise = np.random.default_rng(1).normal(size=len(training))
    y = (training["x0"] + training["x1"] * training["x2"] + noise > 0).astype(int)
    connection = duckdb.connect()
    connection.execute("create table features as from rows")
    print(f"{count:,} rows x {len(FEATURES)} doubles, seconds; create table as select in each database")
    heads = ("scikit-learn", "DuckDB", "PostgreSQL", "with JIT", "kB of SQL")
    print(f"{'':36}" + "".join(f"{head:>14}" for head in heads))
    with postgres(rows) as cursor:
        for name, make in MODELS.items():
            with tempfile.TemporaryDirectory() as folder:
                kernel = registered_kernel(
                    Path(folder), make().fit(training, y), training, y, task="classification"
                )
            asked = (kernel.estimator, kernel.version, kernel.signature)
            form = compile_sql(*asked, "duckdb")
            make_table = f"create or replace table scored as {form.render('features')}"
            found = [
                least(functools.partial(kernel.estimator.predict_proba, frame)),
                least(functools.partial(connection.execute, make_table)),
                *(postgres_seconds(cursor, compile_sql(*asked, "postgres").render("features"))),
            ]
            cells = "".join(f"{value:14.2f}" for value in found)
            print(f"{name:36}{cells}{form.size_bytes / 1e3:14.0f}", flush=True)


def postgres_seconds(cursor: Any, sql: str) -> list[float]:
    """Without and with PostgreSQL's just-in-time compiler."""
    if cursor is None:
        return [float("nan")] * 2

    def run() -> None:
        cursor.execute(f"drop table if exists scored; create unlogged table scored as {sql}")

    cursor.execute("set jit = off")
    off = least(run)
    cursor.execute("set jit = on")
    return [off, least(run)]


def parity() -> None:
    print("\nparity on DuckDB, training rows and probes: rows, largest difference, labels, statuses")
    for name in families.CASES:
        with tempfile.TemporaryDirectory() as folder:
            frame, kernel = families.kernel_of(name, functools.partial(registered_kernel, Path(folder)))
        form = compile_sql(kernel.estimator, kernel.version, kernel.signature, "duckdb")
        found = prove(form, kernel.estimator, kernel, frame)
        numbers = f"{found.rows:8,}{found.max_difference:10.1e}{found.label_flips:4}{found.status_flips:4}"
        print(f"{name:60.60}{numbers}{form.size_bytes / 1e3:8.0f} kB", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows to score (default: %(default)s)")
    parser.add_argument("--no-parity", action="store_true", help="print the seconds only")
    options = parser.parse_args()
    seconds(options.rows)
    if not options.no_parity:
        parity()


if __name__ == "__main__":
    main()
