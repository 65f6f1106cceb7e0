"""The one gate before any file that can run code: every command asks the load policy first."""

from __future__ import annotations

import ast
import hashlib
import pickle
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import joblib
import numpy as np
import pandas as pd
import pytest
import yaml
from click.testing import CliRunner
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

import scorehouse
from scorehouse import Storage, register
from scorehouse.cli.main import main
from scorehouse.errors import LoadRefusedError
from scorehouse.registry.seeds import ModelSeeds

SCOREHOUSE = Path(sys.executable).with_name("scorehouse")
STRICT = "name: house\nvars:\n  scorehouse_load_policy: {formats: [skops], pickle: refuse}\n"
OPEN = "name: house\n"
X = pd.DataFrame({"age": np.arange(40.0), "visits": np.arange(40) % 7})
TRAINING = ("--features", "{project}/train.csv")
LABELS = ("--labels", "l", "--label", "y", "--time", "day")
STORE = ("--tracking-uri", "sqlite:///{project}/mlflow.db")


class Canary:
    """An estimator whose pickle leaves a file behind when it is opened."""

    def __init__(self, sign: Path) -> None:
        self.sign = sign

    def __reduce__(self) -> tuple[Any, ...]:
        estimator = pickle.dumps(LogisticRegression().fit(X, np.arange(40) > 20))
        touch, load = f"__import__('pathlib').Path({str(self.sign)!r}).touch()", "__import__('pickle').loads"
        code = f"({touch}, {load}({estimator!r}))[1]"
        return eval, (code,)


@dataclass(frozen=True)
class CanaryProject:
    """A project whose registered version, given file and logged MLflow model are canaries."""

    folder: Path

    @property
    def sign(self) -> Path:
        return self.folder / "opened"

    def run(self, arguments: tuple[str, ...], settings: str) -> tuple[bool, str]:
        """Whether a command opened a canary, and what it printed."""
        self.sign.unlink(missing_ok=True)
        (self.folder / "dbt_project.yml").write_text(settings)
        spelled = [argument.format(project=self.folder) for argument in arguments]
        ended = CliRunner().invoke(main, [*spelled, "--project-dir", str(self.folder)])
        assert ended.exception is None or isinstance(ended.exception, SystemExit), ended.exception
        return self.sign.exists(), ended.output


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> CanaryProject:
    tmp_path = tmp_path_factory.mktemp("house")
    made = CanaryProject(tmp_path)
    (tmp_path / "dbt_project.yml").write_text(OPEN)
    estimator = LogisticRegression().fit(X, np.arange(40) > 20)
    X.to_csv(tmp_path / "train.csv", index=False)
    version = register(
        estimator,
        "churn",
        X,
        task="classification",
        alias="champion",
        storage=Storage(program=False),
        project_dir=tmp_path,
    )
    joblib.dump(Canary(made.sign), tmp_path / "given.joblib")
    data = (tmp_path / "given.joblib").read_bytes()
    (tmp_path / version.artifact).write_bytes(data)
    registry = ModelSeeds(tmp_path, "churn").registry_file
    digest = hashlib.sha256(data).hexdigest()
    registry.write_text(registry.read_text().replace(version.sha256, digest))
    return made


