"""Import from MLflow: a logged model becomes the next version of an ML model in the dbt project."""

from __future__ import annotations

import json
import tempfile
from dataclasses import asdict, dataclass
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

import pandas as pd
from sklearn.base import is_classifier, is_clusterer, is_outlier_detector, is_regressor

from scorehouse.errors import EstimatorError, SignatureError, listed
from scorehouse.interop.mlflow_store import LoggedModel, Origin, Store
from scorehouse.project.folder import find_project
from scorehouse.registration.groups import Card, is_formula
from scorehouse.registration.lock import holding
from scorehouse.registration.register import register
from scorehouse.registry.policy import load_policy
from scorehouse.registry.seeds import ModelSeeds, replace_file
from scorehouse.registry.version import Version

# types in MLflow's signatures and the matching types in ours
TYPES = {
    "double": "double",
    "float": "double",
    "long": "integer",
    "integer": "integer",
    "boolean": "boolean",
    "string": "string",
    "datetime": "timestamp",
}
EXAMPLES = {"sklearn": "LogisticRegression", "lightgbm": "LGBMClassifier", "xgboost": "XGBClassifier"}
KINDS = {
    "classification": is_classifier,
    "regression": is_regressor,
    "clustering": is_clusterer,
    "anomaly": is_outlier_detector,
}


@dataclass(frozen=True)
class Imported:
    """The registered version, its origin, and the facts that MLflow does not have."""

    version: Version
    origin: Origin
    gaps: tuple[str, ...]


def import_model(
    reference: str,
    name: str,
    *,
    features: Any = None,
    task: str | None = None,
    alias: str | None = None,
    threshold: float | None = None,
    tracking_uri: str | None = None,
    project_dir: str | Path | None = None,
) -> Imported:
    """Register a logged MLflow model as the next version of the ML model `name`.

    `reference` is `models:/name@alias`, `models:/name/version`, `runs:/id/name`, a run id, or a folder.
    `features` are the training features; default: MLflow's input example. It has only a few rows, so ranges,
    categories and the reference describe only the example (noted in `gaps`). `task` is by default the kind of
    the estimator, by scikit-learn's own tests; `alias` and `threshold` are as for `register`. `tracking_uri`
    is the store, such as `sqlite:///mlflow.db`; default: MLflow's own setting.

    A pickle runs code when it is loaded: import only from a store that you trust. The project's load policy
    is checked before a file is opened. Metrics, owner and description are imported too; the origin is
    recorded in `artifacts/<name>/<version>/mlflow.json`.
    """
    call = f"import_model({reference!r}, {name!r})"
    project = find_project(project_dir)
    store = Store(tracking_uri, call)
    origin = store.origin(reference)
    with tempfile.TemporaryDirectory() as folder:
        logged = store.read(origin, Path(folder), load_policy(project))
    return register_logged(logged, name, call, project, features, task=task, alias=alias, threshold=threshold)


def register_logged(
    logged: LoggedModel,
    name: str,
    call: str,
    project: Path,
    features: Any = None,
    *,
    task: str | None,
    alias: str | None = None,
    threshold: float | None = None,
) -> Imported:
    """Register a model that was read from MLflow, and record its origin."""
    if not hasattr(logged.estimator, "fit"):
        raise EstimatorError(
            call,
            f"{logged.origin.uri} is a bare {type(logged.estimator).__name__} of {logged.flavor}, "
            "which stores neither its task nor its classes",
            expected=f"an estimator with scikit-learn's interface, such as {EXAMPLES[logged.flavor]}",
            action="fit and log that one, or wrap the booster in it before logging",
        )
    frame, gaps = _training_features(logged, features, call)
    gaps += _signature_gaps(logged, frame, call)
    version = register(
        logged.estimator,
        name,
        frame,
        task=task or _task(logged, call),
        threshold=threshold,
        card=Card(
            description="" if is_formula(logged.description) else logged.description,
            owner="" if is_formula(logged.owner) else logged.owner,
            metrics=logged.metrics,
        ),
        alias=alias,
        project_dir=project,
    )
    gaps += [
        f"{what} begins like a spreadsheet formula ({text[:40]!r}) and is not imported"
        for what, text in (("the description", logged.description), ("the owner", logged.owner))
        if is_formula(text)
    ]
    gaps += _type_gaps(logged, ModelSeeds(project, name).features(version.version))
    remember(project, version, logged.origin)
    return Imported(version, logged.origin, tuple(gaps))


