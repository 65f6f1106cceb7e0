"""Registration of a fitted estimator: validate, examine, store, prove, write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from scorehouse.kernel.scorer import Kernel
from scorehouse.program.sql.in_duckdb import one_scratch
from scorehouse.program.sql.macros import SqlSettings
from scorehouse.project.folder import find_project
from scorehouse.registration.conformal import calibration_rows
from scorehouse.registration.facts import check_task, require_fitted
from scorehouse.registration.find_backends import Backends, BackendSearch
from scorehouse.registration.groups import (
    Calibration,
    Card,
    Reference,
    Storage,
    check_arguments,
    check_groups,
    check_words,
)
from scorehouse.registration.importance import importance_of
from scorehouse.registration.lock import check_name, one_writer
from scorehouse.registration.pictures import draw
from scorehouse.registration.prepared import Prepared, draft_version, prepare
from scorehouse.registration.promote import promote
from scorehouse.registration.prove_given import Watched, examine, prove_as_given
from scorehouse.registration.prove_loaded import FreshLoad, warm_up
from scorehouse.registration.proven_reasons import background_of, require_reasons
from scorehouse.registration.reference import scored_reference
from scorehouse.registration.reference_windows import Row
from scorehouse.registration.renew import renew_reference, with_days
from scorehouse.registration.seeds_yaml import write_card
from scorehouse.registration.steps import Progress
from scorehouse.registration.training import (
    Judged,
    Training,
    check_both_seen,
    check_labels,
    check_width,
    judged_rows,
    training_of,
)
from scorehouse.registration.training_windows import Recorded, training_windows
from scorehouse.registry.artifact import open_given
from scorehouse.registry.formats import chosen_format
from scorehouse.registry.policy import LoadPolicy, load_policy
from scorehouse.registry.seeds import Importance, ModelSeeds, signature_rows, with_importance
from scorehouse.registry.storage import write
from scorehouse.registry.version import Version


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
    alias: str | None = None,
    card: Card | None = None,
    calibration: Calibration | None = None,
    reference: Reference | None = None,
    storage: Storage | None = None,
    project_dir: str | Path | None = None,
) -> Version:
    """Register a fitted estimator as the next version of the ML model `name`.

    Parameters
    ----------
    estimator: fitted scikit-learn estimator or pipeline, or the path of a joblib or skops file of one.
    X: training features as they were given to fit(): a frame, a Series, or an array or list with
        `Card.feature_names`. The estimator predicts on them as they are, and the kernel has to agree.
    y: training labels, if there are any; there must be one per row of X, and for several outputs a column for
        each. The importance of each feature is measured with them.
    task: `classification`, `multilabel_classification`, `regression`, `multioutput_regression`, `clustering`,
        `ranking` or `anomaly`.
    threshold: score from which the positive class, or each of several labels, is predicted; default: the
        estimator's own rule.
    alias: alias to move to this version immediately, such as `champion`.
    card: facts for the model card, and names that the estimator does not know.
    calibration: rows that the fit has not seen, for intervals or prediction sets.
    reference: what later rows are compared with, beside X and y.
    storage: how and where the estimator is stored.
    project_dir: folder of the dbt project; default: the nearest above the working folder.

    Writes `<store>/<name>/<version>/` and, if the compiled SQL was proven equal, its macros; appends to the
    seeds `ml_<name>`, `ml_<name>__signature` and `ml_<name>__reference`, with `calibration` also to
    `ml_<name>__calibration`, and writes their YAML. Registered versions are not changed.
    The same estimator with the same facts is not registered twice: then only its reference is written again,
    from these rows, and the days of its training where they were not known. Returns the version. Raises a
    ScorehouseError that says what to do; nothing is registered then.
    """
    call = f"register({name!r})"
    if alias is not None:
        check_name("alias", alias, call)
    check_arguments(call, {"task": task, "threshold": threshold})
    check_groups(call, {"card": card, "storage": storage, "reference": reference, "calibration": calibration})
    card, reference, storage = card or Card(), reference or Reference(), storage or Storage()
    warm_up()
    seeds = ModelSeeds(find_project(project_dir), name)
    policy = load_policy(seeds.project)
    policy.check_alias(alias, call)
    with Progress(call) as told:
        told.step("examine")
        asked = _validated(estimator, X, y, task, card.feature_names, reference.validation, policy, call)
        existing = seeds.versions()
        stored_as = chosen_format(storage.format, asked.estimator, call)
        facts = {"task": task, "threshold": threshold, **card.facts()}
        draft = draft_version(name, existing, asked.training.frame, asked.estimator, stored_as, facts)
        policy.check_format(draft, call)
        check_words(draft, call)
        examined = examine(asked.estimator, draft, asked.training, y, card.outputs, call)
        check_width(asked.judged.labels, len(examined.version.outputs), call)
        recorded = training_windows(X, examined.batch, reference.time, reference.cluster, call)
        prepared = prepare(asked.estimator, examined, seeds.project, policy, told, call, storage)
        if calibration is not None:
            held_out = judged_rows(asked.training, None, (calibration.X, calibration.y), task, call)
            method, levels = calibration.method, calibration.levels
            rows = calibration_rows(prepared.kernel, held_out.batch, held_out.labels, method, levels, call)
            prepared = prepared.calibrated(rows)
        compared = background_of(reference.background, prepared.kernel, examined.batch)
        prepared = replace(prepared, background=compared)
        version = prepared.same_of(existing)
        if version is None:
            with FreshLoad(prepared, examined.batch, seeds.project, policy) as loading:
                proven = _proven(asked, prepared, storage, seeds, told, recorded)
                told.step("load in a fresh process")
                loading.check()
            told.step("write")
            write_registration(seeds, existing, prepared, proven, policy)
            version = proven.version
        else:
            version = with_days(seeds, version, prepared.version)
            told.step("reference")
            kernel = Kernel(prepared.kernel.estimator, version, prepared.signature, call=call)
            renew_reference(seeds, kernel, examined.batch, recorded)
    return promote(name, version.version, alias=alias, project_dir=seeds.project) if alias else version


@dataclass(frozen=True)
class _Asked:
    """The estimator to register, and the rows to register it with and to judge it by."""

    estimator: Any
    training: Training
    judged: Judged


@dataclass(frozen=True)
class Proven:
    """The version with its backends, and its measurements on the rows that it is judged by."""

    version: Version
    backends: Backends
    importance: Importance
    bins: list[Row]
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
    prepared: Prepared,
    storage: Storage,
    seeds: ModelSeeds,
    told: Progress,
    recorded: Recorded,
) -> Proven:
    """Compare what is stored with the estimator, find its program, and measure it."""
    kernel, batch = prepared.kernel, asked.training.batch
    told.step("compare with the estimator on the frame as given")
    watched = Watched(kernel)
    scored = watched(batch)
    holding = kernel.holding(asked.estimator)
    own = scored if kernel.estimator is asked.estimator else holding(batch)
    prove_as_given(holding, asked.training, own, storage.parity_tolerance, watched.gave)
    del watched  # and the rows that it keeps
    settings = SqlSettings.of(seeds.project)
    background = prepared.background
    with BackendSearch(
        kernel, batch, sql=settings, told=told.step, background=background, scored=scored
    ) as search:
        if storage.program:
            search.begin()  # the database is at work while importance is measured
        measured = partial(told.count, "measure importance")
        serving = search.fastest() if storage.program else kernel
        importance = importance_of(serving, asked.judged.batch, asked.judged.labels, measured)
        bins = scored_reference(kernel, batch, scored, recorded, importance.shares)
        found = search.backends() if storage.program else Backends({})
    version = replace(prepared.version, program=found.facts)
    require_reasons(background, version, kernel.call)
    return Proven(version, found, importance, bins, asked.judged)


def write_registration(
    seeds: ModelSeeds, existing: Sequence[Version], prepared: Prepared, proven: Proven, policy: LoadPolicy
) -> None:
    """Write artifact, backends, macros, seeds, pictures and card, and the row of the registry at the end.

    A version exists once that row does.
    """
    version = proven.version
    for location, data in prepared.files:
        write(location, data, prepared.kernel.call)
    proven.backends.write(seeds.project, version, policy, prepared.kernel.call)
    rows = with_importance(signature_rows(version, prepared.signature), proven.importance)
    seeds.write_rows("signature", version.version, rows)
    seeds.write_rows("reference", version.version, proven.bins)
    # also without a calibration: an interrupted registration may have left that of another estimator
    if prepared.calibration or seeds.rows("calibration", version.version):
        seeds.write_rows("calibration", version.version, prepared.calibration)
    judged = proven.judged
    draw(seeds.project, prepared.kernel, proven.importance.shares, judged.batch, judged.labels)
    write_card(seeds, [*existing, version])
    seeds.append_version(version)
