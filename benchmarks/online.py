"""What a loaded version of the examples costs: to start, for a single dict, and for a table of 1,000 rows.

    python benchmarks/online.py --repeat 5

Each figure is a median in milliseconds; each backend starts in a process of its own, `--repeat` times. The
rows are those that prove the backend.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[1]
MODELS = ["flight_delay/1", "flight_delay/2", "churn/1", "demand/1", "next_product/1", "segments/1"]
BACKENDS = ["auto", "estimator"]
ROWS = 1_000
FIGURES = ("start", "dict", f"table of {ROWS:,}")


def median_of(call: Callable[[], object], repeats: int) -> float:
    """The median of calls after the first, in milliseconds."""
    call()
    seconds = []
    for _ in range(repeats):
        begun = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - begun)
    return statistics.median(seconds) * 1_000


def measure(reference: str, backend: str) -> None:
    """Print the backend and the figures of one version, as measured in this process."""
    begun = time.perf_counter()
    import scorehouse

    model = scorehouse.load(reference, ROOT, backend=backend)
    started = (time.perf_counter() - begun) * 1_000
    import pyarrow as pa

    folder = ROOT / "artifacts" / reference
    with pa.ipc.open_file(folder / "proof.arrow") as reader:
        rows = reader.read_all().select(model.signature.names)
    rows = pa.concat_tables([rows] * -(-ROWS // len(rows))).slice(0, ROWS).combine_chunks()
    one = rows.slice(0, 1).to_pylist()[0]
    figures = [
        started,
        median_of(lambda: model.predict(one), 100),
        median_of(lambda: model.predict(rows), 20),
    ]
    print(model.backend.name, *figures)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        measure(*asked.one)
        return
    print(f"| version | backend | {' | '.join(FIGURES)} |\n|---|---|---:|---:|---:|")
    for reference in MODELS:
        for backend in BACKENDS:
            told = [
                subprocess.run(
                    [sys.executable, __file__, "--one", reference, backend],
                    capture_output=True,
                    text=True,
                    check=True,
                ).stdout.split()
                for _ in range(asked.repeat)
            ]
            medians = [statistics.median(float(each[n]) for each in told) for n in (1, 2, 3)]
            print(f"| {reference} | {told[0][0]} | {' | '.join(f'{value:,.2f}' for value in medians)} |")


if __name__ == "__main__":
    main()
