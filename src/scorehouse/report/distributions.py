"""How the rows of a window are distributed over the training bins."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from scorehouse.report.charts import Bin
from scorehouse.report.gather import ModelData
from scorehouse.report.monitors import Window
from scorehouse.report.warehouse import Row, Warehouse
from scorehouse.report.words import number

SHOWN = 12
SHOWN_NUMBERS = 31  # such as hours or days, which keep their order
BINS = ("missing", "numeric", "category", "other")  # the kinds of the reference that count rows
Key = tuple[str, str]


@dataclass
class Distribution:
    """Bins of one feature or output, with their counts in training and in the window."""

    rows: dict[str, Row]

    @property
    def has_current(self) -> bool:
        return any(row["current"] for row in self.rows.values())

    def bins(self) -> list[Bin]:
        """Numeric bins in the order of their edges; or the most frequent categories, then the others."""
        values = [row for row in self.rows.values() if row["kind"] != "missing"]
        total = sum(row["reference"] for row in values) or 1
        now = sum(row["current"] for row in values)
        shares = [
            Bin(_name(row), row["reference"] / total, row["current"] / now if now else None, _name(row, 2))
            for row in values
        ]
        if values and all(row["kind"] == "numeric" for row in values):
            return shares
        if len(shares) <= SHOWN_NUMBERS and all(is_number(item.name) for item in shares):
            return sorted(shares, key=lambda item: float(item.name))
        shares.sort(key=lambda item: -max(item.reference, item.current or 0.0))
        kept, rest = shares[:SHOWN], shares[SHOWN:]
        if rest:
            current = sum(item.current or 0.0 for item in rest) if now else None
            kept.append(Bin(f"{len(rest)} others", sum(item.reference for item in rest), current))
        return kept


def distributions(warehouse: Warehouse, data: ModelData, window: Window | None) -> dict[Key, Distribution]:
    """Distributions by part and name; the window's counts come from profiles, for all segments together."""
    counts: dict[Key, dict[str, Row]] = defaultdict(dict)
    for row in data.reference:
        if row["kind"] in BINS:
            counts[row["part"], row["name"]][_key(row)] = {**row, "reference": row["row_count"], "current": 0}
    if window and data.profiles:
        for row in warehouse.rows(
            "select part, feature, kind, bin, lower, upper, category, sum(row_count) as n "
            f"from {data.profiles[0].quoted} "
            "where ml_model = ? and version = ? and segment = 'all' "
            "and kind not in ('all', 'repeated', 'single') and window_start >= ? and window_end <= ? "
            "group by all order by kind, bin, category",
            [data.name, data.live.version, window[0], window[1]],
        ):
            bins = counts[row["part"], row["feature"]]
            counted = bins.setdefault(_key(row), {**row, "reference": 0, "current": 0})
            counted["current"] += int(row["n"])
    return {key: Distribution(rows) for key, rows in counts.items()}


FACTS = """
with own as (
    select *, row_count - n_null - coalesce(n_nan, 0) - coalesce(n_infinite, 0) as n_finite
    from {table}
    where ml_model = ? and version = ? and segment = 'all' and kind = 'all' and window_start >= ?
)
select
    part, feature, window_start, window_end, row_count, coalesce(n_nan, 0) + coalesce(n_infinite, 0) as n_odd,
    minimum, maximum, n_finite, mean
from own order by window_start
"""


def facts_by_window(warehouse: Warehouse, data: ModelData, windows: Sequence[Window]) -> dict[Key, list[Row]]:
    """By part and name: the row count, NaN and infinities, range and mean of each window in `windows`."""
    if not data.profiles or not windows:
        return {}
    sql = FACTS.format(table=data.profiles[0].quoted)
    by_column: dict[Key, list[Row]] = defaultdict(list)
    for row in warehouse.rows(sql, [data.name, data.live.version, windows[0][0]]):
        by_column[row["part"], row["feature"]].append(row)
    return {
        key: [
            summed([row for row in rows if start <= row["window_start"] and row["window_end"] <= end])
            for start, end in windows
        ]
        for key, rows in by_column.items()
    }


def summed(rows: Sequence[Row]) -> Row:
    """The facts of several profiles combined; None where no value is finite.

    A feature that was all NULL in training has no profile.
    """
    finite = [row for row in rows if row["mean"] is not None]
    weight = sum(row["n_finite"] for row in finite)
    return {
        "rows": sum(row["row_count"] for row in rows),
        "odd": sum(row["n_odd"] for row in rows),
        "minimum": min((row["minimum"] for row in finite), default=None),
        "maximum": max((row["maximum"] for row in finite), default=None),
        "mean": sum(row["mean"] * row["n_finite"] for row in finite) / weight if weight else None,
    }


def _key(row: Row) -> str:
    if row["kind"] == "numeric":
        return f"bin {row['bin']}"
    return f"value {row['category']}" if row["kind"] in ("category", "unseen") else str(row["kind"])


def is_number(text: str) -> bool:
    """Whether a category is a finite number."""
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _name(row: Row, digits: int = 4) -> str:
    if row["kind"] == "numeric":
        if row["lower"] is None and row["upper"] is None:
            return "all values"
        lower, upper = number(row["lower"], digits), number(row["upper"], digits)
        if row["lower"] is None:
            return f"≤ {upper}"
        return f"> {lower}" if row["upper"] is None else f"{lower} to {upper}"
    if row["kind"] == "other":
        return "rare values"
    if row["kind"] == "unseen":
        return f"{row['category'] or 'other values'} (unseen)"
    return "(empty)" if row["category"] in (None, "") else str(row["category"])
