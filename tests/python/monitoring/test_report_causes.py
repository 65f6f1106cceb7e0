"""What the report makes of odd tables and of dbt's own results: one alert per cause, and never a crash."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import duckdb
import pytest

from monitored import run
from project import DbtProject
from scorehouse.cli.status import _wrapped
from scorehouse.project.run_log_place import Place
from scorehouse.report.alert import Alert, Subject
from scorehouse.report.causes import _of_skipped, _together
from scorehouse.report.dbt_results import _counted
from scorehouse.report.outcome import Outcome
from scorehouse.report.warehouse import Warehouse
from scorehouse.report.words import number
from scorehouse.retraining.signals import faults_of_data

pytestmark = pytest.mark.slow

FILES = ("manifest.json", "run_results.json")
OWN = "a_name_that_its_author_has_given-" * 4  # wider than a terminal
GREEN = "wait for more labels; until then, builds stay green with: scorehouse promote wide --remove rival"
REMOVE = "scorehouse promote wide --remove rival"
FAULT = "f01 may be a data fault: outside the training range"


@pytest.fixture
def database(monitored_project: DbtProject, tmp_path: Path) -> Path:
    """A copy that a test may change."""
    return Path(shutil.copy(monitored_project.database, tmp_path / "copy.duckdb"))


def alerts_of(database: Path, *more: object) -> list[dict[str, Any]]:
    ended = run("export", "alerts", "wide", "--database", database, *more)
    assert ended.exit_code == 0, ended.output
    found: list[dict[str, Any]] = json.loads(ended.output)["alerts"]
    return found


def page_of(database: Path, *more: object) -> str:
    file = database.with_suffix(".html")
    ended = run("report", "wide", "--database", database, "--output", file, *more)
    assert ended.exit_code == 0, ended.output
    return file.read_text()


def test_what_has_ended_is_called_resolved(database: Path) -> None:
    with duckdb.connect(str(database)) as connection:
        connection.sql(
            "update wide_drift set status = 'drift' where feature = 'f07' and metric = 'psi' "
            "and segment = 'all' and window_start = '2025-03-01'"
        )
    page = page_of(database)
    assert "f07: PSI, wrong in March 2025" in page.split('class="resolved"')[1].split("</p>")[0]
    assert "f07 has drifted" not in page and len(alerts_of(database)) == 4


def test_what_goes_on_says_since_when(database: Path) -> None:
    with duckdb.connect(str(database)) as connection:
        connection.sql(
            "update wide_drift set status = 'drift' where feature = 'f01' and segment = 'all' "
            "and metric in ('psi', 'out_of_range_share') and window_start >= '2025-02-01'"
        )
    found = next(alert for alert in alerts_of(database) if alert["title"] == FAULT)
    assert (found["state"], found["since"]) == ("continuing", "February 2025")
    assert (found["also"][0]["state"], found["also"][0]["since"]) == ("continuing", "February 2025")
    assert "continuing since February 2025" in page_of(database)


def test_many_features_of_little_importance_are_one_alert(database: Path) -> None:
    with duckdb.connect(str(database)) as connection:
        connection.sql(
            "update wide_drift set status = 'drift' where feature in ('f20', 'f21', 'f22') "
            "and metric = 'psi' and segment = 'all' and window_start = '2025-04-01'"
        )
    titles = [alert["title"] for alert in alerts_of(database)]
    little = "3 features of little importance have changed"
    assert titles[1:3] == [FAULT, "f02 may be a data fault: missing values"] and titles[-1] == little


def test_odd_features_do_not_end_the_report(database: Path) -> None:
    """A list of 90,000 categories, a feature without a reference, one that is NULL everywhere."""
    with duckdb.connect(str(database)) as connection:
        connection.sql(
            "delete from ml_wide__reference where name in ('f05', 'f06'); "
            "insert into ml_wide__reference by name select 1 as version, 'feature' as part, 'f05' as name, "
            "'category' as kind, i as bin, 'word ' || i as category, 1 as row_count from range(90000) r(i); "
            "update wide_drift set value = null, p_value = null, floor_value = null, n_current = null, "
            "status = 'too_small' where feature = 'f04'; "
            "delete from wide_profiles where feature = 'f03'; "
            "update ml_wide__signature set minimum = null, maximum = null, importance = null "
            "where feature = 'f04'"
        )
    page = page_of(database)
    assert "89998 others" in page and "too few rows" in page


PAIR = (
    "update wide_joint set status = 'drift', correlation = 0.9, value = 0.9 "
    "where window_start = '2025-04-01' and feature = (select feature from wide_joint where {} limit 1)"
)
SEGMENT = (
    "update wide_segments set status = 'worse', difference_low = 0.6 "
    "where segment = (select max(segment) from wide_segments where segment like '%f00 > %')"
)
ALERT = "update wide_watch set status = 'alert', alert_since = '2025-02-01'"


def test_a_pair_joins_the_feature_that_drifts(database: Path) -> None:
    with duckdb.connect(str(database)) as connection:
        connection.sql(PAIR.format("feature like '%f01%'"))
    found = next(alert for alert in alerts_of(database) if alert["title"] == FAULT)
    (pair,) = (one for one in found["also"] if "go together in another way" in one["title"])
    assert pair["state"] == "new" and pair["text"].startswith("Correlation ")
    assert "0.9000 in April 2025" in pair["text"] or "0.90 in April 2025" in pair["text"]
    assert pair["rows_sql"].startswith('select "f')
    assert "<b>Drift</b>1 of 40 features, 1 of " in page_of(database)


def test_a_pair_alone_a_segment_and_an_alert_are_causes_of_their_own(database: Path) -> None:
    with duckdb.connect(str(database)) as connection:
        connection.sql(PAIR.format("feature not like '%f01%'") + ";" + SEGMENT + ";" + ALERT)
    found = alerts_of(database)
    titles = {alert["title"]: alert for alert in found}
    (pair,) = (alert for title, alert in titles.items() if "go together in another way" in title)
    (suffering,) = (alert for title, alert in titles.items() if title.startswith("Log loss is worse where "))
    with duckdb.connect(str(database)) as connection:
        for alert in (pair, suffering):
            assert connection.sql(alert["sql"]).fetchall() == [(alert["value"],)]
        rows = len(connection.sql(suffering["rows_sql"]).fetchall())
        ((labelled,),) = connection.sql(
            f"select n_current from wide_segments where segment = '{suffering['segment']}'"
        ).fetchall()
        assert rows >= labelled > 0  # those of April have no labels yet
    assert suffering["rows_sql"].startswith("-- of all days; the alert is about ")
    assert found[0]["level"] == "bad" and found[0]["topic"] in ("performance", "sequential")
    facts = [found[0], *found[0]["also"]]
    (alert,) = (one for one in facts if one["title"] == "Accuracy has gone below 0.6 for certain")
    assert (alert["state"], alert["since"]) == ("continuing", "01 Feb 2025")
    page = page_of(database)
    assert "<b>Segments</b>1 much worse" in page and "<b>Sequential alert</b>1 broken for certain" in page


def test_it_says_which_features_moved_the_scores(database: Path) -> None:
    """The sentence on the page is that of the table; an alert on scores says it too."""
    with duckdb.connect(str(database)) as connection:
        ((feature, moved),) = connection.sql(
            "select feature, previous_shift from wide_attribution where metric = 'mean_contribution' "
            "and window_start = '2025-04-01' order by abs(previous_shift) desc limit 1"
        ).fetchall()
        ((total, unit),) = connection.sql(
            "select previous_shift, unit from wide_attribution where part = 'total' "
            "and window_start = '2025-04-01'"
        ).fetchall()
    assert (unit, feature) == ("log-odds", "f01") and total > 0 and moved > 0
    began = f"the mean log-odds rose by {number(total, 2)}: +{number(moved, 2)} by f01, "
    assert f"From March 2025 to April 2025, {began}" in page_of(database)
    scores = next(alert for alert in alerts_of(database) if alert["topic"] == "scores")
    assert "From January 2025 to April 2025, the mean log-odds" in scores["text"]


def test_other_drivers_are_an_alert_on_scores(database: Path) -> None:
    with duckdb.connect(str(database)) as connection:
        connection.sql(
            "update wide_attribution set status = 'drift' where metric = 'rank_agreement' "
            "and window_start = '2025-04-01'"
        )
    scores = next(alert for alert in alerts_of(database) if alert["topic"] == "scores")
    titles = [scores["title"], *(one["title"] for one in scores["also"])]
    assert "Other features drive the scores than before" in titles


def test_what_holds_is_green(database: Path) -> None:
    page = page_of(database)
    assert "<b>Segments</b>none much worse" in page and "<b>Sequential alert</b>1 limit held" in page


def results(folder: Path, database: str, status: str = "fail") -> Path:
    """The files of a dbt command and of a freshness check, with one wrong result each."""
    seed, table, test = "seed.p.ml_wide", "model.p.wide_predictions", "test.p.unique_key"
    source, stage = "source.p.crm.customers", "model.p.features"
    nodes = {
        seed: {"resource_type": "seed", "name": "ml_wide", "database": database, "depends_on": {"nodes": []}},
        stage: {"resource_type": "model", "name": "features", "depends_on": {"nodes": [source]}},
        table: {"resource_type": "model", "name": "wide_predictions", "depends_on": {"nodes": [seed, stage]}},
        test: {"resource_type": "test", "name": "unique_key", "depends_on": {"nodes": [table]}},
        "test.p.stage": {"resource_type": "test", "name": "stage", "depends_on": {"nodes": [stage]}},
        "test.p.other": {"resource_type": "test", "name": "other", "depends_on": {"nodes": ["model.p.b"]}},
    }
    sources = {
        source: {
            "source_name": "crm", "name": "customers", "loaded_at_field": "at", "relation_name": "raw.c",
        }
    }  # fmt: skip
    said = {
        "manifest.json": {"nodes": nodes, "sources": sources},
        "run_results.json": {
            "metadata": {"generated_at": "2026-03-01T08:00:00Z"},
            "results": [
                {
                    "unique_id": test,
                    "status": status,
                    "message": "Got 3 results",
                    "compiled_code": "select 1",
                },
                {"unique_id": "test.p.stage", "status": "fail", "message": "about what it is made from"},
                {"unique_id": "test.p.other", "status": "fail", "message": "not about this ML model"},
                {"unique_id": table, "status": "success"},
            ],
        },
        "sources.json": {
            "metadata": {"generated_at": "2026-03-02T08:00:00Z"},
            "results": [{"unique_id": source, "status": "warn", "max_loaded_at": "2026-02-27"}],
        },
    }
    folder.mkdir()
    for name, content in said.items():
        (folder / name).write_text(json.dumps(content))
    return folder


def test_dbt_tests_and_freshness_are_lights_and_alerts(database: Path, tmp_path: Path) -> None:
    told = ["--dbt-target", results(tmp_path / "target", "copy")]
    found = {alert["title"]: alert for alert in alerts_of(database, *told)}
    failed = found["The dbt test unique_key failed"]
    assert (failed["level"], failed["sql"]) == ("bad", "select 1")
    assert failed["text"] == "Got 3 results; checked 01 Mar 2026, 08:00 UTC"
    assert found["The source crm.customers is stale"]["level"] == "warn" and len(found) == 6
    (stage,) = failed["also"]  # the features
    assert (stage["title"], stage["level"]) == ("The dbt test stage failed", "bad")
    page = page_of(database, *told)
    assert "<b>dbt tests</b>2 failed of 2" in page and "<b>Sources</b>1 of 1 stale" in page


def test_of_the_worst_the_one_to_mend_first_stands_first(database: Path, tmp_path: Path) -> None:
    """Though it is no fault of the data, and the topic of another comes before."""
    with duckdb.connect(str(database)) as connection:
        connection.sql("update wide_drift set status = 'ok'")
    folder = results(tmp_path / "target", "copy")
    (folder / "sources.json").unlink()
    found = alerts_of(database, "--dbt-target", folder)
    assert [one["kind"] for one in found if one["level"] == "bad"] == ["dbt test", "performance"]
    assert [one["first"] for one in found] == [True, *[False] * (len(found) - 1)]
    (said,) = json.loads(
        run("status", "wide", "--database", database, "--dbt-target", folder, "--json").output
    )
    assert said["what_to_do"] == found[0]["what_to_do"]


def test_a_failed_test_says_what_it_found(database: Path, tmp_path: Path) -> None:
    """dbt counts rows and makes names of all arguments: neither says what is wrong."""
    folder = results(tmp_path / "target", "copy")
    manifest, ran = (json.loads((folder / file).read_text()) for file in FILES)
    made = "scorehouse_accepted_values_wide_predictions_a_and_b__1__2__3__and_so_on_until_it_is_cut_off"
    manifest["nodes"]["test.p.unique_key"] |= {
        "name": made,
        "attached_node": "model.p.wide_predictions",
        "column_name": '"a, and b"',
        "test_metadata": {"name": "accepted_values", "namespace": "scorehouse"},
    }
    problem = (
        "select 'below_floor' as problem, 'roc_auc' as metric, 0.4125e0 as value, 'all' as segment, 7 as id"
    )
    ran["results"][0] |= {"failures": 2, "compiled_code": problem}
    ran["results"][1] |= {"failures": 1, "compiled_code": "select 'of a row' as value"}  # the user's own
    for file, document in zip(FILES, (manifest, ran), strict=True):
        (folder / file).write_text(json.dumps(document))
    told = ["--dbt-target", folder]
    found = {alert["title"]: alert for alert in alerts_of(database, *told)}
    failed = found["The dbt test accepted_values of wide_predictions.a, and b failed"]
    facts = "for example: below floor, metric roc_auc, value 0.4125"
    assert failed["text"] == f"2 failures, {facts}; checked 01 Mar 2026, 08:00 UTC"
    assert failed["also"][0]["text"] == "1 failure; checked 01 Mar 2026, 08:00 UTC", "no value of its rows"
    shown = run("status", "wide", "--database", database, *told).output
    assert f"{failed['title']}." in " ".join(shown.split())
    assert any(OWN in line for line in _wrapped(f"The dbt test {OWN} failed.", 2)), "never cut within a word"


COMPARED = (  # a row of `challenger_not_worse`, with its problem
    "select 'challenger' as challenger, '{}' as problem, 'roc_auc' as metric, 0.5e0 as live_value, "
    "0.4e0 as challenger_value, -0.1e0 as difference, -0.3e0 as difference_low, "
    "0.1e0 as difference_high, 0.01e0 as margin, 12 as n_rows"
)


def test_a_gate_that_refuses_says_so_in_a_sentence(database: Path, tmp_path: Path) -> None:
    folder = results(tmp_path / "target", "copy")
    manifest, ran = (json.loads((folder / file).read_text()) for file in FILES)
    manifest["nodes"]["test.p.unique_key"] |= {
        "test_metadata": {"name": "challenger_not_worse", "namespace": "scorehouse"}
    }
    ran["results"][0] |= {"failures": 1, "compiled_code": COMPARED.format("too_few_rows")}
    for file, document in zip(FILES, (manifest, ran), strict=True):
        (folder / file).write_text(json.dumps(document))
    found = {alert["title"]: alert for alert in alerts_of(database, "--dbt-target", folder)}
    says = "the challenger has 0.4000 in ROC AUC, the champion 0.5000, on 12 rows: too few rows have labels"
    assert says in found["The dbt test unique_key failed"]["text"]


def test_a_test_that_ends_in_an_error_says_which(database: Path, tmp_path: Path) -> None:
    """The first line of an error in our words is dbt's."""
    folder = results(tmp_path / "target", "copy", "error")
    ran = json.loads((folder / FILES[1]).read_text())
    told = "Compilation Error in test unique_key (a.yml)\n  no_drift(): the limit is -1\n  Expected: more"
    ran["results"][0] |= {"message": told, "failures": None}
    ran["results"][1] |= {"status": "error", "message": "Runtime Error in test stage\n  cannot read 'a row'"}
    (folder / FILES[1]).write_text(json.dumps(ran))
    found = {alert["title"]: alert for alert in alerts_of(database, "--dbt-target", folder)}
    failed = found["The dbt test unique_key failed"]
    when = "checked 01 Mar 2026, 08:00 UTC"
    assert failed["text"] == f"no_drift(): the limit is -1; {when}"
    assert failed["also"][0]["text"] == f"Runtime Error in test stage; {when}"


