"""Learn the reference of a registered version again: what monitoring compares with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scorehouse.kernel.scorer import Kernel
from scorehouse.kernel.training_batch import training_batch
from scorehouse.project.folder import find_project
from scorehouse.registration.lock import one_writer
from scorehouse.registration.training import training_frame
from scorehouse.registration.training_windows import training_windows
from scorehouse.registration.write import renew_reference
from scorehouse.registry import artifact
from scorehouse.registry.seeds import ModelSeeds
from scorehouse.registry.version import Version, resolve
from scorehouse.scoring.request import load_policy


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
    project = find_project(project_dir)
    seeds = ModelSeeds(project, name)
    chosen = resolve(seeds.registered(call), alias=alias, version=version, call=call)
    policy = load_policy(project)
    estimator, signature, _ = artifact.load(project, chosen, policy, call)
    names = [feature.name for feature in signature.features]
    frame = training_frame(X, names, names, call)
    batch = training_batch(frame, call)
    recorded = training_windows(X, batch, time, cluster, call)
    kernel = Kernel(estimator, chosen, signature, strict=frozenset(), call=call)
    renew_reference(seeds, chosen, kernel, batch, recorded)
    return chosen
