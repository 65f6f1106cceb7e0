"""How many planted leaks `no_leak_from_future` finds, and how many clean training sets it accuses.

    python benchmarks/leaks.py
    python benchmarks/leaks.py --sets 40

Each training set is a table of its own, with a dbt test of its own in a project that has these macros.
A leak counts as found if the test returns exactly the rows that it changed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "python" / "support"))
from leaks import LEAKS, TrainingSet, training_set
from monitoring.warehouse import MonitoredWarehouse

ARGUMENTS = {"key": "customer", "label_time": "label_known_at", "event_time": "happened_at"}
ARGUMENTS |= {"known_at": "known_at", "columns": ["amount"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--sets", type=int, default=200, help="planted leaks, and as many clean sets")
    sets = parser.parse_args().sets
    kinds = list(LEAKS)
    made = [(kinds[n % len(kinds)], training_set(n, kinds[n % len(kinds)])) for n in range(sets)]
    made += [("clean", training_set(1_000_000 + n, None)) for n in range(sets)]
    with tempfile.TemporaryDirectory() as folder:
        found = judged(Path(folder) / "house", [one for _, one in made])
    counts, right = Counter(kind for kind, _ in made), Counter[str]()
    for (kind, one), rows in zip(made, found, strict=True):
        right[kind] += rows == one.leaked
    for kind in (*kinds, "clean"):
        what = "not accused" if kind == "clean" else "found, row for row"
        print(f"{kind}: {right[kind]} of {counts[kind]} {what}")
    planted = sum(right[kind] for kind in kinds)
    print(f"all: {planted} of {sets} leaks found, {sets - right['clean']} of {sets} clean sets accused")


def judged(folder: Path, sets: list[TrainingSet]) -> list[frozenset[int]]:
    """Per set the numbers of the rows that the test returned."""
    warehouse = MonitoredWarehouse(folder)
    tables = []
    for number, one in enumerate(sets):
        warehouse.table(f"features_{number}", "select * from features", features=one.features)
        warehouse.table(f"trained_{number}", "select * from trained", trained=one.trained)
        test: dict[str, Any] = {"name": f"leak_{number}", "config": {"store_failures": True}}
        test["arguments"] = ARGUMENTS | {"features": f"source('raw', 'features_{number}')"}
        tables.append({"name": f"features_{number}"})
        tables.append({"name": f"trained_{number}", "data_tests": [{"scorehouse.no_leak_from_future": test}]})
    sources = {"version": 2, "sources": [{"name": "raw", "schema": "raw", "tables": tables}]}
    warehouse.project.write("models/_raw.yml", yaml.safe_dump(sources))
    statuses = warehouse.project.dbt("test").statuses
    found = []
    for number, one in enumerate(sets):
        read = f"select row_key, moment from main_dbt_test__audit.leak_{number}"
        told = set() if statuses[f"leak_{number}"] == "pass" else set(warehouse.query(read))
        rows = enumerate(zip(one.trained.customer, one.trained.as_of, strict=True))
        found.append(frozenset(place for place, (key, at) in rows if (str(key), at.to_pydatetime()) in told))
    return found


if __name__ == "__main__":
    main()
