"""A rehearsal of scaffolded monitors: 60 days, one of them odd, and a feature that no threshold watches."""

from __future__ import annotations

import contextlib
import csv
import json
import re
from datetime import datetime, timedelta
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest
import yaml
from click.testing import CliRunner, Result
from scipy.stats import betabinom, binom, binomtest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from project import NAME, DbtProject
from scorehouse.cli.main import main
from scorehouse.rehearsal import rehearse
from scorehouse.rehearsal.faults import FAULTS, NUMBER, ROWS, Fault
from scorehouse.rehearsal.outcome import hold_out
from scorehouse.rehearsal.rehearse import with_thresholds

pytestmark = pytest.mark.slow
DAYS, ODD, START = 60, 20, datetime(2025, 1, 1)
FEATURES = ["amount", "deaf", "big", "plan", "id"]  # the last is the key as well
VIEW = "{{ config(materialized='view') }}"
NUMBER_FAULTS = {fault.kind for fault in FAULTS if fault.of == NUMBER}
# Every metric of drift that a wrong number can move; missing values alone are judged.
METRICS = ("psi", "mean_shift", "spread_shift", "out_of_range_share", "extreme_value", "constant_value")
CHANGE = "{{ scorehouse.drift(ref('churn_profiles'), against='previous', window='month') }}"
LABELS = """
select id, amount + deaf > case when day < '2025-02-01' then 100 else 1000 * (id % 2) end as y
from {{ ref('features') }}
"""
ALARMED = """
select distinct window_start from churn_daily_drift where status = 'drift' and segment = 'all' order by 1
"""
DEAF = "thresholds={'deaf': {" + ", ".join(f"'{metric}': 1e12" for metric in METRICS) + "}},"


def rows(count: int, seed: int) -> pd.DataFrame:
    """Independent rows; the feature `amount` of one day is shifted."""
    random = np.random.default_rng(seed)
    frame = pd.DataFrame({"id": np.arange(count), "number": np.arange(count) % DAYS})
    frame["day"] = pd.Timestamp("2025-01-01") + pd.to_timedelta(frame["number"], "D")
    frame["amount"], frame["deaf"] = random.normal(50, 10, (2, count))
    frame["big"] = random.normal(1e9, 1e8, count).astype("int32")
    frame["plan"] = random.choice(["basic", "plus", "pro"], count, p=[0.6, 0.3, 0.1])
    return frame


def estimator(training: pd.DataFrame) -> Any:
    steps = make_column_transformer((OneHotEncoder(), ["plan"]), (StandardScaler(), ["amount", "deaf"]))
    labels = training["amount"] + training["deaf"] > 100
    return make_pipeline(steps, LogisticRegression(max_iter=1000)).fit(training[FEATURES], labels), labels


def scorehouse(project: DbtProject, *words: str) -> Result:
    return CliRunner(env=project.environment).invoke(main, [*words, "--project-dir", str(project.folder)])


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> DbtProject:
    project = DbtProject(tmp_path_factory.mktemp("rehearsal") / "house")
    training = rows(DAYS * 200, seed=1)
    fitted, labels = estimator(training)
    for name in ("churn", "bare", "fresh"):
        facts = {"task": "classification", "metrics": {"roc_auc": 0.99}}
        project.register(fitted, name, training[FEATURES], labels, **facts)
    past = rows(DAYS * 200, seed=2)
    past.loc[past["number"] == ODD, "amount"] += 30
    past.drop(columns="number").to_parquet(project.folder / "past.parquet")
    # a view with a relative path, a column in other letters, and one whose multiples are no such integers
    columns = "id, day, Amount, deaf, big, plan"
    project.write("models/features.sql", f"{VIEW}\nselect {columns} from 'past.parquet'\n")
    project.features("select * from {{ ref('features') }} where false", name="no_features")
    project.features(LABELS, name="labels")
    for name, features in (("churn", "features"), ("fresh", "no_features")):
        project.python_model(f"{name}_predictions", name, features=features, key="id", passthrough=["day"])
        words = ("--features", features, "--key", "id", "--day", "day", "--labels", "labels", "--label", "y")
        assert scorehouse(project, "scaffold", "monitors", name, *words, "--yes").exit_code == 0
    project.features(CHANGE, name="churn_change")
    for monitor in ("churn_drift", "churn_daily_drift"):
        file = project.folder / f"models/ml/monitoring/{monitor}.sql"
        text = file.read_text()
        assert text.count("\n) }}") == 1
        file.write_text(text.replace("\n) }}", f"\n    {DEAF}\n) }}}}"))
    outputs = yaml.safe_load((project.folder / "profiles.yml").read_text())
    outputs[NAME]["outputs"]["prod"] = {"type": "postgres", "host": "nowhere"}
    project.write("profiles.yml", yaml.safe_dump(outputs))
    project.build("--exclude-resource-type", "test").check()
    return project


