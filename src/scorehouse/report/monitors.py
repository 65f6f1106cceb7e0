"""The monitoring tables of a warehouse: rows of the versions that score, by ML model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from scorehouse.dialect import DUCKDB
from scorehouse.metrics import METRICS, WINDOWS, of_drift
from scorehouse.report.contests import SMALL as POOL
from scorehouse.report.warehouse import Row, Table, Warehouse
from scorehouse.report.words import metric_name, row_window, window_names

CLAIMED = ("ok", "below", "uncertain", "info")
NO_CLAIM = ("labels_arrived", "labelled_days", "rejected_share")
UNJUDGED = ("immature", "complete", "too_small", "blind", "not_judged", "no_reference", "not_compared")
# From where on a mean or spread is a fault of the data, if it got there in a step and not by ageing.
SUDDEN = {name: one.drift.fault for name, one in METRICS.items() if one.drift and one.drift.fault}
FEW_ROWS = of_drift("few_rows")  # what tells a fault of the data in a small segment, too
# Read the newest windows in full, back to the newest with a metric, but of segments, and of older windows,
# only what is drawn or tells a step: of drift, PSI, means and spreads, and what has drifted.
ROWS = f"""
select * exclude (age_, newest_) from (
    select
        *,
        dense_rank() over (partition by ml_model, version order by window_start desc) as age_,
        coalesce(
            max(window_start) filter (
                value is not null and status in ('ok', 'below', 'uncertain', 'info', 'drift')
                and metric not in {NO_CLAIM}
            ) over (partition by ml_model, version),
            max(window_start) over (partition by ml_model, version)
        ) as newest_
    from {{table}} where {{live}}
)
where window_start is not null and age_ <= {WINDOWS} and (
    window_start >= newest_ and (segment = 'all' or {{kind}} <> 'drift' or metric = 'psi' or status = 'drift')
    or segment = 'all' and ({{kind}} <> 'drift' or metric in {("psi", *SUDDEN)} or status = 'drift')
)
order by window_start, segment, metric
"""
ALL = "select * from {table} where {live}"
# Segments have no windows, and of each series of a sequential monitor the newest window holds all evidence.
NEWEST = {
    "worst_segments": """
select * from {table} where {live} order by metric, difference_low * share_of_rows desc, place
""",
    "sequential": """
