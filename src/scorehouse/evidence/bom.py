"""The bill of materials of a version: CycloneDX 1.6 as JSON, with the ML model as its component.

https://cyclonedx.org/docs/1.6/json/ ; the tests validate it against the published schema.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from scorehouse.registry.version import Version

APPROACHES = {"clustering": "unsupervised", "anomaly": "unsupervised"}


def bill_of_materials(
    version: Version,
    files: Mapping[str, str],
    features: Sequence[Mapping[str, Any]],
    made_at: datetime,
    release: str,
) -> dict[str, Any]:
    """The ML model with its files, its features, its quality and the libraries that saved it.

    `files` are SHA-256 by name, `features` rows with `name` and `type`, `release` is scorehouse's version.
    """
    reference = f"scorehouse:{version.name}/{version.version}"
    known = {"python": version.python_version, "scikit-learn": version.sklearn_version, **version.libraries}
    libraries = [_library(name, number) for name, number in sorted(known.items()) if number]
    parts = [
        {"type": "file", "bom-ref": f"file:{name}", "name": name, "hashes": _hashes(sha256)}
        for name, sha256 in sorted(files.items())
    ]
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid5(NAMESPACE_URL, f'{reference}:{version.sha256}')}",
        "version": 1,
        "metadata": {
            "timestamp": made_at.isoformat(timespec="seconds"),
            "tools": {"components": [{"type": "application", "name": "scorehouse", "version": release}]},
            "component": _model(version, reference, features),
        },
        "components": [*libraries, *parts],
        "dependencies": [{"ref": reference, "dependsOn": [each["bom-ref"] for each in [*libraries, *parts]]}],
    }


def _model(version: Version, reference: str, features: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    described = {"description": version.description} if version.description else {}
    owner = {"supplier": {"name": version.owner}} if version.owner else {}
    metrics = [{"type": name, "value": str(value)} for name, value in sorted(version.metrics.items())]
    window = f", from {version.trained_from} to {version.trained_to}" if version.trained_from else ""
    outputs = list(version.outputs) or version.score_columns or ["prediction"]
    card = {
        "modelParameters": {
            "approach": {"type": APPROACHES.get(version.task, "supervised")},
            "task": version.task,
            "inputs": [{"format": f"{each['name']}: {each['type']}"} for each in features],
            "outputs": [{"format": name} for name in outputs],
        },
        **({"quantitativeAnalysis": {"performanceMetrics": metrics}} if metrics else {}),
        "properties": [{"name": "training", "value": f"{version.training_rows} rows{window}"}],
    }
    return {
        "type": "machine-learning-model",
        "bom-ref": reference,
        "name": version.name,
        "version": str(version.version),
        **owner,
        **described,
        "hashes": _hashes(version.sha256),
        "modelCard": card,
    }


def _library(name: str, number: str) -> dict[str, Any]:
    if name == "python":
        return {"type": "platform", "bom-ref": "python", "name": "python", "version": number}
    purl = f"pkg:pypi/{name.lower().replace('_', '-')}@{number}"
    return {"type": "library", "bom-ref": purl, "name": name, "version": number, "purl": purl}


def _hashes(sha256: str) -> list[dict[str, str]]:
    return [{"alg": "SHA-256", "content": sha256}]