def digests(project: DbtProject) -> dict[str, Any]:
    """Number and content of the rows of every table, and its name."""
    with (
        contextlib.chdir(project.folder),
        duckdb.connect(project.database.name, read_only=True) as connection,
    ):
        names = [
            name for (name,) in connection.sql("select table_name from information_schema.tables").fetchall()
        ]
        digest = "select count(*), bit_xor(hash(one)) from {} as one"
        return {name: connection.sql(digest.format(name)).fetchall() for name in names}


@pytest.fixture(scope="module")
def rehearsed(project: DbtProject) -> dict[str, Any]:
    """The result of a rehearsal of `churn`, after which every table is as it was."""
    before = digests(project)
    ended = scorehouse(project, "rehearse", "churn", "--target", "dev", "--hold-out", "30", "--json")
    assert ended.exit_code == 0, ended.output
    assert digests(project) == before
    return dict(json.loads(ended.stdout))


def test_faults_are_found_by_day(rehearsed: dict[str, Any]) -> None:
    by_fault = {(one["fault"], one["feature"]): one for one in rehearsed["faults"]}
    for fault in FAULTS:
        feature = {NUMBER: "amount", ROWS: "(all features)"}.get(fault.of, "plan")
        if fault.kind == "a year late":
            assert not any(kind == fault.kind for kind, _ in by_fault), "no feature is a date"
            continue
        one = by_fault[fault.kind, feature]
        assert one["seen"], one
        assert one["days"] == 1.0, one
        found, tried = one["windows"]["churn_daily_drift"]
        # the odd day is on without a fault, so nothing can be found there
        assert tried == (DAYS - 1 if feature == "amount" else DAYS) and found > 0.9 * tried


@pytest.mark.parametrize(
    ("text", "new"),
    [
        (
            "{{ scorehouse.drift(ref('a'), window='day') }}\n",
            "window='day', thresholds={'x': {'psi': 0.3}}) }}\n",
        ),
        (
            "{{ scorehouse.drift(\n    ref('a'),\n) }}",
            "ref('a'),\n    thresholds={\n        'x': {'psi': 0.3},\n    },\n) }}",
        ),
        (
            "{{ scorehouse.drift(\n    thresholds={'psi': 0.2, 'x': {'psi': 0.1, 'mean_shift': 1}}\n) }}",
            "'psi': 0.2,\n        'x': {'psi': 0.3, 'mean_shift': 1},\n    }\n) }}",
        ),
        ("{{ scorehouse.drift(ref('a'), thresholds=var('limits')) }}", None),
        ("{{ scorehouse.drift(ref('a'), thresholds={'psi': none}) }}", None),
        ("{{ scorehouse.drift(ref('a')) }}\nunion all select 1", None),
    ],
)
def test_thresholds_are_added_to_a_call(text: str, new: str | None) -> None:
    written = with_thresholds(text, {"x": {"psi": 0.3}})
    assert written is None if new is None else written is not None and written.endswith(new)


def test_what_no_threshold_watches_is_unseen_and_comes_first(rehearsed: dict[str, Any]) -> None:
    unseen = [one for one in rehearsed["faults"] if not one["seen"]]
    assert unseen == rehearsed["faults"][: len(unseen)]
    assert {(one["fault"], one["feature"]) for one in unseen} == {(kind, "deaf") for kind in NUMBER_FAULTS}
    assert {one["days"] for one in unseen} == {None}


