"""Facts about the newest night of each prediction table: how it ended, and how old its scores are."""

from __future__ import annotations

from dataclasses import replace

from scorehouse.dialect import DUCKDB
from scorehouse.project.run_log_place import SKIPPED, STARTED, SUCCESS, TABLE
from scorehouse.report import limits
from scorehouse.report.alert import Alert, Subject
from scorehouse.report.gather import ModelData, reject_reasons, table_name
from scorehouse.report.history import run_before
from scorehouse.report.row_sql import Rows, rejected_rows
from scorehouse.report.warehouse import Row

REASONS = 3  # for which a run rejected rows, in an alert


def run_facts(data: ModelData, behind: Rows) -> list[Alert]:
    """How the newest night of each prediction table ended, and how old its scores and its features are."""
    log = data.run_log.quoted if data.run_log else TABLE
    alerts = []
    for run in map(data.judged, data.newest_runs()):
        level, share = limits.run_state(run), limits.rejected_share(run)
        code = _run_code(run, level, share)
        if code is None:
            continue
        table, error = table_name(run), str(run.get("error") or "").splitlines()
        numbers = {
            "table": table,
            **{name: run[name] for name in ("started_at", "status", "rows_in", "rows_rejected")},
            "rejected_share": share,
            "error": error[0] if error else "",
            "reject_reasons": reject_reasons(run).most_common(REASONS),
        }
        sql = (
            "select status, error, rows_rejected * 1e0 / rows_in as rejected_share\n"
            f"from {log}\nwhere run_id = {DUCKDB.literal(str(run['run_id']))}"
        )
        alert = Alert(code, level, Subject("run", table), sql, numbers, anchor=f"{data.name}-runs")
        rows_sql = behind.shown(rejected_rows(run)) if code == "rows_rejected" else ""
        value = share if code == "rows_rejected" else None
        alerts.append(replace(alert, value=value, rows_sql=rows_sql, state=run_before(data, run)))
    return alerts + _age_alerts(data, log)


def _run_code(run: Row, level: str, share: float | None) -> str | None:
    """What is wrong with a run; None for nothing."""
    if run["status"] != SUCCESS:
        return {STARTED: "run_unfinished", SKIPPED: "run_skipped"}.get(run["status"], "run_failed")
    if share is None:
        return "run_without_rows" if level == "bad" else None
    return "rows_rejected" if share and level in ("bad", "warn") else None


def _age_alerts(data: ModelData, log: str) -> list[Alert]:
    """Prediction tables that are older than their rhythm, and those whose input does not change any more."""
    alerts = []
    for one in data.rhythms:
        level, age = one.state(data.read_at), one.age(data.read_at)
        if level == "ok":
            continue
        table = table_name({"prediction_table": one.table})
        column = "started_at, input_fingerprint" if one.is_input else "max(started_at) as last_scored"
        sql = (
            f"select {column}\nfrom {log}\n"
            f"where prediction_table = {DUCKDB.literal(one.table)}\n    and status = 'success'"
        )
        code, subject = "scores_old", Subject("table", table)
        if one.is_input:
            code, subject = "features_old", Subject("input", table)
            sql += "\norder by started_at desc"
        numbers = {"table": table, "newest": one.newest, "age_days": int(24 * age) / 24, "usual": one.usual}
        alerts.append(Alert(code, level, subject, sql, numbers, anchor=f"{data.name}-runs"))
    return alerts
