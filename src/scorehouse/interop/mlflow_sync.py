"""`scorehouse sync mlflow`: aliases move here as they moved in MLflow.

The work is done in a copy of the ML model's files; the difference is shown, and only then written.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from scorehouse.errors import ScorehouseError
from scorehouse.interop.mlflow import known_origins, register_logged
from scorehouse.interop.mlflow_store import Origin, Store
from scorehouse.registration.pictures import folder_of
from scorehouse.registration.promote import NAME_PATTERN, promote
from scorehouse.registration.seeds import ModelSeeds, find_project, replace_file
from scorehouse.registry import Version
from scorehouse.request import load_policy


@dataclass(frozen=True)
class Synchronised:
    """Files by path with their new bytes, what was done, and what could not be."""

    project: Path
    files: dict[str, bytes]
    actions: tuple[str, ...]
    gaps: tuple[str, ...]

    def write(self) -> None:
        """Write the files; the registry last, so that a version exists when its files do."""
        for path in sorted(self.files, key=lambda p: (p.startswith("seeds"), "__" not in p, p)):
            replace_file(self.project / path, self.files[path])


def plan_sync(
    registered_name: str,
    name: str,
    *,
    tracking_uri: str | None = None,
    project_dir: str | Path | None = None,
    task: str | None = None,
) -> Synchronised:
    """What would change here if every alias of the MLflow model were followed.

    Versions that an alias needs and that are not here yet are imported. Aliases that exist only here
    stay; they are named in `gaps`, as are those whose name dbt cannot carry.
    """
    call = f"sync mlflow {registered_name} as {name}"
    project = find_project(project_dir)
    store = Store(tracking_uri, call)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        _copy(project, copy, name)
        actions, gaps = [], []
        aliases = store.aliases(registered_name)
        for alias, number in sorted(aliases.items()):
            if not NAME_PATTERN.fullmatch(alias) or "__" in alias:
                gaps.append(
                    f"the alias {alias!r} cannot be used here: lower case letters, digits and `_` can"
                )
                continue
            origin = store.origin(f"models:/{registered_name}/{number}")
            version = _find(copy, name, origin)
            if version is None:
                version, told = _imported(store, origin, name, copy, call, task)
                actions.append(f"import {origin.uri} as {version.label}")
                gaps += [f"{version.label}: {gap}" for gap in told]
            if alias not in version.aliases:
                promote(name, version.version, alias=alias, project_dir=copy)
                actions.append(f"move {alias} to {version.label}")
        gaps += _only_here(ModelSeeds(copy, name).versions(), set(aliases))
        return Synchronised(project, _changed(project, copy, name), tuple(actions), tuple(gaps))


def _parts(project: Path, name: str) -> list[str]:
    """The folders of an ML model."""
    pictures = folder_of(project, name)
    return [f"seeds/ml/{name}", f"artifacts/{name}", *([pictures] if pictures else [])]


def _copy(project: Path, copy: Path, name: str) -> None:
    shutil.copy(project / "dbt_project.yml", copy)
    for part in _parts(project, name):
        if (project / part).is_dir():
            shutil.copytree(project / part, copy / part)


def _find(project: Path, name: str, origin: Origin) -> Version | None:
    """The version that was imported from this logged model, as it stands now."""
    for version in ModelSeeds(project, name).versions():
        if any(item["identity"] == origin.identity for item in known_origins(project, version)):
            return version
        if any(item["uri"] == origin.uri for item in known_origins(project, version)):
            return version
    return None


def _imported(
    store: Store, origin: Origin, name: str, project: Path, call: str, task: str | None
) -> tuple[Version, tuple[str, ...]]:
    with tempfile.TemporaryDirectory() as folder:
        logged = store.read(origin, Path(folder), load_policy(project))
    try:
        imported = register_logged(logged, name, call, project=project, task=task)
    except ScorehouseError as error:
        error.add_note(f"(while following {origin.uri}; nothing was written)")
        raise
    return imported.version, imported.gaps


def _only_here(versions: list[Version], aliases: set[str]) -> list[str]:
    here = {alias: version.label for version in versions for alias in version.aliases}
    return [
        f"the alias {alias!r} of {label} is not in MLflow and stays"
        for alias, label in here.items()
        if alias not in aliases
    ]


def _changed(project: Path, copy: Path, name: str) -> dict[str, bytes]:
    """Files that are new or different in the copy."""
    files: dict[str, bytes] = {}
    for part in _parts(project, name):
        for file in sorted((copy / part).rglob("*")):
            path = file.relative_to(copy).as_posix()
            old = project / path
            if file.is_file() and (not old.exists() or old.read_bytes() != file.read_bytes()):
                files[path] = file.read_bytes()
    return files
