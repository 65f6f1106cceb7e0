"""From an estimator to the registered bytes, and back: what is written is what will score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from scorehouse.errors import EstimatorError
from scorehouse.kernel.scorer import REJECT_REASON
from scorehouse.kernel.tasks import outputs_of
from scorehouse.program.parity import compare
from scorehouse.registration.examine import Examined
from scorehouse.registration.native_file import try_native
from scorehouse.registry.artifact import open_estimator, read_given
from scorehouse.registry.formats import FORMATS, NATIVE
from scorehouse.registry.policy import INSIDE_A_PICKLE, LoadPolicy, installed
from scorehouse.registry.version import Version

LIBRARIES = ("numpy", "scipy", "joblib", "pandas", "skops", "onnxruntime")
EXACT_TOLERANCE = 1e-12  # threads may add up in another order
ONNX_TOLERANCE = 1e-5


@dataclass(frozen=True)
class Stored:
    """The bytes of an artifact, the loaded estimator, and its difference from the original."""

    data: bytes
    estimator: Any
    parity: Mapping[str, float]


def store(
    estimator: Any,
    artifact: str | Path | None,
    examined: Examined,
    policy: LoadPolicy,
    tolerance: float | None,
    call: str,
) -> Stored:
    """Serialize in the format of the version, load back and compare on training rows.

    `artifact` is a file that already holds the estimator in this format. A pickle is the estimator
    itself and is not compared. Raises EstimatorError if labels or scores differ too much.
    """
    version = examined.version
    chosen = FORMATS[version.artifact_format]
    if artifact is not None:
        data = read_given(artifact, call)
        if chosen.name in NATIVE:
            try_native(data, version, policy, examined.features, call)
    else:
        data = chosen.dump(estimator, examined.signature, version, call)
    if chosen.runs_code and artifact is None:
        return Stored(data, estimator, {})
    served = open_estimator(data, version, policy, call)
    found = parity(estimator, served, version, examined.features, call)
    limit = tolerance if tolerance is not None else EXACT_TOLERANCE if chosen.exact else ONNX_TOLERANCE
    if found["label_flips"] or not found["max_difference"] <= limit:
        raise EstimatorError(
            call,
            f"the {chosen.name} file of {type(estimator).__name__} differs from it on training rows: "
            f"{found['label_flips']:,} of {found['rows']:,} labels, scores by up to "
            f"{found['max_difference']:.3g}",
            expected=f"equal labels, and scores that differ by at most {limit:g}",
            action='use format="skops" or format="joblib", or pass a parity_tolerance that you can accept',
        )
    return Stored(data, served, found)


def parity(estimator: Any, served: Any, version: Version, features: Any, call: str) -> dict[str, float]:
    """Compare two estimators on the same rows: `rows`, `label_flips` and `max_difference`.

    `max_difference` is defined as in `program.parity.Parity`.
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


def libraries_of(estimator: Any) -> dict[str, str]:
    """Versions of the installed libraries, and of the boosters that the estimator consists of."""
    parts = [estimator]
    if hasattr(estimator, "get_params"):
        parts += list(estimator.get_params(deep=True).values())
    modules = {type(part).__module__.partition(".")[0] for part in parts}
    names = [*LIBRARIES, *(name for name in INSIDE_A_PICKLE if name in modules)]
    return {name: found for name in names if (found := installed(name)) is not None}
