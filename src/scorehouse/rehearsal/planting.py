"""Judges the past as it was, and copies of it with a fault, in temporary tables: nothing else is written.

Counts of one feature do not depend on the others, so each kind of fault is planted into all features at
once and profiled once. For the verdicts, every feature gets a copy of the whole profile in which it alone is
wrong; the copies bear the feature in place of the ML model, and all are judged by one query.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from scorehouse.dialect import DUCKDB
from scorehouse.rehearsal.faults import ALL_FEATURES, ROWS, Fault, Source
from scorehouse.rehearsal.monitors import Monitor, Monitored
from scorehouse.report.warehouse import Row, Warehouse

Window = tuple[datetime, datetime]
REAL, WRONG, COPIES = (f"temp.main.scorehouse_{name}" for name in ("real", "wrong", "copies"))
AT_ONCE = 2_000_000  # rows of profiles that one query judges
THERE = 0.9  # of the rows of a window: fewer, and it is not the window that was judged then
JUDGED = """
select part, feature, metric, window_start, window_end, status, value, n_current
from ({sql}) where segment = 'all' order by window_start, window_end
"""
FOUND = """
select ml_model as feature, window_start, window_end, max(n_current) as n_rows,
    list({{'metric': metric, 'value': value}}) filter (status = 'drift') as alarms
from ({sql}) where segment = 'all' and feature = ml_model group by all
"""


@dataclass(frozen=True)
class Trial:
    """A fault of a feature in one window of a monitor that had no alarm for it without the fault.

    `alarms` are the metrics that found it, with their values.
    """

    monitor: str
    fault: str
    feature: str
    window: Window
    alarms: dict[str, float]


class Past:
    """The past of one ML model in a profile, and what its tables of drift say about it."""

    def __init__(self, warehouse: Warehouse, name: str, monitored: Monitored) -> None:
        self.warehouse, self.name, self.profile = warehouse, name, monitored.profile
        self.execute = warehouse.connection.execute
        self.execute(
            f"create or replace temp table {_bare(REAL)} as select * from {self.profile.relation} "
            f"where ml_model = {DUCKDB.literal(name)}"
        )
        self.judged = {monitor: self._judge(monitor) for monitor in monitored.drift}
        sql = f"select distinct feature from {REAL} where part = 'feature' and kind = 'all' order by 1"
        self.features = [row["feature"] for row in warehouse.rows(sql)]
        self.fixed = [name for name in self.features if name.lower() in self.profile.fixed]
        self.sources = list(self._sources())

    def _judge(self, monitor: Monitor) -> list[Row]:
        """The verdicts on every window, without a fault."""
        sql = monitor.sql.replace(self.profile.relation, REAL)
        return self.warehouse.rows(JUDGED.format(sql=sql))

    def _sources(self) -> Iterator[Source]:
        """Copies of the tables that the profile reads features from; a copy has numbered rows.

        Features that predictions pass through are those of the table of features.
        """
        known = {name.lower(): name for name in self.features if name not in self.fixed}
        tables = {}
        for relation in self.profile.reads:
            columns = self.warehouse.rows(f"describe select * from {relation}")
            tables[relation] = {row["column_name"].lower(): row["column_type"] for row in columns}
        of_features_first = sorted(tables, key=lambda relation: "scoring_run_id" in tables[relation])
        for number, relation in enumerate(of_features_first):
            names = tables[relation]
            types = {known.pop(name): names[name] for name in names.keys() & known.keys()}
            if types:
                copy = f"temp.main.scorehouse_rows_{number}"
                self.execute(f"create or replace temp table {_bare(copy)} as select * from {relation}")
                yield Source(relation, copy, types)

    def changed(self, fault: Fault) -> dict[str, float]:
        """The share of rows that the fault changes, by feature; features that it leaves as they are miss."""
        if fault.of == ROWS:
            return {ALL_FEATURES: 1.0} if ALL_FEATURES in self.features and self.sources else {}
        shares: dict[str, float] = {}
        for source in self.sources:
            counts = [
                f"avg(cast({sql} is distinct from {DUCKDB.quote(feature)} as integer)) as "
                f"{DUCKDB.quote(feature)}"
                for feature, sql in source.wrong_values(fault)
            ]
            if counts:
                (row,) = self.warehouse.rows(f"select {', '.join(counts)} from {source.copy}")
                shares |= {feature: share for feature, share in row.items() if share}
        return shares

    def trials(self, fault: Fault, features: Sequence[str]) -> Iterator[Trial]:
        """The fault in each of these features, in every window whose rows are still there."""
        sql = self.profile.sql
        for source in self.sources:
            sql = sql.replace(source.relation, source.planted(fault))
        self.execute(
            f"create or replace temp table {_bare(WRONG)} as select * from ({sql}) "
            f"where ml_model = {DUCKDB.literal(self.name)} and segment = 'all'"
        )
        monitors = [monitor for monitor in self.judged if not monitor.compares_windows]
        for some in self._portions(features):
            self._copy(fault, some)
            for monitor in monitors:
                yield from self._found(fault, monitor)

    def _portions(self, features: Sequence[str]) -> Iterator[Sequence[str]]:
        """The features, so many at once that the copies of the profile have at most AT_ONCE rows."""
        (row,) = self.warehouse.rows(f"select count(*) as n from {REAL} where segment = 'all'")
        size = max(1, AT_ONCE // max(1, row["n"]))
        for start in range(0, len(features), size):
            yield features[start : start + size]

    def _copy(self, fault: Fault, features: Sequence[str]) -> None:
        """One copy of the profile per feature, wrong in this feature; of whole rows, wrong in all."""
        names = ", ".join(f"({DUCKDB.literal(feature)})" for feature in features)
        same = "true" if fault.of == ROWS else "part = 'feature' and feature = copied"
        parts = [
            f"select one.* replace (copied as ml_model) from {table} as one cross join (values {names}) "
            f"as copies(copied) where segment = 'all' and {condition}"
            for table, condition in ((REAL, f"not ({same})"), (WRONG, same))
        ]
        self.execute(f"create or replace temp table {_bare(COPIES)} as {' union all '.join(parts)}")

    def _found(self, fault: Fault, monitor: Monitor) -> Iterator[Trial]:
        """The verdicts of one monitor on the copies, where the true rows cause no alarm."""
        rows_then: dict[tuple[str, Window], int] = {}
        alarmed = set()
        for row in self.judged[monitor]:
            key = row["feature"], (row["window_start"], row["window_end"])
            rows_then[key] = max(rows_then.get(key, 0), row["n_current"] or 0)
            if row["status"] == "drift":
                alarmed.add(key)
        sql = monitor.sql.replace(self.profile.relation, COPIES)
        for row in self.warehouse.rows(FOUND.format(sql=sql)):
            key = feature, window = row["feature"], (row["window_start"], row["window_end"])
            if key not in alarmed and (row["n_rows"] or 0) >= THERE * rows_then.get(key, 0):
                alarms = {one["metric"]: one["value"] for one in row["alarms"] or []}
                yield Trial(monitor.name, fault.kind, feature, window, alarms)


def _bare(name: str) -> str:
    return name.rpartition(".")[2]