def test_the_odd_day_is_a_false_alarm(project: DbtProject, rehearsed: dict[str, Any]) -> None:
    daily = next(one for one in rehearsed["monitors"] if one["monitor"] == "churn_daily_drift")
    alarmed = [day for (day,) in project.query(ALARMED)]
    assert START + timedelta(ODD) in alarmed and len(alarmed) < 4
    assert (daily["alarms"], daily["windows"]) == (len(alarmed), DAYS)
    expected = binomtest(len(alarmed), DAYS).proportion_ci(method="wilson")
    assert (daily["low"], daily["high"]) == pytest.approx((expected.low, expected.high), rel=1e-9)
    came_on = [one for one in rehearsed["lights"] if one["alarms"]]
    on = {(one["feature"], one["metric"], one["alarms"]) for one in came_on}
    assert ("amount", "mean_shift", 1) in on
    assert {feature for feature, _, _ in on} <= {"amount", "score", "prediction", ""}


def test_a_month_whose_labels_contradict_is_a_false_alarm_of_performance(rehearsed: dict[str, Any]) -> None:
    found = {one["monitor"]: (one["alarms"], one["windows"]) for one in rehearsed["monitors"]}
    assert found["churn_performance"] == (1, 3)  # February; in March, all labels are one class


def test_a_fault_of_the_key_is_not_planted(rehearsed: dict[str, Any]) -> None:
    """Rows would be lost in the join, which is not what monitors of drift judge."""
    assert {one["feature"] for one in rehearsed["faults"]} == {
        "amount",
        "deaf",
        "big",
        "plan",
        "(all features)",
    }
    assert rehearsed["not_planted"] == ["any fault of id", "any fault in churn_change"]


def test_a_fault_in_every_window_is_not_sought_by_a_comparison_of_windows(rehearsed: dict[str, Any]) -> None:
    assert "churn_change" in {one["monitor"] for one in rehearsed["monitors"]}
    assert {name for one in rehearsed["faults"] for name in one["windows"]} == {
        "churn_drift",
        "churn_daily_drift",
    }


def test_the_last_days_are_predicted(project: DbtProject, rehearsed: dict[str, Any]) -> None:
    daily = next(one for one in rehearsed["hold_outs"] if one["monitor"] == "churn_daily_drift")
    later = [day >= START + timedelta(DAYS - 30) for (day,) in project.query(ALARMED)]
    assert daily["before"] == [later.count(False), DAYS - 30]
    assert daily["after"] == [later.count(True), 30]
    assert daily["inside"] and daily["low"] == 0 and 2 <= daily["high"] <= 8


