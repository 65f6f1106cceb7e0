"""Registration of a fitted estimator: the artifact, its signature, its reference and its registry row."""

from __future__ import annotations

import io
import json
import platform
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as library_version
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pyarrow as pa
import sklearn

from scorehouse.artifact import SIGNATURE_FILE, sha256
from scorehouse.errors import ConfigurationError, EstimatorError, SignatureError
from scorehouse.frames import estimator_input
from scorehouse.registration.card import seeds_yaml
from scorehouse.registration.facts import find_facts, require_fitted
from scorehouse.registration.infer import Prober, draft_signature, encoder_categories, training_batch
from scorehouse.registration.promote import check_name, promote
from scorehouse.registration.reference import reference_rows
from scorehouse.registration.seeds import ModelSeeds, find_project, replace_file
from scorehouse.registry import Version
from scorehouse.rows import check_batch
from scorehouse.scorer import REJECT_REASON, Kernel
from scorehouse.signature import Feature, Signature
from scorehouse.tasks import outputs_of

LIBRARIES = ("numpy", "scipy", "joblib", "pandas", "lightgbm", "xgboost", "catboost")
CHECK_ROWS = 50_000
SAME_VERSION = ("sha256", "signature_sha256", "threshold", "task")


def register(
    estimator: Any,
    name: str,
    X: Any,
    y: Any = None,
    *,
    task: str,
    threshold: float | None = None,
    description: str = "",
    owner: str = "",
    trained_from: str = "",
    trained_to: str = "",
    metrics: Mapping[str, float] | None = None,
    alias: str | None = None,
    feature_names: Sequence[str] | None = None,
    project_dir: str | Path | None = None,
) -> Version:
    """Register a fitted estimator as the next version of the ML model `name`.

    Parameters
    ----------
    estimator: fitted scikit-learn estimator or pipeline, or the path of a joblib file that holds one.
    X: training features, shape (rows, features): a frame, or an array with `feature_names`.
    y: training labels, if there are any; their number is checked against X.
    task: `classification`, `regression`, `clustering`, `ranking` or `anomaly`.
    threshold: score from which the positive class is predicted; default: the estimator's own rule.
    description, owner, trained_from, trained_to, metrics: facts for the model card.
    alias: alias to move to this version at once, such as `champion`.
    project_dir: folder of the dbt project; default: the nearest above the working folder.

    Writes `artifacts/<name>/<version>/`, appends to the seeds `ml_<name>`, `ml_<name>__signature` and
    `ml_<name>__reference`, and writes their YAML. What is registered already is not touched; the same
    estimator with the same facts is not registered twice. Returns the version.
    Raises a ScorehouseError that says what to do; then nothing is registered.
    """
    call = f"register({name!r})"
    check_name("name", name, call)
    estimator = _loaded(estimator, call)
    require_fitted(estimator, call)
    frame = _frame(X, estimator, feature_names, call)
    if y is not None and len(y) != len(frame):
        raise ConfigurationError(
            call,
            f"y has {len(y)} labels for {len(frame)} rows",
            expected="one label a row",
            action="pass both of one fit",
        )
    seeds = ModelSeeds(find_project(project_dir), name)
    existing = seeds.versions()
    draft = Version(
        name=name,
        version=existing[-1].version + 1 if existing else 1,
        aliases=(),
        task=task,
        artifact="",
        artifact_format="joblib",
        sha256="",
        size_bytes=0,
        signature_sha256="",
        score_method="",
        label_method="",
        registered_at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        training_rows=len(frame),
        n_features=frame.shape[1],
        threshold=threshold,
        trained_from=trained_from,
        trained_to=trained_to,
        python_version=platform.python_version(),
        sklearn_version=sklearn.__version__,
        libraries=_installed(LIBRARIES),
        metrics={key: float(value) for key, value in (metrics or {}).items()},
        owner=owner,
        description=description,
    )
    version, signature, batch = _examine(estimator, draft, frame, call)
    version, files = _files(estimator, version, signature)
    for old in existing:
        if all(getattr(old, fact) == getattr(version, fact) for fact in SAME_VERSION):
            return promote(name, old.version, alias=alias, project_dir=seeds.project) if alias else old
    kernel = Kernel(estimator, version, signature, strict=frozenset(), call=call)
    bins = _reference(kernel, batch, call)
    for path, data in files.items():
        replace_file(seeds.project / path, data)
    seeds.append(version, signature_rows(version, signature), bins)
    replace_file(seeds.yaml_file, seeds_yaml([*existing, version], signature).encode())
    return promote(name, version.version, alias=alias, project_dir=seeds.project) if alias else version


def _loaded(estimator: Any, call: str) -> Any:
    if not isinstance(estimator, (str, Path)):
        return estimator
    try:
        return joblib.load(estimator)
    except Exception as error:
        raise EstimatorError(
            call,
            f"the file {str(estimator)!r} does not load ({type(error).__name__}: {error})",
            expected="a joblib file of a fitted estimator, which you trust, since loading it runs code",
            action="check the path, and save the estimator with joblib.dump",
        ) from error