select * from {table} where {live}
qualify row_number() over (
    partition by ml_model, version, feature, segment, metric, side order by window_start desc, window_end desc
) = 1
order by status, metric, feature, segment, side
""",
}

Window = tuple[datetime, datetime]


def window_of(row: Row) -> Window:
    return row["window_start"], row["window_end"]


def fact_of(row: Row) -> tuple[str | None, ...]:
    """What a row is about, in whatever window."""
    return tuple(row.get(name) for name in ("part", "feature", "metric", "segment"))


@dataclass(frozen=True)
class Long:
    """A table in long form, and its rows for the live version, oldest window first."""

    table: Table
    rows: list[Row]

    @property
    def windows(self) -> list[Window]:
        return sorted(set(map(window_of, self.rows)))

    @property
    def names(self) -> dict[Window, str]:
        """A short name for each window."""
        return dict(zip(self.windows, window_names(self.windows), strict=True))

    def at(self, window: Window) -> list[Row]:
        return [row for row in self.rows if window_of(row) == window]

    @property
    def newest(self) -> list[Row]:
        """Rows of the newest window, for all segments together."""
        return [row for row in self.at(self.windows[-1]) if row["segment"] == "all"]

    @property
    def segment_faults(self) -> list[Row]:
        """Faults of the data in segments of the newest window that all rows together do not show."""
        drifts = [row for row in self.at(self.windows[-1]) if row["status"] == "drift"]
        whole = {(row["feature"], row["metric"]) for row in drifts if row["segment"] == "all"}
        return [
            row
            for row in drifts
            if row["segment"] != "all" and row["part"] == "feature" and row["metric"] in FEW_ROWS
            if (row["feature"], row["metric"]) not in whole
        ]

    @property
    def small(self) -> set[str]:
        """The segments of the newest window that are pooled, too: by themselves, faults alone are judged."""
        rows = self.at(self.windows[-1])
        found = {row["segment"] for row in rows} - {row["segment"] for row in rows if row["metric"] == "psi"}
        return {segment for segment in found if not segment.endswith(f"={POOL}")}

    def claimed(self, statuses: Sequence[str] = CLAIMED) -> list[Row]:
        """Rows of the newest window with a metric; shares of labels and of rejected rows do not count."""
        for window in reversed(self.windows):
            rows = self.at(window)
            if any(
                row["value"] is not None and row["status"] in statuses and row["metric"] not in NO_CLAIM
                for row in rows
            ):
                return rows
        return []

    def before(self, row: Row) -> list[Row]:
        """The rows of the same fact in earlier windows, newest first; those without a value are left out."""
        same = [one for one in self.rows if fact_of(one) == fact_of(row)]
        earlier = [one for one in same if one["window_start"] < row["window_start"]]
        return [
            one for one in reversed(earlier) if one["value"] is not None and one["status"] not in UNJUDGED
        ]

    def since(self, row: Row) -> tuple[str, str]:
        """`new` or `continuing`, and the window in which it began; empty if there is no earlier window.

        Of older windows, only PSI and what has drifted is read: one that has no row there had not drifted.
        """
        windows = [window for window in self.windows if window[0] < row["window_start"]]
        if not windows or row["segment"] != "all":  # of segments, only the newest window is read
            return "", ""
        earlier_rows = {one["window_start"]: one for one in self.before(row)}
        began = row
        for window in reversed(windows):
            earlier = earlier_rows.get(window[0])
            if earlier is None or earlier["status"] != row["status"]:
                break
            began = earlier
        return ("new", "") if began is row else ("continuing", row_window(began))

    def ended(self) -> list[str]:
        """What was wrong in the window before and is judged as right in the newest one, in words."""
        newest = {fact_of(row): row["status"] for row in self.at(self.windows[-1])}
        return [
            (f"{row['feature']}: " if row.get("feature") else "")
            + f"{metric_name(row['metric'])}, wrong in {row_window(row)}"
            for row in (self.at(self.windows[-2]) if len(self.windows) > 1 else [])
            if row["status"] in ("drift", "below") and row["segment"] == "all"
            if newest.get(fact_of(row)) in ("ok", "small_drift")
        ]


def segment_faults(drift: Sequence[Long]) -> list[list[Row]]:
    """By table: the faults of the data in segments of its newest window.

    Small groups are named together only where no table names one of them: one of under 10 rows is not judged.
    """
    faults = [long.segment_faults for long in drift]
    named = {
        (row["feature"], row["metric"], f"{row['segment'].partition('=')[0]}={POOL}")
        for long, rows in zip(drift, faults, strict=True)
        for row in rows
        if row["segment"] in long.small
    }
    return [
        [row for row in rows if (row["feature"], row["metric"], row["segment"]) not in named]
        for rows in faults
    ]


@dataclass
class Monitors:
    """The monitoring tables. Each is asked once, for all ML models: it may be a view."""

    warehouse: Warehouse
    live: Mapping[str, int]  # the version of each ML model that is told about
    read: dict[str, dict[str, list[Row]]] = field(default_factory=dict)  # by query and ML model

    def rows(self, kind: str, sql: str, name: str) -> Iterator[tuple[Table, list[Row]]]:
        """The tables of a kind that have rows of an ML model, and these; `sql` has `{table}` and `{live}`."""
        names = ", ".join(map(DUCKDB.literal, sorted(self.live)))
        versions = ", ".join(map(str, sorted(set(self.live.values()))))
        for table in self.warehouse.of_kind(kind):
            version = "live_version" if "live_version" in table.columns else "version"
            live = f"ml_model in ({names}) and {version} in ({versions})"
            query = sql.format(table=table.quoted, kind=DUCKDB.literal(kind), live=live)
            if query not in self.read:
                self.read[query] = {one: [] for one in self.live}
                for row in self.warehouse.rows(query):
                    if self.live[row["ml_model"]] == row[version]:
                        self.read[query][row["ml_model"]].append(row)
            if rows := self.read[query][name]:
                yield table, rows

    def long(self, kind: str, name: str) -> list[Long]:
        """The tables of a kind in long form, the one that goes farthest first."""
        found = [Long(*pair) for pair in self.rows(kind, NEWEST.get(kind, ROWS), name)]

        def reach(long: Long) -> tuple[datetime, timedelta]:
            """How far the newest window goes, and its length: of a month and its days, the month is first."""
            start, end = long.windows[-1]
            return end, end - start

        return sorted(found, key=reach, reverse=True)

    def first(self, kind: str, name: str, order: str) -> list[Row]:
        """The rows of an ML model in the first table of a kind that has any."""
        return next((rows for _, rows in self.rows(kind, f"{ALL} order by {order}", name)), [])
