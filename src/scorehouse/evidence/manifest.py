"""A pack as a folder: its files with their digests, its key signature, and whether all of it still holds.

Nothing here reads a warehouse, a project or an estimator: a pack is verified where it lies, offline.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scorehouse.errors import ConfigurationError, LoadRefusedError
from scorehouse.evidence.canonical import canonical, digest, from_lines
from scorehouse.evidence.seal import chain_findings, head, row_digests
from scorehouse.registry.key_signature import KEY_SIGNATURE, read_key, sign_files, signed_files

MANIFEST = "MANIFEST.json"
FORMAT = 1
ANSWER = "answer"  # the kind of a folder that `scorehouse answer` writes; packs have none
TOLD = "answer.json"  # all that a letter says, in that folder
ANSWERS = (  # columns of the table that `scorehouse answer --keys` writes, behind those of the key
    *("status", "decision", "score", "other_decision", "changes", "distance", "none_below"),
    *("no_change_because", "fragile", "reasons", "data_have_changed", "model_version"),
    *("scoring_run_id", "scored_at"),
)
UNLISTED = (MANIFEST, KEY_SIGNATURE)
VERSION, SIGNATURE, RUNS, SEAL, BOM = "version.json", "signature.json", "runs.jsonl", "seal.jsonl", "bom.json"

ALTERED, MISSING, ADDED, UNSIGNED = "altered", "missing", "added", "key signature"


@dataclass(frozen=True)
class Difference:
    """A file of a pack that is not as it was written. `kind` is altered, missing, added or key signature."""

    kind: str
    file: str
    text: str


@dataclass(frozen=True)
class Verified:
    """The manifest of a pack, and what is wrong with it. `signed` says whether a signature was verified."""

    manifest: dict[str, Any]
    differences: tuple[Difference, ...]
    has_signature: bool
    signed: bool


def require_new(folder: Path, call: str) -> None:
    """Refuse a folder that has files."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigurationError(
            call,
            f"{str(folder)!r} exists",
            expected="a new or empty folder, since a pack is written once",
            action="name another folder with --output, or remove this one",
        )


def write_pack(
    folder: Path, files: Mapping[str, bytes], facts: Mapping[str, Any], key: Path | None, call: str
) -> None:
    """Write a new folder with `files`, the manifest over them and, with a private `key`, a signature.

    The folder appears at once, when it is whole. ConfigurationError if it exists and has files.
    """
    require_new(folder, call)
    listed = {name: {"sha256": digest(data), "bytes": len(data)} for name, data in sorted(files.items())}
    manifest = json.dumps({"format": FORMAT, **facts, "files": listed}, indent=2, ensure_ascii=False) + "\n"
    whole = {**files, MANIFEST: manifest.encode()}
    if key is not None:
        digests = {name: digest(data) for name, data in whole.items()}
        whole[KEY_SIGNATURE] = sign_files(folder.name, digests, key, call)
    temporary = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(temporary, ignore_errors=True)  # left by a command that was killed
    for name, data in whole.items():
        file = temporary / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    if folder.exists():
        folder.rmdir()
    os.replace(temporary, folder)


def _read_manifest(folder: Path, call: str) -> dict[str, Any]:
    """The manifest of a pack; ConfigurationError if there is none, or if it cannot be read."""
    try:
        found = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if not isinstance(found["files"], dict) or found["format"] != FORMAT:
            raise ValueError(f"its format is {found['format']!r}")
        _ = [*found["run_log_findings"], *found["notes"]]
        _ = [(str(facts["sha256"]), int(facts["bytes"])) for facts in found["files"].values()]
    except (OSError, ValueError, KeyError, TypeError) as error:
        why = getattr(error, "strerror", None) or error
        raise ConfigurationError(
            call,
            f"{str(folder / MANIFEST)!r} is no manifest that can be read ({why})",
            expected=f"a folder that `scorehouse evidence pack` has written, in format {FORMAT}",
            action="correct the path, or get the pack again from where it is kept",
        ) from error
    return dict(found)


def verify(folder: Path, key: Path | None, call: str) -> Verified:
    """Compare every file with the manifest, the manifest with the signature, and the parts with each other.

    Raises ConfigurationError if there is no manifest, or if `key` is no public key. Opens JSON only.
    """
    manifest = _read_manifest(folder, call)
    found = [*_differences(folder, manifest), *_signature_differences(folder, manifest, key, call)]
    if not found and manifest.get("kind") != ANSWER:
        try:
            found = list(_disagreements(folder, manifest))
        except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
            found = [_wrong("a part", f"cannot be read ({type(error).__name__}: {error})")]
    has_signature = (folder / KEY_SIGNATURE).is_file()
    return Verified(manifest, tuple(found), has_signature, key is not None and not found)


def _differences(folder: Path, manifest: Mapping[str, Any]) -> list[Difference]:
    """Files that were altered, are missing, or were added since the manifest was written."""
    found = []
    files = (path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    there = {path.relative_to(folder).as_posix() for path in files}
    for name, facts in manifest["files"].items():
        if name not in there:
            found.append(Difference(MISSING, name, f"{name} is missing"))
        elif (folder / name).is_symlink():
            found.append(Difference(ALTERED, name, f"{name} was altered: it is a link to another file"))
        elif (now := digest((folder / name).read_bytes())) != facts["sha256"]:
            text = f"{name} was altered: its sha256 is {now}, and was {facts['sha256']}"
            found.append(Difference(ALTERED, name, text))
    added = sorted(there - set(manifest["files"]) - set(UNLISTED))
    return [*found, *(Difference(ADDED, name, f"{name} was added") for name in added)]


def _signature_differences(
    folder: Path, manifest: Mapping[str, Any], key: Path | None, call: str
) -> list[Difference]:
    """What is wrong with the key signature, if a public `key` is given to verify it with.

    ConfigurationError if the key cannot be used.
    """
    if key is None:
        return []
    read_key(key, "public", call)
    file = folder / KEY_SIGNATURE
    if not file.is_file():
        return [Difference(UNSIGNED, KEY_SIGNATURE, "the pack has no key signature")]
    try:
        signed = signed_files(file.read_bytes(), key, "the pack", call)
    except LoadRefusedError as error:
        return [Difference(UNSIGNED, KEY_SIGNATURE, error.problem)]
    written = {name: facts["sha256"] for name, facts in manifest["files"].items()}
    written[MANIFEST] = digest((folder / MANIFEST).read_bytes())
    odd = sorted(name for name in {*signed, *written} if signed.get(name) != written.get(name))
    return [Difference(UNSIGNED, name, f"{name} is not what was signed") for name in odd]


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
    sealed = row_digests(lines)
    for row in from_lines((folder / RUNS).read_bytes()):
        if row["status"] != "started" and sealed.get(row["run_id"]) != digest(canonical(row)):
            yield _wrong(RUNS, f"has the run {row['run_id']}, which is not the one that was sealed")


def _wrong(file: str, problem: str) -> Difference:
    return Difference(ALTERED, file, f"{file} {problem}")
