"""Between a real MLflow and the registry: sync of aliases, export and back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import sklearn

from mlflow_stores import assert_same_scores, both_stores, classifier, log, make_project, run, training
from scorehouse import promote
from scorehouse.errors import RegistryError
from scorehouse.interop.mlflow_sync import plan_sync
from scorehouse.registration.groups import grouped
from scorehouse.registry.seeds import ModelSeeds

pytestmark = pytest.mark.foreign
mlflow = pytest.importorskip("mlflow", reason="needs the extra mlflow")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return make_project(tmp_path / "project")


def test_an_export_keeps_its_files_beside_the_store(
    mlflow_store: str, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from scorehouse import register

    frame, label = training()
    register(
        classifier(), "churn", frame, label, task="classification", alias="champion", project_dir=project
    )
    place = tmp_path / "elsewhere"
    place.mkdir()
    monkeypatch.chdir(place)
    export = ("export", "mlflow", "churn@champion", "--register-as", "churn", "--tracking-uri", mlflow_store)
    for _ in range(2):
        run(*export, "--project-dir", project)
    assert list(place.iterdir()) == []
    assert len(list((tmp_path / "mlartifacts").glob("**/MLmodel"))) == 2


@both_stores
def test_sync_follows_aliases_and_shows_its_diff(mlflow_store: str, project: Path) -> None:
    first, second = classifier(1.0), classifier(10.0)
    log(first)
    log(second)
    client = mlflow.MlflowClient()
    client.set_registered_model_alias("churn", "champion", "1")
    client.set_registered_model_alias("churn", "challenger", "2")
    client.set_registered_model_alias("churn", "Blue-Green", "2")
    sync = ("sync", "mlflow", "churn", "churn", "--tracking-uri", mlflow_store, "--project-dir", project)

    said = run(*sync, "--dry-run", "--exit-code", code=3)
    assert "import models:/churn/2 as churn version" in said
    assert "+++ b/seeds/ml/churn/ml_churn.csv" in said
    assert "gap: the alias 'Blue-Green' cannot be used here" in said
    assert not (project / "seeds").exists()

    run(*sync, "--yes")
    assert (project / "macros/ml/churn.sql").exists()  # the compiled SQL that the registry names
    assert_same_scores(project, "churn@champion", first)
    assert_same_scores(project, "churn@challenger", second)
    assert "nothing to do" in run(*sync, "--dry-run", "--exit-code")

    client.set_registered_model_alias("churn", "champion", "2")
    said = run(*sync, "--yes")
    assert "move champion to churn version" in said
    changed = [line for line in said.splitlines() if line.startswith(("+++", "---"))]
    files = ("seeds/ml/churn/_ml_churn.yml", "seeds/ml/churn/ml_churn.csv")
    assert changed == [line for file in files for line in (f"--- a/{file}", f"+++ b/{file}")]
    assert_same_scores(project, "churn@champion", second)
    assert len(ModelSeeds(project, "churn").versions()) == 2

    client.set_registered_model_alias("churn", "champion", "1")
    plan = plan_sync("churn", "churn", tracking_uri=mlflow_store, project_dir=project)
    moved = promote("churn", 1, alias="other", project_dir=project)
    with pytest.raises(RegistryError, match="have changed since the changes were computed"):
        plan.write()
    assert ModelSeeds(project, "churn").versions()[0] == moved


def test_export_to_a_folder_loads_in_mlflow(mlflow_store: str, project: Path, tmp_path: Path) -> None:
    from scorehouse import register

    frame, label = training()
    estimator = classifier()
    register(estimator, "churn", frame, label, task="classification", alias="champion", project_dir=project)
    folder = tmp_path / "exported"
    run("export", "mlflow", "churn@champion", "--folder", folder, "--project-dir", project)
    again = mlflow.pyfunc.load_model(str(folder))
    assert np.array_equal(again.predict(frame), estimator.predict(frame))
    assert again.metadata.metadata["scorehouse_version"] == 1
    assert f"scikit-learn=={sklearn.__version__}" in (folder / "requirements.txt").read_text().splitlines()
    inputs = again.metadata.signature.inputs
    assert inputs.input_names() == ["amount", "visits"]
    assert inputs.required_input_names() == ["amount", "visits"]


def test_an_exported_version_is_known_when_it_comes_back(mlflow_store: str, project: Path) -> None:
    from scorehouse import register

    frame, label = training()
    facts: dict[str, Any] = {"task": "classification", "metrics": {"auc": 0.9}, "project_dir": project}
    register(classifier(), "churn", frame, label, alias="champion", **grouped(facts))
    place = ("--tracking-uri", mlflow_store, "--project-dir", project)
    said = run("export", "mlflow", "churn@champion", "--register-as", "churn", *place)
    assert "exported churn@champion to models:/churn/1" in said
    mlflow.MlflowClient().set_registered_model_alias("churn", "challenger", "1")
    said = run("sync", "mlflow", "churn", "churn", *place, "--yes")
    assert "import" not in said
    assert "move challenger to churn version 1" in said
    assert "gap: the alias 'champion' of churn version 1 is not in MLflow and stays" in said
    assert joblib.load(project / ModelSeeds(project, "churn").versions()[0].artifact).predict(frame).any()