@pytest.mark.parametrize(
    ("error", "kind", "found", "is_joined", "said"),
    [
        ("disk full", "model", "another error of today", True, "another error of today"),
        ("it lacks a", "model", "predictions() in p: it lacks a", True, ""),
        ("it lacks a", "seed", "it lacks a", False, "it lacks a"),
    ],
)
def test_what_a_failed_run_says_is_not_said_again_and_nothing_else_is_lost(
    error: str, kind: str, found: str, is_joined: bool, said: str
) -> None:
    """They are one by the name of the model, whatever its table is called."""
    run_of = {"node": "p", "table": "an_alias", "error": error}
    run = Alert("run_failed", "bad", Subject("failure", "an_alias"), "", run_of)
    numbers = {"kind": kind, "name": "p", "column": "", "fact": "", "message": found}
    fact = _of_skipped(Alert("dbt_failed", "bad", Subject("dbt"), "", numbers), [run])
    assert (fact.subject == run.subject) is is_joined and fact.numbers["message"] == said


@pytest.mark.parametrize(
    ("column", "count", "says"),
    [
        ("orders.id", 1, "1 value of id found more than once"),
        ("", 3, "3 values of its key found more than once"),
        ("orders.a || '.' || b", 2, "2 values of a || '.' || b found more than once"),
    ],
)
def test_what_dbt_counts_is_said_in_words(column: str, count: int, says: str) -> None:
    kinds = ("unique", "bad", "", "")
    assert _counted(Outcome("u", "test", *kinds, failures=count, tested="orders", column=column)) == says


