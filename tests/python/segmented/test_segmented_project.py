"""An estimator per segment through the doors: a script that trains, `dbt build`, and the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from click.testing import CliRunner

from closed_estimators import build_without_libraries
from project import DbtProject
from scorehouse import load
from scorehouse.cli.main import main
from scorehouse.registry.seeds import ModelSeeds

pytestmark = pytest.mark.slow
SHOPS = ['a"b', "Привет, мир", "it's; {{ x }}", "few"]
ROWS = 2_000
TRAIN = """
import numpy as np, pandas as pd
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from scorehouse import SegmentedClassifier, SegmentedRegressor, Storage, register

draw = np.random.default_rng(0)
codes = draw.integers(0, 3, 600)
codes[:4] = 3
X = pd.DataFrame({"Größe": draw.normal(5, 2, 600), "shop": np.array(SHOPS, dtype=object)[codes]})
X["price"] = draw.normal(size=600)
X["branch"] = codes * 10 - 10
y = X["Größe"] * (codes + 1) - X.price * codes

named = X[["Größe", "shop", "price"]]
inner = make_pipeline(StandardScaler(), Ridge())
demand = SegmentedRegressor(inner, by="shop", min_rows=20).fit(named, y)
register(demand, "demand", named, y, task="regression", alias="champion")
strict = SegmentedRegressor(inner, by="shop", fallback="reject", min_rows=20).fit(named, y)
register(strict, "strict_demand", named, y, task="regression", alias="champion", storage=Storage("skops"))

numbered = X[["Größe", "price", "branch"]]
late = np.where(X.price > X["Größe"] - 5, "late", "in time")
classes = SegmentedClassifier(LogisticRegression(), by="branch").fit(numbered, late)
register(classes, "lateness", numbered, late, task="classification", alias="champion")
"""
# one row in 20 has no shop, and one in 20 another one; the branch of these is NULL, or one of after the fit
FEATURES = """
select i as id,
    case
        when i % 20 = 7 then null
        when i % 20 = 8 then 'new "shop" ' || (i % 3)
        when i % 4 = 0 then 'a"b'
        when i % 4 = 1 then 'Привет, мир'
        when i % 4 = 2 then 'it''s; ' || repeat(chr(123), 2) || ' x ' || repeat(chr(125), 2)
        else 'few'
    end as shop,
    case when i % 20 = 7 then null when i % 20 = 8 then 7777 else (i % 4) * 10 - 10 end as branch,
    4 + sin(i) * 3 as "Größe",
    case when i != 42 then cos(i * 3) + {{ var('dearer', 0) }} * (i % 4 = 1)::int end as price
from range(2000) as t(i)
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> DbtProject:
    """A foreign project: a script registers, dbt builds, and scores again after one shop has changed."""
    project = DbtProject(tmp_path_factory.mktemp("segmented") / "house")
    (project.folder / "train.py").write_text(f"SHOPS = {SHOPS!r}\n{TRAIN}")
    ended = subprocess.run(
        [sys.executable, "train.py"],
        cwd=project.folder,
        capture_output=True,
        text=True,
        env=project.environment,
    )
    assert ended.returncode == 0, ended.stderr
    for name in ("demand", "strict_demand", "lateness"):
        project.python_model(f"{name}_scored", name, key="id")
        project.python_model(f"{name}_estimator", name, key="id", backend="estimator")
    project.python_model("demand_changed", "demand", key="id", rescore="changed", passthrough=["shop"])
    project.sql_model("demand_sql", "demand", key="id")
    project.features(FEATURES)
    project.build().check()
    project.dbt("run", "--select", "features", "demand_changed", "--vars", "{dearer: 1}").check()
    return project


@pytest.mark.parametrize("name", ["demand", "strict_demand", "lateness"])
def test_the_backend_scores_each_row_as_the_estimator_of_its_segment(name: str, house: DbtProject) -> None:
    (run,), (other,) = (house.runs(f"{name}_{engine}") for engine in ("scored", "estimator"))
    assert (run["backend"], other["backend"]) == ("matrix", "estimator")
    same = ("rows_in", "rows_scored", "rows_rejected", "reject_reasons")
    assert [run[key] for key in same] == [other[key] for key in same] and run["rows_in"] == ROWS
    number, label = ("score", "prediction") if name == "lateness" else ("prediction", "row_status")
    other_column = " or ".join(f"l.{c} is distinct from r.{c}" for c in (label, "reject_reason"))
    ((rows, differ, distance),) = house.query(
        f"select count(*), count(*) filter ({other_column} or (l.{number} is null) != (r.{number} is null)), "
        f"max(abs(l.{number} - r.{number})) from {name}_scored as l join {name}_estimator as r using (id)"
    )
    assert (rows, differ) == (ROWS, 0) and distance < 1e-9


