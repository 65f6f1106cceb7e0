"""Reasons in a prediction table: named, adding up, only where they are asked for, and refused in words."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from click.testing import CliRunner
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from project import DbtProject
from scorehouse.cli.main import main
from scorehouse.errors import ConfigurationError
from scorehouse.replay.logged_run import logged_options
from scorehouse.scoring.options import ScoreOptions

ROWS = 600
ADDED = ("reason_rest", "reason_base", "reason_total", "reason_unit")
POLICY = {"threshold": 0.5, "bands": {"low": 0.0, "middle": 0.3, "high": 0.7}}


def training() -> tuple[pd.DataFrame, pd.Series]:
    rng = np.random.default_rng(7)
    frame = pd.DataFrame(
        {
            "city": rng.choice(["Bern", "Genf", "Zug"], ROWS),
            "age": np.round(rng.normal(40, 12, ROWS)),
            "spent": np.round(rng.lognormal(3, 1, ROWS), 2),
            "is_new": rng.random(ROWS) < 0.3,
        }
    )
    frame.loc[rng.random(ROWS) < 0.1, "age"] = np.nan
    pull = frame.spent / 40 + (frame.city == "Bern") - frame.is_new + frame.age.fillna(40) / 40
    return frame, pd.Series(np.where(pull + rng.normal(size=ROWS) / 2 > 2, "yes", "no"))


def pipeline(last: Any) -> Any:
    numbers = make_pipeline(SimpleImputer(add_indicator=True), StandardScaler())
    steps = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["city"]),
        (numbers, ["age", "spent"]),
        remainder="passthrough",
    )
    return make_pipeline(steps, last)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> DbtProject:
    project = DbtProject(tmp_path_factory.mktemp("reasons") / "house")
    frame, labels = training()
    three = pd.Series(np.where(frame.spent > 40, "much", labels))
    for name, last, y in (
        ("trees", HistGradientBoostingClassifier(max_iter=20), labels),
        ("linear", LogisticRegression(max_iter=500), labels),
        ("three", RandomForestClassifier(10, max_depth=6, random_state=0), three),
    ):
        project.register(pipeline(last).fit(frame, y), name, frame, y, task="classification")
    last = HistGradientBoostingClassifier(max_iter=20)
    facts = {"task": "classification", "background": 100}
    project.register(pipeline(last).fit(frame, labels), "compared", frame, labels, **facts)
    project.register(
        GaussianNB().fit(frame[["spent"]], labels), "bayes", frame[["spent"]], labels, task="classification"
    )
    frame.assign(id=range(ROWS)).to_csv(project.folder / "seeds" / "people.csv", index=False)
    given = "id, case when id < 590 then city else 'Paris' end as city, age::double as age, spent, is_new"
    project.features(f"select {given} from {{{{ ref('people') }}}}")
    project.sql_model("trees_scored", "trees", key="id", reasons=3, strict=["unseen_category"])
    project.python_model("linear_scored", "linear", key="id", reasons={"top": 2, "where": {"at_least": 0.6}})
    project.sql_model("three_scored", "three", key="id", reasons=4, backend="estimator")
    asked = {"top": 1, "where": {"band": ["middle"], "decision": "yes"}}
    project.sql_model("decided", "trees", key="id", decision=POLICY, reasons=asked)
    project.sql_model("compared_scored", "compared", key="id", reasons=4)
    project.sql_model("by_sql", "linear", key="id", reasons=2, backend="sql")
    broken = "reason_1_contribution + case when id = 3 then 1e-6 else 0 end as reason_1_contribution"
    project.features(
        f"select * replace ({broken}, case when id = 4 then null else reason_rest end as reason_rest, "
        "case when id = 5 then 'rejected' else row_status::varchar end as row_status) "
        "from {{ ref('trees_scored') }}",
        name="broken",
    )
    tables = ("trees_scored", "linear_scored", "three_scored", "compared_scored", "decided", "by_sql")
    models: list[Any] = [{"name": name, "data_tests": ["scorehouse.reasons_add_up"]} for name in tables]
    told = {
        "name": "broken_reasons",
        "config": {"severity": "warn", "store_failures": True, "schema": "told"},
    }
    models.append({"name": "broken", "data_tests": [{"scorehouse.reasons_add_up": told}]})
    project.write("models/_tests.yml", yaml.safe_dump({"version": 2, "models": models}))
    built = project.build()
    built.check()
    return project


def test_the_table_names_the_features_and_base_and_rest_complete_them(project: DbtProject) -> None:
    columns = list(project.columns("trees_scored"))
    three = [f"reason_{n}{end}" for n in (1, 2, 3) for end in ("", "_contribution", "_value")]
    assert columns[columns.index("score") + 1 :][:13] == [*three, *ADDED]
    assert project.query("select distinct reason_unit from trees_scored order by 1") == [
        ("log-odds",),
        (None,),
    ]
    off = "abs(score - 1 / (1 + exp(-reason_total)))"
    assert project.query(
        f"select count(*), max({off}) < 1e-12 from trees_scored where row_status = 'scored'"
    ) == [(590, True)]
    falling = "abs(reason_1_contribution) < abs(reason_2_contribution)"
    assert project.query(f"select count(*) from trees_scored where {falling}") == [(0,)]
    names = project.query("select distinct reason_1 from trees_scored where reason_1 is not null order by 1")
    assert names == [("age",), ("city",), ("is_new",), ("spent",)][: len(names)] and len(names) > 1
    joined = "from trees_scored join features using (id)"
    wrong = f"select count(*) {joined} where reason_1 = 'city' and reason_1_value <> city"
    assert project.query(wrong) == [(0,)]
    missing = f"select count(*) > 0, count(reason_3_value) {joined} where reason_3 = 'age' and age is null"
    assert project.query(missing) == [(True, 0)]


def test_a_background_changes_the_base_and_the_parts_but_not_the_score(project: DbtProject) -> None:
    same = "count(*), max(abs(a.score - b.score)) < 1e-12, max(abs(a.reason_total - b.reason_total)) < 1e-9"
    other = "count(distinct b.reason_base), min(abs(a.reason_base - b.reason_base)) > 1e-6"
    found = project.query(
        f"select {same}, {other} from trees_scored a join compared_scored b using (id) "
        "where a.score is not null"
    )
    assert found == [(590, True, True, 1, True)]
    words = [
        "--key",
        "7",
        "--table",
        "compared_scored",
        "--project-dir",
        str(project.folder),
        "--target",
        "dev",
    ]
    told = CliRunner().invoke(main, ["explain", "compared", *words], catch_exceptions=False).output
    assert "base: the mean of 100 background rows" in told


def test_rejected_rows_and_rows_that_were_not_asked_for_have_none(project: DbtProject) -> None:
    count = "count(*), count(reason_base), count(reason_1), count(reason_unit)"
    assert project.query(f"select {count} from trees_scored where row_status = 'rejected'") == [(10, 0, 0, 0)]
    rows = project.query(f"select score >= 0.6 as asked, {count} from linear_scored group by all order by 1")
    assert [row[2] == (row[1] if row[0] else 0) for row in rows] == [True, True]
    assert rows[1][1] > 50
    decided = project.query("select band, decision, count(*), count(reason_base) from decided group by all")
    for band, decision, rows_in, with_reasons in decided:
        assert with_reasons == (rows_in if (band, decision) == ("middle", "yes") else 0)


def test_linear_contributions_are_the_closed_form(project: DbtProject) -> None:
    """Weight times the distance from the mean, summed up over the columns that were made of a feature."""
    frame, labels = training()
    fitted = pipeline(LogisticRegression(max_iter=500)).fit(frame, labels)
    made, weights = np.asarray(fitted[:-1].transform(frame), dtype=float), fitted[-1].coef_[0]
    means = made.mean(axis=0)
    made[590:, :3] = 0.0  # a city that is not known
    parts = (made - means) * weights
    owners = ["city"] * 3 + ["age", "spent", "age", "is_new"]
    found = project.query(
        "select id, reason_1, reason_1_contribution, reason_2, reason_2_contribution from by_sql"
    )
    for id_, *reasons in found:
        if reasons[0] is None:
            continue
        own = pd.Series(parts[id_]).groupby(owners).sum()
        first, second = own.abs().sort_values(ascending=False).index[:2]
        assert (reasons[0], reasons[2]) == (first, second)
        assert (reasons[1], reasons[3]) == pytest.approx((own[first], own[second]), abs=1e-9)


def test_several_classes_are_explained_by_the_predicted_one(project: DbtProject) -> None:
    own = "case prediction when 'much' then score_much when 'yes' then score_yes else score_no end"
    found = project.query(
        f"select count(distinct prediction), max(abs({own} - reason_total)) < 1e-12, "
        "count(distinct reason_base), any_value(reason_unit) from three_scored where row_status = 'scored'"
    )
    assert found == [(3, True, 3, "probability")]


def test_the_dbt_test_finds_what_does_not_add_up(project: DbtProject) -> None:
    found = project.query("select id, problem from main_told.broken_reasons order by id")
    assert found == [(3, "sum_is_not_total"), (4, "incomplete"), (5, "reasons_of_rejected_row")]


def test_the_run_log_has_the_reasons_and_a_replay_reads_them(project: DbtProject) -> None:
    run = project.runs("decided")[0]
    where = {"score": None, "at_least": None, "below": None, "band": ["middle"], "decision": ["yes"]}
    assert json.loads(run["configuration"])["reasons"] == {"top": 1, "where": where}
    asked = {"top": 1, "where": {"band": ["middle"], "decision": ["yes"]}}
    again = logged_options(run, "replay")
    assert again.reasons == ScoreOptions.checked("score", key="id", decision=POLICY, reasons=asked).reasons
    assert again.decision == ScoreOptions.checked("score", key="id", decision=POLICY).decision


def test_a_version_without_reasons_is_refused_by_name(project: DbtProject, tmp_path: Path) -> None:
    twin = project.copy(tmp_path / "twin")
    twin.sql_model("bayes_scored", "bayes", key="id", reasons=1)
    problem = twin.build("--select", "bayes_scored").messages["bayes_scored"]
    assert "bayes version 1 has none that can be used: only trees and linear models" in problem
    assert "leave `reasons` out" in problem


def test_an_altered_program_is_refused(project: DbtProject, tmp_path: Path) -> None:
    twin = project.copy(tmp_path / "twin")
    file = twin.folder / "artifacts/trees/1/program.npz"
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    problem = twin.build("--select", "trees_scored").messages["trees_scored"]
    assert "sha256" in problem and "program.npz" in problem


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"reasons": "three"}, "reasons is 'three'"),
        ({"reasons": 0}, "reasons has top 0"),
        ({"reasons": {"where": {"below": 1}}}, "does not say how many"),
        ({"reasons": {"top": 3, "whre": {}}}, r"near: 'where'"),
        ({"reasons": {"top": 3, "where": {}}}, "has no condition"),
        ({"reasons": {"top": 3, "where": {"band": "high"}}}, "a decision that has a band by score"),
        ({"reasons": {"top": 3, "where": {"band": "hgh"}}, "decision": POLICY}, "did you mean 'high'"),
        ({"reasons": {"top": 3, "where": {"decision": "yes"}}, "decision": {"top_n": 5}}, "top_n decides"),
    ],
)
def test_what_cannot_be_used_is_refused(given: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        ScoreOptions.checked("score()", key="id", **given)


@pytest.mark.slow
def test_rows_are_explained_without_scikit_learn_and_pandas(project: DbtProject) -> None:
    row = {"city": "Bern", "age": None, "spent": 60.0, "is_new": False}
    code = f"""
import sys
sys.modules.update(dict.fromkeys(["pandas", "sklearn", "scipy", "joblib"]))
from scorehouse import load
for name in ("trees", "linear"):
    print(load(name, {str(project.folder)!r}).explain({row!r})["reason_1"])
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ended.stdout.split() == ["spent", "city"], ended.stderr
