"""`scorehouse sync mlflow`: move aliases here as they moved in MLflow.

The work is done in a copy of the ML model's files. The difference is shown first, and then written.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from scorehouse.errors import RegistryError, ScorehouseError
from scorehouse.interop.mlflow import Imported, known_origins, register_logged
from scorehouse.interop.mlflow_store import Origin, Store
from scorehouse.program.sql.function_files import function_files
from scorehouse.program.sql.macros import macro_file
from scorehouse.project.folder import find_project
from scorehouse.registration.lock import NAME_PATTERN, check_name, holding
from scorehouse.registration.pictures import folder_of
from scorehouse.registration.promote import promote
from scorehouse.registry.policy import load_policy
from scorehouse.registry.seeds import ModelSeeds, replace_file
from scorehouse.registry.storage import sha256
from scorehouse.registry.version import Version

PASSING = (".lock", ".partial")  # suffixes of temporary files of a writer


@dataclass(frozen=True)
class Synchronised:
    """Files by path with their new bytes, what was done, and what could not be done."""

    project: Path
    name: str
    files: dict[str, bytes]
    actions: tuple[str, ...]
    gaps: tuple[str, ...]
    before: dict[str, str]

    def write(self) -> None:
        """Write the files, the registry last, so that a version exists only when its files do.

        Raises RegistryError if the ML model's files have changed since the plan was made.
        """
        call = f"sync mlflow, into {self.name}"
        with holding(ModelSeeds(self.project, self.name).lock_file, call):
            if _digests(self.project, self.name) != self.before:
                raise RegistryError(
                    call,
                    f"the files of ML model {self.name!r} have changed since the changes were computed",
                    expected="no other registration or promotion in the meantime",
                    action="run the command again, and review the new changes; nothing was written",
                )
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

    Versions that an alias needs and that are not here yet are imported. Aliases that exist only here stay;
    `gaps` lists them, and also aliases whose names are not possible in dbt.
    """
    call = f"sync mlflow {registered_name} as {name}"
    check_name("name", name, call)
    project = find_project(project_dir)
    store = Store(tracking_uri, call)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        with holding(ModelSeeds(project, name).lock_file, call):
            shutil.copy(project / "dbt_project.yml", copy)
            for path, file in _files(project, name).items():
                (copy / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file, copy / path)
        before = _digests(copy, name)
        actions, gaps = [], []
        aliases = store.aliases(registered_name)
        for alias, number in sorted(aliases.items()):
            if not NAME_PATTERN.fullmatch(alias) or "__" in alias:
                gaps.append(
                    f"the alias {alias!r} cannot be used here: only lower case letters, digits and `_` can"
                )
                continue
            origin = store.origin(f"models:/{registered_name}/{number}")
            version = _find(copy, name, origin)
            if version is None:
                imported = _imported(store, origin, name, copy, call, task)
                version = imported.version
                actions.append(f"import {origin.uri} as {version.label}")
                gaps += [f"{version.label}: {gap}" for gap in imported.gaps]
            if alias not in version.aliases:
                promote(name, version.version, alias=alias, project_dir=copy)
                actions.append(f"move {alias} to {version.label}")
        gaps += [
            f"the alias {alias!r} of {version.label} is not in MLflow and stays"
            for version in ModelSeeds(copy, name).versions()
            for alias in version.aliases
            if alias not in aliases
        ]
        written = {path: file.read_bytes() for path, file in _files(copy, name).items()}
        files = {path: data for path, data in written.items() if before.get(path) != sha256(data)}
        return Synchronised(project, name, files, tuple(actions), tuple(gaps), before)


def _files(project: Path, name: str) -> dict[str, Path]:
    """All files of an ML model, by their path relative to the project's folder."""
    pictures = folder_of(project, name)
    folders = [f"seeds/ml/{name}", f"artifacts/{name}", *([pictures] if pictures else [])]
    found = [file for folder in folders for file in sorted((project / folder).rglob("*"))]
    found += [macro_file(project, name), *function_files(project, name)]
    kept = [file for file in found if file.is_file() and file.suffix not in PASSING]
    return {file.relative_to(project).as_posix(): file for file in kept}


def _digests(project: Path, name: str) -> dict[str, str]:
    return {path: sha256(file.read_bytes()) for path, file in _files(project, name).items()}


def _find(project: Path, name: str, origin: Origin) -> Version | None:
    """The version that was imported from this logged model, in its current state."""
    found = (
        version
        for version in ModelSeeds(project, name).versions()
        for known in known_origins(project, version)
        if known["identity"] == origin.identity or known["uri"] == origin.uri
    )
    return next(found, None)


def _imported(
    store: Store, origin: Origin, name: str, project: Path, call: str, task: str | None
) -> Imported:
    with tempfile.TemporaryDirectory() as folder:
        logged = store.read(origin, Path(folder), load_policy(project))
    try:
        return register_logged(logged, name, call, project, task=task)
    except ScorehouseError as error:
        error.add_note(f"(while following {origin.uri}; nothing was written)")
        raise
