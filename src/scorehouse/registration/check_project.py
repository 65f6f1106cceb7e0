"""`scorehouse check`: check that every registered version could score now, without scoring anything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from scorehouse.errors import ScorehouseError
from scorehouse.kernel.scorer import Kernel
from scorehouse.registration.pinned_sql import sql_faults, yaml_faults
from scorehouse.registry import artifact
from scorehouse.registry.policy import LoadPolicy
from scorehouse.registry.seeds import (
    REFERENCE_COLUMNS,
    SIGNATURE_COLUMNS,
    ModelSeeds,
    read_rows,
    registered_names,
)
from scorehouse.registry.signature import Signature
from scorehouse.registry.signature_rows import signature_rows, without_importance
from scorehouse.registry.version import Version
from scorehouse.scoring.request import load_policy

T = TypeVar("T")


@dataclass(frozen=True)
class Checked:
    """A version, or a whole registry (`version` is None), and its faults; empty if there are none."""

    name: str
    version: int | None
    aliases: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def check_project(project: Path, *, load: bool = True) -> list[Checked]:
    """Check all registered versions under the project's load policy, in order of name and version.

    Without `load`, no artifact is opened: bytes are hashed and seeds are compared.
    """
    policy = load_policy(project)
    return [
        found for name in registered_names(project) for found in _check_model(project, name, policy, load)
    ]


def _check_model(project: Path, name: str, policy: LoadPolicy, load: bool) -> Iterator[Checked]:
    seeds = ModelSeeds(project, name)
    try:
        versions = seeds.versions()
        signatures = read_rows(seeds.signature_file, SIGNATURE_COLUMNS)
        bins = read_rows(seeds.reference_file, REFERENCE_COLUMNS)
    except ScorehouseError as error:
        yield Checked(name, None, faults=(_short(error),))
        return
    faults, warnings = yaml_faults(seeds, versions)
    faults = [*_registry_faults(name, versions), *faults]
    if faults or warnings:
        yield Checked(name, None, faults=tuple(faults), warnings=tuple(warnings))
    for version in versions:
        number = str(version.version)
        own = [without_importance(row) for row in signatures if row["version"] == number]
        yield _check_version(project, version, policy, load, own, any(r["version"] == number for r in bins))


def _registry_faults(name: str, versions: list[Version]) -> Iterator[str]:
    if not versions:
        yield "the registry has no versions"
    for number, count in Counter(version.version for version in versions).items():
        if count > 1:
            yield f"version {number} is in {count} rows"
    for alias, count in Counter(alias for version in versions for alias in version.aliases).items():
        if count > 1:
            yield f"the alias {alias!r} is on {count} versions"
    for other in sorted({version.name for version in versions} - {name}):
        yield f"rows of another ML model, {other!r}"


def _check_version(
    project: Path,
    version: Version,
    policy: LoadPolicy,
    load: bool,
    rows: list[dict[str, str]],
    has_reference: bool,
) -> Checked:
    call, faults, warnings = f"check of {version.label}", [], []

    def tried(step: Callable[[], T]) -> T | None:
        try:
            return step()
        except ScorehouseError as error:
            if (fault := _short(error)) not in faults:  # a missing key signature refuses every file
                faults.append(fault)
        return None

    tried(lambda: policy.check_format(version, call))
    warnings += tried(lambda: policy.check_libraries(version, call)) or []
    for form, read in artifact.form_files(version):
        tried(partial(read, project, version, form, policy, call))
    data = tried(lambda: artifact.read_version(project, version, policy, call))
    signature = tried(lambda: artifact.read_signature(project, version, policy, call))
    if signature is not None and rows != signature_rows(version, signature):
        faults.append(f"the rows of ml_{version.name}__signature differ from the signature file")
    if not has_reference:
        faults.append(f"ml_{version.name}__reference has no rows of this version")
    for found, into in zip(sql_faults(project, version), (faults, warnings), strict=True):
        into += found
    if load and data is not None and signature is not None and not faults:
        tried(lambda: _open(data, version, signature, policy, call))
    return Checked(version.name, version.version, version.aliases, tuple(faults), tuple(warnings))


def _open(data: bytes, version: Version, signature: Signature, policy: LoadPolicy, call: str) -> None:
    estimator = artifact.open_estimator(data, version, policy, call)
    Kernel(estimator, version, signature, strict=frozenset(), call=call)


def _short(error: ScorehouseError) -> str:
    return f"{error.problem} (expected: {error.expected})"
