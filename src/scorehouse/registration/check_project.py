"""`scorehouse check`: check that every registered version could score now, without scoring anything.

Check that a version's compiled SQL, and the YAML that dbt reads, are the registered ones.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import yaml

from scorehouse.certificate import Certificate, certify
from scorehouse.errors import ConfigurationError, ScorehouseError, did_you_mean, listed
from scorehouse.kernel.scorer import Kernel
from scorehouse.program.proof import proof_rows
from scorehouse.program.sql.function_files import function_faults
from scorehouse.program.sql.macros import macro_file, text_digest, version_text
from scorehouse.program.store import READERS, reading, sql_in
from scorehouse.project.dbt_text import literal
from scorehouse.registration.archive import read_archive
from scorehouse.registration.module_paths import on_path
from scorehouse.registration.seeds_yaml import registered_facts, registered_quantiles
from scorehouse.registry import artifact
from scorehouse.registry.label_rule import check_label_rule
from scorehouse.registry.policy import LoadPolicy, load_policy
from scorehouse.registry.program_facts import sql_is_stored
from scorehouse.registry.registry_file import shown
from scorehouse.registry.seed_columns import PARTS
from scorehouse.registry.seeds import (
    ModelSeeds,
    calibration_digest,
    registered_names,
    signature_rows,
    without_importance,
)
from scorehouse.registry.signature import Signature
from scorehouse.registry.version import Version

T = TypeVar("T")


@dataclass(frozen=True)
class Checked:
    """A version, or a whole registry (`version` is None), and its faults; empty if there are none.

    `certificate` says what of its program equals its estimator for every input, if that was asked for.
    """

    name: str
    version: int | None
    aliases: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    certificate: Certificate | None = None


def check_project(
    project: Path, *, load: bool = True, certify: bool = False, names: Sequence[str] = ()
) -> list[Checked]:
    """Check registered versions under the project's load policy, in order of name and version.

    Without `load`, no artifact is opened: bytes are hashed and seeds are compared. With `certify`, programs
    are compared with their estimators. `names` are ML models; without them, all are checked.
    """
    policy = load_policy(project)
    if load or certify:
        on_path(project)
    known = registered_names(project)
    if unknown := [name for name in names if name not in known]:
        raise ConfigurationError(
            "check",
            f"there is no ML model {unknown[0]!r}{did_you_mean(unknown[0], known)}",
            expected=f"one of {listed(known)}" if known else "a registered ML model; there is none yet",
            action="correct the name; `scorehouse list` shows what is registered",
        )
    chosen = [name for name in known if not names or name in names]
    return [found for name in chosen for found in _check_model(project, name, policy, load, certify)]


def _check_model(
    project: Path, name: str, policy: LoadPolicy, load: bool, certify: bool
) -> Iterator[Checked]:
    seeds = ModelSeeds(project, name)
    try:
        versions = seeds.versions()
        parts = {part: seeds.rows(part) for part in PARTS}
    except ScorehouseError as error:
        yield Checked(name, None, faults=(_short(error),))
        return
    if faults := [*_registry_faults(name, versions), *yaml_faults(seeds, versions)]:
        yield Checked(name, None, faults=tuple(faults))
    for version in versions:
        number = str(version.version)
        own = {part: [row for row in rows if row["version"] == number] for part, rows in parts.items()}
        yield _check_version(seeds, version, policy, load, certify, own)


def _calibration_faults(version: Version, rows: list[dict[str, str]]) -> Iterator[str]:
    """What is wrong with the rows of a version in the seed of calibrations."""
    pinned = version.calibration.get("rows_sha256")
    if pinned != (calibration_digest(rows) if rows else None):
        yield (
            f"the rows of ml_{version.name}__calibration are not those that were registered"
            if pinned
            else f"ml_{version.name}__calibration has rows of a version that was registered without them"
        )


def _registry_faults(name: str, versions: list[Version]) -> Iterator[str]:
    if not versions:
        yield "the registry has no versions"
    for alias, count in Counter(alias for version in versions for alias in version.aliases).items():
        if count > 1:
            yield f"the alias {alias!r} is on {count} versions"
    for other in sorted({version.name for version in versions} - {name}):
        yield f"rows of another ML model, {other!r}"


def _check_version(
    seeds: ModelSeeds,
    version: Version,
    policy: LoadPolicy,
    load: bool,
    certify: bool,
    own: Mapping[str, list[dict[str, str]]],
) -> Checked:
    """Check a version, whose rows in the seeds beside the registry are its `own`."""
    project, call, faults, warnings = seeds.project, f"check of {version.label}", [], []

    def tried(step: Callable[[], T]) -> T | None:
        try:
            return step()
        except ScorehouseError as error:
            if (fault := _short(error)) not in faults:  # a missing key signature refuses every file
                faults.append(fault)
        return None

    tried(lambda: check_label_rule(version, call))
    tried(lambda: policy.check_format(version, call))
    warnings += tried(lambda: policy.check_libraries(version, call)) or []
    signature = tried(lambda: artifact.read_signature(project, version, policy, call))
    for file in artifact.program_digests(version):
        program = tried(partial(artifact.read_program, project, version, file, policy, call))
        if program is not None and signature is not None:
            tried(partial(_read_program, file, program, version, signature, call))
    data = tried(lambda: artifact.read_version(project, version, policy, call))
    rows = [without_importance(row) for row in own["signature"]]
    if signature is not None and rows != signature_rows(version, signature):
        faults.append(f"the rows of ml_{version.name}__signature differ from the signature file")
    archived = not own["reference"] and tried(lambda: read_archive(seeds, version, policy, call)) is not None
    faults += _calibration_faults(version, own["calibration"])
    for found, into in zip(sql_faults(project, version), (faults, warnings), strict=True):
        into += [] if archived and into is warnings else found  # its SQL is in the archive
    certificate = None
    if certify and not faults and artifact.PROGRAM_FILE in artifact.program_digests(version):
        certificate = tried(lambda: _certified(project, version, policy, call))
    elif load and data is not None and signature is not None and not faults:
        tried(lambda: _open(data, version, signature, policy, call))
    if certificate is not None and certificate.differences:
        first, *others = certificate.differences
        more = f", and {len(others)} more" if others else ""
        faults.append(
            f"the program of {version.label} is not its estimator: {first}{more} (expected: a program that "
            f"equals its estimator): run `scorehouse compile {version.name}`, or restore both files from "
            "version control"
        )
    return Checked(
        version.name, version.version, version.aliases, tuple(faults), tuple(warnings), certificate
    )


def _read_program(file: str, data: bytes, version: Version, signature: Signature, call: str) -> None:
    """Read a program, or its proof, as a run does, which checks every index in it."""
    if file != artifact.PROGRAM_FILE:
        with reading(file, version, call):
            proof_rows(data)
        return
    for backend in sorted({"sql", *READERS} & set(version.program)):
        with reading(backend, version, call):
            if backend == "sql":
                _ = sql_is_stored(version.program) and sql_in(data, version, signature)
            else:
                READERS[backend](data, version)


def _open(data: bytes, version: Version, signature: Signature, policy: LoadPolicy, call: str) -> None:
    Kernel(artifact.open_estimator(data, version, policy, call), version, signature, call=call)


def _certified(project: Path, version: Version, policy: LoadPolicy, call: str) -> Certificate:
    """Compare the program with the estimator, which opens only where policy and digests allow it."""
    program = artifact.read_program(project, version, artifact.PROGRAM_FILE, policy, call)
    estimator, signature, _ = artifact.load(project, version, policy, call)
    Kernel(estimator, version, signature, call=call)
    return certify(estimator, program, version, signature)


def _short(error: ScorehouseError) -> str:
    return f"{error.problem} (expected: {error.expected})"


WRITE_BOTH = "run `scorehouse promote` with the intended alias, which writes both"
RESTORE = "restore the seeds beside it from version control, whose rows were lost or added"


def sql_faults(project: Path, version: Version) -> tuple[list[str], list[str]]:
    """Faults and warnings about a version's compiled SQL; one file has all dialects."""
    text = version_text(project, version.name, version.version)
    where = macro_file(project, version.name).name
    proof = version.program.get("sql", {}).get("macro")
    if text is None:
        gone = f"{where} has no compiled SQL of it, so predict() cannot score it"
        return [], [f"{gone}; run `scorehouse compile {version.name}`"] if proof else []
    found = text_digest(text)
    if not proof or found != proof["sha256"]:
        proven = f"the sha256 {proof['sha256']}" if proof else "no SQL, since none was printed"
        return [f"its compiled SQL in {where} has the sha256 {found} (expected: {proven})"], []
    return function_faults(project, text), []


