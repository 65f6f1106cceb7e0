"""The data of `alerts.py`: training rows, windows without a change, and windows with one.

Every table is drawn from numpy's generator with a seed of its own, so each run prints the same figures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

Columns = dict[str, Any]
Change = Callable[[Columns, np.random.Generator], None]

TRAINING_ROWS = 20_000
CATEGORIES = np.array([f"c{number:02d}" for number in range(30)])
CHANNELS = np.array(["web", "shop", "phone", "partner", "app"])
NORMALS = [f"n{number}" for number in range(6)]
# The exponent of a Zipf distribution whose tail never ends: about half of its values are seen once.
TAIL = 1.68
ZONES, WEEKS, WEEK_ROWS = 10, 81, 800
SHORT_WEEKS, LONG_WEEKS = 26, 520  # too short a training to know months
PRICES = [f"price_{number}" for number in range(11)]


def plain(rows: int, rng: np.random.Generator) -> Columns:
    """Thirteen features of independent rows, and one that is empty in training."""
    columns: Columns = {name: rng.normal(size=rows) for name in NORMALS}
    columns["amount"] = np.round(rng.lognormal(3, 1, rows), 2)
    columns["waited"] = rng.exponential(5, rows)
    columns["share"] = rng.random(rows)
    columns["orders"] = rng.poisson(12, rows).astype("int64")
    columns["channel"] = rng.choice(CHANNELS, rows, p=[0.5, 0.25, 0.15, 0.07, 0.03]).astype(object)
    weights = 1 / np.arange(1, 31)
    columns["category"] = rng.choice(CATEGORIES, rows, p=weights / weights.sum()).astype(object)
    columns["member"] = rng.random(rows) < 0.3
    columns["empty"] = np.full(rows, np.nan)
    return columns


def shifted(deviations: float, *names: str) -> Change:
    """Adds this many standard deviations to normal features."""

    def change(columns: Columns, _: np.random.Generator) -> None:
        for name in names:
            columns[name] = columns[name] + deviations

    return change


def widened(columns: Columns, _: np.random.Generator) -> None:
    columns["n0"] = columns["n0"] * 1.3


def gappy(columns: Columns, rng: np.random.Generator) -> None:
    columns["n0"] = np.where(rng.random(len(columns["n0"])) < 0.05, np.nan, columns["n0"])


def renamed(columns: Columns, rng: np.random.Generator) -> None:
    columns["channel"] = np.where(rng.random(len(columns["channel"])) < 0.005, "kiosk", columns["channel"])


def absurd(columns: Columns, _: np.random.Generator) -> None:
    columns["n0"][0] = 1e9


def filled(columns: Columns, rng: np.random.Generator) -> None:
    columns["empty"] = rng.normal(size=len(columns["empty"]))


def frozen(columns: Columns, _: np.random.Generator) -> None:
    columns["n0"] = np.full(len(columns["n0"]), 0.25)


CHANGES: dict[str, Change | None] = {
    "no change": None,
    "mean +0.1 sd": shifted(0.1, "n0"),
    "mean +0.2 sd": shifted(0.2, "n0"),
    "mean +0.3 sd": shifted(0.3, "n0"),
    "six features +0.15 sd": shifted(0.15, *NORMALS),
    "spread x 1.3": widened,
    "NULL in 5 %, none in training": gappy,
    "new category of 0.5 %": renamed,
    "one value of 1e9": absurd,
    "all NULL in training, now filled": filled,
    "constant": frozen,
}


def windows(sizes: Mapping[int, tuple[int, int]]) -> Iterator[pa.Table]:
    """Scored rows, in tables: for each size, windows without a change and with each change."""
    for number, (name, change) in enumerate(CHANGES.items()):
        for size, (unchanged, changed) in sizes.items():
            count = changed if change else unchanged
            rng = np.random.default_rng([7, number, size])
            for window in range(count):
                columns = plain(size, rng)
                if change:
                    change(columns, rng)
                yield scored(columns, f"{name}|{size}|{window}")


def long_tail(rows: int, rng: np.random.Generator) -> Columns:
    """A category whose values never end."""
    return {"site": np.char.add("s", rng.zipf(TAIL, rows).astype(str)).astype(object)}


def tail_windows(sizes: Mapping[int, tuple[int, int]]) -> Iterator[pa.Table]:
    for size, (count, _) in sizes.items():
        rng = np.random.default_rng([11, size])
        for window in range(count):
            yield scored(long_tail(size, rng), f"long tail|{size}|{window}")


def prices(weeks: int, seed: int) -> pa.Table:
    """Rows of a shop in which each zone sets eleven prices once per week."""
    rng = np.random.default_rng(23)
    base = rng.uniform(20, 80, (len(PRICES), ZONES))
    rng = np.random.default_rng(seed)
    week = np.repeat(np.arange(weeks), WEEK_ROWS)
    zone = rng.integers(0, ZONES, len(week))
    columns: Columns = {}
    for number, name in enumerate(PRICES):
        level = np.round(base[number][:, None] * np.exp(0.1 * rng.normal(size=(ZONES, weeks))), 2)
        columns[name] = level[zone, week]
    columns["zone"] = np.char.add("z", zone.astype(str)).astype(object)
    day = np.datetime64("2024-01-01", "us") + week.astype("timedelta64[W]")
    columns["day"] = day + rng.integers(0, 7, len(week)).astype("timedelta64[D]")
    return table(columns)


def regions(count: int, rows: int) -> pa.Table:
    """Daily windows of six regions that differ from each other, always in the same way."""
    rng = np.random.default_rng(31)
    region = rng.integers(0, 6, count * rows)
    columns: Columns = {
        "region": np.char.add("r", region.astype(str)).astype(object),
        "age": rng.normal(40 + 3 * region, 10),
        "income": rng.lognormal(3 + 0.1 * region, 0.5),
        "visits": rng.poisson(5 + region).astype("int64"),
    }
    day = np.datetime64("2026-01-01", "us") + np.arange(count).astype("timedelta64[D]")
    columns["day"] = np.repeat(day, rows)
    return table(columns)


def pairs(days: int, rows: int, correlation: float, seed: int) -> pa.Table:
    """Daily windows of six normal features, the first two of which are correlated."""
    rng = np.random.default_rng([61, rows, seed])
    columns: Columns = {name: rng.normal(size=days * rows) for name in NORMALS}
    columns["n1"] = correlation * columns["n0"] + np.sqrt(1 - correlation**2) * columns["n1"]
    day = np.datetime64("2026-01-01", "us") + np.arange(days).astype("timedelta64[D]")
    return table(columns | {"day": np.repeat(day, rows)})


def looks(count: int, windows: int, rows: int, before: float, after: float) -> pa.Table:
    """Accuracies by day of ML models, in the columns of a performance table; errors change halfway."""
    rng = np.random.default_rng([53, rows, int(1e4 * after)])
    rate = np.where(np.arange(windows) < windows // 2, before, after)
    errors = rng.binomial(rows, np.tile(rate, count))
    start = np.tile(np.datetime64("2020-01-01", "us") + np.arange(windows).astype("timedelta64[D]"), count)
    columns: Columns = {"ml_model": np.repeat(np.char.add("m", np.arange(count).astype(str)), windows)}
    columns |= {"window_start": start, "window_end": start, "value": 1 - errors / rows}
    return table(columns | {"n_current": np.full(len(errors), rows)})


def scored(columns: Columns, run: str) -> pa.Table:
    made = table(columns)
    return made.append_column("scoring_run_id", pa.array([run] * made.num_rows))


def table(columns: Columns) -> pa.Table:
    """The columns as Arrow; NaN becomes NULL."""
    return pa.table({name: pa.array(values, from_pandas=True) for name, values in columns.items()})
