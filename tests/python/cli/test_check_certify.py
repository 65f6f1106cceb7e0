"""`scorehouse check --certify` says what equals the estimator for every input, and finds what does not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures

from altered_programs import packed, unpacked, with_entry
from scorehouse import register
from scorehouse.cli.main import main
from scorehouse.registration.groups import grouped
from scorehouse.registry.artifact import PROGRAM_FILE
from scorehouse.registry.storage import sha256

EQUAL = "certified for every input: trees, links, preprocessing, inputs, sql, checks of sql, reasons"


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with trees, a step that the reader does not know, and a version without a program."""
    folder = tmp_path_factory.mktemp("certified")
    (folder / "dbt_project.yml").write_text("name: house\n")
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(120, 2)), columns=["a", "b"])
    models = {
        "churn": (RandomForestClassifier(3, max_depth=3, random_state=0), {}),
        "curved": (make_pipeline(PolynomialFeatures(), LogisticRegression()), {}),
        "plain": (LogisticRegression(), {"program": False}),
    }
    for name, (estimator, facts) in models.items():
        y = X["a"] * X["b"] > 0
        known = grouped({"task": "classification", **facts})
        register(estimator.fit(X, y), name, X, y, project_dir=folder, **known)
    return folder


@pytest.fixture
def project(certified: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(certified, tmp_path / "house"))


def check(project: Path, *options: str) -> Result:
    return CliRunner().invoke(main, ["check", "--project-dir", str(project), *options])


def with_leaf(project: Path, move: float) -> None:
    """Move one leaf of the stored forest, and register the digest of the new file."""
    file, seed = project / "artifacts/churn/1" / PROGRAM_FILE, project / "seeds/ml/churn/ml_churn.csv"
    before, whole = sha256(file.read_bytes()), unpacked(file.read_bytes())
    leaf = int(np.flatnonzero(whole["left"] < 0)[0])
    file.write_bytes(packed(with_entry(whole, "value", (leaf, 0), whole["value"][leaf, 0] + move)))
    seed.write_text(seed.read_text().replace(before, sha256(file.read_bytes())))


def test_it_says_what_is_certified_and_what_is_not(project: Path) -> None:
    ended = check(project, "--certify")
    assert ended.exit_code == 0, ended.output
    lines = [line.strip() for line in ended.output.splitlines()]
    assert EQUAL in lines
    assert "proven on rows only: preprocessing (the step PolynomialFeatures is not read)" in lines
    assert "certified for every input: products, links, inputs" in lines
    assert sum(line.startswith("certified for every input") for line in lines) == 2
    assert lines[-1] == "3 versions of 3 ML models, no fault"


def test_json_has_all_of_it(project: Path) -> None:
    (item,) = json.loads(check(project, "churn", "--certify", "--json").output)
    found = item["certificate"]
    assert (found["reader"], found["reader_version"], found["differences"]) == (
        "scorehouse.certificate",
        3,
        [],
    )
    assert {"name": "trees", "certified": True, "reason": "", "within": ""} in found["parts"]
    assert all(part["certified"] for part in found["parts"])
    assert json.loads(check(project, "churn", "--json").output)[0]["certificate"] is None


def test_a_difference_is_a_fault(project: Path) -> None:
    with_leaf(project, 1e-9)
    assert check(project).exit_code == 0
    ended = check(project, "churn", "--certify")
    assert ended.exit_code == 1
    assert (
        "the program of churn version 1 is not its estimator: trees: tree 0, node 2: the values of"
        in ended.output
    )
    assert "(expected: a program that equals its estimator): run `scorehouse compile churn`" in ended.output
    assert "proven on rows only: trees (it differs: tree 0, node" in ended.output
    assert len(json.loads(check(project, "--certify", "--json").output)[0]["certificate"]["differences"]) == 1


def test_policy_and_digests_come_first(project: Path) -> None:
    (project / "dbt_project.yml").write_text(
        "name: house\nvars:\n  scorehouse_load_policy: {estimator: never}\n"
    )
    ended = check(project, "churn", "--certify")
    assert ended.exit_code == 1 and "certified" not in ended.output
    (project / "dbt_project.yml").write_text("name: house\n")
    artifact = next((project / "artifacts/churn/1").glob("model.*"))
    artifact.write_bytes(b"another estimator")
    ended = check(project, "churn", "--certify")
    assert ended.exit_code == 1 and "certified" not in ended.output


def test_what_does_not_go_together(project: Path) -> None:
    ended = check(project, "--certify", "--no-load")
    assert ended.exit_code == 1 and "--certify and --no-load are both given" in ended.output
    ended = check(project, "chrun")
    assert ended.exit_code == 1 and "there is no ML model 'chrun'; did you mean 'churn'?" in ended.output
