"""Artifacts: located, hashed, and only then opened.

Every file with an estimator is opened here and nowhere else, after the load policy was checked.
"""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from scorehouse.errors import ArtifactError, ConfigurationError, EstimatorError, LoadRefusedError
from scorehouse.load_lock import loading
from scorehouse.registry.formats import FORMATS
from scorehouse.registry.key_signature import (
    DECISION_FILE,
    KEY_SIGNATURE,
    belong_together,
    check_covers,
    read_key,
    sign_files,
    signed_files,
)
from scorehouse.registry.policy import LoadPolicy
from scorehouse.registry.signature import Signature
from scorehouse.registry.storage import locate, read_unpinned, read_verified, write
from scorehouse.registry.version import CALIBRATION, OUTPUTS, PROGRAM_SHA256, PROOF_SHA256, SEGMENTS, Version

SIGNATURE_FILE = "signature.json"
REASONS = "reasons"
PROGRAM_FILE = "program.npz"  # what scores and explains without the artifact, as data
PROOF_FILE, REASONS_PROOF_FILE = "proof.arrow", "proof_reasons.arrow"  # rows that prove it
# The columns of a row that decide scores and labels, or what is opened for them.
DECIDES = (
    *("name", "version", "task", "artifact_format", "sha256", "signature_sha256", "classes", "class_columns"),
    *("score_method", "label_method", "threshold", "program", SEGMENTS, OUTPUTS, CALIBRATION),
)
OF_PROGRAM = {
    PROGRAM_FILE: "the program",
    PROOF_FILE: "the proof of the program",
    REASONS_PROOF_FILE: "the proof of the reasons",
}


def load(root: Path, version: Version, policy: LoadPolicy, call: str) -> tuple[Any, Signature, list[str]]:
    """Verify and load the estimator and signature of a version, with warnings to log.

    The estimator is loaded from exactly the bytes that were hashed, so nothing can change between the check
    and the load, and not before the signature was verified too.
    """
    data, warnings = _allowed_bytes(root, version, policy, call)
    signature = read_signature(root, version, policy, call)
    return open_estimator(data, version, policy, call), signature, warnings


def load_estimator(root: Path, version: Version, policy: LoadPolicy, call: str) -> tuple[Any, list[str]]:
    """Verify and load the estimator of a version alone, with warnings to log."""
    data, warnings = _allowed_bytes(root, version, policy, call)
    return open_estimator(data, version, policy, call), warnings


def _allowed_bytes(root: Path, version: Version, policy: LoadPolicy, call: str) -> tuple[bytes, list[str]]:
    """The verified bytes of an estimator that the policy allows to open, and warnings to log."""
    policy.check_opening(version, call)
    policy.check_format(version, call)
    warnings = policy.check_libraries(version, call)
    return read_version(root, version, policy, call), warnings


def pinned_files(version: Version) -> dict[str, str]:
    """The SHA-256 of every file of a version that can affect a score, by its name beside the artifact."""
    own = version.artifact.replace("\\", "/").rpartition("/")[2]
    return {own: version.sha256, SIGNATURE_FILE: version.signature_sha256} | program_digests(version)


def decision(version: Version) -> bytes:
    """What of a version's row decides its scores and labels, as the file `decision.json` has it.

    A signature covers this file too, so that it is of this name, version, task, threshold and these classes
    alone. What may change in a signed version is not in it: aliases, its folder, and what describes it.
    """
    row = version.to_row()
    return (json.dumps({name: row[name] for name in DECIDES}, indent=2, ensure_ascii=False) + "\n").encode()


def signed_digests(version: Version) -> dict[str, str]:
    """The SHA-256 of every file that a signature has to cover: the pinned ones, and the decision."""
    return pinned_files(version) | {DECISION_FILE: sha256(decision(version)).hexdigest()}


def program_digests(version: Version) -> dict[str, str]:
    """The SHA-256 of the program, of its proof rows, and of those of reasons, by the names of their files."""
    backends, reasons = version.program, version.program.get(REASONS) or {}
    places = {
        PROGRAM_FILE: backends.get(PROGRAM_SHA256),
        PROOF_FILE: backends.get(PROOF_SHA256),
        REASONS_PROOF_FILE: reasons.get(PROOF_SHA256),
    }
    return {file: str(digest) for file, digest in places.items() if digest}


def require_signed(root: Path, version: Version, policy: LoadPolicy, call: str) -> None:
    """Refuse a version that no key of the load policy has signed, if the policy names keys.

    The signature covers the digests in the registry, so no file of the version has to be opened for it.
    """
    keys = [root / key for key in policy.require_signed_by]
    if not keys:
        return
    data = key_signature(root, version, policy, call)
    if data is None:
        raise LoadRefusedError(
            call,
            f"{version.label} has no key signature: {beside(version, KEY_SIGNATURE)!r} does not exist",
            expected=f"a key signature by the key of {str(keys[0])!r}, which the load policy requires",
            action="sign it with `scorehouse evidence sign`, or remove require_signed_by from the load "
            "policy",
        )
    refused: LoadRefusedError | None = None
    for key in keys:
        try:
            signed = signed_files(data, key, version.label, call)
            return check_covers(signed, signed_digests(version), version.label, key, call)
        except LoadRefusedError as error:
            refused = refused or error
    assert refused is not None
    raise refused


