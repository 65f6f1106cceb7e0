"""The registry in version control: where its CSV is, and whether the warehouse's table equals it.

The reviewed version scores: a run takes its version from the file. The table of the seed is compared with
the file and is never trusted, since whoever can write to the warehouse can change it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scorehouse.errors import ConfigurationError, RegistryError
from scorehouse.project.folder import project_settings
from scorehouse.registry.seeds import build_command, read_rows
from scorehouse.registry.version import COLUMNS, Version, versions_of

VARIABLE = "scorehouse_registry_files"
PREFIX = "ml_"
# the columns that affect a score, or whether there is one; the others only describe
DECISIVE = (
    *("name", "aliases", "task", "artifact", "artifact_format", "sha256", "signature_sha256", "n_features"),
    *("classes", "class_columns", "outputs", "score_method", "label_method", "threshold"),
    *("sklearn_version", "libraries", "parity", "program"),
)
SHOWN = 60  # characters of a value in an error


@dataclass(frozen=True)
class RegistryFile:
    """The registry of the ML model `name` among the parents of a dbt model.

    `relation` is its table as dbt writes it, or a bare name in any schema. `files` are the paths where its
    CSV may be, in order; empty if dbt knows of no seed. `not_loaded` maps the number of a version, as text,
    to the seeds beside the registry that models read and whose tables lack it.
    """

    name: str
    relation: str
    files: tuple[Path, ...] = ()
    not_loaded: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def versions(self, call: str) -> list[Version]:
        """The versions in the file."""
        return versions_of(read_rows(self._file(call), COLUMNS))

    def compared(
        self, seeded: Iterable[Mapping[str, Any]], call: str, *, may_be_empty: bool = False
    ) -> list[Version]:
        """The versions in the file; refused if `seeded`, the rows of the table, differ in what scores.

        With `may_be_empty`, a table without any row is accepted.
        """
        versions, rows = self.versions(call), list(seeded)
        difference = None if may_be_empty and not rows else next(_differences(versions, rows), None)
        if difference:
            raise RegistryError(
                call,
                f"the table {self.relation} differs from the registry in version control: {difference}",
                expected=f"a table that was loaded from {str(self._file(call))!r}",
                action=f"run `dbt seed --select tag:{PREFIX}{self.name}`, with --full-refresh if columns "
                "were added; if the table is newer, update the working copy",
            )
        return versions

    def check_loaded(self, version: Version, call: str) -> None:
        """Refuse to score with a version that the monitors would not know."""
        if missing := self.not_loaded.get(str(version.version)):
            raise RegistryError(
                call,
                f"{version.label} scores, and it is not in the table of {', '.join(missing)} as in version "
                "control, so nothing would monitor it",
                expected="the seeds that models of this project read, with the version that scores",
                action=f"run `{build_command(self.name)}`",
            )

    def _file(self, call: str) -> Path:
        found = next((file for file in self.files if file.is_file()), None)
        if found:
            return found
        problem = (
            f"{str(self.files[0])!r} does not exist" if self.files else "dbt knows of no seed of this name"
        )
        raise RegistryError(
            call,
            f"the registry of {self.relation} cannot be read from version control: {problem}",
            expected=f"the seed {PREFIX}{self.name} among the model's refs, or the path of its CSV",
            action=f"ref the seed, or set the variable {VARIABLE}: {{{self.name}: <path of the CSV>}}",
        )


def listed(
    entries: Iterable[Mapping[str, Any]], named: Mapping[str, str] | None, root: Path
) -> tuple[RegistryFile, ...]:
    """The registries that the materialization found in dbt's graph.

    `root` is the project's folder. An entry has `name`, `relation`, `package` (empty: the project itself),
    the `path` of the CSV below the package, the package's `root`, and `not_loaded`. `named` is the value of
    the variable.
    """
    files = _named_files(named, root)
    found = []
    for entry in entries:
        name, path = entry["name"], entry["path"]
        places: tuple[Path, ...] = ()
        if name in files:
            places = (files[name],)
        elif path and entry["package"]:
            places = (_packages(root) / entry["package"] / path, Path(entry["root"]) / path)
        elif path:
            places = (root / path,)
        found.append(RegistryFile(name, entry["relation"], places, entry.get("not_loaded") or {}))
    return tuple(found)


def searched(dbt: Any, named: Mapping[str, str] | None, root: Path) -> tuple[RegistryFile, ...]:
    """The registries among the refs of a Python model under one of dbt's own materializations.

    dbt gives such a model no graph. So the seeds of the project and of its packages are searched, and the
    model's object `dbt` shows which of them it refs.
    """
    names = type(dbt)(str)  # resolves a ref to the name of the relation, without reading it
    files = _named_files(named, root)
    found: dict[str, RegistryFile] = {}
    for project, file in _seed_files(root):
        for reference in ((file.stem,), (project, file.stem)):
            relation = _relation(names, reference)
            if relation is not None and relation not in found:
                name = file.stem.removeprefix(PREFIX)
                found[relation] = RegistryFile(name, relation, (files.get(name, file),))
    known = {each.name for each in found.values()}
    elsewhere = (RegistryFile(n, PREFIX + n, (file,)) for n, file in files.items() if n not in known)
    return (*found.values(), *elsewhere)


def _relation(names: Any, reference: tuple[str, ...]) -> str | None:
    try:
        return str(names.ref(*reference))
    except KeyError:  # the model does not ref this node
        return None


def _named_files(named: Any, root: Path) -> dict[str, Path]:
    texts = isinstance(named or {}, Mapping) and all(
        isinstance(part, str) for pair in (named or {}).items() for part in pair
    )
    if not texts:
        raise ConfigurationError(
            f"the variable {VARIABLE}",
            f"it is {named!r}",
            expected="a mapping from ML models to paths, such as {churn: ../other/seeds/ml_churn.csv}",
            action="correct it under `vars:` in dbt_project.yml",
        )
    return {name: root / path for name, path in (named or {}).items()}


def _packages(root: Path) -> Path:
    return root / str(project_settings(root).get("packages-install-path", "dbt_packages"))


def _seed_files(root: Path) -> Iterator[tuple[str, Path]]:
    """The seeds of registries in the project and its packages, each after the name of its package."""
    for project, folder, paths in _projects(root):
        for path in paths:
            for file in sorted((folder / path).rglob(f"{PREFIX}*.csv")):
                if "__" not in file.stem:  # the signature and the reference have seeds of their own
                    yield project, file


def _projects(root: Path) -> list[tuple[str, Path, Sequence[str]]]:
    """Name, folder and seed paths of the project and its packages.

    As dbt has read them, since paths in dbt_project.yml may contain Jinja; as written if no dbt is running.
    """
    from dbt.adapters.factory import FACTORY

    for adapter in FACTORY.adapters.values():
        config = adapter.config
        if Path(getattr(config, "project_root", "")).resolve() == root:
            read = config.load_dependencies().values()
            return [(each.project_name, Path(each.project_root), each.seed_paths) for each in read]
    folders = (root, *sorted(_packages(root).glob("*/")))
    written = [(folder, project_settings(folder)) for folder in folders]
    return [(str(each.get("name")), folder, each.get("seed-paths") or ["seeds"]) for folder, each in written]


def only(found: Sequence[RegistryFile], what: str, call: str) -> RegistryFile:
    """The only registry that `model` is; refused if it is none of them, or fits several."""
    if len(found) == 1:
        return found[0]
    raise ConfigurationError(
        call,
        f"model is {what}, which fits {'several' if found else 'none'} of the registry seeds among the refs",
        expected="the ref of one registry seed, whose CSV is in version control",
        action=f'pass model=dbt.ref("{PREFIX}<name>"); where another project loads the seed, set the '
        f"variable {VARIABLE}: {{<name>: <path of the CSV>}}",
    )


def _differences(versions: list[Version], seeded: list[Mapping[str, Any]]) -> Iterator[str]:
    """How the table differs from the file, in words, in the columns that affect a score."""
    table, file = (
        sorted(rows, key=lambda row: row.version) for rows in (map(Version.from_row, seeded), versions)
    )
    numbers = [[row.version for row in rows] for rows in (table, file)]
    if numbers[0] != numbers[1]:
        yield f"the table has the versions {numbers[0]} and the file has {numbers[1]}"
        return
    for theirs, ours in zip(table, file, strict=True):
        for column in DECISIVE:
            there, here = getattr(theirs, column), getattr(ours, column)
            if there != here:
                yield (
                    f"version {ours.version} has {column} {shown(there, here)} in the table and "
                    f"{shown(here, there)} in the file"
                )


def shown(value: Any, other: Any) -> str:
    """A value as text; of a mapping, only the entries that differ from `other`."""
    if isinstance(value, Mapping) and isinstance(other, Mapping):
        value = {key: part for key, part in value.items() if other.get(key) != part}
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
