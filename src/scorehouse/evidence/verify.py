"""Whether a pack still says what it said, and whether its parts agree with each other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scorehouse.evidence.canonical import canonical, digest, from_lines
from scorehouse.evidence.manifest import (
    ALTERED,
    Difference,
    differences,
    read_manifest,
    signature_differences,
)
from scorehouse.evidence.seal import RUN, chain_findings, head
from scorehouse.registry.key_signature import KEY_SIGNATURE

VERSION, SIGNATURE, RUNS, SEAL, BOM = "version.json", "signature.json", "runs.jsonl", "seal.jsonl", "bom.json"


@dataclass(frozen=True)
class Verified:
    """The manifest of a pack, and what is wrong with it. `signed` says whether a signature was verified."""

    manifest: dict[str, Any]
    differences: tuple[Difference, ...]
    has_signature: bool
    signed: bool


def verify(folder: Path, key: Path | None, call: str) -> Verified:
    """Compare every file with the manifest, the manifest with the signature, and the parts with each other.

    Raises ConfigurationError if there is no manifest, or if `key` is no public key. Opens JSON only.
    """
    manifest = read_manifest(folder, call)
    found = [*differences(folder, manifest), *signature_differences(folder, manifest, key, call)]
    if not found:
        try:
            found = list(_disagreements(folder, manifest))
        except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
            found = [_wrong("a part", f"cannot be read ({type(error).__name__}: {error})")]
    has_signature = (folder / KEY_SIGNATURE).is_file()
    return Verified(manifest, tuple(found), has_signature, key is not None and not found)


def _disagreements(folder: Path, manifest: dict[str, Any]) -> Iterator[Difference]:
    """Parts that contradict each other, as in a pack that was put together from several."""
    version = json.loads((folder / VERSION).read_text(encoding="utf-8"))
    if digest((folder / SIGNATURE).read_bytes()) != version["registry"]["signature_sha256"]:
        yield _wrong(SIGNATURE, f"is not the signature that {VERSION} pins")
    component = json.loads((folder / BOM).read_text(encoding="utf-8"))["metadata"]["component"]
    if component["hashes"][0]["content"] != version["registry"]["sha256"]:
        yield _wrong(BOM, f"is about another artifact than {VERSION}")
    lines = from_lines((folder / SEAL).read_bytes())
    for finding in chain_findings(lines):
        yield _wrong(SEAL, f"is no whole chain: {finding.text}")
    if head(lines) != manifest["run_log_head"]:
        yield _wrong(SEAL, f"does not end with the digest in the manifest, {manifest['run_log_head']}")
    if manifest["run_log_findings"]:  # the log was altered before the pack was made, which the pack says
        return
    sealed = {line["run_id"]: line["row"] for line in lines if line["kind"] == RUN}
    for row in from_lines((folder / RUNS).read_bytes()):
        if row["status"] != "started" and sealed.get(row["run_id"]) != digest(canonical(row)):
            yield _wrong(RUNS, f"has the run {row['run_id']}, which is not the one that was sealed")


def _wrong(file: str, problem: str) -> Difference:
    return Difference(ALTERED, file, f"{file} {problem}")
