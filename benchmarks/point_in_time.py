"""Features as of a time: the ASOF join of `features_as_of`, its window form, and pandas, on the same tables.

    python benchmarks/point_in_time.py
    python benchmarks/point_in_time.py --spine 1000000

The features have five rows per row of the spine; a tenth of them were known late. Seconds are dbt's for the
node, in a process of its own per way; for pandas, of reading both tables, `merge_asof` and writing. CPU
seconds are those of all threads in that command, with dbt's own two or three: compare these where the
machine has other work. pandas takes no knowledge time into account, which it has no argument for. Memory is
the peak of that process. If a process is killed, for example because memory runs out,
the benchmark says so and goes on with the next way.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "python" / "support"))
from monitoring.warehouse import MonitoredWarehouse

SOURCE = "source('raw', 'features')"
GIVEN = "event_time='happened_at', columns=['amount', 'visits']"
CALL = f"source('raw', 'spine'), {SOURCE}, key='id', {GIVEN}"
MODELS = {
    "asof": f"{{{{ scorehouse.features_as_of({CALL}) }}}}",
    "asof_known": f"{{{{ scorehouse.features_as_of({CALL}, known_at='known_at') }}}}",
    "windows": f"""{{{{ scorehouse.default___as_of_statement(
        'select * from ' ~ source('raw', 'spine'), ['id', 'as_of', 'place'], 'as_of',
        scorehouse._feature_sources(
            'windows', {SOURCE}, 'id', 'happened_at', none, ['amount', 'visits'], none, none, none
        )
    ) }}}}""",
}
WAYS = {
    "asof": "features_as_of, ASOF join",
    "asof_known": "the same with a knowledge time",
    "windows": "window form",
    "pandas": "pandas merge_asof",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--spine", type=int, default=10_000_000, help="rows of the spine")
    parser.add_argument("--ways", default=",".join(WAYS))
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        print(json.dumps(measured(asked.one[0], Path(asked.one[1]))))
        return
    with tempfile.TemporaryDirectory() as folder:
        warehouse = made(Path(folder) / "house", asked.spine)
        for way in asked.ways.split(","):
            command = [sys.executable, __file__, "--one", way, str(warehouse.project.folder)]
            ended = subprocess.run(command, capture_output=True, text=True)
            if ended.returncode:
                said = (ended.stdout + ended.stderr).strip().splitlines()
                print(f"{WAYS[way]}: ended with {ended.returncode}: {' '.join(said[-3:])}", flush=True)
                continue
            seconds, cpu, mebibytes = json.loads(ended.stdout.splitlines()[-1])
            print(f"{WAYS[way]}: {seconds:.1f} s, {cpu:.1f} CPU s, {mebibytes:,.0f} MiB", flush=True)


def made(folder: Path, rows: int) -> MonitoredWarehouse:
    """The project, with its tables."""
    warehouse = MonitoredWarehouse(folder)
    keys, year = rows // 20, 365 * 86_400
    start = "timestamp '2025-01-01' + interval (random() * {}) second"
    warehouse.table(
        "spine",
        f"select cast(random() * {keys} as integer) as id, {start.format(year)} as as_of, "
        f"cast(i as integer) as place from range({rows}) as t(i)",
    )
    warehouse.table(
        "features",
        f"select *, happened_at + interval (case when i % 10 = 0 then 30 else 0 end) day as known_at from ("
        f"select cast(random() * {keys} as integer) as id, {start.format(year)} as happened_at, i, "
        f"random() as amount, cast(random() * 100 as integer) as visits from range({5 * rows}) as t(i))",
    )
    for name, sql in MODELS.items():
        warehouse.model(name, sql)
    tables = {"version": 2, "sources": [{"name": "raw", "tables": [{"name": n} for n in warehouse.tables]}]}
    warehouse.project.write("models/_raw.yml", json.dumps(tables))
    return warehouse


def measured(way: str, folder: Path) -> tuple[float, float, float]:
    """Seconds, CPU seconds and peak MiB of one way."""
    if way != "pandas":
        from dbt.cli.main import dbtRunner

        os.chdir(folder)
        assert dbtRunner().invoke(["--quiet", "parse", "--profiles-dir", str(folder)]).success
    started, cpu = time.perf_counter(), time.process_time()
    if way == "pandas":
        by_pandas(folder / "house.duckdb")
        seconds = time.perf_counter() - started
    else:
        ended = dbtRunner().invoke(["--quiet", "run", "--select", way, "--profiles-dir", str(folder)])
        assert ended.success, ended.exception
        (seconds,) = (each.execution_time for each in ended.result.results if each.node.name == way)
    return seconds, time.process_time() - cpu, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def by_pandas(database: Path) -> None:
    with duckdb.connect(database) as connection:
        spine = connection.sql("select * from raw.spine").df().sort_values("as_of")
        features = connection.sql("select * exclude (known_at) from raw.features").df()
        features = features.sort_values("happened_at")
        joined = pd.merge_asof(spine, features, left_on="as_of", right_on="happened_at", by="id")
        connection.register("joined", joined)
        connection.sql("create or replace table by_pandas as select * from joined")


if __name__ == "__main__":
    main()
