"""Training sets with and without leaks from the future, made row by row in plain Python.

Each set has features of customers with an event time and a knowledge time (some rows are late corrections)
and a spine of moments; a leak changes some of the values that were known to values that nobody knew then.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

START = pd.Timestamp("2026-03-01")
HOUR = pd.Timedelta(hours=1)
Known = list[tuple[Any, ...]]  # rows of one customer: event time, knowledge time, value


@dataclass(frozen=True)
class TrainingSet:
    """Features as they are stored, and the training set that somebody built from them."""

    features: pd.DataFrame
    trained: pd.DataFrame
    leaked: frozenset[int]  # rows of `trained`, by their number


def known_value(rows: Known, moment: pd.Timestamp) -> float:
    """Of what had happened and was known, the value of what happened last, and became known last of these."""
    seen = [row for row in rows if row[0] <= moment and row[1] <= moment]
    return max(seen)[2] if seen else np.nan


def next_value(rows: Known, moment: pd.Timestamp) -> float:
    later = [row for row in rows if row[0] > moment]
    return min(later)[2] if later else known_value(rows, moment)


def current_value(rows: Known, moment: pd.Timestamp) -> float:
    return max(rows)[2] if rows else np.nan


def correction_before_it_was_known(rows: Known, moment: pd.Timestamp) -> float:
    happened = [row for row in rows if row[0] <= moment]
    return max(happened)[2] if happened else np.nan


def clock_of_another_zone(rows: Known, moment: pd.Timestamp) -> float:
    return known_value(rows, moment + 9 * HOUR)


def end_of_the_day(rows: Known, moment: pd.Timestamp) -> float:
    return known_value(rows, moment.normalize() + 24 * HOUR)


def mean_of_all_time(rows: Known, moment: pd.Timestamp) -> float:
    return float(np.mean([row[2] for row in rows])) if rows else np.nan


def filled_backwards(rows: Known, moment: pd.Timestamp) -> float:
    value = known_value(rows, moment)
    return min(rows)[2] if rows and np.isnan(value) else value


LEAKS: dict[str, Callable[[Known, pd.Timestamp], float] | None] = {
    "next value": next_value,
    "current value": current_value,
    "correction before it was known": correction_before_it_was_known,
    "clock of another zone": clock_of_another_zone,
    "end of the day": end_of_the_day,
    "mean of all time": mean_of_all_time,
    "filled backwards": filled_backwards,
    "label known before": None,
    "label known at no time": None,
}


def training_set(seed: int, leak: str | None) -> TrainingSet:
    """A set of 60 rows; with a leak, at least one row has a value that was not known."""
    draw = np.random.default_rng(seed)
    while True:
        made = _drawn(draw, leak)
        if made.leaked or leak is None:
            return made


def _drawn(draw: np.random.Generator, leak: str | None) -> TrainingSet:
    events, moments = 80, 60
    happened = START + pd.to_timedelta(draw.integers(0, 30 * 24, events), unit="h")
    late = draw.choice([0, 0, 0, 2, 30, 200], events)
    features = pd.DataFrame(
        {
            "customer": draw.integers(0, 12, events),
            "happened_at": happened,
            "known_at": happened + pd.to_timedelta(late, unit="h"),
            "amount": draw.random(events),
        }
    )
    corrected = features.sample(15, random_state=int(draw.integers(2**31)))
    corrected = corrected.assign(known_at=corrected.known_at + 50 * HOUR, amount=draw.random(15))
    features = pd.concat([features, corrected], ignore_index=True)
    spine = pd.DataFrame(
        {
            "customer": draw.integers(0, 14, moments),
            "as_of": START + pd.to_timedelta(draw.integers(0, 30 * 24, moments), unit="h"),
        }
    ).drop_duplicates(ignore_index=True)
    histories = {
        key: list(rows[["happened_at", "known_at", "amount"]].itertuples(index=False, name=None))
        for key, rows in features.groupby("customer")
    }
    places = list(zip(spine.customer, spine.as_of, strict=True))
    true = np.array([known_value(histories.get(key, []), moment) for key, moment in places])
    found, label_known_at = true.copy(), spine.as_of + 24 * HOUR
    touched = draw.random(len(spine)) < draw.choice([0.05, 0.3, 1.0])
    if leak and (value := LEAKS[leak]):
        told = np.array([value(histories.get(key, []), moment) for key, moment in places])
        found = np.where(touched, told, true)
    elif leak:
        known = spine.as_of if leak == "label known before" else pd.NaT
        label_known_at = label_known_at.where(~touched, known)
    differs = ~((found == true) | (np.isnan(found) & np.isnan(true))) | ~(label_known_at > spine.as_of)
    trained = spine.assign(amount=pd.array(found, dtype="Float64"), label_known_at=label_known_at)
    trained.loc[np.isnan(found), "amount"] = pd.NA
    return TrainingSet(features, trained, frozenset(np.flatnonzero(differs).tolist()))
