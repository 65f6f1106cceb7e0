"""`scorehouse answer`: the letter and the table, in a project built with dbt, against brute force."""

from __future__ import annotations

import csv
import json
from hashlib import sha256
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from click.testing import CliRunner, Result
from sklearn.compose import make_column_transformer
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from keys import make_key
from project import DbtProject
from rescoring import execute
from scorehouse import load
from scorehouse.cli.main import main
from scorehouse.evidence.manifest import MANIFEST

RNG = np.random.default_rng(8)
ROWS = 600
X = pd.DataFrame(
    {
        "income": RNG.integers(1_000, 5_000, ROWS).astype(float),
        "debts": RNG.integers(0, 12, ROWS),
        "years": RNG.integers(0, 30, ROWS).astype(float),
        "town": RNG.choice(["bonn", "kiel", "ulm"], ROWS),
    }
)
X.loc[::9, "years"] = np.nan
NUMBERS = ["income", "debts", "years"]
WEIGHT = X.income / 800 - X.debts / 2 + X.years.fillna(8) / 9 + (X.town == "ulm") / 2
LABEL = np.where(WEIGHT + RNG.normal(size=ROWS) / 2 > 2.2, "granted", "refused")
POLICY = {"threshold": 0.6, "abstain": [0.5, 0.6]}
CHANGEABLE = {
    "income": {"direction": "up", "step": 100, "maximum": 4_000},
    "debts": "down",
    "town": {"values": ["bonn", "ulm"], "weight": 0.4},
}
ALLOWED = {
    "income": np.arange(1_000.0, 4_001.0, 100.0).tolist(),
    "debts": list(range(12)),
    "town": ["bonn", "ulm"],
}
pytestmark = pytest.mark.slow
MODELS = ("boosted", "linear")
KEYS = [str(key) for key in range(0, 60, 3)]


def pipeline(estimator: Any) -> Any:
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    return make_pipeline(
        make_column_transformer((numbers, NUMBERS), (OneHotEncoder(), ["town"])), estimator
    ).fit(X, LABEL)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> DbtProject:
    project = DbtProject(tmp_path_factory.mktemp("answer") / "house")
    boosted = GradientBoostingClassifier(n_estimators=20, max_depth=3, random_state=0)
    for name, estimator in (("boosted", boosted), ("linear", LogisticRegression())):
        project.register(
            pipeline(estimator), name, X, LABEL, task="classification", owner="Loans, loans@x.org"
        )
    project.features("select * from people")
    rows = X.head(60).reset_index(names="id")
    rows.to_csv(project.folder / "people.csv", index=False)
    execute(project, f"create table people as from read_csv('{project.folder / 'people.csv'}')")
    project.sql_model("boosted_scored", "boosted", key="id", decision=POLICY)
    project.sql_model("linear_scored", "linear", key="id")
    project.build().check()
    said = {"changeable": CHANGEABLE, "names": {"income": {"en": "income per month", "de": "Einkommen"}}}
    project.write("answers.yml", yaml.safe_dump({name: said for name in MODELS}))
    return project


def answer(project: DbtProject, *arguments: str, code: int = 0) -> Result:
    places = ["--project-dir", str(project.folder), "--database", str(project.database)]
    ended = CliRunner().invoke(main, ["answer", *arguments, *places])
    assert ended.exit_code == code, ended.output
    return ended


