"""The truth of a life: customers and orders, their labels, and what a loader writes of them.

The world knows each row as it is and as it was loaded. What the warehouse holds is compared with it.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Row = dict[str, Any]
Distort = Callable[[Row, np.random.Generator], Row]
START = dt.date(2026, 1, 1)
TRAINING_DAYS = 90
LABEL_DAYS = 10
PLANS = ("basic", "plus", "pro")
CITIES = ("Wien", "Graz", "Linz", "Sankt Pölten")
SHOPS = ("north", "east", "quay 4")


@dataclass(frozen=True)
class Subject:
    """One feature table of the world, its key, and the table in which its labels arrive."""

    table: str
    key: str
    columns: dict[str, str]
    labels: str
    label: str
    label_type: str
    rows_per_day: int


CUSTOMERS = Subject(
    table="customers",
    key="customer_id",
    columns={
        "customer_id": "varchar",
        "day": "date",
        "plan": "varchar",
        "city": "varchar",
        "spend, and fees": "double precision",
        "visits": "integer",
        "calls": "integer",
    },
    labels="outcomes",
    label="churned",
    label_type="varchar",
    rows_per_day=60,
)
ORDERS = Subject(
    table="orders",
    key="order",
    columns={
        "order": "bigint",
        "day": "date",
        "shop": "varchar",
        "weight": "real",
        "items": "integer",
        "distance": "double precision",
    },
    labels="deliveries",
    label="hours",
    label_type="double precision",
    rows_per_day=60,
)
SUBJECTS = (CUSTOMERS, ORDERS)


@dataclass
class World:
    """All rows as they should be in the warehouse, by table and key, and the labels to come."""

    seed: int
    rows: dict[str, dict[Any, Row]] = field(default_factory=lambda: {s.table: {} for s in SUBJECTS})
    labels: dict[str, dict[Any, tuple[Any, dt.date]]] = field(
        default_factory=lambda: {s.table: {} for s in SUBJECTS}
    )
    truth: dict[str, dict[Any, Row]] = field(default_factory=lambda: {s.table: {} for s in SUBJECTS})
    today: dt.date = START
    distorted: dict[str, Distort] = field(default_factory=dict)  # a fault of the loader, by table
    labels_until: dt.date | None = None  # the day of the last label, where labels have stopped
    decay: float = 0.0  # how far the world has moved from what was trained on, 0 to 1

    def __post_init__(self) -> None:
        self.random = np.random.default_rng(self.seed)
        self.number = 0

    def live(self, days: int, *, load: bool = True) -> None:
        """Let days pass: new rows arrive on each, with labels that become known later."""
        for _ in range(days):
            self.today += dt.timedelta(days=1)
            for subject in SUBJECTS:
                for _ in range(subject.rows_per_day if load else 0):
                    self.arrive(subject, self.today)

    def arrive(self, subject: Subject, day: dt.date) -> Any:
        """One new row, and the label that it will have; returns its key."""
        self.number += 1
        make = _customer if subject is CUSTOMERS else _order
        row, label = make(self.random, self.number, day, self.decay)
        key = row[subject.key]
        self.labels[subject.table][key] = label, day + dt.timedelta(days=LABEL_DAYS)
        distort = self.distorted.get(subject.table)
        self.rows[subject.table][key] = _stored(subject, distort(row, self.random) if distort else row)
        if distort:
            self.truth[subject.table][key] = _stored(subject, row)
        return key

    def restore(self, table: str) -> None:
        """Bring every row that was loaded with a fault to what it is in truth."""
        rows = self.rows[table]
        rows |= {key: row for key, row in self.truth[table].items() if key in rows}
        self.truth[table].clear()

    def sample(self, subject: Subject, count: int, *, days: int = 30) -> list[Any]:
        """Keys of rows of the last days, for a loader that changes or deletes them."""
        since = self.today - dt.timedelta(days=days)
        keys = [key for key, row in self.rows[subject.table].items() if row["day"] > since]
        picked = self.random.permutation(len(keys))[:count]
        return [keys[index] for index in picked]

    def correct(self, subject: Subject, key: Any) -> None:
        """Change features of a row, as a correction at its source does."""
        row = dict(self.rows[subject.table][key])
        if subject is CUSTOMERS:
            row["calls"] = int(row["calls"] or 0) + 1
        else:
            row["distance"] = round(float(row["distance"] or 1.0) * 1.25, 2)
        self.rows[subject.table][key] = row

    def delete(self, subject: Subject, key: Any) -> None:
        del self.rows[subject.table][key]
        self.labels[subject.table].pop(key, None)

    def known_labels(self, subject: Subject) -> dict[Any, Any]:
        """The labels that have arrived by today, or until they stopped."""
        until = self.labels_until or self.today
        return {key: label for key, (label, known) in self.labels[subject.table].items() if known <= until}


def _stored(subject: Subject, row: Row) -> Row:
    """A row as its table holds it, whose column of type `real` has the nearest float32."""
    return {
        name: float(np.float32(value)) if subject.columns[name] == "real" and value is not None else value
        for name, value in row.items()
    }


def _customer(random: np.random.Generator, number: int, day: dt.date, decay: float) -> tuple[Row, str]:
    plan, city = str(random.choice(PLANS)), str(random.choice(CITIES))
    spend = round(float(random.gamma(4, 12)), 2)
    visits, calls = int(random.poisson(6)), int(random.poisson(1.2))
    risk = (
        -1.0
        + (1 - 1.9 * decay) * (0.9 * calls - 0.3 * visits + 0.8 * (plan == "basic"))
        - 0.01 * spend
        + decay
    )
    outcome = "yes" if random.random() < 1 / (1 + math.exp(-risk)) else "no"
    row = {
        "customer_id": f"C{number:06d}",
        "day": day,
        "plan": plan,
        "city": city,
        "spend, and fees": spend,
        "visits": visits,
        "calls": calls,
    }
    return row, outcome


def _order(random: np.random.Generator, number: int, day: dt.date, decay: float) -> tuple[Row, float]:
    shop = str(random.choice(SHOPS))
    weight = round(float(random.gamma(2, 2)), 2) if random.random() > 0.02 else None
    items, distance = int(random.integers(1, 12)), round(float(random.exponential(20)), 2)
    hours = (
        4 + 0.5 * distance + items + 6 * (shop == "quay 4") + (weight or 0) * 0.3 + 20 * decay * (items > 6)
    )
    row = {
        "order": number,
        "day": day,
        "shop": shop,
        "weight": weight,
        "items": items,
        "distance": distance,
    }
    return row, round(float(hours + random.normal(0, 2)), 3)
