"""What a registration stores: the artifact's bytes, the signature, and the version that refers to both."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import sklearn

from scorehouse.kernel.scorer import Kernel
from scorehouse.kernel.tasks import outputs_of
from scorehouse.program.reasons.background import Background, background_facts
from scorehouse.registration import serialize
from scorehouse.registration.conformal import calibration_facts
from scorehouse.registration.examine import Examined
from scorehouse.registration.groups import Storage
from scorehouse.registration.probe import Prober
from scorehouse.registration.serialize import Stored, libraries_of
from scorehouse.registration.steps import Progress
from scorehouse.registry.artifact import SIGNATURE_FILE
from scorehouse.registry.formats import FORMATS
from scorehouse.registry.formats.base import Format
from scorehouse.registry.policy import LoadPolicy
from scorehouse.registry.signature import Signature
from scorehouse.registry.storage import Location, locate, sha256
from scorehouse.registry.version import Version
from scorehouse.segmented import Segmented

SAME_VERSION = ("artifact_format", "sha256", "signature_sha256", "threshold", "task", "classes", "outputs")


@dataclass(frozen=True)
class Prepared:
    """A version that is complete except for its program, the files to write, and the kernel that scores."""

    version: Version
    signature: Signature
    files: Sequence[tuple[Location, bytes]]
    kernel: Kernel
    calibration: Sequence[Mapping[str, str]] = field(default=())
    background: Background | None = None

    def calibrated(self, rows: Sequence[Mapping[str, str]]) -> Prepared:
        """With the rows of a calibration, and what the registry says about them."""
        version = replace(self.version, calibration=calibration_facts(rows))
        return replace(self, version=version, calibration=rows)

    def same_of(self, existing: Iterable[Version]) -> Version | None:
        """The version that is already registered with the same estimator and facts."""
        for old in existing:
            same = all(getattr(old, fact) == getattr(self.version, fact) for fact in SAME_VERSION)
            compared = self.background is None or self.background.facts() == background_facts(old)
            if same and compared and self.version.calibration in ({}, old.calibration):
                return old
        return None


def draft_version(
    name: str,
    existing: Sequence[Version],
    frame: pd.DataFrame,
    estimator: Any,
    chosen: Format,
    facts: Mapping[str, Any],
) -> Version:
    """The next version, with everything that is known before the estimator is examined."""
    metrics = {key: float(value) for key, value in (facts["metrics"] or {}).items()}
    provenance = dict(facts["provenance"] or {})
    days = {name: str(facts[name]) for name in ("trained_from", "trained_to")}
    return Version(
        **{**facts, **days, "metrics": metrics, "provenance": provenance},
        segments=estimator.segment_facts() if isinstance(estimator, Segmented) else {},
        name=name,
        version=existing[-1].version + 1 if existing else 1,
        aliases=(),
        artifact="",
        artifact_format=chosen.name,
        sha256="",
        size_bytes=0,
        signature_sha256="",
        score_method="",
        label_method="",
        registered_at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        training_rows=len(frame),
        n_features=frame.shape[1],
        python_version=platform.python_version(),
        sklearn_version=sklearn.__version__,
        libraries=libraries_of(estimator),
    )


def prepare(
    estimator: Any,
    examined: Examined,
    project: Path,
    policy: LoadPolicy,
    told: Progress,
    call: str,
    storage: Storage,
) -> Prepared:
    """Serialize, load back and probe the loaded estimator; nothing is written yet."""
    told.step("store")
    artifact, tolerance = storage.artifact, storage.parity_tolerance
    stored = serialize.store(estimator, artifact, examined, policy, tolerance, call)
    outputs = outputs_of(examined.version)
    prober = Prober(stored.estimator, outputs, examined.signature, examined.batch, told.count)
    signature = prober.signature_found()
    version, files = _files(examined.version, stored, signature, storage.store, policy, project, call)
    kernel = Kernel(stored.estimator, version, signature, call=call)
    return Prepared(version, signature, files, kernel)


def _files(
    version: Version,
    stored: Stored,
    signature: Signature,
    base: str,
    policy: LoadPolicy,
    project: Path,
    call: str,
) -> tuple[Version, list[tuple[Location, bytes]]]:
    """The version with its paths and digests, and the files to write."""
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
