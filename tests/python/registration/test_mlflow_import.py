"""Import from a real MLflow: by every kind of reference, of every flavor that can be, or refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sklearn.linear_model import Ridge

from mlflow_stores import assert_same_scores, both_stores, classifier, log, make_project, run, training
from scorehouse.errors import EstimatorError, RegistryError, SignatureError
from scorehouse.registry.seeds import ModelSeeds

pytestmark = pytest.mark.foreign
mlflow = pytest.importorskip("mlflow", reason="needs the extra mlflow")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return make_project(tmp_path / "project")


@both_stores
@pytest.mark.parametrize("kind", ["alias", "version", "run", "runs:/", "path"])
def test_import_by_every_kind_of_reference(
    mlflow_store: str, project: Path, tmp_path: Path, kind: str
) -> None:
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
        *("--tracking-uri", mlflow_store, "--project-dir", project, "--json"),
    )
    document = json.loads(said[said.index("{") :])
    row = document["version"]
    assert (row["name"], row["task"], row["training_rows"]) == ("churn", "classification", 40)
    assert row["metrics"] == {"auc": 0.91}
    assert row["description"] == ("Who leaves" if kind in ("alias", "version") else None)
    assert any("input example of 40 rows" in gap for gap in document["gaps"])
    assert_same_scores(project, "churn", estimator)


def test_no_store_is_made_where_none_is_named(
    mlflow_store: str, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
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


def test_types_are_those_of_the_signature_and_a_difference_is_a_gap(
    mlflow_store: str, project: Path, tmp_path: Path
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
    command = ("import", "mlflow", "models:/churn/1", "churn", "--tracking-uri", mlflow_store)
    assert "signature says" not in run(*command, "--project-dir", project)
    seeds = ModelSeeds(project, "churn")
    assert [feature["type"] for feature in seeds.features(1)] == ["double", "integer"]
    said = run(*command, "--features", tmp_path / "train.parquet", "--project-dir", project)
    assert "gap: MLflow's signature says that 'visits' is long; in the rows given it is double" in said
    assert "'amount' is" not in said
    assert [feature["type"] for feature in seeds.features(2)] == ["double", "double"]


def test_training_features_fill_the_gap(mlflow_store: str, project: Path, tmp_path: Path) -> None:
    log(classifier())
    frame, _ = training()
    frame.to_parquet(tmp_path / "train.parquet")
    said = run(
        *("import", "mlflow", "models:/churn/1", "churn", "--features", tmp_path / "train.parquet"),
        *("--tracking-uri", mlflow_store, "--project-dir", project),
    )
    assert "registered churn version 1" in said
    assert "input example" not in said
    assert ModelSeeds(project, "churn").versions()[0].training_rows == 300


@pytest.mark.parametrize("flavor", ["lightgbm", "xgboost"])
def test_boosters_with_the_interface_of_scikit_learn(mlflow_store: str, project: Path, flavor: str) -> None:
    library = pytest.importorskip(flavor)
    frame, label = training()
    kind, quiet = {"lightgbm": ("LGBMClassifier", {"verbose": -1}), "xgboost": ("XGBClassifier", {})}[flavor]
    estimator = getattr(library, kind)(n_estimators=10, n_jobs=1, **quiet).fit(frame, label)
    log(estimator, flavor)
    run(
        "import",
        "mlflow",
        "models:/churn/1",
        "churn",
        "--tracking-uri",
        mlflow_store,
        "--project-dir",
        project,
    )
    run("promote", "churn", "1", "--project-dir", project)
    assert_same_scores(project, "churn", estimator)
    assert flavor in ModelSeeds(project, "churn").versions()[0].libraries


def test_a_bare_booster_is_refused(mlflow_store: str, project: Path) -> None:
    lightgbm = pytest.importorskip("lightgbm")
    frame, label = training()
    log(lightgbm.train({"verbose": -1, "objective": "binary"}, lightgbm.Dataset(frame, label), 3), "lightgbm")
    from scorehouse.interop.mlflow import import_model

    with pytest.raises(EstimatorError, match=r"bare Booster of lightgbm[\s\S]*LGBMClassifier"):
        import_model("models:/churn/1", "churn", tracking_uri=mlflow_store, project_dir=project)
    assert not (project / "seeds").exists()


def test_what_cannot_be_imported_says_why(mlflow_store: str, project: Path) -> None:
    from scorehouse.interop.mlflow import import_model

    def attempt(reference: str, **settings: Any) -> None:
        import_model(reference, "churn", tracking_uri=mlflow_store, project_dir=project, **settings)

    log(Ridge().fit(*training()), example=0)
    with pytest.raises(SignatureError, match="has no input example"):
        attempt("models:/churn/1")
    with pytest.raises(SignatureError, match=r"signature has the features visits"):
        attempt("models:/churn/1", features=training()[0][["amount"]])
    with pytest.raises(RegistryError, match=r"MLflow at .* answers"):
        attempt("models:/unknown@champion")
