"""What the report and the exports of monitoring say, and how they say that there is nothing to say."""

from __future__ import annotations

import html
import json
import re
import shutil
from pathlib import Path

import duckdb
import pytest

from monitored import FEATURES, run
from project import DbtProject
from scorehouse.metrics import WINDOWS
from scorehouse.project.run_log_place import Place
from scorehouse.report import words
from scorehouse.report.gather import gather
from scorehouse.report.warehouse import Warehouse


def text_of(page: str) -> str:
    """The words of a page, without its tags."""
    page = re.sub(r"<(style|title)>.*?</\1>", " ", page, flags=re.S)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page.replace("<wbr>", ""))).split())


@pytest.fixture(scope="module")
def pages(monitored_project: DbtProject, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The report on both ML models, and on each."""
    folder, found = tmp_path_factory.mktemp("pages"), {}
    for name, arguments in {"all": [], "wide": ["wide"], "bare": ["bare"]}.items():
        file = folder / f"{name}.html"
        ended = run("report", *arguments, "--database", monitored_project.database, "--output", file)
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
        "nobody recorded until when wide version 1 was trained, so rows that it learned from count as",
        "A wide <one> & more",
        "12,000 in, 12,000 scored, 0 rejected",
        "April 2025, 3,000 rows",
        "f01 may be a data fault: outside the training range",
        "f02 may be a data fault: missing values",
        "The distribution of score has changed",
        "ROC AUC is worse than allowed",
        "Retraining look at the data first",
        "Drift 1 of 40 features",
        "in March 2025, the newest window with labels",
        "1 window is waiting for labels",
        "0.9000 at registration",
        "estimated before labels arrive (CBPE)",
        "Confusion matrix",
        "Lift by decile of the score",
        "region=north",
        "region=(small groups)",
        "then by PSI times importance",
    ):
        assert words_of_it in said, words_of_it


def test_numbers_are_those_of_the_tables(pages: dict[str, str], monitored_project: DbtProject) -> None:
    said = text_of(pages["wide"])
    ((psi,),) = monitored_project.query(
        "select value from wide_drift where feature = 'f01' and metric = 'psi' and segment = 'all' "
        "and window_start = '2025-04-01'"
    )
    ((auc,),) = monitored_project.query(
        "select value from wide_performance where metric = 'roc_auc' and segment = 'all' "
        "and window_start = '2025-03-01'"
    )
    assert f"PSI {words.number(psi)} in April 2025" in said
    assert f"ROC AUC {words.number(auc)}" in said
    for count in monitored_project.query(
        "select cast(value as integer) from wide_performance where metric in ('tp', 'fp', 'fn', 'tn') "
        "and segment = 'all' and window_start = '2025-03-01'"
    ):
        assert f" {count[0]:,} " in said


def test_champion_against_challenger(pages: dict[str, str], monitored_project: DbtProject) -> None:
    said = text_of(pages["wide"])
    ((rows, live, challenger),) = monitored_project.query(
        "select n_rows, live_value, challenger_value from wide_contest"
    )
    line = f"challenger, version 2 ROC AUC {rows:,} {words.number(live)} {words.number(challenger)}"
    assert live != challenger and line in said
    assert re.search(r"(champion|challenger) by [\d.]+ |no clear winner ", said)
    assert "region=north challenger, version 2" in said
    assert "What a promotion of version 2 changes: scorehouse impact wide 2 --target …" in said
    assert "Prediction table wide_predictions" in said  # the larger one heads the chapter


def test_features_are_ranked_by_drift_and_importance(pages: dict[str, str]) -> None:
    tables = pages["wide"].split('id="wide-drift"')[1].split("All distances")[0]
    named = re.findall(r'<th scope="row">(f\d\d)</th>', tables)
    assert sorted(named) == FEATURES and named[0] == "f01"
    assert tables.count("<svg") == 80
    seen, _, folded = tables.partition("<details>")
    assert 'class="flag"' in seen and seen.count("<tr id=") >= 5
    assert "more features" in folded and 'class="flag"' not in folded


def test_the_table_of_quality_tells_training_and_now(
    pages: dict[str, str], monitored_project: DbtProject
) -> None:
    table = pages["wide"].split('id="wide-quality"')[1].split("</table>")[0]
    row = next(row for row in re.split("<tr[^>]*>", table) if ">f02<" in row)
    cells = [text_of(cell) for cell in re.findall(r"<td.*?</td>", row)]
    ((low, high, now_low, now_high, mean, missing),) = monitored_project.query(
        """
        select any_value(signature.minimum), any_value(signature.maximum), min(f02), max(f02), avg(f02),
            1 - count(f02) / count(*)
        from features, ml_wide__signature as signature
        where month(day) = 4 and signature.feature = 'f02' and signature.version = 1
        """
    )
    said = [
        f"{words.limit(low)} to {words.limit(high)}",
        f"{words.limit(now_low)} to {words.limit(now_high)}",
    ]
    assert cells[:4] == [*said, words.number(mean), f"{words.percent(missing)} ▲"]
    assert missing > 0.3 and cells[4:6] == ["0 %", "0 %"]  # missing in training; NaN and infinities now


def test_the_mean_score_is_drawn_over_the_windows(
    pages: dict[str, str], monitored_project: DbtProject
) -> None:
    drawn = pages["wide"].split("aria-label='Mean of score by window'")[1].split("</svg>")[0]
    for month, mean in monitored_project.query(
        "select strftime(date_trunc('month', day), '%b %Y'), avg(score) from wide_predictions group by all"
    ):
        assert f"<title>{month}: {words.number(mean)}</title>" in drawn


def test_the_head_leads_to_every_chapter(pages: dict[str, str]) -> None:
    nav = pages["all"].split("<nav")[1].split("</nav>")[0]
    assert re.findall(r'href="#(\w+)"', nav) == ["wide", "bare"]  # the worst first
    assert "1 of 2 ML models needs action 4 alerts" in text_of(pages["all"])
    assert "<nav" not in pages["wide"]


def test_a_model_that_nobody_monitors_says_so(pages: dict[str, str]) -> None:
    said = text_of(pages["bare"])
    assert "no run yet" in said and said.count("not monitored") >= 5
    assert "No table has the drift of this ML model. Add a model with {{ scorehouse.drift(...) }}" in said
    assert "No table has the performance of this ML model." in said
    assert "neither drift nor performance is monitored" in said
    assert "The run log has no scoring run of this ML model." in said
    assert "f01" in said  # its signature is known all the same


def test_without_labels_nothing_is_claimed(monitored_project: DbtProject, tmp_path: Path) -> None:
    database = shutil.copy(monitored_project.database, tmp_path / "copy.duckdb")
    with duckdb.connect(str(database)) as connection:
        connection.sql("update wide_performance set value = null, status = 'immature', labels_arrived = 0.25")
    assert run("report", "wide", "--database", database, "--output", tmp_path / "r.html").exit_code == 0
    said = text_of((tmp_path / "r.html").read_text())
    assert (
        "4 windows are waiting for labels." in said and "Performance waiting for labels: 25.0 % of " in said
    )
    assert "Confusion matrix" not in said and "worse than allowed" not in said


def test_a_failed_run_is_an_alert(monitored_project: DbtProject, tmp_path: Path) -> None:
    database = shutil.copy(monitored_project.database, tmp_path / "copy.duckdb")
    with duckdb.connect(str(database)) as connection:
        connection.sql("update scorehouse_run_log set status = 'failed', error = 'it <broke>'")
    payload = json.loads(run("export", "alerts", "wide", "--database", database).output)
    assert payload["status"] == "bad"
    failed = next(alert for alert in payload["alerts"] if alert["topic"] == "runs")
    assert failed["title"].startswith("Scoring wide_") and failed["title"].endswith(" failed: it <broke>")
    assert run("report", "wide", "--database", database, "--output", tmp_path / "r.html").exit_code == 0
    assert "it &lt;broke&gt;" in (tmp_path / "r.html").read_text()


def test_a_run_that_was_killed_is_not_called_a_success(monitored_project: DbtProject, tmp_path: Path) -> None:
    database = shutil.copy(monitored_project.database, tmp_path / "copy.duckdb")
    with duckdb.connect(str(database)) as connection:
        connection.sql(
            "insert into scorehouse_run_log by name select uuid() as run_id, uuid() as parent_run_id, "
            "'started' as status, node, prediction_table, model_name, started_at + interval 1 second as "
            "started_at from scorehouse_run_log where model_name = 'wide' order by started_at desc limit 1"
        )
    payload = json.loads(run("export", "alerts", "wide", "--database", database).output)
    assert "The last scoring run is not finished" in [alert["title"] for alert in payload["alerts"]]
    assert run("report", "wide", "--database", database, "--output", tmp_path / "r.html").exit_code == 0
    assert "Last run not finished" in text_of((tmp_path / "r.html").read_text())


def test_a_long_history_is_read_in_part(monitored_project: DbtProject, tmp_path: Path) -> None:
    database = Path(shutil.copy(monitored_project.database, tmp_path / "copy.duckdb"))
    with duckdb.connect(str(database)) as connection:
        connection.sql(
            "insert into wide_drift "
            "select wide_drift.* replace (window_start - interval (i) month as window_start, "
            "window_end - interval (i) month as window_end) from wide_drift, range(1, 100) steps(i) "
            "where window_start = (select min(window_start) from wide_drift)"
        )
        warehouse = Warehouse(connection, Place(database), None, "test")
        (data,) = gather(warehouse, "wide")
        assert len(data.drift[0].windows) == WINDOWS
        newest = data.drift[0].windows[-1]
        assert (
            len(data.drift[0].at(newest))
            == connection.sql(
                "select * from wide_drift where window_start = '2025-04-01' "
                "and (segment = 'all' or metric = 'psi' or status = 'drift')"  # what is shown of segments
            )
            .count("metric")
            .fetchall()[0][0]
        )
        kept = {row["metric"] for row in data.drift[0].at(data.drift[0].windows[0])}
        assert kept == {"psi", "mean_shift", "spread_shift"}
        assert {row["segment"] for row in data.performance[0].at(data.performance[0].windows[2])} == {
            "all", "region=north", "region=(small groups)"
        }  # fmt: skip


def test_names_of_a_user_stay_text(pages: dict[str, str]) -> None:
    assert "A wide &lt;one&gt; &amp; more" in pages["wide"]


def test_what_a_user_can_get_wrong(monitored_project: DbtProject, tmp_path: Path) -> None:
    database = monitored_project.database
    unnamed = run("report", "--profile", "shop")
    assert unnamed.exit_code == 2 and "name the DuckDB file with --database" in unnamed.output
    unknown = run("report", "wid", "--database", database)
    assert unknown.exit_code == 1 and "has no ML model 'wid'" in unknown.output
    assert "one of bare, wide" in unknown.output
    gone = run("report", "--database", tmp_path / "gone.duckdb")
    assert gone.exit_code == 1 and "scorehouse report: there is no DuckDB file" in gone.output
    with duckdb.connect(str(tmp_path / "empty.duckdb")):
        pass
    empty = run("report", "--database", tmp_path / "empty.duckdb")
    assert empty.exit_code == 1 and "has no ML model registry" in empty.output
    ending = run("export", "monitoring", "--database", database, "--output", tmp_path / "long.csv")
    assert ending.exit_code == 1 and "choose a format by the extension" in ending.output


def test_a_schema_must_be_named_where_two_hold_the_same(
    monitored_project: DbtProject, tmp_path: Path
) -> None:
    database = shutil.copy(monitored_project.database, tmp_path / "copy.duckdb")
    with duckdb.connect(str(database)) as connection:
        connection.sql("create schema prod; create table prod.ml_bare as from ml_bare")
    told = ["report", "--database", database, "--output", tmp_path / "r.html"]
    ended = run(*told)
    assert ended.exit_code == 1 and "ml_bare in several schemas: main, prod" in ended.output
    assert run(*told, "--schema", "prod").exit_code == 0
    assert "1 ML model, " in run(*told, "--schema", "prod").output


def test_the_window_of_a_fine_performance_is_named_where_others_wait(
    monitored_project: DbtProject, tmp_path: Path
) -> None:
    """Labels that come no more are seen late: until then the sentence says which window it is about."""
    database = shutil.copy(monitored_project.database, tmp_path / "copy.duckdb")
    with duckdb.connect(str(database)) as connection:
        for table in ("drift", "performance", "attribution", "segments"):
            connection.sql(
                f"update wide_{table} set status = 'ok' where status in ('drift', 'below', 'worse')"
            )
        connection.sql("update wide_retraining set status = 'ok', retrain = false, data_faults = null")
    (said,) = json.loads(run("status", "wide", "--database", database, "--json").output)
    assert said["sentence"].startswith("Fine: ") and " performance of March 2025" in said["sentence"]