def test_a_test_that_stopped_two_tables_is_one_cause(database: Path, tmp_path: Path) -> None:
    with duckdb.connect(str(database)) as connection:
        connection.sql(
            "create temp table one as from scorehouse_run_log where model_name = 'wide' "
            "order by started_at desc limit 1; "
            "insert into scorehouse_run_log by name select one.* replace (uuid() as run_id, "
            "started_at + interval 1 hour as started_at, 'skipped' as status, 'db.main.' || place as "
            "prediction_table, 'model.p.wide_predictions' as node, null as model_version, "
            "'test stage: 3 rows are wrong.' as error) "
            "from one, (values ('wide_predictions'), ('wide_shadow')) as places(place)"
        )
    told = ["--dbt-target", results(tmp_path / "target", "copy")]
    (stopped,) = [one for one in alerts_of(database, *told) if "stage" in one["title"]]
    tables = stopped["title"].removeprefix("Nothing was scored in ").partition(": ")[0].split(", ")
    assert sorted(tables) == ["wide_predictions", "wide_shadow"]
    assert stopped["title"].endswith(": test stage: 3 rows are wrong")
    assert [one["title"] for one in stopped["also"]] == ["The dbt test stage failed"]
    shown = run("status", "wide", "--database", database, *told).output
    todo = "What to do: correct the rows where they come from, and build again"
    assert f"    {todo}\n" in shown and f"<br>{todo}<" in page_of(database, *told)


