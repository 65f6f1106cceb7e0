"""Drift with tools that hold the rows in pandas: run by `monitoring.py --peers`, in an environment of each.

    python benchmarks/monitoring_peers.py evidently|nannyml REFERENCE.parquet CURRENT.parquet DAY
    python benchmarks/monitoring_peers.py evidently|nannyml alerts FOLDER PROCESSES

Prints one JSON object: the tool's version, and seconds per task, without reading. Evidently compares the week
from DAY on with the reference (PSI); NannyML compares every day of the current rows (Jensen-Shannon).
`alerts` is run by `alerts_beside_peers.py`, and prints which share of the windows in a folder each reports.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from pathlib import Path
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


def windows_of(folder: Path) -> Iterator[tuple[str, pd.DataFrame, list[pd.DataFrame]]]:
    """The cases of a folder: the number of each, its training rows, and its windows in order."""
    for file in sorted(folder.glob("*_training.parquet")):
        number = file.name.partition("_")[0]
        training = pd.read_parquet(file)
        rows = pd.read_parquet(folder / f"{number}_windows.parquet")
        week = (rows["day"] - rows["day"].min()).dt.days // 7
        yield number, training, [one for _, one in rows.groupby(week)]


def evidently_alerts(training: pd.DataFrame, windows: list[pd.DataFrame]) -> list[float]:
    """The share of windows with a drifted column, and with drift of the whole table."""
    from evidently import Report
    from evidently.presets import DataDriftPreset

    known, any_column, whole = training.drop(columns="day"), 0, 0
    for rows in windows:
        told = Report([DataDriftPreset()]).run(rows.drop(columns="day"), known).dict()
        drifted = told["metrics"][0]["value"]
        any_column += drifted["count"] > 0
        whole += drifted["share"] >= 0.5
    return [any_column / len(windows), whole / len(windows)]


def nannyml_alerts(training: pd.DataFrame, windows: list[pd.DataFrame]) -> list[float]:
    """The share of windows with an alert of any column."""
    import nannyml as nml

    names = [name for name in training.columns if name != "day"]
    calculator = nml.UnivariateDriftCalculator(column_names=names, chunk_size=len(windows[0]))
    found = calculator.fit(training).calculate(pd.concat(windows, ignore_index=True))
    frame = found.filter(period="analysis").to_df()
    alerts = frame[[column for column in frame.columns if column[-1] == "alert"]].any(axis=1)
    return [float(alerts.iloc[: len(windows)].mean())]


def peer(tool: str, python: str) -> list[str]:
    """The command of this file in the environment of a tool, which is made where it is missing."""
    environment = Path(__file__).parents[1] / "target" / "peers" / tool
    if not (environment / "ready").exists():
        subprocess.run([python, "-m", "venv", "--clear", str(environment)], check=True)
        pip = [str(environment / "bin" / "python"), "-m", "pip", "install", "--quiet"]
        subprocess.run([*pip, *PEERS[tool]], check=True)
        (environment / "ready").touch()
    return [str(environment / "bin" / "python"), __file__, tool]


def main() -> None:
    if sys.argv[2] == "alerts":
        of_tool = {"evidently": evidently_alerts, "nannyml": nannyml_alerts}[sys.argv[1]]
        numbers, *cases = zip(*windows_of(Path(sys.argv[3])), strict=True)
        with ProcessPoolExecutor(int(sys.argv[4])) as pool:
            found = dict(zip(numbers, pool.map(of_tool, *cases), strict=True))
        print(json.dumps([version(sys.argv[1]), found]))
        return
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
