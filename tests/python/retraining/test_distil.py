"""`scorehouse distil` as a user calls it: taught, proven, watched; not worth it; and who cannot teach."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from distilled import FEATURES, SETTINGS, make_school, world
from project import DbtProject
from retrained import said, scorehouse
from scorehouse.registration.check_project import check_project
from scorehouse.registry.policy import load_policy
from scorehouse.registry.seeds import ModelSeeds
from scorehouse.registry.version import Version

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory) -> DbtProject:
    return make_school(tmp_path_factory.mktemp("distilled") / "school")


@pytest.fixture
def own(school: DbtProject, tmp_path: Path) -> DbtProject:
    return school.copy(tmp_path / "school")


def distil(project: DbtProject, *words: str, name: str = "slow") -> Any:
    return scorehouse(project, "distil", name, "--target", "dev", *words)


def versions(project: DbtProject, name: str = "slow") -> list[Version]:
    return ModelSeeds(project.folder, name).versions()


def test_a_student_is_taught_proven_and_watched(own: DbtProject) -> None:
    """Better than on true labels, with a program, its teacher's digest, true intervals and a test."""
    ended = distil(own)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "student without teacher" in ended.stdout and "(native, estimator)" in ended.stdout
    assert "clone 1 of 5 has learned: " in ended.stderr and "\nstudent has learned: " in ended.stderr
    assert max(map(len, ended.stdout.partition("rows per second")[2].splitlines())) <= 80
    teacher, student = versions(own)
    assert (teacher.aliases, student.aliases) == (("champion", "teacher"), ("student",))
    record = student.provenance["teacher"]
    assert (record["version"], record["sha256"]) == (1, teacher.sha256)
    assert student.program["native"] and student.calibration["method"] == "lac"
    assert student.calibration["labels"] == 242, "the later half of the rows held out"
    assert student.metrics["roc_auc"] > 0.9
    assert (
        "scorehouse distil --into boosting on model.house.rows (1,200 rows)"
        in scorehouse(own, "show", "slow/2").stdout
    )
    assert [item.faults for item in check_project(own.folder) if item.faults] == []

    again = distil(own, "--version", "student")
    assert again.returncode == 1 and "name the teacher: --version 1" in again.stderr
    assert (
        "has no provenance of a training"
        in scorehouse(own, "retrain", "slow", "--target", "dev", "--version", "2").stderr
    )

    own.dbt("seed", "--full-refresh").check()
    watch = (
        "scaffold",
        "student",
        "slow",
        "--features",
        "visitors",
        "--key",
        "id",
        "--share",
        "0.5",
        "--yes",
    )
    assert scorehouse(own, *watch).returncode == 0
    own.build("--select", "tag:ml_slow", "+slow_student_sample+").check()
    rows = own.query(
        "select model_alias, model_version, count(*) from slow_student_sample group by all order by 1"
    )
    assert [row[:2] for row in rows] == [("student", 2), ("teacher", 1)] and 500 < rows[0][2] == rows[1][
        2
    ] < 700
    ((gap,),) = own.query("select value from slow_student_gap where metric = 'mae'")
    assert abs(gap - record["gap"]["mean"]) < 0.04

    file = own.folder / "models/ml/student/_slow_student.yml"
    file.write_text(file.read_text().replace(f"gap: {record['gap']['p95']:.2g}", "gap: 0.001"))
    failed = own.dbt("test", "--select", "slow_student_sample")
    assert [said for name, said in failed.statuses.items() if "teacher_agrees" in name] == ["fail"]


def test_a_number_is_taught_to_a_tree(own: DbtProject) -> None:
    ended = distil(own, "--into", "tree", "--force", "--json", name="slow_spend")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    found = said(ended)
    assert found["gain_low"] <= found["gain"] <= found["gain_high"]
    assert found["metrics"]["teacher"]["rmse"] < found["metrics"]["student"]["rmse"] < 2
    assert found["backends"] == {"teacher": "estimator", "student": "native"}
    student = versions(own, "slow_spend")[1]
    assert student.calibration["method"] == "split" and student.provenance["size"] == found["size"]


def test_what_is_not_worth_it_is_said_and_not_registered(own: DbtProject) -> None:
    """A linear teacher has a program of its own, and knows no more than a linear student finds by itself."""
    early = world()[:700]
    fast = LogisticRegression().fit(early[FEATURES], early.stays)
    own.register(fast, "fast", early[FEATURES], early.stays, task="classification", alias="champion")
    given = ("--training", "rows", "--label", "stays", "--time", "day", "--into", "linear")
    ended = distil(own, *given, name="fast")
    assert ended.returncode == 10, ended.stdout + ended.stderr
    assert "not worth it: " in ended.stdout and "--force registers" in ended.stdout
    assert len(versions(own, "fast")) == 1
    forced = distil(own, *given, "--force", "--json", name="fast")
    found = said(forced)
    assert (forced.returncode, found["version"]) == (0, 2) and found["why_not"]
    assert found["backends"]["teacher"] != "estimator"


def test_who_cannot_teach_is_refused_before_or_after_the_rows_are_read(own: DbtProject) -> None:
    gone = distil(own, "--training", "rowz", "--label", "stays", "--time", "day")
    assert gone.returncode == 1 and "there is no dbt model 'rowz'" in gone.stderr
    assert distil(own, "--training", "rows").returncode == 2
    own.features("select id, day, amount, visits, age, stays from raw", name="rows")
    others = distil(own)
    assert others.returncode == 1 and "rows has no column 'weight'" in others.stderr.replace('"', "")
    own.features("select * from raw", name="rows")
    early = world()[:300]
    silent = make_pipeline(StandardScaler(), SVC()).fit(early[FEATURES], early.stays)
    own.register(silent, "silent", early[FEATURES], early.stays, task="classification", alias="champion")
    own.settings({"scorehouse_retrain": {"silent": SETTINGS}})
    refused = distil(own, name="silent")
    assert refused.returncode == 1 and "has no predict_proba" in refused.stderr
    assert "What to do: register it in a CalibratedClassifierCV" in refused.stderr
    assert "Traceback" not in gone.stderr + others.stderr + refused.stderr


def test_the_policy_comes_before_the_teacher(own: DbtProject) -> None:
    """A teacher whose bytes are not the registered ones, or whose format is not allowed, is never opened."""
    (teacher,) = versions(own)
    artifact = own.folder / teacher.artifact
    artifact.write_bytes(artifact.read_bytes() + b"x")
    altered = distil(own)
    assert altered.returncode == 1 and "sha256" in altered.stderr.lower()
    own.settings({"scorehouse_load_policy": {"formats": ["skops"]}})
    assert load_policy(own.folder)
    refused = distil(own, "--training", "rows", "--label", "stays", "--time", "day")
    assert refused.returncode == 1 and "the load policy does not allow" in refused.stderr
