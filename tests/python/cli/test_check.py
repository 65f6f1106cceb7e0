"""`scorehouse check` finds each fault that would stop a version from scoring, and nothing else."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from sklearn.linear_model import LogisticRegression

from scorehouse import Card, register
from scorehouse.cli.main import main
from scorehouse.registration.groups import grouped
from scorehouse.registry.storage import sha256


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with two versions of one ML model, and one of another, which only its estimator scores."""
    folder = tmp_path_factory.mktemp("sound")
    (folder / "dbt_project.yml").write_text("name: house\n")
    X = np.random.default_rng(0).normal(size=(60, 2))
    for name, C, alias in (("churn", 1.0, "champion"), ("churn", 2.0, "challenger"), ("fraud", 1.0, None)):
        estimator = LogisticRegression(C=C).fit(X, X[:, 0] > 0)
        facts: dict[str, Any] = {"task": "classification", "feature_names": ["a", "b"], "alias": alias}
        register(estimator, name, X, project_dir=folder, **grouped({"program": name != "fraud", **facts}))
    return folder


@pytest.fixture
def project(sound: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sound, tmp_path / "house"))


def check(project: Path, *options: str) -> Result:
    return CliRunner().invoke(main, ["check", "--project-dir", str(project), *options])


def test_sound_project(project: Path) -> None:
    ended = check(project)
    assert ended.exit_code == 0, ended.output
    _, *lines, blank, counts = ended.output.splitlines()
    assert (blank, counts) == ("", "3 versions of 2 ML models, no fault")
    assert [line.split() for line in lines] == [
        ["churn", "1", "champion", "ok"],
        ["churn", "2", "challenger", "ok"],
        ["fraud", "1", "-", "ok"],
    ]
    items = json.loads(check(project, "--json").output)
    assert [(item["name"], item["version"], item["faults"]) for item in items] == [
        ("churn", 1, []),
        ("churn", 2, []),
        ("fraud", 1, []),
    ]


def test_nothing_registered(tmp_path: Path) -> None:
    (tmp_path / "dbt_project.yml").write_text("name: house\n")
    ended = check(tmp_path)
    assert (ended.exit_code, "no ML model is registered yet" in ended.output) == (0, True)


def replace_in(path: str, old: str, new: str) -> Callable[[Path], None]:
    def change(project: Path) -> None:
        text = (project / path).read_text()
        assert old in text
        (project / path).write_text(text.replace(old, new, 1))

    return change


def garbage_registered(project: Path) -> None:
    """Bytes that no loader can open, with their digest in the registry."""
    model = project / "artifacts/churn/2/model.joblib"
    before, after = sha256(model.read_bytes()), sha256(b"garbage")
    model.write_bytes(b"garbage")
    for file in ("ml_churn.csv", "_ml_churn.yml"):
        replace_in(f"seeds/ml/churn/{file}", before, after)(project)


def without_reference(project: Path) -> None:
    file = project / "seeds/ml/churn/ml_churn__reference.csv"
    file.write_text("".join(line for line in file.open() if not line.startswith("2,")))


def doubled_version(project: Path) -> None:
    file = project / "seeds/ml/churn/ml_churn.csv"
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join([*lines, lines[-1]]))


POLICY = "name: house\nvars:\n  scorehouse_load_policy: "
# what is done to the project -> what is said, and whether it is found without loading
FAULTS: dict[str, tuple[Callable[[Path], Any], str, bool]] = {
    "artifact gone": (lambda h: (h / "artifacts/churn/2/model.joblib").unlink(), "cannot be read", True),
    "artifact damaged": (
        lambda h: (h / "artifacts/churn/2/model.joblib").open("ab").write(b"x"),
        "expected: the registered sha256",
        True,
    ),
    "artifact unreadable": (garbage_registered, "does not load", False),
    "signature gone": (lambda h: (h / "artifacts/churn/2/signature.json").unlink(), "cannot be read", True),
    "signature changed": (
        replace_in("artifacts/churn/2/signature.json", "true", "false"),
        "expected: the registered sha256",
        True,
    ),
    "signature seed changed": (
        replace_in("seeds/ml/churn/ml_churn__signature.csv", "2,1,a,double", "2,1,a,string"),
        "differ from the signature file",
        True,
    ),
    "no reference": (without_reference, "ml_churn__reference has no rows", True),
    "alias twice": (
        replace_in("seeds/ml/churn/ml_churn.csv", "churn,2,challenger", "churn,2,champion"),
        "the alias 'champion' is on 2 versions",
        True,
    ),
    "version twice": (doubled_version, "churn version 2 is there 2 times", True),
    "another ML model": (
        replace_in("seeds/ml/churn/ml_churn.csv", "churn,2", "other,2"),
        "rows of another ML model, 'other'",
        True,
    ),
    "registry damaged": (
        replace_in("seeds/ml/churn/ml_churn.csv", "name,version", "name,number"),
        "its columns are",
        True,
    ),
    "path out": (
        replace_in("seeds/ml/churn/ml_churn.csv", "artifacts/churn/2", "../churn/2"),
        "leads out of the project",
        True,
    ),
    "format forbidden": (
        lambda h: (h / "dbt_project.yml").write_text(POLICY + "{formats: [skops]}\n"),
        "which the load policy does not allow",
        True,
    ),
    "other method": (
        replace_in("seeds/ml/churn/ml_churn.csv", "predict_proba,argmax", "transform,argmax"),
        "score_method is 'transform', and its backends were proven with 'predict_proba'",
        True,
    ),
    "other library": (
        replace_in("seeds/ml/fraud/ml_fraud.csv", "predict_proba,argmax", "transform,argmax"),
        "has no method 'transform'",
        False,
    ),
}


@pytest.mark.parametrize(("change", "says", "without_loading"), FAULTS.values(), ids=FAULTS)
def test_fault_is_found(
    change: Callable[[Path], Any], says: str, without_loading: bool, project: Path
) -> None:
    change(project)
    ended = check(project)
    assert ended.exit_code == 1
    assert says in ended.output and "FAULT" in ended.output
    quick = check(project, "--no-load", "--json")
    assert (quick.exit_code == 1) == without_loading
    assert any(item["faults"] for item in json.loads(quick.output)) == without_loading


def test_a_warning_is_no_fault(project: Path) -> None:
    (project / "dbt_project.yml").write_text(POLICY + "{library_versions: warn}\n")
    file = project / "seeds/ml/fraud/ml_fraud.csv"
    import sklearn

    file.write_text(file.read_text().replace(f",{sklearn.__version__},", ",1.5.0,"))
    ended = check(project)
    assert ended.exit_code == 0
    assert "warning" in ended.output and "was saved by scikit-learn 1.5.0" in ended.output


def test_a_misspelt_policy_is_an_error(project: Path) -> None:
    (project / "dbt_project.yml").write_text(POLICY + "{format: [skops]}\n")
    ended = check(project)
    assert ended.exit_code == 1
    assert "unknown settings format" in ended.output


def test_labels_that_dbt_would_render_are_no_fault(project: Path) -> None:
    """The YAML of the seed writes braces so that dbt gives them back; the seed has them as they are."""
    X = np.random.default_rng(0).normal(size=(60, 2))
    estimator = LogisticRegression().fit(X, np.array(["a", "b", "{{ c }}"] * 20))
    register(
        estimator, "odd", X, task="classification", card=Card(feature_names=["a", "b"]), project_dir=project
    )
    ended = check(project)
    assert ended.exit_code == 0, ended.output
