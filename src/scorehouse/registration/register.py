"""Registration of a fitted estimator: the artifact, its signature, its reference and its registry row."""

from __future__ import annotations

import platform
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import sklearn

from scorehouse.artifact import SIGNATURE_FILE, open_given
from scorehouse.compile.settings import SqlSettings
from scorehouse.errors import ConfigurationError, EstimatorError
from scorehouse.formats import FORMATS, chosen_format
from scorehouse.frames import estimator_input
from scorehouse.policy import LoadPolicy
from scorehouse.registration import serialize
from scorehouse.registration.card import write_card
from scorehouse.registration.facts import find_facts, require_fitted
from scorehouse.registration.forms import Forms, find_forms
from scorehouse.registration.importance import importance_of
from scorehouse.registration.infer import Prober, draft_signature, encoder_categories, training_batch
from scorehouse.registration.lock import check_name, one_writer
from scorehouse.registration.pictures import draw
from scorehouse.registration.promote import promote
from scorehouse.registration.reference import reference_rows
from scorehouse.registration.seeds import ModelSeeds, find_project
from scorehouse.registration.serialize import Stored, libraries_of
from scorehouse.registration.signature_rows import signature_rows, with_importance
from scorehouse.registration.training import check_labels, training_frame
from scorehouse.registry import Version
from scorehouse.request import load_policy
from scorehouse.rows import check_batch
from scorehouse.scorer import REJECT_REASON, Kernel
from scorehouse.signature import Signature
from scorehouse.storage import Location, locate, sha256, write
from scorehouse.tasks import SCORE_METHODS, outputs_of

CHECK_ROWS = 50_000
SAME_VERSION = ("artifact_format", "sha256", "signature_sha256", "threshold", "task", "classes")


@one_writer
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
    format: str = "joblib",
    artifact: str | Path | None = None,
    store: str = "artifacts",
    parity_tolerance: float | None = None,
    validation: tuple[Any, Any] | None = None,
    forms: bool = True,
    project_dir: str | Path | None = None,
) -> Version:
    """Register a fitted estimator as the next version of the ML model `name`.

    Parameters
    ----------
    estimator: fitted scikit-learn estimator or pipeline, or the path of a joblib or skops file of one.
    X: training features, shape (rows, features): a frame, or an array with `feature_names`.
    y: training labels, if there are any; their number is checked against X, and the importance of each
        feature is measured by them.
    task: `classification`, `regression`, `clustering`, `ranking` or `anomaly`.
    threshold: score from which the positive class is predicted; default: the estimator's own rule.
    description, owner, trained_from, trained_to, metrics: facts for the model card.
    alias: alias to move to this version at once, such as `champion`.
    format: `joblib`, `skops`, `onnx`, or `native`: the own file of LightGBM, XGBoost or CatBoost.
    artifact: file that holds the estimator in this format already, such as an ONNX file made elsewhere.
    store: folder, in the project or at one of the load policy's roots, or URL, to write artifacts below.
    parity_tolerance: largest difference of scores between the estimator and its stored form, on training
        rows; default 1e-5 for ONNX. Labels must be equal in any case.
    validation: features and labels (X, y) that the fit has not seen, to measure importance on; default:
        the training rows.
    forms: whether to compile the estimator to SQL and prove it; False: it scores in Python only.
    project_dir: folder of the dbt project; default: the nearest above the working folder.

    Writes `<store>/<name>/<version>/`, the macros of its compiled SQL where that was proven equal,
    appends to the seeds `ml_<name>`, `ml_<name>__signature` and `ml_<name>__reference`, and writes their
    YAML. What is registered already is not touched; the same estimator with the same facts is not
    registered twice. Returns the version.
    Raises a ScorehouseError that says what to do; then nothing is registered.
    """
    call = f"register({name!r})"
    if alias is not None:
        check_name("alias", alias, call)
    seeds = ModelSeeds(find_project(project_dir), name)
    policy = load_policy(seeds.project)
    if isinstance(estimator, (str, Path)):
        estimator = open_given(estimator, policy, call)
    require_fitted(estimator, call)
    fitted = getattr(estimator, "feature_names_in_", None)
    frame = training_frame(X, fitted, feature_names, call)
    check_labels(y, frame, call)
    form = chosen_format(format, estimator, call)
    existing = seeds.versions()
    draft = Version(
        name=name,
        version=existing[-1].version + 1 if existing else 1,
        aliases=(),
        task=task,
        artifact="",
        artifact_format=form.name,
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
        libraries=libraries_of(estimator),
        metrics={key: float(value) for key, value in (metrics or {}).items()},
        owner=owner,
        description=description,
    )
    policy.check_format(draft, call)
    version, draft_of_signature, batch, sample = _examine(estimator, draft, frame, call)
    _check_threshold(version, call)
    stored = serialize.store(
        estimator,
        artifact,
        form,
        draft_of_signature,
        version,
        policy,
        sample,
        parity_tolerance,
        call,
    )
    prober = Prober(stored.estimator, outputs_of(version), draft_of_signature, batch)
    signature = prober.signature_found()
    version, files = _files(version, stored, signature, store, policy, seeds.project, call)
    for old in existing:
        if all(getattr(old, fact) == getattr(version, fact) for fact in SAME_VERSION):
            return promote(name, old.version, alias=alias, project_dir=seeds.project) if alias else old
    kernel = Kernel(stored.estimator, version, signature, strict=frozenset(), call=call)
    bins = _reference(kernel, batch, call)
    judged, labels = _judged(batch, y, validation, call)
    importance = importance_of(kernel, judged, labels)
    found = find_forms(kernel, batch, dialects=SqlSettings.of(seeds.project).dialects) if forms else Forms({})
    version = replace(version, forms=found.facts)
    for location, data in files:
        write(location, data, call)
    found.write(seeds.project, version)
    rows = with_importance(signature_rows(version, signature), importance)
    seeds.append_parts(version.version, rows, bins)
    draw(seeds.project, kernel, importance.shares, judged, labels)
    write_card(seeds, [*existing, version])
    seeds.append_version(version)
    return promote(name, version.version, alias=alias, project_dir=seeds.project) if alias else version