@pytest.mark.parametrize(
    ("test", "failures", "problem", "asked_for"),
    [
        ("challenger_not_worse", 3, "worse", REMOVE),
        ("challenger_not_worse", 3, "too_few_rows", GREEN),
        ("challenger_not_worse", 2, "too_few_rows worse", REMOVE),
        ("challenger_not_worse", 2, "too_few_rows segment_worse too_few_rows", REMOVE),
        (
            "challenger_not_worse",
            2,
            "too_few_rows too_few_rows",
            GREEN,
        ),
        ("challenger_not_worse", None, "", ""),
        ("not_null", 3, "", ""),
    ],
)
def test_what_a_failed_test_asks_for(
    database: Path, tmp_path: Path, test: str, failures: int | None, problem: str, asked_for: str
) -> None:
    """A gate that refused asks to remove the alias that it judges; one that cannot judge yet lets it wait."""
    folder = results(tmp_path / "target", "copy")
    manifest, ran = (json.loads((folder / name).read_text()) for name in FILES[:2])
    found = " union all ".join(COMPARED.format(one) for one in problem.split(" "))
    asked = {"name": test, "kwargs": {"challenger": "rival"}, "namespace": "scorehouse" if problem else None}
    manifest["nodes"]["test.p.unique_key"]["test_metadata"] = asked
    ran["results"][0] |= {"failures": failures, "compiled_code": found}
    (folder / FILES[0]).write_text(json.dumps(manifest))
    (folder / FILES[1]).write_text(json.dumps(ran))
    shown = run("status", "wide", "--database", database, "--dbt-target", folder).output
    assert f"What to do: {asked_for}" in " ".join(shown.split())
    assert ("--remove" in shown) == bool(asked_for)
    assert ("too few rows have labels" in shown) == (set(problem.split()) == {"too_few_rows"})