# Every command, with arguments by which it would come to open an artifact, and whether it does when it may.
COMMANDS: dict[tuple[str, ...], tuple[bool, tuple[str, ...]]] = {
    ("register",): (
        True,
        ("other", "{project}/given.joblib", *TRAINING, "--task", "classification", "--no-program"),
    ),
    ("promote",): (False, ("churn", "1", "--alias", "second")),
    ("list",): (False, ()),
    ("check",): (True, ()),
    ("init",): (False, ("other", "--features", "f", "--key", "id", "--label", "y", "--yes")),
    ("scaffold", "predictions"): (False, ("churn", "--features", "f", "--key", "id", "--yes")),
    ("scaffold", "tests"): (False, ("churn", "--table", "f")),
    ("scaffold", "mart"): (False, ("churn", "--key", "id", "--yes")),
    ("scaffold", "monitors"): (False, ("churn", "--features", "f", "--key", "id", "--yes")),
    ("scaffold", "retraining"): (False, ("churn", "--features", "f", "--key", "id", *LABELS, "--yes")),
    ("scaffold", "student"): (False, ("churn", "--features", "f", "--key", "id", "--yes")),
    ("scaffold", "exposure"): (
        False,
        ("churn", "--table", "churn_predictions", "--owner", "x", "--email", "x@x.x", "--yes"),
    ),
    ("evidence", "sign"): (False, ("churn", "--key", "{project}/key.pem")),
    ("show",): (False, ("churn",)),
    ("diff",): (False, ("churn", "1", "1")),
    ("importance",): (True, ("churn", *TRAINING)),
    ("reference",): (True, ("churn", *TRAINING)),
    ("compile",): (True, ("churn", *TRAINING)),
    ("archive",): (False, ("churn",)),
    ("import", "mlflow"): (True, ("{project}/logged", "other", *TRAINING, *STORE)),
    ("sync", "mlflow"): (True, ("canary", "other", "--dry-run", *STORE)),
    ("export", "mlflow"): (True, ("churn@champion", "--folder", "{project}/out", *STORE)),
}
# These read a warehouse, or nothing: no artifact is within their reach.
WITHOUT_ARTIFACTS = {
    ("report",),
    ("runs",),
    ("status",),
    ("rehearse",),
    ("forget",),
    ("evidence", "seal"),
    ("evidence", "verify"),
    ("export", "monitoring"),
    ("export", "alerts"),
    ("export", "predictions"),
    ("completion",),
}
# These read a run log first, or run dbt, and open by `artifact.load`, as `dbt run` does.
OPENED_BY_A_RUN = {
    *(("replay",), ("explain",), ("answer",), ("score",), ("impact",)),
    *(("evidence", "pack"), ("retrain",), ("mcp",), ("distil",)),
}
MLFLOW = {path for path in COMMANDS if path[-1] == "mlflow"}


