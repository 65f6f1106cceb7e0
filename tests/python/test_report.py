"""What the report and the exports of monitoring say, and how they say that there is nothing to say."""

from __future__ import annotations

import html
import json
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner, Result

from monitored import FEATURES
from project import DbtProject
from scorehouse.cli import main
from scorehouse.report import words
from scorehouse.report.export import LONG_COLUMNS
from scorehouse.report.gather import WINDOWS, gather
from scorehouse.report.warehouse import Warehouse


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def text_of(page: str) -> str:
    """The words of a page, without its tags."""
    page = re.sub(r"<(style|title)>.*?</\1>", " ", page, flags=re.S)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


@pytest.fixture(scope="module")
def pages(monitored_house: DbtProject, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The report on both ML models, and on each."""
    folder, found = tmp_path_factory.mktemp("pages"), {}
    for name, arguments in {"all": [], "wide": ["wide"], "bare": ["bare"]}.items():
        file = folder / f"{name}.html"
        ended = run("report", *arguments, "--database", monitored_house.database, "--output", file)
        assert ended.exit_code == 0, ended.output
        found[name] = file.read_text()
    return found


def test_the_page_needs_nothing_else(pages: dict[str, str]) -> None:
    page = pages["all"]
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", page)
    assert "<script" not in page and "@import" not in page and "url(" not in page
    assert "default-src 'none'" in page
    assert len(page) < 2_000_000


def test_it_tells_what_happened(pages: dict[str, str]) -> None:
    said = text_of(pages["wide"])
    for words_of_it in (
        "wide version 1, classification",
        "A wide <one> & more",
        "12,000 in, 12,000 scored, 0 rejected",
        "1 Apr 2025 to 30 Apr 2025",
        "f01 has drifted",
        "f02: missing values",
        "The distribution of score has changed",
        "ROC AUC is worse than allowed",
        "Version 1 asks to be trained anew",
        "Drift 1 of 40 features",
        "1 Mar 2025 to 31 Mar 2025, the newest window with labels",
        "1 window waits for labels",
        "0.9000 at registration",
        "estimated before labels (CBPE)",
        "Confusion matrix",
        "Lift by decile of the score",
        "region=north",
        "region=(small groups)",
        "Ranked by PSI times importance",
    ):
        assert words_of_it in said, words_of_it


def test_numbers_are_those_of_the_tables(pages: dict[str, str], monitored_house: DbtProject) -> None:
    said = text_of(pages["wide"])
    ((psi,),) = monitored_house.query(
        "select value from wide_drift where feature = 'f01' and metric = 'psi' and segment = 'all' "
        "and window_start = '2025-04-01'"
    )
    ((auc,),) = monitored_house.query(
        "select value from wide_performance where metric = 'roc_auc' and segment = 'all' "
        "and window_start = '2025-03-01'"
    )
    assert f"PSI {words.number(psi)} in 1 Apr 2025" in said
    assert f"ROC AUC {words.number(auc)}" in said
    for count in monitored_house.query(
        "select cast(value as integer) from wide_performance where metric in ('tp', 'fp', 'fn', 'tn') "
        "and segment = 'all' and window_start = '2025-03-01'"
    ):
        assert f" {count[0]:,} " in said


def test_the_sql_of_every_alert_gives_its_number(monitored_house: DbtProject) -> None:
    payload = json.loads(run("export", "alerts", "--database", monitored_house.database).output)
    checked, from_counts = 0, 0
    for alert in payload["alerts"]:
        ((first, *_),) = monitored_house.query(alert["sql"])
        if alert["value"] is not None:
            assert first == pytest.approx(alert["value"], abs=1e-9), alert["title"]
            checked += 1
            from_counts += "row_count" in alert["sql"]
    assert checked == 8 and from_counts == 5  # all drift goes back to the counts, performance to its table


def test_champion_against_challenger(pages: dict[str, str], monitored_house: DbtProject) -> None:
    said = text_of(pages["wide"])
    ((rows, live, challenger),) = monitored_house.query(
        "select n_rows, live_value, challenger_value from wide_contest"
    )
    line = f"challenger, version 2 ROC AUC {rows:,} {words.number(live)} {words.number(challenger)}"
    assert live != challenger and line in said
    assert "region=north challenger, version 2" in said
    assert "Prediction table wide_predictions" in said  # the larger one heads the chapter


def test_features_are_ranked_by_drift_and_importance(pages: dict[str, str]) -> None:
    table = pages["wide"].split('id="wide-drift"')[1].split("</table>")[0]
    named = re.findall(r'<th scope="row">(f\d\d)</th>', table)
    assert sorted(named) == FEATURES and named[0] == "f01"
    assert table.count("<svg") == 80


def test_a_model_that_nobody_monitors_says_so(pages: dict[str, str]) -> None:
    said = text_of(pages["bare"])
    assert "no run yet" in said and said.count("not monitored") >= 5
    assert "No table holds the drift of this ML model. A model with {{ scorehouse.drift(...) }}" in said
    assert "No table holds the performance of this ML model." in said
    assert "neither drift nor performance is monitored" in said
    assert "No scoring run of this ML model is in the run log." in said
    assert "f01" in said  # its signature is known all the same


def test_without_labels_nothing_is_claimed(monitored_house: DbtProject, tmp_path: Path) -> None:
    database = shutil.copy(monitored_house.database, tmp_path / "copy.duckdb")
    with duckdb.connect(str(database)) as connection:
        connection.sql("update wide_performance set value = null, status = 'immature', labels_arrived = 0")
    assert run("report", "wide", "--database", database, "--output", tmp_path / "r.html").exit_code == 0
    said = text_of((tmp_path / "r.html").read_text())
    assert "No labels yet: 4 windows wait for them" in said and "Performance no labels yet" in said
    assert "Confusion matrix" not in said and "worse than allowed" not in said


def test_a_failed_run_is_an_alert(monitored_house: DbtProject, tmp_path: Path) -> None:
    database = shutil.copy(monitored_house.database, tmp_path / "copy.duckdb")
    with duckdb.connect(str(database)) as connection:
        connection.sql("update scorehouse_run_log set status = 'failed', error = 'it <broke>'")
    payload = json.loads(run("export", "alerts", "wide", "--database", database).output)
    assert payload["status"] == "bad"
    failed = next(alert for alert in payload["alerts"] if alert["topic"] == "runs")
    assert failed["title"] == "The last scoring run failed" and "it <broke>" in failed["text"]
    assert run("report", "wide", "--database", database, "--output", tmp_path / "r.html").exit_code == 0
    assert "it &lt;broke&gt;" in (tmp_path / "r.html").read_text()


def test_a_long_history_is_read_in_part(monitored_house: DbtProject, tmp_path: Path) -> None:
    database = Path(shutil.copy(monitored_house.database, tmp_path / "copy.duckdb"))
    with duckdb.connect(str(database)) as connection:
        connection.sql(
            "insert into wide_drift "
            "select wide_drift.* replace (window_start - interval (i) month as window_start, "
            "window_end - interval (i) month as window_end) from wide_drift, range(1, 100) steps(i) "
            "where window_start = (select min(window_start) from wide_drift)"
        )
        warehouse = Warehouse(connection, database, None, "test")
        (data,) = gather(warehouse, "wide")
        assert len(data.drift[0].windows) == WINDOWS
        newest = data.drift[0].newest()
        assert (
            len(data.drift[0].at(newest))
            == connection.sql("select * from wide_drift where window_start = '2025-04-01'")
            .count("metric")
            .fetchall()[0][0]
        )
        assert {row["metric"] for row in data.drift[0].at(data.drift[0].windows[0])} == {"psi"}
        assert {row["segment"] for row in data.performance[0].at(data.performance[0].windows[2])} == {
            "all", "region=north", "region=(small groups)"
        }  # fmt: skip


def test_names_of_a_user_stay_text(pages: dict[str, str]) -> None:
    assert "A wide &lt;one&gt; &amp; more" in pages["wide"]


@pytest.mark.parametrize("ending", ["parquet", "json", "jsonl"])
def test_the_long_table(monitored_house: DbtProject, tmp_path: Path, ending: str) -> None:
    file = tmp_path / f"long.{ending}"
    ended = run("export", "monitoring", "--database", monitored_house.database, "--output", file)
    assert ended.exit_code == 0, ended.output
    found = duckdb.sql(f"select * from '{file}'")
    assert found.columns == list(LONG_COLUMNS)
    ((rows,),) = monitored_house.query(
        "select (select count(*) from wide_drift) + (select count(*) from wide_performance) "
        "+ (select count(*) from wide_estimates)"
    )
    assert found.count("ml_model").fetchall() == [(rows,)] and f"{rows:,} rows" in ended.output
    assert found.filter("metric = 'psi' and feature = 'f01'").fetchall()
    if ending == "json":
        assert isinstance(json.loads(file.read_text()), list)
    if ending == "parquet":
        kinds = {column[0]: column[1] for column in duckdb.sql(f"describe select * from '{file}'").fetchall()}
        assert {name: kind.upper() for name, kind in LONG_COLUMNS.items()} == kinds


def test_the_payloads(monitored_house: DbtProject, tmp_path: Path) -> None:
    file = tmp_path / "alerts.json"
    told = ["export", "alerts", "wide", "--database", monitored_house.database, "--output", file]
    assert run(*told, "--exit-code").exit_code == 3
    plain = json.loads(file.read_text())
    assert plain["status"] == "bad" and len(plain["alerts"]) == 9
    drifted = next(alert for alert in plain["alerts"] if alert["title"] == "f01 has drifted")
    assert drifted["metric"] == "psi" and drifted["value"] > drifted["threshold"] == 0.1
    assert drifted["window_start"] == "2025-04-01T00:00:00" and drifted["ml_model"] == "wide"
    assert run(*told, "--format", "slack").exit_code == 0
    message = json.loads(file.read_text())
    assert message["text"] == "Monitoring: 9 alerts"
    kinds = [block["type"] for block in message["blocks"]]
    assert kinds == ["header", *["section"] * 9, "context"]
    assert "p &lt; 1e" in message["blocks"][5]["text"]["text"]


def test_no_alert_is_a_payload_too(monitored_house: DbtProject) -> None:
    told = ["export", "alerts", "bare", "--database", monitored_house.database, "--exit-code"]
    ended = run(*told)
    assert ended.exit_code == 0 and json.loads(ended.output)["alerts"] == []
    message = json.loads(run(*told, "--format", "slack").output)
    assert message["text"] == "Monitoring: nothing asks for attention"


def test_what_a_user_can_get_wrong(monitored_house: DbtProject, tmp_path: Path) -> None:
    database = monitored_house.database
    guessed = run("report")
    assert guessed.exit_code == 2 and "name the DuckDB file with --database" in guessed.output
    unknown = run("report", "wid", "--database", database)
    assert unknown.exit_code == 1 and "has no ML model 'wid'" in unknown.output
    assert "one of bare, wide" in unknown.output
    gone = run("report", "--database", tmp_path / "gone.duckdb")
    assert gone.exit_code == 1 and "scorehouse report: there is no DuckDB file" in gone.output
    with duckdb.connect(str(tmp_path / "empty.duckdb")):
        pass
    empty = run("report", "--database", tmp_path / "empty.duckdb")
    assert empty.exit_code == 1 and "has no registry of an ML model" in empty.output
    ending = run("export", "monitoring", "--database", database, "--output", tmp_path / "long.csv")
    assert ending.exit_code == 1 and "choose a format by the ending" in ending.output


def test_a_schema_must_be_named_where_two_hold_the_same(monitored_house: DbtProject, tmp_path: Path) -> None:
    database = shutil.copy(monitored_house.database, tmp_path / "copy.duckdb")
    with duckdb.connect(str(database)) as connection:
        connection.sql("create schema prod; create table prod.ml_bare as from ml_bare")
    told = ["report", "--database", database, "--output", tmp_path / "r.html"]
    ended = run(*told)
    assert ended.exit_code == 1 and "ml_bare in several schemas: main, prod" in ended.output
    assert run(*told, "--schema", "prod").exit_code == 0
    assert "1 ML models" in run(*told, "--schema", "prod").output


def test_the_extra_that_draws_is_named(
    monitored_house: DbtProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    told: list[Any] = ["report", "wide", "--database", monitored_house.database]
    ended = run(*told, "--output", tmp_path / "r.html")
    assert ended.exit_code == 1 and 'pip install "scorehouse[report]"' in ended.output
    assert not (tmp_path / "r.html").exists()