def sign_version(project: Path, version: Version, key: Path, policy: LoadPolicy, call: str) -> str:
    """Sign the files of a version, and what decides, with the private key in a PEM file; returns where.

    Raises ArtifactError if they are not the registered ones, ConfigurationError if the key cannot be used.
    """
    check_files(project, version, policy, call, signed=False)
    data = sign_files(str(version.version), signed_digests(version), key, call)
    place = beside(version, KEY_SIGNATURE)
    write(locate(project, beside(version, DECISION_FILE), policy, call), decision(version), call)
    write(locate(project, place, policy, call), data, call)
    return place


def check_key(project: Path, key: Path, policy: LoadPolicy, call: str) -> None:
    """Refuse a private key whose signature the project would not accept, before anything is there to sign."""
    private = read_key(key, "private", call)
    accepted = policy.require_signed_by
    if accepted and not any(belong_together(private, project / public, call) for public in accepted):
        raise ConfigurationError(
            call,
            f"the key {str(key)!r} is none of those whose signature this project accepts",
            expected=f"the private key that belongs to {' or '.join(map(repr, accepted))}",
            action="name that key, or add the public part of this one to require_signed_by",
        )


def key_signature(root: Path, version: Version, policy: LoadPolicy, call: str) -> bytes | None:
    """The key signature of a version as it is stored, not verified; None if there is none."""
    return read_unpinned(locate(root, beside(version, KEY_SIGNATURE), policy, call), call)


def check_files(root: Path, version: Version, policy: LoadPolicy, call: str, *, signed: bool = True) -> None:
    """Hash every pinned file of a version without opening it; an error if one is not the registered one.

    With `signed=False` it may lack the key signature that the policy requires for loading.
    """
    if not signed:
        policy = replace(policy, require_signed_by=())
    read_version(root, version, policy, call)
    read_signature(root, version, policy, call)
    for file in program_digests(version):
        read_program(root, version, file, policy, call)


def _read(
    root: Path, version: Version, place: str, digest: str, label: str, policy: LoadPolicy, call: str
) -> bytes:
    """The verified bytes of a file of a version, which has the signature that the policy requires."""
    require_signed(root, version, policy, call)
    return read_verified(root, locate(root, place, policy, call), digest, label, policy, call)


def read_version(root: Path, version: Version, policy: LoadPolicy, call: str) -> bytes:
    """The verified bytes of a version's artifact."""
    return _read(root, version, version.artifact, version.sha256, version.label, policy, call)


def beside(version: Version, file: str) -> str:
    """The place of a file in the folder of the artifact, as the registry writes places."""
    folder = version.artifact.replace("\\", "/").rpartition("/")[0]
    return f"{folder}/{file}" if folder else file


def read_program(root: Path, version: Version, file: str, policy: LoadPolicy, call: str) -> bytes:
    """The verified bytes of a file of `program_digests`: the program, or rows that prove it."""
    label, digest = f"{OF_PROGRAM[file]} of {version.label}", program_digests(version).get(file)
    if digest is None:
        raise ArtifactError(
            call,
            f"the registry has no digest of {label}",
            expected="a version whose backends were proven by this release",
            action=f"run `scorehouse compile {version.name}`",
        )
    return _read(root, version, beside(version, file), digest, label, policy, call)


def read_signature(root: Path, version: Version, policy: LoadPolicy, call: str) -> Signature:
    """The verified signature of a version."""
    place, label = beside(version, SIGNATURE_FILE), f"the signature of {version.label}"
    return Signature.from_json(_read(root, version, place, version.signature_sha256, label, policy, call))


def open_estimator(data: bytes, version: Version, policy: LoadPolicy, call: str) -> Any:
    """Load the estimator from verified bytes, in the only way that its registered format allows.

    Raises LoadRefusedError, before anything is opened, if the policy does not allow the format.
    """
    policy.check_format(version, call)
    with loading():
        return FORMATS[version.artifact_format].open(data, version, policy.trusted_types, call)


def read_given(file: str | Path, call: str) -> bytes:
    """The bytes of a file that the caller named."""
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise ArtifactError(
            call,
            f"the file {str(file)!r} cannot be read ({error.strerror or error})",
            expected="a file on this machine",
            action="check the path",
        ) from error


def open_given(file: str | Path, policy: LoadPolicy, call: str) -> Any:
    """The estimator in a skops or joblib file that the caller named, if the policy allows its format.

    A file whose name does not end with `.skops` is a pickle. It has no registered digest yet.
    """
    name = "skops" if Path(file).suffix == ".skops" else "joblib"
    policy.require_format(name, f"the file {str(file)!r} is read", call)
    unnamed = Version(name=str(file), version=0, artifact_format=name)
    try:
        return open_estimator(read_given(file, call), unnamed, policy, call)
    except LoadRefusedError:
        raise
    except ArtifactError as error:
        cause, action = error.__cause__ or error, "check the path, and save the estimator"
        why = f"{type(cause).__name__}: {cause}"
        if isinstance(cause, KeyError) and isinstance(cause.args[0], int):  # of a byte
            why = "it holds no pickle"
        if Path(file).suffix == ".py" and Path(file).is_file():
            why, action = "it is a script", "run it, if it registers by itself, or save its estimator"
        raise EstimatorError(
            call,
            f"the file {str(file)!r} does not load ({why})",
            expected="a skops or joblib file of a fitted estimator",
            action=f"{action} with skops.io.dump or joblib.dump",
        ) from error
