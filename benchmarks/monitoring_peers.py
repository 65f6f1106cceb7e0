"""Drift with tools that hold the rows in pandas: run by `monitoring.py --peers`, in an environment of each.

    python benchmarks/monitoring_peers.py evidently|nannyml REFERENCE.parquet CURRENT.parquet DAY

Prints one JSON object: the tool's version, and seconds per task, without reading. Evidently compares the week
from DAY on with the reference (PSI); NannyML compares every day of the current rows (Jensen-Shannon).
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import pandas as pd

# Requirements of each environment: evidently wants pandas below 3, nannyml forgets statsmodels.
PEERS = {
    "evidently": ["evidently==0.7.23", "pandas<3", "pyarrow"],
    "nannyml": ["nannyml==0.13.1", "statsmodels", "pyarrow", "setuptools<81"],
}
ROUNDS = 3
os.environ |= {"DO_NOT_TRACK": "1", "NML_DISABLE_USAGE_LOGGING": "true"}  # else each reports its use


def features_of(frame: pd.DataFrame) -> list[str]:
    return [name for name in frame.columns if name.startswith("x")]


def evidently(reference: pd.DataFrame, current: pd.DataFrame, day: str) -> dict[str, Callable[[], Any]]:
    from evidently import Report
    from evidently.presets import DataDriftPreset, DataSummaryPreset

    names = features_of(reference)
    start = pd.Timestamp(day)
    week = current[(current["day"] >= start) & (current["day"] < start + pd.Timedelta(days=7))][names]
    known, whole = reference[names], current[names]

    def drift() -> Any:
        return Report([DataDriftPreset(num_method="psi")]).run(week, known).dict()

    def summary() -> Any:
        return Report([DataSummaryPreset()]).run(whole, known).dict()

    return {"drift_of_week": drift, "profiles": summary}


def nannyml(reference: pd.DataFrame, current: pd.DataFrame, day: str) -> dict[str, Callable[[], Any]]:
    import nannyml as nml

    names = features_of(reference)

    def drift() -> Any:
        calculator = nml.UnivariateDriftCalculator(
            column_names=names,
            timestamp_column_name="day",
            continuous_methods=["jensen_shannon"],
            chunk_period="D",
        )
        return calculator.fit(reference).calculate(current)

    return {"drift_by_day": drift}


def main() -> None:
    tool, reference, current, day = sys.argv[1:]
    frames = [pd.read_parquet(path) for path in (reference, current)]
    for frame in frames:
        frame["day"] = pd.to_datetime(frame["day"])
    made = {"evidently": evidently, "nannyml": nannyml}[tool](*frames, day)
    seconds = {}
    for what, work in made.items():
        times = []
        for _ in range(ROUNDS):
            start, used = time.perf_counter(), time.process_time()
            work()
            times.append((time.perf_counter() - start, time.process_time() - used))
        seconds[what] = [min(clock for clock, _ in times), min(cpu for _, cpu in times)]
    print(json.dumps({"version": version(tool), "seconds": seconds}))


if __name__ == "__main__":
    main()
