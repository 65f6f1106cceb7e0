"""Pictures of runs: rows, reasons and seconds, where versions change, and what scoring cost."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import duckdb
import pytest

from monitored import run
from project import DbtProject
from scorehouse.report.contests import contest, is_whole, part_of, place_of
from scorehouse.report.runs import error_of


@pytest.fixture(scope="module")
def page(monitored_project: DbtProject, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The report after fourteen runs more, by version 2 and then by version 1, with six reasons."""
    folder = tmp_path_factory.mktemp("runs")
    database = Path(shutil.copy(monitored_project.database, folder / "copy.duckdb"))
    reasons = ", ".join(f"'reason {number}', {number + 1}" for number in range(6))
    with duckdb.connect(str(database)) as connection:
        connection.sql(
            "create temp table one as from scorehouse_run_log "
            "where prediction_table like '%wide_predictions%'; "
            "insert into scorehouse_run_log by name select one.* replace (uuid() as run_id, "
            "started_at - interval (i) day as started_at, if(i > 7, 2, 1) as model_version, "
            f"21 as rows_rejected, 11979 as rows_scored, json_object({reasons}) as reject_reasons) "
            "from one, range(1, 15) as steps (i)"
        )
        connection.sql(
            "create table costs as select prediction_table, model_name, date '2026-02-01' as period_start, "
            "14 as runs, 168000 as rows_read, 167706 as rows_scored, 0.25 as skipped_share, "
            '12.5 as "seconds", 75.7 as seconds_per_million_rows from one'
        )
    ended = run("report", "wide", "--database", database, "--output", folder / "r.html")
    assert ended.exit_code == 0, ended.output
    return (folder / "r.html").read_text()


def test_runs_are_drawn_with_their_reasons_and_versions(page: str) -> None:
    drawn = page.split('class="charts timeline"')[1].split("</div>")[0]
    titles = re.findall(r"<figcaption>(.*?)</figcaption>", drawn)
    assert titles == ["Rows per run", "Rejected rows by reason", "Seconds per run"]
    assert drawn.count(">v1</text>") == 3  # version 1 takes over once
    assert "version 2: 11,979 scored</title>" in drawn and "version 1: 21 rejected</title>" in drawn
    legend = re.findall(
        r"</i>([^<]+)</li>", drawn.split("Legend of Rejected rows by reason")[1].split("</ul>")[0]
    )
    assert legend == ["reason 5", "reason 4", "reason 3", "reason 2", "other reasons"]
    assert "version 1: 3 other reasons</title>" in drawn


def test_cost_and_contest_are_said(page: str) -> None:
    row = page.split("Cost of runs")[1].split("</table>")[0].replace("<wbr>", "")
    for said in ("2026-02-01", "wide_predictions", "168,000", "25.0 %", "76 s"):
        assert said in row, said
    assert 'class="contest">The challenger (version 2) is ' in page


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (
            0.001,
            0.007,
            "is better than the champion, by 0.0041 in ROC AUC; interval of its lead 0.0010 to 0.0070",
        ),
        (-0.007, -0.001, "is worse than the champion, by 0.0041 in ROC AUC"),
        (-0.001, 0.009, "is neither clearly better nor worse by ROC AUC"),
        (None, None, "cannot be compared by ROC AUC: too few labels"),
    ],
)
def test_a_contest_is_one_sentence(low: float | None, high: float | None, said: str) -> None:
    row = {"metric": "roc_auc", "n_rows": 1520, "model_alias": "challenger", "challenger_version": 2}
    assert f"The challenger (version 2) {said}" in contest(
        {**row, "difference_low": low, "difference_high": high, "difference": 0.0041}
    )


def test_the_parts_of_a_contest_have_names_and_an_order() -> None:
    parts: list[dict[str, Any]] = [
        {"output": "week_2", "segment": "all", "segment_value": "all"},
        {"output": "(mean)", "segment": "shop", "segment_value": "(small groups)", "n_segments": 3},
        {"output": "(mean)", "segment": "shop", "segment_value": "south", "n_segments": 1},
        {"output": "week_1", "segment": "shop", "segment_value": "south", "n_segments": 1},
        {"output": "(mean)", "segment": "all", "segment_value": "all"},
    ]
    ordered = sorted(parts, key=place_of)
    assert [part_of(row) for row in ordered] == [
        "week_2",
        "mean of the outputs",
        "shop=south, week_1",
        "shop=south",
        "3 values of shop with few rows",
    ]
    assert [row["output"] for row in ordered if is_whole(row)] == ["(mean)"]
    assert part_of({}) == "all rows" and is_whole({})


@pytest.mark.parametrize(
    ("status", "error", "problem", "action"),
    [
        (
            "failed",
            "Compilation Error in model p (models/p.sql)\n  scorehouse.predictions() in p: it lacks a: b.\n"
            "    Expected: the same.\n    What to do: rebuild it.",
            "it lacks a: b",
            "rebuild it",
        ),
        (
            "failed",
            "scorehouse.score(table='a: b') in model.x.p: bad (x): y.\n  What to do: z.",
            "bad (x): y",
            "z",
        ),
        (
            "failed",
            "Runtime Error in model p (p.sql)\n  cannot read 'a row'",
            "Runtime Error in model p (p.sql)",
            "",
        ),
        ("failed", "no room: 0 bytes\r\nleft", "no room: 0 bytes", ""),
        ("failed", None, "", ""),
        ("skipped", "test a of t.x: 3 days.; test b of t: 2", "test a of t.x: 3 days; test b of t: 2", ""),
    ],
)
def test_what_an_error_says_and_what_to_do(status: str, error: str | None, problem: str, action: str) -> None:
    assert error_of({"status": status, "error": error}) == (problem, action)
