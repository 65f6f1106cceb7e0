"""What is measured of a registered version again: importance, and the reference, on other rows.

What other commands measure becomes a seed beside the registry, and no table of its own: measuring leaves the
database as it is, and the numbers stand in version control beside their version, where a review sees how they
change. `dbt seed` loads them for the report, in every target.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from scorehouse.errors import RegistryError
from scorehouse.kernel.scorer import Kernel
from scorehouse.kernel.training_batch import training_batch
from scorehouse.project.folder import find_project
from scorehouse.registration.archive import check_not_archived
from scorehouse.registration.importance import importance_of
from scorehouse.registration.lock import one_writer
from scorehouse.registration.module_paths import on_path
from scorehouse.registration.pictures import draw
from scorehouse.registration.reference import scored_reference
from scorehouse.registration.seeds_yaml import write_card
from scorehouse.registration.training import check_labels, check_width, training_frame
from scorehouse.registration.training_windows import Recorded, training_windows
from scorehouse.registry import artifact
from scorehouse.registry.policy import load_policy
from scorehouse.registry.seeds import Importance, ModelSeeds
from scorehouse.registry.version import Version, resolve

DIGITS = 6


@one_writer
def measure_importance(
    name: str,
    X: Any,
    y: Any = None,
    *,
    version: int | None = None,
    alias: str = "champion",
    project_dir: str | Path | None = None,
) -> Importance:
    """Measure importance on the rows X, with the labels y if there are any, and write the shares.

    Use it for a version that was registered without labels, or to measure on newer rows.
    The artifact and the registry row are not changed. X needs the columns of the signature.
    Raises a ScorehouseError that says what to do; then nothing is written.
    """
    call = f"measure_importance({name!r})"
    seeds = ModelSeeds(find_project(project_dir), name)
    kernel, frame = _opened(seeds, X, version, alias, call)
    chosen = kernel.version
    check_labels(y, frame, chosen.task, call)
    check_width(y, len(chosen.outputs), call)
    batch = training_batch(frame, call)
    importance = importance_of(kernel, batch, y)
    if not seeds.write_importance(chosen.version, importance):
        raise RegistryError(
            call,
            f"{seeds.file('signature').name} has no rows of version {chosen.version}",
            expected="one row per feature of every version",
            action="restore the file from version control",
        )
    draw(seeds.project, kernel, importance.shares, batch, y)
    write_card(seeds)
    return importance


@one_writer
def learn_reference(
    name: str,
    X: Any,
    *,
    time: Any = None,
    cluster: Any = None,
    version: int | None = None,
    alias: str = "champion",
    project_dir: str | Path | None = None,
) -> Version:
    """Write the rows of a version in `ml_<name>__reference` again, from the training rows X.

    Use it for a version that was registered without `time` or `cluster`, which are those of `register`. X
    needs the columns of the signature; it may have others. Nothing else changes. Raises a ScorehouseError
    that says what to do; then nothing is written.
    """
    call = f"learn_reference({name!r})"
    seeds = ModelSeeds(find_project(project_dir), name)
    kernel, frame = _opened(seeds, X, version, alias, call)
    batch = training_batch(frame, call)
    renew_reference(seeds, kernel, batch, training_windows(X, batch, time, cluster, call))
    return kernel.version


def _opened(
    seeds: ModelSeeds, X: Any, number: int | None, alias: str, call: str
) -> tuple[Kernel, pd.DataFrame]:
    """The kernel of a registered version, around its estimator, and its features in X."""
    version = resolve(seeds.registered(call), alias=alias, version=number, call=call)
    policy = load_policy(seeds.project)
    on_path(seeds.project)
    estimator, signature, _ = artifact.load(seeds.project, version, policy, call)
    frame = training_frame(X, signature.names, signature.names, call)
    return Kernel(estimator, version, signature, call=call), frame


def with_days(seeds: ModelSeeds, version: Version, given: Version) -> Version:
    """A registered version with the days of training that are given, written where it has none."""
    if version.trained_to or not given.trained_to:
        return version
    begins = version.trained_from or given.trained_from
    known = replace(version, trained_from=begins, trained_to=given.trained_to)
    seeds.write_versions([known if row.version == known.version else row for row in seeds.versions()])
    return known


def renew_reference(seeds: ModelSeeds, kernel: Kernel, batch: pa.RecordBatch, recorded: Recorded) -> None:
    """Write the reference of a registered version again: these rows may say more than those before."""
    number = kernel.version.version
    check_not_archived(seeds, kernel.version, kernel.call)  # it would come back without its SQL
    known = {row["feature"]: row["importance"] or 0.0 for row in seeds.features(number)}
    seeds.write_rows("reference", number, scored_reference(kernel, batch, kernel(batch), recorded, known))
    write_card(seeds)  # it has the size of the reference


@one_writer
def write_measured(
    name: str, part: str, version: Version, rows: Iterable[Mapping[str, Any]], *, project_dir: Path
) -> str:
    """Write what was measured of a version today, in place of what was measured before; the day, in UTC."""
    seeds, day = ModelSeeds(project_dir, name), f"{datetime.now(UTC):%Y-%m-%d}"
    known = {"ml_model": name, "version": version.version, "measured_on": day}
    texts = [{column: _text(value) for column, value in {**known, **row}.items()} for row in rows]
    seeds.write_rows(part, version.version, texts)
    write_card(seeds)
    return day


def _text(value: Any) -> str:
    if value is None:
        return ""
    return repr(float(f"{value:.{DIGITS}g}")) if isinstance(value, float) else str(value)
