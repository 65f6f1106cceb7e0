"""The lights of the report on ML models in trouble, or of which nothing is known, read from the page."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline

from project import DbtProject
from scorehouse.report import limits
from scorehouse.report.contests import winner
from scorehouse.report.sections import detectable
from scorehouse.report.verdicts import _judged_features

pytestmark = pytest.mark.slow

SCOREHOUSE = Path(sys.executable).with_name("scorehouse")
ROWS = 8000
# 97 % of the rows lack `size`, which the pipeline does not accept; the labels of the others are far away.
HOUSE_PRICES = f"""
select i as id, case when i % 100 < 97 then null else (i * 7919 % 1000) / 1e1 end as size,
    1e0 as cellar, (hash(i) % 100) / 1e0 as age, date '2025-01-01' + (i % 28)::integer as day
from range({ROWS}) as numbers(i)
"""
MODELS = {
    "prices_profiles": """{{ scorehouse.profile(ref('prices'), ref('ml_price__reference'), ref('houses'),
        key='id', day='day', signature=ref('ml_price__signature')) }}""",
    "prices_drift": """{{ scorehouse.drift(ref('prices_profiles'), ref('ml_price__reference'),
        window='month') }}""",
    "prices_performance": """{{ scorehouse.performance(ref('prices'), ref('paid'), key='id', label='price',
        task='regression', day='day') }}""",
    "few_profiles": """{{ scorehouse.profile(ref('few_prices'), ref('ml_quiet__reference'), ref('few'),
        key='id', day='day', signature=ref('ml_quiet__signature')) }}""",
    "few_drift": "{{ scorehouse.drift(ref('few_profiles'), ref('ml_quiet__reference'), window='month') }}",
    "few_performance": """{{ scorehouse.performance(ref('few_prices'), ref('paid'), key='id', label='price',
        task='regression', day='day') }}""",
}


@dataclass(frozen=True)
class Light:
    """One light as the page shows it, and the rule that is written below."""

    state: str
    text: str
    rule: str


def lights_of(database: Path, page: Path, *names: str) -> dict[tuple[str, str], Light]:
    """The lights by ML model and name, after `scorehouse report` as a command."""
    told = [str(SCOREHOUSE), "report", *names, "--database", str(database), "--output", str(page)]
    ended = subprocess.run(told, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    found = {}
    for chapter in page.read_text().replace("<wbr>", "").split('<section class="model" id="')[1:]:
        model = chapter.partition('"')[0]
        row = re.findall(r'<a class="(\w+)" href="#[^"]+"><b>([^<]+)</b>([^<]+)</a>', chapter)
        rules = re.findall(r"<dt>([^:<]+): .*?</dt><dd>([^<]+)</dd>", chapter)
        assert [name for _, name, _ in row] == [name for name, _ in rules]  # each states its rule
        for (state, name, text), (_, rule) in zip(row, rules, strict=True):
            found[model, name] = Light(state, html.unescape(text), html.unescape(rule))
    return found


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> DbtProject:
    """`price` in every trouble, and `quiet`, of which too little is known to judge anything."""
    project = DbtProject(tmp_path_factory.mktemp("lights") / "house")
    random = np.random.default_rng(0)
    X = pd.DataFrame(
        {"size": random.uniform(0, 100, 1000), "cellar": np.nan, "age": random.integers(0, 100, 1000)}
    )
    y = 3 * X["size"] - X.age + random.normal(0, 5, 1000)
    columns = make_column_transformer(
        (SimpleImputer(strategy="constant", fill_value=0.0, keep_empty_features=True), ["cellar"]),
        remainder="passthrough",
    )
    estimator = make_pipeline(columns, LinearRegression()).fit(X, y)
    project.register(estimator, "price", X, y, task="regression", metrics={"mae": 5.0})
    project.register(estimator, "quiet", X, y, task="regression")
    project.features(HOUSE_PRICES, name="houses")
    project.features("select * from {{ ref('houses') }} where size is not null limit 30", name="few")
    project.features(
        "select id, 3e0 * size - age + case when id % 2 = 0 then 15e0 else -15e0 end as price "
        "from {{ ref('houses') }} where size is not null",
        name="paid",
    )
    project.python_model("prices", "price", features="houses", key="id", passthrough=["day"])
    project.python_model("few_prices", "quiet", features="few", key="id", passthrough=["day"])
    for name, sql in MODELS.items():
        project.features(sql, name=name)
    project.build().check()
    return project


@pytest.fixture(scope="module")
def lights(project: DbtProject, tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Light]:
    return lights_of(project.database, tmp_path_factory.mktemp("page") / "report.html")


def test_a_run_that_rejects_nearly_every_row_is_red(lights: dict[tuple[str, str], Light]) -> None:
    light = lights["price", "Last run"]
    assert (light.state, light.text) == ("bad", "3.0 % scored")
    assert "rejected more than 20.0 % of its rows" in light.rule


def test_an_error_three_times_that_at_registration_is_red(lights: dict[tuple[str, str], Light]) -> None:
    light = lights["price", "Performance"]
    assert light.state == "bad" and light.text.startswith(("MAE 14.9 in ", "MAE 15.0 in ")), light.text
    assert "from 200 labels on" in light.rule and "red at 2" in light.rule


def test_a_feature_that_was_all_null_does_not_end_the_report(lights: dict[tuple[str, str], Light]) -> None:
    assert lights["price", "Drift"].text == "0 of 2 features, 1 not judged"


def test_what_nobody_judged_is_grey(lights: dict[tuple[str, str], Light]) -> None:
    told = {name: (light.state, light.text) for (model, name), light in lights.items() if model == "quiet"}
    assert told["Drift"] == ("none", "too few rows")
    assert told["Scores"] == ("none", "too few rows")
    assert told["Performance"][0] == "none" and told["Performance"][1].endswith("too few labels")
    assert told["Retraining"] == ("none", "not monitored")
    assert told["Last run"] == ("ok", "100 % scored") and told["Last scored"] == ("ok", "within the hour")


def test_a_feature_that_no_change_would_turn_is_not_judged() -> None:
    """Its spread does not make up for it, and what is beyond its limit without certainty is not steady."""

    def row(feature: str, metric: str, status: str, value: float = 0.1) -> dict[str, object]:
        return {"feature": feature, "metric": metric, "status": status, "value": value, "threshold": 0.3}

    rows = [
        row("steady", "psi", "blind"), row("steady", "mean_shift", "ok"),
        row("blind", "psi", "blind"), row("blind", "spread_shift", "ok"),
        row("unsure", "psi", "ok"), row("unsure", "mean_shift", "not_judged", 0.5),
        row("drifted", "psi", "drift", 0.5), row("drifted", "mean_shift", "not_judged", 0.5),
    ]  # fmt: skip
    assert _judged_features(rows) == {"steady", "drifted"}


def test_a_light_says_which_change_it_would_show() -> None:
    """Of a number, of its mean; of categories, the share of rows that take another value."""
    found = {"psi": {"minimum_detectable": 0.16}, "mean_shift": {"minimum_detectable": 0.5}}
    assert detectable(found, 8.0) == "mean ± 4"
    assert detectable(found, None) == detectable({"psi": found["psi"]}, 8.0) == "20.0 % of rows"
    assert "rows" not in detectable({"psi": {"minimum_detectable": None}}, None)


def test_a_run_that_found_nothing_changed_is_judged_by_the_one_before_it(tmp_path: Path) -> None:
    """`sound` rejects no row, `poor` half of them; a second build finds nothing to score in either."""
    project = DbtProject(tmp_path / "house")
    X = pd.DataFrame({"size": np.arange(100.0)})
    project.features("select i as id, i * 1e0 as size from range(100) as numbers(i)", name="whole")
    project.features(
        "select * replace (if(id < 50, null, size) as size) from {{ ref('whole') }}", name="gappy"
    )
    for name, features in {"sound": "whole", "poor": "gappy"}.items():
        project.register(LinearRegression().fit(X, X["size"]), name, X, X["size"], task="regression")
        project.python_model(f"{name}_prices", name, features=features, key="id", rescore="changed")
    project.build().check()
    project.build().check()
    assert project.runs("sound_prices")[-1]["rows_in"] == project.runs("poor_prices")[-1]["rows_in"] == 0
    found = lights_of(project.database, tmp_path / "report.html")
    sound, poor = found["sound", "Last run"], found["poor", "Last run"]
    assert (sound.state, sound.text) == ("ok", "nothing changed")
    assert (poor.state, poor.text) == ("bad", "50.0 % scored")
    assert "found nothing to score is judged by the last run before it" in sound.rule
    page = (tmp_path / "report.html").read_text()
    assert len(re.findall(r"<summary>.*rejected 50.0 %", page)) == 1


def test_scores_are_late_by_the_habit_of_the_run_log(project: DbtProject, tmp_path: Path) -> None:
    """`price` was scored once, eleven months ago; `quiet` each week, the last time 15 days ago."""
    database = Path(shutil.copy(project.database, tmp_path / "copy.duckdb"))
    with duckdb.connect(str(database)) as connection:
        for name, days in {"price": [335], "quiet": [15, 22, 29, 59]}.items():
            connection.sql(
                "create or replace temp table run as from scorehouse_run_log "
                f"where model_name = '{name}'; delete from scorehouse_run_log where model_name = '{name}'"
            )
            for ago in days:
                connection.sql(
                    "insert into scorehouse_run_log by name select * replace (uuid() as run_id, "
                    f"started_at - interval {ago} days as started_at) from run"
                )
    found = lights_of(database, tmp_path / "report.html")
    price, quiet = found["price", "Last scored"], found["quiet", "Last scored"]
    assert (price.state, price.text) == ("bad", "11 months ago")
    assert "Too few runs to know how often it is scored" in price.rule and "a month is assumed" in price.rule
    assert (quiet.state, quiet.text) == ("bad", "15 days ago")
    assert quiet.rule.startswith("Usually every 7 days. Red when a prediction table is older than its rhythm")
    told = [str(SCOREHOUSE), "report", "--database", str(database), "--output", str(tmp_path / "pages")]
    assert subprocess.run(told, capture_output=True).returncode == 0
    index = (tmp_path / "pages" / "index.html").read_text()
    first = re.search(r'<li class="bad"><a href="models/price.html">.*?<span>(.*?)</span> <a', index, re.S)
    said = r"Mean absolute error is 1[45]\.\d+, and was 5 at registration"
    rejected = "The last scoring run rejected 97.0 % of its rows, the most for null:size"
    titles = (rejected, "Last scored 11 months ago", said)
    listed = r"<br><i>What to do: [^<]+</i><br>".join(f"{title}\\." for title in titles)
    assert first
    lines = re.sub(r'\s*<span class="badge[^>]*>[^<]*</span>\s*', "", first[1])  # without kinds
    assert re.match(listed, lines), "the first lines say what was planted"
    assert "<br><i>What to do: look at the rejected rows: " in lines
    assert 'watch: data fault</span> <span class="badge ">first</span> ' in first[1], "beside the worst three"
    told = [str(SCOREHOUSE), "export", "alerts", "price", "--database", str(database), "--exit-code"]
    ended = subprocess.run(told, capture_output=True, text=True)
    alerts = {alert["title"]: alert["level"] for alert in json.loads(ended.stdout)["alerts"]}
    assert ended.returncode == 3 and alerts["Last scored 11 months ago"] == "bad"
    assert alerts[rejected] == "bad"
    assert [level for title, level in alerts.items() if re.fullmatch(said, title)] == ["bad"]
    texts = [alert["text"] for alert in json.loads(ended.stdout)["alerts"]]
    assert any(text.endswith("7,760 of 8,000 rows, 7,760 for null:size") for text in texts)


@pytest.mark.parametrize(
    ("days", "gap", "state"),
    [
        (8.7, limits.Gap(7, known=True), "ok"),
        (8.8, limits.Gap(7, known=True), "bad"),
        (1.4, limits.Gap(1, known=True), "ok"),
        (1.6, limits.Gap(1, known=True), "bad"),
        (1.1, limits.Gap(1, known=True, is_limit=True), "bad"),
        (40.0, limits.Gap(31, known=False), "warn"),
        (94.0, limits.Gap(31, known=False), "bad"),
    ],
)
def test_scores_are_late_once_they_are_older_than_their_rhythm(
    days: float, gap: limits.Gap, state: str
) -> None:
    assert limits.lateness(days, gap) == state


def test_an_outage_is_no_habit_and_a_weekend_no_delay() -> None:
    monday = date(2026, 3, 2)
    working = [monday + timedelta(n) for n in range(14) if (monday + timedelta(n)).weekday() < 5][::-1]
    assert limits.usual_gap(working).days == 1  # one weekend alone
    working += [monday - timedelta(n) for n in (3, 4)]
    assert limits.usual_gap(working) == limits.Gap(3, known=True)
    assert (
        limits.usual_gap(
            [monday, monday - timedelta(1), *(monday - timedelta(60 + n) for n in range(3))]
        ).days
        == 1
    )


@pytest.mark.parametrize(
    ("metric", "registered", "warn", "bad"),
    [
        ("mae", 5.0, 7.5, 10.0),
        ("roc_auc", 0.9, 0.85, 0.8),  # the distance from 1 has doubled
        ("roc_auc", 0.7, 0.5 + 0.2 / 1.5, 0.6),  # half of the lead over guessing is gone
        ("f1", 1.0, 0.925, 0.9),  # a perfect score may lose a little
    ],
)
def test_what_is_far_from_registration(metric: str, registered: float, warn: float, bad: float) -> None:
    assert limits.far_limit(metric, registered, limits.FAR["warn"]) == pytest.approx(warn)
    assert limits.far_limit(metric, registered, limits.FAR["bad"]) == pytest.approx(bad)


@pytest.mark.parametrize(("high", "state"), [(0.9, "ok"), (0.84, "warn"), (0.79, "bad"), (None, "bad")])
def test_what_chance_explains_is_not_far_from_registration(high: float | None, state: str) -> None:
    live: Any = SimpleNamespace(metrics={"roc_auc": 0.9}, outputs={})
    row = {"metric": "roc_auc", "value": 0.78, "value_high": high, "threshold": None, "segment": "all"}
    assert limits.far_from(live, {**row, "n_current": 200}) == state


@pytest.mark.parametrize(
    ("lead", "low", "high", "said"),
    [
        (-0.0093, -0.012, -0.006, "champion by 0.0093"),
        (0.0041, 0.001, 0.007, "challenger by 0.0041"),
        (0.0041, -0.001, 0.009, "no clear winner"),
        (None, None, None, "no clear winner"),
    ],
)
def test_a_contest_says_who_won(lead: float | None, low: float | None, high: float | None, said: str) -> None:
    assert winner({"difference": lead, "difference_low": low, "difference_high": high}) == said


@pytest.mark.parametrize(
    ("metric", "rest", "worse_by", "state"),
    [
        ("error_rate", 0.1, 0.06, "warn"),
        ("error_rate", 0.1, 0.04, "ok"),
        ("excess_log_loss", -0.0146, 0.0081, "ok"),
        ("excess_log_loss", 0.0, 0.03, "warn"),
    ],
)
def test_a_segment_is_judged_without_a_threshold(
    metric: str, rest: float, worse_by: float, state: str
) -> None:
    row = {"metric": metric, "threshold": None, "status": "worse", "share_of_rows": 0.2}
    assert limits.segment_state({**row, "rest_value": rest, "difference_low": worse_by}) == state
