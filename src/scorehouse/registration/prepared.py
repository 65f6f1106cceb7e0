"""What a registration stores: the artifact's bytes, the signature, and the version that refers to both."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import sklearn

from scorehouse.errors import EstimatorError
from scorehouse.kernel.scorer import REJECT_REASON, Kernel
from scorehouse.kernel.tasks import outputs_of
from scorehouse.program.proof import compare
from scorehouse.program.reasons.stored_reasons import Background, background_facts
from scorehouse.registration.conformal import calibration_facts
from scorehouse.registration.groups import Storage
from scorehouse.registration.native_file import try_native
from scorehouse.registration.probe import Prober
from scorehouse.registration.prove_given import Examined
from scorehouse.registration.steps import Progress
from scorehouse.registry.artifact import SIGNATURE_FILE, open_estimator, read_given
from scorehouse.registry.formats import FORMATS, NATIVE
from scorehouse.registry.formats.base import Format
from scorehouse.registry.policy import INSIDE_A_PICKLE, LoadPolicy, installed
from scorehouse.registry.signature import Signature
from scorehouse.registry.storage import Location, locate, sha256
from scorehouse.registry.version import Version
from scorehouse.segmented import Segmented

LIBRARIES = ("numpy", "scipy", "joblib", "pandas", "skops", "onnxruntime")
EXACT_TOLERANCE = 1e-12  # threads may add up in another order
ONNX_TOLERANCE = 1e-5
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
        artifact_format=chosen.name,
        registered_at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        training_rows=len(frame),
        n_features=frame.shape[1],
        python_version=platform.python_version(),
        sklearn_version=sklearn.__version__,
        libraries=_libraries_of(estimator),
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
    version = examined.version
    data, served, parity = _stored(estimator, examined, storage, policy, call)
    prober = Prober(served, outputs_of(version), examined.signature, examined.batch, told.count)
    signature = prober.signature_found()
    signature_bytes = signature.to_json()
    folder = f"{storage.store.rstrip('/')}/{version.name}/{version.version}"
    path = f"{folder}/model{FORMATS[version.artifact_format].suffix}"
    complete = replace(
        version,
        artifact=path,
        sha256=sha256(data),
        size_bytes=len(data),
        signature_sha256=sha256(signature_bytes),
        parity=parity,
    )
    contents = {path: data, f"{folder}/{SIGNATURE_FILE}": signature_bytes}
    files = [(locate(project, place, policy, call), held) for place, held in contents.items()]
    return Prepared(complete, signature, files, Kernel(served, complete, signature, call=call))


def _stored(
    estimator: Any, examined: Examined, storage: Storage, policy: LoadPolicy, call: str
) -> tuple[bytes, Any, Mapping[str, float]]:
    """Serialize in the format of the version, load back and compare on training rows.

    Returns the bytes, the loaded estimator, and its difference from the original. `storage` may name a file
    that already holds the estimator in this format. A pickle is the estimator itself and is not compared.
    Raises EstimatorError if labels or scores differ too much.
    """
    version = examined.version
    chosen = FORMATS[version.artifact_format]
    if storage.artifact is not None:
        data = read_given(storage.artifact, call)
        if chosen.name in NATIVE:
            try_native(data, version, policy, examined.features, call)
    else:
        data = chosen.dump(estimator, examined.signature, version, call)
    if chosen.runs_code and storage.artifact is None:
        return data, estimator, {}
    served = open_estimator(data, version, policy, call)
    found = _parity(estimator, served, version, examined.features, call)
    limit = EXACT_TOLERANCE if chosen.exact else ONNX_TOLERANCE
    if storage.parity_tolerance is not None:
        limit = storage.parity_tolerance
    if found["label_flips"] or not found["max_difference"] <= limit:
        raise EstimatorError(
            call,
            f"the {chosen.name} file of {type(estimator).__name__} differs from it on training rows: "
            f"{found['label_flips']:,} of {found['rows']:,} labels, scores by up to "
            f"{found['max_difference']:.3g}",
            expected=f"equal labels, and scores that differ by at most {limit:g}",
            action='use format="skops" or format="joblib", or pass a parity_tolerance that you can accept',
        )
    return data, served, found


def _parity(estimator: Any, served: Any, version: Version, features: Any, call: str) -> dict[str, float]:
    """Compare two estimators on the same rows: `rows`, `label_flips` and `max_difference`.

    `max_difference` is defined as in `program.proof.Parity`.
    """
    outputs = outputs_of(version)
    original = outputs.predict(estimator, features)
    try:
        other = outputs.predict(served, features)
    except Exception as error:
        raise EstimatorError(
            call,
            f"the {version.artifact_format} file of {type(estimator).__name__} fails on training rows "
            f"({type(error).__name__}: {error})",
            expected="a file that scores the rows that the estimator was fitted on",
            action='use format="skops" or format="joblib"',
        ) from error
    names = [*(field.name for field in outputs.fields), REJECT_REASON]
    none = pa.nulls(len(original[0]), pa.string())  # the estimator's results are not checked here
    found = compare(*(pa.table([*columns, none], names=names) for columns in (original, other)))
    return {
        "rows": found.rows,
        "label_flips": found.label_flips,
        "max_difference": found.max_difference,
    }


def _libraries_of(estimator: Any) -> dict[str, str]:
    """Versions of the installed libraries, and of the boosters that the estimator consists of."""
    parts = [estimator]
    if hasattr(estimator, "get_params"):
        parts += list(estimator.get_params(deep=True).values())
    modules = {type(part).__module__.partition(".")[0] for part in parts}
    names = [*LIBRARIES, *(name for name in INSIDE_A_PICKLE if name in modules)]
    return {name: found for name in names if (found := installed(name)) is not None}
