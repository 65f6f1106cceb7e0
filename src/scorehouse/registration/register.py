"""Registration of a fitted estimator: validate, examine, store, prove, write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from scorehouse.forms.sql.scratch import one_scratch
from scorehouse.forms.sql.settings import SqlSettings
from scorehouse.project.folder import find_project
from scorehouse.registration.background import background_of, require_reasons
from scorehouse.registration.conformal import LEVELS, calibration_rows
from scorehouse.registration.examine import Examined, examine
from scorehouse.registration.facts import check_task, require_fitted
from scorehouse.registration.importance import importance_of
from scorehouse.registration.lock import check_name, one_writer
from scorehouse.registration.outputs import AskedOutputs, check_width
from scorehouse.registration.prepared import Prepared, draft_version, prepare
from scorehouse.registration.promote import promote
from scorehouse.registration.prove_given import prove_as_given
from scorehouse.registration.prove_loaded import FreshLoad, warm_up
from scorehouse.registration.proven_forms import Forms, FormSearch
from scorehouse.registration.recorded import Recorded, has_dates
from scorehouse.registration.reference import scored_reference
from scorehouse.registration.reference_pairs import with_pairs
from scorehouse.registration.register_arguments import check_arguments
from scorehouse.registration.steps import Progress
from scorehouse.registration.training import (
    Judged,
    Training,
    calibration_of,
    check_both_seen,
    check_labels,
    judged_rows,
    training_of,
)
from scorehouse.registration.training_windows import training_windows
from scorehouse.registration.words import check_words
from scorehouse.registration.write import Proven, renew_reference, write_registration
from scorehouse.registry.artifact import open_given
from scorehouse.registry.formats import chosen_format
from scorehouse.registry.policy import LoadPolicy
from scorehouse.registry.seeds import ModelSeeds
from scorehouse.registry.version import Version
from scorehouse.scoring.request import load_policy


@one_writer
@one_scratch()
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
    outputs: Sequence[str] | None = None,
    format: str = "joblib",
    artifact: str | Path | None = None,
    store: str = "artifacts",
    parity_tolerance: float | None = None,
    validation: tuple[Any, Any] | None = None,
    calibration: tuple[Any, Any] | None = None,
    intervals: str | None = None,
    levels: Sequence[float] = LEVELS,
    time: Any = None,
    cluster: Any = None,
    background: Any = None,
    forms: bool = True,
    provenance: Mapping[str, Any] | None = None,
    project_dir: str | Path | None = None,
) -> Version:
    """Register a fitted estimator as the next version of the ML model `name`.

    Parameters
    ----------
    estimator: fitted scikit-learn estimator or pipeline, or the path of a joblib or skops file of one.
    X: training features as they were given to fit(): a frame, a Series, or an array or list with
        `feature_names`. The estimator predicts on them as they are, and the kernel has to agree.
    y: training labels, if there are any; there must be one per row of X, and for several outputs a column for
        each. The importance of each feature is measured with them.
    task: `classification`, `multilabel_classification`, `regression`, `multioutput_regression`, `clustering`,
        `ranking` or `anomaly`.
    threshold: score from which the positive class, or each of several labels, is predicted; default: the
        estimator's own rule.
    description, owner, trained_from, trained_to, metrics: facts for the model card.
    alias: alias to move to this version immediately, such as `champion`.
    outputs: names of the outputs of a `multioutput_regression`, or of the labels of a
        `multilabel_classification`, in the estimator's order, such as `["week_1", "week_2"]`: the prediction
        table has a column `prediction_<output>` for each, and `score_<output>` for each label. Default: the
        quantiles of a MultiQuantileRegressor, the columns of y, or `output_1`, `output_2` and so on.
    format: `joblib`, `skops`, `onnx`, or `native`: the file format of LightGBM, XGBoost or CatBoost.
    artifact: existing file of the estimator in this format, such as an ONNX file made elsewhere.
    store: folder or URL under which to write artifacts: in the project, or in a root of the load policy.
    parity_tolerance: largest allowed difference of scores between the estimator and its stored form, on
        training rows; default 1e-5 for ONNX. Labels must always be equal.
    validation: features and labels (X, y) that the fit has not seen, to measure importance on; default:
        the training rows.
    calibration: features and labels (X, y) that the fit has not seen, to calibrate intervals or sets with.
        Margins go into the seed `ml_<name>__calibration`, for `prediction_intervals` and `prediction_sets`.
    intervals: how: `split` for a regression; `lac` (default) or `aps` for a classification.
    levels: shares of labels that intervals or sets may be asked to contain.
    time: when each training row was, as a column of X or a value per row. The reference then records how much
        days, weeks and months of training differ, and monitoring judges windows by that. Without it, rows are
        judged as independent.
    cluster: what groups training rows that are not independent of each other, such as a shop and week; a
        column of X or a value per row. In place of `time`.
    background: what `reasons` compare a row with: a number of training rows to draw, such as 100, or rows of
        features (at most 1,000), which are stored beside the artifact. Reasons of trees are then
        interventional. Default: all training rows, path-dependent for trees.
    forms: whether to find, prove and store other forms; if False, only the estimator scores.
    provenance: what it was trained from, as `scorehouse retrain` records it; values that JSON can hold.
    project_dir: folder of the dbt project; default: the nearest above the working folder.

    Writes `<store>/<name>/<version>/` and, if the compiled SQL was proven equal, its macros; appends to the
    seeds `ml_<name>`, `ml_<name>__signature` and `ml_<name>__reference`, with `calibration` also to
    `ml_<name>__calibration`, and writes their YAML. Registered versions are not changed.
    The same estimator with the same facts is not registered twice: then only its reference is written again,
    from these rows. Returns the version. Raises a ScorehouseError that says what to do; nothing is registered
    then.
    """
    call = f"register({name!r})"
    if alias is not None:
        check_name("alias", alias, call)
    facts: dict[str, Any] = {
        "task": task,
        "threshold": threshold,
        "description": description,
        "owner": owner,
        "trained_from": trained_from,
        "trained_to": trained_to,
        "metrics": metrics,
        "provenance": provenance,
    }
    places: dict[str, Any] = {"artifact": artifact, "store": store, "parity_tolerance": parity_tolerance}
    check_arguments(call, {**facts, **places, "format": format, "forms": forms})
    check_arguments(call, {"feature_names": feature_names, "outputs": outputs, "validation": validation})
    check_arguments(call, {"calibration": calibration, "intervals": intervals, "levels": levels})
    check_arguments(call, {"background": background})
    warm_up()
    seeds = ModelSeeds(find_project(project_dir), name)
    policy = load_policy(seeds.project)
    policy.check_alias(alias, call)
    with Progress(call) as told:
        told.step("examine")
        asked = _validated(estimator, X, y, task, feature_names, validation, policy, call)
        existing = seeds.versions()
        form = chosen_format(format, asked.estimator, call)
        draft = draft_version(name, existing, asked.training.frame, asked.estimator, form, facts)
        policy.check_format(draft, call)
        check_words(draft, call)
        named = AskedOutputs(outputs, y, asked.estimator)
        examined = examine(asked.estimator, draft, asked.training, named, call)
        check_width(asked.judged.labels, len(examined.version.outputs), call)
        dated = has_dates(examined.batch)
        recorded = training_windows(X, examined.batch.num_rows, time, cluster, call, has_dates=dated)
        prepared = prepare(asked.estimator, examined, seeds.project, policy, told, call, **places)
        if calibration is not None or intervals is not None:
            held_out = calibration_of(asked.training, calibration, task, call)
            rows = calibration_rows(prepared.kernel, held_out.batch, held_out.labels, intervals, levels, call)
            prepared = prepared.calibrated(rows)
        compared = background_of(background, prepared.kernel, examined.batch)
        prepared = replace(prepared, background=compared)
        version = prepared.same_of(existing)
        if version is None:
            with FreshLoad(prepared, examined.batch, seeds.project, policy) as loading:
                proven = _proven(
                    asked, examined, prepared, parity_tolerance, seeds, told, recorded, forms=forms
                )
                told.step("load in a fresh process")
                loading.check()
            told.step("write")
            write_registration(seeds, existing, prepared, proven, policy)
            version = proven.version
        else:
            told.step("reference")
            renew_reference(seeds, version, prepared.kernel, examined.batch, recorded)
    return promote(name, version.version, alias=alias, project_dir=seeds.project) if alias else version


@dataclass(frozen=True)
class _Asked:
    """The estimator to register, and the rows to register it with and to judge it by."""

    estimator: Any
    training: Training
    judged: Judged


def _validated(
    estimator: Any,
    X: Any,
    y: Any,
    task: str,
    feature_names: Sequence[str] | None,
    validation: tuple[Any, Any] | None,
    policy: LoadPolicy,
    call: str,
) -> _Asked:
    """Check that the estimator is fitted and has its task, and that features and labels belong together."""
    if isinstance(estimator, (str, Path)):
        estimator = open_given(estimator, policy, call)
    require_fitted(estimator, call)
    check_task(estimator, task, call)
    training = training_of(X, estimator, feature_names, call)
    check_labels(y, training.frame, task, call)
    check_both_seen(y, estimator, task, call)
    return _Asked(estimator, training, judged_rows(training, y, validation, task, call))


def _proven(
    asked: _Asked,
    examined: Examined,
    prepared: Prepared,
    tolerance: float | None,
    seeds: ModelSeeds,
    told: Progress,
    recorded: Recorded,
    *,
    forms: bool,
) -> Proven:
    """Compare the stored form with the estimator, find its other forms, and measure it."""
    kernel, batch = prepared.kernel, examined.batch
    told.step("compare with the estimator on the frame as given")
    scored = kernel(batch)
    holding = kernel.holding(asked.estimator)
    own = scored if kernel.estimator is asked.estimator else holding(batch)
    prove_as_given(holding, asked.training, batch, own, tolerance)
    settings = SqlSettings.of(seeds.project)
    background = prepared.background
    with FormSearch(kernel, batch, sql=settings, told=told.step, background=background) as search:
        if forms:
            search.begin()  # the database is at work while importance is measured
        bins = scored_reference(kernel, batch, scored, recorded)
        judged = asked.judged.of(batch)
        measured = partial(told.count, "measure importance")
        serving = search.fastest() if forms else kernel
        importance = importance_of(serving, judged.batch, judged.labels, measured)
        bins = with_pairs(bins, batch, importance.shares, recorded.windows)
        found = search.forms() if forms else Forms({})
    version = replace(prepared.version, forms=found.facts)
    require_reasons(background, version, kernel.call)
    return Proven(version, found, importance, bins, judged)
