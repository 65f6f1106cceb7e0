"""What is wrong with one ML model, fact by fact, each with the SQL of its number and of its rows."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

import duckdb

from scorehouse.project.run_log_place import TABLE
from scorehouse.report import limits
from scorehouse.report.gather import Long, ModelData, table_name
from scorehouse.report.history import before, run_before, since
from scorehouse.report.outputs import at_registration, metric_of
from scorehouse.report.proofs import drift_sql
from scorehouse.report.row_sql import Rows, rejected_rows
from scorehouse.report.warehouse import Row, Table, Warehouse
from scorehouse.report.words import (
    MOVED,
    ago,
    chance,
    lower_first,
    metric_limit,
    metric_name,
    metric_value,
    p_value,
    percent,
    slug,
    stamp,
    window_text,
)
from scorehouse.scoring.runlog import STARTED, SUCCESS

TOLERANCE = 1e-9
REASONS = 3  # for which a run rejected rows, in an alert


@dataclass(frozen=True)
class Alert:
    """What is wrong. `level` is `bad` or `warn`; `topic` is the section of the report that it belongs to.

    `cause` is the same for facts that have one cause; `also` are the other facts of the cause, set when facts
    are grouped. `rows_sql` selects the rows behind the number; empty if they are not known. `state` is `new`,
    `continuing` or empty (nothing to compare with), and `since` names the window in which it began.
    """

    topic: str
    level: str
    title: str
    text: str
    sql: str
    value: float | None = None
    row: Row | None = None
    cause: str = ""
    rows_sql: str = ""
    state: str = ""
    since: str = ""
    anchor: str = ""
    also: tuple[Alert, ...] = ()


def facts_of(warehouse: Warehouse, data: ModelData) -> list[Alert]:
    """The facts of the newest window of each table; a fact that two tables have is there once."""
    found: list[Alert] = []
    behind = Rows(warehouse, data)
    for long in data.performance:
        below = [row for row in _judged(long) if row["status"] == "below"]
        found += [_performance_alert(data, long, row, behind) for row in below]
        found += _registration_alerts(data, long, behind)
    seen = set()
    for long in data.drift:
        rows = [row for row in long.at(long.newest()) if row["status"] == "drift" and row["segment"] == "all"]
        rows.sort(key=lambda row: (row["part"] != "output", row["metric"] != "psi", row["place"] or 0))
        for row in rows:
            # PSI, mean and spread of one feature say one thing: the first of them is kept
            fact = (row["part"], row["feature"], "" if row["metric"] in MOVED else row["metric"])
            if fact not in seen:
                found.append(_drift_alert(warehouse, data, long, row, behind))
            seen.add(fact)
    return found + _retraining_alerts(data) + _run_alerts(data, behind)


def _judged(long: Long) -> list[Row]:
    """Rows of the newest window in which a metric was judged."""
    for window in reversed(long.windows):
        rows = [row for row in long.at(window) if row["status"] in ("ok", "uncertain", "below")]
        if rows:
            return rows
    return []


def _drift_alert(warehouse: Warehouse, data: ModelData, long: Long, row: Row, behind: Rows) -> Alert:
    where = window_text(row["window_start"], row["window_end"])
    value = metric_value(row["metric"], row["value"])
    allowed = metric_limit(row["metric"], row["threshold"])
    floor = f"; {chance(row['floor_value'])} expected by chance" if row["floor_value"] else ""
    of_rows = row["metric"] == "repeated_share"
    if row["part"] == "output" and row["metric"] != "missing_share":
        title = f"The distribution of {row['feature']} has changed"
    elif row["metric"] == "psi":
        title = f"{row['feature']} has drifted"
    elif of_rows:
        title = "Rows repeat the features of other rows, under other keys"
    else:
        title = f"{row['feature']}: {lower_first(metric_name(row['metric']))}"
    text = (
        f"{metric_name(row['metric'])} {value} in {where}; limit {allowed}{floor}"
        + (f"; p {p_value(row['p_value'])}" if row["p_value"] is not None else "")
        + f"; {row['n_current'] or 0:,} rows"
    )
    state, began = since(long, row, "drift")
    return Alert(
        "scores" if row["part"] == "output" else "drift" if row["metric"] in MOVED else "quality",
        "warn",
        title,
        text,
        _proven(warehouse, drift_sql(data, row), row["value"]) or value_sql(long.table, row),
        row["value"],
        row,
        cause="scores" if row["part"] == "output" else "rows" if of_rows else f"feature {row['feature']}",
        rows_sql=behind.of_drift(row),
        state=state,
        since=began,
        anchor=_anchor(data, row),
    )


def _anchor(data: ModelData, row: Row) -> str:
    """The line of the page that shows the feature; the section where it has no line."""
    if row["part"] == "output":
        return f"{data.name}-scores"
    newest = data.drift[0].at(data.drift[0].newest())
    same = (one for one in newest if one["part"] == "feature" and one["segment"] == "all")
    if row["metric"] in MOVED and any(
        one["feature"] == row["feature"] and one["metric"] == "psi" for one in same
    ):
        return f"{data.name}-drift-{slug(row['feature'])}"
    if any(one["feature"] == row["feature"] for one in data.signature):
        return f"{data.name}-quality-{slug(row['feature'])}"
    return f"{data.name}-drift"


def _performance_alert(data: ModelData, long: Long, row: Row, behind: Rows) -> Alert:
    state, began = since(long, row, "below")
    where = window_text(row["window_start"], row["window_end"])
    part = "" if row["segment"] == "all" else f" of {row['segment']}"
    return Alert(
        "performance",
        "bad",
        f"{metric_of(data.live, row)}{part} is worse than allowed",
        f"{metric_value(row['metric'], row['value'])} in {where}; limit "
        f"{metric_value(row['metric'], row['threshold'])}; {row['n_current']:,} labelled rows",
        value_sql(long.table, row),
        row["value"],
        row,
        cause="performance",
        rows_sql=behind.of_performance(row),
        state=state,
        since=began,
        anchor=f"{data.name}-performance",
    )


def _registration_alerts(data: ModelData, long: Long, behind: Rows) -> list[Alert]:
    """Alerts for metrics without a threshold that are far from their values at registration."""
    found = []
    for row in long.claimed():
        level = limits.far_from(data.live, row)
        if level not in ("bad", "warn"):
            continue
        metric, registered = row["metric"], at_registration(data.live, row) or 0.0
        factor = limits.FAR_BAD if level == "bad" else limits.FAR_WARN
        allowed = limits.far_limit(metric, registered, factor)
        text = (
            f"{metric_value(metric, row['value'])} in {window_text(row['window_start'], row['window_end'])}, "
            f"{metric_value(metric, registered)} at registration; limit {metric_value(metric, allowed)}; "
            f"{row['n_current']:,} labelled rows"
        )
        now, then = metric_value(metric, row["value"]), metric_limit(metric, registered)
        title = f"{metric_of(data.live, row)} is {now}, and was {then} at registration"
        earlier = [limits.far_from(data.live, one) in ("bad", "warn") for one in before(long, row)]
        found.append(
            Alert(
                "performance",
                level,
                title,
                text,
                value_sql(long.table, row),
                row["value"],
                row,
                cause="performance",
                rows_sql=behind.of_performance(row),
                state=("continuing" if earlier[0] else "new") if earlier else "",
                anchor=f"{data.name}-performance",
            )
        )
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
            cause="retraining",
            anchor=f"{data.name}-drift",
        )
        for row in data.retraining
        if row["retrain"] and data.retraining_table
    ]


def _run_alerts(data: ModelData, behind: Rows) -> list[Alert]:
    found: list[Alert] = []
    log = data.run_log.quoted if data.run_log else TABLE
    for run in map(data.judged, data.newest_runs()):
        level, share = limits.run_state(run), limits.rejected_share(run)
        where = f"{table_name(run)}, {stamp(run['started_at'])}"
        sql = (
            "select status, error, rows_rejected * 1e0 / rows_in as rejected_share\n"
            f"from {log}\nwhere run_id = {_text(str(run['run_id']))}"
        )
        own: dict[str, Any] = {
            "cause": f"run {table_name(run)}",
            "anchor": f"{data.name}-runs",
            "state": run_before(data, run),
        }
        if run["status"] == STARTED:
            text = f"{where}: it is still running, or its process was killed"
            found.append(Alert("runs", level, "The last scoring run is not finished", text, sql, **own))
        elif run["status"] != SUCCESS:
            problem = str(run.get("error") or "").splitlines() or ["no error message was recorded"]
            title = f"The last scoring run {run['status']}"
            found.append(Alert("runs", level, title, f"{where}: {problem[0]}", sql, **own))
        elif share and level in ("bad", "warn"):
            rows = "every row" if share == 1 else f"{percent(share)} of its rows"
            text = f"{where}: {run['rows_rejected']:,} of {run['rows_in']:,} rows{_reasons(run)}"
            found.append(
                Alert("runs", level, f"The last scoring run rejected {rows}", text, sql, share, **own)
            )
            found[-1] = replace(found[-1], rows_sql=behind.shown(rejected_rows(run)))
    return found + _age_alerts(data, log)


def _reasons(run: Row) -> str:
    """The most frequent reasons for which rows were rejected."""
    found = json.loads(run.get("reject_reasons") or "{}")
    most = sorted(found.items(), key=lambda pair: -pair[1])[:REASONS]
    return "".join(f", {count:,} for {reason}" for reason, count in most)


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
    text = f"{stamp(data.last_scored)} UTC; {usual}"
    return [Alert("runs", level, title, text, sql, data.age_days, cause="age", anchor=f"{data.name}-runs")]


def value_sql(table: Table, row: Row) -> str:
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
