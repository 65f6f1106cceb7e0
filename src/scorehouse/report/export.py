"""Monitoring results for other programs: one long table, and alert payloads."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Any

from scorehouse.dialect import DUCKDB
from scorehouse.errors import ConfigurationError
from scorehouse.report.alert import Alert
from scorehouse.report.summary import ACT, FINE, UNJUDGED, WATCH, counted
from scorehouse.report.verdicts import worst
from scorehouse.report.warehouse import Table, Warehouse

# The columns that monitoring tables have in common, with their types in the file.
LONG_COLUMNS = {
    "run_id": "varchar",
    "ml_model": "varchar",
    "version": "integer",
    "feature": "varchar",
    "segment": "varchar",
    "metric": "varchar",
    "window_start": "timestamp",
    "window_end": "timestamp",
    "value": "double",
    "threshold": "double",
    "status": "varchar",
    "n_reference": "bigint",
    "n_current": "bigint",
    "time_zone": "varchar",
    "kind": "varchar",
}
# The kinds of tables that are written, and the names that the file has for them.
KINDS = {
    "drift": "drift",
    "joint": "joint_drift",
    "performance": "performance",
    "estimates": "estimated_performance",
    "worst_segments": "worst_segments",
    "sequential": "sequential_monitor",
    "attribution": "attribution",
}
FORMATS = {".parquet": "parquet", ".json": "json", ".jsonl": "json"}
ICONS = {"bad": ":red_circle:", "warn": ":warning:"}
# What every fact says, as its attributes.
FACTS = (
    *("topic", "kind", "first", "level", "title", "text"),
    *("value", "state", "since", "action", "what_to_do"),
)
SLACK_LIMIT = 45  # of the 50 blocks that Slack takes
SLACK_HEADER = 150  # characters

Named = tuple[str, int, str, Alert]  # ML model, version and its owner


def write_long(warehouse: Warehouse, file: Path, ml_model: str | None) -> int:
    """Write every row of every monitoring table, for all versions, and return the number of rows.

    The extension sets the format: Parquet, one JSON array (.json), or one JSON object per line (.jsonl).
    """
    if file.suffix not in FORMATS:
        raise ConfigurationError(
            warehouse.call,
            f"the extension of {str(file)!r} is {file.suffix!r}",
            expected=f"one of {', '.join(FORMATS)}",
            action="choose a format by the extension of --output",
        )
    tables = [(table, name) for kind, name in KINDS.items() for table in warehouse.of_kind(kind)]
    if not tables:
        raise ConfigurationError(
            warehouse.call,
            f"{warehouse.file.name!r} has no table of drift, performance or another finding",
            expected="a model that calls scorehouse.drift, joint_drift, performance, estimated_performance, "
            "worst_segments, sequential_monitor or attribution",
            action="write such a model and build it",
        )
    query = " union all ".join(_select(table, name, ml_model) for table, name in tables)
    ordered = f"select * from ({query}) order by ml_model, version, window_start, metric, segment, feature"
    settings = f"format {FORMATS[file.suffix]}" + (", array true" if file.suffix == ".json" else "")
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(file.name + ".partial")
    copied = warehouse.connection.execute(
        f"copy ({ordered}) to {DUCKDB.literal(str(temporary))} ({settings})"
    ).fetchone()
    temporary.replace(file)
    return int(copied[0]) if copied else 0


def _select(table: Table, macro: str, ml_model: str | None) -> str:
    """The shared columns of a table. An output of the ML model counts as a feature here, as in the table."""
    own = {name: name for name in LONG_COLUMNS if name in table.columns} | {"kind": DUCKDB.literal(macro)}
    columns = [f"cast({own.get(name, 'null')} as {kind}) as {name}" for name, kind in LONG_COLUMNS.items()]
    where = "" if ml_model is None else f" where ml_model = {DUCKDB.literal(ml_model)}"
    return f"select {', '.join(columns)} from {table.quoted}{where}"


def webhook(alerts: Sequence[Named], made_at: datetime) -> dict[str, Any]:
    """Alerts as plain JSON, one object per cause; `also` has the other facts with the same cause."""
    return {
        "source": "scorehouse",
        "made_at": made_at.isoformat(timespec="seconds"),
        "status": worst(["ok", *(alert.level for *_, alert in alerts)]),
        "alerts": [
            {
                "ml_model": name,
                "version": version,
                "owner": owner,
                **facts_of_alert(alert),
                "also": list(map(facts_of_alert, alert.also)),
            }
            for name, version, owner, alert in alerts
        ],
    }


def _summary(alerts: Sequence[Named]) -> str:
    """What `scorehouse status` says first, of the ML models that have alerts."""
    red = list(dict.fromkeys(name for name, *_, alert in alerts if alert.level == "bad"))
    amber = list(dict.fromkeys(name for name, *_ in alerts if name not in red))
    return counted({ACT: red, WATCH: amber, UNJUDGED: [], FINE: []}) or "Monitoring: nothing needs attention"


def slack(alerts: Sequence[Named], made_at: datetime) -> dict[str, Any]:
    """Alerts as a message for Slack's incoming webhooks: `text` for notifications, `blocks` for the message.

    Shape: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
    """
    count = len(alerts)
    summary = _summary(alerts)
    header = summary if len(summary) <= SLACK_HEADER else f"{summary[: SLACK_HEADER - 1]}…"
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": header, "emoji": True}}
    ]
    for name, version, owner, alert in alerts[:SLACK_LIMIT]:
        facts = [alert.text, *(f"{one.title}: {one.text}" for one in alert.told)]
        facts += filter(None, [alert.untold])
        title, *texts = (escape(text, quote=False) for text in (alert.title, *facts))
        known = (alert.kind, "first" if alert.first else "", alert.state)
        state = f" ({', '.join(filter(None, known))})"
        texts.append(escape(f"What to do: {alert.what_to_do}", quote=False))
        texts.append(escape(f"Owner: {owner or 'none given'}", quote=False))
        line = "\n".join([f"{ICONS[alert.level]} *{name} v{version}: {title}*{state}", *texts])
        blocks.append({"type": "section", "text": {"type": "mrkdwn", "text": line[:3000]}})
    more = f", {count - SLACK_LIMIT} more in the report" if count > SLACK_LIMIT else ""
    context = f"scorehouse, {made_at:%Y-%m-%d %H:%M} UTC{more}"
    blocks.append({"type": "context", "elements": [{"type": "mrkdwn", "text": context}]})
    return {"text": summary, "blocks": blocks}


PAYLOADS = {"webhook": webhook, "slack": slack}


def payload_text(alerts: Sequence[Named], message_format: str, made_at: datetime) -> str:
    return (
        json.dumps(PAYLOADS[message_format](alerts, made_at), indent=2, ensure_ascii=False, default=str)
        + "\n"
    )


def facts_of_alert(alert: Alert) -> dict[str, Any]:
    """One fact; those of a monitoring table say which metric and window they are about."""
    row = alert.row
    facts: dict[str, Any] = {
        "code": alert.code,
        "subject": vars(alert.subject),
        **{name: getattr(alert, name) for name in FACTS},
    }
    if row is not None:
        facts |= {name: row.get(name) for name in ("feature", "segment", "metric", "threshold")}
        facts |= {name: row[name].isoformat() for name in ("window_start", "window_end")}
    return facts | {"numbers": dict(alert.numbers), "sql": alert.sql, "rows_sql": alert.rows_sql}