def _task(logged: LoggedModel, call: str) -> str:
    tasks = [task for task, is_kind in KINDS.items() if is_kind(logged.estimator)]
    if len(tasks) != 1:
        raise EstimatorError(
            call,
            f"{type(logged.estimator).__name__} does not say what its task is",
            expected="a classifier, regressor, clusterer or outlier detector",
            action="name the task with --task",
        )
    return tasks[0]


def _training_features(logged: LoggedModel, features: Any, call: str) -> tuple[Any, list[str]]:
    if features is not None:
        return features, []
    example = logged.example
    if example is None:
        raise SignatureError(
            call,
            f"{logged.origin.uri} has no input example, and no training features were given",
            expected="rows of features, to infer types, missing values and ranges from",
            action="name the training features with --features, or log the model with input_example",
        )
    if not isinstance(example, pd.DataFrame):
        example = pd.DataFrame(example, columns=list(logged.declared or ()) or None)
        example.columns = [str(column) for column in example.columns]
    rows = len(example)
    return example, [
        f"ranges, categories and the reference come from MLflow's input example of {rows} rows, not from "
        "the training data: drift is measured against these; pass --features to use the training data"
    ]


def _signature_gaps(logged: LoggedModel, frame: Any, call: str) -> list[str]:
    """Compare MLflow's signature with the features: a contradiction is an error, a missing fact a gap."""
    installed, declared = installed_version(logged.saved_by), logged.declared
    missing = sorted(set(declared or ()) - {str(column) for column in frame.columns})
    if missing:
        raise SignatureError(
            call,
            f"MLflow's signature has the features {listed(missing)}, which the rows given do not have",
            expected=f"the columns {listed(declared or ())}",
            action="pass the features that the model was fitted on",
        )
    noted = [
        (
            logged.saved_version not in ("", installed),
            f"MLflow has an estimator saved by {logged.saved_by} {logged.saved_version}; it was loaded and "
            f"saved again by {installed}: compare a few predictions",
        ),
        (not logged.metrics, "the run has no metrics: quality in the model card stays empty"),
        (not logged.description, "the model has no description in MLflow"),
        (
            declared is None,
            "the model was logged without a signature: the features are the columns of the rows given",
        ),
        (declared == {}, "MLflow's signature has no column names: the names come from the rows given"),
        (
            declared is not None and logged.signature.params,
            "inference parameters of MLflow's signature are not imported: predict gets none",
        ),
    ]
    return [gap for is_there, gap in noted if is_there]


def _type_gaps(logged: LoggedModel, features: list[dict[str, Any]]) -> list[str]:
    """Features whose type differs between MLflow's signature and the given rows; the rows' type is used."""
    declared, gaps = logged.declared or {}, []
    for feature in features:
        spec = declared.get(feature["feature"])
        kind = str(getattr(getattr(spec, "type", None), "name", "")).lower()
        if kind and TYPES.get(kind) != feature["type"]:
            gaps.append(
                f"MLflow's signature says that {feature['feature']!r} is {kind}; in the rows given it is "
                f"{feature['type']}, which holds"
            )
    return gaps


def _origins_file(project: Path, version: Version) -> Path:
    return project / "artifacts" / version.name / str(version.version) / "mlflow.json"


def remember(project: Path, version: Version, origin: Origin) -> None:
    """Add an origin to a version's origins; the same estimator may have been logged twice."""
    file = _origins_file(project, version)
    with holding(ModelSeeds(project, version.name).lock_file, f"remembering the origin of {version.label}"):
        known = known_origins(project, version)
        if origin.identity not in {item["identity"] for item in known}:
            known.append({"identity": origin.identity, **asdict(origin)})
            replace_file(file, (json.dumps(known, indent=1, sort_keys=True) + "\n").encode())


def known_origins(project: Path, version: Version) -> list[dict[str, Any]]:
    """The logged models that a version was imported from."""
    file = _origins_file(project, version)
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else []