def test_every_light_is_recorded_beside_the_registry(project: DbtProject, rehearsed: dict[str, Any]) -> None:
    with (project.folder / "seeds/ml/churn/ml_churn__rehearsal.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {(row["ml_model"], row["version"]) for row in rows} == {("churn", "1")}
    by_light = {(row["monitor"], row["feature"], row["metric"]): row for row in rows}
    assert len(by_light) == len(rows) == len(rehearsed["monitors"] + rehearsed["lights"])
    daily = by_light["churn_daily_drift", "", ""]
    alarms = int(daily["alarms"])
    assert alarms / DAYS == pytest.approx(float(daily["alarm_rate"]), abs=1e-6)
    assert (daily["windows"], daily["window_days"], daily["window_from"], daily["window_to"]) == (
        *("60", "1.0", "2025-01-01", "2025-03-02"),
    )
    tried = [one for one in rehearsed["faults"] if "churn_daily_drift" in one["windows"]]
    found = [one for one in tried if 2 * one["windows"]["churn_daily_drift"][0] >= DAYS - alarms]
    assert (daily["faults_planted"], daily["faults_found"]) == (str(len(tried)), str(len(found)))
    deaf = by_light["churn_daily_drift", "deaf", ""]
    assert set(json.loads(deaf["unseen"])) == NUMBER_FAULTS and deaf["alarms"] == "0"
    # a light alone finds less than all of a feature together, and a mean that stays is none of its faults
    amount, mean = (by_light["churn_daily_drift", "amount", metric] for metric in ("", "mean_shift"))
    assert json.loads(amount["unseen"]) == [] and (mean["alarms"], mean["days_to_find"]) == ("1", "1.0")
    assert {"constant", "spread tripled"} <= set(json.loads(mean["unseen"]))
    assert not {"shifted by 2 sd", "sign turned"} & set(json.loads(mean["unseen"]))
    performance = by_light["churn_performance", "", ""]
    assert (performance["faults_planted"], performance["unseen"]) == ("0", "")
    judged = {(row["windows"], row["windows_judged"]) for row in rows if row["feature"] == "deaf"}
    assert ("60", "60") in judged and all(int(some) <= int(all_) for all_, some in judged)
    assert scorehouse(project, "check", "churn").exit_code == 0


def test_the_report_shows_the_rehearsal(
    project: DbtProject, rehearsed: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Only where one was loaded."""
    twin = project.copy(tmp_path_factory.mktemp("reported") / "house")
    twin.dbt("seed", "--select", "ml_churn__rehearsal").check()
    pages = twin.folder / "pages"
    assert scorehouse(twin, "report", "--target", "dev", "--output", str(pages)).exit_code == 0
    page, other = ((pages / f"models/{name}.html").read_text() for name in ("churn", "fresh"))
    unseen = sum(not one["seen"] for one in rehearsed["faults"])
    assert f"{unseen} of {len(rehearsed['faults'])} planted faults stay unseen</summary>" in page
    text = re.sub(r"<[^>]+>", " ", page.replace("<wbr>", ""))
    daily = next(one for one in rehearsed["monitors"] if one["monitor"] == "churn_daily_drift")
    assert re.search(rf"churn_daily_drift\s+2025-01-01 to 2025-03-02\s+{daily['alarms']} of {DAYS}\s", text)
    assert re.search(r"deaf\s+-999 in 20 %; 0 in 50 %;", text) and "Rehearsed" not in other


@pytest.mark.parametrize("rate", [0.002, 0.02, 0.1, 0.3])
def test_predicted_alarms_come_as_often_as_promised(rate: float) -> None:
    """By all outcomes of 90 windows before and 30 after, where windows do not depend on each other."""
    day = timedelta(days=1)
    rows = [
        {"window_start": START + n * day, "window_end": START + (n + 1) * day, "value": 0.0, "status": "ok"}
        for n in range(120)
    ]
    held = 0.0
    for before in range(91):
        compared = hold_out("drift", rows, [n < before for n in range(120)], 30)
        assert compared is not None and (compared.before, compared.after) == ((before, 90), (0, 30))
        expected = betabinom.interval(0.95, 30, before + 0.5, 90 - before + 0.5)
        assert (compared.low, compared.high) == expected
        inside = binom.cdf(compared.high, 30, rate) - binom.cdf(compared.low - 1, 30, rate)
        held += binom.pmf(before, 90, rate) * inside
    assert held >= 0.95


def test_a_light_that_cries_wolf_gets_a_larger_threshold(
    project: DbtProject, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """And with it, the same past has no alarm; a fault that it would hide is named."""
    twin = project.copy(tmp_path_factory.mktemp("written") / "house")
    shift = Fault("shifted by 1 sd", NUMBER, "{x} + {deviation}")
    tiny = Fault("shifted a little", NUMBER, "{x} + 0.001 * {deviation}")
    monkeypatch.setattr(rehearse, "FAULTS", (shift, tiny))
    words = ("rehearse", "churn", "--target", "dev", "--alarms", "0.001")
    shown = scorehouse(twin, *words)
    assert shown.exit_code == 0, shown.output
    assert "+        'amount': {" in shown.stdout and "'deaf': {'psi': " in shown.stdout
    assert "would hide: shifted by 1 sd of amount, in " in shown.stdout
    assert "shifted a little" in shown.stdout and "churn_daily_drift: " in shown.stdout
    assert max(len(line) for line in shown.stdout.splitlines() if line[:1] not in "+- ") <= 80
    written = scorehouse(twin, *words, "--write")
    assert "written" in written.stdout
    twin.build("--select", "churn_drift", "churn_daily_drift").check()
    assert twin.query(
        "select count(*) from churn_daily_drift where feature = 'amount' and status = 'drift'"
    ) == [(0,)]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("chrn", "--target", "dev"), "did you mean 'churn'?"),
        (("bare", "--target", "dev"), "scaffold monitors bare"),
        (("fresh", "--target", "dev"), "fresh_profiles has no window of 'fresh' yet"),
        (("churn", "--target", "prod"), "a DuckDB target, where monitors give the same verdicts"),
    ],
)
def test_what_cannot_be_rehearsed_is_said(project: DbtProject, words: tuple[str, ...], why: str) -> None:
    ended = scorehouse(project, "rehearse", *words)
    assert ended.exit_code == 1 and why in ended.stderr, ended.output
