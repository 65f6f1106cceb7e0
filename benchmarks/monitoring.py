"""Profiles and drift of 5 million rows, compared with pandas, Evidently and NannyML doing the same.

    python benchmarks/monitoring.py [--rows 5000000] [--features 10] [--days 30] [--threads 2] [--peers]

Times are the best of three, for the SQL that the macros compile to, run by DuckDB on a table in a file. CPU
seconds are shown too: they say more on a busy machine. `--peers` makes a separate environment for each tool,
in `target/peers/` (see `monitoring_peers.py`), with the Python of `--peer-python`.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd

# In place of this folder, where this file would be taken for the package of the same name.
HERE = Path(__file__).parent
sys.path[0] = str(HERE.parent / "tests" / "python" / "support")
sys.path.append(str(HERE))

from monitoring_peers import PEERS, ROUNDS, peer  # noqa: E402

from monitoring.warehouse import MonitoredWarehouse  # noqa: E402

REFERENCE_ROWS = 500_000


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    for name, default in (("rows", 5_000_000), ("features", 10), ("days", 30), ("threads", 2)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--peers", action="store_true", help="time Evidently and NannyML too")
    parser.add_argument("--peer-python", default="python3.11", help="the Python of their environments")
    return parser.parse_args()


def make_warehouse(folder: Path, asked: argparse.Namespace) -> MonitoredWarehouse:
    """A scored table of normal numbers with 1 % missing values; the first feature drifts at the end."""
    warehouse = MonitoredWarehouse(folder)
    columns = ", ".join(
        f"case when random() < 0.01 then null else sqrt(-2 * ln(1 - random())) * cos(2 * pi() * random()) "
        f"+ case when i % {asked.days} >= {asked.days - 12} and {k} = 0 then 0.5 else 0 end end as x{k}"
        for k in range(asked.features)
    )
    warehouse.table(
        "scored",
        f"""
        select date '2026-01-01' + (i % {asked.days})::integer as day, 'm' as model_name, 1 as model_version,
            'r' as scoring_run_id, timestamp '2026-02-01' as scored_at, {columns}
        from range({asked.rows}) as t (i)
        """,
    )
    names = ", ".join(f"x{k}" for k in range(asked.features))
    warehouse.reference(
        "ml_m__reference",
        {(1, "feature"): f"select {names} from raw.scored limit {REFERENCE_ROWS}"},
        repeats=True,
    )
    reference = "source('raw', 'ml_m__reference')"
    warehouse.model(
        "profiles", f"{{{{ scorehouse.profile(source('raw', 'scored'), {reference}, day='day') }}}}"
    )
    warehouse.model("drift_by_day", f"{{{{ scorehouse.drift(ref('profiles'), {reference}, window='day') }}}}")
    warehouse.model(
        "drift_of_week", f"{{{{ scorehouse.drift(ref('profiles'), {reference}, window={WEEK}) }}}}"
    )
    warehouse.model("drift_rolling", f"{{{{ scorehouse.drift(ref('profiles'), {reference}, window=7) }}}}")
    warehouse.build().check()
    return warehouse


WEEK = {"from": "2026-01-20", "to": "2026-01-27"}


def best(work: Callable[[], Any]) -> tuple[float, float]:
    """Wall-clock and CPU seconds, each the lowest of the rounds."""
    clock, processor = [], []
    for _ in range(ROUNDS):
        start, used = time.perf_counter(), cpu_seconds()
        work()
        clock.append(time.perf_counter() - start)
        processor.append(cpu_seconds() - used)
    return min(clock), min(processor)


def cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def line(who: str, what: str, times: tuple[float, float], note: str = "") -> None:
    print(f"{who:<11} {what:<14} {times[0]:7.3f} s  {times[1]:7.3f} s of CPU  {note}".rstrip())


def compiled(warehouse: MonitoredWarehouse, name: str) -> str:
    (path,) = warehouse.project.folder.glob(f"target/run/*/models/{name}.sql")
    return path.read_text()


def pandas_profiles(frame: pd.DataFrame, edges: dict[str, Any]) -> tuple[Any, Any]:
    """The same counts and moments with pandas: a cut and a groupby per feature."""
    counts = {
        name: frame.groupby(["day", pd.cut(frame[name], [-np.inf, *cuts, np.inf], labels=False)]).size()
        for name, cuts in edges.items()
    }
    return counts, frame.groupby("day")[list(edges)].agg(["count", "mean", "std", "min", "max"])


def pandas_drift(frame: pd.DataFrame, shares: dict[str, Any], edges: dict[str, Any]) -> dict[str, float]:
    """PSI of a week computed from the rows, as in tools that keep no profiles."""
    week = frame[(frame["day"] >= WEEK["from"]) & (frame["day"] < WEEK["to"])]
    found = {}
    for name, cuts in edges.items():
        values = week[name].dropna().to_numpy()
        current = np.bincount(np.searchsorted(cuts, values), minlength=len(cuts) + 1) / len(values)
        found[name] = float(((current - shares[name]) * np.log(current / shares[name])).sum())
    return found


def peer_lines(connection: duckdb.DuckDBPyConnection, folder: Path, python: str) -> None:
    """Run each tool's own measurement, in its own process, on the same rows."""
    rows = "select day, columns('x[0-9]+') from raw.scored"
    connection.execute(f"copy ({rows}) to '{folder}/current.parquet'")
    connection.execute(f"copy ({rows} limit {REFERENCE_ROWS}) to '{folder}/reference.parquet'")
    files = [str(folder / f"{name}.parquet") for name in ("reference", "current")]
    for tool in PEERS:
        command = [*peer(tool, python), *files, WEEK["from"]]
        ended = subprocess.run(command, check=True, capture_output=True, text=True)
        told = json.loads(ended.stdout.splitlines()[-1])
        for what, times in told["seconds"].items():
            line(f"{tool}", what, times, told["version"])


def main() -> None:
    asked = options()
    with tempfile.TemporaryDirectory() as folder:
        warehouse = make_warehouse(Path(folder) / "house", asked)
        with duckdb.connect(warehouse.project.database, config={"threads": asked.threads}) as connection:
            for name in ("profiles", "drift_by_day", "drift_of_week", "drift_rolling"):
                sql = compiled(warehouse, name).replace("create  table", "create or replace table", 1)
                times = best(lambda sql=sql: connection.execute(sql))
                ((rows,),) = connection.sql(f"select count(*) from {name}").fetchall()
                line("scorehouse", name, times, f"{rows:,} rows")
            frame = connection.sql("select * from raw.scored").df()
            reference = connection.sql(
                "select * from raw.ml_m__reference where kind = 'numeric' order by name, bin"
            ).df()
            psi = dict(
                connection.sql("select feature, value from drift_of_week where metric = 'psi'").fetchall()
            )
        edges = {name: rows["upper"].dropna().to_numpy() for name, rows in reference.groupby("name")}
        shares = {
            name: (rows["row_count"] / rows["row_count"].sum()).to_numpy()
            for name, rows in reference.groupby("name")
        }
        line("pandas", "profiles", best(lambda: pandas_profiles(frame, edges)))
        line("pandas", "drift_of_week", best(lambda: pandas_drift(frame, shares, edges)), "from the rows")
        apart = max(abs(value - psi[name]) for name, value in pandas_drift(frame, shares, edges).items())
        print(f"largest difference of PSI between the two: {apart:.1e}")
        if asked.peers:
            with duckdb.connect(warehouse.project.database, read_only=True) as connection:
                peer_lines(connection, Path(folder), asked.peer_python)


if __name__ == "__main__":
    main()
