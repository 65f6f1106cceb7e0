"""Measure importance again for a registered version: signature seed, pictures and model card."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scorehouse.errors import RegistryError
from scorehouse.kernel.scorer import Kernel
from scorehouse.kernel.training_batch import training_batch
from scorehouse.project.folder import find_project
from scorehouse.registration.card import write_card
from scorehouse.registration.importance import importance_of
from scorehouse.registration.lock import one_writer
from scorehouse.registration.outputs import check_width
from scorehouse.registration.pictures import draw
from scorehouse.registration.training import check_labels, training_frame
from scorehouse.registry import artifact
from scorehouse.registry.seeds import ModelSeeds
from scorehouse.registry.signature_rows import Importance
from scorehouse.registry.version import resolve
from scorehouse.scoring.request import load_policy


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
    project = find_project(project_dir)
    seeds = ModelSeeds(project, name)
    versions = seeds.registered(call)
    chosen = resolve(versions, alias=alias, version=version, call=call)
    policy = load_policy(project)
    estimator, signature, _ = artifact.load(project, chosen, policy, call)
    names = [feature.name for feature in signature.features]
    frame = training_frame(X, names, names, call)
    check_labels(y, frame, chosen.task, call)
    check_width(y, len(chosen.outputs), call)
    kernel = Kernel(estimator, chosen, signature, strict=frozenset(), call=call)
    batch = training_batch(frame, call)
    importance = importance_of(kernel, batch, y)
    if not seeds.write_importance(chosen.version, importance):
        raise RegistryError(
            call,
            f"{seeds.signature_file.name} has no rows of version {chosen.version}",
            expected="one row per feature of every version",
            action="restore the file from version control",
        )
    draw(project, kernel, importance.shares, batch, y)
    write_card(seeds)
    return importance
