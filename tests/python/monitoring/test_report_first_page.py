"""The first page and `scorehouse status`: several causes, labels that have stopped, older monitors."""

from __future__ import annotations

import html
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from monitored import run
from project import DbtProject
from scorehouse.report.outcome import outcome_of

pytestmark = pytest.mark.slow


@pytest.fixture
def database(monitored_project: DbtProject, tmp_path: Path) -> Iterator[Path]:
    yield Path(shutil.copy(monitored_project.database, tmp_path / "copy.duckdb"))


def first_page(database: Path) -> str:
    """What the line of an ML model on the first page says, without tags."""
    folder = database.with_name("pages")
    assert run("report", "wide", "--database", database, "--output", folder).exit_code == 0
    line = (folder / "index.html").read_text().split('class="sentences"')[1].partition("</ol>")[0]
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", line.replace("<wbr>", ""))).split())


def page_of(database: Path) -> str:
    """The page of an ML model, without entities and breaks within names."""
    file = database.with_name("wide.html")
    assert run("report", "wide", "--database", database, "--output", file).exit_code == 0
    return html.unescape(file.read_text().replace("<wbr>", ""))


def status(database: Path) -> str:
    return " ".join(run("status", "wide", "--database", database).output.split())


def test_each_cause_has_its_own_advice(database: Path) -> None:
    (said,) = json.loads(run("status", "wide", "--database", database, "--json").output)
    causes = said["causes"]
    assert len({one["what_to_do"] for one in causes[:3]}) > 1, "else one would do for all"
    assert said["state"] == "bad"  # which is said once, so that a cause says what differs from it
    pills = [
        f"{'' if one['level'] == 'bad' else 'watch: '}{one['kind']}{' first' if one['first'] else ''}"
        for one in causes[:3]
    ]
    began = {"": "", "new": r" new (in|on) [\w ]+", "continuing": " continuing since {since}"}
    listed = " ".join(
        re.escape(f"{pill} {one['title']}.")
        + began[one["state"]].format(since=one["since"])
        + re.escape(f" What to do: {one['what_to_do']}")
        for pill, one in zip(pills, causes[:3], strict=True)
    )
    more = f" And {len(causes) - 3} more." if len(causes) > 3 else ""
    assert re.search(listed + re.escape(more), first_page(database))
    assert {"new", "continuing"} & {one["state"] for one in causes[:3]}


def test_what_is_to_be_mended_first_is_marked_everywhere(database: Path) -> None:
    """A fault of the data goes before drift, and drift before performance, whatever is worse."""
    order = ("data fault", "pipeline", "drift", "score drift", "segment", "performance")
    (said,) = json.loads(run("status", "wide", "--database", database, "--json").output)
    kinds = [one["kind"] for one in said["causes"]]
    assert set(kinds) <= set(order) and {"data fault", "performance"} <= set(kinds), kinds
    assert kinds[0] == "performance", "the worst"
    (first,) = (one for one in said["causes"] if one["first"])
    assert first["kind"] == "data fault"
    assert f"data fault, first: {first['title']} (" in status(database)
    assert f"watch: data fault first {first['title']}." in first_page(database)
    message = run("export", "alerts", "wide", "--database", database, "--format", "slack").output
    assert f"{first['title']}* (data fault, first, " in message
    with duckdb.connect(str(database)) as connection:  # what is older than a run that failed did not stop it
        connection.sql(
            "insert into scorehouse_run_log select * replace (uuid() as run_id, 'failed' as status, "
            "'it broke' as error, started_at + interval 1 second as started_at) from scorehouse_run_log "
            "where status = 'success' order by started_at desc limit 1"
        )
    (said,) = json.loads(run("status", "wide", "--database", database, "--json").output)
    assert "data fault" in [one["kind"] for one in said["causes"]]
    assert [one["kind"] for one in said["causes"] if one["first"]] == ["pipeline"]
    assert said["causes"][0]["title"].endswith(" failed: it broke")


