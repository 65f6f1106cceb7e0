"""A night that scored nothing, late data and a loader's faults, in a project that the scaffolds wrote."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from monitored import run
from project import Build, DbtProject

pytestmark = pytest.mark.slow

PER_DAY, DAYS, TRAINED = 120, 40, 70
LOADED = "look at the load of orders"
UP_TO_DATE = "test_name:predictions_up_to_date"
OF_ORDERS = ("--features", "orders", "--key", "order_id")


def rows(first: int, days: int) -> pd.DataFrame:
    """Rows of this many days, up to yesterday; `first` is the first key."""
    random = np.random.default_rng(first)
    count = days * PER_DAY
    day = np.datetime64("today") - days + np.arange(count) // PER_DAY
    return pd.DataFrame(
        {
            "order_id": np.arange(first, first + count),
            "weight": random.normal(50, 10, count),
            "items": random.integers(1, 9, count),
            "region": random.choice(["north", "south", "west"], count),
            "ordered_on": pd.to_datetime(day),
        }
    )


def made(folder: Path) -> DbtProject:
    """Registered, scaffolded, and built for the first time."""
    project = DbtProject(folder)
    project.writes_files = True
    trained = rows(1_000_000, TRAINED)
    X, noise = trained[["weight", "items", "region"]], np.random.default_rng(0).normal(0, 10, len(trained))
    y = (X["weight"] + 4 * X["items"] + noise > 68).astype(int)
    columns = make_column_transformer(
        (OneHotEncoder(handle_unknown="error"), ["region"]), remainder="passthrough"
    )
    estimator = make_pipeline(columns, LogisticRegression(max_iter=500)).fit(X, y)
    project.register(estimator, "late", X, y, task="classification", time=trained["ordered_on"])
    load(project, rows(0, DAYS))
    project.features("select * from main.loaded", "orders")
    place = ("--yes", "--project-dir", project.folder)
    run("scaffold", "predictions", "late", *OF_ORDERS, "--keep", "ordered_on", *place)
    file = project.folder / "models/_orders.yml"
    said = run(
        "scaffold", "tests", "late", "--table", "orders", "--day", "ordered_on", *place[1:], "--output", file
    )
    assert said.exit_code == 0 and "note: " not in said.output, said.output
    run("scaffold", "monitors", "late", *OF_ORDERS, "--day", "ordered_on", *place)
    project.build().check()
    return project


def load(project: DbtProject, frame: pd.DataFrame) -> None:
    """What a loader does: the rows replace those of the source."""
    file = project.folder / "loaded.parquet"
    frame.to_parquet(file)
    project.query(f"create or replace table loaded as from '{file}'")


@pytest.fixture(scope="module")
def first_night(tmp_path_factory: pytest.TempPathFactory) -> DbtProject:
    return made(tmp_path_factory.mktemp("nights") / "house")


@pytest.fixture
def house(first_night: DbtProject, tmp_path: Path) -> Iterator[DbtProject]:
    yield first_night.copy(tmp_path / "house")


def alerts(house: DbtProject, *more: object, code: int = 3) -> list[dict[str, Any]]:
    """The payload of `export alerts`, from the database alone if `more` says so."""
    ended = run("export", "alerts", "--database", house.database, "--exit-code", *more)
    assert ended.exit_code == code, ended.output
    payload = json.loads(ended.output)
    assert payload["status"] == ("ok" if code == 0 else payload["status"])
    found: list[dict[str, Any]] = payload["alerts"]
    return found


def overview(house: DbtProject) -> dict[str, Any]:
    """The sentence and the lights of the report."""
    told = ("--project-dir", house.folder, "--output", house.folder / "pages", "--json")
    ended = run("report", "late", "--database", house.database, *told)
    assert ended.exit_code == 0, ended.output
    (found,) = json.loads(ended.output)["ml_models"]
    found["lights"] = {light["name"]: light for light in found["lights"]}
    return dict(found)


def warned(build: Build) -> list[str]:
    return sorted(name for name, status in build.statuses.items() if status in ("warn", "fail", "error"))


def scored_again(house: DbtProject, frame: pd.DataFrame) -> Build:
    """A night: what the loader wrote, and a build of all that scoring needs, with its tests."""
    load(house, frame)
    return house.build("--select", "+late_predictions")


def test_a_clean_night_is_green_everywhere(first_night: DbtProject) -> None:
    results = json.loads((first_night.folder / "target/run_results.json").read_text())["results"]
    assert {result["status"] for result in results} == {"success", "pass"}
    assert alerts(first_night, "--project-dir", first_night.folder, code=0) == []
    said = overview(first_night)
    assert said["state"] == "ok" and said["lights"]["Last scored"]["state"] == "ok"


def test_a_night_that_scored_nothing_is_red_until_the_next_good_one(house: DbtProject) -> None:
    good = rows(0, DAYS)
    tonight = good["ordered_on"] == good["ordered_on"].max()
    null, renamed = good.copy(), good.copy()
    null.loc[tonight & (null["order_id"] % 3 == 0), "weight"] = np.nan
    renamed.loc[tonight & (renamed["region"] == "north"), "region"] = "NORTH"
    nights = {
        "feature_not_null of orders.weight": null,
        "feature_in_categories of orders.region": renamed,
        "volume_in_range of orders": good[~tonight],  # a day without upstream data
    }
    day = good["ordered_on"].max() - pd.Timedelta(days=1)
    correct = "correct the rows where they come from, and build again"
    todo = {"volume_in_range of orders": f"{LOADED}: bring the rows that are missing, and build again"}
    for test, frame in nights.items():
        build = scored_again(house, frame)
        assert not build.success and build.statuses["late_predictions"] == "skipped"
        newest = house.runs("late_predictions")[-1]
        assert newest["status"] == "skipped" and newest["model_name"] == "late" and test in newest["error"]
        (alert, *_) = alerts(house)  # by the database alone
        title = f"Nothing was scored in late_predictions: test {test}: "
        assert alert["level"] == "bad" and alert["title"].startswith(title)
        assert alert["state"] == "new", "of what failed, not of the skipped run"
        (alert, *others) = alerts(house, "--project-dir", house.folder)  # with dbt's results: one cause
        assert f"The dbt test {test} failed" in [fact["title"] for fact in alert["also"]]
        assert not any(test in one["title"] for one in others)
        assert alert["what_to_do"] == todo.get(test, correct)
    # dbt has only counted: the rows that the test returns say what it found
    found = f"no rows after {day:%Y-%m-%d}, 2 days ago; at most 1 are expected"
    assert alert["title"] == title + found
    (alone, *_) = alerts(house)
    assert alone["what_to_do"] == "look at the load of the table that the test names, and build again"
    scored_again(house, good[~tonight])
    assert alerts(house)[0]["state"] == "continuing"
    said = overview(house)
    assert said["state"] == "bad" and said["sentence"].startswith(f"Act: {title}")
    assert said["lights"]["Last run"]["state"] == "bad" and said["lights"]["Last run"]["text"] == "skipped"
    assert warned(house.dbt("test", "--select", UP_TO_DATE)) == [
        "scorehouse_predictions_up_to_date_late_predictions_"
    ]
    listed = run("runs", "--database", house.database, "--failed").output
    assert "skipped" in listed and "None" not in listed, "no version scored"
    scored_again(house, good).check()
    assert alerts(house, "--project-dir", house.folder, code=0) == []


def test_a_gross_fault_stops_the_scoring_in_words(house: DbtProject) -> None:
    """Another unit, missing, constant or from another sensor: nothing is scored, also in the night after."""
    good, before = rows(0, DAYS), house.query("select count(*) from late_predictions")
    last = good["ordered_on"] == good["ordered_on"].max()
    older = good["ordered_on"] == good["ordered_on"].max() - pd.Timedelta(days=3)
    days = sorted(good["ordered_on"].unique(), reverse=True)
    five = good["ordered_on"].isin(days[:5])
    weight, repeated = good["weight"], set[str]()
    for wrong, when, said in (
        (100 * weight, last, "is in another unit: over the 120 rows of "),
        (100 * weight, last, "mean and spread are about 100 times"),
        (1000 * weight, older, " times those of training"),
        (100 * weight, five, f"; also wrong: {days[1]:%Y-%m-%d}, {days[2]:%Y-%m-%d} and 2 more"),
        (weight / 100, last, "mean and spread are about 0.01 times"),
        (np.nan, last, "is missing in 120 of the 120 rows of "),
        (50.0, last, "has one value, 50.0, in all of the 120 rows of "),
        (-weight, last, "is outside of the range of training in 120 of the 120 rows of "),
    ):
        frame, newest = good.assign(weight=weight.mask(when, wrong)), good["ordered_on"][when].max()
        build = scored_again(house, frame)
        assert not build.success and build.statuses["late_predictions"] == "skipped"
        assert house.query("select count(*) from late_predictions") == before
        (message,) = (text for text in build.messages.values() if "feature_plausible('weight')" in text)
        assert said in message and "What to do: correct the rows where they come from" in message
        (alert, *others) = alerts(house, "--project-dir", house.folder)
        assert said in alert["title"] and "scorehouse." not in alert["title"]
        day = f"select n_rows, n_known, lowest from ({alert['rows_sql']}) where day = '{newest:%Y-%m-%d}'"
        ((n_rows, n_known, lowest),) = house.query(day)
        wrong_rows = frame[frame["ordered_on"] == newest]["weight"]
        assert (n_rows, n_known) == (120, wrong_rows.notna().sum())
        assert lowest is None or lowest == pytest.approx(wrong_rows.min())
        named = [fact["title"] for one in others for fact in (one, *one["also"])]
        assert not any("orders.weight" in title for title in named), "one cause, one alert"
        repeated |= {fact["title"] for fact in alert["also"]}
    assert "The dbt test feature_in_range of orders.weight warns" in repeated
    scored_again(house, good).check()


def test_rows_that_were_loaded_twice_are_one_cause(house: DbtProject) -> None:
    """Scoring refuses them, and says what to do; a test of the key says so beside what else is wrong."""
    good, tests = rows(0, DAYS), house.folder / "models/_orders.yml"
    twice = good["ordered_on"] == good["ordered_on"].max()
    twice &= good["order_id"] % 4 == 0
    doubled = pd.concat([good, good[twice]])
    build = scored_again(house, doubled)
    assert build.statuses["late_predictions"] == "error"
    (alert, *others) = alerts(house, "--project-dir", house.folder)
    assert alert["title"].startswith("Scoring late_predictions failed: the key "), alert["title"]
    assert alert["what_to_do"].startswith("deduplicate in the feature model")
    assert [fact["title"] for fact in alert["also"]] == ["The dbt model late_predictions failed"]
    assert not any("late_predictions failed" in one["title"] for one in others)
    scored_again(house, good).check()

    written = tests.read_text()
    tests.write_text(
        written.replace(
            "  columns:\n", "  columns:\n  - name: order_id\n    data_tests: [unique, not_null]\n", 1
        )
    )
    last = doubled["ordered_on"] == doubled["ordered_on"].max()
    build = scored_again(house, doubled.assign(weight=doubled["weight"].mask(last, 100 * doubled["weight"])))
    tests.write_text(written)
    assert build.statuses["late_predictions"] == "skipped"
    (alert, *_) = alerts(house, "--project-dir", house.folder)
    assert "is in another unit" in alert["title"] and ".;" not in alert["title"]
    assert (
        f"unique of orders.order_id: {twice.sum()} values of order_id found more than once" in alert["title"]
    )
    scored_again(house, good).check()


def test_days_that_only_warn_are_named(house: DbtProject) -> None:
    frame, tests = rows(0, DAYS), house.folder / "models/_orders.yml"
    days = sorted(frame["ordered_on"].unique(), reverse=True)[:5]
    frame.loc[frame["ordered_on"].isin(days[:-1]), "weight"] *= 100
    frame.loc[frame["ordered_on"] == days[-1], "weight"] = None  # another problem, and not of these days
    tests.write_text(tests.read_text().replace("error", "warn"))
    load(house, frame)
    house.build("--select", "orders").check()
    said = [
        fact["text"]
        for alert in alerts(house, "--project-dir", house.folder)
        for fact in (alert, *alert["also"])
    ]
    three = ", ".join(f"{day:%Y-%m-%d}" for day in days[:3])
    assert any(f"5 failures, for example: other unit, on {three} and 1 more" in text for text in said), said


def test_an_argument_that_stops_the_scoring_is_named(house: DbtProject) -> None:
    call = "scorehouse._argument_error('features_as_of', 'delay', 7, 'a text', 'write one')"
    wrong = house.folder / "tests" / "wrong.sql"
    wrong.parent.mkdir(exist_ok=True)
    wrong.write_text("select * from {{ ref('orders') }}{% if execute %}{{ " + call + " }}{% endif %}")
    build = scored_again(house, rows(0, DAYS))
    wrong.unlink()
    assert build.statuses["late_predictions"] == "skipped"
    assert "test wrong: scorehouse.features_as_of(delay=7): got 7" in alerts(house)[0]["title"]
    scored_again(house, rows(0, DAYS)).check()


def test_tests_that_would_stop_an_old_table_are_announced(house: DbtProject, tmp_path: Path) -> None:
    good = rows(0, DAYS)
    load(house, good.assign(ordered_on=good["ordered_on"] - pd.Timedelta(days=30)))
    house.dbt("run", "--select", "orders").check()
    place = ("--project-dir", house.folder, "--output", tmp_path / "tests.yml")
    said = run("scaffold", "tests", "late", "--table", "orders", "--day", "ordered_on", *place)
    load(house, good)
    house.dbt("run", "--select", "orders").check()
    assert "the newest ordered_on of orders is 31 days old, and volume_in_range allows 1 " in said.output


def test_an_alias_that_was_moved_in_the_project_is_not_built_yet(house: DbtProject) -> None:
    seed = house.folder / "seeds/ml/late/ml_late.csv"
    head, row = seed.read_text().splitlines()
    assert row.startswith("late,1,") and ",champion," in row
    moved = row.replace("late,1,", "late,2,", 1)
    seed.write_text("\n".join([head, row.replace(",champion,", ",,", 1), moved]) + "\n")
    assert alerts(house, code=0) == []
    (alert,) = alerts(house, "--project-dir", house.folder)
    assert alert["title"] == "late_predictions is of version 1, and champion is version 2"


def test_a_day_to_come_is_named(house: DbtProject) -> None:
    """A wrong year, also beside a day that is missing; a table of forecasts is right."""
    good = rows(0, DAYS)
    typed = good.copy()
    typed.loc[typed.index[-1], "ordered_on"] += pd.DateOffset(years=1)
    build = scored_again(house, typed)
    said = f"orders has rows of {typed['ordered_on'].max():%Y-%m-%d}, which is "
    assert not build.success and any(said in text for text in build.messages.values()), build.messages
    load(house, good.assign(ordered_on=good["ordered_on"] + pd.Timedelta(days=14)))
    build = house.dbt("build", "--select", "orders")
    assert build.success, build.messages


def test_a_month_hides_what_its_last_days_show(house: DbtProject) -> None:
    """+2 sd on the last day is named by the window of that day, and asks nobody to retrain yet."""
    frame = rows(0, DAYS)
    newest = frame["ordered_on"].max()
    if newest.day < 8:  # a month of few days hides none of them: end with the month before
        frame["ordered_on"] -= pd.Timedelta(days=newest.day)
    frame.loc[frame["ordered_on"] == frame["ordered_on"].max(), "weight"] += 20
    load(house, frame)
    build = house.build("--exclude", "test_name:volume_in_range").check()
    assert any("daily_drift" in name for name in warned(build))
    found = alerts(house, "--project-dir", house.folder)
    assert "weight" in {alert["feature"] for alert in found}, found
    assert house.query("select retrain, data_faults from late_retraining") == [(False, None)]


def test_each_day_of_a_load_is_judged_and_a_day_without_rows_is_named(house: DbtProject) -> None:
    """Three days come at once, of which the first has drifted; a day before has no rows."""
    frame = rows(0, DAYS)
    days = sorted(frame["ordered_on"].unique())
    frame.loc[frame["ordered_on"] == days[-3], "weight"] += 20
    load(house, frame[frame["ordered_on"] != days[-4]])
    build = house.build().check()
    assert any("no_drift" in name and "daily" in name for name in warned(build)), warned(build)
    missing = f"no rows of {days[-4]:%Y-%m-%d}, a {days[-4]:%A}, between days that have rows"
    assert (
        f"volume_in_range(day='ordered_on'): orders has {missing}"
        in (house.folder / "logs/dbt.log").read_text()
    )
    found = alerts(house, "--project-dir", house.folder)
    said = [fact["text"] for alert in found for fact in (alert, *alert["also"])]
    assert any(text.startswith("1 failure, for example: " + missing) for text in said), said
    day = f"{days[-3].day} {days[-3]:%b %Y}"  # by its own window, or by a month that had few days so far
    assert any(f"drift, on {day}" in text or f" ({day}); limit " in text for text in said), "\n".join(said)


def test_an_alert_on_a_month_names_its_days(house: DbtProject) -> None:
    frame, tests = rows(0, DAYS), house.folder / "models/_orders.yml"
    day = frame["ordered_on"].max()
    frame.loc[frame["ordered_on"] == day, "weight"] += 100
    tests.write_text(tests.read_text().replace("error", "warn"))
    load(house, frame)
    house.build().check()
    (alert,) = (one for one in alerts(house) if one["feature"] == "weight")
    assert f" in {day:%B %Y} ({day.day} {day:%b %Y}); limit " in alert["text"], alert["text"]


BY_RUN = """{{ config(materialized='incremental', **scorehouse.replace_windows('run_id')) }}
{{ scorehouse.profile(ref('late_scored'), ref('ml_late__reference'), ref('orders'), key='order_id') }}"""
SECOND_RUN = "'00000000-0000-0000-0000-000000000000'"


def test_a_day_that_was_withdrawn_is_not_judged_any_more(house: DbtProject) -> None:
    """A bad load is named until its rows are corrected or deleted; old days that rows have left stay."""
    good = rows(0, DAYS)
    days = sorted(good["ordered_on"].unique())
    last, middle = good["ordered_on"] == days[-1], good["ordered_on"] == days[DAYS // 2]
    left = good[last | (good.index == 0)].copy()
    undated = good[~last].copy()
    undated.loc[1, "ordered_on"] = None
    bad, tests = good.copy(), house.folder / "models/_orders.yml"
    bad.loc[last, "weight"] += 20
    tests.write_text(tests.read_text().replace("error", "warn"))
    withdrawn = "select count(distinct window_start) from late_profiles where kind = 'withdrawn'"
    for frame, named, gone in (
        (bad, {"weight"}, 0),
        (good, set(), 0),
        (bad, {"weight"}, 0),
        (good[~last], set(), 1),
        (undated, set(), 1),
        (good[~middle], set(), 1),
        (left, set(), 1),
        (good, set(), 0),
    ):
        load(house, frame)
        house.build().check()
        found = json.loads(run("export", "alerts", "--database", house.database).output)["alerts"]
        assert {alert["feature"] for alert in found} & {"weight"} == named, found
        assert house.query(withdrawn) == [(gone,)]


def test_a_run_that_was_withdrawn_is_not_judged_any_more(house: DbtProject) -> None:
    """The newest run is profiled again when it has lost rows, and left out when all of them are gone."""
    house.query("create table scored as select * from late_predictions")  # without generated columns
    house.write("models/late_scored.sql", "select * from main.scored")
    house.write("models/late_runs.sql", BY_RUN)
    house.write(
        "models/late_run_drift.sql", "{{ scorehouse.drift(ref('late_runs'), ref('ml_late__reference')) }}"
    )
    newest = "select max_by(n_current, window_start), count(distinct run_id) from late_run_drift"
    second = f"scoring_run_id = {SECOND_RUN}"
    for change, expected in (
        ("select 1", (4800, 1)),
        (
            f"update scored set scoring_run_id = {SECOND_RUN}, "
            "scored_at = scored_at + interval 1 hour where order_id < 1000",
            (1000, 2),
        ),
        (f"delete from scored where {second} and order_id < 400", (600, 2)),
        (f"delete from scored where {second}", (3800, 1)),
    ):
        house.query(change)
        house.build("--select", "late_scored+").check()
        assert house.query(f"{newest} where feature = 'items' and metric = 'psi'") == [expected]


def test_a_fault_of_the_loader_is_no_reason_to_retrain(house: DbtProject) -> None:
    """Pounds became kilograms, a feature is NULL, and rows are loaded twice, under other keys."""
    frame = rows(0, DAYS)
    late = frame["ordered_on"] > frame["ordered_on"].max() - pd.Timedelta(days=25)
    frame.loc[late, "weight"] *= 0.4536
    frame["items"] = frame["items"].where(~late | (frame["order_id"] % 3 != 0))
    frame = pd.concat([frame, frame[late].assign(order_id=frame["order_id"] + 10**6)], ignore_index=True)
    load(house, frame)
    tests = house.folder / "models/_orders.yml"
    tests.write_text(tests.read_text().replace("error", "warn"))
    house.build("--exclude", "test_name:rejected_share_below").check()
    ((retrain, faults),) = house.query("select retrain, data_faults from late_retraining")
    for fault in ("mean_shift of weight", "missing_share of items", "repeated_share of", "rejected rows"):
        assert fault in faults
    assert retrain is False and overview(house)["lights"]["Retraining"]["text"] == "look at the data first"
    titles = [fact["title"] for alert in alerts(house) for fact in (alert, *alert["also"])]
    assert not any("should be retrained" in title for title in titles), titles


def test_a_counter_beyond_its_range_is_no_fault(house: DbtProject) -> None:
    """Where windows of training left the range of the others, so does the next."""
    house.query(
        "update late_drift set status = 'drift', value = 0.5 where metric = 'out_of_range_share' "
        "and feature = 'weight' and segment = 'all'"
    )
    faults = "select data_faults from late_retraining"
    assert house.query(faults) == [("out_of_range_share of weight",)]
    assert alerts(house)[0]["title"] == "weight may be a data fault: outside the training range"
    windows = "where kind = 'window' and name = 'weight' and category like '% out_of_range_share'"
    house.query(f"update ml_late__reference set upper = 0.05 {windows}")
    assert house.query(faults) == [(None,)]
    assert alerts(house)[0]["title"] == "weight: outside the training range"


def aged(house: DbtProject, nights: list[tuple[float, str]]) -> None:
    """Put the runs of earlier nights into the run log: how many days ago, and their fingerprint."""
    values = ", ".join(f"({days}, '{print_}')" for days, print_ in nights)
    house.query(
        "create or replace temp table one as from scorehouse_run_log order by started_at desc limit 1; "
        "delete from scorehouse_run_log; insert into scorehouse_run_log by name select one.* replace ("
        "uuid() as run_id, started_at - to_seconds(86400 * days) as started_at, "
        "finished_at - to_seconds(86400 * days) as finished_at, fingerprint as input_fingerprint) "
        f"from one, (values {values}) as nights(days, fingerprint)"
    )


def test_a_table_that_is_older_than_its_rhythm_is_red(house: DbtProject) -> None:
    aged(house, [(days + 2, f"{days}") for days in range(8)])
    (alert,) = alerts(house)
    assert (alert["title"], alert["level"]) == ("Last scored 2 days ago", "bad")
    assert "late_predictions" in alert["text"] and "usually every day" in alert["text"]
    assert warned(house.dbt("test", "--select", "late_predictions"))[-1].startswith(
        "scorehouse_predictions_up"
    )
    one = "select * from scorehouse_run_log order by started_at desc limit 1"
    failed = "uuid() as run_id, 'failed' as status, started_at + to_seconds(86400 * {}) as started_at"
    for later, said in ((0.1, ", and not tried since "), (1.9, "")):  # its schedule has stopped; or it fails
        house.query(f"insert into scorehouse_run_log select * replace ({failed.format(later)}) from ({one})")
        late = next(each["title"] for each in alerts(house) if each["title"].startswith("Last scored "))
        assert late.startswith(f"Last scored 2 days ago{said}") and ("tried" in late) == bool(said), late
        house.query("delete from scorehouse_run_log where status = 'failed'")
    aged(house, [(days + 2, f"{days}") for days in range(0, 30, 7)])  # once per week: not late yet
    assert alerts(house, code=0) == []


def test_input_that_stands_still_is_red_while_runs_go_on(house: DbtProject) -> None:
    aged(house, [(days, "same" if days < 3 else f"{days}") for days in range(10)])
    (alert,) = alerts(house)
    assert alert["title"].startswith("No new features since ") and alert["level"] == "bad"
    assert overview(house)["lights"]["Last scored"]["text"] == "no new features, 2 days ago"
    assert len(warned(house.dbt("test", "--select", UP_TO_DATE))) == 1
    aged(house, [(days, "same") for days in range(10)])  # an example never changes: no rhythm to judge by
    assert alerts(house, code=0) == []
