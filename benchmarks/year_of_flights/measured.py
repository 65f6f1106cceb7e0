"""What the year was like: quality by month with its intervals, differences, and cost."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

import duckdb
from house import House
from walk import Step

METRICS = ("roc_auc", "log_loss", "brier")
Z = 1.959963984540054  # of an interval of 95 %


@dataclass(frozen=True)
class Value:
    """A value and its interval of 95 %; from the performance table, or of a difference by days."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Way:
    """One strategy at the end of its year. `lost` is the log loss above that of another one, by month."""

    steps: Sequence[Step]
    quality: dict[str, dict[date, Value]]
    year: dict[str, float]
    cpu: dict[str, float]
    scored: int
    lost: dict[date | None, Value] = field(default_factory=dict)

    @property
    def trainings(self) -> list[Step]:
        return [step for step in self.steps if step.trained]

    @property
    def promoted(self) -> list[date]:
        """The months after which another version scored."""
        pairs = zip(self.steps, self.steps[1:], strict=False)
        return [one.month for one, other in pairs if one.version != other.version]


def measured(house: House, steps: Sequence[Step], cpu: dict[str, float]) -> Way:
    """Read the tables of a project whose year is over; what this costs is not the strategy's."""
    house.dbt("watch", "run", "--select", "flight_performance")
    rows = house.query(
        "select metric, window_start::date, value, value_low, value_high, n_current from flight_performance "
        f"where segment = 'all' and metric in {METRICS} order by window_start"
    )
    quality: dict[str, dict[date, Value]] = {name: {} for name in METRICS}
    weights: dict[str, list[tuple[float, int]]] = {name: [] for name in METRICS}
    for metric, month, value, low, high, count in rows:
        quality[metric][month] = Value(value, low, high)
        weights[metric].append((value, count))
    year = {
        name: sum(value * count for value, count in found) / sum(count for _, count in found)
        for name, found in weights.items()
    }
    ((scored,),) = house.query("select coalesce(sum(rows_in), 0)::bigint from scorehouse_run_log")
    return Way(steps, quality, year, cpu, int(scored))


def compared(way: Way, house: House, frozen: House) -> Way:
    """The same with its log loss above that of the frozen version."""
    return replace(way, lost=differences(house, frozen))


def differences(one: House, other: House) -> dict[date | None, Value]:
    """Log loss of `one` minus that of `other` on the same flights, by month and (None) for all of them.

    The flights of a day share its weather, so the interval takes days as its units.
    """
    with duckdb.connect() as connection:
        for name, house in (("one", one), ("other", other)):
            connection.execute(f"attach '{Path(house.project.database)}' as {name} (read_only)")
        days = connection.execute(
            """
            select one.flight_date, count(*)::double,
                sum(
                    ln(if(label = 1, other.score, 1 - other.score))
                    - ln(if(label = 1, one.score, 1 - one.score))
                )
            from one.flight_predictions as one
            inner join other.flight_predictions as other using (flight_id)
            inner join (select flight_id, arrived_late as label from one.flight_labels) using (flight_id)
            where label is not null and one.score is not null and other.score is not null
            group by one.flight_date order by one.flight_date
            """
        ).fetchall()
    by_month: dict[date | None, list[tuple[float, float]]] = {None: []}
    for day, count, lost in days:
        for key in (None, day.replace(day=1)):
            by_month.setdefault(key, []).append((count, lost))
    return {key: _of_days(found) for key, found in by_month.items()}


def _of_days(days: Sequence[tuple[float, float]]) -> Value:
    """The mean per row, with an interval that takes each day's rows as one draw."""
    rows = sum(count for count, _ in days)
    mean = sum(lost for _, lost in days) / rows
    spread = sum((lost - mean * count) ** 2 for count, lost in days)
    error = math.sqrt(spread * len(days) / max(len(days) - 1, 1)) / rows
    return Value(mean, mean - Z * error, mean + Z * error)