def leaves(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if not isinstance(command, click.Group):
        yield path
        return
    for name, part in command.commands.items():
        yield from leaves(part, (*path, name))


def test_no_command_is_forgotten() -> None:
    assert set(leaves(main)) - OPENED_BY_A_RUN == set(COMMANDS) | WITHOUT_ARTIFACTS


@pytest.mark.parametrize("path", [path for path in COMMANDS if path not in MLFLOW], ids=" ".join)
def test_no_command_opens_what_the_policy_refuses(path: tuple[str, ...], project: CanaryProject) -> None:
    opens, arguments = COMMANDS[path]
    refused, told = project.run((*path, *arguments), STRICT)
    assert not refused, told
    if opens:
        assert "as 'joblib', which the load policy does not allow" in told
    assert project.run((*path, *arguments), OPEN)[0] == opens


@pytest.mark.foreign
def test_no_mlflow_command_opens_what_the_policy_refuses(
    project: CanaryProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A logged pickle; a skops file that vouches for itself; a harmless skops file with code beside it."""
    mlflow = pytest.importorskip("mlflow", reason="needs the extra mlflow")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.chdir(project.folder)
    mlflow.set_tracking_uri(f"sqlite:///{project.folder}/mlflow.db")
    with mlflow.start_run():
        info = mlflow.sklearn.log_model(
            LogisticRegression().fit(X, np.arange(40) > 20),
            name="model",
            registered_model_name="canary",
            serialization_format="cloudpickle",
            input_example=X,
            pip_requirements=["scikit-learn"],
        )
    mlflow.MlflowClient().set_registered_model_alias("canary", "champion", "1")
    mlflow.artifacts.download_artifacts(info.model_uri, dst_path=str(project.folder / "logged"))
    for file in project.folder.rglob("model.pkl"):
        file.write_bytes(pickle.dumps(Canary(project.sign)))
    for path in sorted(MLFLOW):
        opens, arguments = COMMANDS[path]
        refused, told = project.run((*path, *arguments), STRICT)
        assert not refused and "which the load policy does not allow" in told, (path, told)
        assert project.run((*path, *arguments), OPEN)[0] == opens, path
    _skops_is_not_asked_what_it_trusts(project, mlflow)


def _skops_is_not_asked_what_it_trusts(project: CanaryProject, mlflow: Any) -> None:
    told = _imported(project, mlflow, DecisionTreeClassifier(max_depth=2), ["sklearn.tree._tree.Tree"])
    assert "contains types that are not trusted: sklearn.tree._tree.Tree" in told
    told = _imported(project, mlflow, LogisticRegression(), [], code="code")
    assert "contains code, which counts as 'joblib'" in told


def _imported(
    project: CanaryProject, mlflow: Any, estimator: Any, vouched: list[str], code: str | None = None
) -> str:
    """What the import of a skops file says under the strict policy."""
    folder = project.folder / type(estimator).__name__
    mlflow.sklearn.save_model(
        estimator.fit(X, np.arange(40) > 20),
        str(folder),
        serialization_format="skops",
        skops_trusted_types=vouched,
        pip_requirements=["scikit-learn"],
    )
    document = yaml.safe_load((folder / "MLmodel").read_text())
    document["flavors"]["sklearn"]["code"] = code
    (folder / "MLmodel").write_text(yaml.safe_dump(document))
    return project.run(("import", "mlflow", str(folder), "other", *TRAINING, *STORE), STRICT)[1]


@pytest.mark.slow
def test_the_command_line_itself(project: CanaryProject) -> None:
    """The file is a pickle, whatever is to be made of it."""
    project.sign.unlink(missing_ok=True)
    (project.folder / "dbt_project.yml").write_text(STRICT)
    registered = [SCOREHOUSE, "register", "other", "given.joblib", "--features", "train.csv"]
    ended = subprocess.run(
        [*registered, "--task", "classification", "--format", "skops"],
        cwd=project.folder,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 1 and not project.sign.exists()
    assert "is read as 'joblib', which the load policy does not allow" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_online_asks_too(project: CanaryProject) -> None:
    project.run(("compile", "churn", *TRAINING), OPEN)
    project.sign.unlink(missing_ok=True)
    (project.folder / "dbt_project.yml").write_text(STRICT)
    with pytest.raises(LoadRefusedError):
        scorehouse.load("churn", project.folder, backend="estimator")
    row = {"age": 30.0, "visits": 3}
    assert scorehouse.load("churn", project.folder).predict(row)["row_status"] == "scored"  # by its backend
    assert not project.sign.exists()


OPENERS = {
    ("joblib", "load"),
    ("pickle", "load"),
    ("pickle", "loads"),
    ("cloudpickle", "load"),
    ("cloudpickle", "loads"),
    ("skops", "load"),
    ("skops", "loads"),
    ("format", "load"),
    ("format", "open"),
}


PIPE = "registration/native_file.py"  # reads from the process that started it, never a file


@pytest.mark.slow
def test_artifacts_are_opened_in_one_place() -> None:
    """Outside the formats and the gate, no line of the package opens an estimator by itself."""
    source = Path(scorehouse.__file__).parent
    found = []
    for file in source.rglob("*.py"):
        inside = file.relative_to(source).as_posix()
        if inside.startswith("registry/formats/") or inside in ("registry/artifact.py", PIPE):
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            owner = node.func.value
            name = (
                owner.id
                if isinstance(owner, ast.Name)
                else "format"
                if isinstance(owner, ast.Subscript)
                else ""
            )
            if (name, node.func.attr) in OPENERS:
                found.append(f"{inside}:{node.lineno}")
    assert found == []
