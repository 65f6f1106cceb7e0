"""Facts about pairs of features, about segments, and of monitors with one error rate for life."""

from __future__ import annotations

from collections import Counter

from scorehouse.report import limits
from scorehouse.report.alert import Alert, Subject
from scorehouse.report.alerts import drifted, row_alert, value_sql
from scorehouse.report.gather import ModelData, table_name
from scorehouse.report.monitors import Long
from scorehouse.report.row_sql import Rows
from scorehouse.report.warehouse import Row


def watched_facts(behind: Rows, subjects: set[Subject]) -> list[Alert]:
    """Facts that join the `subjects` that are known already, where they are about the same thing."""
    data = behind.data
    facts = [_sequential_fact(data, long, row) for long in data.sequential for row in alerted(long)]
    facts += [
        row_alert(
            "segment_worse",
            Subject("segments", row["metric"]),
            long,
            row,
            f"{data.name}-worst-segments",
            numbers={"limit": limits.segment_limit(row)},
            rows_sql=behind.of_segment(row),
            state="",  # segments have no windows
        )
        for long in data.worst_segments
        for row in long.rows
        if limits.segment_state(row) == "warn"
    ]
    facts += _pair_facts(behind, subjects)
    # windows in which other features drive the scores than in the reference window
    return facts + [
        row_alert("attribution_drift", Subject("scores"), long, row, f"{data.name}-attribution")
        for long in data.attribution
        for row in drifted(long)
    ]


def alerted(long: Long) -> list[Row]:
    """The series of a sequential monitor that have ever raised an alert, which stays."""
    return [row for row in long.rows if row["status"] == "alert"]


def pairs_of(data: ModelData) -> list[Row]:
    """The pairs of the newest window of each table, the one that has changed most first."""
    rows = [row for long in data.joint for row in long.newest]
    order = {"drift": 0, "not_judged": 2, "too_small": 2}
    return sorted(rows, key=lambda row: (order.get(row["status"], 1), -(row["value"] or 0), row["feature"]))


def _sequential_fact(data: ModelData, long: Long, row: Row) -> Alert:
    began, is_new = row["alert_since"], row["alert_since"] >= row["window_start"]
    return row_alert(
        "sequential_alert",
        _sequential_subject(data, row),
        long,
        row,
        f"{data.name}-sequential",
        sql=value_sql(long.table, row) + f"\n    and side = '{row['side']}'",
        level="bad",
        state="new" if is_new else "continuing",
        since="" if is_new else f"{began:%d %b %Y}",
    )


def _sequential_subject(data: ModelData, row: Row) -> Subject:
    if row["metric"] == "rejected_share" and row["feature"]:
        return Subject("run", table_name({"prediction_table": row["feature"]}))
    if row["feature"] in {one["feature"] for one in data.signature}:
        return Subject("feature", row["feature"])
    return Subject("scores" if row["feature"] else "performance")


def _pair_facts(behind: Rows, subjects: set[Subject]) -> list[Alert]:
    """Pairs that go together no more. Pairs of one feature have one cause; a feature that drifts is it."""
    data = behind.data
    broken = [(long, row) for long in data.joint for row in drifted(long)]
    weights = {row["feature"]: row.get("importance") or 0.0 for row in data.signature}
    counts = Counter(name for _, row in broken for name in _names(data, row))
    alerts = []
    for long, row in broken:
        names = sorted(_names(data, row), key=lambda name: (-counts[name], -weights.get(name, 0.0), name))
        drifting = next((name for name in names if Subject("feature", name) in subjects), None)
        subject = Subject("feature", drifting) if drifting else Subject("pair", names[0] if names else "")
        rows_sql, anchor = behind.of_pair(names), f"{data.name}-drift"
        alerts.append(row_alert("pair_drift", subject, long, row, anchor, rows_sql=rows_sql))
    return alerts


def _names(data: ModelData, row: Row) -> list[str]:
    """The two features of a pair. Their names may hold ` and ` themselves, so the reference is asked."""
    return next(
        (
            [one["name"], one["category"]]
            for one in data.reference
            if one["kind"] == "pair" and f"{one['name']} and {one['category']}" == row["feature"]
        ),
        [],
    )