@pytest.mark.parametrize(("name", "text"), [("elsewhere", "not checked"), ("copy", "1 failed of 2")])
def test_results_of_another_database_are_left_out(
    database: Path, tmp_path: Path, name: str, text: str
) -> None:
    page = page_of(database, "--dbt-target", results(tmp_path / "target", name, "pass"))
    assert f"<b>dbt tests</b>{text}" in page


@pytest.mark.parametrize(
    ("which", "said", "way"),
    [
        ("show", "dbt show", "with another --target-path it would not have"),
        ("compile", "dbt compile", "with another --target-path it would not have"),
        ("generate", "dbt docs generate", "with --no-compile it would not have"),
        ("run", "dbt run", "dbt test finds it anew"),
    ],
)
def test_a_command_without_tests_is_named(
    database: Path, tmp_path: Path, which: str, said: str, way: str
) -> None:
    """It writes its own results over those of the night; a test that it compiles is called a success."""
    folder = results(tmp_path / "target", "copy")
    ran = json.loads((folder / "run_results.json").read_text()) | {"args": {"which": which}}
    is_compiled = which in ("compile", "generate")
    ran["results"] = [one | {"status": "success"} for one in ran["results"]] if is_compiled else []
    (folder / "run_results.json").write_text(json.dumps(ran))
    page = page_of(database, "--dbt-target", folder)
    assert f"<b>dbt tests</b>not checked by {said}" in page
    note = f"What dbt's last tests found is not known: {said} has written over it; {way}."
    assert note.replace("'", "&#39;") in page
    shown = " ".join(run("status", "wide", "--database", database, "--dbt-target", folder).output.split())
    assert shown.count(note) == 1


