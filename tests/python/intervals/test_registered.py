"""Calibration at registration: as in the warehouse, pinned by digest, and refused in words."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.ensemble import VotingClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.svm import LinearSVC

from project import DbtProject
from scorehouse import Calibration, register
from scorehouse.errors import ConfigurationError
from scorehouse.registration.check_project import check_project
from scorehouse.registry.seeds import ModelSeeds

pytestmark = pytest.mark.slow

CLASSES = ["it's fine", "late", "lost"]
LEVELS = [0.6, 0.9]
KEYED = "ref('labels'), key='id'"
MODELS = {
    "grade_calibrated": f"{{{{ scorehouse.set_calibration(ref('graded'), {KEYED}, label='grade', "
    f"classes={CLASSES!r}, levels={LEVELS}, options={{'method': 'aps'}}) }}}}",
    "flag_calibrated": f"{{{{ scorehouse.set_calibration(ref('flagged'), {KEYED}, label='flag', "
    f"classes=[0, 1], levels={LEVELS}) }}}}",
    "price_calibrated": f"{{{{ scorehouse.interval_calibration(ref('priced'), {KEYED}, label='price', "
    f"levels={LEVELS}) }}}}",
    "sets": "{{ scorehouse.prediction_sets(ref('graded'), ref('ml_grade__calibration'), "
    f"{CLASSES!r}, options={{'method': 'aps'}}) }}}}",
    "intervals": "{{ scorehouse.prediction_intervals(ref('priced'), ref('ml_price__calibration')) }}",
}


def drawn() -> pd.DataFrame:
    draw = np.random.default_rng(3)
    frame = pd.DataFrame(draw.normal(size=(900, 2)), columns=["a", "b"]).assign(id=np.arange(900))
    noisy = frame.a + draw.normal(size=900)
    grade = np.select([noisy < -0.5, noisy < 1], CLASSES[:2], CLASSES[2])
    return frame.assign(price=10 * frame.b + noisy, flag=(noisy > 0).astype(int), grade=grade)


FRAME = drawn()
X, HELD_OUT = FRAME[["a", "b"]], FRAME.tail(400).reset_index(drop=True)


def held_out(label: str) -> tuple[pd.DataFrame, pd.Series]:
    labels = HELD_OUT[label].astype(object)
    labels[0] = None  # not known
    return HELD_OUT[["a", "b"]], labels


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> DbtProject:
    project = DbtProject(tmp_path_factory.mktemp("registered") / "house")
    for name, table, task, label, method in (
        ("grade", "graded", "classification", "grade", "aps"),
        ("flag", "flagged", "classification", "flag", None),
        ("price", "priced", "regression", "price", None),
    ):
        estimator = LinearRegression() if task == "regression" else LogisticRegression()
        fitted = estimator.fit(X.head(500), FRAME[label].head(500))
        calibration = Calibration(*held_out(label), method=method, levels=LEVELS)
        project.register(fitted, name, X.head(500), task=task, calibration=calibration)
        project.sql_model(table, name, key="id")
    with duckdb.connect(project.database) as connection:
        connection.register("frame", HELD_OUT)
        connection.sql("create schema raw; create table raw.rows_held_out as select * from frame")
    project.features("select id, a, b from raw.rows_held_out")
    project.features("select id, price, flag, grade from raw.rows_held_out where id <> 500", name="labels")
    for name, sql in MODELS.items():
        project.features(sql, name=name)
    project.build().check()
    return project


@pytest.mark.parametrize("name", ["grade", "flag", "price"])
def test_quantiles_are_those_of_the_same_labels_in_the_warehouse(name: str, project: DbtProject) -> None:
    columns = "ml_model, version, basis, interval_group, interval_level, n_labelled, labels_needed, status"
    columns += "" if name == "price" else ", method, n_unknown, classes_without_label"
    value = "half_width" if name == "price" else "score_quantile"
    registered, computed = (
        project.query(f"select {value}, {columns} from {table} order by interval_level")
        for table in (f"ml_{name}__calibration", f"{name}_calibrated")
    )
    assert [row[1:] for row in registered] == [row[1:] for row in computed] and len(registered) == 2
    assert [row[0] for row in registered] == pytest.approx([row[0] for row in computed], abs=1e-12)
    assert registered[0][6] == 399  # without the label that is not known


def test_the_seed_makes_intervals_and_sets(project: DbtProject) -> None:
    ((half_width,),) = project.query(
        "select half_width from ml_price__calibration where interval_level = 0.9"
    )
    assert project.query(
        "select distinct interval_basis from sets union select interval_basis from intervals"
    ) == [("all",)]
    assert project.query(
        f"select max(abs(prediction_high - prediction - {half_width})), count(*) from intervals"
    ) == [(pytest.approx(0, abs=1e-9), 400)]
    held = project.query(
        "select avg(case when position('\"' || grade || '\"' in prediction_set) > 0 then 1 else 0 end) "
        "from sets join labels using (id)"
    )
    assert 0.9 <= held[0][0] < 0.93


def test_the_registry_pins_the_calibration(project: DbtProject) -> None:
    seeds = ModelSeeds(project.folder, "grade")
    (version,) = seeds.versions()
    assert version.calibration["method"] == "aps" and version.calibration["labels"] == 399
    assert not any(found.faults for found in check_project(project.folder))
    text = seeds.file("calibration").read_text()
    try:
        seeds.file("calibration").write_text(text.replace("calibrated", "Calibrated", 1))
        faults = [fault for found in check_project(project.folder) for fault in found.faults]
        assert faults == ["the rows of ml_grade__calibration are not those that were registered"]
        seeds.file("calibration").unlink()
        lost, *others = [fault for found in check_project(project.folder) for fault in found.faults]
        assert "version 1, loaded: {} (expected: {'calibration': 2}); restore the seeds" in lost
        assert others == faults
    finally:
        seeds.file("calibration").write_text(text)


ROW_0_6 = "from ml_price__calibration where interval_level = 0.6"
CHANGES = {
    "a half width": (
        "update ml_price__calibration set half_width = 99.5 where interval_level = 0.9",
        r"version 1, level 0\.9 has the half width 99\.5 \(split\) in the table and \d+\.\d+ \(split\) in",
    ),
    "a half width that is no number": (
        "update ml_price__calibration set half_width = 'nan'::double where interval_level = 0.6",
        r"version 1, level 0\.6 has the half width nan",
    ),
    "no half width": (f"delete {ROW_0_6}", r"the table has no half width for version 1, level 0\.6"),
    "a second half width": (
        f"insert into ml_price__calibration select * replace (0e0 as half_width, 'group' as basis) {ROW_0_6}",
        "the table has 3 calibrated levels and version control has 2",
    ),
}


def test_other_quantiles_in_the_table_are_refused(project: DbtProject, tmp_path: Path) -> None:
    house = project.copy(tmp_path / "house")
    asked = ("run", "--select", "intervals", "sets")
    for change, said in CHANGES.values():
        house.query(change)
        before = house.content("intervals")
        ended = house.dbt(*asked)
        assert not ended.success and ended.statuses["intervals"] == "error"
        found = ended.messages["intervals"]
        assert re.search(rf"prediction_intervals: .*ml_price__calibration.* differs .*{said}", found), found
        assert "run `dbt build --select tag:ml_price+`" in found
        assert house.content("intervals") == before
        house.dbt("seed", "--select", "ml_price__calibration").check()
    house.dbt(*asked).check()
    house.query("update ml_grade__calibration set method = 'lac'")
    assert "(lac) in the table and" in house.dbt(*asked).messages["sets"]

    # without what the YAML pins
    seeds = ModelSeeds(house.folder, "grade")
    text = seeds.yaml_file.read_text()
    document = yaml.safe_load(text)
    document["seeds"][-1]["config"].pop("meta")
    seeds.yaml_file.write_text(yaml.safe_dump(document))
    assert "calibrated levels and version control has 0" in house.dbt(*asked).messages["sets"]
    faults = [fault for found in check_project(house.folder) for fault in found.faults]
    assert len(faults) == 1 and "does not agree with the seed: which versions there are" in faults[0]
    seeds.yaml_file.write_text(text.replace("method: aps", "method: lac"))
    faults = [fault for found in check_project(house.folder) for fault in found.faults]
    assert len(faults) == 1 and "version 1, method: 'lac' (expected: 'aps')" in faults[0]


def test_another_calibration_is_another_version(project: DbtProject) -> None:
    twin = DbtProject(project.folder.parent / "twin")
    fitted = LogisticRegression().fit(X.head(500), FRAME.grade.head(500))
    numbers = [
        twin.register(
            fitted,
            "grade",
            X.head(500),
            task="classification",
            calibration=Calibration(*held_out("grade"), method=method, levels=[0.9]),
        ).version
        for method in ("lac", "lac", "aps")
    ]
    plain = twin.register(fitted, "grade", X.head(500), task="classification")
    assert numbers == [1, 1, 2] and plain.version == 1
    seeds = ModelSeeds(twin.folder, "grade")
    assert [row["method"] for number in (1, 2) for row in seeds.rows("calibration", number)] == ["lac", "aps"]
    assert all(json.loads(row["classes_without_label"]) == [] for row in seeds.rows("calibration", 1))

    # a registration with a calibration was interrupted before its row of the registry
    seeds.write_rows("calibration", 3, [{**row, "version": "3"} for row in seeds.rows("calibration", 2)])
    other = LogisticRegression(C=0.1).fit(X.head(500), FRAME.grade.head(500))
    assert twin.register(other, "grade", X.head(500), task="classification").version == 3
    assert seeds.rows("calibration", 3) == [] and len(seeds.rows("calibration", 2)) == 1


Y = HELD_OUT.grade
REFUSED: dict[str, tuple[Any, str]] = {
    "too few": (
        Calibration(HELD_OUT.head(20), Y.head(20), levels=[0.9, 0.96]),
        "20 rows with a label and a prediction, and the level 0.96 takes 24",
    ),
    "three rows": (Calibration(HELD_OUT.head(3), Y.head(3)), "3 rows .* the level 0.8 takes 4"),
    "no label is known": (Calibration(HELD_OUT, [None] * 400), "calibration has 0 rows"),
    "another label": (Calibration(HELD_OUT, ["stolen"] * 400), "no class of the ML model: 'stolen'"),
    "a method of a regression": (
        Calibration(HELD_OUT, Y, method="split"),
        r"method is 'split', and the task is 'classification'.*\n.*one of lac, aps",
    ),
    "no method": (Calibration(HELD_OUT, Y, method="raps"), r"one of split, lac, aps"),
    "no group": ((HELD_OUT, Y), r"scorehouse\.Calibration\(X, y, method, levels\)"),
    "no labels": (Calibration(HELD_OUT, None), "y is None.*\n.*labels that the fit has not seen"),
    "no level": (Calibration(HELD_OUT, Y, levels=[90]), "shares between 0 and 1"),
    "a level twice": (Calibration(HELD_OUT, Y, levels=[0.9, 0.8, 0.9]), "0 and 1, each once"),
    "fewer labels": (Calibration(HELD_OUT, Y.head(10)), "10 labels for 400 rows"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_calibration_is_refused_in_words(case: str, project: DbtProject) -> None:
    given, said = REFUSED[case]
    fitted = LogisticRegression().fit(X.head(500), FRAME.grade.head(500))
    with pytest.raises(ConfigurationError, match=said):
        register(
            fitted,
            "refused",
            X.head(500),
            task="classification",
            calibration=given,
            project_dir=project.folder,
        )
    assert not ModelSeeds(project.folder, "refused").registry_file.exists()


@pytest.mark.parametrize(
    ("estimator", "method"),
    [(LinearSVC(), "decision_function"), (VotingClassifier([("a", LogisticRegression())]), "none")],
    ids=["decision values", "labels alone"],
)
def test_sets_need_probabilities(estimator: Any, method: str, project: DbtProject) -> None:
    fitted = estimator.fit(X.head(500), FRAME.flag.head(500))
    given = {"task": "classification", "project_dir": project.folder}
    with pytest.raises(ConfigurationError, match=f"its score is '{method}'.*\n.*with predict_proba"):
        register(fitted, "refused", X.head(500), calibration=Calibration(*held_out("flag")), **given)
    assert not ModelSeeds(project.folder, "refused").registry_file.exists()
