"""The alerts of one ML model, each with the SQL that reproduces its number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from scorehouse.project.run_log_place import TABLE
from scorehouse.report import limits
from scorehouse.report.gather import Long, ModelData, table_name
from scorehouse.report.proofs import drift_sql
from scorehouse.report.warehouse import Row, Table, Warehouse
from scorehouse.report.words import (
    MOVED,
    ago,
    chance,
    metric_limit,
    metric_name,
    metric_value,
    p_value,
    percent,
    stamp,
    window_text,
)
from scorehouse.scoring.runlog import STARTED, SUCCESS

TOLERANCE = 1e-9


@dataclass(frozen=True)
class Alert:
    """What is wrong. `level` is `bad` or `warn`; `topic` is the section of the report that it belongs to."""

    topic: str
    level: str
    title: str
    text: str
    sql: str
    value: float | None = None
    row: Row | None = None


def alerts_of(warehouse: Warehouse, data: ModelData) -> list[Alert]:
    """Alerts of the newest window of each table, worst first."""
    found: list[Alert] = []
    for long in data.performance:
        found += [_performance_alert(data, long, row) for row in _judged(long) if row["status"] == "below"]
        found += _registration_alerts(data, long)
    for long in data.drift:
        rows = [row for row in long.at(long.newest()) if row["status"] == "drift" and row["segment"] == "all"]
        rows.sort(key=lambda row: (row["part"] != "output", row["metric"] != "psi", row["place"] or 0))
        found += [_drift_alert(warehouse, data, long, row) for row in _once(rows)]
    found += _retraining_alerts(data)
    found += _run_alerts(data)
    return sorted(found, key=lambda alert: alert.level != "bad")


def _once(rows: Sequence[Row]) -> list[Row]:
    """PSI, mean and spread of one feature say one thing: the first of them is kept."""
    kept: dict[tuple[str, str, str], Row] = {}
    for row in rows:
        kept.setdefault((row["part"], row["feature"], "" if row["metric"] in MOVED else row["metric"]), row)
    return list(kept.values())


def segment_drift(data: ModelData) -> list[Row]:
    """For each segment of the newest window, how many features have drifted, and the worst of them."""
    counted: dict[str, Row] = {}
    for long in data.drift:
        for row in long.at(long.newest()):
            if row["segment"] == "all" or row["metric"] != "psi" or row["part"] != "feature":
                continue
            if row["feature"] in row["segment"].partition("=")[0].split("+"):
                continue  # the column that defines the segment cannot drift within it
            held = counted.setdefault(
                row["segment"], {"segment": row["segment"], "rows": 0, "drifted": 0, "small": 0, "worst": row}
            )
            held["rows"] = max(held["rows"], row["n_current"] or 0)
            held["drifted"] += row["status"] == "drift"
            held["small"] += row["status"] == "too_small"
            if (row["value"] or 0) > (held["worst"]["value"] or 0):
                held["worst"] = row
    return [counted[name] for name in sorted(counted)]


def _judged(long: Long) -> list[Row]:
    """Rows of the newest window in which a metric was judged."""
    for window in reversed(long.windows):
        rows = [row for row in long.at(window) if row["status"] in ("ok", "below")]
        if rows:
            return rows
    return []


def _drift_alert(warehouse: Warehouse, data: ModelData, long: Long, row: Row) -> Alert:
    where = window_text(row["window_start"], row["window_end"])
    value = metric_value(row["metric"], row["value"])
    allowed = metric_limit(row["metric"], row["threshold"])
    floor = f"; {chance(row['floor_value'])} expected by chance" if row["floor_value"] else ""
    if row["part"] == "output":
        title = f"The distribution of {row['feature']} has changed"
    elif row["metric"] == "psi":
        title = f"{row['feature']} has drifted"
    else:
        title = f"{row['feature']}: {metric_name(row['metric']).lower()}"
    text = (
        f"{metric_name(row['metric'])} {value} in {where}; threshold {allowed}{floor}; "
        f"p {p_value(row['p_value'])}; {row['n_current']:,} rows"
    )
    return Alert(
        "scores" if row["part"] == "output" else "drift" if row["metric"] in MOVED else "quality",
        "warn",
        title,
        text,
        _proven(warehouse, drift_sql(data, row), row["value"]) or _row_sql(long.table, row),
        row["value"],
        row,
    )


def _performance_alert(data: ModelData, long: Long, row: Row) -> Alert:
    where = window_text(row["window_start"], row["window_end"])
    part = "" if row["segment"] == "all" else f" of {row['segment']}"
    return Alert(
        "performance",
        "bad",
        f"{metric_name(row['metric'])}{part} is worse than allowed",
        f"{metric_value(row['metric'], row['value'])} in {where}, allowed "
        f"{metric_value(row['metric'], row['threshold'])}; {row['n_current']:,} labelled rows",
        _row_sql(long.table, row),
        row["value"],
        row,
    )


def _registration_alerts(data: ModelData, long: Long) -> list[Alert]:
    """Alerts for metrics without a threshold that are far from their values at registration."""
    found = []
    for row in long.claimed():
        level = limits.far_from(data.live, row)
        if level not in ("bad", "warn"):
            continue
        metric, registered = row["metric"], data.live.metrics[row["metric"]]
        factor = limits.FAR_BAD if level == "bad" else limits.FAR_WARN
        allowed = limits.far_limit(metric, registered, factor)
        text = (
            f"{metric_value(metric, row['value'])} in {window_text(row['window_start'], row['window_end'])}, "
            f"{metric_value(metric, registered)} at registration; threshold {metric_value(metric, allowed)}; "
            f"{row['n_current']:,} labelled rows"
        )
        title = f"{metric_name(metric)} is far from its value at registration"
        found.append(Alert("performance", level, title, text, _row_sql(long.table, row), row["value"], row))
    return found


def _retraining_alerts(data: ModelData) -> list[Alert]:
    return [
        Alert(
            "retraining",
            "warn",
            f"Version {row['version']} should be retrained",
            str(row["reasons"]).replace("; ", ", and "),
            f"select retrain, reasons\nfrom {data.retraining_table.quoted}\n"
            f"where ml_model = {_text(data.name)}",
        )
        for row in data.retraining
        if row["retrain"] and data.retraining_table
    ]


def _run_alerts(data: ModelData) -> list[Alert]:
    found = []
    log = data.run_log.quoted if data.run_log else TABLE
    for run in map(data.judged, data.newest_runs()):
        level, share = limits.run_state(run), limits.rejected_share(run)
        where = f"{table_name(run)}, {stamp(run['started_at'])}"
        sql = (
            "select status, error, rows_rejected * 1e0 / rows_in as rejected_share\n"
            f"from {log}\nwhere run_id = {_text(str(run['run_id']))}"
        )
        if run["status"] == STARTED:
            text = f"{where}: it is still running, or its process was killed"
            found.append(Alert("runs", level, "The last scoring run is not finished", text, sql))
        elif run["status"] != SUCCESS:
            problem = str(run.get("error") or "").splitlines() or ["no error message was recorded"]
            title = f"The last scoring run {run['status']}"
            found.append(Alert("runs", level, title, f"{where}: {problem[0]}", sql))
        elif share and level in ("bad", "warn"):
            rows = "every row" if share == 1 else f"{percent(share)} of its rows"
            text = f"{where}: {run['rows_rejected']:,} of {run['rows_in']:,} rows"
            found.append(Alert("runs", level, f"The last scoring run rejected {rows}", text, sql, share))
    return found + _age_alerts(data, log)


def _age_alerts(data: ModelData, log: str) -> list[Alert]:
    if data.age_days is None:
        return []
    gap = limits.usual_gap(data.days_scored)
    level = limits.lateness(data.age_days, gap)
    if level == "ok":
        return []
    usual = f"usually every {gap.days} days" if gap.known else "too few runs to know how often it is scored"
    sql = (
        f"select max(started_at) as last_scored\nfrom {log}\n"
        f"where model_name = {_text(data.name)}\n    and status = 'success'"
    )
    title = f"Last scored {ago(data.age_days)}"
    return [Alert("runs", level, title, f"{stamp(data.last_scored)} UTC; {usual}", sql, data.age_days)]


def _row_sql(table: Table, row: Row) -> str:
    """SQL that selects the number from its row in the monitoring table."""
    names = ["ml_model", "version", "feature", "segment", "metric", "window_start"]
    conditions = [f"{name} = {_literal(row[name])}" for name in names if row.get(name) is not None]
    return f"select value\nfrom {table.quoted}\nwhere " + "\n    and ".join(conditions)


def _proven(warehouse: Warehouse, sql: str | None, value: Any) -> str | None:
    """The SQL that recomputes the number from counts, if it gives exactly that number."""
    if sql is None or value is None:
        return None
    try:
        (found,) = warehouse.connection.execute(sql).fetchone() or (None,)
    except duckdb.Error:
        return None
    return sql if found is not None and abs(found - value) <= TOLERANCE else None


def _literal(value: Any) -> str:
    if isinstance(value, int):
        return str(value)
    return _text(str(value)) if isinstance(value, str) else f"timestamp {_text(str(value))}"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
