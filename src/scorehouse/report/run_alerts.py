"""What is wrong with the runs of one ML model: how they ended, of which version they are, and how old."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

from scorehouse.dialect import DUCKDB
from scorehouse.registry.seeds import build_command
from scorehouse.report import limits
from scorehouse.report.alert import Alert, Subject
from scorehouse.report.gather import ModelData
from scorehouse.report.row_sql import Rows, rejected_rows
from scorehouse.report.runs import error_of, reject_reasons, stopped_by, table_name
from scorehouse.report.warehouse import Row
from scorehouse.report.words import stamp, target_option

REASONS = 3  # for which a run rejected rows, in an alert
# Of scores (False) and of their input (True) that are old: code, subject, and what SQL shows in which order.
AGED = {
    False: ("scores_old", "table", "max(started_at) as last_scored", ""),
    True: ("features_old", "input", "started_at, input_fingerprint", "\norder by started_at desc"),
}


def run_alerts(behind: Rows) -> list[Alert]:
    """How the newest night of each prediction table ended."""
    data, alerts = behind.data, []
    newest = [*map(data.judged, data.newest_runs())]
    covered = [one for one in map(data.failure, newest) if one and one not in newest]
    runs = newest + covered
    skipped = defaultdict[str, list[str]](list)  # tables by what stopped them: that is one cause
    for run in runs:
        skipped[stopped_by(run)].append(table_name(run))
    for run in runs:
        (code, level, _), share = limits.ending(run), limits.rejected_share(run)
        cause = stopped_by(run)
        if not code or (cause and table_name(run) != skipped[cause][0]):
            continue
        table, (error, action) = table_name(run), error_of(run)
        numbers = {
            "table": table,
            "node": str(run.get("node") or "").rpartition(".")[2],
            **{name: run[name] for name in ("started_at", "status", "rows_in", "rows_rejected")},
            "rejected_share": share,
            "error": error,
            "of_test": cause.startswith("test "),
            "tables": ", ".join(skipped[cause]),
            "reject_reasons": reject_reasons(run).most_common(REASONS),
        }
        sql = (
            "select status, error, rows_rejected * 1e0 / nullif(rows_in, 0) as rejected_share\n"
            f"from {data.run_log}\nwhere run_id = {DUCKDB.literal(str(run['run_id']))}"
        )
        is_rejected = code == "rows_rejected"
        alerts.append(
            Alert(
                code,
                level,
                Subject("failure" if code == "run_failed" else "run", table),
                sql,
                numbers,
                value=share if is_rejected else None,
                rows_sql=behind.shown(rejected_rows(run)) if is_rejected else "",
                state=data.run_before(run),
                anchor=f"{data.name}-runs",
                action=action,
            )
        )
    return alerts


def version_alerts(data: ModelData, target: str) -> list[Alert]:
    """Prediction tables of another version than the one that their alias has: it was moved, and not built."""
    alerts, build = [], build_command(data.name) + target_option(target)
    unbuilt = defaultdict[tuple[str, int, int], list[Row]](list)
    for run, version in data.unbuilt():
        unbuilt[str(run["alias_asked"]), run["model_version"], version].append(run)
    for (alias, built, version), runs in unbuilt.items():
        tables = sorted(map(table_name, runs))
        numbers: Row = {
            "tables": ", ".join(tables) + (" is" if len(tables) == 1 else " are"),
            "built": built,
        }
        numbers |= {"alias": alias, "version": version, "started_at": runs[0]["started_at"], "next": build}
        run_ids = ", ".join(DUCKDB.literal(str(run["run_id"])) for run in runs)
        sql = f"select prediction_table, model_version\nfrom {data.run_log}\nwhere run_id in ({run_ids})"
        alert = Alert("version_not_built", "warn", Subject("version", alias), sql, numbers, action=build)
        alerts.append(replace(alert, anchor=f"{data.name}-runs"))
    return alerts


def age_alerts(behind: Rows) -> list[Alert]:
    """Prediction tables that are older than their rhythm, and those whose input does not change any more."""
    alerts, data = list[Alert](), behind.data
    for one in data.rhythms:
        level, age = one.state(data.read_at), one.age(data.read_at)
        if level == "ok":
            continue
        table = table_name({"prediction_table": one.table})
        code, kind, columns, order = AGED[one.is_input]
        of_table = f"prediction_table = {DUCKDB.literal(behind.logged(one.table))}"
        sql = f"select {columns}\nfrom {data.run_log}\nwhere {of_table}\n    and status = 'success'{order}"
        numbers = {"table": table, "newest": one.newest, "age_days": int(24 * age) / 24, "usual": one.usual}
        tried = max((run["started_at"] for run in data.runs if run["node"] == one.node), default=one.newest)
        is_silent = one.newest < tried and replace(one, newest=tried).state(data.read_at) != "ok"
        numbers["tried"] = f", and not tried since {stamp(tried)} UTC" if is_silent else ""
        alerts.append(Alert(code, level, Subject(kind, table), sql, numbers, anchor=f"{data.name}-runs"))
    return alerts
