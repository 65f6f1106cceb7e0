"""Archiving: a version that nothing reaches leaves the text that every dbt command and every review reads.

Its rows of `ml_<name>__reference` and its compiled SQL move into one compressed file beside its artifact. All
else stays, its row of the registry included: it is replayed, shown and checked as before.
"""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from scorehouse.errors import ArtifactError, RegistryError
from scorehouse.program.sql.macros import drop_macros, macro_file, text_digest, version_text, write_text
from scorehouse.project.folder import find_project, project_settings
from scorehouse.registration.lock import one_writer
from scorehouse.registration.seeds_yaml import write_card
from scorehouse.registry.artifact import beside
from scorehouse.registry.policy import LoadPolicy, load_policy
from scorehouse.registry.seed_columns import PARTS
from scorehouse.registry.seeds import ModelSeeds, write_rows
from scorehouse.registry.storage import locate, read_unpinned, write
from scorehouse.registry.version import Version, resolve

FILE = "archived.json.gz"
FOLDERS = {f"{kind}-paths": f"{kind}s" for kind in ("model", "macro", "test", "snapshot")}
FOLDERS["analysis-paths"] = "analyses"
# `version=3`, `version=[3, 4]` or `version: 3`, but not the `version: 2` that a YAML file begins with
PIN = re.compile(
    r"(?<![\w.])(?!^version:)version[\"']?\s*[=:]\s*(\[[^\]]*\]|\([^)]*\)|[^\s,)}=]+)", re.MULTILINE
)


@dataclass(frozen=True)
class Archived:
    """What an archive holds of a version: rows of the reference, and a section of macros/ml/<name>.sql."""

    version: Version
    reference: list[dict[str, str]]
    sql: str | None

    @property
    def text_bytes(self) -> int:
        """How much text it is in the project."""
        rows = sum(len(",".join(row.values()).encode()) + 1 for row in self.reference)
        return rows + len((self.sql or "").encode())


@one_writer
def archive(
    name: str, numbers: Sequence[int] = (), *, dry_run: bool = False, project_dir: str | Path | None = None
) -> list[Archived]:
    """Archive versions of the ML model `name`; by default all that nothing reaches, but for the newest.

    An alias reaches a version, and so does a pin: `version=3` in a file of the project that names the ML
    model. Where one computes the number, versions have to be named. Returns those that were not archived
    before; with `dry_run`, nothing is written. Raises RegistryError for a version that is reached.
    """
    call = f"archive({name!r})"
    seeds, chosen, policy = _opened(name, numbers, project_dir, call)
    pins = list(_pins(seeds))
    if not numbers and (computes := next((file for file, number in pins if number is None), None)):
        raise RegistryError(
            call,
            f"{computes} computes the version that it uses",
            expected="a number, by which it is known which versions are in use",
            action=f"name the versions to archive: `scorehouse archive {name} 1 2`",
        )
    reached = {number: f"{file} names it" for file, number in pins}
    reached |= {each.version: f"it has the alias {each.aliases[0]}" for each in chosen if each.aliases}
    if not numbers:
        chosen = [each for each in chosen[:-1] if each.version not in reached]
    if used := next((each for each in chosen if each.version in reached), None):
        raise RegistryError(
            call,
            f"{used.label} is in use: {reached[used.version]}",
            expected="versions that no alias and no file of the project names",
            action="name others, or none: then all are archived that nothing names",
        )
    rows: dict[str, list[dict[str, str]]] = {}
    for row in seeds.rows("reference"):
        rows.setdefault(row["version"], []).append(row)
    made = [
        Archived(one, own, version_text(seeds.project, name, one.version))
        for one in chosen
        if (own := rows.pop(str(one.version), None))
    ]
    if edited := next((one for one in made if not _is_proven(one.version, one.sql)), None):
        raise RegistryError(
            call,
            f"the SQL of {edited.version.label} is not the SQL that was proven",
            expected="the section of its file as it was compiled",
            action=f"run `scorehouse compile {name} --version {edited.version.version}`, or restore the file",
        )
    if not chosen or dry_run:
        return made
    for one in made:
        data = json.dumps({"reference": one.reference, "sql": one.sql}, ensure_ascii=False).encode()
        write(
            locate(seeds.project, beside(one.version, FILE), policy, call), gzip.compress(data, mtime=0), call
        )
    # from here on also of what was archived: a command that was killed may have left its SQL
    left = [row for own in rows.values() for row in own]
    write_rows(seeds.file("reference"), tuple(PARTS["reference"]), left)
    for version in chosen:
        drop_macros(seeds.project, name, version.version)
    write_card(seeds)
    return made