def test_results_that_cannot_be_read_are_not_checked(database: Path, tmp_path: Path) -> None:
    folder = results(tmp_path / "target", "copy")
    (folder / "manifest.json").write_text("{")
    assert "<b>dbt tests</b>not checked" in page_of(database, "--dbt-target", folder)


def test_features_that_go_together_are_one_cause() -> None:
    """By the correlations that registration stored; the most important of them names the cause."""
    pairs = [("a", "b", 0.9), ("b", "c", -0.7), ("c", "d", 0.3), ("a", "unchanged", 0.95)]
    rows = [{"kind": "pair", "name": a, "category": b, "lower": r} for a, b, r in pairs]
    rows.append({"kind": "numeric", "name": "a", "category": None, "lower": None})
    weights = {"a": 0.1, "b": 0.2, "c": 0.5, "d": 0.2}
    assert _together(set("abcd"), rows, weights, {}) == {**dict.fromkeys("abc", "c"), "d": "d"}
    told = _together(set("abcd"), rows, weights, {"a": "unit_changed"})
    assert told == {**dict.fromkeys("abc", "a"), "d": "d"}
    told = _together(set("abcd"), rows, weights, {"a": "unit_changed", "b": "unit_changed"})
    assert told["a"] == told["b"] == told["c"]
    told = _together(set("abcd"), rows, weights, {"a": "unit_changed", "b": "feature_fault"})
    assert (told["a"], told["b"], told["c"]) == ("a", "b", "b"), "faults of their own"