def yaml_faults(seeds: ModelSeeds, versions: list[Version]) -> list[str]:
    """Faults in what the YAML of the seeds says of the versions and their calibrations."""
    found = _facts_in_yaml(seeds, f"ml_{seeds.name}", "versions")
    different = [*_differences(literal(registered_facts(seeds, versions)), found)]
    if quantiles := registered_quantiles(seeds, versions):
        found = _facts_in_yaml(seeds, f"ml_{seeds.name}__calibration", "quantiles")
        different += _differences(quantiles, found)
    return [f"{seeds.yaml_file.name} does not agree with the seed: {what}" for what in different]


def _facts_in_yaml(seeds: ModelSeeds, seed: str, fact: str) -> Any:
    if not seeds.yaml_file.is_file():
        return None
    document = yaml.safe_load(seeds.yaml_file.read_text(encoding="utf-8")) or {}
    for each in document.get("seeds") or []:
        if each.get("name") == seed:
            meta = (each.get("config") or {}).get("meta") or {}
            return (meta.get("scorehouse") or {}).get(fact)
    return None


def _differences(registered: list[dict[str, Any]], found: Any) -> Iterator[str]:
    """What the YAML says otherwise than the seeds, and what to do."""
    if not isinstance(found, list) or [v.get("version") for v in found] != [v["version"] for v in registered]:
        yield f"which versions there are; {WRITE_BOTH}"
        return
    for ours, theirs in zip(registered, found, strict=True):
        for fact in sorted({*ours, *theirs}):
            if ours.get(fact) != theirs.get(fact):
                there, here = theirs.get(fact), ours.get(fact)
                action = WRITE_BOTH
                if fact == "loaded" and there:  # the YAML has the sizes at registration
                    there, here, action = here, there, RESTORE
                told = f"{shown(there, here)} (expected: {shown(here, there)}); {action}"
                yield f"version {ours['version']}, {fact}: {told}"
