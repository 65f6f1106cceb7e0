"""MLflow, a real one: import by every kind of reference, sync of aliases, export and back."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
from click.testing import CliRunner
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from scorehouse import promote
from scorehouse.cli.main import main
from scorehouse.errors import EstimatorError, RegistryError, SignatureError
from scorehouse.interop.mlflow_sync import plan_sync
from scorehouse.online.online_scorer import load
from scorehouse.registry.seeds import ModelSeeds

pytestmark = pytest.mark.foreign
mlflow = pytest.importorskip("mlflow", reason="needs the extra mlflow")
pytest.importorskip("skops", reason="needs the extra mlflow")


@pytest.fixture(scope="module")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite store without a model: making its tables takes MLflow a while."""
    file = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    mlflow.set_tracking_uri(f"sqlite:///{file}")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(file.parent)  # where the default experiment's files will be, whoever logs
        mlflow.MlflowClient().search_registered_models()
    return file


@pytest.fixture(params=["sqlite"])
def store(
    request: pytest.FixtureRequest, empty_database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> str:
    """An empty store, which sends nothing anywhere; where a test asks for it, of either kind."""
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.setenv("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.chdir(tmp_path)
    uri = f"file://{tmp_path}/store"
    if request.param == "sqlite":
        shutil.copy(empty_database, tmp_path / "mlflow.db")
        uri = f"sqlite:///{tmp_path}/mlflow.db"
    mlflow.set_tracking_uri(uri)
    return uri


both_stores = pytest.mark.parametrize("store", ["sqlite", "file"], indirect=True)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "dbt_project.yml").write_text("name: shop\n")
    return folder


def training(rows: int = 300) -> tuple[pd.DataFrame, pd.Series]:
    rng = np.random.default_rng(5)
    frame = pd.DataFrame({"amount": rng.normal(size=rows), "visits": rng.integers(0, 9, rows).astype(float)})
    return frame, (frame["amount"] + rng.normal(size=rows) / 4 > 0).astype(int)


def classifier(strength: float = 1.0) -> Any:
    frame, label = training()
    return make_pipeline(StandardScaler(), LogisticRegression(C=strength)).fit(frame, label)


def log(estimator: Any, flavor: str = "sklearn", *, name: str | None = "churn", example: int = 40) -> Any:
    """Log and register an estimator, with metric, signature and example."""
    frame, _ = training()
    module = getattr(mlflow, flavor)
    with mlflow.start_run():
        mlflow.log_metric("auc", 0.91)
        return module.log_model(
            estimator,
            name="model",
            registered_model_name=name,
            input_example=frame.head(example) if example else None,
            signature=mlflow.models.infer_signature(frame, estimator.predict(frame)),
            pip_requirements=["scikit-learn"],  # else MLflow imports everything once more to find them
        )


def run(*arguments: str | Path, code: int = 0) -> str:
    ended = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert ended.exit_code == code, (ended.output, ended.exception)
    return ended.output


def assert_same_scores(project: Path, name: str, estimator: Any) -> None:
    frame, _ = training()
    scored = load(name, project).predict(frame)
    assert np.array_equal(scored["score"], estimator.predict_proba(frame)[:, 1])


@both_stores
@pytest.mark.parametrize("kind", ["alias", "version", "run", "runs:/", "path"])
def test_import_by_every_kind_of_reference(store: str, project: Path, tmp_path: Path, kind: str) -> None:
    estimator = classifier()
    info = log(estimator)
    client = mlflow.MlflowClient()
    client.set_registered_model_alias("churn", "champion", "1")
    client.update_registered_model("churn", description="Who leaves")
    references = {
        "alias": "models:/churn@champion",
        "version": "models:/churn/1",
        "run": info.run_id,
        "runs:/": f"runs:/{info.run_id}/model",
        "path": mlflow.artifacts.download_artifacts("models:/churn/1", dst_path=str(tmp_path / "files")),
    }
    said = run(
        *("import", "mlflow", references[kind], "churn", "--alias", "champion"),
        *("--tracking-uri", store, "--project-dir", project, "--json"),
    )
    document = json.loads(said[said.index("{") :])
    row = document["version"]
    assert (row["name"], row["task"], row["training_rows"]) == ("churn", "classification", 40)
    assert row["metrics"] == {"auc": 0.91}
    assert row["description"] == ("Who leaves" if kind in ("alias", "version") else None)
    assert any("input example of 40 rows" in gap for gap in document["gaps"])
    assert_same_scores(project, "churn", estimator)


def test_no_store_is_made_where_none_is_named(
    store: str, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MLflow's default would be a new store in the current folder; a folder of files needs none."""
    place = tmp_path / "elsewhere"
    place.mkdir()
    log(classifier())
    folder = Path(mlflow.artifacts.download_artifacts("models:/churn/1", dst_path=str(tmp_path / "files")))
    monkeypatch.chdir(place)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    mlflow.set_tracking_uri("")
    named = ("--project-dir", project)
    run("import", "mlflow", folder, "churn", "--alias", "champion", *named)
    run("export", "mlflow", "churn@champion", "--folder", tmp_path / "exported", *named)
    for command in (
        ("import", "mlflow", "models:/churn@champion", "other"),
        ("import", "mlflow", "runs:/0123/model", "other"),
        ("import", "mlflow", "0" * 32, "other"),
        ("sync", "mlflow", "churn", "other", "--dry-run"),
        ("export", "mlflow", "churn@champion", "--register-as", "churn"),
    ):
        assert "no MLflow store is named" in run(*command, *named, code=1)
    assert list(place.iterdir()) == []


def test_an_export_keeps_its_files_beside_the_store(
    store: str, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from scorehouse import register

    frame, label = training()
    register(
        classifier(), "churn", frame, label, task="classification", alias="champion", project_dir=project
    )
    place = tmp_path / "elsewhere"
    place.mkdir()
    monkeypatch.chdir(place)
    export = ("export", "mlflow", "churn@champion", "--register-as", "churn", "--tracking-uri", store)
    for _ in range(2):
        run(*export, "--project-dir", project)
    assert list(place.iterdir()) == []
    assert len(list((tmp_path / "mlartifacts").glob("**/MLmodel"))) == 2


def test_types_are_those_of_the_signature_and_a_difference_is_a_gap(
    store: str, project: Path, tmp_path: Path
) -> None:
    frame, _ = training()
    estimator = classifier()
    declared = frame.astype({"visits": "int64"})
    with mlflow.start_run():
        mlflow.sklearn.log_model(
            estimator,
            name="model",
            registered_model_name="churn",
            input_example=declared.head(40),
            signature=mlflow.models.infer_signature(declared, estimator.predict(frame)),
            pip_requirements=["scikit-learn"],
        )
    frame.to_parquet(tmp_path / "train.parquet")
    command = ("import", "mlflow", "models:/churn/1", "churn", "--tracking-uri", store)
    assert "signature says" not in run(*command, "--project-dir", project)
    seeds = ModelSeeds(project, "churn")
    assert [feature["type"] for feature in seeds.features(1)] == ["double", "integer"]
    said = run(*command, "--features", tmp_path / "train.parquet", "--project-dir", project)
    assert "gap: MLflow's signature says that 'visits' is long; in the rows given it is double" in said
    assert "'amount' is" not in said
    assert [feature["type"] for feature in seeds.features(2)] == ["double", "double"]


def test_training_features_fill_the_gap(store: str, project: Path, tmp_path: Path) -> None:
    log(classifier())
    frame, _ = training()
    frame.to_parquet(tmp_path / "train.parquet")
    said = run(
        *("import", "mlflow", "models:/churn/1", "churn", "--features", tmp_path / "train.parquet"),
        *("--tracking-uri", store, "--project-dir", project),
    )
    assert "registered churn version 1" in said
    assert "input example" not in said
    assert ModelSeeds(project, "churn").versions()[0].training_rows == 300


@pytest.mark.parametrize("flavor", ["lightgbm", "xgboost"])
def test_boosters_with_the_interface_of_scikit_learn(store: str, project: Path, flavor: str) -> None:
    library = pytest.importorskip(flavor)
    frame, label = training()
    kind, quiet = {"lightgbm": ("LGBMClassifier", {"verbose": -1}), "xgboost": ("XGBClassifier", {})}[flavor]
    estimator = getattr(library, kind)(n_estimators=10, n_jobs=1, **quiet).fit(frame, label)
    log(estimator, flavor)
    run("import", "mlflow", "models:/churn/1", "churn", "--tracking-uri", store, "--project-dir", project)
    run("promote", "churn", "1", "--project-dir", project)
    assert_same_scores(project, "churn", estimator)
    assert flavor in ModelSeeds(project, "churn").versions()[0].libraries


def test_a_bare_booster_is_refused(store: str, project: Path) -> None:
    lightgbm = pytest.importorskip("lightgbm")
    frame, label = training()
    log(lightgbm.train({"verbose": -1, "objective": "binary"}, lightgbm.Dataset(frame, label), 3), "lightgbm")
    from scorehouse.interop.mlflow import import_model

    with pytest.raises(EstimatorError, match=r"bare Booster of lightgbm[\s\S]*LGBMClassifier"):
        import_model("models:/churn/1", "churn", tracking_uri=store, project_dir=project)
    assert not (project / "seeds").exists()


def test_what_cannot_be_imported_says_why(store: str, project: Path) -> None:
    from scorehouse.interop.mlflow import import_model

    def attempt(reference: str, **settings: Any) -> None:
        import_model(reference, "churn", tracking_uri=store, project_dir=project, **settings)

    log(Ridge().fit(*training()), example=0)
    with pytest.raises(SignatureError, match="has no input example"):
        attempt("models:/churn/1")
    with pytest.raises(SignatureError, match=r"signature has the features \['visits'\]"):
        attempt("models:/churn/1", features=training()[0][["amount"]])
    with pytest.raises(RegistryError, match=r"MLflow at .* answers"):
        attempt("models:/unknown@champion")


@both_stores
def test_sync_follows_aliases_and_shows_its_diff(store: str, project: Path) -> None:
    first, second = classifier(1.0), classifier(10.0)
    log(first)
    log(second)
    client = mlflow.MlflowClient()
    client.set_registered_model_alias("churn", "champion", "1")
    client.set_registered_model_alias("churn", "challenger", "2")
    client.set_registered_model_alias("churn", "Blue-Green", "2")
    sync = ("sync", "mlflow", "churn", "churn", "--tracking-uri", store, "--project-dir", project)

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
    plan = plan_sync("churn", "churn", tracking_uri=store, project_dir=project)
    moved = promote("churn", 1, alias="other", project_dir=project)
    with pytest.raises(RegistryError, match="have changed since the changes were computed"):
        plan.write()
    assert ModelSeeds(project, "churn").versions()[0] == moved


def test_export_to_a_folder_loads_in_mlflow(store: str, project: Path, tmp_path: Path) -> None:
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


def test_an_exported_version_is_known_when_it_comes_back(store: str, project: Path) -> None:
    from scorehouse import register

    frame, label = training()
    facts: dict[str, Any] = {"task": "classification", "metrics": {"auc": 0.9}, "project_dir": project}
    register(classifier(), "churn", frame, label, alias="champion", **facts)
    place = ("--tracking-uri", store, "--project-dir", project)
    said = run("export", "mlflow", "churn@champion", "--register-as", "churn", *place)
    assert "exported churn@champion to models:/churn/1" in said
    mlflow.MlflowClient().set_registered_model_alias("churn", "challenger", "1")
    said = run("sync", "mlflow", "churn", "churn", *place, "--yes")
    assert "import" not in said
    assert "move challenger to churn version 1" in said
    assert "gap: the alias 'champion' of churn version 1 is not in MLflow and stays" in said
    assert joblib.load(project / ModelSeeds(project, "churn").versions()[0].artifact).predict(frame).any()
