"""What is wrong with one ML model, fact by fact, each with the SQL of its number and of its rows."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import duckdb

from scorehouse.dialect import DUCKDB
from scorehouse.registry.seeds import build_command
from scorehouse.report import limits
from scorehouse.report.alert import Alert, Subject
from scorehouse.report.faults import faults_of, units_of
from scorehouse.report.gather import ModelData
from scorehouse.report.monitors import Long, segment_faults, window_of
from scorehouse.report.proofs import drift_sql
from scorehouse.report.refit import newest_of, no_help, refit_in_words
from scorehouse.report.row_sql import Rows
from scorehouse.report.run_alerts import age_alerts, run_alerts, version_alerts
from scorehouse.report.warehouse import Row, Table, Warehouse
from scorehouse.report.words import MOVED, few, row_window, slug, target_option

TOLERANCE = 1e-9


def facts_of(behind: Rows) -> list[Alert]:
    """The facts of the newest window of each table; a fact that two tables have is there once."""
    data, seen = behind.data, dict[tuple[str, ...], bool]()
    found = [alert for long in data.performance for alert in _performance_alerts(long, behind)]
    units = units_of(data, behind.warehouse)
    for long, of_segments in zip(data.drift, segment_faults(data.drift), strict=True):
        rows, faults = drifted(long), faults_of(long, data.reference)
        rows.sort(key=lambda row: (row["part"] != "output", *_rank(row, faults), row["place"] or 0))
        faults += of_segments
        for row in rows + of_segments:
            # PSI, mean and spread of one feature say one thing: the first of them is kept, a fault before
            # PSI; and a fault that another table alone has
            metric = "" if row["metric"] in MOVED else row["metric"]
            fact = (row["part"], row["feature"], row["segment"], metric)
            is_fault = row in faults
            if is_fault > seen.get(fact, False) or fact not in seen:
                sql = _proven(behind.warehouse, drift_sql(data, row), row["value"])
                anchor, rows_sql = _anchor(data, row), behind.of_drift(row)
                code, subject = _drift_code(row)
                days = _days_within(data.drift, row)
                numbers: Row = {"days": days} if days else {}
                if row["part"] == "feature" and row["feature"] in units:  # its first fact says so
                    code, numbers = "unit_changed", {"factor": units.pop(row["feature"]), **numbers}
                elif is_fault and subject.kind == "feature":
                    code = "feature_fault"
                more: dict[str, Any] = {"sql": sql, "rows_sql": rows_sql, "numbers": numbers}
                found.append(row_alert(code, subject, long, row, anchor, **more))
            seen[fact] = is_fault or seen.get(fact, False)
    found += _label_alerts(behind)
    target = behind.warehouse.target
    return [
        *found,
        *_retraining_alerts(data, target),
        *run_alerts(behind),
        *version_alerts(data, target),
        *age_alerts(behind),
    ]


def _days_within(drift: list[Long], row: Row) -> str:
    """The shorter windows within that of a row in which the same column has drifted, in any table."""
    start, end = window_of(row)
    rows = {
        window_of(one): one
        for long in drift
        for one in long.rows
        if one["status"] == "drift"
        and (one["part"], one["feature"], one["segment"]) == (row["part"], row["feature"], row["segment"])
        and (start <= one["window_start"] < one["window_end"] <= end and window_of(one) != (start, end))
    }
    return few([row_window(rows[window]) for window in sorted(rows)])


def _rank(row: Row, faults: list[Row]) -> tuple[bool, bool]:
    """Of what says that a distribution has moved, a fault of the data goes first, then PSI."""
    return row["metric"] not in MOVED or row not in faults, row["metric"] != "psi"


def drifted(long: Long) -> list[Row]:
    """What has drifted in the newest window."""
    return [row for row in long.newest if row["status"] == "drift"]


def row_alert(
    code: str, subject: Subject, long: Long, row: Row, anchor: str, *, sql: str | None = None, **more: Any
) -> Alert:
    """An alert about a row of a monitoring table, by default with the SQL of its number and its history."""
    state, began = ("", "") if "state" in more else long.since(row)
    facts: dict[str, Any] = {"level": "warn", "state": state, "since": began, **more}
    sql = sql or value_sql(long.table, row)
    return Alert(code, subject=subject, sql=sql, value=row["value"], row=row, anchor=anchor, **facts)


def _drift_code(row: Row) -> tuple[str, Subject]:
    """The code of a row of drift, and what it is about."""
    if row["part"] == "output":
        missing = row["metric"] == "missing_share"
        return "scores_missing" if missing else "output_drift", Subject("scores")
    if row["metric"] == "repeated_share":
        return "rows_repeated", Subject("rows")
    moved = "feature_drift" if row["metric"] == "psi" else "feature_shift"
    code = moved if row["metric"] in MOVED else "feature_quality"
    return code, Subject("feature", row["feature"])


def _anchor(data: ModelData, row: Row) -> str:
    """The line of the page that shows the feature; the section where it has no line."""
    if row["part"] == "output":
        return f"{data.name}-scores"
    line = ("feature", row["feature"], "psi")
    lines = [(one["part"], one["feature"], one["metric"]) for one in data.drift[0].newest]
    if row["metric"] in MOVED and line in lines:
        return f"{data.name}-drift-{slug(row['feature'])}"
    if any(one["feature"] == row["feature"] for one in data.signature):
        return f"{data.name}-quality-{slug(row['feature'])}"
    return f"{data.name}-drift"


def _performance_alerts(long: Long, behind: Rows) -> list[Alert]:
    """Metrics beyond their thresholds; and those without one that are far from registration."""
    data, found = behind.data, list[Alert]()

    def add(code: str, row: Row, more_numbers: Row, **more: Any) -> None:
        numbers = {"metric": limits.metric_of(data.live, row), **behind.named_target, **more_numbers}
        rows_sql, anchor = behind.of_performance(row), f"{data.name}-performance"
        subject = Subject("performance")
        found.append(row_alert(code, subject, long, row, anchor, rows_sql=rows_sql, numbers=numbers, **more))

    windows = (long.at(window) for window in reversed(long.windows))
    judged = (rows for rows in windows if any(row["status"] in ("ok", "uncertain", "below") for row in rows))
    for row in next(judged, []):
        if row["status"] == "below":
            add("metric_below_limit", row, {}, level="bad")
    for row in long.claimed():
        level = limits.far_from(data.live, row)
        if level in limits.FAR:
            registered = limits.at_registration(data.live, row) or 0.0
            limit = limits.far_limit(row["metric"], registered, limits.FAR[level])
            earlier = [limits.far_from(data.live, one) in limits.FAR for one in long.before(row)]
            state = ("continuing" if earlier[0] else "new") if earlier else ""
            numbers = {"registered": registered, "limit": limit}
            add("metric_far_from_registration", row, numbers, level=level, state=state)
    return found


def _label_alerts(behind: Rows) -> list[Alert]:
    """Labels that come no more, of each output once: several tables may be made of one table of labels."""
    data, found = behind.data, dict[str, Alert]()
    for long in data.performance:
        for row in long.rows:
            if row["status"] == "overdue" and row["segment"] == "all":
                output = data.live.outputs.get(row.get("feature") or "", "")
                newest = row["window_start"] + timedelta(days=row["value"] - 1)
                numbers = {"of_output": f" of {output}" if output else "", "newest": newest}
                more: Row = {"level": "bad", "state": "", "numbers": numbers}
                anchor = f"{data.name}-performance"
                alert = row_alert("labels_stopped", Subject("labels"), long, row, anchor, **more)
                found.setdefault(output, alert)
    return list(found.values())


def _retraining_alerts(data: ModelData, target: str) -> list[Alert]:
    """The advice to retrain; where the data are at fault, what to look at before; or that nothing judges.

    A command names the target that was read; a file alone does not tell in which one to train.
    """
    option = target_option(target)
    command = f"scorehouse retrain {data.name}{option or ' --target TARGET'}"
    sql = f"select *\nfrom {data.retraining_table}\nwhere ml_model = {DUCKDB.literal(data.name)}"

    def advice(code: str, numbers: Row, *, kind: str = "retraining", action: str = "") -> Alert:
        return Alert(code, "warn", Subject(kind), sql, numbers, anchor=f"{data.name}-drift", action=action)

    alerts = []
    for row in data.retraining:
        faults, numbers = row.get("data_faults"), {name: row[name] for name in ("version", "reasons")}
        numbers["command"] = command
        if faults and row["reasons"]:
            alerts.append(advice("data_fault", {**numbers, "faults": faults}))
        elif row["retrain"] or row.get("status") == "refit_no_help":
            judged = [] if row.get("refit") else [*data.drift, *data.performance]  # the table has judged
            refit = newest_of(data.refit, judged)
            numbers["refit"] = refit_in_words(refit, f"{command} --measure")
            if helps := no_help(row, refit):
                alerts.append(advice("retrain_without_gain", {**numbers, "helps": helps}))
            else:
                alerts.append(advice("retrain", numbers, action=command if option else ""))
        elif row["retrain"] is None and row.get("not_judged") and not _is_monitored(data):
            build = build_command(data.name) + option
            numbers = {"version": row["version"], "missing": row["not_judged"], "next": build}
            alerts.append(advice("not_monitored", numbers, kind="version", action=build))
    return alerts


def _is_monitored(data: ModelData) -> bool:
    """Whether drift has a row of the version that scores, with a reference of it."""
    newest = [row for long in data.drift for row in long.at(long.windows[-1])]
    return bool({row["status"] for row in newest} - {"no_reference", "info"})


def value_sql(table: Table, row: Row) -> str:
    """SQL that selects the number from its row in the monitoring table."""
    names = ["ml_model", "version", "feature", "segment", "metric", "window_start"]
    conditions = [f"{name} = {_literal(row[name])}" for name in names if row.get(name) is not None]
    return f"select value\nfrom {table.quoted}\nwhere " + "\n    and ".join(conditions)


def _literal(value: int | str | datetime) -> str:
    if isinstance(value, int):
        return str(value)
    return DUCKDB.literal(value) if isinstance(value, str) else f"timestamp '{value}'"


def _proven(warehouse: Warehouse, sql: str | None, value: Any) -> str | None:
    """The SQL that recomputes the number from counts, if it gives exactly that number, on DuckDB."""
    if sql is None or value is None or warehouse.original is not None:  # it is too much of DuckDB's
        return None
    try:
        (found,) = warehouse.connection.execute(sql).fetchone() or (None,)
    except duckdb.Error:
        return None
    return sql if found is not None and abs(found - value) <= TOLERANCE else None