@pytest.mark.parametrize(("scale", "says"), [(1000, "1,000"), (0.01, "0.01")])
def test_another_unit_is_a_fault_of_the_data(database: Path, scale: float, says: str) -> None:
    """It comes before what it causes, whatever its importance."""
    with duckdb.connect(str(database)) as connection:
        connection.sql(
            "update wide_drift set status = 'drift' where feature in ('f20', 'f21', 'f22') "
            "and metric = 'psi' and segment = 'all' and window_start = '2025-04-01'; "
            f"update wide_profiles set mean = {scale} * mean, deviation = {scale} * deviation "
            "where feature = 'f20' and window_start >= '2025-04-01'"
        )
    found = [alert for alert in alerts_of(database) if alert["level"] == "warn"]
    (unit,) = (alert for alert in found if alert["code"] == "unit_changed")
    about = f"f20 may be a data fault: about {says} times what training had, as in another unit"
    assert (unit["subject"], unit["title"]) == ({"kind": "feature", "name": "f20"}, about)
    codes = [alert["code"] for alert in found]
    assert codes.index("unit_changed") < codes.index("output_drift")
    assert about in page_of(database)
    with duckdb.connect(str(database), read_only=True) as connection:
        warehouse = Warehouse(connection, Place(database), None, "retrain wide")
        assert about in faults_of_data(warehouse, "wide"), "said before a training"
        assert faults_of_data(warehouse, "not_loaded_yet") == []


def test_faults_of_two_kinds_are_two_alerts(database: Path) -> None:
    """Though the features go together: what is missing does not hide that another has changed its unit."""
    with duckdb.connect(str(database)) as connection:
        connection.sql(
            "insert into ml_wide__reference by name select * replace ('f01' as name, 'f20' as category, "
            "0.9 as lower) from ml_wide__reference where kind = 'pair' limit 1; "
            "update wide_drift set status = 'drift' where feature = 'f20' and metric = 'psi' "
            "and segment = 'all' and window_start = '2025-04-01'; "
            "update wide_profiles set mean = 1000 * mean, deviation = 1000 * deviation "
            "where feature = 'f20' and window_start >= '2025-04-01'"
        )
        assert connection.sql("from ml_wide__reference where (name, category) = ('f01', 'f20')").fetchall()
    found = {(alert["code"], alert["subject"]["name"]) for alert in alerts_of(database)}
    assert {("unit_changed", "f20"), ("feature_fault", "f01")} <= found


@pytest.mark.parametrize(
    ("code", "part", "about"),
    [("output_drift", "output", "distribution of score"), ("drift", "feature", "f01")],
)
def test_advice_to_retrain_stands_behind_its_cause(database: Path, code: str, part: str, about: str) -> None:
    """By the code of the reason: its words may hold any separator, as names of features do."""
    with duckdb.connect(str(database)) as connection:
        connection.sql(
            "update wide_drift set status = case when metric = 'psi' and segment = 'all' and "
            f"feature in ('score', 'f01') and part = '{part}' then 'drift' else 'ok' end"
        )
        connection.sql(
            f"update wide_retraining set retrain = true, reason_codes = '{code}', status = 'retrain', "
            "reasons = 'drift of price, and size; f01', data_faults = null"
        )
    (found,) = [alert for alert in alerts_of(database) if about in alert["title"].lower()]
    (advice,) = [fact for fact in found["also"] if fact["title"] == "Version 1 should be retrained"]
    assert (advice["code"], advice["action"]) == ("retrain", "")  # a file has no target
    assert advice["numbers"]["reasons"] in advice["text"]
    assert "Version 1 should be retrained</" in page_of(database)


