"""The last step of a registration: write everything. A version exists once its registry row does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from scorehouse.kernel.scorer import Kernel
from scorehouse.registration.card import write_card
from scorehouse.registration.find_backends import Backends
from scorehouse.registration.pictures import draw
from scorehouse.registration.prepared import Prepared
from scorehouse.registration.reference import scored_reference
from scorehouse.registration.reference_windows import Row
from scorehouse.registration.training import Judged
from scorehouse.registration.training_windows import Recorded
from scorehouse.registry.policy import LoadPolicy
from scorehouse.registry.seeds import Importance, ModelSeeds, signature_rows, with_importance
from scorehouse.registry.storage import write
from scorehouse.registry.version import Version


@dataclass(frozen=True)
class Proven:
    """The version with its backends, and its measurements on the rows that it is judged by."""

    version: Version
    backends: Backends
    importance: Importance
    bins: list[Row]
    judged: Judged


def write_registration(
    seeds: ModelSeeds, existing: Sequence[Version], prepared: Prepared, proven: Proven, policy: LoadPolicy
) -> None:
    """Write artifact, backends, macros, seeds, pictures and card, and the row of the registry at the end."""
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


def renew_reference(seeds: ModelSeeds, kernel: Kernel, batch: pa.RecordBatch, recorded: Recorded) -> None:
    """Write the reference of a registered version again: these rows may say more than those before."""
    number = kernel.version.version
    known = {row["feature"]: row["importance"] or 0.0 for row in seeds.features(number)}
    bins = scored_reference(kernel, batch, kernel(batch), recorded, known)
    seeds.write_rows("reference", number, bins)
    write_card(seeds)  # it has the size of the reference
