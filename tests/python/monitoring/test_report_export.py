"""What monitoring writes for other machines: the long table, and payloads of the alerts with their SQL."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import duckdb
import pytest

from monitored import run
from project import DbtProject
from scorehouse.report.alert import Alert, Subject
from scorehouse.report.export import LONG_COLUMNS, slack

pytestmark = pytest.mark.slow

TABLES = {
    "drift": "wide_drift",
    "joint_drift": "wide_joint",
    "performance": "wide_performance",
    "estimated_performance": "wide_estimates",
    "worst_segments": "wide_segments",
    "sequential_monitor": "wide_watch",
    "attribution": "wide_attribution",
}


def test_the_sql_of_every_alert_gives_its_number(monitored_project: DbtProject) -> None:
    payload = json.loads(run("export", "alerts", "--database", monitored_project.database).output)
    checked, from_counts, with_rows = 0, 0, 0
    for alert in [fact for cause in payload["alerts"] for fact in (cause, *cause["also"])]:
        if alert["rows_sql"]:
            assert monitored_project.query(alert["rows_sql"]), alert["title"]
            with_rows += 1
        ((first, *_),) = monitored_project.query(alert["sql"])
        if alert["value"] is not None:
            assert first == pytest.approx(alert["value"], abs=1e-9), alert["title"]
            checked += 1
            from_counts += "row_count" in alert["sql"]
    # drift from counts, performance from its table; which features drive the scores is about no rows
    assert (checked, with_rows, from_counts) == (9, 8, 5)


@pytest.mark.parametrize("ending", ["parquet", "json", "jsonl"])
def test_the_long_table(monitored_project: DbtProject, tmp_path: Path, ending: str) -> None:
    file = tmp_path / f"long.{ending}"
    ended = run("export", "monitoring", "--database", monitored_project.database, "--output", file)
    assert ended.exit_code == 0, ended.output
    found = duckdb.sql(f"select * from '{file}'")
    assert found.columns == list(LONG_COLUMNS)
    counted = " union all ".join(f"select '{kind}', count(*) from {table}" for kind, table in TABLES.items())
    expected = dict(monitored_project.query(counted))
    assert min(expected.values()) > 0 and f"{sum(expected.values()):,} rows" in ended.output
    assert dict(found.aggregate("kind, count(*)").fetchall()) == expected
    ((pair,),) = monitored_project.query("select max(value) from wide_joint where version = 1")
    assert found.filter("kind = 'joint_drift'").max("value").fetchall() == [(pair,)]
    assert found.filter("metric = 'psi' and feature = 'f01'").fetchall()
    if ending == "json":
        assert isinstance(json.loads(file.read_text()), list)
    if ending == "parquet":
        kinds = {column[0]: column[1] for column in duckdb.sql(f"describe select * from '{file}'").fetchall()}
        assert {name: kind.upper() for name, kind in LONG_COLUMNS.items()} == kinds


def test_the_payloads(monitored_project: DbtProject, tmp_path: Path) -> None:
    file = tmp_path / "alerts.json"
    told = ["export", "alerts", "wide", "--database", monitored_project.database, "--output", file]
    assert run(*told, "--exit-code").exit_code == 3
    plain = json.loads(file.read_text())
    assert plain["status"] == "bad" and len(plain["alerts"]) == 4
    first, *_ = plain["alerts"]
    assert (first["state"], first["since"]) == ("continuing", "January 2025")
    assert [fact["segment"] for fact in first["also"]] == ["region=(small groups)", "region=north"]
    drifted = next(
        alert
        for alert in plain["alerts"]
        if alert["title"] == "f01 may be a data fault: outside the training range"
    )
    assert drifted["metric"] == "out_of_range_share" and drifted["value"] > drifted["threshold"] > 0
    assert drifted["window_start"] == "2025-04-01T00:00:00" and drifted["ml_model"] == "wide"
    assert drifted["state"] == "new" and drifted["also"][0]["title"] == "f01 has drifted"
    assert run(*told, "--format", "slack").exit_code == 0
    message = json.loads(file.read_text())
    assert message["text"] == "1 needs action: wide." == message["blocks"][0]["text"]["text"]
    kinds = [block["type"] for block in message["blocks"]]
    assert kinds == ["header", *["section"] * 4, "context"]
    assert "p &lt; 1e" in message["blocks"][3]["text"]["text"]
    assert {alert["owner"] for alert in plain["alerts"]} == {"tests"}
    assert all(block["text"]["text"].endswith("\nOwner: tests") for block in message["blocks"][1:-1])


def test_the_status_says_the_worst_first(
    monitored_project: DbtProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    told = ["status", "--database", monitored_project.database]
    ended = run(*told, "--exit-code")
    assert ended.exit_code == 3
    first, _, second, *lines = ended.output.splitlines()
    assert (first.partition(":")[0], second[:9]) == ("1 needs action", "Act  wide")
    todo = "What to do: "
    whole = [line for line in lines if line.startswith(f"    {todo}") and "scorehouse " in line]  # to copy
    assert whole and max(len(line) for line in lines if line not in whole) <= 60
    assert ended.output.count("Act  ") == 1 and "to watch" not in ended.output
    payload = json.loads(run("export", "alerts", "--database", monitored_project.database).output)
    said = " ".join(ended.output.split())
    assert all(f"{alert['title']} (" in said for alert in payload["alerts"])
    assert all(f"{todo}{alert['what_to_do']}" in said for alert in payload["alerts"])
    (wide, *_) = json.loads(run(*told, "--json").output)
    assert wide["ml_model"] == "wide" and wide["sentence"].startswith("Act: ")
    titles = [alert["title"] for alert in payload["alerts"] if alert["ml_model"] == "wide"]
    assert [cause["title"] for cause in wide["causes"]] == titles
    assert run("status", "bare", *told[1:], "--exit-code").exit_code == 0


def test_no_alert_is_a_payload_too(monitored_project: DbtProject) -> None:
    told = ["export", "alerts", "bare", "--database", monitored_project.database, "--exit-code"]
    ended = run(*told)
    assert ended.exit_code == 0 and json.loads(ended.output)["alerts"] == []
    message = json.loads(run(*told, "--format", "slack").output)
    assert message["text"] == "Monitoring: nothing needs attention"


def test_every_command_tells_in_json_what_it_wrote(monitored_project: DbtProject, tmp_path: Path) -> None:
    place = ["--database", monitored_project.database, "--json", "--output"]
    report, table, payload = (tmp_path / name for name in ("r.html", "long.jsonl", "alerts.json"))
    written = json.loads(run("report", "wide", *place, report).output)
    (model,) = written.pop("ml_models")
    assert model["alerts"] == 4 and {light["name"] for light in model["lights"]} >= {"Drift", "Last run"}
    assert written == {"written": str(report), "bytes": report.stat().st_size, "alerts": {"wide": 4}}
    written = json.loads(run("export", "monitoring", *place, table).output)
    assert written == {"written": str(table), "rows": len(table.read_text().splitlines())}
    written = json.loads(run("export", "alerts", "wide", *place, payload).output)
    assert written == {"written": str(payload), "alerts": 4}


@pytest.mark.parametrize(
    ("alike", "told", "untold"), [(1, 1, ""), (2, 2, ""), (3, 2, "and 1 more"), (6, 2, "and 4 more")]
)
def test_facts_that_are_alike_are_counted(alike: int, told: int, untold: str) -> None:
    """Facts of another kind are still told."""
    numbers = {"started_at": datetime(2026, 3, 1), "table": "t", "status": "failed", "error": "no room"}
    head, other = (
        Alert(code, "bad", Subject("run", "t"), "select 1", numbers)
        for code in ("run_failed", "run_without_rows")
    )
    cause = replace(head, also=(*[head] * alike, other))
    assert [one.code for one in cause.told] == ["run_failed"] * told + ["run_without_rows"]
    assert cause.untold == untold
    message = slack([("churn", 1, "", cause)], datetime(2026, 3, 1))["blocks"][1]["text"]["text"]
    assert message.count("Scoring t failed") == 1 + told and ("\n" + untold in message if untold else True)
