"""How often drift is reported where nothing changed, and where something did: beside Evidently and NannyML.

    python benchmarks/alerts_beside_peers.py [--windows 20] [--peer-python python3.11] [--processes 2]

Each tool has its defaults, the same training rows and the same windows; a window counts if any column of it
is reported. A cell is the percentage of windows of 200 rows, then of 1,000. `small_drift` counts in a column
of its own, and so does Evidently's verdict of the whole table, drift of half of the columns. Changes are to
20,000 rows of training. Windows are drawn apart: a change that lasts is reported after 1 / share windows on
average. The other tools have environments of their own in `target/peers/` (see `monitoring_peers.py`).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

HERE = Path(__file__).parent
sys.path[0] = str(HERE.parent / "tests" / "python" / "support")
sys.path.append(str(HERE))

import alerts_data as data  # noqa: E402
from monitoring_peers import peer  # noqa: E402

from monitoring.warehouse import MonitoredWarehouse  # noqa: E402

HEAD = "'m' as model_name, 1 as model_version, timestamp '2026-01-01' as scored_at, 'r' as scoring_run_id"
EMPTY = "empty"  # a column that is empty in training, which the others refuse
TRAINING, SIZES = (300, 1_000, 20_000), (200, 1_000)
PRICE_WEEKS = (26, 81)
COLUMNS = ("drift", "or_small", "Evidently", "of_table", "NannyML")


def cases(windows: int) -> Iterator[tuple[str, pa.Table, pa.Table]]:
    """Situation and both tables, in the order of the sizes; `day` tells the windows apart."""
    for number, rows in enumerate(TRAINING):
        for size in SIZES:
            yield (
                f"no change, {rows:,} rows",
                plain(rows, 1, None, number), plain(size, windows, None, 100 + number),
            )  # fmt: skip
    for weeks in PRICE_WEEKS:
        training = data.prices(weeks, 1)
        yield (
            f"no change, weekly prices, {weeks} weeks",
            training,
            data.prices(windows, 2),
        )
    for number, (name, change) in enumerate(data.CHANGES.items()):
        if change and "filled" not in name:
            for size in SIZES:
                made = plain(size, windows, change, 200 + number)
                yield name, plain(TRAINING[-1], 1, None, 50), made


def plain(rows: int, windows: int, change: data.Change | None, seed: int) -> pa.Table:
    rng = np.random.default_rng([seed, rows])
    parts = []
    for window in range(windows):
        columns = data.plain(rows, rng)
        columns.pop(EMPTY)
        if change:
            change(columns, rng)
        day = np.datetime64("2024-01-01", "us") + np.timedelta64(7 * window, "D")
        parts.append(data.table(columns | {"day": np.repeat(day, rows)}))
    return pa.concat_tables(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--windows", type=int, default=20, help="of each case")
    parser.add_argument("--peer-python", default="python3.11", help="the Python of their environments")
    parser.add_argument("--processes", type=int, default=1, help="of each other tool")
    asked = parser.parse_args()
    made = list(cases(asked.windows))
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        ours = scorehouse(folder / "house", made)
        for number, (*_, training, windows) in enumerate(made):
            pq.write_table(training, folder / f"{number}_training.parquet")
            pq.write_table(windows, folder / f"{number}_windows.parquet")
        with ThreadPoolExecutor() as pool:
            of_tools = pool.map(lambda tool: alerts(tool, folder, asked), ("evidently", "nannyml"))
            (evidently, found), (nannyml, theirs) = of_tools
    print(f"{date.today()}, {asked.windows} windows of each size; Evidently {evidently}, NannyML {nannyml}\n")
    print(f"{'situation':38}" + "".join(f"{column:>11}" for column in COLUMNS))
    rows: dict[str, list[list[float]]] = {}
    for number, (name, *_) in enumerate(made):
        rows.setdefault(name, []).append([*ours[number], *found[str(number)], *theirs[str(number)]])
    for name, of_sizes in rows.items():
        cells = ["/".join(f"{100 * share:.0f}" for share in shares) for shares in zip(*of_sizes, strict=True)]
        print(f"{name:38}" + "".join(f"{cell:>11}" for cell in cells))


def scorehouse(folder: Path, made: list[tuple[str, pa.Table, pa.Table]]) -> list[tuple[float, ...]]:
    """The shares of windows with the status `drift`, and with that or `small_drift`, by case."""
    warehouse = MonitoredWarehouse(folder)
    for number, (name, training, windows) in enumerate(made):
        warehouse.table(f"training{number}", "select * from frame", frame=training)
        warehouse.table(f"windows{number}", f"select *, {HEAD} from frame", frame=windows)
        known = f"select * exclude (day) from raw.training{number}"
        time = {"time": f"select day from raw.training{number}"} if "week" in name else {}
        warehouse.reference(f"reference{number}", {(1, "feature"): known}, **time)
        reference = f"source('raw', 'reference{number}')"
        warehouse.model(
            f"profiles{number}",
            f"{{{{ scorehouse.profile(source('raw', 'windows{number}'), {reference}, day='day') }}}}",
        )
        warehouse.model(
            f"drift{number}",
            f"{{{{ scorehouse.drift(ref('profiles{number}'), {reference}, window='week') }}}}",
        )
    warehouse.build().check()
    return [
        warehouse.query(
            "select avg(drift::int), avg(small::int) from (select bool_or(status = 'drift') as drift, "
            f"bool_or(status in ('drift', 'small_drift')) as small from drift{number} group by window_start)"
        )[0]
        for number in range(len(made))
    ]


def alerts(tool: str, folder: Path, asked: argparse.Namespace) -> tuple[str, dict[str, list[float]]]:
    """The version of a tool, and what it reports of all cases, in its own process."""
    command = [*peer(tool, asked.peer_python), "alerts", str(folder), str(asked.processes)]
    ended = subprocess.run(command, check=True, capture_output=True, text=True)
    version, found = json.loads(ended.stdout.splitlines()[-1])
    return version, found


if __name__ == "__main__":
    main()
