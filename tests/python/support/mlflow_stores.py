"""Stores of a real MLflow, and what is logged to them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from scorehouse.cli.main import main
from scorehouse.online.online_scorer import load

mlflow = pytest.importorskip("mlflow", reason="needs the extra mlflow")
pytest.importorskip("skops", reason="needs the extra mlflow")
both_stores = pytest.mark.parametrize("mlflow_store", ["sqlite", "file"], indirect=True)


def make_empty_database(folder: Path) -> Path:
    """An SQLite store without a model: making its tables takes MLflow a while."""
    file = folder / "mlflow.db"
    mlflow.set_tracking_uri(f"sqlite:///{file}")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)  # where the default experiment's files will be, whoever logs
        mlflow.MlflowClient().search_registered_models()
    return file


def open_store(kind: str, empty_database: Path, folder: Path, patch: pytest.MonkeyPatch) -> str:
    """The address of an empty store in a folder, which sends nothing anywhere."""
    patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    patch.setenv("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    patch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    patch.chdir(folder)
    uri = f"file://{folder}/store"
    if kind == "sqlite":
        shutil.copy(empty_database, folder / "mlflow.db")
        uri = f"sqlite:///{folder}/mlflow.db"
    mlflow.set_tracking_uri(uri)
    return uri


def make_project(folder: Path) -> Path:
    """A folder that registration takes for a dbt project."""
    folder.mkdir()
    (folder / "dbt_project.yml").write_text(
        "name: shop\nvars: {scorehouse_compiled_sql: {dialects: [duckdb]}}\n"
    )
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
    scored = load(name, project, backend="estimator").predict(frame)  # to the last bit
    assert np.array_equal(scored["score"], estimator.predict_proba(frame)[:, 1])
