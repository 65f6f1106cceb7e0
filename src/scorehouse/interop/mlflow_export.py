"""Export to MLflow: a registered version becomes an MLflow model, in a folder or in a store."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from scorehouse.errors import ConfigurationError
from scorehouse.interop.mlflow import remember
from scorehouse.interop.mlflow_store import Origin, Store
from scorehouse.online.online_scorer import OnlineModel, load
from scorehouse.project.folder import find_project
from scorehouse.registry.version import MULTILABEL

TYPES = {
    "double": "double",
    "integer": "long",
    "boolean": "boolean",
    "string": "string",
    "timestamp": "datetime",
}
SQLITE = "sqlite:///"
EXPERIMENT = "scorehouse"
CHOSEN = ("MLFLOW_EXPERIMENT_NAME", "MLFLOW_EXPERIMENT_ID")


def export_model(
    reference: str,
    *,
    folder: Path | None = None,
    registered_name: str | None = None,
    tracking_uri: str | None = None,
    project_dir: str | Path | None = None,
) -> str:
    """Export `churn@champion` as an MLflow model of the flavor sklearn; returns its URI or folder.

    Pass either `folder`, to get only the files, or `registered_name`, to log it in a run of the store and
    register it there under that name. The signature is exported too, with features that accept no missing
    value as required columns; so are metrics, and digest and version as metadata. The artifact's digest is
    checked before it is loaded.
    """
    call = f"export_model({reference!r})"
    if (folder is None) == (registered_name is None):
        raise ConfigurationError(
            call,
            "the place to export to is not clear",
            expected="either a folder or a registered name",
            action="give one of --folder and --register-as",
        )
    store = Store(tracking_uri, call)
    project = find_project(project_dir)
    model = load(reference, project, backend="estimator")
    settings = _settings(store.mlflow, model)
    if folder is not None:
        store.asked(lambda: store.mlflow.sklearn.save_model(model.kernel.estimator, str(folder), **settings))
        return str(folder)
    origin = _logged(store, model, str(registered_name), settings)
    remember(project, model.version, origin)
    return origin.uri


def _logged(store: Store, model: OnlineModel, registered_name: str, settings: dict[str, Any]) -> Origin:
    mlflow, version = store.mlflow, model.version
    with mlflow.start_run(run_name=version.label, experiment_id=_experiment(store)) as run:
        mlflow.log_metrics(dict(version.metrics))
        info = store.asked(
            lambda: mlflow.sklearn.log_model(
                model.kernel.estimator, name="model", registered_model_name=registered_name, **settings
            )
        )
    number = int(info.registered_model_version)
    return Origin(
        f"models:/{registered_name}/{number}", registered_name, number, run.info.run_id, info.model_id
    )


def _experiment(store: Store) -> str | None:
    """None for MLflow's own choice; for a plain SQLite file, an experiment that keeps its files next to it.

    MLflow's default experiment would keep them in `mlruns` in the folder from which it was first called.
    """
    store.require_named()
    if not store.uri.startswith(SQLITE) or any(name in os.environ for name in CHOSEN):
        return None
    found = store.client.get_experiment_by_name(EXPERIMENT)
    if found is not None:
        return str(found.experiment_id)
    folder = Path(store.uri.removeprefix(SQLITE)).resolve().parent / "mlartifacts"
    return str(store.client.create_experiment(EXPERIMENT, artifact_location=folder.as_uri()))


def _settings(mlflow: Any, model: OnlineModel) -> dict[str, Any]:
    version = model.version
    libraries = {**version.libraries, "scikit-learn": version.sklearn_version}
    return {
        "signature": _signature(mlflow, model),
        # as registered, not as in this environment
        "pip_requirements": [f"{name}=={number}" for name, number in sorted(libraries.items())],
        # skops trusts scikit-learn's own types, but not the other types in the estimator
        "serialization_format": "cloudpickle",
        "metadata": {
            "scorehouse_name": version.name,
            "scorehouse_version": version.version,
            "scorehouse_sha256": version.sha256,
            "scorehouse_task": version.task,
            "scorehouse_libraries": json.dumps(dict(version.libraries), sort_keys=True),
        },
    }


def _signature(mlflow: Any, model: OnlineModel) -> Any:
    """Our signature in MLflow's form; its output is the result of `predict`."""
    types, spec = mlflow.types, mlflow.types.ColSpec
    if model.signature.container == "array":
        # an estimator fitted on a bare array also gets one from MLflow, without names
        dtype = np.dtype(model.signature.array_dtype)
        columns = [types.TensorSpec(dtype, (-1, len(model.signature.features)))]
    else:
        columns = [
            spec(TYPES[feature.type], feature.name, required=not feature.accepts_null)
            for feature in model.signature.features
        ]
    if model.version.outputs:
        dtype = np.dtype("int64" if model.version.task == MULTILABEL else "float64")
        output = types.TensorSpec(dtype, (-1, len(model.version.outputs)))
    else:
        kind = model.kernel.schema.field(0).type
        output = spec(
            "string" if pa.types.is_string(kind) else "long" if pa.types.is_integer(kind) else "double"
        )
    return mlflow.models.ModelSignature(inputs=types.Schema(columns), outputs=types.Schema([output]))