def test_a_row_of_an_unknown_segment_has_the_fallback_or_a_reason(house: DbtProject) -> None:
    (run,) = house.runs("demand_scored")
    assert (run["rows_rejected"], json.loads(run["reject_reasons"])) == (1, {"null:price": 1})
    (run,) = house.runs("strict_demand_scored")
    reasons = json.loads(run["reject_reasons"])
    few = sum(i % 4 == 3 and i % 20 not in (7, 8) for i in range(ROWS))
    assert reasons["unseen_category:shop"] == few + ROWS // 20 and reasons["null:shop"] == ROWS // 20
    ((reason,),) = house.query("select reject_reason from strict_demand_scored where id = 8")
    assert reason == 'unseen_category:shop=new "shop" 2'
    (run,) = house.runs("lateness_scored")
    assert run["rows_rejected"] == 1


def test_scores_are_those_of_scikit_learn(house: DbtProject) -> None:
    import joblib

    (version,) = ModelSeeds(house.folder, "demand").versions()
    estimator = joblib.load(house.folder / version.artifact)
    found = house.query(
        'select shop, "Größe", price, prediction from demand_sql join features using (id) '
        "where row_status = 'scored' and id % 4 != 1 order by id"
    )
    X = pd.DataFrame([row[:3] for row in found], columns=["shop", "Größe", "price"])
    expected = estimator.predict(X[["Größe", "shop", "price"]])
    np.testing.assert_allclose([row[3] for row in found], expected, rtol=1e-9)


def test_only_rows_of_a_segment_that_changed_are_scored_again(house: DbtProject) -> None:
    first, second = house.runs("demand_changed")
    changed = sum(i % 4 == 1 for i in range(ROWS))
    assert (first["rows_in"], second["rows_in"]) == (ROWS, changed)
    ((rows, old),) = house.query(
        f"select count(*), count(*) filter (scoring_run_id = '{first['run_id']}') from demand_changed"
    )
    assert (rows, old) == (ROWS, ROWS - changed)


def test_what_is_registered_says_how_many_segments_there_are(house: DbtProject) -> None:
    place = ["--project-dir", str(house.folder)]
    words = (
        "3 values of shop have an estimator of their own, 1 have none; 4 to ",
        "the estimator of all rows scores these, unknown and missing ones",
    )
    told = CliRunner().invoke(main, ["show", "demand", *place]).output
    assert [part for part in words if part not in told] == []
    facts = json.loads(CliRunner().invoke(main, ["show", "strict_demand", "--json", *place]).output)[
        "segments"
    ]
    assert (facts["by"], facts["fallback"], facts["own"], facts["min_rows"]) == ("shop", "reject", 3, 20)
    document = yaml.safe_load(ModelSeeds(house.folder, "demand").yaml_file.read_text())
    assert words[0] in document["seeds"][0]["description"].replace("\\", "")
    ((column,),) = house.query("select segments from ml_lateness")
    assert json.loads(column)["segments"] == 4
    assert "segments" not in house.columns("ml_demand__signature")


def test_online_answers_as_the_table_does(house: DbtProject) -> None:
    model = load("strict_demand@champion", house.folder)
    row = {"Größe": 3.0, "price": 0.5}
    assert model.predict({**row, "shop": 'a"b'})["row_status"] == "scored"
    assert model.predict({**row, "shop": "?"})["reject_reason"] == "unseen_category:shop=?"


def test_reasons_are_refused_by_name(house: DbtProject) -> None:
    house.python_model("explained", "demand", key="id", reasons=2)
    try:
        message = house.dbt("run", "--select", "explained").messages["explained"]
    finally:
        (house.folder / "python_models" / "explained.py").unlink()
    assert "demand version 1 has none that can be used: it has an estimator for each segment" in message


def test_the_machine_that_scores_needs_no_scikit_learn(house: DbtProject, tmp_path: Path) -> None:
    twin = house.copy(tmp_path / "twin")
    rows = "select * exclude (scoring_run_id, scored_at) from demand_scored where id % 4 != 1 order by id"
    before = twin.query(rows)
    build_without_libraries(twin, tmp_path / "closed", "--select", "demand_scored")
    assert twin.query(rows) == before and len(twin.runs("demand_scored")) == 2