def test_labels_that_have_stopped_are_red_everywhere(database: Path) -> None:
    with duckdb.connect(str(database)) as connection:
        connection.sql(
            "insert into wide_performance by name select * replace ('labelled_days' as metric, "
            "5 as value, null as threshold, 'overdue' as status, 640 as n_current) "
            "from wide_performance where metric = 'labels_arrived' and segment = 'all' "
            "order by window_start desc limit 1"
        )
        ((month,),) = connection.sql("select max(window_start) from wide_performance").fetchall()
    title = f"Labels have stopped: predictions after 05 {month:%b %Y} have none"
    (said,) = json.loads(run("status", "wide", "--database", database, "--json").output)
    (cause,) = (one for one in said["causes"] if one["code"] == "labels_stopped")
    assert cause["title"] == title and cause["level"] == "bad" and cause["text"].startswith("640 of these ")
    assert f"{title}. What to do: see why the table of labels brings no new rows" in first_page(database)
    (light,) = (one for one in said["lights"] if one["name"] == "Performance")
    assert light["state"] == "bad" and light["text"].endswith(", labels stopped")
    assert "metric_below_limit" in [one["code"] for one in said["causes"]], "of the newest judged window"


def test_status_fits_the_terminal_and_commands_stand_in_one_line(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    lines = run("status", "wide", "--database", database).output.splitlines()
    long = [line for line in lines if len(line) > 60]
    assert all(" scorehouse " in line or " dbt " in line for line in long), long
    assert any(line.startswith("    What to do: ") for line in lines)


@pytest.mark.parametrize(("ended", "is_said"), [("skipped", True), ("failed", True), ("success", False)])
def test_monitors_of_an_earlier_run_say_so(ended: str, is_said: bool, database: Path) -> None:
    with duckdb.connect(str(database)) as connection:
        connection.sql(
            "insert into scorehouse_run_log by name select * replace (uuid() as run_id, "
            f"started_at + interval 1 minute as started_at, '{ended}' as status, 'test x: no' as error) "
            "from scorehouse_run_log where model_name = 'wide' order by started_at desc limit 1"
        )
        query = (
            "select max(started_at) from scorehouse_run_log where model_name = 'wide' and status = 'success'"
        )
        ((scored,),) = connection.sql(query).fetchall()
    note = f"Drift was last computed on {scored:%d %b %Y, %H:%M} UTC."
    assert (note in status(database)) is (note in first_page(database)) is is_said


def ended(database: Path, status: str, error: str, table: str = "", command: str = "tonight") -> None:
    """The next run of the table that was scored last, or of another one, has ended so."""
    other = f", '{table}' as prediction_table" if table else ""
    with duckdb.connect(str(database)) as connection:
        connection.sql(
            "insert into scorehouse_run_log by name with runs as ("
            "from scorehouse_run_log where model_name = 'wide' order by started_at desc) "
            "select * replace (uuid() as run_id, uuid() as parent_run_id, "
            "(select max(started_at) from runs) + interval 1 minute as started_at, "
            f"'{command}' as invocation_id, '{status}' as status, '{error}' as error{other}) "
            "from runs where prediction_table <> 'another' limit 1"
        )


def subject_of_failure(database: Path) -> dict[str, str]:
    payload = json.loads(run("export", "alerts", "wide", "--database", database).output)
    (found,) = (one for one in payload["alerts"] if one["code"] == "run_failed")
    return dict(found["subject"])


def lights(database: Path) -> dict[str, tuple[str, str]]:
    (said,) = json.loads(run("status", "wide", "--database", database, "--json").output)
    return {one["name"]: (one["state"], one["text"]) for one in said["lights"]}


def test_a_failed_run_stays_named_until_one_succeeds(database: Path) -> None:
    ended(database, "failed", "no room")
    failure = subject_of_failure(database)
    for status_of_next in ("skipped", "started"):
        ended(database, status_of_next, "test x: no")
        (said,) = json.loads(run("status", "wide", "--database", database, "--json").output)
        titles = [one["title"] for one in said["causes"] if one["topic"] == "runs"]
        failed = next(title for title in titles if re.fullmatch(r"Scoring wide_\w+ failed: no room", title))
        assert failed in status(database) and failed in first_page(database)
        assert lights(database)["Last run"][0] == "bad" and subject_of_failure(database) == failure
    assert any(title.startswith("The last scoring run is not finished") for title in titles), titles
    ended(database, "success", "")
    assert "no room" not in status(database) + first_page(database)


def test_no_light_is_green_by_what_was_scored_before_a_failed_run(database: Path) -> None:
    """Labels, runs and tests go on; and the lights are as before once any table was scored again."""
    of_scored = ("Data quality", "Drift", "Scores", "Retraining")
    with duckdb.connect(str(database)) as connection:
        connection.sql("update wide_drift set status = 'ok' where part = 'output'")
        connection.sql("update wide_attribution set status = 'ok'")
    before = lights(database)
    ended(database, "failed", "no room")
    after = lights(database)
    judged = {name for name in of_scored if before[name][0] != "none"}
    others = before.keys() - {*judged, "Last run"}
    assert {name: before[name] for name in others} == {name: after[name] for name in others}
    assert judged and "ok" in {before[name][0] for name in judged}
    for name in judged:
        state, text = after[name]
        assert text.startswith(f"{before[name][1]}, of ") and text.endswith(", before the run that failed")
        assert state == ("none" if before[name][0] == "ok" else before[name][0])
        assert f"<b>{name}</b>{text}" in page_of(database)
    payload = json.loads(run("export", "alerts", "wide", "--database", database).output)
    texts = [one["text"] for one in payload["alerts"] if one["topic"] in ("quality", "drift")]
    assert texts and all(", before the run that failed" in text for text in texts), texts
    ended(database, "success", "", table="another")  # beside it, by the same command
    assert lights(database) == after
    ended(database, "success", "", table="another", command="later")
    again = lights(database)
    assert again["Last run"][0] == "bad"
    assert all(again[name] == before[name] for name in of_scored)
    ended(database, "success", "")
    assert lights(database) == before


def test_a_table_of_another_version_than_its_alias_is_amber(database: Path) -> None:
    assert "is of version" not in status(database)
    with duckdb.connect(str(database)) as connection:
        connection.sql("insert into ml_wide select * replace (2 as version) from ml_wide")
        connection.sql("update ml_wide set aliases = null where version = 1")
    (said,) = json.loads(run("status", "wide", "--database", database, "--json").output)
    (cause,) = (one for one in said["causes"] if one["code"] == "version_not_built")
    tables = "wide_challenge, wide_predictions, wide_reasons"
    assert cause["title"] == f"{tables} are of version 1, and champion is version 2"
    assert cause["what_to_do"] == "dbt build --select tag:ml_wide+"
    (light,) = (one for one in said["lights"] if one["name"] == "Last run")
    assert (light["state"], light["text"]) == ("warn", "version 1, not 2")
    with duckdb.connect(str(database)) as connection:
        connection.sql(
            "insert into scorehouse_run_log by name select * replace (uuid() as run_id, 2 as model_version, "
            "started_at + interval 1 minute as started_at, 'failed' as status, 'no room' as error) "
            "from scorehouse_run_log where prediction_table like '%wide_predictions%' and is_live "
            "order by started_at desc limit 1"
        )
    (said,) = json.loads(run("status", "wide", "--database", database, "--json").output)
    (light,) = (one for one in said["lights"] if one["name"] == "Last run")
    assert light["state"] == "bad", "a run that failed is worse than one of another version"
    with duckdb.connect(str(database)) as connection:
        connection.sql("drop table wide_predictions")
    said = status(database)
    assert "wide_challenge, wide_reasons are of version 1" in said


def test_a_test_of_a_source_names_it() -> None:
    """dbt attaches a test to a model, and to no source."""
    node = {
        "name": "source_scorehouse_volume_in_range_raw_orders_day",
        "test_metadata": {"name": "volume_in_range", "namespace": "scorehouse"},
        "depends_on": {"nodes": ["source.shop.raw.orders"]},
    }
    failed = {"unique_id": "test.shop.x.1", "status": "fail", "failures": 1, "message": "Got 1 result"}
    assert outcome_of(failed, node).tested == "orders"
