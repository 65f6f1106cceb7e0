"""What an evidence pack says about a version and its runs, as files.

The bill of materials of a version: CycloneDX 1.6 as JSON, with the ML model as its component.

https://cyclonedx.org/docs/1.6/json/ ; the tests validate it against the published schema.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from scorehouse.evidence import manifest
from scorehouse.evidence.canonical import facts_of, in_bytes, to_lines
from scorehouse.evidence.seal import Line, head
from scorehouse.registry.artifact import pinned_files, signed_digests
from scorehouse.registry.version import Version

CARD = "card.html"
# every file of a pack, with what its README says about it
PARTS = {
    manifest.VERSION: "the registry row of the version, and the SHA-256 of each of its files",
    manifest.SIGNATURE: "its features and how they are checked; the file that the version pins",
    "configuration.json": "load policy, variables and commit of the dbt project",
    "run.json": "the run that this pack is about, with the fingerprint and the query of its input",
    manifest.RUNS: "all runs of the version in the run log, one per line",
    manifest.SEAL: "the seal of the run log: a hash chain with the SHA-256 of each finished run",
    "replay.json": "the run, scored again from its input and compared row by row",
    "lineage.json": "OpenLineage event: tables and ML model in, predictions out, column by column",
    "oversight.json": "inventory and materiality, who approved and validated, incidents, age of the logs",
    "tests.json": "dbt tests that depend on the ML model, and their last results",
    CARD: "the model card, to print and sign",
    manifest.BOM: "bill of materials, CycloneDX 1.6: the ML model, its files, its libraries",
    "version.sig": "the key signature of the version itself",
}
# Which rules ask for what a file says. Annex IV is that of the EU AI Act, A. of ISO/IEC 42001's Annex A.
ASKED_BY = {
    manifest.VERSION: "Annex IV 1, 6; ISO 42001 A.6.2.7",
    manifest.SIGNATURE: "Annex IV 2; ISO 42001 A.7.5",
    "configuration.json": "Annex IV 6; SR 26-2 governance",
    "run.json": "AI Act 12, 26",
    manifest.RUNS: "AI Act 12, 19, 26; ISO 42001 A.6.2.8",
    manifest.SEAL: "AI Act 19, 26; ISO 42001 A.6.2.8",
    "replay.json": "AI Act 12; SR 26-2 outcomes analysis",
    "lineage.json": "Annex IV 2; ISO 42001 A.7.5",
    "oversight.json": "AI Act 19, 26; SR 26-2 inventory, validation; ISO 42001 A.3.2, A.8.4",
    "tests.json": "Annex IV 2, 3; SR 26-2 monitoring; ISO 42001 A.6.2.4, A.6.2.6",
    CARD: "Annex IV 1, 3, 4; AI Act 13; ISO 42001 A.8.2",
    manifest.BOM: "Annex IV 2; ISO 42001 A.4.4",
}


@dataclass(frozen=True)
class Material:
    """Everything that a pack is made from; `run` is None if the version has no successful run.

    `findings` say how the run log was altered since its seal, and `notes` what else a reader has to know.
    """

    version: Version
    signature: bytes
    features: Sequence[Mapping[str, Any]]
    run: Mapping[str, Any] | None
    lineage: Mapping[str, Any] | None
    tests: Mapping[str, Any]
    configuration: Mapping[str, Any]
    card: str
    made_at: datetime
    release: str
    version_signature: bytes | None = None
    runs: Sequence[Mapping[str, Any]] = ()
    seal: Sequence[Line] = ()
    replay: Mapping[str, Any] = field(default_factory=dict)
    oversight: Mapping[str, Any] = field(default_factory=dict)
    findings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def contents(material: Material) -> dict[str, bytes]:
    """The files of the pack, without its manifest."""
    version = material.version
    files = {
        manifest.VERSION: _json({"registry": version.to_row(), "files": signed_digests(version)}),
        manifest.SIGNATURE: material.signature,
        "configuration.json": _json(material.configuration),
        "run.json": None if material.run is None else _json(facts_of(material.run)),
        manifest.RUNS: to_lines(map(facts_of, material.runs)),
        manifest.SEAL: to_lines(material.seal),
        "replay.json": _json(material.replay),
        "lineage.json": None if material.lineage is None else _json(material.lineage),
        "oversight.json": _json(material.oversight),
        "tests.json": _json(material.tests),
        CARD: material.card.encode(),
        manifest.BOM: _json(
            bill_of_materials(
                version, pinned_files(version), material.features, material.made_at, material.release
            )
        ),
        "version.sig": material.version_signature,
    }
    found = {name: data for name, data in files.items() if data is not None}
    return {**found, "README.md": _readme(material, sorted(found)).encode()}


def facts(material: Material) -> dict[str, Any]:
    """What the manifest says besides the digests."""
    return {
        "subject": material.version.label,
        "artifact_sha256": material.version.sha256,
        "run_id": None if material.run is None else str(material.run["run_id"]),
        "run_log_head": head(material.seal),
        "made_at": material.made_at.isoformat(timespec="seconds"),
        "made_by": f"scorehouse {material.release}",
        "run_log_findings": list(material.findings),
        "notes": list(material.notes),
    }


def _readme(material: Material, names: Sequence[str]) -> str:
    about = f"run {material.run['run_id']} by it" if material.run is not None else "no run"
    rows = [f"| `{name}` | {PARTS[name]} | {ASKED_BY.get(name, '')} |" for name in names]
    notes = [f"- {note}" for note in (*material.findings, *material.notes)]
    return "\n".join(
        [
            f"# Evidence: {material.version.label}",
            "",
            f"The version, and {about}. Made {material.made_at.isoformat(timespec='seconds')} by scorehouse "
            f"{material.release}.",
            "",
            "Verify it offline: `scorehouse evidence verify FOLDER --key PUBLIC.pem`. Without a key",
            "signature, whoever can write to this folder can write it anew: compare the SHA-256 of",
            "`MANIFEST.json` with one that was kept elsewhere.",
            "",
            *(["What to know about it:", "", *notes, ""] if notes else []),
            "| file | what it says | who asks for it |",
            "|---|---|---|",
            *rows,
            "",
            "The last column is an orientation: whether a system meets a rule is a question of law.",
            "",
        ]
    )


def _json(document: Any) -> bytes:
    return in_bytes(json.dumps(document, indent=2, ensure_ascii=False, default=str) + "\n")


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
