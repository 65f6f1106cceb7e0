"""`scorehouse explain`: from one number to its story; and the same reasons online."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from project import DbtProject
from rescoring import execute
from scorehouse import load
from scorehouse.cli.main import main
from scorehouse.errors import ConfigurationError
from scorehouse.explain import text
from scorehouse.explain.story import Part
from scorehouse.explain.text import sentence, shown

RNG = np.random.default_rng(3)
X = pd.DataFrame({"age": RNG.normal(40, 10, 400).round(), "visits": RNG.integers(0, 9, 400)})
WEIGHTS = X.age / 10 - X.visits / 2
POLICY = {"threshold": 0.5, "abstain": [0.4, 0.6]}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> DbtProject:
    project = DbtProject(tmp_path_factory.mktemp("explain") / "house")
    churn = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, WEIGHTS + RNG.normal(size=400) > 2)
    project.register(churn, "churn", X, WEIGHTS > 2, task="classification")
    project.register(
        HistGradientBoostingRegressor(max_iter=20).fit(X, WEIGHTS), "spend", X, WEIGHTS, task="regression"
    )
    project.features("select * from people")
    execute(
        project,
        "create table people as select i as id, i % 2 as part, 20 + i::double as age, "
        "(i % 9)::bigint as visits from range(60) as t(i)",
    )
    project.sql_model("churn_scored", "churn", key="id", decision=POLICY)
    project.sql_model("spend_scored", "spend", key=["id", "part"])
    project.build().check()
    return project


def explain(project: DbtProject, *arguments: str) -> Result:
    places = ["--project-dir", str(project.folder), "--database", str(project.database)]
    return CliRunner().invoke(main, ["explain", *arguments, *places])


def story(project: DbtProject, *arguments: str) -> dict[str, Any]:
    ended = explain(project, *arguments, "--json")
    assert ended.exit_code == 0, ended.output
    told: dict[str, Any] = json.loads(ended.stdout)
    return told


@pytest.mark.slow
def test_the_parts_lead_from_the_base_to_the_score(project: DbtProject) -> None:
    told = story(project, "churn", "--key", "30")
    score, run = project.query("select score, scoring_run_id::varchar from churn_scored where id = 30")[0]
    assert (told["key"], told["run_id"], told["has_changed"]) == ({"id": 30}, run, False)
    assert told["table"]["score"] == pytest.approx(score, abs=1e-12)
    assert told["base"] + sum(part["contribution"] for part in told["parts"]) == pytest.approx(told["total"])
    assert 1 / (1 + np.exp(-told["total"])) == pytest.approx(score, abs=1e-12)
    assert {part["feature"]: part["value"] for part in told["parts"]} == {"age": 50.0, "visits": 3}


def test_a_flip_changes_the_decision_and_a_step_before_it_does_not(project: DbtProject) -> None:
    told = story(project, "churn", "--key", "30")
    assert told["flips"]
    model = load("churn", project.folder, decision=POLICY)
    row = {"age": 50.0, "visits": 3}
    now = model.predict(row)["decision"]
    assert now == told["table"]["decision"]
    for flip in told["flips"]:
        assert model.predict({**row, flip["feature"]: flip["becomes"]})["decision"] == flip["decision"] != now
        back = 1 if flip["feature"] == "visits" else 1e-4
        back = back if flip["becomes"] < flip["value"] else -back
        assert model.predict({**row, flip["feature"]: flip["becomes"] + back})["decision"] == now


def test_the_text_and_the_page_tell_the_same(project: DbtProject, tmp_path: Path) -> None:
    page = tmp_path / "why.html"
    ended = explain(project, "spend", "--key", "id=30", "--key", "part=0", "--html", str(page))
    assert ended.exit_code == 0, ended.output
    assert "spend_scored: id 30, part 0" in ended.output and "the prediction's own unit" in ended.output
    assert "no feature alone would change the decision" not in ended.output  # a number is not decided from
    html = page.read_text()
    assert "<svg" in html and "<script" not in html and "age = 50" in html


def test_the_first_sentence_says_what_why_and_what_would_undo_it(project: DbtProject, tmp_path: Path) -> None:
    twin = project.copy(tmp_path / "twin")
    for start in ("", "Today: "):
        told = story(twin, "churn", "--key", "30")
        flip, (first, *_), now = told["flips"][0], told["parts"], told["now"]
        sentence = explain(twin, "churn", "--key", "30").output.splitlines()[1].strip()
        what = f"{told['decided']}, score {now['score']:.3g}: {first['feature']} is {first['value']:.6g} "
        assert sentence.startswith(f"{start}{what}({first['contribution']:+.2g})"), sentence
        undone = f". With {flip['feature']} at {flip['becomes']:.6g} it would be {flip['decision']}."
        assert sentence.endswith(undone) and flip["decision"] != told["decided"]
        execute(twin, "update features set age = 90 where id = 30")


def test_a_blank_that_makes_another_category_is_seen() -> None:
    values = ["Basic", "Basic ", "", None, 0.5, 12345.5, 12345]
    said = ["Basic", "'Basic '", "''", "NULL", "0.5", "12,345.5", "12345"]
    assert [shown(value) for value in values] == said


def test_contributions_in_thousands_are_read_at_a_glance() -> None:
    parts = [
        Part("city", "Bonn", "3 categories", False, -64_525.78),
        Part("rooms", 6, "1 to 7", False, 0.345),
    ]
    row = {"row_status": "scored", "prediction": 328_417.0}
    story: Any = SimpleNamespace(
        **{"parts": parts, "flips": None, "decided": None, "has_changed": False, "output": ""},
        **{
            "table": row,
            "now": row,
            "base": 392_942.43,
            "base_label": "base",
            "total": 328_417.0,
            "unit": "EUR",
        },
        **{"heading": "", "name": "price", "version": 1, "digest": "", "backend": "native"},
        **{"run_id": "", "scored_at": "", "no_reasons": None},
    )
    assert sentence(story) == "328,417: city is Bonn (-64,526), rooms is 6 (+0.34)."
    table = [
        line for line in text.lines(story) if line.startswith(("  base ", "  city ", "  rooms ", "  total "))
    ]
    assert len(table) == 4 and len({line.index(".") for line in table}) == 1, "numbers stand below each other"


def test_a_version_without_reasons_still_has_a_story(tmp_path: Path) -> None:
    project = DbtProject(tmp_path / "house")
    labels = np.where(WEIGHTS > 2, "gone", "stays")
    nearest = KNeighborsClassifier().fit(X, labels)
    project.register(nearest, "churn", X, labels, task="classification", program=False)
    project.features(
        "select i as id, 20 + i::double as age, (i % 9)::bigint as visits from range(60) as t(i)"
    )
    project.sql_model("churn_scored", "churn", key="id")
    project.build().check()
    page = tmp_path / "why.html"
    ended = explain(project, "churn", "--key", "30", "--html", str(page))
    assert ended.exit_code == 0, ended.output
    assert "what each feature contributed is not known: it was registered with program=False" in ended.output
    assert "the decision would be another one" in ended.output and "rejected row" not in ended.output
    assert "is not known: it was registered" in page.read_text() and "<svg" not in page.read_text()
    told = story(project, "churn", "--key", "30")
    assert told["total"] is None and {part["contribution"] for part in told["parts"]} == {None}


def test_features_that_changed_since_are_told(project: DbtProject, tmp_path: Path) -> None:
    twin = project.copy(tmp_path / "twin")
    execute(twin, "update features set age = 90 where id = 30")
    told = story(twin, "churn", "--key", "30")
    assert told["has_changed"] and told["now"]["score"] != told["table"]["score"]
    assert [part["is_outside"] for part in told["parts"] if part["feature"] == "age"] == [True]
    assert "its features have changed since" in explain(twin, "churn", "--key", "30").output


@pytest.mark.parametrize(("name", "key"), [("churn", ["30"]), ("spend", ["id=30", "part=0"])])
def test_an_altered_artifact_is_not_opened(
    project: DbtProject, tmp_path: Path, name: str, key: list[str]
) -> None:
    twin = project.copy(tmp_path / "twin")
    (artifact,) = (twin.folder / "artifacts" / name).rglob("model.*")
    sign = tmp_path / "opened"
    artifact.write_bytes(f"c__builtin__\nexec\n(Vopen({str(sign)!r}, 'w')\ntR.".encode())
    ended = explain(twin, name, *(part for value in key for part in ("--key", value)))
    assert not sign.exists()
    assert ended.exit_code == 0, ended.output  # programs score, and stored reasons explain


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["churn", "--key", "999"], "there are no rows in"),
        (["churn", "--key", "a=1", "--key", "b=2"], "a row is identified by id"),
        (["spend", "--key", "30"], "write --key id=... --key part=..."),
        (["churn", "--key", "3", "--table", "other"], "no successful run of 'churn' into 'other'"),
    ],
)
def test_what_cannot_be_found_is_refused(project: DbtProject, arguments: list[str], problem: str) -> None:
    ended = explain(project, *arguments)
    assert ended.exit_code == 1 and problem in ended.output.replace("\n", " ")


def test_online_gives_the_reasons_of_a_table(project: DbtProject) -> None:
    model = load("spend", project.folder)
    row = model.explain({"age": 50.0, "visits": 3}, top=1)
    assert row["reason_1"] == "age" and row["reason_1_value"] == "50"
    total = row["reason_base"] + row["reason_1_contribution"] + row["reason_rest"]
    assert total == pytest.approx(row["prediction"], abs=1e-9)
    both = model.explain(X.head(3), top=2)
    assert list(both["prediction"]) == pytest.approx(list(both["reason_total"]), abs=1e-12)
    with pytest.raises(ConfigurationError, match="top is 0"):
        model.explain(row, top=0)


def test_a_newer_run_without_rows_is_not_explained(project: DbtProject) -> None:
    """As of a table of shadows, which is scored before there is a challenger."""
    project.features("select * from people where id < 0", name="nobody")
    project.sql_model("churn_shadow", "churn", features="nobody", key="id")
    project.build("--select", "nobody", "churn_shadow").check()
    assert explain(project, "churn", "--key", "30").exit_code == 0


def test_the_table_that_has_the_row_is_found(project: DbtProject) -> None:
    """A table of other rows was scored since: of shadows, with what is labelled."""
    project.features("select * from people where id < 9", name="few")
    project.sql_model("churn_few", "churn", features="few", key="id")
    project.build("--select", "few", "churn_few").check()
    assert story(project, "churn", "--key", "5")["table"]["decision"] is None  # where no policy decides
    assert story(project, "churn", "--key", "30")["table"]["decision"] is not None
    missing = explain(project, "churn", "--key", "999")
    assert missing.exit_code == 1
    assert {"churn_few", "churn_scored"} <= set(re.findall(r"\w+", missing.output)), "all that were looked at"


def test_a_history_that_was_scored_since_has_another_key(project: DbtProject, tmp_path: Path) -> None:
    project.sql_model("churn_history", "churn", key="id", as_of="2026-01-01")
    project.build("--select", "churn_history").check()
    assert story(project, "churn", "--key", "30")["node"] == "churn_scored"
    assert story(project, "churn", "--key", "id=30", "--key", "as_of=2026-01-01")["node"] == "churn_history"
    asked, made = tmp_path / "asked.csv", tmp_path / "answers.csv"
    places = ["--project-dir", str(project.folder), "--database", str(project.database)]
    for lines in ("id\n5\n", "id,as_of\n5,2026-01-01\n"):
        asked.write_text(lines)
        words = ["answer", "churn", "--keys", str(asked), "--output", str(made), *places]
        ended = CliRunner().invoke(main, words)
        assert ended.exit_code == 0 and ",answered," in made.read_text(), ended.output
        made.unlink()