def document(project: DbtProject, *arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(answer(project, *arguments, "--json").stdout)
    return found


def nearest_by_force(name: str, project: DbtProject, own: dict[str, Any]) -> float:
    """The smallest distance of an allowed change that flips, over all of them; infinite without one."""
    model = load(name, project.folder, decision=POLICY if name == "boosted" else None)
    what = "decision" if name == "boosted" else "prediction"
    moves = {
        "income": [v for v in ALLOWED["income"] if v >= own["income"]],
        "debts": [v for v in ALLOWED["debts"] if v <= own["debts"]],
        "town": ALLOWED["town"],
    }
    rows = [
        {**own, **dict(zip(moves, values, strict=True))}
        for values in product(*([own[one], *those] for one, those in moves.items()))
    ]
    now = model.predict(own)[what]
    scored = pd.DataFrame(model.predict(rows))
    frame = pd.DataFrame(rows)
    far = (frame.income - own["income"]).abs() / (X.income.max() - X.income.min())
    far += (frame.debts - own["debts"]).abs() / (X.debts.max() - X.debts.min())
    far += 0.4 * (frame.town != own["town"])
    return float(far[scored[what] != now].min()) if (scored[what] != now).any() else np.inf


@pytest.mark.parametrize("name", MODELS)
def test_the_change_is_allowed_flips_and_is_the_nearest(project: DbtProject, name: str) -> None:
    model = load(name, project.folder, decision=POLICY if name == "boosted" else None)
    flips = 0
    for key in KEYS:
        found = document(project, name, "--key", key)
        own = {part["feature"]: part["value"] for part in found["story"]["parts"]}
        change = found["alternative"]
        nearest = nearest_by_force(name, project, own)
        assert change["none_below"] is None and found["no_alternative"] is None
        assert change["flips"] == np.isfinite(nearest)
        if not change["flips"]:
            continue
        flips += 1
        becomes = {each["feature"]: each["becomes"] for each in change["changes"]}
        assert change["distance"] == pytest.approx(nearest, abs=1e-9)
        assert all(value in ALLOWED[feature] for feature, value in becomes.items())
        assert becomes.get("income", own["income"]) >= own["income"]
        assert becomes.get("debts", own["debts"]) <= own["debts"]
        decided = model.predict({**own, **becomes})["decision" if name == "boosted" else "prediction"]
        assert decided == change["decision"] != found["story"]["decided"]
    assert flips > 5


def test_the_letter_says_the_same_in_both_languages_and_forms(project: DbtProject, tmp_path: Path) -> None:
    key = flipped(project)
    for language, words in (("en", "What would have led"), ("de", "Was zu einer anderen")):
        folder = tmp_path / language
        said = answer(
            project, "boosted", "--key", key, "--language", language, "--output", str(folder)
        ).stdout
        text, html = (folder / "letter.md").read_text(), (folder / "letter.html").read_text()
        assert all(words in form for form in (said, text, html))
        assert f'lang="{language}"' in html and "<script" not in html
        found = json.loads((folder / "answer.json").read_text())
        parts = sum(part["contribution"] for part in found["story"]["parts"]) + found["story"]["base"]
        assert parts == pytest.approx(found["story"]["total"])
        assert found["story"]["run_id"] in text and "Loans, loans@x.org" in html
        assert ("income per month" if language == "en" else "Einkommen") in said
        assert ("0.6" if language == "en" else "0,6") in text


def flipped(project: DbtProject) -> str:
    """The key of a row that a change flips."""
    return next(key for key in KEYS if document(project, "boosted", "--key", key)["alternative"]["flips"])


def test_a_letter_is_signed_and_what_is_altered_is_found(project: DbtProject, tmp_path: Path) -> None:
    private, public = make_key(tmp_path)
    folder = tmp_path / "letter"
    answer(project, "boosted", "--key", "3", "--output", str(folder), "--sign", str(private))
    verify = ["evidence", "verify", str(folder), "--key", str(public)]
    ended = CliRunner().invoke(main, verify)
    assert ended.exit_code == 0 and "nothing was altered, signed by the key" in ended.output, ended.output
    letter = folder / "letter.md"
    letter.write_text(letter.read_text().replace("refused", "granted", 1) + " ")
    altered = CliRunner().invoke(main, verify)
    assert altered.exit_code == 3 and "letter.md was altered" in altered.output
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["files"]["letter.md"] = {
        "sha256": sha256(letter.read_bytes()).hexdigest(),
        "bytes": letter.stat().st_size,
    }
    (folder / MANIFEST).write_text(json.dumps(manifest))
    forged = CliRunner().invoke(main, verify[:3])
    assert (
        forged.exit_code == 3
        and "the letter is whole; who wrote it is not checked: give --key" in forged.output
    )
    assert CliRunner().invoke(main, [*verify[:3], "--unsigned"]).exit_code == 0
    assert CliRunner().invoke(main, verify).exit_code == 3
    assert (
        "a pack is written once"
        in answer(project, "boosted", "--key", "3", "--output", str(folder), code=1).output
    )


def test_the_table_of_many_keys_has_each_answer(project: DbtProject, tmp_path: Path) -> None:
    asked, made = tmp_path / "asked.csv", tmp_path / "answers.csv"
    asked.write_text("ID\n" + "\n".join([*KEYS, "999"]) + "\n")
    said = answer(project, "boosted", "--keys", str(asked), "--output", str(made)).output
    assert "20 answers" in said and "1 key not found" in said
    with made.open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert [line["ID"] for line in lines] == [*KEYS, "999"] and lines[-1]["status"] == "not found"
    for line in lines[:4]:
        found = document(project, "boosted", "--key", f"ID={line['ID']}")
        change = found["alternative"]
        assert line["decision"] == found["story"]["decided"]
        assert line["other_decision"] == (change["decision"] if change["flips"] else "")
        assert float(line["distance"] or 0) == pytest.approx(change["distance"] if change["flips"] else 0)


def test_a_version_without_contributions_and_without_cells_is_answered(tmp_path: Path) -> None:
    """The estimator itself scores, so every allowed value is tried; training says how far a step is."""
    project, numbers = DbtProject(tmp_path / "house"), X[["income", "debts"]]
    nearest = KNeighborsClassifier(9).fit(numbers, LABEL)
    project.register(nearest, "loans", numbers, LABEL, task="classification", program=False)
    project.features(
        "select i as id, 1000 + 50 * i::double as income, (i % 9)::bigint as debts from range(40) t(i)"
    )
    project.python_model("scored", "loans", key="id")
    project.build().check()
    assert document(project, "loans", "--key", "7")["no_alternative"] == "unchangeable"
    project.write("answers.yml", yaml.safe_dump({"loans": {"changeable": {"income": {"step": 50}}}}))
    model = load("loans", project.folder)
    for key in (3, 20, 30):
        found = document(project, "loans", "--key", str(key))
        own = {"income": 1000.0 + 50 * key, "debts": key % 9}
        tried = np.arange(1_000.0, X.income.max(), 50.0)
        labels = pd.DataFrame(model.predict([{**own, "income": value} for value in tried])).prediction
        now = model.predict(own)["prediction"]
        others = np.abs(tried[labels != now] - own["income"])
        assert found["alternative"]["flips"] == bool(len(others))
        if len(others):
            (change,) = found["alternative"]["changes"]
            assert abs(change["becomes"] - own["income"]) == others.min()
    said = answer(project, "loans", "--key", "7", "--output", str(tmp_path / "letter")).output
    assert "no contributions: it was registered with program=False" in said
    text = (tmp_path / "letter" / "letter.md").read_text()
    assert "is not known." in text and "program" not in text.replace("same program", "")


def test_where_nothing_flips_the_nearest_miss_is_told(project: DbtProject, tmp_path: Path) -> None:
    twin = project.copy(tmp_path / "twin")
    said = {"changeable": {"debts": {"minimum": 4, "maximum": 6}}, "contact": "Ms. <Doe> | 1*2*3"}
    twin.write("answers.yml", yaml.safe_dump({"linear": said}))
    for key in KEYS:
        found = document(twin, "linear", "--key", key)
        if not found["alternative"]["flips"]:
            break
    model = load("linear", twin.folder)
    own = {part["feature"]: part["value"] for part in found["story"]["parts"]}
    scores = [model.predict({**own, "debts": value})["score"] for value in (own["debts"], 4, 5, 6)]
    nearest = min(scores, key=lambda score: abs(score - 0.5))
    assert found["alternative"]["score"] == pytest.approx(nearest)
    answer(twin, "linear", "--key", key, "--output", str(tmp_path / "letter"))
    html, text = (tmp_path / "letter" / f"letter.{kind}" for kind in ("html", "md"))
    assert "No change of" in html.read_text() and "Ms. &lt;Doe&gt;" in html.read_text()
    assert "Ms. \\<Doe\\> \\| 1\\*2\\*3" in text.read_text()


@pytest.mark.parametrize(
    ("said", "arguments", "problem"),
    [
        ({}, ["--key", "999"], "there are no rows in"),
        ({"linear": {"changeable": {"incme": "up"}}}, [], "did you mean 'income'?"),
        ({"linear": {"changeable": {"income": "sideways"}}}, [], "up, down or both"),
        ({"linear": {"changeable": {"income": {"minimum": 9, "maximum": 5}}}}, [], "goes from 9.0 to 5.0"),
        ({"linear": {"changeable": {"town": {"values": [True]}}}}, [], "a string and has the value True"),
        ({"linear": {"changeable": {"debts": {"maximum": 1e20}}}}, [], "to 1e+20 in steps of 1.0"),
        ({"linear": {"changeable": {"income": {"maximum": 1e20, "step": 1}}}}, [], "or a smaller range"),
        ({"linear": {"changeable": {"town": "up"}}}, [], "is a string and has direction"),
        ({"linear": {"changeble": {}}}, [], "did you mean 'changeable'?"),
        ({}, ["--language", "fr"], "the language 'fr' lacks words"),
        ({"words": {"en": {"title": "{secret}"}}}, [], "words of 'en' have 'title'"),
        ({}, ["--keys", "asked.csv"], "name either one row with --key"),
    ],
)
def test_what_cannot_be_answered_is_refused(
    project: DbtProject, tmp_path: Path, said: dict[str, Any], arguments: list[str], problem: str
) -> None:
    twin = project.copy(tmp_path / "twin")
    twin.write("answers.yml", yaml.safe_dump(said))
    key = [] if "--key" in arguments else ["--key", "3"]
    ended = answer(twin, "linear", *key, *arguments, code=2 if "--keys" in arguments else 1)
    assert problem in " ".join(ended.output.split())


def test_a_table_that_does_not_say_which_run_scored_a_row(project: DbtProject, tmp_path: Path) -> None:
    twin = project.copy(tmp_path / "twin")
    rows = "select * exclude (scoring_run_id) from linear_scored"
    execute(twin, f"create or replace table linear_scored as {rows}")
    (tmp_path / "asked.csv").write_text("id\n3\n")
    many = ["--keys", str(tmp_path / "asked.csv"), "--output", str(tmp_path / "answers.csv")]
    for words in (["--key", "3"], many):
        said = " ".join(answer(twin, "linear", *words, code=1).output.split())
        assert "does not say which run scored this row" in said and "column scoring_run_id" in said


def test_data_that_decide_the_same_but_are_others_are_told(project: DbtProject, tmp_path: Path) -> None:
    twin = project.copy(tmp_path / "twin")
    before = document(twin, "linear", "--key", "3")["story"]
    execute(twin, "update features set years = years + 1e-12 where id = 3")
    now = document(twin, "linear", "--key", "3")["story"]
    assert not before["has_changed"] and now["has_changed"]
    assert now["now"]["prediction"] == now["table"]["prediction"] == now["decided_then"]
    assert "The data have changed since" in answer(twin, "linear", "--key", "3").output


def test_a_project_has_its_own_words(project: DbtProject, tmp_path: Path) -> None:
    twin = project.copy(tmp_path / "twin")
    twin.write("answers.yml", yaml.safe_dump({"words": {"en": {"title": "Our decision"}}}))
    assert answer(twin, "linear", "--key", "3").output.startswith("Our decision\n")


def test_the_terminal_has_the_reason_that_the_letter_says_in_words(
    project: DbtProject, tmp_path: Path
) -> None:
    twin, folder = project.copy(tmp_path / "twin"), tmp_path / "letter"
    execute(twin, "update linear_scored set reject_reason = 'not_finite:prediction' where id = 3")
    said = answer(twin, "linear", "--key", "3", "--output", str(folder)).stdout
    assert "rejected: not_finite:prediction" in said
    assert "not_finite" not in (folder / "letter.md").read_text()