def _check_threshold(version: Version, call: str) -> None:
    """A threshold divides the scores of two classes; elsewhere it would be dropped in silence."""
    if version.threshold is None or (len(version.classes) == 2 and version.score_method in SCORE_METHODS):
        return
    raise ConfigurationError(
        call,
        f"threshold is {version.threshold!r}, and a {version.task} with {len(version.classes)} classes "
        f"and score_method {version.score_method!r} does not use one",
        expected="a threshold only for a classifier of two classes that gives scores",
        action="leave the threshold out",
    )


def _examine(
    estimator: Any, draft: Version, frame: pd.DataFrame, call: str
) -> tuple[Version, Signature, pa.RecordBatch, Any]:
    """What the estimator does for its task, its inputs, and training rows as it wants them."""
    container = "frame" if hasattr(estimator, "feature_names_in_") else "array"
    batch = training_batch(frame, call)
    known = encoder_categories(estimator, batch.schema.names)
    signature = draft_signature(frame, batch, container, known, call)
    sample = check_batch(signature, batch.slice(0, CHECK_ROWS), frozenset()).columns
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            features = estimator_input(signature, sample)
            facts = find_facts(estimator, features, draft.task, call)
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
    return version, signature, batch, features


def _files(
    version: Version,
    stored: Stored,
    signature: Signature,
    base: str,
    policy: LoadPolicy,
    project: Path,
    call: str,
) -> tuple[Version, list[tuple[Location, bytes]]]:
    """The version with its places and digests, and the files to write."""
    signature_bytes = signature.to_json()
    folder = f"{base.rstrip('/')}/{version.name}/{version.version}"
    path = f"{folder}/model{FORMATS[version.artifact_format].suffix}"
    complete = replace(
        version,
        artifact=path,
        sha256=sha256(stored.data),
        size_bytes=len(stored.data),
        signature_sha256=sha256(signature_bytes),
        parity=stored.parity,
    )
    files = [(path, stored.data), (f"{folder}/{SIGNATURE_FILE}", signature_bytes)]
    return complete, [(locate(project, text, policy, call), data) for text, data in files]


def _judged(
    batch: pa.RecordBatch, y: Any, validation: tuple[Any, Any] | None, call: str
) -> tuple[pa.RecordBatch, Any]:
    """Rows and labels to measure importance and calibration on: those given for it, else of training."""
    if validation is None:
        return batch, y
    X, y = validation
    names = batch.schema.names
    frame = training_frame(X, names, names, call)
    check_labels(y, frame, call)
    return training_batch(frame, call), y


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
