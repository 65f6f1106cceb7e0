"""What is wrong with one ML model, fact by fact, each with the SQL of its number and of its rows."""

from __future__ import annotations

from typing import Any

import duckdb

from scorehouse.registry.seeds import build_command
from scorehouse.report import limits
from scorehouse.report.alert import Alert, Subject
from scorehouse.report.gather import Long, ModelData
from scorehouse.report.history import before, since
from scorehouse.report.outputs import at_registration, metric_of
from scorehouse.report.proofs import drift_sql
from scorehouse.report.row_sql import Rows
from scorehouse.report.warehouse import Row, Table, Warehouse
from scorehouse.report.words import MOVED, slug

TOLERANCE = 1e-9


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
    return found + _retraining_alerts(data)


def _judged(long: Long) -> list[Row]:
    """Rows of the newest window in which a metric was judged."""
    for window in reversed(long.windows):
        rows = [row for row in long.at(window) if row["status"] in ("ok", "uncertain", "below")]
        if rows:
            return rows
    return []


def _drift_alert(warehouse: Warehouse, data: ModelData, long: Long, row: Row, behind: Rows) -> Alert:
    state, began = since(long, row, "drift")
    code, subject = _drift_code(row)
    return Alert(
        code,
        "warn",
        subject,
        _proven(warehouse, drift_sql(data, row), row["value"]) or value_sql(long.table, row),
        value=row["value"],
        row=row,
        rows_sql=behind.of_drift(row),
        state=state,
        since=began,
        anchor=_anchor(data, row),
    )


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
    return Alert(
        "metric_below_limit",
        "bad",
        Subject("performance"),
        value_sql(long.table, row),
        {"metric": metric_of(data.live, row)},
        row["value"],
        row,
        rows_sql=behind.of_performance(row),
        state=state,
        since=began,
        anchor=f"{data.name}-performance",
    )


def _registration_alerts(data: ModelData, long: Long, behind: Rows) -> list[Alert]:
    """Alerts for metrics without a threshold that are far from their values at registration."""
    alerts = []
    for row in long.claimed():
        level = limits.far_from(data.live, row)
        if level not in ("bad", "warn"):
            continue
        registered = at_registration(data.live, row) or 0.0
        factor = limits.FAR_BAD if level == "bad" else limits.FAR_WARN
        numbers = {
            "metric": metric_of(data.live, row),
            "registered": registered,
            "limit": limits.far_limit(row["metric"], registered, factor),
        }
        earlier = [limits.far_from(data.live, one) in ("bad", "warn") for one in before(long, row)]
        alerts.append(
            Alert(
                "metric_far_from_registration",
                level,
                Subject("performance"),
                value_sql(long.table, row),
                numbers,
                row["value"],
                row,
                rows_sql=behind.of_performance(row),
                state=("continuing" if earlier[0] else "new") if earlier else "",
                anchor=f"{data.name}-performance",
            )
        )
    return alerts


def _retraining_alerts(data: ModelData) -> list[Alert]:
    """The advice to retrain; where the data are at fault, what to look at before; or that nothing judges."""
    if data.retraining_table is None:
        return []
    alerts = []
    for row in data.retraining:
        faults, numbers = row.get("data_faults"), {name: row[name] for name in ("version", "reasons")}
        if faults and row["reasons"]:
            alerts.append(_advice(data, "data_fault", "retraining", {**numbers, "faults": faults}))
        elif row["retrain"]:
            alerts.append(_advice(data, "retrain", "retraining", numbers, f"scorehouse retrain {data.name}"))
        elif row["retrain"] is None and row.get("not_judged") and not _is_monitored(data):
            numbers = {
                "version": row["version"],
                "missing": row["not_judged"],
                "next": build_command(data.name),
            }
            alerts.append(_advice(data, "not_monitored", "version", numbers, numbers["next"]))
    return alerts


def _advice(data: ModelData, code: str, kind: str, numbers: Row, action: str = "") -> Alert:
    table = data.retraining_table
    sql = f"select *\nfrom {table.quoted if table else ''}\nwhere ml_model = {text_literal(data.name)}"
    return Alert(code, "warn", Subject(kind), sql, numbers, anchor=f"{data.name}-drift", action=action)


def _is_monitored(data: ModelData) -> bool:
    """Whether drift has a row of the version that scores, with a reference of it."""
    newest = [row for long in data.drift for row in long.at(long.newest())]
    return bool({row["status"] for row in newest} - {"no_reference", "info"})


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
    return text_literal(str(value)) if isinstance(value, str) else f"timestamp {text_literal(str(value))}"


def text_literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