def _frame(X: Any, estimator: Any, feature_names: Sequence[str] | None, call: str) -> pd.DataFrame:
    """The training features as a frame whose columns are named and in the estimator's order."""
    if isinstance(X, (pa.Table, pa.RecordBatch)) or hasattr(X, "to_pandas"):
        X = X.to_pandas()
    if not isinstance(X, pd.DataFrame):
        if feature_names is None:
            raise ConfigurationError(
                call,
                f"X is a {type(X).__name__} without column names",
                expected="a frame, or feature_names beside an array",
                action="pass feature_names: the columns of the feature table, in the order of X",
            )
        X = pd.DataFrame(np.asarray(X), columns=list(feature_names))
    if not len(X):
        raise ConfigurationError(call, "X has no rows", expected="the training features", action="pass them")
    fitted = getattr(estimator, "feature_names_in_", None)
    if fitted is None:
        return X
    missing = [column for column in fitted if column not in X.columns]
    if missing:
        raise SignatureError(
            call,
            f"X lacks the columns {missing} that the estimator was fitted on",
            expected=f"the columns {list(fitted)}",
            action="pass the frame that was given to fit()",
        )
    return X[list(fitted)]


def _examine(
    estimator: Any, draft: Version, frame: pd.DataFrame, call: str
) -> tuple[Version, Signature, pa.RecordBatch]:
    """What the estimator does for its task, and what it takes: asked, not assumed."""
    container = "frame" if hasattr(estimator, "feature_names_in_") else "array"
    batch = training_batch(frame, call)
    known = encoder_categories(estimator, batch.schema.names)
    signature = draft_signature(frame, batch, container, known, call)
    sample = check_batch(signature, batch.slice(0, CHECK_ROWS), frozenset()).columns
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            facts = find_facts(estimator, estimator_input(signature, sample), draft.task, call)
    except (ValueError, TypeError) as error:
        raise EstimatorError(
            call,
            f"{type(estimator).__name__} does not take the training features ({error})",
            expected="the features that it was fitted on",
            action="pass the frame that was given to fit(), before any transformation",
        ) from error
    version = replace(
        draft, score_method=facts.score_method, label_method=facts.label_method, classes=facts.classes
    )
    return version, Prober(estimator, outputs_of(version), signature, batch).signature_found(), batch


def _files(estimator: Any, version: Version, signature: Signature) -> tuple[Version, dict[str, bytes]]:
    """The files of a version by path, and the version with their digests."""
    stream = io.BytesIO()
    joblib.dump(estimator, stream, compress=("zlib", 3))
    data, signature_bytes = stream.getvalue(), signature.to_json()
    folder = f"artifacts/{version.name}/{version.version}"
    path = f"{folder}/model.joblib"
    complete = replace(
        version,
        artifact=path,
        sha256=sha256(data),
        size_bytes=len(data),
        signature_sha256=sha256(signature_bytes),
    )
    return complete, {path: data, f"{folder}/{SIGNATURE_FILE}": signature_bytes}


def _reference(kernel: Kernel, batch: pa.RecordBatch, call: str) -> list[dict[str, str]]:
    """Score the training rows and count features and outputs in bins."""
    scored = kernel(batch)
    if scored.column(REJECT_REASON).null_count == 0:
        raise EstimatorError(
            call,
            f"every training row is rejected, such as for {scored.column(REJECT_REASON)[0].as_py()!r}",
            expected="an estimator that scores the rows it was fitted on",
            action="pass the frame that was given to fit()",
        )
    number = kernel.version.version
    outputs = scored.drop_columns([REJECT_REASON])
    return [*reference_rows(number, "feature", batch), *reference_rows(number, "output", outputs)]


def signature_rows(version: Version, signature: Signature) -> list[dict[str, str]]:
    """The rows of `ml_<name>__signature` of one version."""
    return [_signature_row(version.version, i, f) for i, f in enumerate(signature.features, start=1)]


def _signature_row(number: int, position: int, feature: Feature) -> dict[str, str]:
    def text(value: Any) -> str:
        if value is None:
            return ""
        return str(value).lower() if isinstance(value, bool) else repr(value)

    return {
        "version": str(number),
        "position": str(position),
        "feature": feature.name,
        "type": feature.type,
        "dtype": feature.dtype,
        "accepts_null": text(feature.accepts_null),
        "accepts_non_finite": text(feature.accepts_non_finite),
        "accepts_unseen": text(feature.accepts_unseen),
        "max_magnitude": text(feature.max_magnitude),
        "minimum": text(feature.minimum),
        "maximum": text(feature.maximum),
        "null_share": text(feature.null_share),
        "categories": ""
        if feature.categories is None
        else json.dumps(list(feature.categories), ensure_ascii=False),
    }


def _installed(names: Sequence[str]) -> dict[str, str]:
    found = {}
    for library in names:
        try:
            found[library] = library_version(library)
        except PackageNotFoundError:
            continue
    return found