@one_writer
def bring_back(name: str, numbers: Sequence[int], *, project_dir: str | Path | None = None) -> list[Archived]:
    """Put what the archives of these versions hold back; returns those that were archived.

    Raises ArtifactError if an archive is missing or damaged; then nothing is written.
    """
    call = f"archive({name!r}, undo=True)"
    seeds, chosen, policy = _opened(name, numbers, project_dir, call)
    away = seeds.archived()
    archived = [read_archive(seeds, one, policy, call) for one in chosen if one.version in away]
    for one in archived:
        number = one.version.version
        if one.sql:
            write_text(seeds.project, name, number, one.sql)
        seeds.write_rows("reference", number, one.reference)
    write_card(seeds)  # also where nothing was archived: a command that was killed may not have come to it
    return archived


def read_archive(seeds: ModelSeeds, version: Version, policy: LoadPolicy, call: str) -> Archived:
    """The archive of a version; ArtifactError if it is missing or damaged."""
    place, number = beside(version, FILE), str(version.version)
    data = read_unpinned(locate(seeds.project, place, policy, call), call)
    try:
        held = json.loads(gzip.decompress(data or b""))
        rows = [{column: str(row[column]) for column in PARTS["reference"]} for row in held["reference"]]
        if {row["version"] for row in rows} == {number} and _is_proven(version, held["sql"]):
            return Archived(version, rows, held["sql"])
    except (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, zlib.error):
        pass  # it is damaged
    raise ArtifactError(
        call,
        f"{seeds.file('reference').stem} has no rows of this version, and its archive {place!r} is "
        f"{'missing' if data is None else 'damaged'}",
        expected="rows in the seed, or the file that `scorehouse archive` wrote",
        action="restore one of them from version control",
    )


def check_not_archived(seeds: ModelSeeds, version: Version, call: str) -> None:
    """Refuse a version that nothing could monitor."""
    if version.version in seeds.archived():
        raise RegistryError(
            call,
            f"{version.label} is archived: {seeds.file('reference').stem} has no rows of it",
            expected="a version whose reference, and SQL where it has some, is in the project",
            action=f"run `scorehouse archive {version.name} {version.version} --undo`",
        )


def _is_proven(version: Version, sql: str | None) -> bool:
    """Whether it is none or what the registry pins: dbt renders whatever is in a file of macros."""
    return sql is None or text_digest(sql) == version.program.get("sql", {}).get("macro", {}).get("sha256")


def _opened(
    name: str, numbers: Sequence[int], project_dir: str | Path | None, call: str
) -> tuple[ModelSeeds, list[Version], LoadPolicy]:
    """The seeds of an ML model, its versions of these numbers, or all, and the load policy."""
    seeds = ModelSeeds(find_project(project_dir), name)
    versions = seeds.registered(call)
    chosen = [resolve(versions, alias=None, version=number, call=call) for number in dict.fromkeys(numbers)]
    return seeds, chosen or versions, load_policy(seeds.project)


def _pins(seeds: ModelSeeds) -> Iterator[tuple[Path, int | None]]:
    """The versions in files that name the ML model, rather one too many; None: a computed one."""
    settings, own = project_settings(seeds.project), macro_file(seeds.project, seeds.name)
    folders = [folder for key, usual in FOLDERS.items() for folder in settings.get(key) or [usual]]
    for file in sorted(file for folder in folders for file in (seeds.project / folder).rglob("*.*")):
        if file.suffix in (".sql", ".py", ".yml", ".yaml") and file != own and file.is_file():
            text = file.read_text(encoding="utf-8", errors="replace")
            for pin in PIN.findall(text) if seeds.name in text else ():
                numbers = re.findall(r"\d+", pin) if pin[0] in "0123456789[(" else []
                if not numbers and pin.lower() not in ("none", "null"):
                    numbers = [None]
                yield from ((file.relative_to(seeds.project), number and int(number)) for number in numbers)