def test_a_command_names_the_target_that_was_read(database: Path, tmp_path: Path) -> None:
    (tmp_path / "dbt_project.yml").write_text("name: shop\nprofile: shop\n")
    outputs = {"prod": {"type": "duckdb", "path": str(database)}}
    profile = {"shop": {"target": "prod", "outputs": outputs}}
    (tmp_path / "profiles.yml").write_text(json.dumps(profile))
    with duckdb.connect(str(database)) as connection:
        connection.sql("update wide_retraining set retrain = true, reason_codes = 'age', data_faults = null")
    for target in ((), ("--target", "prod")):
        ended = run("export", "alerts", "wide", "--project-dir", tmp_path, *target)
        found = json.loads(ended.stdout)["alerts"]
        (advice,) = [fact for alert in found for fact in (alert, *alert["also"]) if fact["code"] == "retrain"]
        assert advice["action"] == "scorehouse retrain wide --target prod"
        (worse,) = [alert for alert in found if alert["code"] == "metric_below_limit"]
        assert worse["numbers"]["target"] == "prod"
        to_do = worse_scores("--project-dir", tmp_path, *target)
        assert to_do.endswith("scorehouse retrain wide --target prod --measure")


def worse_scores(*place: object) -> str:
    """What `scorehouse status` says to do about a metric below its limit."""
    (said,) = json.loads(run("status", "wide", "--json", *place).stdout)
    (worse,) = [cause for cause in said["causes"] if cause["code"] == "metric_below_limit"]
    return str(worse["what_to_do"])


@pytest.mark.parametrize(("value", "is_said"), [(0.0, True), (0.3, True), (0.45, False)])
def test_scores_that_guessing_beats_may_be_reversed(database: Path, value: float, is_said: bool) -> None:
    with duckdb.connect(str(database)) as connection:
        connection.sql(f"update wide_performance set value = {value} where metric = 'roc_auc'")
    to_do = worse_scores("--database", database)
    assert ("labels or classes are reversed" in to_do) == is_said
    assert to_do.endswith("scorehouse retrain wide --target TARGET --measure")


def test_advice_to_look_at_the_data_stands_behind_the_fault(database: Path) -> None:
    with duckdb.connect(str(database)) as connection:
        connection.sql("update wide_retraining set reasons = 'drift of output score'")
    (found,) = [alert for alert in alerts_of(database) if alert["title"] == FAULT]
    (advice,) = [fact for fact in found["also"] if fact["topic"] == "retraining"]
    assert advice["title"] == "Do not retrain version 1 yet: look at the data first"
    assert (found["code"], found["subject"]) == ("feature_fault", {"kind": "feature", "name": "f01"})
    assert "out_of_range_share of f01" in advice["text"]


@pytest.mark.parametrize(("metric", "value"), [("mean_shift", 3.4), ("spread_shift", 0.8)])
def test_a_shift_that_is_a_fault_is_not_called_drift(database: Path, metric: str, value: float) -> None:
    with duckdb.connect(str(database)) as connection:
        connection.sql(
            f"update wide_drift set status = 'drift', value = if(metric = 'psi', 2, {value}) where "
            f"feature = 'f01' and metric in ('psi', '{metric}') and segment = 'all' "
            "and window_start = '2025-04-01'"
        )
    found = [fact for alert in alerts_of(database) for fact in (alert, *alert["also"])]
    about = [fact for fact in found if fact["subject"] == {"kind": "feature", "name": "f01"}]
    assert {fact["code"] for fact in about} == {"feature_fault"}
    assert any(f"of the {metric.split('_')[0]}" in fact["title"] for fact in about)
